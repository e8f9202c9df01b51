"""The network of a watched loop: its layers on rows that the loop saw, before and after, and what is normal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import optax
from jaxtyping import Array, PyTree
from numpy.typing import NDArray

from burnish import errors
from burnish.doctor import ignorance, traces
from burnish.doctor import null as nulls
from burnish.doctor.anatomy import Layer
from burnish.doctor.examination import Examination
from burnish.doctor.gauges import Gauge, Gauger
from burnish.doctor.lab import GAUGE_ROWS, NOTHING, Change, Lab
from burnish.doctor.subject import Rows, Subject, Task

# A network that has learned something costs less than knowing nothing, by this share.
FALLEN = 0.02


@dataclass(frozen=True)
class Watched:
    """One network with rows; whatever is asked for twice is computed once."""

    gauger: Gauger
    start: PyTree
    end: PyTree  # None: the loop gave these arrays away, and they are gone
    exam: Examination | None = None  # None: targets and outputs are in no form that is understood

    @property
    def subject(self) -> Subject:
        """As an examination would have it, less the training."""
        return self.gauger.lab.subject

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """() where the network's trace shows none."""
        return self.gauger.layers

    @cached_property
    def first(self) -> Gauge:
        """Before, or after the first step where no initial parameters were given."""
        return self.gauger.read(self.start)

    @cached_property
    def last(self) -> Gauge | None:
        """After the latest step."""
        return None if self.end is None else self.gauger.read(self.end)

    @cached_property
    def null(self) -> nulls.Null:
        """Right draws of the same network on standardised inputs and targets."""
        return nulls.draw(self.gauger, self.start)

    @property
    def stuck(self) -> bool:
        """Whether it costs what knowing nothing costs, after all steps: penalties are not in it, as they may be in the
        losses of the loop."""
        uninformed, last = self.uninformed(), self.last
        return last is not None and last.finite and last.loss > (1 - FALLEN) * uninformed

    def loss(self, change: Change = NOTHING) -> float:
        """Mean loss of the first parameters, with inputs or targets changed."""
        return float(self.gauger.lab.losses(self.start, self.gauger.lab.gauge, change).mean())

    def uninformed(self, change: Change = NOTHING) -> float:
        """Mean loss of the best constant outputs, by the loop's own loss; nan where its outputs have another form."""
        return float("nan") if self.exam is None else ignorance.uninformed(self.gauger.lab, self.start, change)


def of(
    apply: Callable[[PyTree, Array], Array],
    loss: Callable[[Array, Array], Array],
    batches: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    params: tuple[PyTree, PyTree],
    *,
    task: Task | None,
) -> Watched:
    """A watched network.

    Args:
        apply: The network.
        loss: For each row, or their mean.
        batches: Rows that the loop saw; those of another form than the first ones are left out.
        params: Before and after; None for those that are gone.
        task: None: told by the targets' type.

    Raises:
        ConfigError: The network or the loss fails on these rows; the message says which.
    """
    alike = [
        batch for batch in batches if all(a.shape[1:] == b.shape[1:] for a, b in zip(batch, batches[0], strict=True))
    ]
    x, y = (np.concatenate([batch[place] for batch in alike])[:GAUGE_ROWS] for place in (0, 1))
    whole = params[0]
    start, end = (traces.floating(one) for one in params)
    rows = Rows(x, y)
    # Nothing is trained: the optimiser stands where one has to stand. Counters, keys and functions stay as they were.
    subject = Subject(
        lambda _: start,
        lambda given, x: apply(traces.filled(given, whole), x),
        loss,
        optax.identity(),
        rows,
        rows,
        task=task,
    )
    subject.check(judged=False)
    try:
        exam = Examination(subject, threads=1)
    except errors.ConfigError:  # several targets for each row, say: layers and scales are looked at all the same
        return Watched(Gauger(Lab(subject)), start, end)
    return Watched(exam.gauger, start, end, exam)

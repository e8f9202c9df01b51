"""The network of a watched loop: its layers on rows that the loop saw, before and after, and what is normal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree
from numpy.typing import NDArray

from burnish.doctor import null as nulls
from burnish.doctor.anatomy import Layer
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
        """Mean loss of the best constant outputs, by the loop's own loss; nan where its outputs have another form.

        Class shares as logits for classes, the mean for numbers: what a network can say without a look at the inputs.
        """
        rows = self.gauger.lab.gauge
        outputs = jax.eval_shape(self.subject.apply, self.start, jnp.asarray(rows.x))
        y = np.asarray(change.targets(jnp.asarray(rows.y)))
        constant = _constant(y, outputs.shape, self.subject.kind)
        if constant is None:
            return float("nan")
        return float(np.mean(self.subject.row_losses(jnp.asarray(constant), jnp.asarray(y))))


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
        batches: Rows that the loop saw.
        params: Before and after; None for those that are gone.
        task: None: told by the targets' type.

    Raises:
        ConfigError: The network or the loss fails on these rows; the message says which.
    """
    x, y = (np.concatenate([batch[place] for batch in batches])[:GAUGE_ROWS] for place in (0, 1))
    start, end = params
    rows = Rows(x, y)
    # Nothing is trained: the optimiser stands where one has to stand.
    subject = Subject(lambda _: start, apply, loss, optax.identity(), rows, rows, task=task)
    subject.check()
    return Watched(Gauger(Lab(subject)), start, end)


def _constant(y: NDArray[Any], shape: tuple[int, ...], task: Task) -> NDArray[np.float32] | None:
    if task == "regression":
        mean = np.asarray(y, np.float64).mean(axis=0)
        return np.broadcast_to(mean, shape).astype(np.float32) if np.shape(mean) in ((), shape[1:]) else None
    if y.ndim != 1 or len(shape) != 2 or y.min() < 0 or y.max() >= max(2, shape[1]):
        return None
    shares = (np.bincount(y, minlength=max(2, shape[1])) + 0.5) / (len(y) + 0.5 * max(2, shape[1]))
    logits = np.log(shares) if shape[1] > 1 else np.log(shares[1:] / shares[:1])
    return np.broadcast_to(logits, shape).astype(np.float32)

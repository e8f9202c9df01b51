"""E5: batch norm regularises, for a mini-batch's moments are noisy, and more so the smaller it is: does it here?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.explaining import words
from burnish.explaining.lab import Lab
from burnish.explaining.paths import plain
from burnish.report.panel import Chart, Panel
from burnish.train.configuration import Configuration, Norm

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {
    "name": "noise",
    "techniques": ["E5", "D1"],
    "title": "Batch norm as a regulariser, by batch size",
}
NORMS: tuple[Norm, ...] = ("none", "batch")
SIZES = (16, 64, 256)
SEEDS = (2_201, 2_202)
SECONDS = 0.3  # of each training
LEAST_BATCHES = 2  # of the largest size an epoch has at least so many


@dataclass(frozen=True, slots=True)
class Gaps:
    """Costs at the end of training in evaluation mode, shown; each of shape (seeds, sizes)."""

    sizes: tuple[int, ...]
    train: dict[Norm, Floats]
    dev: dict[Norm, Floats]

    def gap(self, norm: Norm) -> Floats:
        """Dev minus train."""
        return self.dev[norm] - self.train[norm]


def sizes(rows: int) -> tuple[int, ...]:
    """The batch sizes that so many rows allow."""
    return tuple(size for size in SIZES if size * LEAST_BATCHES <= rows)


def scaled_rate(configuration: Configuration, batch_size: int) -> float:
    """A learning rate for another batch size: ∝ √B for rules that divide by the gradient's size, ∝ B for others.

    (Krizhevsky, One weird trick, 2014; Malladi et al., On the SDEs and scaling rules for adaptive gradient algorithms,
    2022.)
    """
    ratio = batch_size / configuration.batch_size
    power = 0.5 if configuration.optimizer in ("adam", "rmsprop") else 1.0
    return configuration.learning_rate * ratio**power


def measure(lab: Lab, unit: words.Unit) -> Gaps:
    """Every size with and without batch norm, everything else that regularises left out."""
    used, base = sizes(lab.rows), plain(lab.configuration)
    arms = {
        (norm, size): lab.shortened(
            replace(base, norm=norm, batch_size=size, learning_rate=scaled_rate(base, size), decay="cosine"),
            SECONDS,
        )
        for norm in NORMS
        for size in used
    }
    epochs = min(arm.epochs for arm in arms.values())  # the same for all
    arms = {key: replace(arm, epochs=epochs) for key, arm in arms.items()}
    made = lab.train([(arm, seed) for arm in arms.values() for seed in SEEDS])
    ends = {(one.configuration, one.seed): one for one in made}

    def costs(norm: Norm, *, train: bool) -> Floats:
        """Shape (seeds, sizes)."""
        found = [
            [
                lab.cost(arm, ends[arm, seed].params, ends[arm, seed].statistics, train=train)
                for arm in (arms[norm, size] for size in used)
            ]
            for seed in SEEDS
        ]
        return unit.of(found)

    train, dev = ({norm: costs(norm, train=part) for norm in NORMS} for part in (True, False))
    return Gaps(used, train, dev)


def panel(found: Gaps, unit: words.Unit) -> Panel:
    """The panel of what was measured."""
    sizes_ = [float(size) for size in found.sizes]
    gaps = [
        words.over_seeds("without", sizes_, found.gap("none"), look="muted"),
        words.over_seeds("batch norm", sizes_, found.gap("batch")),
    ]
    dev = [
        words.over_seeds("without", sizes_, found.dev["none"], look="muted"),
        words.over_seeds("batch norm", sizes_, found.dev["batch"]),
    ]
    return Panel(
        **ABOUT,
        finding=finding(found, unit),
        how=f"The network with nothing else that regularises, {len(SEEDS)} starts, the same number of epochs for all "
        "sizes, α scaled with the batch size (by its root for Adam and RMSprop) and dropped to 0 by a cosine; costs "
        "at the end of training, in evaluation mode. Bands: all starts.",
        numbers={
            f"{what}_{norm}_{size}": words.one(float(values[norm].mean(0)[place]))
            for what, values in (("train", found.train), ("dev", found.dev))
            for norm in NORMS
            for place, size in enumerate(found.sizes)
        },
        charts=[
            Chart(title="What does not carry over", x_name="batch size", y_name=f"dev minus train, {unit.name}",
                  log_x=True, series=gaps),
            Chart(title="Where it ends", x_name="batch size", y_name=f"dev {unit.name}", log_x=True, series=dev),
        ],
    )  # fmt: skip


def finding(found: Gaps, unit: words.Unit) -> str:
    """Whether the gap is smaller with batch norm, and whether most so for the smallest batches."""
    saved = (found.gap("none") - found.gap("batch")).mean(0)  # by size
    small, large = found.sizes[0], found.sizes[-1]
    if not np.isfinite(saved).all():
        return "Some of these trainings diverged, so that nothing can be said of their gaps."
    every = bool((found.gap("batch") < found.gap("none")).all())
    never = bool((found.gap("batch") > found.gap("none")).all())
    how = "smaller with batch norm at every size" if every else "larger with batch norm at every size" if never else (
        "not smaller throughout with batch norm"
    )  # fmt: skip
    gap_small, gap_large = (float(gap) for gap in found.gap("batch").mean(0)[[0, -1]])
    order, grows = (
        ("smaller", "as its noise should make it")
        if gap_small < gap_large
        else ("not smaller", "against what its noise should do")
    )
    return (
        f"The gap from train to dev {unit.name} was {how}; with it the gap was {order} at batch {small} than at "
        f"{large} ({words.number(gap_small)} and {words.number(gap_large)}), {grows}."
    )

"""Every panel in the order of the page, and when one cannot be made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.explaining import (
    batch_size,
    conditioning,
    decay,
    l2,
    noise,
    paths,
    scales,
    search,
    shift,
    stopping,
    trends,
    words,
)
from burnish.explaining.draws import Draws
from burnish.explaining.lab import Lab
from burnish.report.panel import Panel
from burnish.train import packing
from burnish.train.fold_data import FoldData

FEWEST_EPOCHS = 5  # of a training whose end is looked at
TREND_SEED, SCALES_SEED = 2_701, 2_702


@dataclass(frozen=True, slots=True)
class Material:
    """What panels are made from."""

    lab: Lab
    raw: NDArray[np.float32]  # continuous columns of the lab's training rows, not scaled; shape (rows, numbers)
    unit: words.Unit
    fold: FoldData  # with all its training rows
    draws: Draws | None = None  # of the run's search


def unit_of(fold: FoldData, target_unit: str) -> words.Unit:
    """How this fold's costs are shown."""
    if fold.task == "classification":
        return words.Unit("log-loss", "nats", None)
    return words.Unit(f"RMSE{f' in {target_unit}' if target_unit else ''}", target_unit, fold.target.deviation)


def _conditioning(m: Material) -> Panel:
    train = m.lab.fold.train
    numbers = np.asarray(train.inputs.x[:, : m.lab.fold.inputs.numbers], np.float64)
    return conditioning.panel(m.raw.astype(np.float64), numbers, np.asarray(train.y, np.float64))


def _scales(m: Material) -> Panel:
    x, own = m.lab.fold.train.inputs.x[: scales.ROWS], m.lab.configuration
    if not x.shape[1]:
        return _without(scales.ABOUT, "The network reads embedded categories only, which have no scale of their own.")
    return scales.panel(scales.measure(x, own.widths, own.activation, seed=SCALES_SEED), own.activation)


def _trends(m: Material) -> Panel:
    lab = m.lab
    steps = min(trends.MOST_STEPS, max(trends.LEAST_STEPS, lab.fitting(lab.configuration, trends.SECONDS)))
    _, losses = lab.observe(lab.configuration, lab.start(lab.configuration, TREND_SEED), steps, TREND_SEED)
    return trends.panel(losses.astype(np.float64), "cost of a mini-batch")


def _paths(m: Material) -> Panel:
    return paths.panel(paths.measure(m.lab), m.unit)


def _shift(m: Material) -> Panel:
    if not m.lab.configuration.widths:
        return _without(shift.ABOUT, "The network has no hidden layer, so that there is nothing to normalise.")
    return shift.panel(shift.measure(m.lab))


def _noise(m: Material) -> Panel:
    if not m.lab.configuration.widths:
        return _without(noise.ABOUT, "The network has no hidden layer, so that there is nothing to normalise.")
    if len(noise.sizes(m.lab.rows)) < 2:
        return _without(noise.ABOUT, f"{m.lab.rows} training rows are too few for batches of two sizes.")
    return noise.panel(noise.measure(m.lab, m.unit), m.unit)


def _l2(m: Material) -> Panel:
    if not m.lab.configuration.widths:
        return _without(l2.ABOUT, "The network has no hidden layer, so that no unit is linear or not.")
    return l2.panel(l2.measure(m.lab, m.unit), m.unit)


def _search(m: Material) -> Panel:
    if m.draws is None or np.isfinite(m.draws.costs).sum() < search.FEWEST:
        return _without(search.ABOUT, "The run's search made too few random draws to say what more of them bring.")
    # Trained as the run trained, on every row: the lab of the other panels has a part of a large table.
    lab = Lab(m.fold, m.draws.space.centre, jobs=m.lab.jobs, most_rows=len(m.fold.train.y))
    return search.panel(search.measure(lab, m.draws, m.unit), m.unit)


def _batch_size(m: Material) -> Panel:
    return batch_size.panel(batch_size.measure(m.lab, m.unit), m.unit)


def _decay(m: Material) -> Panel:
    if m.lab.configuration.epochs < FEWEST_EPOCHS:
        return _without(decay.ABOUT, _too_short(m))
    return decay.panel(decay.measure(m.lab, m.unit), m.unit, m.lab.configuration.learning_rate)


def _too_short(m: Material) -> str:
    epochs = m.lab.configuration.epochs
    return f"The network trains for {epochs} epoch{'' if epochs == 1 else 's'} only: there is no end to look at."


def _stopping(m: Material) -> Panel:
    if m.lab.configuration.epochs < FEWEST_EPOCHS:
        return _without(stopping.ABOUT, _too_short(m))
    return stopping.panel(stopping.measure(m.lab, m.unit), m.unit)


PANELS: tuple[tuple[dict[str, Any], Callable[[Material], Panel]], ...] = (
    (conditioning.ABOUT, _conditioning),
    (scales.ABOUT, _scales),
    (paths.ABOUT, _paths),
    (trends.ABOUT, _trends),
    (batch_size.ABOUT, _batch_size),
    (decay.ABOUT, _decay),
    (stopping.ABOUT, _stopping),
    (l2.ABOUT, _l2),
    (shift.ABOUT, _shift),
    (search.ABOUT, _search),
    (noise.ABOUT, _noise),
)


# Panels that cannot be made of images, and why.
_OF_LAYERS = "Rows are images: this panel takes apart layers that read columns, and not convolutions."
_TOO_DEAR = "Rows are images: its many trainings, on mini-batches of up to all rows, would take too long."
NOT_OF_IMAGES: dict[Callable[[Material], Panel], str] = {
    _conditioning: "Rows are images, which have no columns: the network standardises their pixels itself.",
    _scales: _OF_LAYERS,
    _l2: _OF_LAYERS,
    _shift: _OF_LAYERS,
    _noise: _OF_LAYERS,
    _paths: _TOO_DEAR,
    _batch_size: _TOO_DEAR,
}
_ON_DISK = (
    "The run's images stay on disk, as they are too many for memory, and this panel trains on all of them at once."
)


def _why_not(panel: Callable[[Material], Panel], m: Material) -> str:
    """Why a panel cannot be made of these rows; "" where it can."""
    if m.fold.inputs.image is None:
        return ""
    if panel is _search and packing.is_handed(m.fold):
        return _ON_DISK
    return NOT_OF_IMAGES.get(panel, "")


def _without(about: dict[str, Any], why: str) -> Panel:
    return Panel(**about, finding=why, made=False)


def make(material: Material, *, until: float | None = None, tell: Callable[[str], None] = print) -> list[Panel]:
    """Every panel, one after the other.

    Args:
        material: What they are made from.
        until: When no further one is begun, on the clock of `time.monotonic`; None: never.
        tell: Told of each before it is made.
    """
    made = []
    for number, (about, panel) in enumerate(PANELS, start=1):
        if until is not None and time.monotonic() >= until:
            made.append(_without(about, "The time was not enough for it."))
            continue
        if why := _why_not(panel, material):
            made.append(_without(about, why))
            continue
        tell(f"{number} of {len(PANELS)}: {about['title']}")
        began = time.monotonic()
        made.append(panel(material).model_copy(update={"seconds": round(time.monotonic() - began, 2)}))
    return made

"""D1: what an iteration costs by batch size, and how soon the error falls in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.explaining import words
from burnish.explaining.lab import Lab
from burnish.explaining.noise import scaled_rate
from burnish.report import wording
from burnish.report.panel import Chart, Look, Panel, Series

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {"name": "batch_size", "techniques": ["D1"], "title": "Batch sizes, from one row to all"}
SIZES = (1, 64, 512)
SEED = 2_301
SECONDS = 1.5  # of training, each
APART = 1.25  # a size nearer than this to all rows adds nothing
LOOKS: tuple[tuple[Look, bool], ...] = (("muted", False), ("accent", False), ("cool", False), ("ink", True))


@dataclass(frozen=True, slots=True)
class Timed:
    """One batch size."""

    size: int
    step: float  # seconds of one iteration, evaluation of dev at each epoch's end included
    seconds: Floats  # at the end of each epoch
    dev: Floats  # lowest dev cost so far, shown


def sizes(rows: int) -> tuple[int, ...]:
    """1, 64 and 512, as far as they are clearly fewer than all rows, and all rows."""
    return (*(size for size in SIZES if size * APART < rows), rows)


def measure(lab: Lab, unit: words.Unit) -> list[Timed]:
    """Each size alone on the machine for the same time, at a constant rate that is scaled with the size."""
    base = replace(lab.configuration, norm="none", decay="none", warmup=0.0, patience=0, epochs=10**6)
    found = []
    for size in sizes(lab.rows):
        arm = replace(base, batch_size=size, learning_rate=scaled_rate(base, size))
        epochs = lab.timed(arm, SEED, SECONDS)
        seconds, steps, dev = (np.array(column, np.float64) for column in zip(*epochs, strict=True))
        lowest = np.minimum.accumulate(np.where(np.isfinite(dev), dev, np.inf))
        found.append(Timed(size, float(seconds[-1] / steps[-1]), seconds, unit.of(lowest)))
    return found


def panel(found: list[Timed], unit: words.Unit) -> Panel:
    """The panel of what was measured."""
    names = [f"m = {item.size:,}" if item is found[-1] else f"{item.size}" for item in found]
    curves = [
        Series(name=name, x=item.seconds.tolist(), y=words.finite(item.dev), look=look, dashed=dashed)
        for item, name, (look, dashed) in zip(found, names, LOOKS, strict=False)
    ]
    micros = [1e6 * item.step for item in found]
    per_row = [1e6 * item.step / item.size for item in found]
    places = [float(item.size) for item in found]
    costs = [
        Series(name="iteration", x=places, y=words.finite(micros), look="accent"),
        Series(name="row", x=places, y=words.finite(per_row), look="cool"),
    ]
    return Panel(
        **ABOUT,
        finding=finding(found, unit),
        how=f"The network, without batch norm as one row has no variance, for {SECONDS:g} s with each batch size on "
        "this machine, dev rows looked at after each epoch; α constant and scaled with the batch size (by its root "
        "for Adam and RMSprop). Times differ from one go to the next.",
        numbers={
            f"{what}_{item.size}": words.one(value)
            for item in found
            for what, value in (("step_seconds", item.step), ("lowest_dev", float(item.dev[-1])))
        },
        charts=[
            Chart(title="Lowest error so far", x_name="seconds", y_name=f"dev {unit.name}", log_x=True, log_y=True,
                  series=curves),
            Chart(title="What it costs", x_name="batch size", y_name="microseconds", log_x=True, log_y=True,
                  series=costs),
        ],
    )  # fmt: skip


def finding(found: list[Timed], unit: words.Unit) -> str:
    """Who was lowest after the time, and how much cheaper a row becomes in company."""
    order = sorted(found, key=lambda item: item.dev[-1])
    first, last = found[0], found[-1]
    reached = [
        f"{'all rows' if item is last else f'batch {item.size}'} {words.number(float(item.dev[-1]))}" for item in order
    ]
    cheaper = (first.step / first.size) / (last.step / last.size)
    one = "one row" if first.size == 1 else f"{first.size} rows"
    return (
        f"After {SECONDS:g} s the dev {unit.name} was lowest with {reached[0]}, then {wording.listing(reached[1:])}; "
        f"an iteration takes {words.number(1e6 * first.step)} µs on {one} and {words.number(1e6 * last.step)} µs on "
        f"{last.size:,}, so that a row costs {words.number(cheaper)} times less there."
    )

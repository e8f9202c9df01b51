"""D7: a constant learning rate against one that decays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.explaining import words
from burnish.explaining.lab import Lab, Trained
from burnish.report.panel import Chart, Look, Panel
from burnish.train.configuration import Configuration, Decay

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {"name": "decay", "techniques": ["D7"], "title": "A constant learning rate against decay"}
SEEDS = (2_401, 2_402, 2_403)
NAMES: dict[str, str] = {
    "none": "constant",
    "cosine": "cosine",
    "one_cycle": "one-cycle",
    "inverse": "1/(1 + epoch)",
    "exponential": "exponential",
    "sqrt_epoch": "1/√epoch",
    "sqrt_step": "1/√t",
    "staircase": "staircase",
}
LOOKS: tuple[Look, ...] = ("muted", "accent", "cool")
LAST = 0.1  # share of the epochs, at the end, over which costs jump or lie still


@dataclass(frozen=True, slots=True)
class Curves:
    """Costs by epoch under one decay, shown; each of shape (seeds, epochs)."""

    train: Floats
    dev: Floats

    @property
    def jumps(self) -> float:
        """Root mean square step of the train cost from one of the last epochs to the next, over its mean there."""
        last = self.train[:, -max(3, round(LAST * self.train.shape[1])) :]
        return float(np.sqrt(np.square(np.diff(last, axis=1)).mean()) / last.mean())


def kinds(own: Decay) -> tuple[Decay, ...]:
    """A constant rate, the network's own decay or else a cosine, and 1/√epoch for comparison."""
    own = "cosine" if own == "none" else own
    return "none", own, "cosine" if own == "sqrt_epoch" else "sqrt_epoch"


def arms(lab: Lab) -> dict[Decay, Configuration]:
    """The network under each decay, from the same α₀."""
    base = lab.shortened(lab.configuration)
    return {kind: replace(base, decay=kind) for kind in kinds(lab.configuration.decay)}


def measure(lab: Lab, unit: words.Unit) -> dict[Decay, Curves]:
    """Every decay, from the same starts."""
    planned = arms(lab)
    made = lab.train([(arm, seed) for arm in planned.values() for seed in SEEDS])
    by_arm = {kind: [one for one in made if one.configuration == arm] for kind, arm in planned.items()}
    return {kind: Curves(*(unit.of(_even(found, part)) for part in ("train", "dev"))) for kind, found in by_arm.items()}


def _even(found: list[Trained], part: str) -> Floats:
    """Curves of one length: one that diverged has ended early, and goes on as not finite."""
    longest = max(len(one.epoch) for one in found)
    rows = [np.asarray(getattr(one, part)) for one in found]
    return np.stack([np.pad(row, (0, longest - len(row)), constant_values=np.nan) for row in rows])


def panel(found: dict[Decay, Curves], unit: words.Unit, rate: float) -> Panel:
    """The panel of what was measured."""
    charts = []
    for part, title in (("train", "Train cost"), ("dev", "Dev cost")):
        series = []
        for (kind, curves), look in zip(found.items(), LOOKS, strict=False):
            values = getattr(curves, part)
            series.append(words.over_seeds(NAMES[kind], np.arange(1, values.shape[1] + 1), values, look=look))
        charts.append(Chart(title=title, x_name="epoch", y_name=f"{part} {unit.name}", log_y=True, series=series))
    return Panel(
        **ABOUT,
        finding=finding(found, unit),
        how=f"The network as it is, from the same {len(SEEDS)} starts and the same α₀ = {rate:.2g}. Train cost is the "
        "mean over an epoch's mini-batches, in training mode. Bands: all starts.",
        numbers={
            f"{what}_{kind}": words.one(value)
            for kind, curves in found.items()
            for what, value in (
                ("last_dev", float(curves.dev[:, -1].mean())),
                ("lowest_dev", float(np.where(np.isfinite(curves.dev), curves.dev, np.inf).min(1).mean())),
                ("jumps", curves.jumps),
            )
        },
        charts=charts,
    )


def finding(found: dict[Decay, Curves], unit: words.Unit) -> str:
    """Where each ends, and how much the constant rate still jumps."""
    constant = found["none"]
    rivals = {kind: curves for kind, curves in found.items() if kind != "none"}
    kind = min(rivals, key=lambda one: _end(rivals[one].dev))
    decayed = rivals[kind]
    seeds = words.lower(decayed.dev[:, -1].tolist(), constant.dev[:, -1].tolist())
    of = len(decayed.dev)
    verdict = "below" if _end(decayed.dev) < _end(constant.dev) else "not below"
    return (
        f"With {NAMES[kind]} decay the dev {unit.name} ended at {words.number(_end(decayed.dev))}, {verdict} the "
        f"{words.number(_end(constant.dev))} of a constant rate (lower with {words.counted(seeds, of)}); in the last "
        f"epochs the train cost moved by {words.number(100 * decayed.jumps)} % an epoch, against "
        f"{words.number(100 * constant.jumps)} %."
    )


def _end(values: Floats) -> float:
    mean = float(values[:, -1].mean())
    return mean if np.isfinite(mean) else np.inf

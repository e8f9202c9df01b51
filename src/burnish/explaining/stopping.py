"""B6: train and dev cost of the network, and where early stopping would have ended its training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.explaining import words
from burnish.explaining.lab import Lab
from burnish.report.panel import Chart, Panel

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {"name": "stopping", "techniques": ["B6"], "title": "Early stopping"}
SEEDS = (2_401, 2_402, 2_403)
PATIENCE = 0.1  # share of the epochs, where the network has no patience of its own
LEAST_PATIENCE = 3


@dataclass(frozen=True, slots=True)
class Curves:
    """Costs by epoch, shown; each of shape (seeds, epochs)."""

    train: Floats
    dev: Floats
    patience: int

    @property
    def best(self) -> NDArray[np.int64]:
        """The epoch, from 1, of each seed's lowest dev cost."""
        return np.nanargmin(self.dev, axis=1) + 1

    @property
    def stops(self) -> NDArray[np.int64]:
        """The epoch at which each seed's training would have stopped; the last one where patience never ran out."""
        return np.array([stop(curve, self.patience) for curve in self.dev])


def stop(dev: Floats, patience: int) -> int:
    """The epoch, from 1, after which there was no better dev cost for `patience` epochs; else the last one."""
    best, at = np.inf, 0
    for epoch, cost in enumerate(dev, start=1):
        if cost < best:
            best, at = cost, epoch
        elif epoch - at >= patience:
            return epoch
    return len(dev)


def measure(lab: Lab, unit: words.Unit) -> Curves | None:
    """The network as it is, but with a constant learning rate and no patience; None where all diverged."""
    own = lab.configuration
    arm = replace(lab.shortened(own), decay="none")
    made = [one for one in lab.train([(arm, seed) for seed in SEEDS]) if len(one.epoch) == arm.epochs]
    if not made:
        return None
    share = own.patience / own.epochs if own.patience else PATIENCE
    patience = max(LEAST_PATIENCE, round(share * arm.epochs))
    return Curves(
        unit.of(np.stack([one.train for one in made])), unit.of(np.stack([one.dev for one in made])), patience
    )


def panel(found: Curves | None, unit: words.Unit) -> Panel:
    """The panel of what was measured."""
    if found is None:
        return Panel(**ABOUT, finding="At a constant learning rate every training diverged.", made=False)
    epochs = np.arange(1, found.dev.shape[1] + 1)
    series = [
        words.over_seeds("train", epochs, found.train, look="cool"),
        words.over_seeds("dev", epochs, found.dev),
    ]
    kept, last = _ends(found)
    return Panel(
        **ABOUT,
        finding=finding(found, unit),
        how=f"The network as it is, at a constant learning rate, which gives it time to overfit; {len(found.dev)} "
        f"starts, patience {found.patience} epochs. Train cost is in training mode, with dropout and noise where "
        "there are any, so it may lie above dev. Bands: all starts.",
        numbers={
            "best_epoch": float(np.median(found.best)),
            "stop_epoch": float(np.median(found.stops)),
            "epochs": float(len(epochs)),
            "kept_dev": words.one(kept),
            "last_dev": words.one(last),
        },
        charts=[
            Chart(x_name="epoch", y_name=unit.name, log_y=True, at=float(np.median(found.stops)), at_name="stop",
                  series=series)
        ],
    )  # fmt: skip


def _ends(found: Curves) -> tuple[float, float]:
    """Dev cost that stopping keeps, and that of the last epoch; means over starts."""
    kept = [np.nanmin(curve[:end]) for curve, end in zip(found.dev, found.stops, strict=True)]
    return float(np.mean(kept)), float(found.dev[:, -1].mean())


def finding(found: Curves, unit: words.Unit) -> str:
    """What stopping saves, or loses, in epochs and in error."""
    kept, last = _ends(found)
    epochs, ends = found.dev.shape[1], round(float(np.median(found.stops)))
    if ends >= epochs:
        return (
            f"A patience of {found.patience} epochs did not run out within {epochs} with most starts (dev {unit.name} "
            f"{words.number(last)} at the end): early stopping would have changed nothing here."
        )
    change = 100 * (last / kept - 1.0)
    effect = "gained" if change > 0 else "lost"
    return (
        f"Early stopping with a patience of {found.patience} would have ended training at epoch {ends} of {epochs} "
        f"and kept a dev {unit.name} of {words.number(kept)}, against {words.number(last)} at the end: it would have "
        f"{effect} {words.number(abs(change))} % and saved {100 * (1 - ends / epochs):.0f} % of the epochs."
    )

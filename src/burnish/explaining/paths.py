"""D4 to D6: the paths of gradient descent, momentum, RMSprop and Adam from the same start, on the same mini-batches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from burnish.explaining import words
from burnish.explaining.lab import Lab
from burnish.report import wording
from burnish.report.panel import Chart, Look, Panel, Series
from burnish.train.configuration import Configuration, Optimizer

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {"name": "paths", "techniques": ["D4", "D5", "D6"], "title": "The paths of four optimisers"}
RULES: tuple[tuple[Optimizer, str, Look, bool], ...] = (
    ("sgd", "plain", "muted", False),
    ("momentum", "momentum", "cool", False),
    ("rmsprop", "RMSprop", "ink", True),
    ("adam", "Adam", "accent", False),
)
NAMES: dict[str, str] = {rule: name for rule, name, *_ in RULES}
# A rate of one rule means nothing to another: each gets the best of its own ladder, on a seed that judges nothing.
RATES: dict[str, tuple[float, ...]] = {
    "sgd": (0.01, 0.03, 0.1, 0.3, 1.0),
    "momentum": (0.01, 0.03, 0.1, 0.3, 1.0),
    "rmsprop": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "adam": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
}
CHOOSING_SEED, SEEDS = 2_000, (2_001, 2_002, 2_003)
LOOKS = 20  # at the whole cost, on each way
MOST_EVERY = 12  # mini-batches from one look to the next
SECONDS = 0.5  # of a way
MOST_COORDINATES = 20_000  # of the parameters, for the plane that paths are drawn in


@dataclass(frozen=True, slots=True)
class Path:
    """One rule's way."""

    rate: float
    every: int  # mini-batches from one look to the next
    costs: Floats  # of all training rows; shape (seeds, looks)
    points: Floats  # parameters of the first seed, from the start on; shape (looks + 1, coordinates)


def plain(configuration: Configuration) -> Configuration:
    """The network without what would blur a comparison of rules."""
    return replace(
        configuration,
        decay="none", warmup=0.0, clip_norm=0.0, weight_decay=0.0, l2=0.0, dropout=0.0, input_dropout=0.0,
        input_noise=0.0, mixup=0.0, label_smoothing=0.0, patience=0,
    )  # fmt: skip


def measure(lab: Lab) -> dict[str, Path]:
    """Every rule from the same starts, at the best rate of its ladder."""
    base = plain(lab.configuration)
    every = min(MOST_EVERY, max(1, lab.fitting(base, SECONDS) // LOOKS))
    found: dict[str, Path] = {}
    for rule, *_ in RULES:
        arms = [replace(base, optimizer=rule, learning_rate=rate) for rate in RATES[rule]]
        ends = [_walk(lab, arm, CHOOSING_SEED, every)[0][-1] for arm in arms]
        best = arms[int(np.argmin(np.where(np.isfinite(ends), ends, np.inf)))]
        walks = [_walk(lab, best, seed, every) for seed in SEEDS]
        found[rule] = Path(best.learning_rate, every, np.stack([costs for costs, _ in walks]), walks[0][1])
    return found


def _walk(lab: Lab, configuration: Configuration, seed: int, every: int) -> tuple[Floats, Floats]:
    """Costs at every look, and parameters there and at the start."""
    state = lab.start(configuration, seed)
    costs, points = [], []
    for look in range(LOOKS + 1):
        if look:
            state, _ = lab.observe(configuration, state, every, seed)
            statistics = lab.statistics(configuration, state)
            costs.append(lab.cost(configuration, state.params, statistics, train=True))
        points.append(_coordinates(state.params))
    return np.array(costs), np.stack(points)


def _coordinates(params: object) -> Floats:
    flat = np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(params)])
    return flat[:: max(1, -(-len(flat) // MOST_COORDINATES))]


def plane(points: list[Floats]) -> tuple[list[Floats], float]:
    """Paths in the plane that shows most of them: their first two principal components, from the common start.

    Args:
        points: Of each path, shape (looks, coordinates); all begin at the same point.

    Returns:
        Of each path, shape (looks, 2); and the share of all squared distances from the start that lies in the plane.
    """
    moved = [path - path[0] for path in points]
    together = np.concatenate(moved)
    values, axes = np.linalg.eigh(together @ together.T)  # as many as looks, not as coordinates
    top = axes[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 0.0))
    ends = np.cumsum([len(path) for path in moved])[:-1]
    total = float(values.clip(0).sum())
    return np.split(top, ends), float(values[::-1][:2].clip(0).sum() / total) if total else 1.0


def panel(found: dict[str, Path], unit: words.Unit) -> Panel:
    """The panel of what was measured."""
    usable = {rule: path for rule, path in found.items() if np.isfinite(path.points).all()}
    every = found["sgd"].every
    steps = [float(every * look) for look in range(1, found["sgd"].costs.shape[1] + 1)]
    costs = [
        words.over_seeds(NAMES[rule], steps, unit.of(found[rule].costs), look=look, dashed=dashed)
        for rule, _, look, dashed in RULES
    ]
    drawn, share = plane([path.points for path in usable.values()])
    looks: dict[str, tuple[Look, bool]] = {rule: (look, dashed) for rule, _, look, dashed in RULES}
    ways = [
        Series(name=NAMES[rule], x=way[:, 0].tolist(), y=way[:, 1].tolist(), look=looks[rule][0], dashed=looks[rule][1])
        for rule, way in zip(usable, drawn, strict=True)
    ]
    rates = ", ".join(f"{NAMES[rule]} {path.rate:g}" for rule, path in found.items())
    return Panel(
        **ABOUT,
        finding=finding(found, unit),
        how=f"The network without regularisation or decay; {steps[-1]:.0f} mini-batches from the same {len(SEEDS)} "
        f"starts. Each rule has the best rate of a ladder of its own, by another start: {rates}. Bands: all starts. "
        f"Paths lie in the plane that holds most of them, {100 * share:.0f} % of the way from the common start.",
        numbers={
            **{f"rate_{rule}": path.rate for rule, path in found.items()},
            **{f"cost_{rule}": words.one(float(path.costs[:, -1].mean())) for rule, path in found.items()},
            "share_in_plane": share,
        },
        charts=[
            Chart(title="Train cost on the way", x_name="mini-batch", y_name=f"train {unit.name}", log_y=True,
                  series=costs),
            Chart(title="The paths of one start", x_name="main direction", y_name="second direction", plane=True,
                  series=ways),
        ],
    )  # fmt: skip


def finding(found: dict[str, Path], unit: words.Unit) -> str:
    """Which rule had the lowest cost at the end, and whether each beat plain gradient descent."""
    ends = {rule: unit.of(path.costs[:, -1]) for rule, path in found.items()}
    means = {rule: float(values.mean()) for rule, values in ends.items()}
    order = sorted(means, key=lambda rule: means[rule] if np.isfinite(means[rule]) else np.inf)
    steps = found["sgd"].every * found["sgd"].costs.shape[1]
    best, rest = order[0], [f"{NAMES[rule]} {words.number(means[rule])}" for rule in order[1:]]
    won: list[str] = []
    lost: list[str] = []
    for rule in found:
        if rule != "sgd":
            seeds = words.lower(ends[rule].tolist(), ends["sgd"].tolist())
            (won if seeds == len(ends[rule]) else lost).append(NAMES[rule])
    beat = f"with every start {wording.listing(won)} beat plain gradient descent" if won else ""
    not_beat = f"{wording.listing(lost)} did not beat plain gradient descent with every start" if lost else ""
    said = "; ".join(part for part in (beat, not_beat) if part)
    return (
        f"After {steps} mini-batches {NAMES[best]} had the lowest train {unit.name} ({words.number(means[best])}, "
        f"against {wording.listing(rest)}); {said}."
    )

"""C1: what normalising the inputs does to the shape of the cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.explaining import words
from burnish.report.panel import Chart, Look, Panel, Series
from burnish.techniques import preparing

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {"name": "conditioning", "techniques": ["C1"], "title": "Normalising the inputs"}
STEPS = 10_000  # of gradient descent that are computed, in closed form
ENOUGH = 0.01  # of the excess cost that may be left
PLACES = 60  # of a curve by steps


@dataclass(frozen=True, slots=True)
class Bowl:
    """The squared-error cost of a linear unit on these inputs, along the principal axes of its Hessian."""

    eigenvalues: Floats  # of (1/m) [1 x]ᵀ [1 x], falling
    condition: float  # largest over smallest
    excess: Floats  # share of the excess cost after each number of steps, at the best rate; shape (PLACES,)
    needed: int | None  # steps until ENOUGH is left; None: not within STEPS


def steps() -> NDArray[np.int64]:
    """The numbers of steps at which excess cost is looked at, evenly spaced by factors."""
    return np.unique(np.geomspace(1, STEPS, PLACES).round().astype(np.int64))


def bowl(x: Floats, y: Floats) -> Bowl:
    """What gradient descent finds: in closed form, since along each axis it shrinks by (1 − α λ) a step.

    The best constant rate is 2/(λ_max + λ_min). (LeCun et al., Efficient BackProp, 1998, section 5.)

    Args:
        x: Continuous inputs, shape (rows, columns).
        y: Target, shape (rows,): any numbers.
    """
    varying = x[:, x.min(0) != x.max(0)]
    inputs = np.column_stack([np.ones(len(x)), varying])
    _, singular, axes = np.linalg.svd(inputs, full_matrices=False)
    eigenvalues = singular**2 / len(x)
    kept = singular > singular[0] * max(inputs.shape) * np.finfo(float).eps  # as numpy.linalg.matrix_rank
    # Gradient descent starts from 0; the target's mean is taken off, which any first step of an offset would find.
    solution = axes[kept] @ np.linalg.lstsq(inputs, y - y.mean(), rcond=None)[0]
    weights = eigenvalues[kept] * solution**2
    rate = 2.0 / (eigenvalues[kept][0] + eigenvalues[kept][-1])
    shrinks = np.abs(1.0 - rate * eigenvalues[kept])
    at = steps()
    excess = (weights * shrinks ** (2 * at[:, None])).sum(1) / weights.sum()
    reached = np.flatnonzero(excess <= ENOUGH)
    return Bowl(eigenvalues, preparing.condition_number(x), excess, int(at[reached[0]]) if len(reached) else None)


def panel(raw: Floats, normalised: Floats, y: Floats) -> Panel:
    """The panel.

    Args:
        raw: Continuous columns as the table has them, gaps filled; shape (rows, columns).
        normalised: The same as the network reads them.
        y: Target, or the class number.
    """
    if not raw.shape[1]:
        return Panel(**ABOUT, finding="There is no continuous column here to normalise.", made=False)
    before, after = bowl(raw, y), bowl(normalised, y)
    at = [float(step) for step in steps()]
    spectrum, descent = [], []
    looks: tuple[tuple[str, Bowl, Look], ...] = (("as they are", before, "muted"), ("normalised", after, "accent"))
    for name, item, look in looks:
        places = [float(place + 1) for place in range(len(item.eigenvalues))]
        spectrum.append(Series(name=name, x=places, y=words.finite(item.eigenvalues), look=look))
        descent.append(Series(name=name, x=at, y=words.finite(item.excess), look=look))
    return Panel(
        **ABOUT,
        finding=finding(before, after),
        how="The Hessian of a linear unit with an offset on these rows, and gradient descent on its squared error at "
        "the best constant rate, both in closed form. Steeper and flatter directions differ by the condition number.",
        numbers={
            "condition_before": words.one(before.condition),
            "condition_after": words.one(after.condition),
            "steps_before": before.needed,
            "steps_after": after.needed,
        },
        charts=[
            Chart(title="Curvature of the cost", x_name="direction, steepest first", y_name="eigenvalue", log_y=True,
                  series=spectrum),
            Chart(title="What gradient descent has still to gain", x_name="step", y_name="share of the excess cost",
                  log_x=True, series=descent),
        ],
    )  # fmt: skip


def finding(before: Bowl, after: Bowl) -> str:
    """What was seen."""
    if math.isinf(before.condition) or math.isinf(after.condition):
        change = "Some columns follow from others, so that the condition number is infinite with and without it"
    else:
        verb = (
            "brought the condition number down"
            if after.condition < before.condition
            else "did not round the bowl: it took the condition number"
        )
        change = f"Normalising {verb} from {words.number(before.condition)} to {words.number(after.condition)}"
    return (
        f"{change}; to all but {100 * ENOUGH:.0f} % of the best linear fit gradient descent needs "
        f"{_needed(before)} steps on the columns as they are and {_needed(after)} on the normalised ones."
    )


def _needed(item: Bowl) -> str:
    return f"more than {STEPS:,}" if item.needed is None else f"{item.needed:,}"

"""E2: a grid against random draws, on the scales of the run's own search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.explaining import words
from burnish.explaining.lab import Lab
from burnish.report.panel import Chart, Look, Panel, Series
from burnish.tune import sampler, space
from burnish.tune.space import Space

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {"name": "search", "techniques": ["E2", "E3"], "title": "Grid search against random search"}
SETTINGS = ("learning_rate", "beta1")  # the first two that need no program of their own
POINTS = 9  # 3 × 3
DRAWS = 27  # from which every choice of POINTS is weighed
SEED = 2_601
EVEN = 0.5
SECONDS = 0.4  # of each training


@dataclass(frozen=True, slots=True)
class Compared:
    """Both ways; costs are the lowest of each training, shown."""

    grid: tuple[tuple[float, float], ...]  # learning rate and β₁
    grid_costs: Floats
    draws: tuple[tuple[float, float], ...]
    draw_costs: Floats

    @property
    def random_wins(self) -> float:
        """The share of all choices of as many draws as the grid has points whose best is below the grid's."""
        return chance(self.draw_costs, float(self.grid_costs.min()), len(self.grid_costs))


def chance(costs: Floats, below: float, n: int) -> float:
    """The share of all subsets of n costs whose lowest is below a bound: exact, by counting.

    >>> chance(np.array([1.0, 2.0, 3.0, 4.0]), 1.5, 2)  # 3 of 6 pairs hold the 1
    0.5
    """
    worse = int((~(costs < below)).sum())
    return 1.0 - math.comb(worse, n) / math.comb(len(costs), n)


def expected_best(costs: Floats, n: int) -> float:
    """The mean, over all subsets of n costs, of the lowest: exact, from order statistics.

    >>> expected_best(np.array([1.0, 2.0, 3.0]), 2)  # pairs: 1, 1, 2
    1.3333333333333333
    """
    ordered, total = np.sort(costs), math.comb(len(costs), n)
    weights = [math.comb(len(costs) - 1 - rank, n - 1) / total for rank in range(len(costs))]
    return float(sum(w * cost for w, cost in zip(weights, ordered, strict=True) if w))


def scales(lab: Lab) -> Space:
    """The two settings on the scales that the run's search draws them from; all else is the network's own."""
    own = space.default(lab.fold.task, lab.rows, lab.fold.inputs, centre=lab.shortened(lab.configuration, SECONDS))
    return Space({name: own.scales[name] for name in SETTINGS}, own.centre)


def measure(lab: Lab, unit: words.Unit) -> Compared:
    """Every point and every draw, trained alike."""
    where = scales(lab)
    grid, draws = sampler.grid(where, POINTS), sampler.random(where, DRAWS, seed=SEED)
    made = lab.train([(configuration, SEED) for configuration in (*grid, *draws)])
    costs = unit.of([one.lowest for one in made])

    def places(found: Sequence[object]) -> tuple[tuple[float, float], ...]:
        return tuple((float(space.get(c, SETTINGS[0])), float(space.get(c, SETTINGS[1]))) for c in found)  # type: ignore[arg-type]

    return Compared(places(grid), costs[: len(grid)], places(draws), costs[len(grid) :])


def panel(found: Compared, unit: words.Unit) -> Panel:
    """The panel of what was measured."""
    where, costs = [], []
    ways: tuple[tuple[str, tuple[tuple[float, float], ...], Floats, Look], ...] = (
        ("random", found.draws, found.draw_costs, "accent"),
        ("grid", found.grid, found.grid_costs, "ink"),
    )
    for name, points, values, look in ways:
        rates = [rate for rate, _ in points]
        where.append(Series(name=name, x=rates, y=[1 - beta for _, beta in points], look=look, points=True))
        costs.append(Series(name=name, x=rates, y=words.finite(values), look=look, points=True))
    n = len(found.grid)
    return Panel(
        **ABOUT,
        finding=finding(found, unit),
        how="Learning rate and β₁ on the scales of the run's search, all else as in the network; a 3 × 3 grid and "
        f"{len(found.draws)} independent draws, each trained alike from one start. Every choice of {n} of the draws "
        "is weighed, exactly.",
        numbers={
            "grid_best": words.one(float(found.grid_costs.min())),
            "random_best_expected": words.one(expected_best(found.draw_costs, n)),
            "random_wins": found.random_wins,
        },
        charts=[
            Chart(title="What was tried", x_name="learning rate α", y_name="1 − β₁", log_x=True, log_y=True,
                  series=where),
            Chart(title="What came of it", x_name="learning rate α", y_name=f"dev {unit.name}", log_x=True,
                  log_y=True, series=costs),
        ],
    )  # fmt: skip


def finding(found: Compared, unit: words.Unit) -> str:
    """Who found the lower cost, how often, and how many rates each tried."""
    n = len(found.grid_costs)
    wins = found.random_wins
    grid_best, random_best = float(found.grid_costs.min()), expected_best(found.draw_costs, n)
    ahead = "random draws were ahead: they beat the grid" if wins > EVEN else "the grid was ahead: random draws beat it"
    return (
        f"With {n} trainings each, {ahead} in {100 * wins:.0f} % of all choices of draws (lowest dev {unit.name} "
        f"{random_best:.4g} on average, against {grid_best:.4g}); the grid tried "
        f"{len({rate for rate, _ in found.grid})} learning rates, the draws {n}."
    )

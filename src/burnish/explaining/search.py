"""E2: a grid against random draws, on the run's own search: its recorded draws, and a grid trained to be compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from burnish.explaining import draws, words
from burnish.explaining.draws import Draws
from burnish.explaining.lab import Lab
from burnish.report.panel import Chart, Panel, Series
from burnish.stats import interval
from burnish.train.configuration import Configuration
from burnish.tune import sampler, space
from burnish.tune.space import Space

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {"name": "search", "techniques": ["E2", "E3"], "title": "Grid search against random search"}
FEWEST = 4  # draws below which nothing is said of their best
POINTS = 9  # of the grid: 3 × 3
# A grid along these would train for other times, or not move along a scale.
NOT_ON_GRID = ("epochs", "decay")
GRID_SECONDS = 60.0  # of one core, above which no grid is trained
RESAMPLES, SEED = 1_000, 2_601
KNOWN_PART = 3  # one in so many draws: up to there the best of k has an interval
EVEN = 0.5
MOST_SHOWN = 6  # settings in the picture
# Names that fit under a tick.
SHORT = {
    "learning_rate": "α", "beta1": "β₁", "batch_size": "batch", "weight_decay": "wd", "dropout": "drop", "l2": "λ",
    "epochs": "ep.", "label_smoothing": "smooth", "input_noise": "noise", "activation": "act", "residual": "skip",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """The run's draws, and a grid trained alike; costs are the lowest of each training, shown."""

    tried: dict[str, int]  # distinct values of each setting that was drawn, most important first
    rates: Floats  # learning rate of each draw
    costs: Floats  # of each draw; infinite where it diverged
    best: Floats  # expected lowest of k draws, k = 1 … all
    low: Floats  # 95 % interval of it
    high: Floats
    axes: tuple[str, ...]  # the grid's settings; () where no grid was trained
    grid: dict[str, int]  # values of each setting on a grid of as many points as there are draws
    grid_rates: Floats
    grid_costs: Floats
    share: float  # of its epochs that each was trained for
    why_no_grid: str = ""

    @property
    def random_wins(self) -> float:
        """The share of all choices of as many draws as the grid has points whose best is below the grid's."""
        return chance(self.costs, float(self.grid_costs.min()), len(self.grid_costs))


def chance(costs: Floats, below: float, n: int) -> float:
    """The share of all subsets of n costs whose lowest is below a bound: exact, by counting.

    >>> chance(np.array([1.0, 2.0, 3.0, 4.0]), 1.5, 2)  # 3 of 6 pairs hold the 1
    0.5
    """
    worse = int((~(costs < below)).sum())
    return 1.0 - math.comb(worse, n) / math.comb(len(costs), n)


def expected_best(costs: Floats) -> Floats:
    """The mean lowest of k costs over all subsets of k, for k = 1 … all: exact, from order statistics.

    The r-th lowest is the lowest of C(n − r, k − 1) of the C(n, k) subsets; that is the efficiency curve of a random
    search by its own draws (Bergstra and Bengio 2012, section 2.2). A cost that is not finite counts as the worst that
    is.

    Args:
        costs: Shape (..., n), at least one of each row finite.

    Returns:
        Shape (..., n).

    >>> [round(float(best), 3) for best in expected_best(np.array([1.0, 2.0, 3.0]))]  # of pairs: 1, 1, 2
    [2.0, 1.333, 1.0]
    """
    finite = np.where(np.isfinite(costs), costs, -np.inf)
    ordered = np.sort(np.minimum(costs, finite.max(-1, keepdims=True)), axis=-1)
    n = costs.shape[-1]
    k, rank = np.arange(1, n + 1)[:, None], np.arange(1, n + 1)[None]
    able = n - rank >= k - 1
    with np.errstate(invalid="ignore"):
        logs = _log_choose(np.where(able, n - rank, n), k - 1) - _log_choose(n, k)
    return ordered @ np.where(able, np.exp(logs), 0.0).T


def _log_choose(n: Any, k: Any) -> Any:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def with_interval(costs: Floats) -> tuple[Floats, Floats, Floats]:
    """The expected best of k draws and its 95 % interval: the bootstrap's spread over draws, around the estimate.

    Not its level: a resample lacks a third of the draws, the best among them as often as not. NaN for more than a third
    of the draws, where it would be too narrow: of 30 draws it held the best of 9 in 87 %, of 15 in 83 %, of simulated
    searches.
    """
    found = expected_best(costs)
    rng = np.random.default_rng(SEED)
    resampled = costs[rng.integers(len(costs), size=(RESAMPLES, len(costs)))]
    curves = expected_best(resampled[np.isfinite(resampled).any(axis=1)])
    tail = (1 - interval.LEVEL) / 2
    low, high = np.quantile(curves - curves.mean(axis=0), [tail, 1 - tail], axis=0)
    known = np.arange(1, len(costs) + 1) <= max(1, len(costs) // KNOWN_PART)
    ends = (found + np.minimum(low, 0.0), found + np.maximum(high, 0.0))
    return found, np.where(known, ends[0], np.nan), np.where(known, ends[1], np.nan)


def grid_of(made: Draws) -> tuple[tuple[str, ...], tuple[Configuration, ...]]:
    """The two most important settings that need no program of their own, three values each; all else as the search
    began."""
    plain = made.space.centre.optimizer in ("sgd", "rmsprop")  # these have no β₁
    able = [
        name
        for name in made.space.scales
        if name not in (*space.STRUCTURE, *NOT_ON_GRID) and not (plain and name == "beta1")
    ][:2]
    return tuple(able), sampler.grid(Space({name: made.space.scales[name] for name in able}, made.space.centre), POINTS)


def measure(lab: Lab, made: Draws, unit: words.Unit) -> Compared:
    """What the draws gave, and a grid trained as each of them was: fold, rows, first seed and share of its epochs.

    Args:
        lab: Trains on all rows of the draws' fold.
        made: The run's.
        unit: How costs are shown.
    """
    best, low, high = with_interval(unit.of(made.costs))
    axes, points = grid_of(made)
    seconds = made.seconds * len(points)
    why = ""
    if len(made.costs) < len(points):
        why = f"{len(made.costs)} draws are fewer than a grid of {len(points)} needs to be compared with."
    elif seconds > GRID_SECONDS:
        why = f"A grid of {len(points)} would take about {seconds:.0f} seconds of a core, so none was trained."
    trained = [] if why else lab.train([(point, draws.SEED) for point in points], share=made.share)
    alike = sampler.grid_points({name: made.space.scales[name] for name in made.tried()}, len(made.costs))
    return Compared(
        tried=made.tried(),
        rates=np.array([c.learning_rate for c in made.configurations]),
        costs=unit.of(made.costs),
        best=best,
        low=low,
        high=high,
        axes=() if why else axes,
        grid={name: len({point.get(name) for point in alike}) for name in made.tried()},
        grid_rates=np.array([one.configuration.learning_rate for one in trained]),
        grid_costs=unit.of([one.lowest for one in trained]),
        share=made.share,
        why_no_grid=why,
    )


def panel(found: Compared, unit: words.Unit) -> Panel:
    """The panel of what was measured."""
    n, points = len(found.costs), len(found.grid_costs)
    length = "all its epochs" if found.share == 1 else f"{words.number(found.share)} of its epochs"
    how = (
        f"The {n} independent draws of the run's search, each trained for {length} on one fold, as the run recorded "
        "them. What k of them find is the mean over every choice of k, exactly; the band is its 95 % interval over "
        "draws, for up to a third of them, beyond which it would be too narrow."
    )
    if points:
        how += (
            f" The grid, {points} points of {_named(found.axes)} around the network that the search began from, was "
            "trained alike, for this page alone."
        )
    return Panel(
        **ABOUT,
        finding=finding(found, unit),
        how=how,
        numbers={
            "draws": float(n),
            "settings": float(len(found.tried)),
            "values_on_a_grid": values_each(found),
            "expected_best_of_1": words.one(float(found.best[0])),
            "expected_best_of_all": words.one(float(found.best[-1])),
            "grid_points": float(points),
            **({} if not points else _beside(found)),
        },
        charts=[_values(found), _efficiency(found, unit), _costs(found, unit)],
    )


def _beside(found: Compared) -> dict[str, float | None]:
    at = len(found.grid_costs) - 1
    return {
        "grid_best": words.one(float(found.grid_costs.min())),
        "expected_best_of_as_many": words.one(float(found.best[at])),
        "expected_best_low": words.one(float(found.low[at])),
        "expected_best_high": words.one(float(found.high[at])),
        "random_wins": found.random_wins,
    }


def values_each(found: Compared) -> float:
    """Values of each setting that a full grid of as many points would try: n^(1/d)."""
    return len(found.costs) ** (1 / len(found.tried)) if found.tried else 1.0


def _values(found: Compared) -> Chart:
    """How many values of each setting were tried; of those shown, the most important are on the left."""
    names = list(found.tried)[:MOST_SHOWN]
    places = [float(place) for place in range(len(names))]
    split = sum(count > 1 for count in found.grid.values())
    each: list[float | None] = [values_each(found)] * len(names)
    series = [
        Series(name="draws", x=places, y=[float(found.tried[name]) for name in names], points=True),
        Series(name=f"grid over all {len(found.tried)}", x=places, y=each, look="ink", dashed=True),
        Series(name=f"grid over {split}", x=places, y=[float(found.grid[n]) for n in names], look="ink", points=True),
    ]
    return Chart(
        title=f"Values of each setting that {len(found.costs)} trainings try", x_name="setting",
        y_name="values", log_y=True, places=[SHORT.get(name, name) for name in names], series=series,
    )  # fmt: skip


def _efficiency(found: Compared, unit: words.Unit) -> Chart:
    """What the best of k draws has, beside the best of the grid's points."""
    n = len(found.costs)
    series = [
        Series(
            name="best draw", x=[float(k) for k in range(1, n + 1)], y=words.finite(found.best),
            low=words.finite(found.low), high=words.finite(found.high),
        )
    ]  # fmt: skip
    if len(found.grid_costs):
        at = [float(len(found.grid_costs))]
        series.append(
            Series(name="best of grid", x=at, y=words.finite(found.grid_costs.min()), look="ink", points=True)
        )
    return Chart(
        title="The best of k trainings", x_name="trainings k", y_name=f"dev {unit.name}", log_x=True, series=series
    )


def _costs(found: Compared, unit: words.Unit) -> Chart:
    series = [
        Series(name="draws", x=found.rates.tolist(), y=words.finite(found.costs), points=True),
        Series(name="grid", x=found.grid_rates.tolist(), y=words.finite(found.grid_costs), look="ink", points=True),
    ]
    return Chart(
        title="What came of each", x_name="learning rate α", y_name=f"dev {unit.name}", log_x=True, log_y=True,
        series=series,
    )  # fmt: skip


def _named(axes: tuple[str, ...]) -> str:
    return " and ".join({"learning_rate": "α", "beta1": "β₁"}.get(name, name.replace("_", " ")) for name in axes)


def finding(found: Compared, unit: words.Unit) -> str:
    """What more draws bring, who was ahead at equal cost, and what a grid leaves unseen."""
    n, points = len(found.costs), len(found.grid_costs)
    first, last = (words.number(float(found.best[at])) for at in (0, -1))
    said = f"One of the run's {n} draws has a dev {unit.name} of {first} on average"
    if not points:
        return f"{said}, the best of all {last}. {_unseen(found)} {found.why_no_grid}".rstrip()
    middle, low, high = (float(v[points - 1]) for v in (found.best, found.low, found.high))
    ends = f" [{words.number(low)}, {words.number(high)}]" if math.isfinite(low) else ""
    wins = found.random_wins
    return (
        f"{said}, the best of {points} has {words.number(middle)}{ends}, the best of all {last}. "
        f"A {'×'.join(_sides(found))} grid "
        f"of {_named(found.axes)}, with all else left where the search began, has "
        f"{words.number(float(found.grid_costs.min()))}: at equal cost the draws beat it in {100 * wins:.0f} % of all "
        f"choices, so that {'they are' if wins > EVEN else 'the grid is'} ahead. {_unseen(found)}"
    )


def _sides(found: Compared) -> list[str]:
    side = round(len(found.grid_costs) ** (1 / max(1, len(found.axes))))
    return [str(side)] * len(found.axes)


def _unseen(found: Compared) -> str:
    n, d = len(found.costs), len(found.tried)
    rates = found.tried.get("learning_rate", 1)
    return (
        f"The draws tried {rates} learning rates; a full grid of {n} over the {d} settings that were drawn has "
        f"{values_each(found):.1f} values of each."
    )

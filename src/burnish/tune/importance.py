"""How much each setting matters on these data: functional analysis of variance of the random draws (technique E1).

Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance" (ICML 2014): a random
forest learns the dev cost as a function of the settings; its variance is split, exactly, into what each setting
explains alone and the rest, which is interactions. Unlike there, a setting's distribution is the draws' own, not
uniform on its range: zeros that take a share of the draws, and programs drawn whole, then have the weight that they
had.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from burnish.stats import interval
from burnish.train.configuration import Configuration
from burnish.tune import space as spaces

# Fewer draws than this, and a tree cannot split three times and still average anything.
MIN_DRAWS = 30
# Draws in a leaf, at least: smaller leaves learn the noise of single trials, which looks like interaction.
LEAF = 3
TREES = 64
# The whole analysis is done again on so many resamples of the draws, with fewer trees each, for the interval.
RESAMPLES = 100
TREES_PER_RESAMPLE = 8
# Standard normal quantile of a one-sided 1 %: with nothing to learn, n draws give an R² above Z²/n about that often.
PREDICTS_Z = 2.33
# Tukey's fence (1977): costs above the third quartile by this many interquartile ranges are pulled back to it. A
# diverged trial would otherwise be all the variance there is.
FENCE = 1.5


@dataclass(frozen=True, slots=True)
class Importance:
    """One setting's share of the variance of the dev cost over the sampling distribution, by itself."""

    name: str
    # In [0, 1]; 95 %, by bootstrap over the draws. A forest smooths, which takes a little from small shares: that is
    # not included.
    share: interval.Interval


@dataclass(frozen=True, slots=True)
class Importances:
    """All settings, most important first; empty with the reason where the draws do not allow an answer."""

    settings: tuple[Importance, ...]
    interactions: interval.Interval | None  # the remainder: what only settings together explain
    predicted: float  # R² of the forest on draws that its trees did not see; 1 is perfect, 0 or less is no use
    draws: int
    reason: str = ""  # why there is no answer


def importance(
    draws: Sequence[Configuration], scores: Sequence[float], space: spaces.Space, *, seed: int = 0
) -> Importances:
    """Main effects of the settings, and the remainder, with bootstrap intervals.

    Shares are of the forest's variance, so they are given only where the forest predicts draws that it has not seen.

    Args:
        draws: Independent random draws from `space`. Refined or model-proposed ones crowd where costs are low and would
            distort the shares.
        scores: Their dev costs, smaller is better, all after the same share of training (the first rung). A cost that
            is not finite counts as the worst.
        space: What was drawn from.
        seed: Where the forest's random numbers start.
    """
    return of_units(np.array([space.units(draw) for draw in draws]), scores, space.names, seed=seed)


def of_units(
    units: NDArray[np.float64], scores: Sequence[float], names: Sequence[str], *, seed: int = 0
) -> Importances:
    """The same for draws of any settings, by their place on their scales.

    Args:
        units: Where each draw lies on each setting's scale, in [0, 1]; shape (draws, settings).
        scores: As above.
        names: Of the settings.
        seed: Where the forest's random numbers start.
    """
    costs = np.asarray(scores, np.float64)
    if len(units) < MIN_DRAWS or np.isfinite(costs).sum() < MIN_DRAWS / 2:
        finite = int(np.isfinite(costs).sum())
        why = f"{len(units)} random draws, {finite} of them with a finite cost, are too few: it takes {MIN_DRAWS}."
        return Importances((), None, math.nan, len(units), why)
    costs = _fenced(costs)
    if np.ptp(costs) == 0:
        return Importances(
            (), None, math.nan, len(units), "All draws have the same dev cost, so no setting explains anything."
        )
    rng = np.random.default_rng(seed)
    measure = _Measure.of(units)
    shares, predicted = _forest(units, costs, measure, trees=TREES, rng=rng)
    if not predicted > PREDICTS_Z**2 / len(units):
        why = f"The settings do not predict the dev cost of draws left out (R² {predicted:.2f}): mostly noise."
        return Importances((), None, predicted, len(units), why)
    resampled = np.empty((RESAMPLES, len(shares)))
    for number in range(RESAMPLES):
        rows = rng.integers(len(costs), size=len(costs))
        resampled[number], _ = _forest(units[rows], costs[rows], measure, trees=TREES_PER_RESAMPLE, rng=rng)
    settings = [
        Importance(name, _interval(share, resampled[:, place]))
        for place, (name, share) in enumerate(zip(names, shares, strict=True))
    ]
    remainder = _interval(1 - shares.sum(), 1 - resampled.sum(axis=1))
    ordered = tuple(sorted(settings, key=lambda setting: -setting.share.value))
    return Importances(ordered, remainder, predicted, len(units))


def _fenced(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = costs[np.isfinite(costs)]
    first, third = np.quantile(finite, [0.25, 0.75])
    fence = min(third + FENCE * (third - first), finite.max())
    return np.minimum(np.where(np.isfinite(costs), costs, fence), fence)


def _interval(value: float, resampled: NDArray[np.float64]) -> interval.Interval:
    """The estimate with the spread of the resamples around their own mean.

    Not their level: a resample holds some draws several times, so its trees split further and find more interaction.
    """
    tail = (1 - interval.LEVEL) / 2
    low, high = np.quantile(resampled - resampled.mean(), [tail, 1 - tail])
    inside = min(max(float(value), 0.0), 1.0)
    return interval.Interval(inside, max(0.0, inside + min(float(low), 0.0)), min(1.0, inside + max(float(high), 0.0)))


@dataclass(frozen=True, slots=True)
class _Measure:
    """The draws' own distribution of each setting, and their product over settings."""

    columns: NDArray[np.float64]  # (settings, draws), each row sorted

    @classmethod
    def of(cls, units: NDArray[np.float64]) -> _Measure:
        return cls(np.sort(units.T, axis=1))

    def ranks(self, setting: int, bounds: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many draws lie at or below each bound; a tree sends x ≤ threshold to the left."""
        return np.searchsorted(self.columns[setting], bounds, side="right")


def _forest(
    units: NDArray[np.float64], costs: NDArray[np.float64], measure: _Measure, *, trees: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Mean shares over a forest, shape (settings,), and its R² on the draws that each tree left out."""
    count, settings = units.shape
    shares, used = np.zeros(settings), 0
    sums, votes = np.zeros(count), np.zeros(count)
    for _ in range(trees):
        rows = rng.integers(count, size=count)
        seed = int(rng.integers(2**31))
        tree = DecisionTreeRegressor(min_samples_leaf=LEAF, max_features=5 / 6, random_state=seed)
        tree.fit(units[rows], costs[rows])
        part = main_effects(tree.tree_, measure)
        if part is not None:
            shares += part
            used += 1
        left_out = np.ones(count, bool)
        left_out[rows] = False
        if left_out.any():
            sums[left_out] += tree.predict(units[left_out])
            votes[left_out] += 1
    seen = votes > 0
    residual = costs[seen] - sums[seen] / votes[seen]
    variance = float(np.var(costs[seen])) if seen.any() else 0.0
    predicted = 1 - float(np.mean(residual**2)) / variance if variance > 0 else math.nan
    return shares / max(used, 1), predicted


def main_effects(tree: Any, measure: _Measure) -> NDArray[np.float64] | None:
    """Each setting's share of one tree's variance; None for a tree without a split. Exact.

    A leaf is a box. The main effect of setting j at x is the sum over leaves whose side j holds x of the leaf's value
    times the probability of its other sides; its variance over x is V_j, and V_j / V is the share.
    """
    low, high, values = _leaves(tree, measure)
    draws = measure.columns.shape[1]
    sides = (high - low) / draws  # (leaves, settings): probability of each side of each box
    volumes = sides.prod(axis=1)
    mean = float(volumes @ values)
    total = float(volumes @ (values - mean) ** 2)
    if total <= 1e-12 * max(mean**2, 1e-300):
        return None
    shares = np.empty(sides.shape[1])
    for setting in range(sides.shape[1]):
        others = np.delete(sides, setting, axis=1).prod(axis=1)
        steps = np.zeros(draws + 1)
        np.add.at(steps, low[:, setting], values * others)
        np.add.at(steps, high[:, setting], -values * others)
        effect = np.cumsum(steps)[:draws]  # at each draw, in sorted order
        shares[setting] = float(np.mean((effect - mean) ** 2)) / total
    return shares


def _leaves(tree: Any, measure: _Measure) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The leaves' boxes as ranges of ranks [low, high), each of shape (leaves, settings), and their values."""
    settings, draws = measure.columns.shape
    low = np.zeros((tree.node_count, settings), np.int64)
    high = np.full((tree.node_count, settings), draws, np.int64)
    for node in range(tree.node_count):  # a parent comes before its children
        left, right = tree.children_left[node], tree.children_right[node]
        if left < 0:
            continue
        setting = tree.feature[node]
        cut = measure.ranks(setting, tree.threshold[node])
        for child in (left, right):
            low[child], high[child] = low[node], high[node]
        high[left, setting] = min(high[node, setting], cut)
        low[right, setting] = max(low[node, setting], cut)
    leaf = tree.children_left < 0
    return low[leaf], np.maximum(high[leaf], low[leaf]), tree.value[leaf, 0, 0]

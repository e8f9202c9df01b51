"""Tuning: which settings matter, random search and grids on the right scales, many models at once.

Techniques E1 to E4, for settings of any names, or for the networks that burnish trains (`search_space`). Nothing here
imports JAX.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np

from burnish import errors
from burnish.data.inputs import InputSpec
from burnish.stats import interval
from burnish.train.configuration import Configuration
from burnish.tune import guarantee, sampler, shape_table
from burnish.tune import importance as importances
from burnish.tune.guarantee import TOP
from burnish.tune.halving import Rung, survivors
from burnish.tune.halving import plan as halving_plan
from burnish.tune.importance import Importances
from burnish.tune.scales import Choice, Log, OneMinusLog, OrZero, Scale, Uniform
from burnish.tune.shape_table import ShapeTable, Tried
from burnish.tune.space import Space, default

__all__ = [
    "Choice",
    "Log",
    "OneMinusLog",
    "OrZero",
    "Rung",
    "Scale",
    "ShapeTable",
    "Space",
    "Tried",
    "Uniform",
    "coarse_to_fine",
    "grid_search",
    "halving_plan",
    "hidden_layer_table",
    "importance",
    "random_search",
    "search_guarantee",
    "search_space",
    "survivors",
]

Scales = Mapping[str, Scale]  # by the setting's name, the most important first


def search_space(
    task: Literal["classification", "regression"],
    rows: int,
    *,
    numbers: int,
    flags: int = 0,
    vocabularies: tuple[int, ...] = (),
    centre: Configuration | None = None,
) -> Space:
    """E1: what burnish tunes, each setting on its scale, in the order of importance that practice gives: α first.

    Every function here that takes scales takes this too; draws are then `burnish.Configuration`s.

    Args:
        task: What the networks predict.
        rows: Training rows: they decide on widths, batch sizes and penalties.
        numbers: Continuous input columns.
        flags: Columns of 0 and 1.
        vocabularies: Codes of each category with many levels.
        centre: Where settings that are not drawn come from; None: the defaults.

    Reference: Bengio, Practical recommendations for gradient-based training of deep architectures, 2012.

    >>> space = search_space("regression", 1_000, numbers=8)
    >>> space.names[:4]
    ('learning_rate', 'width', 'beta1', 'batch_size')
    >>> [type(found[0]).__name__ for found in (random_search(space, 3), grid_search(space, 9))]
    ['Configuration', 'Configuration']
    """
    return default(task, rows, InputSpec(numbers, flags, vocabularies), centre=centre)


def importance(scales: Scales | Space, draws: Sequence[Any], costs: Sequence[float], *, seed: int = 0) -> Importances:
    """E1: how much each setting matters on these data: its share of the variance of the dev cost, with intervals.

    A random forest learns the cost as a function of the settings; its variance is split into what each setting
    explains alone and the remainder, which is interactions (functional analysis of variance). Practice expects α first;
    then hidden units, momentum β, mini-batch size; then the number of layers and the decay.

    Args:
        scales: What was drawn from, by name.
        draws: Independent random draws (`random_search`): at least 30. Refined ones crowd where costs are low.
        costs: Dev costs, smaller is better, all trained alike; one that is not finite counts as the worst.
        seed: Of the forest.

    Returns:
        `settings`, most important first; empty with the `reason` where the draws do not allow an answer.

    Reference: Hutter, Hoos and Leyton-Brown, An efficient approach for assessing hyperparameter importance, 2014.

    >>> scales = {"alpha": Log(1e-4, 1.0), "units": Uniform(50, 100, integer=True)}
    >>> draws = random_search(scales, 40)
    >>> found = importance(scales, draws, [np.log10(draw["alpha"]) ** 2 for draw in draws])
    >>> found.settings[0].name
    'alpha'
    """
    if isinstance(scales, Space):
        return importances.importance(draws, costs, scales, seed=seed)
    units = [[scale.to_unit(draw[name]) for name, scale in scales.items()] for draw in draws]
    return importances.of_units(np.array(units, np.float64).reshape(-1, len(scales)), costs, tuple(scales), seed=seed)


def hidden_layer_table(tried: Sequence[Tried], statistic: interval.Statistic) -> ShapeTable | None:
    """E1: depth × width against dev error with intervals, and the smallest network within noise of the best.

    Two networks on the same rows share most of their noise: a shape is compared with the best one row by row, and is
    within noise unless the 95 % interval of that difference lies on the worse side of 0.

    Args:
        tried: Networks trained in full: depth, width, parameters and the losses of the same dev rows.
        statistic: What the losses are: "error" (0 or 1), "rmse" (squared errors) or "mean".

    Returns:
        `cells`, `best` and `smallest`; None where nothing was tried.

    Reference: Breiman et al., Classification and Regression Trees, 1984, whose rule takes the smallest tree within one
    standard error of the best; here the differences are paired.

    >>> squares = np.random.default_rng(0).chisquare(1, 500)
    >>> table = hidden_layer_table([Tried(1, 16, 100, squares), Tried(3, 64, 9_000, 0.999 * squares[::-1])], "rmse")
    >>> table.best.width, table.smallest.width
    (64, 16)
    """
    return shape_table.table(tried, statistic)


@overload
def random_search(scales: Scales, n: int, *, seed: int = 0, first: int = 0) -> tuple[dict[str, Any], ...]: ...
@overload
def random_search(scales: Space, n: int, *, seed: int = 0, first: int = 0) -> tuple[Configuration, ...]: ...
def random_search(scales: Scales | Space, n: int, *, seed: int = 0, first: int = 0) -> tuple[Any, ...]:
    """E2: `n` independent draws, each setting on its own scale.

    Draw number k is a function of (scales, seed, k) alone: asking for more, or in parts, changes none. With 25 draws
    each setting is tried at 25 values; a grid of 25 over two settings tries 5 of each.

    Args:
        scales: By name, such as {"alpha": Log(1e-4, 1)}; or a `search_space`.
        n: How many.
        seed: Another seed, other draws.
        first: Number of the first draw.

    Reference: Bergstra and Bengio, Random search for hyper-parameter optimization, 2012.

    >>> draws = random_search({"alpha": Log(1e-4, 1.0), "units": Uniform(50, 100, integer=True)}, 25)
    >>> len({draw["alpha"] for draw in draws})
    25
    >>> draws[20:] == random_search({"alpha": Log(1e-4, 1.0), "units": Uniform(50, 100, integer=True)}, 5, first=20)
    True
    """
    if isinstance(scales, Space):
        return sampler.random(scales, n, seed=seed, first=first)
    return tuple(sampler.draw(scales, np.random.default_rng([seed, number])) for number in range(first, first + n))


@overload
def grid_search(scales: Scales, n: int) -> tuple[dict[str, Any], ...]: ...
@overload
def grid_search(scales: Space, n: int) -> tuple[Configuration, ...]: ...
def grid_search(scales: Scales | Space, n: int) -> tuple[Any, ...]:
    """E2: at most `n` points on a full grid, for comparison with random search.

    Over the first settings, as many as have room for three values each; the others stay at their scale's middle. Values
    are the middles of equal parts of the scale. In a `search_space` the others stay at the centre's values.

    Args:
        scales: By name, the most important first; or a `search_space`.
        n: How many points at most.

    Reference: Bergstra and Bengio 2012.

    >>> points = grid_search({"alpha": Log(1e-4, 1.0), "beta": OneMinusLog(0.9, 0.999)}, 25)
    >>> len(points), len({point["alpha"] for point in points})
    (25, 5)
    """
    if isinstance(scales, Space):
        return sampler.grid(scales, n)
    middle = {name: scale.from_unit(0.5) for name, scale in scales.items()}
    return tuple(middle | point for point in sampler.grid_points(scales, n))


@overload
def coarse_to_fine(scales: Scales, draws: Sequence[Mapping[str, Any]], costs: Sequence[float]) -> dict[str, Scale]: ...
@overload
def coarse_to_fine(scales: Space, draws: Sequence[Configuration], costs: Sequence[float]) -> Space: ...
def coarse_to_fine(scales: Scales | Space, draws: Sequence[Any], costs: Sequence[float]) -> dict[str, Scale] | Space:
    """E2: the scales shrunk around the best quarter of the draws: what the next, finer round draws from.

    A setting that does not matter keeps its whole scale, as its good values are spread evenly. Draws from here are
    chosen by results, so they do not count in `search_guarantee`.

    Args:
        scales: What was drawn from.
        draws: The draws.
        costs: Their dev costs, smaller is better; fewer than four finite ones change nothing.

    Of a quarter of k draws the new scale is their range, widened at each end by range/(k − 1): the unbiased estimate
    of a uniform distribution's ends.

    >>> scales = {"alpha": Log(1e-4, 1.0)}
    >>> draws = random_search(scales, 40)
    >>> finer = coarse_to_fine(scales, draws, [abs(np.log10(draw["alpha"]) + 2) for draw in draws])
    >>> 1e-3 < finer["alpha"].low < 0.01 < finer["alpha"].high < 0.1
    True
    """
    if len(draws) != len(costs):
        raise errors.ConfigError(f"{len(draws)} draws have {len(costs)} costs.", "Each draw has one.", "")
    if isinstance(scales, Space):
        return sampler.narrowed(scales, list(zip(draws, costs, strict=True)))
    best = [draws[place] for place in sampler.best_of(costs)]
    return {n: scale.narrowed([draw[n] for draw in best]) if best else scale for n, scale in scales.items()}


def search_guarantee(draws: int, top: float = TOP) -> tuple[float, str]:
    """E2: what `draws` independent random draws guarantee, and the same in plain words with what they do not.

    With probability `1 − (1 − q)^n` at least one of n lies in the top q of the sampling distribution. Only draws that
    were trained in full count; nothing says that the best one was also picked, or that the best network can be drawn.

    Args:
        draws: n.
        top: q, the share that counts as the top.

    Reference: Bergstra and Bengio 2012, section 2.

    >>> round(search_guarantee(60)[0], 3)
    0.954
    """
    return guarantee.probability(draws, top), guarantee.statement(draws, top)

"""Draws from a space: at random by default, on a grid for comparison, coarse to fine (technique E2).

Draw number k is a function of (space, seed, k) alone: asking for more draws, or for them in parts, changes none.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from burnish.errors import ConfigError
from burnish.train.configuration import Configuration
from burnish.tune import space as spaces

# Fewer levels than this on one setting show no optimum between the ends.
GRID_LEVELS = 3
# Share of the results that the next, finer round is drawn around, and how many they are at least.
BEST_SHARE = 0.25
BEST_AT_LEAST = 4


def random(space: spaces.Space, n: int, *, seed: int, first: int = 0) -> tuple[Configuration, ...]:
    """Independent draws number `first` to `first + n − 1`.

    Every draw has a generator of its own, and every setting takes the next uniform number of it, so that a setting
    added at the end of the space leaves the others as they were.
    """
    return tuple(_draw(space, np.random.default_rng([seed, number])) for number in range(first, first + n))


def _draw(space: spaces.Space, rng: np.random.Generator) -> Configuration:
    program = rng.random()  # taken even where there is nothing to choose: the other settings stay the same
    start = space.centre if space.programs is None else space.programs.from_unit(program)
    values = draw(space.scales, rng)
    return spaces.place(start, {name: values[name] for name in space.drawn})


def draw(scales: Mapping[str, spaces.Scale], rng: np.random.Generator) -> dict[str, Any]:
    """One value for each setting, each from the next uniform number."""
    return {name: scale.from_unit(rng.random()) for name, scale in scales.items()}


def grid(space: spaces.Space, n: int) -> tuple[Configuration, ...]:
    """At most `n` configurations on a full grid over the most important settings, the others at the centre's.

    For comparison only: with a grid of 25 points over two settings each setting is tried at 5 values, at random at 25
    (Bergstra and Bengio 2012).
    """
    start = space.centre if space.programs is None else space.programs.from_unit(0.0)
    points = grid_points({name: space.scales[name] for name in space.drawn}, n)
    return tuple(dict.fromkeys(spaces.place(start, point) for point in points))


def grid_points(scales: Mapping[str, spaces.Scale], n: int) -> tuple[dict[str, Any], ...]:
    """At most `n` points on a full grid over the first settings: as many of them as have room for GRID_LEVELS values
    each, and at least one. The other settings are not in the points.
    """
    if n < 1:
        return ()
    names = tuple(scales)[: max(1, int(math.log(n + 0.5, GRID_LEVELS)))]
    counts = [1] * len(names)
    for level in range(2, n + 1):
        for index in range(len(names)):
            raised = [level if place == index else count for place, count in enumerate(counts)]
            if math.prod(raised) <= n:
                counts = raised
    axes = [_levels(scales[name], count) for name, count in zip(names, counts, strict=True)]
    return tuple(dict(zip(names, point, strict=True)) for point in itertools.product(*axes))


def _levels(scale: spaces.Scale, count: int) -> list[Any]:
    """Values at the middles of `count` equal parts of the scale; fewer where the scale has fewer values."""
    return list(dict.fromkeys(scale.from_unit((index + 0.5) / count) for index in range(count)))


def narrowed(space: spaces.Space, results: Sequence[tuple[Configuration, float]]) -> spaces.Space:
    """The space shrunk around the best quarter of the results, setting by setting.

    Args:
        space: What the results were drawn from.
        results: Configurations with their dev cost (smaller is better), trained alike; those that are not finite are
            left out.

    Returns:
        The finer space; the space itself where fewer than `BEST_AT_LEAST` results are finite.
    """
    best = [results[order][0] for order in best_of([cost for _, cost in results])]
    if not best:
        return space
    scales = {
        name: scale.narrowed([spaces.get(configuration, name) for configuration in best])
        if name in space.drawn
        else scale
        for name, scale in space.scales.items()
    }
    return spaces.Space(scales, space.centre, _likelier(space.programs, best))


def best_of(costs: Sequence[float]) -> tuple[int, ...]:
    """Places of the best quarter of these dev costs, smallest first; () where fewer than `BEST_AT_LEAST` are finite."""
    finite = sorted((cost, order) for order, cost in enumerate(costs) if math.isfinite(cost))
    if len(finite) < BEST_AT_LEAST:
        return ()
    keep = max(BEST_AT_LEAST, round(BEST_SHARE * len(finite)))
    return tuple(order for _, order in finite[:keep])


def _likelier(programs: spaces.Choice | None, best: Sequence[Configuration]) -> spaces.Choice | None:
    """The programs weighted by how often they are among the best."""
    if programs is None:
        return None
    used = [configuration.program for configuration in best]
    by_program = {option.program: option for option in programs.options}
    return programs.narrowed([by_program[program] for program in used if program in by_program])


def refine(
    space: spaces.Space, results: Sequence[tuple[Configuration, float]], *, seed: int, n: int, first: int
) -> tuple[Configuration, ...]:
    """Coarse to fine: draws number `first` to `first + n − 1` from the space shrunk around the best results.

    They are chosen by results, so they do not count in `guarantee.statement`, nor in `importance.importance`.
    """
    return random(narrowed(space, results), n, seed=seed, first=first)


def programs(space: spaces.Space, limit: int, centre: Configuration) -> tuple[Configuration, ...]:
    """At most `limit` distinct programs, nearest to the centre first; the centre itself is always the first.

    The distance counts steps along ordered settings (depth, width, batch size, frequencies) and changed settings
    among the others. At each distance depth and width come first, so that the table of hidden layers fills from its
    middle; then the settings in the space's order, smaller networks first.
    """
    names = [name for name in space.scales if name in spaces.STRUCTURE and name not in spaces.NO_STEP]
    home = {name: _position(space.scales[name], spaces.get(centre, name)) for name in names}
    axes = [
        [(_steps(space.scales[name], home[name], value), value) for value in (home[name], *_values(space.scales[name]))]
        for name in names
    ]
    rings: dict[float, set[tuple[Any, ...]]] = {}  # by distance: of some thousand places the nearest few are wanted
    for place in itertools.product(*axes):
        rings.setdefault(sum(steps for steps, _ in place), set()).add(place)
    distinct: dict[tuple[Any, ...], Configuration] = {}
    for distance in sorted(rings):
        if len(distinct) >= limit:
            break
        ranked = []
        for place in rings[distance]:
            # A setting at home keeps the centre's own value, on the grid or not.
            moved = {name: value for name, (steps, value) in zip(names, place, strict=True) if steps}
            candidate = spaces.place(centre, moved)
            elsewhere = [name for name in moved if name not in ("depth", "width")]
            order = [names.index(name) for name in elsewhere]
            ranked.append(((len(elsewhere), order, _weights(candidate), repr(place)), candidate))
        for _, candidate in sorted(ranked, key=lambda pair: pair[0]):
            distinct.setdefault(candidate.program, candidate)
    return tuple(distinct.values())[:limit]


def _values(scale: spaces.Scale) -> tuple[Any, ...]:
    """Every value of a scale that has few: a structure is a choice or a narrow count."""
    match scale:
        case spaces.Choice(options=options):
            return options
        case spaces.Uniform(low=low, high=high, integer=True):
            return tuple(range(int(low), int(high) + 1))
    raise ConfigError(
        f"Programs cannot be listed along {scale}.",
        "Each value of a setting that shapes the network is a program of its own, so there must be few.",
        "Give a Choice or an integer Uniform for it.",
    )


def _ordered(scale: spaces.Scale) -> bool:
    return not isinstance(scale, spaces.Choice) or all(type(option) in (int, float) for option in scale.options)


def _position(scale: spaces.Scale, value: Any) -> Any:
    """The scale's own value nearest to this one: a centre may lie between the steps of the grid."""
    values = _values(scale)
    if value in values:
        return value
    return min(values, key=lambda other: (abs(other - value), other)) if _ordered(scale) else value


def _steps(scale: spaces.Scale, home: Any, value: Any) -> int:
    if not _ordered(scale):
        return int(value != home)
    values = _values(scale)
    return abs(values.index(value) - values.index(home))


def _weights(configuration: Configuration) -> int:
    """Weights between hidden layers, and their units: orders networks by size, whatever the inputs."""
    widths = configuration.widths
    return sum(a * b for a, b in itertools.pairwise(widths)) + sum(widths)

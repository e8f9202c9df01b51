"""Model-based search on top of random search: draws that a model of the results so far proposes (technique E2)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from burnish.train.configuration import Configuration
from burnish.tune import space as spaces

PROGRAM = "program"


def propose(
    space: spaces.Space, results: Sequence[tuple[Configuration, float]], *, seed: int, n: int, first: int
) -> tuple[Configuration, ...]:
    """Draws number `first` to `first + n − 1`, proposed by a tree-structured Parzen estimator.

    Bergstra et al., Algorithms for hyper-parameter optimization, 2011; the multivariate form of Falkner et al., 2018,
    as Optuna implements it. It works in the scales' unit coordinates, so that its prior is the space's own
    distribution. Draws of one batch are told apart by taking those proposed before as bad ones ("constant liar").

    They are chosen by results, so they do not count in `guarantee.statement`, nor in `importance.importance`.

    Args:
        space: What to draw from.
        results: Configurations with their dev cost (smaller is better), trained alike. Costs that are not finite count
            as the worst of the finite ones; without any finite one the proposals are draws from the prior.
        seed: Of the proposals; the same results in the same order give the same.
        n: How many.
        first: Number of the first of them.
    """
    import optuna  # a quarter of a second, that a run which never comes here need not pay

    if n < 1:
        return ()
    domain: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in space.drawn
    }
    options = () if space.programs is None else space.programs.options
    places = {option.program: place for place, option in enumerate(options)}
    if len(options) > 1:
        domain[PROGRAM] = optuna.distributions.CategoricalDistribution(range(len(options)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # n_startup_trials counts from the results given: the random draws before are the start.
        sampler = optuna.samplers.TPESampler(
            seed=(1_000_003 * seed + first) % 2**32, multivariate=True, constant_liar=True, n_startup_trials=1
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler)
    worst = max((cost for _, cost in results if math.isfinite(cost)), default=None)
    for configuration, cost in results:
        if worst is None or (len(options) > 1 and configuration.program not in places):
            continue
        units = dict(zip(space.names, space.units(configuration), strict=True))
        point = {name: float(units[name]) for name in space.drawn}
        if len(options) > 1:
            point[PROGRAM] = places[configuration.program]
        value = cost if math.isfinite(cost) else worst
        study.add_trial(optuna.trial.create_trial(params=point, distributions=domain, value=value))
    return tuple(_configuration(space, study.ask(domain).params) for _ in range(n))


def _configuration(space: spaces.Space, point: Mapping[str, Any]) -> Configuration:
    start = space.centre
    if space.programs is not None:
        start = space.programs.options[point.get(PROGRAM, 0)]
    return spaces.place(start, {name: space.scales[name].from_unit(point[name]) for name in space.drawn})

"""Draws that a model of the results proposes: near the good ones, within the space, the same for the same results."""

from __future__ import annotations

import math

import numpy as np
import pytest

from burnish.data.inputs import InputSpec
from burnish.train.configuration import Configuration
from burnish.tune import model_based, sampler, space

CENTRE = Configuration(widths=(64, 64))


def bounded(programs: int = 6) -> space.Space:
    free = space.default("regression", 1_000, InputSpec(8), centre=CENTRE)
    return free.within(sampler.programs(free, programs, CENTRE))


def cost(configuration: Configuration) -> float:
    """Best at α = 0.003, two hidden layers and no dropout."""
    depth = 0.1 * abs(len(configuration.widths) - 2)
    return abs(math.log10(configuration.learning_rate / 3e-3)) + depth + space.get(configuration, "dropout")


def results(made: space.Space, count: int = 40, seed: int = 0) -> list[tuple[Configuration, float]]:
    return [(drawn, cost(drawn)) for drawn in sampler.random(made, count, seed=seed)]


@pytest.mark.parametrize("seed", range(4))
def test_proposals_are_better_than_random_draws(seed):
    """Their mean cost lies well below that of the draws they were made from."""
    made = bounded()
    found = results(made, seed=seed)
    proposed = model_based.propose(made, found, seed=seed, n=20, first=40)

    assert np.mean([cost(one) for one in proposed]) < 0.75 * np.mean([value for _, value in found])


def test_the_same_results_give_the_same_proposals_and_another_seed_others():
    """Nothing depends on the clock or on what was asked before."""
    made = bounded()
    found = results(made)
    once = model_based.propose(made, found, seed=1, n=5, first=40)

    assert once == model_based.propose(made, found, seed=1, n=5, first=40)
    assert once != model_based.propose(made, found, seed=2, n=5, first=40)


@pytest.mark.parametrize("programs", [1, 6])
def test_proposals_lie_in_the_space_and_differ(programs):
    """One of its programs, every setting within its scale; a batch is no row of copies."""
    made = bounded(programs)
    proposed = model_based.propose(made, results(made), seed=0, n=12, first=40)
    allowed = {option.program for option in made.programs.options}

    assert {one.program for one in proposed} <= allowed
    assert len(set(proposed)) == 12
    for one in proposed:
        units = dict(zip(made.names, made.units(one), strict=True))
        for name in made.drawn:
            again = made.scales[name].from_unit(units[name])
            assert again == pytest.approx(space.get(one, name)) if isinstance(again, float) else again is not None


def test_a_draw_that_diverged_counts_as_the_worst():
    """Where all high learning rates diverged, few are proposed."""
    made = bounded(1)
    found = [(c, math.inf if c.learning_rate > 2e-3 else v) for c, v in results(made)]
    proposed = model_based.propose(made, found, seed=0, n=20, first=40)
    before = np.mean([c.learning_rate > 2e-3 for c, _ in found])

    assert before > 0.3
    assert np.mean([c.learning_rate > 2e-3 for c in proposed]) < before / 2


@pytest.mark.parametrize("found", [[], [(CENTRE, math.inf)]], ids=["none", "only diverged"])
def test_without_a_result_it_draws_from_the_space(found):
    """There is nothing to learn from, and nothing breaks."""
    assert len(model_based.propose(bounded(), found, seed=0, n=3, first=0)) == 3

"""Draws: reproducible, independent of how many are asked for, and within the programs that may be compiled."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from burnish.data.inputs import InputSpec
from burnish.errors import ConfigError
from burnish.train.configuration import Configuration
from burnish.tune import sampler, space
from burnish.tune.scales import Choice, Log, Uniform

INPUTS = InputSpec(numbers=8, flags=2)


def default(**options) -> space.Space:
    return space.default("classification", 5000, INPUTS, **options)


def test_draw_does_not_depend_on_how_many_are_asked_for():
    whole = sampler.random(default(), 12, seed=3)

    assert sampler.random(default(), 5, seed=3) == whole[:5]
    assert sampler.random(default(), 4, seed=3, first=8) == whole[8:]
    assert len(set(whole)) == 12


def test_another_seed_gives_other_draws():
    assert not set(sampler.random(default(), 10, seed=0)) & set(sampler.random(default(), 10, seed=1))


def test_setting_added_at_the_end_leaves_the_others_as_they_were():
    small = space.Space({"learning_rate": Log(1e-4, 1.0)})
    large = space.Space({"learning_rate": Log(1e-4, 1.0), "dropout": Uniform(0.0, 0.5)})

    before = [draw.learning_rate for draw in sampler.random(small, 6, seed=0)]
    after = [draw.learning_rate for draw in sampler.random(large, 6, seed=0)]

    assert before == after


def test_draws_use_only_the_programs_given_and_use_them_all_alike():
    programs = sampler.programs(default(), 5, Configuration())

    draws = sampler.random(default(programs=programs), 1000, seed=0)

    counts = {program.program: sum(draw.program == program.program for draw in draws) for program in programs}
    assert sum(counts.values()) == 1000
    np.testing.assert_allclose(list(counts.values()), 200, atol=64)  # 5 standard errors


def test_default_space_begins_with_alpha_and_fits_its_task():
    """E1's order; nothing is drawn that has no effect on the task, the inputs or the optimiser."""
    classes = default()
    numbers = space.default("regression", 500, InputSpec(0, 3), centre=Configuration(optimizer="momentum"))

    assert classes.names[:5] == ("learning_rate", "width", "beta1", "batch_size", "depth")
    assert "label_smoothing" in classes.names
    assert not {"label_smoothing", "input_noise", "frequencies", "beta2", "epsilon"} & set(numbers.names)


@pytest.mark.parametrize("rows", [10, 24, 100, 824, 1999, 2000, 500_000])
def test_default_space_can_be_drawn_from_for_any_number_of_rows(rows):
    drawn = sampler.random(space.default("classification", rows, INPUTS), 200, seed=0)

    assert all(draw.batch_size <= max(rows + space.BATCH_PADDING, 512) for draw in drawn)
    assert any(draw.batch_size > rows for draw in drawn) == (rows < space.FULL_BATCH_BELOW)
    assert any(draw.dropout == 0 for draw in drawn)
    assert any(draw.weight_decay > 0 for draw in drawn)
    assert not any(draw.residual and len(draw.widths) < 2 for draw in drawn)


def test_programs_start_at_the_centre_and_fill_the_table_of_hidden_layers_first():
    found = sampler.programs(default(), 40, Configuration(widths=(128, 128)))

    assert found[0] == Configuration(widths=(128, 128))
    assert {item.widths for item in found[1:5]} == {(128,), (64, 64), (256, 256), (128, 128, 128)}
    assert len({item.program for item in found}) == 40
    assert {"batch", "none"} == {item.norm for item in found}
    assert len({item.batch_size for item in found}) > 1


def test_programs_keep_a_centre_that_is_off_the_grid():
    """The person's own layers and batch size come first, as they are."""
    centre = Configuration(widths=(100, 50, 25), batch_size=100, activation="selu", dropout=(0.1, 0.2, 0.3))

    found = sampler.programs(default(), 5, centre)

    assert found[0] == centre
    assert all(item.activation == "selu" and item.batch_size == 100 for item in found)
    assert all(isinstance(item.dropout, float) or len(item.dropout) == len(item.widths) for item in found)


@pytest.mark.parametrize("limit", [1, 2, 7, 10_000])
def test_programs_are_distinct_and_no_more_than_the_limit(limit):
    small = space.Space(
        {"width": Choice((32, 64)), "depth": Uniform(1, 3, integer=True), "residual": Choice((False, True))}
    )

    found = sampler.programs(small, limit, Configuration(widths=(64,)))

    # 2 widths × 3 depths, and skip connections for the 4 with at least two layers
    assert len({item.program for item in found}) == len(found) == min(limit, 10)


def test_programs_along_a_continuous_setting_are_refused():
    with pytest.raises(ConfigError, match="must be few"):
        sampler.programs(space.Space({"width": Log(1, 1000)}), 3, Configuration())


def test_grid_of_twenty_five_over_two_settings_has_five_values_of_each():
    plane = space.Space({"learning_rate": Log(1e-4, 1.0), "dropout": Uniform(0.0, 0.5)})

    found = sampler.grid(plane, 25)

    assert len(found) == 25
    assert len({item.learning_rate for item in found}) == 5
    assert len({item.dropout for item in found}) == 5


@pytest.mark.parametrize("n", [0, 1, 2, 3, 9, 64])
def test_grid_has_no_more_points_than_asked_for(n):
    found = sampler.grid(default(), n)

    assert len(found) == len(set(found)) <= n
    assert len(found) >= n // 3


def test_refinement_finds_a_better_value_than_the_coarse_round():
    """A bowl in log α: the finer round lies nearer to its bottom on average."""
    line = space.Space({"learning_rate": Log(1e-5, 1.0), "dropout": Uniform(0.0, 0.5)})

    def cost(draw: Configuration) -> float:
        return (math.log10(draw.learning_rate) + 2.3) ** 2

    coarse = sampler.random(line, 24, seed=0)
    fine = sampler.refine(line, [(draw, cost(draw)) for draw in coarse], seed=0, n=24, first=24)

    assert np.mean([cost(draw) for draw in fine]) < np.mean([cost(draw) for draw in coarse]) / 4
    assert np.ptp([draw.dropout for draw in fine]) > 0.3  # it does not matter, so it keeps most of its range
    assert fine[3:5] == sampler.refine(line, [(draw, cost(draw)) for draw in coarse], seed=0, n=2, first=27)


def test_refinement_prefers_programs_that_did_well():
    programs = sampler.programs(default(), 4, Configuration())
    coarse = sampler.random(default(programs=programs), 40, seed=0)
    results = [(draw, 0.1 if draw.program == programs[2].program else 1.0) for draw in coarse]

    fine = sampler.refine(default(programs=programs), results, seed=0, n=200, first=40)

    assert sum(draw.program == programs[2].program for draw in fine) > 120
    assert {draw.program for draw in fine} <= {item.program for item in programs}


def test_refinement_leaves_diverged_trials_out_and_needs_four():
    line = space.Space({"learning_rate": Log(1e-4, 1.0)})
    coarse = sampler.random(line, 8, seed=0)

    assert sampler.narrowed(line, [(draw, math.nan) for draw in coarse]) == line
    assert sampler.narrowed(line, [(draw, 1.0) for draw in coarse[:3]]) == line
    low = [(draw, draw.learning_rate if draw.learning_rate < 0.5 else math.inf) for draw in coarse]
    assert sampler.narrowed(line, low).scales["learning_rate"].high < 1.0


def test_unknown_setting_is_named():
    with pytest.raises(ConfigError, match="'learning_rat'"):
        sampler.random(space.Space({"learning_rat": Log(1e-4, 1.0)}), 1, seed=0)


def test_unequal_layers_stay_where_width_and_depth_do_not_move():
    unequal = Configuration(widths=(64, 32))

    assert space.place(unequal, {"width": 48, "depth": 2}) == unequal
    assert space.place(unequal, {"depth": 3}).widths == (48, 48, 48)
    assert space.place(replace(unequal, dropout=(0.1, 0.3)), {"depth": 1}).dropout == pytest.approx(0.2)


def test_units_place_a_linear_network_and_layered_dropout():
    plane = space.Space({"width": Choice((32, 64)), "depth": Uniform(0, 4, integer=True), "dropout": Uniform(0.0, 0.5)})

    np.testing.assert_allclose(plane.units(Configuration(widths=(), dropout=())), [0.25, 0.1, 0.0])
    np.testing.assert_allclose(plane.units(Configuration(widths=(64,), dropout=(0.25,))), [0.75, 0.3, 0.5])

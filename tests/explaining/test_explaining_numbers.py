"""The numbers of panels, against closed forms, counting, and loops written out."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from burnish.data.inputs import InputSpec
from burnish.explaining import (
    batch_size,
    conditioning,
    decay,
    draws,
    l2,
    noise,
    paths,
    scales,
    search,
    shift,
    stopping,
    trends,
)
from burnish.report import summary as records
from burnish.train.configuration import Configuration
from burnish.tune import space
from burnish.workflow import tuning


def test_the_bowl_is_what_gradient_descent_finds_step_by_step():
    """The excess cost of a loop over gradient descent, at the same rate from weights of 0."""
    rng = np.random.default_rng(0)
    x = rng.normal([0.0, 5.0], [1.0, 3.0], (50, 2))
    y = rng.normal(size=50) + x[:, 0]
    centred = y - y.mean()
    inputs = np.column_stack([np.ones(50), x])
    hessian = inputs.T @ inputs / 50
    values = np.linalg.eigvalsh(hessian)
    best = np.linalg.lstsq(inputs, centred, rcond=None)[0]
    w, excess = np.zeros(3), []
    for _ in range(1_000):
        w = w - 2 / (values[0] + values[-1]) * (hessian @ w - inputs.T @ centred / 50)
        excess.append((w - best) @ hessian @ (w - best) / (best @ hessian @ best))
    found = conditioning.bowl(x, y)
    at = conditioning.steps()
    at = at[at <= 1_000]

    np.testing.assert_allclose(found.eigenvalues, values[::-1])
    assert found.condition == pytest.approx(values[-1] / values[0])
    np.testing.assert_allclose(found.excess[: len(at)], np.array(excess)[at - 1], rtol=1e-6, atol=1e-12)


def test_columns_that_follow_from_others_have_no_finite_condition_but_a_descent():
    x = np.random.default_rng(0).normal(size=(40, 2))
    found = conditioning.bowl(np.column_stack([x, x.sum(1)]), x[:, 0])

    assert math.isinf(found.condition)
    assert found.needed is not None


def test_signals_through_linear_layers_grow_as_their_starts_say():
    """n = 64 units: ×10 grows by 10·√64 a layer, ×0.01 by 0.01·√64, Xavier by 1, He by √2, and zeros leave nothing."""
    x = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
    found = scales.measure(x, (64,), "identity", seed=1)

    assert found["large"].activation_factor == pytest.approx(80, rel=0.1)
    assert found["small"].activation_factor == pytest.approx(0.08, rel=0.1)
    assert found["glorot"].activation_factor == pytest.approx(1, rel=0.1)
    assert found["he"].activation_factor == pytest.approx(math.sqrt(2), rel=0.1)
    assert found["zeros"].activations[1:].tolist() == [0.0] * scales.DEPTH
    assert scales.widths((32, 16)) == (32, 16, 16, 16, 16, 16, 16, 16)
    assert scales.widths((4,) * 10) == (4,) * 10


@pytest.mark.parametrize("beta", trends.BETAS)
def test_the_average_of_a_constant_begins_at_one_minus_beta_and_is_right_when_corrected(beta):
    """It is within 5 % after the first t with β^t ≤ 0.05."""
    trend = trends.measure(np.full(200, 7.0))[beta]

    np.testing.assert_allclose(trend.corrected, 7.0, rtol=1e-5)
    np.testing.assert_allclose(trend.plain, 7 * (1 - beta ** np.arange(1, 201)), rtol=1e-5)
    assert trend.warm == math.ceil(math.log(trends.NEAR) / math.log(beta))
    assert trend.missed == pytest.approx(0, abs=1e-4)


def test_what_an_average_missed_is_the_mean_of_what_comes():
    """By a loop over the steps."""
    costs = np.random.default_rng(0).gamma(2.0, size=120)
    trend = trends.measure(costs)[0.9]
    v, off = 0.0, []
    for step in range(len(costs) - trends.AHEAD):
        v = 0.9 * v + 0.1 * costs[step]
        off.append(v / (1 - 0.9 ** (step + 1)) - costs[step + 1 : step + 1 + trends.AHEAD].mean())

    assert trend.missed == pytest.approx(np.sqrt(np.mean(np.square(off))), rel=1e-4)


def test_paths_in_a_plane_keep_their_distances():
    """Turned into many dimensions and back."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(30, 2)))[0]
    flat = [np.vstack([np.zeros(2), rng.normal(size=(6, 2))]) for _ in range(3)]
    start = rng.normal(size=30)
    drawn, share = paths.plane([start + path @ axes.T for path in flat])

    assert share == pytest.approx(1.0)
    for path, shown in zip(flat, drawn, strict=True):
        np.testing.assert_allclose(np.linalg.norm(shown, axis=1), np.linalg.norm(path, axis=1), atol=1e-9)


def test_a_comparison_of_rules_has_nothing_else_in_it():
    regularised = Configuration(l2=1.0, weight_decay=0.1, dropout=0.2, input_noise=0.1, decay="cosine", clip_norm=1.0)

    assert paths.plain(regularised) == Configuration(decay="none")


def test_the_shift_is_that_of_the_means_in_deviations():
    """Half a deviation for each unit; units that do not vary have none."""
    before = np.random.default_rng(0).normal(size=(100, 3))
    before[:, 2] = 1.0

    assert shift.moved(before, before + 0.5 * before.std(0)) == pytest.approx(0.5)
    assert shift.moved(np.ones((4, 2)), np.zeros((4, 2))) == 0.0


def test_learning_rates_go_with_the_batch_size():
    """By its root where steps are divided by the gradient's size."""
    adam = Configuration(optimizer="adam", learning_rate=0.01, batch_size=64)

    assert noise.scaled_rate(adam, 256) == pytest.approx(0.02)
    assert noise.scaled_rate(Configuration(optimizer="sgd", learning_rate=0.01, batch_size=64), 256) == pytest.approx(
        0.04
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(50, (1, 50)), (79, (1, 79)), (81, (1, 64, 81)), (600, (1, 64, 600)), (4096, (1, 64, 512, 4096))],
)
def test_batch_sizes_stay_clear_of_all_rows(rows, expected):
    assert batch_size.sizes(rows) == expected


@pytest.mark.parametrize(
    ("dev", "patience", "expected"),
    [
        ([3, 2, 1], 1, 3),
        ([3, 2, 2.5, 2.4, 2.3, 1], 3, 5),
        ([3, 2, 2.5, 2.4, 1], 3, 5),
        ([1, 2], 1, 2),
        ([2, np.nan, 1], 2, 3),
    ],
)
def test_training_stops_once_patience_runs_out(dev, patience, expected):
    assert stopping.stop(np.array(dev, float), patience) == expected


def test_chances_of_a_search_are_those_of_counting_every_choice():
    costs = np.random.default_rng(0).normal(size=9)
    lowest = [min(choice) for choice in itertools.combinations(costs, 4)]

    assert search.chance(costs, float(np.median(costs)), 4) == pytest.approx(
        np.mean(np.array(lowest) < np.median(costs))
    )
    assert search.expected_best(costs)[3] == pytest.approx(np.mean(lowest))
    assert search.expected_best(costs)[[0, -1]] == pytest.approx([costs.mean(), costs.min()])


def test_a_draw_that_diverged_counts_as_the_worst_that_did_not():
    found = search.expected_best(np.array([np.inf, 1.0, 3.0, 2.0]))

    assert found == pytest.approx(search.expected_best(np.array([3.0, 1.0, 3.0, 2.0])))


def test_the_interval_of_the_best_of_k_holds_what_k_draws_find():
    """Of 30 uniform draws: the lowest of k has the mean 1/(k + 1). 200 searches; 95 % nominal, and the bootstrap of 30
    is a little narrow. Beyond a third of the draws none is given."""
    rng = np.random.default_rng(1)
    k = np.array([1, 3, 9])
    held = np.zeros(len(k))
    for _ in range(200):
        _, low, high = search.with_interval(rng.random(30))
        held += (low[k - 1] <= 1 / (k + 1)) & (1 / (k + 1) <= high[k - 1])

    assert (held / 200 >= 0.85).all(), held / 200
    assert np.isfinite(low).sum() == np.isfinite(high).sum() == 10


def test_draws_are_those_of_the_first_rung_that_were_drawn_at_random():
    """Later rungs, later rounds and other stages are left out; a draw that diverged has no cost."""

    def row(trial, until, cost, ending="PAUSED", rate=0.01):
        configuration = json.dumps(Configuration(epochs=30, learning_rate=rate).to_json())
        kept = {"trial": trial, "until": until, "dev_loss": cost, "ending": ending, "seconds": 2.0}
        return {**kept, "configuration": configuration}

    trials = [
        row("first-s0-f0", 30, 0.1),
        row("draw000-s0-f0", 10, 0.5),
        row("draw000-s0-f0", 30, 0.3, "COMPLETED"),
        row("draw001-s0-f0", 10, None, "DIVERGED", rate=0.02),
        row("draw002-s0-f0", 10, 0.2),
    ]
    draws_ = [records.Draw(f"draw00{i}", 0.01, 0.1, i < 2, False) for i in range(3)]
    scales = space.default("classification", 500, InputSpec(4))
    found = draws.recorded(records.Search(tuple(draws_), 1, ""), trials, scales)

    assert found is not None
    assert found.costs.tolist() == [0.5, np.inf]
    assert found.share == tuning.FIRST_RUNG
    assert found.tried() == {"learning_rate": 2}
    assert draws.recorded(None, trials, scales) is None


def test_jumps_are_steps_of_the_last_epochs():
    wobbling = np.array([[9.0] * 90 + [1.0, 1.2] * 5])

    assert decay.Curves(wobbling, wobbling).jumps == pytest.approx(0.2 / 1.1)
    assert decay.kinds("none") == ("none", "cosine", "sqrt_epoch")
    assert decay.kinds("sqrt_epoch") == ("none", "sqrt_epoch", "cosine")


def test_the_norm_is_of_weights_alone():
    params = {"hidden": ({"w": np.full((1, 2), 3.0), "b": np.full(2, 9.0)},), "output": {"w": np.array([[4.0]])}}

    assert l2.weight_norm(params) == pytest.approx(math.sqrt(9 + 9 + 16))

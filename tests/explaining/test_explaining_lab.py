"""Where panels train: the engine's own trainings, seen mini-batch by mini-batch."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from burnish.explaining import forward
from burnish.explaining.lab import Lab
from reference import tiny

SEED = 5
NETWORK = replace(tiny.SMALL, epochs=3)
NORMED = replace(NETWORK, norm="batch")


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(tiny.fold("regression", weighted=True), NETWORK, jobs=2)


def test_what_is_observed_is_the_training_itself(lab):
    """83 rows in mini-batches of 16: the same weights, averages and costs, however it is cut."""
    [trained] = lab.train([(NORMED, SEED)])
    state, costs = lab.start(NORMED, SEED), []
    for steps in (4, 9, 5):
        state, found = lab.observe(NORMED, state, steps, SEED)
        costs.append(found)
    counts = np.array([16, 16, 16, 16, 16, 3])
    by_epoch = (np.concatenate(costs).reshape(3, 6) * counts).sum(1) / 83
    dev = lab.cost(NORMED, state.params, lab.statistics(NORMED, state), train=False)

    np.testing.assert_allclose(by_epoch, trained.train, rtol=1e-5)
    np.testing.assert_allclose(dev, trained.dev[-1], rtol=1e-4)
    for ours, theirs in zip(jax.tree.leaves(state.params), jax.tree.leaves(trained.params), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(
        jax.tree.leaves(lab.statistics(NORMED, state)), jax.tree.leaves(trained.statistics), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_what_was_trained_is_not_trained_again(lab):
    first = lab.train([(NORMED, SEED), (replace(NORMED, learning_rate=0.02), SEED)])
    again = lab.train([(NORMED, SEED)])

    assert again[0] is first[0]
    assert first[0].dev.tolist() != first[1].dev.tolist()


def test_a_failing_training_fails_all(lab):
    """And those that are on their way end with their slice."""
    broken = Lab(lab.fold, NORMED, jobs=2)

    with pytest.raises(ValueError, match="dropout has 3 rates"):
        broken.train([(replace(NORMED, dropout=(0.1, 0.1, 0.1)), 1)])


def test_trainings_are_cut_by_arithmetic_and_never_lengthened(lab):
    assert lab.shortened(replace(NETWORK, epochs=10**6)).epochs < 10**6
    assert lab.shortened(replace(NETWORK, epochs=2)).epochs == 2
    assert lab.shortened(replace(NETWORK, epochs=100), 1e-9).epochs == 8
    assert lab.fitting(replace(NETWORK, widths=(512, 512)), 1.0) < lab.fitting(NETWORK, 1.0)


@pytest.mark.parametrize("residual", [False, True])
def test_what_activations_read_is_what_numpy_makes_of_the_weights(lab, residual):
    """With batch norm and skip connections; tanh lets z be seen in the layer after."""
    configuration = replace(NORMED, widths=(6, 6, 6), residual=residual, activation="tanh")
    shape = lab.shape(configuration)
    params, rng = lab.start(configuration, SEED).params, np.random.default_rng(0)
    statistics = tuple(
        {"mean": rng.normal(size=6).astype(np.float32), "variance": rng.uniform(1, 2, 6).astype(np.float32)}
        for _ in configuration.widths
    )
    rows = lab.fold.dev.inputs
    found = forward.pre_activations(shape, params, statistics, rows.x, rows.codes)
    h = np.asarray(rows.x, np.float64)
    for layer, seen, z in zip(params["hidden"], statistics, found, strict=True):
        w, gamma, beta = (np.asarray(layer[name], np.float64) for name in ("w", "gamma", "beta"))
        expected = (h @ w - seen["mean"]) / np.sqrt(seen["variance"] + 1e-5) * gamma + beta
        np.testing.assert_allclose(z, expected, rtol=1e-3, atol=1e-4)
        h = h + np.tanh(expected) if residual and h.shape[1] == len(gamma) else np.tanh(expected)


def test_time_is_counted_after_each_epoch(lab):
    found = lab.timed(replace(NORMED, epochs=10**6), SEED, 0.02)

    assert [steps for _, steps, _ in found] == [6 * (place + 1) for place in range(len(found))]
    assert np.all(np.diff([seconds for seconds, *_ in found]) > 0)

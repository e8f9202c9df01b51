"""The learning rate over a run, against each decay's formula."""

from __future__ import annotations

from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.train import configuration, hyperparameters, schedule
from burnish.train.configuration import Configuration

PER_EPOCH, EPOCHS = 7, 12
TOTAL = PER_EPOCH * EPOCHS
RATES = jax.jit(jax.vmap(schedule.learning_rate, in_axes=(None, 0, None)))


def rates(**settings) -> np.ndarray:
    """The rate of each step of twelve epochs of seven steps, starting at 0.2."""
    hp = hyperparameters.hyperparameters(Configuration(learning_rate=0.2, epochs=EPOCHS, **settings), 0)
    return np.asarray(RATES(hp, jnp.arange(1, TOTAL + 1), jnp.int32(PER_EPOCH)))


def formula(name: str, t: int, rate: float) -> float:
    """What `name` says for mini-batch t; the epoch and t count from 1."""
    epoch = (t - 1) // PER_EPOCH + 1
    match name:
        case "none":
            return 0.2
        case "inverse":
            return 0.2 / (1 + rate * epoch)
        case "exponential":
            return 0.2 * rate**epoch
        case "sqrt_epoch":
            return 0.2 / np.sqrt(epoch)
        case "sqrt_step":
            return 0.2 / np.sqrt(t)
        case "staircase":
            return 0.2 * rate ** ((epoch - 1) // 3)
        case "cosine":
            return 0.1 * (1 + np.cos(np.pi * (t - 1) / TOTAL))
        case "one_cycle":
            warm = 0.3 * TOTAL
            rise, fall = min(t / warm, 1.0), max(t - 1 - warm, 0.0) / (TOTAL - warm)
            return 0.2 * rise * 0.5 * (1 + np.cos(np.pi * fall))
    raise AssertionError(f"no formula for {name}")


@pytest.mark.parametrize("name", get_args(configuration.Decay))
def test_each_decay_equals_its_formula(name):
    """A contract of the registry: at every step of the run."""
    rate = 1.0 if name == "inverse" else 0.5
    expected = [formula(name, t, rate) for t in range(1, TOTAL + 1)]

    np.testing.assert_allclose(rates(decay=name, decay_rate=rate), expected, rtol=2e-5, atol=1e-8)


def test_inverse_decay_gives_the_textbook_figures():
    """α₀ = 0.2 and decay_rate 1: 0.1, 0.067, 0.05, 0.04 in epochs 1 to 4; the first epoch trains at 0.1."""

    np.testing.assert_allclose(
        rates(decay="inverse", decay_rate=1.0)[: 4 * PER_EPOCH : PER_EPOCH], [0.1, 0.2 / 3, 0.05, 0.04], rtol=1e-6
    )


def test_warm_up_rises_linearly_and_then_hands_over():
    """A quarter of the run up to α₀, then the cosine from its top; no step is above α₀ and none trains at 0."""
    seen = rates(decay="cosine", warmup=0.25)
    warm = TOTAL // 4

    np.testing.assert_allclose(seen[:warm], 0.2 * np.arange(1, warm + 1) / warm, rtol=1e-5)
    np.testing.assert_allclose(seen[warm], 0.2, rtol=1e-5)
    assert seen.max() <= 0.2 * (1 + 1e-6)
    assert (np.diff(seen[warm:]) < 0).all()
    assert seen.min() > 0


@pytest.mark.parametrize("per_epoch", [1, 3, 49, 1000, 7919])
def test_epochs_change_at_their_first_step_for_any_number_of_steps(per_epoch):
    """The last step of an epoch and the first of the next are told apart, also where the division rounds."""
    hp = hyperparameters.hyperparameters(Configuration(learning_rate=1.0, decay="inverse", decay_rate=1.0), 0)
    epochs = np.arange(1, 500)
    first = np.asarray(RATES(hp, jnp.asarray((epochs - 1) * per_epoch + 1), jnp.int32(per_epoch)))
    last = np.asarray(RATES(hp, jnp.asarray(epochs * per_epoch), jnp.int32(per_epoch)))

    np.testing.assert_allclose(first, 1 / (1 + epochs), rtol=1e-6)
    np.testing.assert_allclose(last, 1 / (1 + epochs), rtol=1e-6)

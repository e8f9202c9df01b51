"""D1 to D7: mini-batches, averages, optimisers and decays against optax, SciPy, NumPy twins and the list's figures."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from burnish import errors, techniques
from reference import optimizers_twin, training_twin

STEPS = 50


@settings(derandomize=True, max_examples=15, deadline=None)
@given(rows=st.integers(1, 60), batch_size=st.integers(1, 70))
def test_batches_cover_each_row_once_and_are_cut_as_the_plain_twin_cuts(rows, batch_size):
    found = techniques.mini_batches(jax.random.key(rows), rows, batch_size=batch_size)
    counted = np.asarray(found.counted) > 0
    taken = np.asarray(found.rows)[counted]
    sizes = [cut.stop - cut.start for cut in training_twin.mini_batches(rows, min(batch_size, rows))]

    np.testing.assert_array_equal(np.sort(taken), np.arange(rows))
    assert counted.sum(axis=1).tolist() == sizes
    assert min(sizes) > 1 or batch_size == 1 or rows == 1 or (batch_size == 2 and rows % 2)
    assert found.rows.min() >= 0
    assert found.rows.max() < rows


def test_each_epoch_has_an_order_of_its_own():
    one, other = (np.asarray(techniques.mini_batches(jax.random.key(n), 64, batch_size=16).rows) for n in range(2))

    assert (one != other).any()
    assert sorted(one.ravel()) == sorted(other.ravel())


def test_five_million_rows_in_batches_of_a_thousand_are_five_thousand_batches():
    """1,000 is the size of a batch, not the number of batches; by shape alone, nothing is computed."""
    shapes = jax.eval_shape(lambda key: techniques.mini_batches(key, 5_000_000, batch_size=1_000), jax.random.key(0))

    assert shapes.rows.shape == (5_000, 1_000)


def test_the_cost_of_an_epoch_is_the_mean_over_rows():
    losses = np.random.default_rng(0).exponential(size=50)
    found = techniques.mini_batches(jax.random.key(0), 50, batch_size=16)
    counts = found.counted.sum(axis=1)
    costs = (losses[found.rows] * found.counted).sum(axis=1) / counts

    assert float(techniques.epoch_cost(costs, counts)) == pytest.approx(losses.mean(), rel=1e-6)


def test_the_cost_of_full_batches_falls_at_every_step_and_that_of_mini_batches_need_not():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = x @ [1.0, 2.0, 3.0] + rng.normal(size=200)

    def falls(batch_size: int) -> np.ndarray:
        theta, costs = jnp.zeros(3), []
        for epoch in range(40 * batch_size // 200):
            for rows, counted in zip(
                *techniques.mini_batches(jax.random.key(epoch), 200, batch_size=batch_size), strict=True
            ):
                chosen = np.asarray(rows)[np.asarray(counted) > 0]
                residual = x[chosen] @ np.asarray(theta) - y[chosen]
                costs.append(np.mean(residual**2))
                theta = theta - 0.05 * x[chosen].T @ residual / len(chosen)
        return np.diff(costs) < 0

    assert falls(200).all()
    assert not falls(10).all()


def test_small_data_may_take_the_full_batch_and_large_data_powers_of_two():
    assert max(techniques.batch_sizes(1_500)) >= 1_500
    assert techniques.batch_sizes(1_000_000) == (64, 128, 256, 512)
    with pytest.raises(errors.ConfigError):
        techniques.mini_batches(jax.random.key(0), 0, batch_size=4)


def test_averages_have_the_figures_of_the_list():
    theta = [40.0, 49.0, 45.0]
    plain = techniques.exponentially_weighted_average(theta, 0.9)
    corrected = techniques.exponentially_weighted_average(theta, 0.9, bias_correction=True)

    np.testing.assert_allclose(plain, [4.0, 8.5, 12.15], rtol=1e-6)
    np.testing.assert_allclose(corrected, [40.0, 44.74, 44.83], atol=0.005)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.98])
def test_averages_equal_scipys_filter(beta):
    """In float64, for series of vectors too; corrected by 1 − β^t, which is never fed back."""
    theta = np.random.default_rng(0).normal(size=(300, 2, 3))
    expected = signal.lfilter([1 - beta], [1, -beta], theta, axis=0)
    weight = (1 - beta ** np.arange(1, 301)).reshape(-1, 1, 1)
    with jax.enable_x64(True):
        plain = techniques.exponentially_weighted_average(theta, beta)
        corrected = techniques.exponentially_weighted_average(theta, beta, bias_correction=True)

    np.testing.assert_allclose(plain, expected, atol=1e-12)
    np.testing.assert_allclose(corrected, expected / weight, atol=1e-12)


@settings(derandomize=True, max_examples=15, deadline=None)
@given(beta=st.floats(0, 0.99), value=st.floats(-1e3, 1e3))
def test_the_corrected_average_of_a_constant_is_the_constant(beta, value):
    found = techniques.exponentially_weighted_average(np.full(8, value), beta, bias_correction=True)

    np.testing.assert_allclose(found, value, rtol=2e-5, atol=1e-6)


def test_an_average_that_forgets_nothing_is_refused():
    with pytest.raises(errors.ConfigError, match="β = 1"):
        techniques.exponentially_weighted_average([1.0], 1.0)


START = {"w": np.linspace(-1, 1, 12).reshape(3, 4), "b": np.array([0.5, -2.0])}


def pull(tree):
    """Gradient of a bent, badly scaled bowl: all gradients differ and turn their signs on the way."""
    return jax.tree.map(lambda p: 3.0 * p + jnp.sin(40.0 * p) * jnp.arange(1, p.size + 1).reshape(p.shape), tree)


def walk(tx: optax.GradientTransformation):
    """Where fifty steps lead, in float64."""
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, START)

        def step(carry, _):
            params, state = carry
            updates, state = tx.update(pull(params), state, params)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, tx.init(params)), length=STEPS)[0][0]


def by_hand(name: str, rate: float, beta1: float, beta2: float, epsilon: float):
    """The same with the NumPy twin of the formulas."""
    found = {}
    for key, start in START.items():
        p, memory = np.array(start), optimizers_twin.Memory.like(start)
        for _ in range(STEPS):
            gradient = 3 * p + np.sin(40 * p) * np.arange(1, p.size + 1).reshape(p.shape)
            p = p - rate * optimizers_twin.direction(name, gradient, memory, beta1=beta1, beta2=beta2, epsilon=epsilon)
        found[key] = p
    return found


@pytest.mark.parametrize(
    ("name", "tx"),
    [
        ("momentum", techniques.momentum(0.01, 0.85)),
        ("nesterov", techniques.momentum(0.01, 0.85, nesterov=True)),
        ("rmsprop", techniques.rmsprop(0.01, 0.98, epsilon=1e-3)),
        ("adam", techniques.adam(0.01, beta1=0.85, beta2=0.98, epsilon=1e-3)),
    ],
)
def test_optimisers_equal_their_formulas(name, tx):
    found, expected = walk(tx), by_hand(name, 0.01, 0.85, 0.98, 1e-3)

    for key in START:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (techniques.momentum(0.01, 0.9), optax.sgd(0.1 * 0.01, momentum=0.9)),
        (techniques.momentum(0.01, 0.9, nesterov=True), optax.sgd(0.1 * 0.01, momentum=0.9, nesterov=True)),
        (techniques.rmsprop(0.01, 0.9, epsilon=1e-4), optax.rmsprop(0.01, decay=0.9, eps=1e-4, eps_in_sqrt=False)),
        (techniques.adam(0.01), optax.adam(0.01)),
        (
            techniques.adam(techniques.cosine_decay(0.01, STEPS)),
            optax.adam(optax.cosine_decay_schedule(0.01, STEPS)),
        ),
    ],
    ids=["momentum", "nesterov", "rmsprop", "adam", "scheduled"],
)
def test_optimisers_equal_optax_as_their_pages_say(ours, theirs):
    """Momentum's (1 − β), and ε outside the root of RMSprop, are where the names differ."""
    found, expected = walk(ours), walk(theirs)

    for key in START:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-8, atol=1e-10)


def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient():
    tx = techniques.adam(0.1)
    gradients = jnp.array([1e-3, 1.0, -1e6])
    updates, _ = tx.update(gradients, tx.init(gradients))

    np.testing.assert_allclose(updates, [-0.1, -0.1, 0.1], rtol=2e-5)


def test_optimisers_keep_no_average_that_they_do_not_read_and_the_type_of_the_parameters():
    params = {"w": jnp.ones(4, jnp.float16)}
    sizes = {}
    for name in ("momentum", "rmsprop", "adam"):
        tx = getattr(techniques, name)(0.1)
        updates, state = tx.update(params, tx.init(params))
        assert updates["w"].dtype == jnp.float16
        sizes[name] = sum(leaf.size for leaf in jax.tree.leaves(state) if leaf.ndim)

    assert sizes == {"momentum": 4, "rmsprop": 4, "adam": 8}


@pytest.mark.parametrize("wrong", [{"beta1": 1.0}, {"beta2": -0.1}, {"epsilon": -1.0}])
def test_coefficients_out_of_range_are_refused(wrong):
    with pytest.raises(errors.ConfigError, match="adam cannot run"):
        techniques.adam(0.1, **wrong)


def rates(rate: optax.Schedule, steps: int) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(rate))(jnp.arange(steps)))


def test_inverse_time_decay_has_the_figures_of_the_list():
    """0.2 / (1 + epoch) at epochs 1 to 4; within an epoch of three mini-batches it stays."""
    found = rates(techniques.inverse_time_decay(0.2, 1.0, steps_per_epoch=3), 12)

    np.testing.assert_allclose(found, np.repeat([0.1, 0.0667, 0.05, 0.04], 3), atol=5e-5)


T = np.arange(1, 41)
EPOCH = (T - 1) // 4 + 1


@pytest.mark.parametrize(
    ("ours", "formula"),
    [
        (techniques.inverse_time_decay(0.3, 0.7, steps_per_epoch=4), 0.3 / (1 + 0.7 * EPOCH)),
        (techniques.exponential_decay(0.3, 0.95, steps_per_epoch=4), 0.95**EPOCH * 0.3),
        (techniques.sqrt_epoch_decay(0.3, 2.0, steps_per_epoch=4), 2 / np.sqrt(EPOCH) * 0.3),
        (techniques.sqrt_step_decay(0.3, 2.0), 2 / np.sqrt(T) * 0.3),
        (techniques.staircase_decay(0.3, 0.1, every=3, steps_per_epoch=4), 0.3 * 0.1 ** ((EPOCH - 1) // 3)),
        (techniques.warm_up(0.3, 8), 0.3 * np.minimum(T / 8, 1)),
        (techniques.cosine_decay(0.3, 40), 0.15 * (1 + np.cos(np.pi * (T - 1) / 40))),
        (
            techniques.one_cycle(0.3, 40),
            np.where(T <= 12, 0.3 * T / 12, 0.15 * (1 + np.cos(np.pi * np.maximum(T - 1 - 12, 0) / 28))),
        ),
    ],
    ids=["inverse", "exponential", "sqrt epoch", "sqrt step", "staircase", "warm-up", "cosine", "one-cycle"],
)
def test_decays_equal_their_formulas(ours, formula):
    np.testing.assert_allclose(rates(ours, 40), formula, rtol=2e-6, atol=1e-8)


def test_decays_equal_optax_where_it_has_them():
    exponential = optax.exponential_decay(0.3 * 0.95, 4, 0.95, staircase=True)
    stairs = optax.piecewise_constant_schedule(0.3, {8: 0.5, 16: 0.5, 24: 0.5})
    warm = optax.linear_schedule(0.0, 0.3, 8)

    np.testing.assert_allclose(
        rates(techniques.exponential_decay(0.3, 0.95, steps_per_epoch=4), 40), rates(exponential, 40), rtol=1e-6
    )
    np.testing.assert_allclose(
        rates(techniques.cosine_decay(0.3, 40), 50), rates(optax.cosine_decay_schedule(0.3, 40), 50), atol=1e-7
    )
    found = rates(techniques.staircase_decay(0.3, 0.5, every=2, steps_per_epoch=4), 32)
    np.testing.assert_allclose(found, [float(stairs(step)) for step in range(32)], rtol=1e-6)
    np.testing.assert_allclose(rates(techniques.warm_up(0.3, 8), 39), rates(warm, 40)[1:], rtol=1e-6)


def test_warm_up_goes_before_any_schedule():
    plain = techniques.sqrt_step_decay(0.3)
    found = rates(techniques.warm_up(plain, 10), 40)

    np.testing.assert_allclose(found, rates(plain, 40) * np.minimum(T / 10, 1), rtol=1e-6)

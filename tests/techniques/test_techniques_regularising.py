"""B1 to B6: penalties and decay, dropout, augmentation of tables, early stopping."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.linear_model import LogisticRegression

from burnish import errors, techniques

PARAMS = {"hidden": [{"w": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "b": jnp.array([0.3, -0.1])}]}
EXACT = {"rtol": 1e-6, "atol": 1e-7}


def test_logistic_regression_with_the_penalty_is_scikit_learns():
    """Its cost is ½‖w‖² + C Σ loss: ours times m/λ, with C = 1/λ."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = (x @ [2.0, -1.0, 0.0] + rng.logistic(size=200) > 0).astype(float)
    rows, l2 = len(y), 3.0
    with jax.enable_x64(True):

        @jax.jit
        def cost(theta):
            z = x @ theta[:3] + theta[3]
            loss = jnp.mean(jnp.logaddexp(0, z) - y * z)
            return loss + techniques.l2_penalty(theta[:3], l2=l2, rows=rows)

        found = optimize.minimize(cost, np.zeros(4), jac=jax.grad(cost), method="BFGS", options={"gtol": 1e-9}).x
    expected = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=1000).fit(x, y)

    np.testing.assert_allclose(found, [*expected.coef_[0], *expected.intercept_], rtol=1e-5)


def test_the_gradient_of_the_penalty_is_the_weights_times_lambda_over_m():
    weights = [PARAMS["hidden"][0]["w"], jnp.array([4.0, 5.0])]
    by_hand = techniques.l2_gradient(weights, l2=3.0, rows=60)
    by_jax = jax.grad(lambda w: techniques.l2_penalty(w, l2=3.0, rows=60))(weights)

    for hand, auto, w in zip(by_hand, by_jax, weights, strict=True):
        np.testing.assert_allclose(hand, 3.0 / 60 * np.asarray(w), **EXACT)
        np.testing.assert_allclose(auto, hand, **EXACT)
    total = sum(np.square(w).sum() for w in weights)
    assert float(techniques.l2_penalty(weights, l2=3.0, rows=60)) == pytest.approx(3.0 / 120 * total, rel=1e-6)


def walk(tx: optax.GradientTransformation, gradient, steps: int = 20, params=PARAMS):
    """The parameters after some steps of an optax chain."""
    state = tx.init(params)
    for _ in range(steps):
        updates, state = tx.update(gradient(params), state, params)
        params = optax.apply_updates(params, updates)
    return params


def no_gradient(params):
    return jax.tree.map(jnp.zeros_like, params)


def pull(params):
    return jax.tree.map(lambda p: jnp.sin(3 * p) + 0.1 * p, params)


def assert_same(one, other, **tolerance):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, **(tolerance or EXACT))


def test_plain_gradient_descent_shrinks_weights_by_one_less_alpha_lambda_over_m_and_leaves_biases_alone():
    """Coupled and decoupled are then one: weight decay."""
    alpha, l2, rows = 0.5, 2.0, 10
    mask = techniques.weights_only
    coupled = walk(optax.chain(techniques.coupled_l2(l2=l2, rows=rows, mask=mask), optax.sgd(alpha)), no_gradient)
    decay = techniques.decoupled_decay(alpha, l2 / rows, mask=mask)
    decoupled = walk(optax.chain(optax.sgd(alpha), decay), no_gradient)
    expected = (1 - alpha * l2 / rows) ** 20 * PARAMS["hidden"][0]["w"]

    for found in (coupled, decoupled):
        np.testing.assert_allclose(found["hidden"][0]["w"], expected, rtol=1e-5)
        np.testing.assert_array_equal(found["hidden"][0]["b"], PARAMS["hidden"][0]["b"])


def test_coupled_l2_is_the_gradient_of_the_whole_cost_under_any_optimiser():
    penalised = jax.grad(lambda p: techniques.l2_penalty([p["hidden"][0]["w"]], l2=2.0, rows=10))
    whole = walk(optax.adam(0.03), lambda p: jax.tree.map(jnp.add, pull(p), penalised(p)))
    l2 = techniques.coupled_l2(l2=2.0, rows=10, mask=techniques.weights_only)

    assert_same(walk(optax.chain(l2, optax.adam(0.03)), pull), whole, rtol=1e-5)


@pytest.mark.parametrize("rate", [0.03, optax.cosine_decay_schedule(0.03, 20)], ids=["fixed", "schedule"])
def test_decoupled_decay_behind_adam_is_optax_adamw(rate):
    """And it is not what L2 does under Adam."""
    mask = techniques.weights_only
    chain = optax.chain(techniques.adam(rate), techniques.decoupled_decay(rate, 0.5, mask=mask))
    adamw = walk(optax.adamw(rate, weight_decay=0.5, mask=mask), pull)
    coupled = walk(optax.chain(techniques.coupled_l2(l2=0.5, rows=1, mask=mask), techniques.adam(rate)), pull)

    assert_same(walk(chain, pull), adamw, rtol=1e-5, atol=1e-6)
    assert float(jnp.abs(coupled["hidden"][0]["w"] - adamw["hidden"][0]["w"]).max()) > 0.01


def test_decay_without_parameters_says_what_to_call():
    tx = techniques.decoupled_decay(0.1, 0.1)
    with pytest.raises(ValueError, match=r"update\(gradients, state, params\)"):
        tx.update(PARAMS, tx.init(PARAMS))


def test_norms_are_numpys_by_name():
    found = techniques.weight_norms(PARAMS)

    assert list(found) == ["hidden.0.b", "hidden.0.w"]
    assert found["hidden.0.w"] == pytest.approx(np.linalg.norm(PARAMS["hidden"][0]["w"]), rel=1e-6)


@pytest.mark.parametrize("deviation", [0.1, 0.5, 1.0, 4.0])
def test_the_linear_share_of_normal_units_is_the_normal_integral(deviation):
    """tanh(z) = 0.9 z at z = ±0.58, found by SciPy."""
    edge = optimize.brentq(lambda z: np.tanh(z) - 0.9 * z, 0.1, 2.0)
    z = deviation * np.random.default_rng(0).normal(size=(2_000, 50))

    assert edge == pytest.approx(0.58, abs=0.01)
    expected = 1 - 2 * stats.norm.sf(edge / deviation)
    assert float(techniques.linear_share(z)) == pytest.approx(expected, abs=0.01)


def test_more_l2_makes_smaller_weights_more_linear_units_and_a_smaller_gap():
    """A tanh network of 30 units on 40 noisy rows: norms, linear part and dev − train against λ."""
    rng = np.random.default_rng(0)
    x, dev_x = rng.normal(size=(40, 3)), rng.normal(size=(400, 3))
    y, dev_y = (a[:, 0] + rng.normal(0, 1, len(a)) for a in (x, dev_x))
    start = [techniques.lecun(jax.random.key(n), shape) for n, shape in enumerate([(3, 30), (30, 1)])]

    def outputs(weights, x):
        return (jnp.tanh(x @ weights[0]) @ weights[1])[:, 0]

    def trained(l2: float):
        def cost(w):
            return jnp.mean(jnp.square(outputs(w, x) - y)) + techniques.l2_penalty(w, l2=l2, rows=40)

        tx = techniques.adam(0.03)

        def step(carry, _):
            weights, state = carry
            updates, state = tx.update(jax.grad(cost)(weights), state)
            return (optax.apply_updates(weights, updates), state), None

        return jax.lax.scan(step, (start, tx.init(start)), length=1_500)[0][0]

    seen = []
    for l2 in (0.0, 0.3, 3.0):
        w = jax.jit(trained)(l2)
        gap = np.mean(np.square(outputs(w, dev_x) - dev_y)) - np.mean(np.square(outputs(w, x) - y))
        norm = sum(techniques.weight_norms(w).values())
        seen.append((norm, -float(techniques.linear_share(dev_x @ w[0])), float(gap)))

    for measure in zip(*seen, strict=True):
        assert measure[0] > measure[1] > measure[2]


@settings(derandomize=True, max_examples=25, deadline=None)
@example(keep=1.0, seed=0)
@given(keep=st.floats(0.05, 1.0), seed=st.integers(0, 1_000))
def test_dropout_leaves_the_expected_activation_unchanged(keep, seed):
    """Each unit is 0 or a/keep_prob; the mean lies within 5 standard errors of a, and 5 units where few are dropped."""
    a = np.linspace(-2, 3, 7)
    out = np.asarray(techniques.inverted_dropout(jax.random.key(seed), jnp.tile(a, (4_000, 1)), keep))
    error = np.abs(a) * (np.sqrt((1 - keep) / keep / 4_000) + 1 / 4_000)

    # In float32 a mean of 4,000 equal numbers is 4e-5 off.
    np.testing.assert_array_less(np.abs(out.mean(axis=0, dtype=np.float64) - a), 5 * error + 1e-6)
    kept = out != 0
    np.testing.assert_allclose(out[kept], np.broadcast_to(a / keep, out.shape)[kept], rtol=1e-5)


def test_dropout_leaves_out_ten_of_fifty_on_average_and_not_exactly():
    """The number left out in a row of 50 is binomial: mean 10, variance 8."""
    out = np.asarray(techniques.inverted_dropout(jax.random.key(3), jnp.ones((20_000, 50)), 0.8))
    left_out = (out == 0).sum(axis=1)
    observed = np.bincount(left_out, minlength=51)
    expected = 20_000 * stats.binom.pmf(np.arange(51), 50, 0.2)
    common = expected > 20

    assert left_out.mean() == pytest.approx(10, abs=5 * np.sqrt(8 / 20_000))
    assert (
        stats.chisquare(observed[common], expected[common] / expected[common].sum() * observed[common].sum()).pvalue
        > 1e-4
    )


def test_dropout_has_a_new_mask_for_each_key_and_none_at_one():
    a = jnp.arange(1.0, 2001.0).reshape(40, 50)
    masks = [np.asarray(techniques.inverted_dropout(jax.random.key(n), a, 0.5)) > 0 for n in range(3)]

    for one, other in [(0, 1), (1, 2), (0, 2)]:
        assert np.mean(masks[one] == masks[other]) == pytest.approx(0.5, abs=0.05)
    np.testing.assert_array_equal(techniques.inverted_dropout(jax.random.key(0), a, 1.0), a)
    with pytest.raises(errors.ConfigError, match="probability 0"):
        techniques.inverted_dropout(jax.random.key(0), a, 0)


def test_dropout_lets_gradients_through_where_units_were_kept():
    key, a = jax.random.key(0), jnp.linspace(1, 2, 40)
    gradient = jax.jit(jax.grad(lambda a: techniques.inverted_dropout(key, a, 0.8).sum()))(a)
    kept = np.asarray(techniques.inverted_dropout(key, a, 0.8)) > 0

    np.testing.assert_allclose(gradient, kept / 0.8, rtol=1e-6)


MIXED = 1_500  # rows of every test of mixup: JAX compiles its beta distribution for each number anew, for seconds


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_mixes_inputs_and_targets_alike_with_beta_shares(alpha):
    """Rows of the identity give the share and the partner away: shares follow SciPy's beta distribution."""
    rows = MIXED
    x, y = techniques.mixup(jax.random.key(0), jnp.eye(rows), jnp.arange(rows, dtype=jnp.float32), alpha=alpha)
    x, y = np.asarray(x), np.asarray(y)
    share = np.diag(x)
    partner = np.where(np.eye(rows, dtype=bool), 0, x).argmax(axis=1)
    mixed = partner != 0

    np.testing.assert_allclose(x.sum(axis=1), 1, rtol=1e-6)
    assert (np.count_nonzero(x > 1e-12, axis=1) <= 2).all()
    assert stats.kstest(share[share < 1], stats.beta(alpha, alpha).cdf).pvalue > 1e-3
    np.testing.assert_allclose(y, share * np.arange(rows) + (1 - share) * partner, rtol=1e-4, atol=0.05)
    assert np.unique(partner[mixed & (share < 0.999)]).size > 0.8 * np.sum(mixed & (share < 0.999))


def test_mixup_keeps_one_hot_targets_probabilities_and_refuses_class_numbers():
    classes = jnp.arange(MIXED) % 3
    _, y = techniques.mixup(jax.random.key(0), jnp.ones((MIXED, 2)), jax.nn.one_hot(classes, 3))

    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
    with pytest.raises(errors.ConfigError, match="one_hot"):
        techniques.mixup(jax.random.key(0), jnp.ones((MIXED, 2)), classes)


def test_feature_noise_is_normal_with_each_columns_own_spread():
    scale = np.array([0.0, 0.1, 2.0])
    x = np.full((5_000, 3), 7.0)
    found = np.asarray(techniques.feature_noise(jax.random.key(0), jnp.asarray(x), scale))

    np.testing.assert_array_equal(found[:, 0], x[:, 0])
    for column in (1, 2):
        assert stats.kstest((found[:, column] - 7) / scale[column], "norm").pvalue > 1e-3


def plain_loop(costs: list[float], patience: int) -> tuple[float, int, int, bool]:
    """Best cost, its epoch, the last epoch trained, and whether it stopped: as one would write it by hand."""
    best, at = np.inf, 0
    for epoch, cost in enumerate(costs, start=1):
        if cost < best:
            best, at = cost, epoch
        if patience and epoch - at >= patience:
            return best, at, epoch, True
    return best, at, len(costs), False


def run(costs, patience) -> techniques.EarlyStopping:
    state = techniques.early_stopping_start(jnp.zeros(2))

    def step(state, pair):
        epoch, cost = pair
        return techniques.early_stopping_step(state, cost, jnp.full(2, epoch), patience=patience), None

    epochs = jnp.arange(1, costs.shape[0] + 1, dtype=jnp.float32)
    return jax.lax.scan(step, state, (epochs, costs))[0]


RUN = jax.jit(run)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    costs=st.lists(st.one_of(st.floats(-5, 5, width=32), st.just(float("nan"))), min_size=12, max_size=12),
    patience=st.integers(0, 6),
)
def test_early_stopping_does_what_a_plain_loop_does(costs, patience):
    state = RUN(jnp.array(costs, jnp.float32), patience)
    best, at, last, stopped = plain_loop(costs, patience)

    assert float(state.best_cost) == pytest.approx(best)
    assert (int(state.best_epoch), int(state.epoch), bool(state.stopped)) == (at, last, stopped)
    np.testing.assert_array_equal(state.best_params, np.full(2, at))  # the weights to restore


def test_each_member_of_a_population_stops_by_itself():
    costs = jnp.array(np.random.default_rng(0).normal(size=(5, 12)), jnp.float32)
    together = jax.vmap(run, in_axes=(0, None))(costs, 3)

    for member in range(5):
        alone = RUN(costs[member], 3)
        for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
            np.testing.assert_array_equal(a, b[member])

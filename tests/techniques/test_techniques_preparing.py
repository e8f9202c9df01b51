"""C1 to C3: normalising and conditioning, vanishing and exploding signals, starting weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.preprocessing import StandardScaler

from burnish import errors, techniques


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    x=arrays.arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(-1000, 1000)),
    offset=st.sampled_from([0.0, 0.1, 1e6]),
)
def test_normalising_is_scikit_learns_standard_scaler(x, offset):
    """On the training rows and on others; a constant column becomes 0, also where its mean is not exact."""
    x = x / 7 + offset
    others = np.vstack([x[::-1], x + 1.5])
    normalise, expected = techniques.fit_normaliser(x), StandardScaler().fit(x)
    constant = x.min(axis=0) == x.max(axis=0)

    np.testing.assert_allclose(normalise(others)[:, ~constant], expected.transform(others)[:, ~constant], atol=1e-7)
    np.testing.assert_array_equal(normalise(x)[:, constant], 0.0)
    assert np.isfinite(normalise(others)).all()


def test_a_column_of_tenths_is_constant():
    """Seven times 0.1 has a mean that is not 0.1, and a standard deviation that is not 0."""
    x = np.full((7, 1), 0.1)

    assert x.std() > 0
    np.testing.assert_array_equal(techniques.fit_normaliser(x)(x), 0.0)


def test_normalising_divides_by_the_deviation_and_not_by_the_variance_and_runs_inside_a_program():
    normalise = techniques.fit_normaliser([[0.0], [8.0]])

    assert float(normalise.deviation[0]) == 4.0
    np.testing.assert_allclose(jax.jit(normalise)(jnp.array([[0.0], [8.0]])), [[-1.0], [1.0]])


@pytest.mark.parametrize("x", [[[np.nan]], [[np.inf]], [], [1.0, 2.0]], ids=["missing", "infinite", "none", "one axis"])
def test_rows_without_mean_and_deviation_are_refused(x):
    with pytest.raises(errors.DataError):
        techniques.fit_normaliser(x)
    with pytest.raises(errors.DataError):
        techniques.condition_number(x)


def test_the_condition_number_is_that_of_the_hessian():
    """By NumPy's eigenvalues, for inputs of any scale and mean."""
    rng = np.random.default_rng(0)
    x = rng.normal([0, 3, -50], [1, 0.1, 20], (200, 3)) @ [[1, 0.3, 0], [0, 1, 0.5], [0, 0, 1]]
    with_offset = np.column_stack([np.ones(200), x])
    values = np.linalg.eigvalsh(with_offset.T @ with_offset / 200)

    assert techniques.condition_number(x) == pytest.approx(values[-1] / values[0], rel=1e-6)


def test_orthogonal_columns_have_a_closed_form_and_collinear_ones_no_bottom():
    """Columns ±a and ±b make the Hessian diag(1, a², b²)."""
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])

    assert techniques.condition_number(signs * [10.0, 0.5]) == pytest.approx(100 / 0.25)
    assert techniques.condition_number(signs) == pytest.approx(1)
    assert techniques.condition_number(np.column_stack([signs, np.full(4, 7.0)])) == pytest.approx(1)
    assert techniques.condition_number(np.column_stack([signs, signs @ [2.0, 1.0]])) == np.inf
    assert techniques.condition_number([[1.0, 2.0], [3.0, 5.0]]) == np.inf


def test_gradient_descent_needs_fewer_steps_on_normalised_inputs():
    """What the number is for: least squares to 1 % of the cost, each at its best rate."""
    rng = np.random.default_rng(0)
    x = rng.normal([0, 5], [1, 3], (300, 2))
    y = x @ [1.0, -2.0] + 3

    def steps(inputs: np.ndarray) -> int:
        design = np.column_stack([np.ones(300), inputs])
        values = np.linalg.eigvalsh(design.T @ design / 300)
        theta, rate, first = np.zeros(3), 2 / (values[0] + values[-1]), np.mean(y**2)
        for step in range(100_000):
            residual = design @ theta - y
            if np.mean(residual**2) < 1e-4 * first:
                return step
            theta -= rate * design.T @ residual / 300
        return 100_000

    assert steps(techniques.fit_normaliser(x)(x)) * 5 < steps(x)


@pytest.mark.parametrize("factor", [1.5, 0.5, 1.0])
@pytest.mark.parametrize("depth", [1, 5, 20])
def test_linear_layers_multiply_the_signal_by_their_factor_to_the_depth(factor, depth):
    """Closed form: activations f^l, and gradients of their sum f^(L − l)."""
    layers = [factor * jnp.eye(3)] * depth
    found = techniques.layer_scales(layers, jnp.ones((4, 3)), apply=lambda w, a: a @ w)

    np.testing.assert_allclose(found.activations, factor ** np.arange(depth + 1), rtol=1e-5)
    np.testing.assert_allclose(found.gradients, factor ** np.arange(depth, -1, -1), rtol=1e-5)
    assert found.activation_factor == pytest.approx(factor, rel=1e-5)
    assert found.gradient_factor == pytest.approx(factor, rel=1e-5)


def test_the_first_bad_layer_is_named_and_said_in_plain_words():
    """1.5^12 is the first power above 100, 0.5^7 the first below 1/100."""
    grows = techniques.layer_scales([lambda a: 1.5 * a] * 20, jnp.ones((4, 3)))
    shrinks = techniques.layer_scales([lambda a: 0.5 * a] * 20, jnp.ones((4, 3)), names=[f"h{n}" for n in range(1, 21)])
    healthy = techniques.layer_scales([lambda a: a] * 20, jnp.ones((4, 3)))

    assert grows.first_bad == "layer 12"
    assert "multiplied by 1.5 a layer on average and explode" in grows.sentence
    assert shrinks.first_bad == "h7"
    assert "gradients from h14 backwards" in shrinks.sentence
    assert "vanish" in shrinks.sentence
    assert healthy.first_bad is None
    assert "First bad" not in healthy.sentence


def test_scales_of_a_tanh_network_equal_backpropagation_by_hand():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) for shape in [(5, 8), (8, 6), (6, 1)]]
    x, y = rng.normal(size=(20, 5)), rng.normal(size=(20, 1))
    a = [x]
    for w in weights:
        a.append(np.tanh(a[-1] @ w))
    d = [2 * (a[-1] - y) / 20]
    for w, out in zip(reversed(weights), reversed(a[1:]), strict=True):
        d.insert(0, (d[0] * (1 - out**2)) @ w.T)
    with jax.enable_x64(True):
        found = techniques.layer_scales(
            [jnp.asarray(w) for w in weights],
            jnp.asarray(x),
            apply=lambda w, a: jnp.tanh(a @ w),
            loss=lambda out: jnp.mean(jnp.square(out - y)),
        )

    np.testing.assert_allclose(found.activations, [np.sqrt(np.mean(each**2)) for each in a], rtol=1e-10)
    np.testing.assert_allclose(found.gradients, [np.sqrt(np.mean(each**2)) for each in d], rtol=1e-10)


@pytest.mark.parametrize(
    ("initializer", "first_bad"), [("he", None), ("small", "layer 2"), ("large", "layer 1"), ("zeros", "layer 1")]
)
def test_he_keeps_the_signal_of_a_deep_relu_network_and_others_do_not(initializer, first_bad):
    """Thirty layers of 256 units; ×0.01 and ×10 lose it at once (0.01·√128 is 0.11), zeros let nothing through."""
    keys = jax.random.split(jax.random.key(0), 30)
    weights = [techniques.initial_weights(key, (256, 256), initializer=initializer) for key in keys]
    x = jax.random.normal(jax.random.key(1), (64, 256))
    found = techniques.layer_scales(weights, x, apply=lambda w, a: jax.nn.relu(a @ w), ratio=10.0)

    assert found.first_bad == first_bad
    if initializer == "he":
        assert found.activation_factor == pytest.approx(1, abs=0.05)


def test_layers_and_names_that_do_not_fit_are_refused():
    with pytest.raises(errors.ConfigError):
        techniques.layer_scales([], jnp.ones((1, 1)))
    with pytest.raises(errors.ConfigError):
        techniques.layer_scales([lambda a: a], jnp.ones((1, 1)), names=["a", "b"])


def test_gradients_of_any_function_are_measured_by_array():
    """Least squares by hand: dW = 2 Xᵀ(XW − y)/m."""
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(30, 3)), rng.normal(size=30), rng.normal(size=3)
    with jax.enable_x64(True):
        found = techniques.gradient_scales(
            lambda p: jnp.mean(jnp.square(x @ p["w"] + p["b"] - y)), {"w": jnp.asarray(w), "b": jnp.zeros(())}
        )
    by_hand = 2 * x.T @ (x @ w - y) / 30

    assert found["w"][0] == pytest.approx(np.sqrt(np.mean(by_hand**2)), rel=1e-10)
    assert found["w"][1] == pytest.approx(np.sqrt(np.mean(by_hand**2) / np.mean(w**2)), rel=1e-10)
    assert found["b"] == (pytest.approx(2 * abs(np.mean(x @ w - y)), rel=1e-10), np.inf)


@pytest.mark.parametrize("shape", [(300, 200), (3, 3, 16, 32)], ids=["dense", "filters"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (techniques.he, jax.nn.initializers.he_normal),
        (techniques.lecun, jax.nn.initializers.lecun_normal),
        (techniques.glorot, jax.nn.initializers.glorot_normal),
        (techniques.xavier, jax.nn.initializers.glorot_normal),
    ],
)
def test_starting_weights_have_the_variance_of_jaxs_initialisers(ours, theirs, shape):
    """Jax's are cut off at two standard deviations and stretched; mean and variance are the same."""
    one, other = (np.asarray(make(jax.random.key(0), shape)) for make in (ours, theirs()))

    assert one.std() == pytest.approx(other.std(), rel=5 / np.sqrt(one.size))
    assert abs(one.mean()) < 5 * one.std() / np.sqrt(one.size)


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [("he", 2 / 400), ("lecun", 1 / 400), ("glorot", 2 / 500), ("xavier", 2 / 500), ("zeros", 0), ("small", 1e-4)],
)
def test_variances_are_those_of_the_formulas(initializer, variance):
    w = np.asarray(techniques.initial_weights(jax.random.key(2), (400, 100), initializer=initializer), np.float64)

    assert np.mean(w**2) == pytest.approx(variance, rel=5 * np.sqrt(2 / w.size))


def test_symmetry_is_broken_and_equal_units_are_counted():
    w = techniques.he(jax.random.key(0), (5, 40))
    copied = jnp.concatenate([w, w[:, :3]], axis=1)

    assert techniques.twin_units(w) == 0
    assert techniques.twin_units(copied) == 3
    assert techniques.twin_units(copied, jnp.arange(43)) == 0  # other biases: other units
    assert techniques.twin_units(jnp.zeros((5, 40)), jnp.zeros(40)) == 39


def test_equal_units_stay_equal_under_gradient_descent():
    """Why it matters: a hundred steps later they are copies still, and those of broken symmetry are not."""
    x = jax.random.normal(jax.random.key(0), (50, 4))
    y = jnp.sin(x[:, 0])

    def cost(w):
        return jnp.mean(jnp.square(jnp.tanh(x @ w).mean(axis=1) - y))

    def trained(w):
        return jax.lax.fori_loop(0, 100, lambda _, w: w - 0.5 * jax.grad(cost)(w), w)

    assert techniques.twin_units(trained(jnp.full((4, 6), 0.1))) == 5
    assert techniques.twin_units(trained(techniques.lecun(jax.random.key(1), (4, 6)))) == 0


def test_an_unknown_initialiser_and_a_vector_are_refused():
    with pytest.raises(errors.ConfigError, match="he, lecun, glorot"):
        techniques.initial_weights(jax.random.key(0), (3, 3), initializer="her")
    with pytest.raises(errors.ConfigError, match="fan-in"):
        techniques.he(jax.random.key(0), (3,))

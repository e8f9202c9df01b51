"""Layers and losses against their plain NumPy twins."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.model import layers, losses, random_bits
from burnish.predictor import outputs
from burnish.train.fold_data import TargetScale
from reference import layers_twin

RNG = np.random.default_rng(0)
GAMMA, BETA = RNG.normal(size=6).astype(np.float32), RNG.normal(size=6).astype(np.float32)
# γ, β and a division by σ of order one: what float32 can hold of results of order one.
CLOSE = {"rtol": 1e-5, "atol": 2e-5}


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (3.0, 0.2), (1e4, 1.0), (-1e4, 1.0), (0.0, 1e4)])
def test_batch_norm_equals_its_twin_also_for_large_means(mean, deviation):
    """E[z²] − E[z]² would have no digits left at mean 10,000 and deviation 1."""
    z = (mean + deviation * RNG.normal(size=(64, 6))).astype(np.float32)
    out, seen_mean, seen_variance = layers.batch_norm(z, GAMMA, BETA, np.ones(64, np.float32))
    expected, twin_mean, twin_variance, _ = layers_twin.batch_norm(z.astype(np.float64), GAMMA, BETA)
    # One float32 step of z itself, in units of its deviation, is what no formula can undo.
    resolution = 4 * np.spacing(np.float32(abs(mean) + deviation)) / deviation

    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-5 + resolution)
    np.testing.assert_allclose(seen_mean, twin_mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(seen_variance, twin_variance * 64 / 63, rtol=1e-4)


def test_batch_norm_does_not_count_padding():
    """Rows of padding, whatever is in them, change neither the moments nor the other rows."""
    z = RNG.normal(size=(10, 6)).astype(np.float32)
    padded = np.concatenate([z, np.full((6, 6), 1e3, np.float32)])
    counted = np.array([1.0] * 10 + [0.0] * 6, np.float32)
    alone = layers.batch_norm(z, GAMMA, BETA, np.ones(10, np.float32))
    among = layers.batch_norm(padded, GAMMA, BETA, counted)

    np.testing.assert_allclose(among[0][:10], alone[0], **CLOSE)
    np.testing.assert_allclose(among[1], alone[1], **CLOSE)
    np.testing.assert_allclose(among[2], alone[2], **CLOSE)


def test_batch_norm_gradients_equal_their_twin():
    """In z, γ and β, with padding; the gradient in padding is 0."""
    z, out = RNG.normal(size=(12, 6)), RNG.normal(size=(12, 6))
    counted = np.array([1.0] * 9 + [0.0] * 3)
    weighed = (out * counted[:, None]).astype(np.float32)

    def total(z, gamma, beta):
        return (layers.batch_norm(z, gamma, beta, counted.astype(np.float32))[0] * weighed).sum()

    actual = jax.grad(total, (0, 1, 2))(z.astype(np.float32), GAMMA, BETA)
    _, _, variance, normed = layers_twin.batch_norm(z[:9], GAMMA, BETA)
    expected = layers_twin.batch_norm_gradient(out[:9], normed, variance, GAMMA)

    np.testing.assert_allclose(actual[0][:9], expected[0], **CLOSE)
    np.testing.assert_array_equal(np.asarray(actual[0][9:]), 0)
    np.testing.assert_allclose(actual[1], expected[1], **CLOSE)
    np.testing.assert_allclose(actual[2], expected[2], **CLOSE)


@pytest.mark.parametrize(
    "z", [np.zeros((8, 6)), np.full((8, 6), 7.5), np.ones((1, 6))], ids=["zero", "same", "one row"]
)
def test_batch_norm_of_a_constant_is_beta_with_finite_gradients(z):
    """A unit that says the same for all rows, or a mini-batch of one row, divides by √ε and not by 0."""
    z, counted = z.astype(np.float32), np.ones(len(z), np.float32)
    out = layers.batch_norm(z, GAMMA, BETA, counted)[0]
    gradient = jax.grad(lambda z: jnp.square(layers.batch_norm(z, GAMMA, BETA, counted)[0]).sum())(z)

    np.testing.assert_allclose(out, np.broadcast_to(BETA, z.shape), rtol=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_expected_activation(rate):
    """Kept units are divided by keep_prob, so E[a] is unchanged: within four standard errors over 20,000 masks."""
    h = np.arange(1.0, 9.0, dtype=np.float32)[None]
    many = jax.vmap(lambda step: layers.dropout(h, jnp.float32(rate), random_bits.stream(jnp.uint32(0), step)))
    out = np.asarray(many(jnp.arange(20_000, dtype=jnp.uint32)))[:, 0]
    error = h[0] * np.sqrt(rate / (1 - rate) / len(out))

    assert (np.abs(out.mean(0) - h[0]) < 4 * error).all()
    np.testing.assert_allclose(np.unique(out[:, 0]), [0.0, 1 / (1 - rate)], rtol=1e-6)


def test_dropout_draws_anew_for_each_row_unit_and_step_and_not_at_all_at_zero():
    """Two streams give two masks; a rate of 0 returns the very same numbers."""
    h = RNG.normal(size=(50, 20)).astype(np.float32)
    one, two = (np.asarray(layers.dropout(h, jnp.float32(0.5), jnp.uint32(s))) != 0 for s in (0, 1))

    assert 0.4 < (one == two).mean() < 0.6
    assert len(np.unique(one, axis=0)) == 50
    np.testing.assert_array_equal(layers.dropout(h, jnp.float32(0.0), jnp.uint32(0)), h)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_softmax_and_cross_entropy_equal_their_twins_for_logits_up_to_ten_thousand(scale):
    """Nothing overflows, rows sum to 1, and the loss of a hopeless row is its distance in logits."""
    z = (scale * RNG.choice([-1.0, 1.0], size=(40, 5)) * RNG.uniform(0.5, 1, size=(40, 5))).astype(np.float32)
    y = RNG.integers(0, 5, 40)
    probabilities = outputs.predictions(z, "classification", TargetScale())

    np.testing.assert_allclose(probabilities, layers_twin.softmax(z.astype(np.float64)), rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(
        losses.cross_entropy(jnp.asarray(z), y),
        layers_twin.cross_entropy(z.astype(np.float64), y),
        rtol=2e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_of_cross_entropy_is_softmax_less_target(scale, smoothing):
    """dJ/dz = a − y, for logits of any size."""
    z = (scale * RNG.normal(size=(30, 4))).astype(np.float32)
    y = RNG.integers(0, 4, 30)
    gradient = jax.grad(lambda z: losses.cross_entropy(z, y, smoothing).sum())(jnp.asarray(z))
    expected = layers_twin.softmax(z.astype(np.float64)) - layers_twin.targets(y, 4, smoothing)

    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def test_two_classes_are_a_sigmoid():
    """softmax([0, z]) = sigmoid(z) in value and in gradient."""
    z = jnp.linspace(-30, 30, 61)

    def second(z):
        return jnp.exp(losses.log_softmax(jnp.stack([jnp.zeros_like(z), z], 1)))[:, 1]

    np.testing.assert_allclose(second(z), jax.nn.sigmoid(z), rtol=1e-5)
    np.testing.assert_allclose(
        jax.grad(lambda z: second(z).sum())(z), jax.grad(lambda z: jax.nn.sigmoid(z).sum())(z), rtol=1e-5, atol=1e-7
    )


def test_tied_largest_logits_have_the_right_gradient():
    """The shift by the largest logit is a constant to the gradient, also where two logits share the first place."""
    gradient = jax.grad(lambda z: losses.cross_entropy(z, np.array([0])).sum())(jnp.zeros((1, 4)))

    np.testing.assert_allclose(gradient, [[-0.75, 0.25, 0.25, 0.25]], atol=1e-7)


@pytest.mark.parametrize("size", [1.0, 300.0, 1e6])
def test_sine_and_cosine_of_turns_are_exact_to_float32(size):
    """Within 3e-7 of NumPy in float64, for small angles and for a million turns, on every side of the quarters."""
    turns = np.concatenate([size * np.linspace(-1, 1, 100_001), np.arange(-16, 17) / 8]).astype(np.float32)
    sine, cosine = layers.circle(jnp.asarray(turns))
    angle = 2 * np.pi * (turns.astype(np.float64) % 1)

    np.testing.assert_allclose(sine, np.sin(angle), rtol=0, atol=3e-7)
    np.testing.assert_allclose(cosine, np.cos(angle), rtol=0, atol=3e-7)


@pytest.mark.parametrize("size", [0.1, 1.0, 30.0])
def test_periodic_features_equal_numpy(size):
    """sin and cos of 2π f x, number by number, sines first; also far from 0."""
    x, f = RNG.normal(size=(50, 3)).astype(np.float32), (size * RNG.normal(size=(3, 4))).astype(np.float32)
    turns = (x[:, :, None] * f[None]).reshape(50, 12)
    angle = 2 * np.pi * turns.astype(np.float64)

    np.testing.assert_allclose(
        layers.periodic(jnp.asarray(x), jnp.asarray(f)), np.concatenate([np.sin(angle), np.cos(angle)], 1), atol=1e-6
    )


def test_periodic_gradients_equal_the_derivatives():
    """Frequencies are learned: d sin(2πfx)/df = 2πx cos, d cos/df = −2πx sin."""
    x, f = RNG.normal(size=(20, 2)).astype(np.float32), RNG.normal(size=(2, 3)).astype(np.float32)
    out = RNG.normal(size=(20, 12)).astype(np.float32)
    gradient = jax.grad(lambda f: (layers.periodic(x, f) * out).sum())(f)
    angle = 2 * np.pi * x[:, :, None].astype(np.float64) * f[None]
    up, down = out[:, :6].reshape(20, 2, 3), out[:, 6:].reshape(20, 2, 3)
    expected = (2 * np.pi * x[:, :, None] * (up * np.cos(angle) - down * np.sin(angle))).sum(0)

    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_piecewise_features_equal_interpolation_between_quantiles():
    """Feature t is 0 below its bin, 1 above, linear inside: together they count quantiles, as np.interp does."""
    x = RNG.gamma(1.0, size=(500, 2)).astype(np.float32)
    features = np.asarray(layers.piecewise(jnp.asarray(x), layers.quantile_bins(x, 8))).reshape(500, 2, 8)
    edges = np.quantile(x, np.linspace(0, 1, 9), axis=0)

    assert features.min() >= 0
    assert features.max() <= 1
    for column in range(2):
        expected = np.interp(x[:, column], edges[:, column], np.arange(9))
        np.testing.assert_allclose(features[:, column].sum(1), expected, atol=1e-3)


@pytest.mark.parametrize(
    "column", [np.zeros(50), np.repeat([0.0, 1.0], 25), np.r_[np.zeros(49), 1e-30], np.full(1, 3.0)], ids=str
)
def test_bins_of_a_column_of_few_values_are_finite(column):
    """Constant, two values, a step too narrow for a slope, one row: empty bins say 0 and nothing overflows."""
    x = column.astype(np.float32)[:, None]
    bins = layers.quantile_bins(x, 6)
    features = np.asarray(layers.piecewise(jnp.asarray(x), bins))

    assert np.isfinite(bins["inverse"]).all()
    assert ((features >= 0) & (features <= 1)).all()


def test_bins_do_not_learn():
    """Their gradient is zero, so that no optimiser moves them."""
    x = RNG.normal(size=(40, 2)).astype(np.float32)
    gradient = jax.grad(lambda bins: layers.piecewise(x, bins).sum())(layers.quantile_bins(x, 5))

    np.testing.assert_array_equal(gradient["low"], 0)
    np.testing.assert_array_equal(gradient["inverse"], 0)

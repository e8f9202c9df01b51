"""Networks as a whole: starting weights, the closed forms, and one row alone against a batch."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.data.inputs import InputSpec
from burnish.model import initialise, layers, network
from burnish.model.architecture import Perceptron

MIXED = Perceptron(
    inputs=InputSpec(numbers=3, flags=2, vocabularies=(5, 40)),
    outputs=4,
    task="classification",
    widths=(7, 7, 6),
    activation="relu",
    norm="batch",
    bins=4,
    frequencies=2,
    residual=True,
    batch_size=8,
)
SILENT = network.Noise(jnp.uint32(0), np.zeros(3, np.float32), np.float32(0), np.float32(0))
RNG = np.random.default_rng(1)
X = RNG.normal(size=(16, 5)).astype(np.float32)
CODES = np.stack([RNG.integers(0, 5, 16), RNG.integers(0, 40, 16)], 1).astype(np.int32)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("he", 2 / 300), ("lecun", 1 / 300), ("glorot", 2 / 500), ("zeros", 0.0), ("small", 1e-4), ("large", 100.0)],
)
def test_starting_weights_have_the_variance_of_their_formula(name, expected):
    """60,000 weights of a 300 × 200 layer: mean 0, the variance within 3 %, and no two units alike."""
    shape = replace(MIXED, inputs=InputSpec(300), widths=(200,), bins=0, frequencies=0)
    w = initialise.parameters(shape, 3, initializer=name)["hidden"][0]["w"]

    np.testing.assert_allclose(w.var(), expected, rtol=0.03)
    assert abs(w.mean()) <= 4 * np.sqrt(expected / w.size)
    assert (name == "zeros") != (len(np.unique(w[0])) > 1)


def test_starting_weights_are_a_function_of_the_seed_alone():
    """Same seed, same numbers; another seed, others."""
    one, again, other = (initialise.parameters(MIXED, seed) for seed in (1, 1, 2))

    jax.tree.map(np.testing.assert_array_equal, one, again)
    assert np.abs(one["output"]["w"] - other["output"]["w"]).max() > 0.1


def test_parameters_are_counted_as_they_are_made():
    """Perceptron.parameters, which the planner reads, counts all that learns; bins do not learn."""
    for shape in (MIXED, replace(MIXED, norm="none", frequencies=0, residual=False)):
        made = initialise.parameters(shape, 0)
        del made["bins"]
        assert shape.parameters == sum(leaf.size for leaf in jax.tree.leaves(made))


def test_hidden_layers_under_batch_norm_have_no_bias():
    """β does its work; without batch norm there is no γ and no β."""
    assert {"w", "gamma", "beta"} == set(initialise.parameters(MIXED, 0)["hidden"][0])
    assert {"w", "b"} == set(initialise.parameters(replace(MIXED, norm="none"), 0)["hidden"][0])


@pytest.mark.parametrize("factor", [1.5, 0.5])
def test_linear_layers_scale_activations_by_their_factor_to_the_depth(factor):
    """Layers of factor · I give activations factor^L: vanishing and exploding in closed form."""
    depth, width = 20, 4
    shape = Perceptron(InputSpec(width), width, "regression", (width,) * depth, "identity", "none", 0, 0, False, 8)
    eye, zeros = factor * np.eye(width, dtype=np.float32), np.zeros(width, np.float32)
    params = {"hidden": ({"w": eye, "b": zeros},) * depth, "output": {"w": np.eye(width, dtype=np.float32), "b": zeros}}
    out = network.apply_evaluation(shape, params, (), np.ones((1, width), np.float32), np.zeros((1, 0), np.int32))

    np.testing.assert_allclose(out, np.full((1, width), factor**depth), rtol=1e-5)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_one_row_alone_gets_the_answer_it_gets_in_a_batch(norm):
    """At evaluation no row sees another, with embeddings, periodic features, skip connections and batch norm."""
    shape = replace(MIXED, norm=norm)
    params = initialise.parameters(shape, 0, bins=layers.quantile_bins(X[:, :3], 4))
    seen = tuple(
        {"mean": RNG.normal(size=n).astype(np.float32), "variance": RNG.uniform(0.5, 2, n).astype(np.float32)}
        for n in (shape.widths if norm == "batch" else ())
    )
    together = network.apply_evaluation(shape, params, seen, X, CODES)
    alone = [network.apply_evaluation(shape, params, seen, X[i : i + 1], CODES[i : i + 1])[0] for i in range(len(X))]

    np.testing.assert_allclose(jnp.stack(alone), together, rtol=1e-5, atol=1e-5)


def test_training_mode_without_noise_and_norm_is_evaluation_mode():
    """Only dropout, noise and batch norm tell the two modes apart."""
    shape = replace(MIXED, norm="none")
    params = initialise.parameters(shape, 0)
    trained, moments = network.apply_training(shape, params, X, CODES, np.ones(16, np.float32), SILENT)

    np.testing.assert_array_equal(trained, network.apply_evaluation(shape, params, (), X, CODES))
    assert moments == ()


@pytest.mark.parametrize("kind", ["dropout", "input_dropout", "input_noise"])
def test_each_noise_changes_training_and_changes_with_the_step(kind):
    """Each is off at 0, acts above, is drawn anew for another step, and is repeated for the same one."""
    shape = replace(MIXED, norm="none")
    params, counted = initialise.parameters(shape, 0), np.ones(16, np.float32)
    rate = np.full(3, 0.5, np.float32) if kind == "dropout" else np.float32(0.5)

    def outputs(noise):
        return np.asarray(network.apply_training(shape, params, X, CODES, counted, noise)[0])

    loud = SILENT._replace(**{kind: rate})
    first, again = outputs(loud), outputs(loud)
    other = outputs(loud._replace(start=jnp.uint32(1)))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - outputs(SILENT)).max() > 1e-3
    assert np.abs(first - other).max() > 1e-3


def test_input_noise_leaves_flags_and_categories_alone():
    """0/1 columns stay 0 or 1: with weights on flags only, noise changes nothing."""
    shape = replace(MIXED, norm="none", bins=0, frequencies=0, residual=False)
    params = initialise.parameters(shape, 0)
    params["hidden"][0]["w"][:3] = 0
    noisy = SILENT._replace(input_noise=np.float32(3))
    out, _ = network.apply_training(shape, params, X, CODES, np.ones(16, np.float32), noisy)

    np.testing.assert_array_equal(out, network.apply_evaluation(shape, params, (), X, CODES))


@pytest.mark.parametrize("inputs", [InputSpec(0, 3), InputSpec(0, 0, (4,)), InputSpec(0, 0, ()), InputSpec(2)], ids=str)
def test_any_kind_of_column_may_be_missing(inputs):
    """Only flags, only categories, nothing at all, only numbers: outputs are finite and of the right shape."""
    shape = replace(MIXED, inputs=inputs, bins=4 if inputs.numbers else 0, frequencies=2 if inputs.numbers else 0)
    params = initialise.parameters(shape, 0)
    x, codes = np.ones((16, inputs.width), np.float32), np.ones((16, len(inputs.vocabularies)), np.int32)
    loud = network.Noise(jnp.uint32(0), np.full(3, 0.3, np.float32), np.float32(0.2), np.float32(0.1))
    out, _ = network.apply_training(shape, params, x, codes, np.ones(16, np.float32), loud)

    assert out.shape == (16, 4)
    assert np.isfinite(out).all()


@pytest.mark.parametrize("name", layers.ACTIVATIONS)
def test_activations_are_finite_with_finite_slopes_anywhere(name):
    """A contract of the registry: ±1e4 neither overflows nor gives a NaN gradient, and 0 maps to 0."""
    z = jnp.array([-1e4, -30.0, -1.0, 0.0, 1.0, 30.0, 1e4])
    activation = layers.ACTIVATIONS[name]
    slopes = jax.grad(lambda z: activation(z).sum())(z)

    assert np.isfinite(activation(z)).all()
    assert np.isfinite(slopes).all()
    assert float(activation(z)[3]) == 0.0
    assert np.abs(activation(z)).max() > 0.9

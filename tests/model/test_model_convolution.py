"""Convolutional networks as a whole: both forms, both modes, one row alone against a batch, and what is counted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.data.inputs import InputSpec
from burnish.model import convolution, convolution_lax, convolution_planes, layers
from burnish.model.architecture import Convolution
from burnish.model.noise import Noise

SMALL = Convolution(
    inputs=InputSpec(0, image=(7, 6, 3)),
    outputs=4,
    task="classification",
    widths=(8, 9),
    activation="relu",
    norm="batch",
    residual=True,
    batch_size=8,
)
BARE = replace(SMALL, norm="none", residual=False)
SILENT = Noise(jnp.uint32(5), np.zeros(2, np.float32), np.float32(0), np.float32(0))
RNG = np.random.default_rng(1)
ROWS = 10
X = RNG.integers(0, 256, (ROWS, 7, 6, 3)).astype(np.uint8)
CODES = np.zeros((ROWS, 0), np.int32)
ALL = np.ones(ROWS, np.float32)


@pytest.fixture
def by_lax(monkeypatch):
    """The form that compiles quickly, where any will do."""
    monkeypatch.setattr(convolution, "form", lambda: convolution_lax)


def trained(shape, params, x=X, counted=ALL, noise=SILENT):
    """Outputs and moments in training mode."""
    return jax.jit(partial(convolution.apply_training, shape))(params, x, CODES, counted, noise)


def evaluated(shape, params, seen, x=X):
    return np.asarray(jax.jit(partial(convolution.apply_evaluation, shape))(params, seen, x, CODES[: len(x)]))


def seen_by(shape):
    """Averages that are not those of a start."""
    return tuple(
        {
            "mean": RNG.normal(size=len(s["mean"])).astype(np.float32),
            "variance": s["variance"] + np.float32(0.5) + RNG.uniform(size=len(s["mean"])).astype(np.float32),
        }
        for s in convolution.statistics(shape)
    )


def drawn(shape, seed=0):
    """Starting parameters, but with residual blocks that do something."""
    params = convolution.parameters(shape, seed)
    for layer in params["convolutions"]:
        if "gamma" in layer:
            layer["gamma"] = RNG.uniform(0.5, 1.5, len(layer["gamma"])).astype(np.float32)
    return params


@pytest.mark.parametrize("shape", [SMALL, BARE, replace(SMALL, norm="none"), replace(SMALL, residual=False)], ids=str)
def test_parameters_are_counted_as_they_are_made(shape):
    """All that learns; moments of pixels do not."""
    made = convolution.parameters(shape, 0)
    del made["pixels"]

    assert shape.parameters == sum(leaf.size for leaf in jax.tree.leaves(made))


def test_starting_weights_have_hes_variance_over_nine_pixels():
    """2 / (9 · channels in), and a function of the seed alone."""
    shape = replace(BARE, widths=(64, 128))
    one, again, other = (convolution.parameters(shape, seed) for seed in (1, 1, 2))

    np.testing.assert_allclose(one["convolutions"][1]["w"].var(), 2 / (9 * 64), rtol=0.03)
    jax.tree.map(np.testing.assert_array_equal, one, again)
    assert np.abs(one["output"]["w"] - other["output"]["w"]).max() > 0.1


@pytest.mark.slow
def test_both_forms_train_and_evaluate_alike(monkeypatch):
    """In float64 and to rounding: outputs, moments, gradients of all parameters, with dropout, blocks and odd sides."""
    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: leaf.astype(np.float64), drawn(SMALL))
        noise, seen = SILENT._replace(dropout=np.array([0.3, 0.2])), seen_by(SMALL)
        found = []
        for form in (convolution_planes, convolution_lax):
            monkeypatch.setattr(convolution, "form", lambda form=form: form)

            def cost(params):
                z, moments = convolution.apply_training(SMALL, params, X, CODES, ALL, noise)
                return jnp.square(z).sum(), (z, moments)

            found.append((jax.jit(jax.grad(cost, has_aux=True))(params), evaluated(SMALL, params, seen)))
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-9), *found)


def test_one_row_alone_gets_the_answer_it_gets_among_many(by_lax, monkeypatch):
    """At evaluation no row sees another, nor the part that it is evaluated in: 10 rows, at most 4 at a time."""
    params, seen = drawn(SMALL), seen_by(SMALL)
    together = evaluated(SMALL, params, seen)
    monkeypatch.setattr(convolution, "EVALUATED", 4)
    in_parts = evaluated(SMALL, params, seen)
    alone = evaluated(SMALL, params, seen, X[7:8])

    np.testing.assert_allclose(in_parts, together, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(alone[0], together[7], rtol=1e-4, atol=1e-5)


def test_training_mode_without_noise_and_norm_is_evaluation_mode(by_lax):
    """Only dropout and batch norm tell the two modes apart."""
    params = drawn(BARE)
    z, moments = trained(BARE, params)

    np.testing.assert_array_equal(z, evaluated(BARE, params, ()))
    assert moments == ()


def test_a_residual_block_starts_as_if_it_were_not_there(by_lax):
    """Its second convolution starts at 0, by γ or by its weights."""
    for norm in ("none", "batch"):
        with_blocks = replace(SMALL, norm=norm)
        params = convolution.parameters(with_blocks, 0)
        without = {**params, "convolutions": params["convolutions"][::3]}
        seen = convolution.statistics(with_blocks)

        np.testing.assert_allclose(
            evaluated(with_blocks, params, seen),
            evaluated(replace(with_blocks, residual=False), without, seen[::3]),
            rtol=1e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize("sides", [(1, 1), (3, 1), (2, 5)], ids=str)
def test_images_are_halved_down_to_one_pixel(by_lax, sides):
    """More stages than halvings leave something to read."""
    shape = replace(BARE, inputs=InputSpec(0, image=(*sides, 1)), widths=(3, 3, 3))
    z = evaluated(shape, convolution.parameters(shape, 0), (), np.ones((2, *sides, 1), np.uint8))

    assert np.isfinite(z).all()


def test_padding_changes_neither_moments_nor_other_rows(by_lax):
    """Whatever is in it."""
    params, counted = drawn(SMALL), (np.arange(ROWS) < 6).astype(np.float32)
    other = np.concatenate([X[:6], 255 - X[6:]])

    (z, moments), (z_other, moments_other) = (trained(SMALL, params, x, counted) for x in (X, other))
    np.testing.assert_array_equal(z[:6], z_other[:6])
    jax.tree.map(np.testing.assert_array_equal, moments, moments_other)


def test_batch_norm_is_that_of_layers_with_each_pixel_a_row():
    """Over all planes of all images, also at a mean of 10,000."""
    planes = tuple(1e4 + RNG.normal(size=(2, side, 5, 3)).astype(np.float32) for side in (3, 2))
    gamma, beta = RNG.normal(size=(2, 3)).astype(np.float32)
    counted = np.array([1, 1, 1, 1, 0], np.float32)
    flat = np.concatenate([plane.reshape(-1, 3) for plane in planes])
    normed, mean, variance = jax.jit(convolution.batch_norm)(planes, gamma, beta, counted)
    expected = layers.batch_norm(flat, gamma, beta, np.tile(counted, len(flat) // 5))

    np.testing.assert_allclose(np.concatenate([p.reshape(-1, 3) for p in normed]), expected[0], atol=5e-3)
    np.testing.assert_allclose(mean, expected[1], rtol=1e-6)
    np.testing.assert_allclose(variance, expected[2], rtol=1e-3)


def test_dropout_leaves_out_whole_channels_of_an_image(by_lax):
    """Of what the output layer reads a share is 0, the rest is larger; at 0 nothing changes, and a step has its own."""
    shape = replace(BARE, outputs=9)
    params = drawn(shape)
    params["output"] = {"w": np.eye(9, dtype=np.float32), "b": np.zeros(9, np.float32)}
    plain, half, other = (
        np.asarray(trained(shape, params, noise=Noise(start, np.array([0, rate], np.float32), 0, 0))[0])
        for start, rate in ((np.uint32(1), 0.0), (np.uint32(1), 0.5), (np.uint32(2), 0.5))
    )
    gone = (half == 0) & (plain != 0)

    assert 0.3 < gone.sum() / (plain != 0).sum() < 0.7
    np.testing.assert_allclose(half[~gone], 2 * plain[~gone], rtol=1e-6)
    assert (half != other).any()


def test_images_that_are_evaluated_at_a_time_have_about_as_many_pixels():
    """Never more than 256, and one at least."""
    sides = {8: 256, 28: 256, 32: 128, 64: 32, 96: 16, 1024: 1}

    assert {side: convolution.evaluated((side, side, 3)) for side in sides} == sides

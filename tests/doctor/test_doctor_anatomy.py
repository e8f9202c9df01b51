"""Layers of somebody else's network, found in its trace."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from numpy.testing import assert_allclose

from burnish.doctor import anatomy
from doctor import subjects

X = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)


def test_layers_are_named_by_their_weights_with_fan_in_and_units():
    init, apply = subjects.perceptron((8, 16, 4))

    found = anatomy.layers(apply, init(jax.random.key(0)), X)

    assert [(one.name, one.fan_in, one.units) for one in found] == [("[0]['w']", 8, 16), ("[1]['w']", 16, 4)]
    assert [one.rectified for one in found] == [True, False]


@pytest.mark.parametrize(
    ("activation", "squashes", "rectifies"),
    [
        (jnp.tanh, True, False),
        (jax.nn.sigmoid, True, False),
        (jax.nn.relu, False, True),
        (lambda z: jnp.maximum(z, 0), False, True),
        (jax.nn.silu, False, False),
        (jax.nn.gelu, False, False),
        (lambda z: z, False, False),
    ],
)
def test_what_squashes_and_what_rectifies(activation, squashes, rectifies):
    """SiLU and GELU hold a logistic function or tanh, and do not saturate."""
    init, apply = subjects.perceptron((8, 16, 4), activation)

    first, _ = anatomy.layers(apply, init(jax.random.key(0)), X)

    assert (first.squashing, first.rectified) == (squashes, rectifies)


def test_convolutions_are_layers_and_reshaped_weights_stay_weights():
    def apply(params, x):
        images = x.reshape(-1, 2, 4, 1)
        h = jax.lax.conv_general_dilated(
            images, params["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jax.nn.relu(h).reshape(x.shape[0], -1) @ params["flat"].reshape(24, 5)

    params = {"kernel": jnp.ones((3, 3, 1, 3)), "flat": jnp.ones(120)}
    found = {one.name: one for one in anatomy.layers(apply, params, X)}

    assert (found["['kernel']"].fan_in, found["['kernel']"].units, found["['kernel']"].convolution) == (9, 3, True)
    assert (found["['flat']"].fan_in, found["['flat']"].units) == (24, 5)


def test_following_changes_nothing_and_taps_give_the_gradient_of_the_pre_activations():
    """Against the gradient with respect to the biases, which is the sum of it over the rows."""
    init, apply = subjects.perceptron((8, 16, 4), jnp.tanh)
    params = init(jax.random.key(0))
    taps = anatomy.empty_taps(apply, params, X)
    outputs, seen = anatomy.follow(apply, params, X)
    by_taps = jax.grad(lambda t: jnp.square(anatomy.follow(apply, params, X, t)[0]).sum())(taps)
    by_params = jax.grad(lambda p: jnp.square(apply(p, X)).sum())(params)

    np.testing.assert_array_equal(outputs, apply(params, X))
    np.testing.assert_allclose(seen.z[0], X @ params[0]["w"] + params[0]["b"], rtol=1e-6)
    for delta, layer in zip(by_taps, by_params, strict=True):
        np.testing.assert_allclose(delta.sum(axis=0), layer["b"], rtol=2e-5)


def test_an_activation_can_be_put_in_the_place_of_another():
    init, apply = subjects.perceptron((8, 16, 4), jnp.tanh)
    _, other = subjects.perceptron((8, 16, 4), jax.nn.relu)
    params = init(jax.random.key(0))

    replaced, _ = anatomy.follow(apply, params, X, edit=anatomy.Edit(lambda name, value: jax.nn.relu(value)))

    np.testing.assert_array_equal(replaced, other(params, X))


def test_what_is_computed_again_for_the_gradient_is_seen():
    """`jax.checkpoint` changes when layers are computed, and not that there are any."""
    init, apply = subjects.perceptron((8, 6, 4))
    params, x = init(jax.random.key(0)), jnp.ones((3, 8))
    outputs, seen = anatomy.follow(jax.checkpoint(apply), params, x)

    assert len(seen.z) == 2
    np.testing.assert_allclose(outputs, apply(params, x), rtol=1e-6)


def test_a_loop_over_places_is_opaque():
    """As of a recurrent network, whose layer is one and the same at all places."""

    def apply(params, x):
        return jax.lax.scan(lambda h, place: (jnp.tanh(h @ params + place[:, None]), None), jnp.ones((12, 8)), x.T)[0]

    params = jnp.full((8, 8), 0.1)

    assert anatomy.layers(apply, params, X) == ()
    np.testing.assert_array_equal(anatomy.follow(apply, params, X)[0], apply(params, X))


def by_rows(params, x):
    return jnp.tanh(x @ params["w"].T + params["b"]) @ params["v"].T


def by_columns(params, x):
    """As modules of Equinox do: a row at a time, its weights on the left."""
    return jax.vmap(lambda row: params["v"] @ jnp.tanh(params["w"] @ row + params["b"]))(x)


def test_units_are_found_wherever_a_network_has_them():
    params = {"w": jax.random.normal(jax.random.key(0), (8, 5)), "b": jnp.arange(8.0), "v": jnp.ones((8, 8))}
    x = jax.random.normal(jax.random.key(1), (8, 5))  # as many rows as units, so that shapes alone say nothing

    usual, other = (anatomy.follow(apply, params, x)[1] for apply in (by_rows, by_columns))

    for name in ("z", "squashed"):
        for one, same in zip(getattr(usual, name), getattr(other, name), strict=True):
            assert (one is None) == (same is None)
            if one is not None:
                assert_allclose(one, same, atol=1e-5)


def test_the_channels_of_an_image_are_its_units_wherever_they_stand():
    kernel, image = jax.random.normal(jax.random.key(0), (4, 3, 3, 3)), jnp.ones((2, 3, 6, 7))

    def apply(params, x):
        return lax.conv_general_dilated(x, params, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))

    seen = anatomy.follow(apply, kernel, image)[1]

    assert seen.z[0].shape == (2, 6, 7, 4)
    assert_allclose(np.moveaxis(seen.z[0], -1, 1), apply(kernel, image))


def test_taps_and_edits_are_put_where_the_network_has_them():
    """The gradient of a tap is that of the pre-activation, and what replaces a function is told units last."""
    params = {"w": jax.random.normal(jax.random.key(0), (6, 5)), "b": jnp.zeros(6), "v": jnp.ones((2, 6))}
    x = jax.random.normal(jax.random.key(1), (4, 5))
    edit = anatomy.Edit(lambda name, z: z - z.mean(axis=0))
    found = []
    for apply in (by_rows, by_columns):
        taps = anatomy.empty_taps(apply, params, x)
        slope = jax.grad(lambda taps, apply=apply: (anatomy.follow(apply, params, x, taps)[0] ** 2).sum())(taps)
        found.append((slope, anatomy.follow(apply, params, x, edit=edit)[0]))

    (slopes, edited), (others, same) = found
    for one, other in zip(slopes, others, strict=True):
        assert_allclose(one, other, atol=1e-4)
    assert_allclose(edited, same, atol=1e-5)

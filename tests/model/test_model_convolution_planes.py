"""Both forms of a convolution against NumPy, in float64."""

from __future__ import annotations

from functools import cache, partial

import jax
import numpy as np
import pytest

import burnish
from burnish.diagnosis.gradient_reading import Verdict
from burnish.model import convolution_lax, convolution_planes
from reference import convolution_twin

# Height, width, rows, channels in and out: patches and tiles, even and odd sides.
SIZES = [(5, 4, 2, 3, 2), (7, 6, 2, 9, 3)]
FORMS = [convolution_planes, convolution_lax]


@pytest.fixture(autouse=True)
def exact():
    """In float64 another algorithm may differ by rounding alone."""
    with jax.enable_x64(True):
        yield


def drawn(size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, weights, and what the outputs are multiplied by."""
    height, width, rows, channels, outputs = size
    rng = np.random.default_rng(sum(size))
    shapes = (height, width, rows, channels), (3, 3, channels, outputs), (height, width, rows, outputs)
    return tuple(rng.normal(size=shape) for shape in shapes)


@cache
def found(form, size):
    """The whole images that come out, and the gradients in images and weights."""
    h, w, out = drawn(size)

    def total(h, w):
        whole = form.join(form.convolve(h, w))
        return (whole * out).sum(), whole

    (_, whole), gradients = jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))(h, w)
    return whole, gradients


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_both_forms_convolve_as_numpy_does(form, size):
    """Zeros around, as many pixels as before, whatever the sides."""
    h, w, _ = drawn(size)

    np.testing.assert_allclose(found(form, size)[0], convolution_twin.convolve(h, w), atol=1e-12)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_both_forms_are_those_of_numpy(form, size):
    """In images and in weights: what is written out for tiles is the derivative."""
    expected = convolution_twin.convolve_gradient(*drawn(size))

    for one, other in zip(found(form, size)[1], expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11)


@pytest.mark.slow
def test_the_gradient_of_tiles_passes_the_check():
    """By finite differences, of a cost that is not linear in the weights."""
    h, w, _ = drawn((3, 4, 2, 8, 2))

    @jax.jit
    def cost(params):
        planes = convolution_planes.convolve(params["h"], params["w"])
        return sum((plane**3).sum() for plane in planes) / 100

    assert burnish.check_gradients(cost, {"h": h, "w": w}).verdict is Verdict.RIGHT


@pytest.mark.parametrize("side", [(6, 4), (5, 3)])
def test_pooling_takes_the_largest_and_its_gradient_goes_to_the_first(side):
    """Few values, so that most windows have ties; a last odd row or column is left out."""
    h = np.random.default_rng(0).integers(0, 3, (*side, 2, 3)).astype(float)
    out = np.random.default_rng(1).normal(size=(side[0] // 2, side[1] // 2, 2, 3))
    expected, gradient = convolution_twin.pool(h), convolution_twin.pool_gradient(h, out)

    def total(h, form):
        pooled = form.pool(form.split(h))
        return (pooled * out).sum(), pooled

    for form in FORMS:
        (_, pooled), of_images = jax.jit(jax.value_and_grad(partial(total, form=form), has_aux=True))(h)
        np.testing.assert_array_equal(pooled, expected)
        np.testing.assert_array_equal(of_images, gradient)

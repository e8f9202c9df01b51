"""A convolutional network for small images: starting parameters, and how it is applied in training and evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int32
from numpy.typing import NDArray

from burnish.model import convolution_lax, convolution_planes, initialise, layers, random_bits
from burnish.model.architecture import KERNEL_SIZE, Convolution
from burnish.model.convolution_planes import Planes
from burnish.model.noise import Noise

# Activations that never fall, so that the largest pixel stays the largest: it is found first, and a quarter is applied.
RISING = ("relu", "leaky_relu", "tanh", "selu", "identity")

# Images that are evaluated at a time, at most, and pixels of them: their activations stay near a core's caches, and
# memory does not grow with dev. Of 64 x 64 pixels 256 images took 460 MB and half as long again as 32 at a time.
EVALUATED, EVALUATED_PIXELS = 256, 256 * 28 * 28

# Largest value of a pixel of one byte.
BYTE = 255.0

Params = dict[str, Any]
Moments = tuple[dict[str, Array], ...]
Normalise = Callable[[int, Planes, dict[str, Array]], Planes]
Thin = Callable[[int, Array], Array]


def parameters(
    architecture: Convolution,
    seed: int,
    *,
    initializer: str = "he",
    scale: float = 1.0,
    frequency_scale: float = 1.0,
    bins: Params | None = None,
) -> Params:
    """Starting parameters: a function of the architecture and the seed alone.

    Convolutions follow `initializer`, with 9 · channels as n; `scale` multiplies them. The second convolution of a
    residual block starts as if it were not there: γ is 0 under batch norm (Goyal et al. 2017), else its weights are
    (Zhang, Dauphin and Ma, Fixup initialization, 2019). `bins` has the `mean` of the training rows' pixels and the
    `inverse` of their deviation, by channel; without it pixels run from −1 to 1. `frequency_scale` is for other kinds.
    """
    rng = np.random.Generator(np.random.Philox(seed))

    def normal(shape: tuple[int, ...], variance: float) -> NDArray[np.float32]:
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(math.sqrt(variance))

    convolutions: list[Params] = []
    for index, (fan_in, fan_out) in enumerate(architecture.convolutions):
        ends = architecture.residual and index % 3 == 2
        variance = scale**2 * initialise.variance(initializer, KERNEL_SIZE * fan_in, KERNEL_SIZE * fan_out)
        layer = {"w": normal((3, 3, fan_in, fan_out), 0.0 if ends and architecture.norm != "batch" else variance)}
        if architecture.norm == "batch":
            layer["gamma"] = np.full(fan_out, 0.0 if ends else 1.0, np.float32)
            layer["beta"] = np.zeros(fan_out, np.float32)
        else:
            layer["b"] = np.zeros(fan_out, np.float32)
        convolutions.append(layer)
    sizes = architecture.features, architecture.outputs
    last = "lecun" if initializer == "he" else initializer
    output = {"w": normal(sizes, initialise.variance(last, *sizes)), "b": np.zeros(architecture.outputs, np.float32)}
    plain = np.full(architecture.image[2], BYTE / 2, np.float32)
    pixels = bins or {"mean": plain, "inverse": 1 / plain}
    return {"convolutions": tuple(convolutions), "output": output, "pixels": pixels}


def statistics(architecture: Convolution) -> tuple[dict[str, Any], ...]:
    """Running averages of batch norm before the first step: nothing seen yet."""
    if architecture.norm != "batch":
        return ()
    sizes = [size for _, size in architecture.convolutions]
    return tuple({"mean": np.zeros(n, np.float32), "variance": np.zeros(n, np.float32)} for n in sizes)


def apply_training(
    architecture: Convolution,
    params: Params,
    x: Float[Array, "row height width channel"],
    codes: Int32[Array, "row 0"],
    counted: Float[Array, " row"],
    noise: Noise,
) -> tuple[Float[Array, "row output"], Moments]:
    """Outputs in training mode, and the moments for batch norm's averages.

    Dropout leaves out whole channels of an image: neighbouring pixels are so alike that single ones would not be missed
    (Tompson et al., Efficient object localization using convolutional networks, 2015).

    Args:
        architecture: What shapes the program.
        params: Parameters.
        x: Pixels from 0 to 255.
        codes: None.
        counted: 1 for rows of the mini-batch, 0 for padding.
        noise: What makes training differ; images have augmentation of their own in place of noise on inputs.
    """
    moments: list[dict[str, Array]] = []

    def normalise(index: int, z: Planes, layer: dict[str, Array]) -> Planes:
        normed, mean, variance = batch_norm(z, layer["gamma"], layer["beta"], counted)
        moments.append({"mean": mean, "variance": variance})
        return normed

    def thin(stage: int, h: Array) -> Array:
        whole = jnp.ones(h.shape[-2:], h.dtype)
        return h * layers.dropout(whole, noise.dropout[stage], random_bits.stream(noise.start, stage + 1))

    return _body(architecture, params, x, normalise=normalise, thin=thin), tuple(moments)


def apply_evaluation(
    architecture: Convolution,
    params: Params,
    statistics: Moments,
    x: Float[Array, "row height width channel"],
    codes: Int32[Array, "row 0"],
) -> Float[Array, "row output"]:
    """Outputs in evaluation mode: exact and repeatable, each row by itself, some rows at a time.

    `statistics` are batch norm's averages after bias correction, one mean and variance for each convolution.
    """

    def normalise(index: int, z: Planes, layer: dict[str, Array]) -> Planes:
        seen = statistics[index]
        scale = lax.rsqrt(seen["variance"] + layers.BATCH_NORM_EPSILON) * layer["gamma"]
        return tuple((plane - seen["mean"]) * scale + layer["beta"] for plane in z)

    def some(images: Array) -> Array:
        return _body(architecture, params, images, normalise=normalise, thin=lambda _, h: h)

    rows, most = x.shape[0], evaluated(architecture.image)
    if rows <= most:
        return some(x)
    parts = -(-rows // most)
    filled = jnp.pad(x, ((0, parts * most - rows), (0, 0), (0, 0), (0, 0)))
    out = lax.map(some, filled.reshape(parts, most, *x.shape[1:]))
    return out.reshape(parts * most, -1)[:rows]


def evaluated(image: tuple[int, ...]) -> int:
    """How many images of this height and width are evaluated at a time: a power of two."""
    height, width = image[:2]
    fitting = max(1, min(EVALUATED, EVALUATED_PIXELS // (height * width)))
    return 1 << fitting.bit_length() - 1


def batch_norm(
    planes: Planes, gamma: Float[Array, " channel"], beta: Float[Array, " channel"], counted: Float[Array, " row"]
) -> tuple[Planes, Float[Array, " channel"], Float[Array, " channel"]]:
    """Batch norm in training over all pixels of all rows, as `layers.batch_norm` does it over rows.

    Args:
        planes: Pre-activations; their convolution has no bias, β does its work.
        gamma: Learned scale.
        beta: Learned offset.
        counted: 1 for rows of the mini-batch, 0 for padding.

    Returns:
        The normalised pre-activations, the mean, and the unbiased variance for the running averages.
    """
    shift = lax.stop_gradient(planes[0][0, 0, 0])
    pixels = sum(plane.shape[0] * plane.shape[1] for plane in planes)
    count = counted.sum() * pixels

    def mean_of(of_plane: Callable[[Array], Array]) -> Array:
        by_row = sum((of_plane(plane - shift).sum((0, 1)) for plane in planes), jnp.zeros((), shift.dtype))
        return (by_row * counted[:, None]).sum(0) / count

    first = mean_of(lambda centred: centred)
    variance = jnp.maximum(mean_of(jnp.square) - first * first, 0.0)
    mean = shift + first
    scale = lax.rsqrt(variance + layers.BATCH_NORM_EPSILON) * gamma
    normed = tuple((plane - mean) * scale + beta for plane in planes)
    return normed, mean, variance * count / jnp.maximum(count - 1.0, 1.0)


def form() -> ModuleType:
    """How convolutions are computed on the machine that the program is made for: settled while it is traced."""
    return convolution_planes if jax.default_backend() == "cpu" else convolution_lax


def _body(architecture: Convolution, params: Params, x: Array, *, normalise: Normalise, thin: Thin) -> Array:
    by, activate = form(), layers.ACTIVATIONS[architecture.activation]
    numbered = enumerate(params["convolutions"])

    def convolved(h: Array) -> Planes:
        index, layer = next(numbered)
        z = by.convolve(h, layer["w"])
        return normalise(index, z, layer) if architecture.norm == "batch" else tuple(p + layer["b"] for p in z)

    h = _standardised(params, x)
    for stage in range(len(architecture.widths)):
        z, one = convolved(h), min(h.shape[:2]) == 1
        if architecture.residual:
            around = by.join(_each(activate, z))
            inside = convolved(by.join(_each(activate, convolved(around))))
            z = tuple(a + b for a, b in zip(inside, by.split(around), strict=True))
        h = by.join(_each(activate, z)) if one else _pooled(by, architecture, z)  # down to one row or column of pixels
        h = thin(stage, h)
    return _places(h, architecture.places) @ params["output"]["w"] + params["output"]["b"]


def _standardised(params: Params, x: Array) -> Float[Array, "height width row channel"]:
    """Pixels with mean 0 and deviation 1 on the training rows, with the rows behind them."""
    mean, inverse = (lax.stop_gradient(params["pixels"][name]) for name in ("mean", "inverse"))
    return (jnp.moveaxis(x, 0, 2).astype(mean.dtype) - mean) * inverse


def _pooled(by: ModuleType, architecture: Convolution, z: Planes) -> Array:
    activate = layers.ACTIVATIONS[architecture.activation]
    if architecture.activation in RISING:
        return activate(by.pool(z))
    return by.pool(_each(activate, z))


def _each(function: Callable[[Array], Array], planes: Planes) -> Planes:
    return tuple(function(plane) for plane in planes)


def _places(h: Float[Array, "height width row channel"], places: tuple[int, int]) -> Float[Array, "row feature"]:
    """All channels of each place side by side: the mean over the pixels of each part of a grid of so many places."""
    down, across = (np.array_split(np.arange(size), count) for size, count in zip(h.shape[:2], places, strict=True))
    return jnp.concatenate(
        [h[i[0] : i[-1] + 1, j[0] : j[-1] + 1].mean((0, 1)) for i in down for j in across],
        axis=1,
    )

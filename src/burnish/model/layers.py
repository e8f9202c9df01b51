"""Layers as pure functions of one mini-batch, in training and in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, UInt32
from numpy.typing import NDArray

from burnish.model import random_bits

# ε of batch norm, in the units of z². Ioffe and Szegedy 2015 leave it open; 1e-5 is the value of the common frameworks.
BATCH_NORM_EPSILON = 1e-5

# sin(2πs)/s and cos(2πs) as polynomials in s² for |s| ≤ 1/4: least maximal error (3e-9 and 2e-10), found by reweighted
# least squares.
SINE = (6.28318516008946, -41.34165503141359, 81.60100407311035, -76.54978229037715, 39.53670604292711)
COSINE = (
    0.9999999997806513,
    -19.739208548913382,
    64.93934662946944,
    -85.45357162594269,
    60.144015076242795,
    -24.98223769699689,
)

# Width below which a bin counts as this wide, in standard deviations of the column: keeps its slope finite.
NARROWEST_BIN = 1e-3

# Lets the variance of SELU's output stay 1 (Klambauer et al. 2017); here only through jax.nn.selu.
ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
    "selu": jax.nn.selu,
    "leaky_relu": jax.nn.leaky_relu,
    "identity": lambda z: z,
}


def batch_norm(
    z: Float[Array, "row unit"],
    gamma: Float[Array, " unit"],
    beta: Float[Array, " unit"],
    counted: Float[Array, " row"],
) -> tuple[Float[Array, "row unit"], Float[Array, " unit"], Float[Array, " unit"]]:
    """Batch norm in training: `γ (z − μ)/√(σ² + ε) + β`, with μ and σ² of this mini-batch (Ioffe and Szegedy 2015).

    The moments are taken in one pass, of z less its first row: E[z²] − E[z]² of z itself loses all digits where the
    mean is large against the spread.

    Args:
        z: Pre-activations; the layer has no bias, β does its work.
        gamma: Learned scale.
        beta: Learned offset.
        counted: 1 for rows of the mini-batch, 0 for padding.

    Returns:
        The normalised pre-activations, the mean, and the unbiased variance (B/(B−1)) for the running averages.
    """
    shift = lax.stop_gradient(z[0])
    rows = counted.sum()
    centred = (z - shift) * counted[:, None]
    first = centred.sum(0) / rows
    variance = jnp.maximum((centred * centred).sum(0) / rows - first * first, 0.0)
    mean = shift + first
    scale = lax.rsqrt(variance + BATCH_NORM_EPSILON) * gamma
    return (z - mean) * scale + beta, mean, variance * rows / jnp.maximum(rows - 1.0, 1.0)


def batch_norm_evaluation(
    z: Float[Array, "row unit"],
    gamma: Float[Array, " unit"],
    beta: Float[Array, " unit"],
    mean: Float[Array, " unit"],
    variance: Float[Array, " unit"],
) -> Float[Array, "row unit"]:
    """Batch norm at prediction, with the averages of training: one row alone gets the answer it gets in a batch."""
    return (z - mean) * (lax.rsqrt(variance + BATCH_NORM_EPSILON) * gamma) + beta


def dropout(h: Float[Array, "row unit"], rate: Float[Array, ""], start: UInt32[Array, ""]) -> Float[Array, "row unit"]:
    """Inverted dropout: `h · d / keep_prob`, d drawn for each row and unit; E[h] is unchanged (Srivastava et al. 2014).

    Args:
        h: Activations.
        rate: 1 − keep_prob, in [0, 1).
        start: Start of the random stream of this step and layer.
    """
    keep = 1.0 - rate
    mask = random_bits.keep_mask(start, h.shape, keep)
    return jnp.where(mask, h * (1.0 / keep), 0.0)


@jax.custom_jvp
def circle(turns: Float[Array, "*n"]) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """Sine and cosine of an angle given in full turns, to 3e-7 for any finite number of turns.

    XLA's own take seven times as long on a CPU, half of a training step. Whole turns come off exactly, which is not so
    once the angle was multiplied by 2π; a quarter turn to either side is left, where two short polynomials do.
    """
    part = turns - jnp.round(turns)
    beyond = jnp.abs(part) > 0.25
    near = jnp.where(beyond, jnp.copysign(0.5, part) - part, part)
    square = near * near
    sine, cosine = near * _horner(SINE, square), _horner(COSINE, square)
    return sine, jnp.where(beyond, -cosine, cosine)


@circle.defjvp
def _circle_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    sine, cosine = circle(*primals)
    moved = 2 * jnp.pi * tangents[0]
    return (sine, cosine), (cosine * moved, -sine * moved)


def _horner(coefficients: tuple[float, ...], x: Array) -> Array:
    value = jnp.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value


def periodic(x: Float[Array, "row number"], frequency: Float[Array, "number k"]) -> Float[Array, "row features"]:
    """Sines and cosines of `2π · frequency · x` of each number (Gorishniy, Rubachev, Babenko 2022), `2·k` a number.

    A plain network bends slowly along one input; these features, whose frequencies are learned, let it follow steps and
    narrow peaks.
    """
    return jnp.concatenate(circle((x[:, :, None] * frequency[None]).reshape(x.shape[0], -1)), axis=1)


def piecewise(x: Float[Array, "row number"], bins: Mapping[str, Array]) -> Float[Array, "row features"]:
    """Piecewise-linear encoding: `clip((x − b_t) / (b_{t+1} − b_t), 0, 1)` for each bin t (Gorishniy et al. 2022).

    Each feature rises within its own bin and is flat elsewhere, so one linear layer bends at every quantile of a
    column: thresholds, which trees find at once, cost a plain network many steps. The bins are data, not weights: they
    do not learn.
    """
    low, inverse = (lax.stop_gradient(bins[name])[None] for name in ("low", "inverse"))
    return jnp.clip((x[:, :, None] - low) * inverse, 0.0, 1.0).reshape(x.shape[0], -1)


def quantile_bins(x: NDArray[np.float32], count: int) -> dict[str, NDArray[np.float32]]:
    """Bins between the quantiles of each column of the training rows, as `piecewise` reads them.

    Args:
        x: Continuous inputs of the training rows, shape (rows, numbers).
        count: Bins of each column. A column with fewer distinct quantiles leaves the others empty (always 0).

    Returns:
        `low` (numbers, count), the bins' lower edges, and `inverse` (numbers, count), one over their widths.
    """
    low, inverse = (np.zeros((x.shape[1], count), np.float32) for _ in range(2))
    for column in range(x.shape[1]):
        edges = np.unique(np.quantile(x[:, column], np.linspace(0.0, 1.0, count + 1)))
        used = len(edges) - 1
        low[column, :used] = edges[:-1]
        inverse[column, :used] = 1.0 / np.maximum(np.diff(edges), NARROWEST_BIN)
    return {"low": low, "inverse": inverse}

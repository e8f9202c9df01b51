"""What makes training differ from evaluation, and what of it acts on the inputs of any network."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int32, UInt32

from burnish.model import layers, random_bits

# Streams of one step: hidden layer l takes l + 1, so these lie above any depth.
INPUT_NOISE_STREAM, INPUT_DROPOUT_STREAM, OWN_STREAM = 1001, 1002, 1003


class Mixed(NamedTuple):
    """What each row of a mini-batch is mixed with (mixup)."""

    share: Float[Array, " row"]  # of the row itself; the partner has the rest
    codes: Int32[Array, "row c"]  # the partner's
    y: Array  # the partner's target


class Noise(NamedTuple):
    """Every field is traced."""

    start: UInt32[Array, ""]  # random stream of this step
    dropout: Float[Array, " layer"]  # rate of each hidden layer
    input_dropout: Float[Array, ""]
    input_noise: Float[Array, ""]  # standard deviation, in the inputs' standardised units
    mixed: Mixed | None = None  # continuous inputs and flags are mixed already, categories where they are read


def blended(share: Float[Array, " row"], own: Array, other: Array) -> Array:
    """`λ own + (1 − λ) other`, row by row."""
    by_row = share.reshape(-1, *(1,) * (own.ndim - 1)).astype(own.dtype)
    return by_row * own + (1 - by_row) * other


def noisy(noise: Noise, x: Float[Array, "row d"], numbers: int) -> Float[Array, "row d"]:
    """The inputs with Gaussian noise on the first `numbers` columns, the continuous ones."""
    if not numbers:
        return x
    added = lax.cond(
        noise.input_noise > 0,
        lambda: (
            noise.input_noise
            * random_bits.normals(random_bits.stream(noise.start, INPUT_NOISE_STREAM), (x.shape[0], numbers))
        ),
        lambda: jnp.zeros((x.shape[0], numbers), x.dtype),
    )
    return jnp.concatenate([x[:, :numbers] + added, x[:, numbers:]], axis=1) if numbers < x.shape[1] else x + added


def thinned(noise: Noise, features: Float[Array, "row fan_in"]) -> Float[Array, "row fan_in"]:
    """What the first layer reads, after input dropout."""
    return lax.cond(
        noise.input_dropout > 0,
        lambda f: layers.dropout(f, noise.input_dropout, random_bits.stream(noise.start, INPUT_DROPOUT_STREAM)),
        lambda f: f,
        features,
    )

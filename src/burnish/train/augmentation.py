"""Augmentation inside the step: a mini-batch of the training part, changed before the network reads it.

To add one: write a function (stream, batch, strength) -> batch, pure and of fixed shapes; give it a row in
`AUGMENTATIONS` and a setting in `Configuration`. Which ones a program has is static, how strong they are flows through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int32, UInt32
from numpy.typing import NDArray

from burnish.model import image_augmentation, noise, random_bits
from burnish.model.image_augmentation import Strengths
from burnish.model.noise import Mixed

# Equal parts of the upper half of Beta(α, α) in its table: drawn shares are within 1e-3 of the exact ones in the mean.
PARTS = 256
GRID = 4_096  # places at which its density is summed up


class Batch(NamedTuple):
    """Training rows of one step. The first rows count, padding follows them."""

    x: Array  # (row, d); of images (row, height, width, channel), pixels from 0 to 255
    codes: Int32[Array, "row c"]
    y: Array  # (row,) int32 classes or float32 standardised numbers
    weight: Float[Array, " row"]  # in the cost; 0 for padding
    counted: Float[Array, " row"]  # 1 for a row, 0 for padding
    mixed: Mixed | None = None  # what each row is mixed with, if it is


Strength = Any  # an array, or a tuple of them
Augment = Callable[[UInt32[Array, ""], Batch, Strength], Batch]


def mixup(start: UInt32[Array, ""], batch: Batch, quantiles: Float[Array, " part"]) -> Batch:
    """Each row is mixed with the next one: `x ← λ x_i + (1 − λ) x_j`, and targets alike (Zhang et al. 2018).

    Mini-batches are shuffled, so the next row is a random one; the last row that counts takes the first, and padding is
    mixed into nothing. λ is drawn for each row by itself, from the upper half of Beta(α, α): over all rows a pair comes
    about either way round, so each row is the larger part once an epoch. Numbers are mixed as targets here; classes as
    losses, in the cost. Categories are mixed where they are read. A mixture counts for the product of its rows'
    weights, as if each row stood in the table as often as its weight says: a row of weight 0 is mixed into nothing.

    Args:
        start: Random stream of this step.
        batch: Rows that are not mixed yet.
        quantiles: `shares` of α.
    """
    rows = batch.y.shape[0]
    last = batch.counted.sum().astype(jnp.int32) - 1
    is_last = lax.iota(jnp.int32, rows) == last

    def partner(values: Array) -> Array:
        at_end = is_last.reshape(-1, *(1,) * (values.ndim - 1))
        return jnp.where(at_end, values[:1], jnp.roll(values, -1, axis=0))

    share = _drawn(start, quantiles, rows)
    mixed = Mixed(share, partner(batch.codes), partner(batch.y))
    of_numbers = jnp.issubdtype(batch.y.dtype, jnp.floating)
    return batch._replace(
        x=noise.blended(share, batch.x, partner(batch.x)),
        y=noise.blended(share, batch.y, mixed.y) if of_numbers else batch.y,
        weight=batch.weight * partner(batch.weight),
        mixed=mixed,
    )


def _drawn(start: UInt32[Array, ""], quantiles: Float[Array, " part"], rows: int) -> Float[Array, " row"]:
    """A share for each row: a uniform number, and the quantile that stands there, between two of the table."""
    place = (random_bits.words(start, (rows,)) >> 8).astype(jnp.float32) * jnp.float32(PARTS / 2**24)
    low = jnp.minimum(place.astype(jnp.int32), PARTS - 1)
    beyond = place - low.astype(jnp.float32)
    return quantiles[low] + beyond * (quantiles[low + 1] - quantiles[low])


def shares(alpha: float) -> NDArray[np.float32]:
    """Quantiles of the larger of λ and 1 − λ, λ ~ Beta(α, α), at `PARTS` + 1 equal steps; all 1 for α = 0.

    A table made once outside the program lets α be traced: a sampler by rejection would loop in every step. With
    v = 1 − λ the density v^(α−1) (1 − v)^(α−1) has a pole at 0 for α < 1; along w = v^α it has none.

    >>> [round(float(share), 2) for share in shares(1.0)[[0, PARTS // 2, PARTS]]]  # uniform in [0.5, 1]
    [0.5, 0.75, 1.0]
    """
    if alpha <= 0:
        return np.ones(PARTS + 1, np.float32)
    power = min(alpha, 1.0)
    w = np.linspace(0.0, 0.5**power, GRID)
    v = w ** (1 / power)
    density = v ** (alpha - power) * (1 - v) ** (alpha - 1)
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    smaller = np.interp(np.linspace(0.0, 1.0, PARTS + 1), mass / mass[-1], w) ** (1 / power)
    return (1 - smaller[::-1]).astype(np.float32)


def images(start: UInt32[Array, ""], batch: Batch, strengths: Strengths) -> Batch:
    """Images mirrored, cropped, turned and so on: `image_augmentation`."""
    return batch._replace(x=image_augmentation.augment(start, batch.x, strengths))


AUGMENTATIONS: Mapping[str, Augment] = {"images": images, "mixup": mixup}


def apply(names: Sequence[str], start: UInt32[Array, ""], batch: Batch, strengths: Mapping[str, Any]) -> Batch:
    """The batch after these augmentations, one after the other, each with a random stream of its own."""
    if batch.x.dtype == jnp.uint8:
        batch = batch._replace(x=batch.x.astype(jnp.float32))  # pixels: only those of this mini-batch
    for number, name in enumerate(names):
        batch = AUGMENTATIONS[name](random_bits.stream(start, number), batch, strengths[name])
    return batch

"""Where an epoch's order of rows is cut into mini-batches."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int32


def steps_per_epoch(batch_size: int, rows: Array) -> Int32[Array, ""]:
    """Mini-batches of an epoch; the last one may be smaller.

    Here and below `lax.div`: jnp's floor division minds negative numbers, and each of its parts is one more to compile.
    """
    return lax.div(rows + (batch_size - 1), jnp.int32(batch_size))


def positions(batch_size: int, index: Array, rows: Array) -> tuple[Int32[Array, " place"], Float[Array, " place"]]:
    """Places in the epoch's order that make up mini-batch `index`, and which of them count (1, else 0).

    The last mini-batch may be smaller. One of a single row would leave batch norm without a variance, so it takes one
    row from the mini-batch before it. From one of two rows it takes one too, and leaves one: an odd number of rows has
    no mini-batches of at most two without a single row, so that batch norm asks for three (`configuration`).
    """
    latest = jnp.maximum(rows - min(2, batch_size), 0)
    begin = jnp.minimum(index * batch_size, latest)
    end = jnp.where((index + 1) * batch_size >= rows, rows, jnp.minimum((index + 1) * batch_size, latest))
    places = begin + lax.iota(jnp.int32, batch_size)
    return places, (places < end).astype(jnp.float32)

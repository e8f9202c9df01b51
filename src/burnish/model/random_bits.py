"""Random bits inside the compiled step: a hash of a counter, nothing to carry along.

JAX's own generators cost more than the matrix products of a small network (threefry adds 15 to 56 % to a training step
on a CPU). A mask or an order of rows needs bits that are uniform and look independent, not bits that resist an
adversary, so a 32-bit mixing function of (seed, step, position) is enough; tests/model/test_model_random_bits.py tests
its statistics.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int32, UInt32

# An odd constant near 2³²/φ spreads consecutive counters over all bits (Knuth, The Art of Computer Programming 3, 6.4,
# 1973).
GOLDEN = 0x9E3779B9
# Highest index width at which sorting beats the bijection on a CPU; the bijection mixes poorly on fewer bits than
# these.
SORT_BITS = 13


def mix(x: UInt32[Array, "*n"]) -> UInt32[Array, "*n"]:
    """A bijection of 32-bit words that changes half of the output bits, on average, for each input bit flipped.

    Multiply-xorshift with the "lowbias32" constants (Wellons, Prospecting for hash functions, 2018).
    """
    x = x ^ (x >> 16)
    x = x * jnp.uint32(0x7FEB352D)
    x = x ^ (x >> 15)
    x = x * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)


def stream(seed: UInt32[Array, ""], *counters: UInt32[Array, ""] | Int32[Array, ""] | int) -> UInt32[Array, ""]:
    """One word for each (seed, counters): the start of an independent stream."""
    word = mix(jnp.asarray(seed, jnp.uint32) ^ jnp.uint32(GOLDEN))
    for counter in counters:
        word = mix(word + jnp.asarray(counter).astype(jnp.uint32) * jnp.uint32(GOLDEN))
    return word


def words(start: UInt32[Array, ""], shape: tuple[int, ...]) -> UInt32[Array, ...]:
    """One word for each position of `shape`."""
    count = 1
    for size in shape:
        count *= size
    return mix(lax.iota(jnp.uint32, count) * jnp.uint32(GOLDEN) + start).reshape(shape)


def keep_mask(start: UInt32[Array, ""], shape: tuple[int, ...], keep_probability: Float[Array, ""]) -> Bool[Array, ...]:
    """True with probability `keep_probability` (to 2⁻²⁴) at each position; all true at 1."""
    threshold = (keep_probability * jnp.float32(2**24)).astype(jnp.uint32)
    return (words(start, shape) >> 8) < threshold


def normals(start: UInt32[Array, ""], shape: tuple[int, ...]) -> Float[Array, ...]:
    """Nearly standard normal numbers, within ±3.5: the sum of four 8-bit uniform parts of one word.

    The sum of four uniforms (Irwin 1927, Hall 1927) has excess kurtosis −0.3, which does not matter to noise on inputs.
    """
    bits = words(start, shape)
    total = sum(((bits >> shift) & 0xFF).astype(jnp.float32) for shift in (0, 8, 16, 24))
    variance = 4 * (256.0**2 - 1) / 12
    return (total - 4 * 127.5) / jnp.sqrt(jnp.float32(variance))


def row_order(
    start: UInt32[Array, ""], positions: Int32[Array, " b"], rows: Int32[Array, ""], capacity: int
) -> Int32[Array, " b"]:
    """The rows that stand at `positions` in the order named by `start`: a bijection of [0, rows), without a sort.

    Rounds of multiply and xorshift on the smallest power of two that holds `rows`, walked again while they land outside
    (cycle walking: Black and Rogaway 2002); but on no less than SORT_BITS, where `capacity` allows them. The power
    follows `rows` and not `capacity`, or a learning curve's small share of a large table would walk hundreds of times.
    Positions at or beyond `rows` give an arbitrary valid row.
    """
    least = max(2, min(SORT_BITS, (capacity - 1).bit_length()))
    full = (rows - 1).astype(jnp.uint32) | jnp.uint32((1 << least) - 1)
    for shift in (1, 2, 4, 8, 16):
        full = full | (full >> shift)
    half = lax.population_count(full) // 2
    odd_1, odd_2, add = stream(start, 1) | jnp.uint32(1), stream(start, 2) | jnp.uint32(1), stream(start, 3)

    def scramble(x: Array) -> Array:
        x = ((x ^ add) * odd_1) & full
        x = x ^ (x >> half)
        x = (x * odd_2 + add) & full
        x = x ^ (x >> half)
        x = (x * jnp.uint32(GOLDEN)) & full
        return x ^ (x >> half)

    limit = rows.astype(jnp.uint32)
    inside = jnp.where(positions < rows, positions, 0).astype(jnp.uint32)
    walked = lax.while_loop(
        lambda x: jnp.any(x >= limit), lambda x: jnp.where(x >= limit, scramble(x), x), scramble(inside)
    )
    return walked.astype(jnp.int32)


def sorted_order(start: UInt32[Array, ""], rows: Int32[Array, ""], capacity: int) -> Int32[Array, " n"]:
    """A random order of [0, rows) in the first `rows` places of an array of `capacity`: one 32-bit sort.

    The high bits are random and the low bits hold the index, so one operand is sorted instead of two.
    """
    bits = max(1, (capacity - 1).bit_length())
    index = lax.iota(jnp.uint32, capacity)
    low = jnp.uint32((1 << bits) - 1)
    keys = jnp.where(index < rows.astype(jnp.uint32), words(start, (capacity,)) >> 1, jnp.uint32(0xFFFFFFFF))
    return (jnp.sort((keys & ~low) | index) & low).astype(jnp.int32)


def use_sort(capacity: int) -> bool:
    """Whether orders of so many rows come from a sort once an epoch, and not from the bijection in each step."""
    return (capacity - 1).bit_length() <= SORT_BITS

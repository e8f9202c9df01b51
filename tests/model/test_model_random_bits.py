"""The hash behind masks and orders: uniform, independent across seeds, steps and layers; orders are permutations."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from burnish.model import random_bits

# Each test has one fixed seed, so it always passes or always fails; a sound generator falls below this once in ten
# thousand.
SUSPICIOUS = 1e-4


def words(seed: int, count: int) -> np.ndarray:
    return np.asarray(random_bits.words(jnp.uint32(seed & 0xFFFFFFFF), (count,)))


def uniform_p(values: np.ndarray, cells: int) -> float:
    """p-value of a chi-square test that integers in [0, cells) are uniform."""
    return float(stats.chisquare(np.bincount(values, minlength=cells)).pvalue)


@pytest.mark.parametrize("seed", [0, 1, 2**31, -1])
@pytest.mark.parametrize("shift", [0, 8, 16, 24])
def test_each_byte_of_the_words_is_uniform(seed, shift):
    """256 values of each byte of 65,536 words."""

    assert uniform_p((words(seed, 1 << 16) >> shift) & 0xFF, 256) > SUSPICIOUS


@pytest.mark.parametrize("lag", [1, 2, 3, 64, 128, 256])
def test_neighbouring_words_are_independent(lag):
    """The top bits of words a unit, a few units, or a row apart fill a 16 × 16 table evenly."""
    top = words(3, (1 << 16) + lag) >> 28

    assert uniform_p(top[:-lag] * 16 + top[lag:], 256) > SUSPICIOUS


@pytest.mark.parametrize(
    ("first", "second"),
    [((0, 5), (1, 5)), ((0, 5), (0, 6)), ((0, 5, 1), (0, 5, 2)), ((0, 1), (1, 0)), ((7, 0), (8, 0))],
    ids=["seeds", "steps", "layers", "swapped", "first step"],
)
def test_streams_are_independent(first, second):
    """Masks of neighbouring seeds, steps and layers have nothing to do with each other."""
    tops = [
        np.asarray(random_bits.words(random_bits.stream(jnp.uint32(seed), *counters), (1 << 16,)) >> 28)
        for seed, *counters in (first, second)
    ]

    assert uniform_p(tops[0] * 16 + tops[1], 256) > SUSPICIOUS


def test_the_first_words_of_consecutive_streams_are_uniform_and_uncorrelated():
    """Position 0 of 20,000 consecutive steps: as random as positions of one step."""
    first = jax.vmap(lambda step: random_bits.words(random_bits.stream(jnp.uint32(1), 2, step), (1,))[0])
    top = np.asarray(first(jnp.arange(20_000, dtype=jnp.uint32))) >> 28

    assert uniform_p(top, 16) > SUSPICIOUS
    assert uniform_p(top[:-1] * 16 + top[1:], 256) > SUSPICIOUS


def test_mix_is_a_bijection_with_avalanche():
    """No two of a million inputs collide, and each input bit flips each output bit in half of the cases, within 5 %."""
    x = np.arange(1 << 20, dtype=np.uint32)
    mixed = np.asarray(random_bits.mix(jnp.asarray(x)))
    flips = np.array(
        [
            [((mixed[: 1 << 14] ^ flipped) >> bit & 1).mean() for bit in range(32)]
            for flipped in (
                np.asarray(random_bits.mix(jnp.asarray(x[: 1 << 14] ^ np.uint32(1 << bit)))) for bit in range(32)
            )
        ]
    )

    assert len(np.unique(mixed)) == len(x)
    np.testing.assert_allclose(flips, 0.5, atol=0.05)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
def test_masks_keep_their_share_of_units_and_of_rows(rate):
    """In all, per unit and per row, the number kept is binomial."""
    rows, units = 512, 128
    mask = np.asarray(random_bits.keep_mask(jnp.uint32(5), (rows, units), jnp.float32(1 - rate)))
    deviations = [
        (mask.sum(axis) - n * (1 - rate)) / np.sqrt(n * rate * (1 - rate))
        for axis, n in ((None, rows * units), (0, rows), (1, units))
    ]

    assert abs(deviations[0]) < 4
    assert all(abs(d.std() - 1) < 0.3 and np.abs(d).max() < 5 for d in deviations[1:])


def test_a_mask_at_one_keeps_all_and_near_zero_almost_nothing():
    """No dropout means no unit is ever lost, for 4 million draws."""
    whole = random_bits.keep_mask(jnp.uint32(0), (1 << 22,), jnp.float32(1.0))
    little = random_bits.keep_mask(jnp.uint32(0), (1 << 22,), jnp.float32(1e-4))

    assert bool(whole.all())
    assert 300 < int(little.sum()) < 550


def test_normals_have_mean_zero_variance_one_and_nearly_normal_tails():
    """Moments of a million draws; the excess kurtosis is the −0.3 that four uniforms have."""
    z = np.asarray(random_bits.normals(jnp.uint32(9), (1 << 20,)), np.float64)

    assert abs(z.mean()) < 0.005
    assert abs(z.var() - 1) < 0.005
    assert abs(stats.skew(z)) < 0.01
    assert abs(stats.kurtosis(z) + 0.3) < 0.02
    assert np.abs(z).max() < 3.5


ORDER = jax.jit(random_bits.row_order, static_argnums=3)
SORTED = jax.jit(random_bits.sorted_order, static_argnums=2)


@pytest.mark.parametrize("capacity", [32, 100, 4096, 20_000])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 0.97, 1.0])
def test_both_orders_are_permutations(capacity, share):
    """Each row of [0, rows) comes exactly once, however few of the capacity are rows."""
    rows = max(1, round(capacity * share))
    start, positions = random_bits.stream(jnp.uint32(4), 1, 2), jnp.arange(capacity)
    for order in (ORDER(start, positions, jnp.int32(rows), capacity), SORTED(start, jnp.int32(rows), capacity)):
        np.testing.assert_array_equal(np.sort(np.asarray(order)[:rows]), np.arange(rows))
        assert int(order.min()) >= 0
        assert int(order.max()) < capacity


@pytest.mark.parametrize(("capacity", "rows"), [(64, 50), (4096, 4000)])
def test_sorted_order_puts_each_row_anywhere_and_after_any_other(capacity, rows):
    """Over epochs a row's place is uniform, and so is the distance to the row that stood beside it in the table."""
    epochs = 4000 if capacity == 64 else 400
    orders = np.asarray(
        jax.vmap(
            lambda e: random_bits.sorted_order(random_bits.stream(jnp.uint32(0), 1, e), jnp.int32(rows), capacity)
        )(jnp.arange(epochs, dtype=jnp.uint32))
    )[:, :rows]
    place = np.argsort(orders, axis=1)
    steps = (place[:, 1] - place[:, 0]) % rows

    assert uniform_p(place[:, 0] * 10 // rows, 10) > SUSPICIOUS
    assert uniform_p(place[:, rows - 1] * 10 // rows, 10) > SUSPICIOUS
    assert uniform_p((steps - 1) * 10 // (rows - 1), 10) > SUSPICIOUS


@pytest.mark.parametrize("rows", [10_000, 16_384, 60_001])
def test_the_bijection_puts_rows_anywhere_and_mixes_neighbours(rows):
    """Where sorting is too slow: places over epochs are uniform, and rows side by side are sent apart."""
    epochs = 500
    start = [random_bits.stream(jnp.uint32(0), 1, e) for e in range(epochs)]
    firsts = np.asarray(
        jax.vmap(lambda s: random_bits.row_order(s, jnp.arange(8), jnp.int32(rows), 65_536))(jnp.stack(start))
    )
    steps = (firsts[:, 1:] - firsts[:, :-1]) % rows

    assert all(uniform_p(firsts[:, i] * 10 // rows, 10) > SUSPICIOUS for i in range(8))
    assert uniform_p((steps.ravel() - 1) * 10 // (rows - 1), 10) > SUSPICIOUS


@pytest.mark.parametrize("rows", [100, 9000, 30_000])
def test_the_bijection_of_few_rows_does_not_depend_on_the_table_they_were_taken_from(rows):
    """Learning curves train on a small share of a large table: the walk back into it must not grow with the table."""
    orders = [
        ORDER(random_bits.stream(jnp.uint32(0), 1), jnp.arange(128), jnp.int32(rows), capacity)
        for capacity in (1 << 15, 1 << 22)
    ]

    np.testing.assert_array_equal(*orders)

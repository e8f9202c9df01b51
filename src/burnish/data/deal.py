"""Dealing rows out to parts, so that every part looks like the whole and what belongs together stays together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from burnish.data import distinct

Labels = NDArray[np.int64]

ALWAYS_TRAIN = -1  # part of a row that no split may take from the training rows

# A target is cut at its quantiles into so many strata at most, so that all parts see its whole range; each stratum
# has at least so many rows.
TARGET_BINS = 10
BIN_ROWS = 5


def target_bins(values: NDArray[np.float64]) -> Labels:
    """Stratum of each number, by quantiles; equal numbers share one. Shape (rows,)."""
    count = int(np.clip(len(values) // BIN_ROWS, 1, TARGET_BINS))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])) if count > 1 else np.empty(0)
    return np.searchsorted(edges, values, side="left").astype(np.int64)


def joined(*labels: NDArray | None) -> Labels | None:
    """Rows that share any label belong together: the parts so connected, shape (rows,); None without labels."""
    known = [distinct.codes(one) for one in labels if one is not None]
    if len(known) < 2:
        return known[0] if known else None
    rows = np.arange(len(known[0]))
    starts = np.cumsum([len(rows), *(int(one.max()) + 1 for one in known)])
    ends = np.concatenate([one + start for one, start in zip(known, starts[:-1], strict=True)])
    edges = (np.ones(len(ends), dtype=np.int8), (np.tile(rows, len(known)), ends))
    graph = sparse.coo_matrix(edges, shape=(int(starts[-1]), int(starts[-1])))
    return csgraph.connected_components(graph, directed=False)[1][: len(rows)].astype(np.int64)


def deal(strata: Labels, units: Labels, shares: NDArray[np.float64], rng: np.random.Generator) -> Labels:
    """Gives every row a part; all rows of a unit get the same.

    Units that look alike (as many rows in each stratum) are dealt out in proportion, at random; those left over go,
    largest first, to the part that comes closest to its share by them.

    Args:
        strata: What every part shall have its share of, 0, 1, ..., shape (rows,).
        units: Rows with the same number stay together, 0, 1, ..., shape (rows,).
        shares: Share of each part; they sum to 1. Shape (parts,).
        rng: Where chance comes from.

    Returns:
        Number of the part of each row, shape (rows,).
    """
    counts = _counts(units, strata)
    alike = _alike(counts)
    order = _shuffled_by(alike, rng)
    sizes = np.bincount(alike)
    dealt = np.floor(np.outer(sizes, shares) + 1e-9).astype(np.int64)  # of each kind to each part; 1e-9: 0.2 × 5 is 1
    dealt = np.column_stack([dealt, sizes - dealt.sum(axis=1)])  # and what is left over
    part_in_order = np.repeat(np.tile(np.arange(dealt.shape[1]), len(sizes)), dealt.ravel())
    parts = np.empty(len(order), dtype=np.int64)
    parts[order] = part_in_order
    held = parts[units] * counts.shape[1] + strata
    rows = np.bincount(held, minlength=dealt.shape[1] * counts.shape[1]).reshape(dealt.shape[1], counts.shape[1])
    _deal_rest(counts, parts, rows[: len(shares)], shares, rng)
    return parts[units]


def _counts(units: Labels, strata: Labels) -> sparse.csr_matrix:
    """Rows of each stratum in each unit, shape (units, strata)."""
    shape = (int(units.max()) + 1, int(strata.max()) + 1)
    counts = sparse.coo_matrix((np.ones(len(units), dtype=np.int64), (units, strata)), shape=shape).tocsr()
    counts.sum_duplicates()
    return counts


def _alike(counts: sparse.csr_matrix) -> Labels:
    """Units with equal counts get equal numbers, shape (units,): told apart by a random projection of the counts."""
    if counts.sum() == counts.shape[0]:  # each unit is one row, and is as its stratum
        return distinct.codes(counts.indices)
    rng = np.random.default_rng(0)  # any fixed directions do; two different units collide with probability 0
    return np.unique(np.round(counts @ rng.random(counts.shape[1]), 9), return_inverse=True)[1]


def _shuffled_by(kinds: Labels, rng: np.random.Generator) -> Labels:
    """An order of the units by kind, and by chance within a kind."""
    order = np.argsort(rng.random(len(kinds)))
    # Numbers of 16 bits are sorted by their digits: on ten million rows all of it takes half of a sort by two keys.
    narrow = np.uint16 if int(kinds.max(initial=0)) < 1 << 16 else np.int64
    return order[np.argsort(kinds[order].astype(narrow), kind="stable")]


def _deal_rest(
    counts: sparse.csr_matrix,
    parts: Labels,
    dealt: NDArray[np.int64],
    shares: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Fills in `parts` for the units left over (those with the number len(shares)), in place.

    Args:
        counts: Rows of each stratum in each unit, shape (units, strata).
        parts: Part of each unit, shape (units,).
        dealt: Rows of each stratum that each part has, shape (parts, strata).
        shares: Share of each part, shape (parts,).
        rng: Where chance comes from.
    """
    rest = np.flatnonzero(parts == len(shares))
    wanted = np.outer(shares, np.asarray(counts.sum(axis=0)).ravel())
    lacking = wanted - dealt
    # A part that wants nothing gets nothing: 1e-9 rows makes every row there far too many.
    wanted, all_wanted = np.maximum(wanted, 1e-9), np.maximum(wanted.sum(axis=1), 1e-9)
    all_lacking = lacking.sum(axis=1)
    sizes = np.asarray(counts.sum(axis=1)).ravel()
    for unit in rest[np.lexsort((rng.random(len(rest)), -sizes[rest]))]:
        held = slice(counts.indptr[unit], counts.indptr[unit + 1])
        strata, rows = counts.indices[held], counts.data[held]
        # By how much the unit changes χ² = Σ (dealt − wanted)² / wanted over its strata and over all rows; the sizes
        # of the parts weigh as much as all strata, so that leftovers of many strata do not add up.
        change = ((rows - 2 * lacking[:, strata]) / wanted[:, strata]) @ rows
        change += counts.shape[1] * sizes[unit] * (sizes[unit] - 2 * all_lacking) / all_wanted
        best = np.flatnonzero(change <= change.min() + 1e-9)
        part = int(best[0] if len(best) == 1 else rng.choice(best))
        parts[unit] = part
        lacking[part, strata] -= rows
        all_lacking[part] -= sizes[unit]

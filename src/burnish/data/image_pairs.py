"""Which of many images are nearly equal: all pairs are looked at by a few numbers of each, few by their pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from burnish.data import images
from burnish.data.on_disk import RowsOnDisk

# Means over so many cells of each image at most, all channels together: what it is searched by.
CELLS = 256
# A blank image deviates from its own mean by less than this, in levels: it has no pattern to compare.
BLANK = 0.5
# Length of the pattern that cells are taken to hold at least. Where they hold less, as in textures, a bound that allows
# for all the rest would let every pair through.
LEAST_LENGTH = 0.5
# Main components that pairs are looked at by first, and images whose pairs say how many; with more of them fewer pairs
# are left over, each of which takes some 300 times as long as a pair by one component.
COMPONENTS, SAMPLE, LEFT_OVER = (8, 16, 32, 64, 128), 2_000, 3e-3
# Rows and columns of a block of pairs: its products, 2 MB, stay in a core's cache.
ROWS, COLUMNS = 512, 1_024
AT_ONCE = 4_096  # pairs whose pixels are compared before those are left out that are known to belong together

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Pixels = NDArray[np.uint8] | RowsOnDisk  # (images, height, width, channels)


def patterns(pixels: NDArray[np.uint8]) -> Floats:
    """All pixels of each image without their mean, at length 1; 0 for a blank image. Shape (rows, pixels)."""
    x = pixels.reshape(len(pixels), -1).astype(np.float32)
    x -= x.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("np,np->n", x, x))
    blank = length < BLANK * math.sqrt(x.shape[1])
    x *= np.where(blank, 0, 1 / np.where(blank, 1, length))[:, None]
    return x


def sketches(pixels: Pixels, rows: Rows) -> Floats:
    """A few numbers of each image by which the correlation of any two has a bound; 0 for a blank one.

    They are a pattern x in an orthonormal basis P, means over cells of each channel, and the length of what P leaves
    over. So the product of two sketches is P x · P y + |x − Pᵀ P x| |y − Pᵀ P y|, which is at least x · y (Cauchy and
    Schwarz). Where |P x| is below LEAST_LENGTH it is taken to be that: of such images copies are found whose cells lie
    within twice the distance of their pixels, relative to their length.

    Returns:
        Shape (len(rows), cells + 1).
    """
    height, width, channels = pixels.shape[1:]
    side = math.isqrt(CELLS // channels)
    down, across = _cells(height, side), np.kron(_cells(width, side), np.eye(channels, dtype=np.float32)).T
    out = np.empty((len(rows), len(down) * across.shape[1] + 1), np.float32)
    for block in images.blocks(pixels, len(rows)):
        x = patterns(pixels[rows[block]]).reshape(-1, height, width * channels)
        means = (down @ x @ across).reshape(len(x), -1)
        length = np.sqrt(np.einsum("np,np->n", means, means))
        means *= np.maximum(1, LEAST_LENGTH / np.maximum(length, 1e-6))[:, None]
        out[block, :-1] = means
        out[block, -1] = np.where(np.any(means, axis=1), _rest(means), 0)
    return out


def _cells(side: int, most: int) -> Floats:
    """Sums over neighbouring pixels that do not overlap, of length 1; shape (cells, side)."""
    edges = np.unique(np.linspace(0, side, most + 1).round().astype(int))
    places, begins, ends = np.arange(side), edges[:-1, None], edges[1:, None]
    inside = (places >= begins) & (places < ends)
    return (inside / np.sqrt(ends - begins)).astype(np.float32)


def _rest(known: Floats) -> Floats:
    """Length of what some coordinates leave over of vectors of length 1; shape (rows,)."""
    return np.sqrt(np.clip(1 - np.einsum("np,np->n", known, known), 0, None))


def join(
    pixels: Pixels,
    rows: Rows,
    whole: Floats,
    least: float,
    *,
    rng: np.random.Generator,
    goes_on: Callable[[int], bool],
) -> tuple[Rows, int]:
    """Images whose pixels correlate by `least` or more share a number, and those that such a pair joins.

    No pair of which the sketches allow it is missed, as long as it goes on: images are taken in a random order, each
    one with all later ones. Pairs that others have joined already are not looked at.

    Args:
        pixels: All images.
        rows: Those to compare.
        whole: Their sketches.
        least: Correlation from which on two are nearly equal.
        rng: Draws the order, and the pairs that say by how many components pairs are looked at.
        goes_on: Asked now and then, with how many images have been compared with all others.

    Returns:
        The numbers, shape (len(rows),), and how many images were compared with all others.
    """
    order = rng.permutation(len(rows))
    rows, whole = rows[order], whole[order]
    axes = _main_axes(whole[:SAMPLE, :-1])
    few = whole[:, :-1] @ axes[:, : _components(whole[:SAMPLE], axes, least)]
    few = np.concatenate([few, _rest(few)[:, None]], axis=1)
    ids, compared = np.arange(len(rows)), 0
    while compared < len(rows) and goes_on(compared):
        end = min(compared + ROWS, len(rows))
        for a, b in _near(few, compared, end, least):
            ids = _joined(pixels, rows, ids, whole, (a, b), least)
        compared = end
    out = np.empty_like(ids)
    out[order] = ids
    return out, compared


def _main_axes(sample: Floats) -> Floats:
    """Directions in which sketches differ most first; shape (cells, cells)."""
    return np.linalg.eigh(sample.T @ sample)[1][:, ::-1].astype(np.float32)


def _components(sample: Floats, axes: Floats, least: float) -> int:
    """By how many main components pairs are looked at first: the fewest that leave hardly more over than all do."""
    upper = np.triu_indices(len(sample), 1)
    allowed = LEFT_OVER + float(np.mean((sample @ sample.T)[upper] >= least))
    turned = sample[:, :-1] @ axes
    for count in COMPONENTS:
        rest = _rest(turned[:, :count])
        bound = turned[:, :count] @ turned[:, :count].T + np.outer(rest, rest)
        if np.mean(bound[upper] >= least) <= allowed:
            return count
    return axes.shape[1]


def _near(few: Floats, begin: int, end: int, least: float) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of these rows with later ones that the bound of a few components allows."""
    here, room = few[begin:end], np.empty((end - begin) * COLUMNS, np.float32)
    for first in range(begin, len(few), COLUMNS):
        there = few[first : first + COLUMNS]
        bound = room[: len(here) * len(there)]
        np.matmul(here, there.T, out=bound.reshape(len(here), -1))
        found = np.flatnonzero(bound >= least)
        a, b = begin + found // len(there), first + found % len(there)
        later = a < b
        if later.any():
            yield a[later], b[later]


def _joined(pixels: Pixels, rows: Rows, ids: Rows, whole: Floats, pairs: tuple[Rows, Rows], least: float) -> Rows:
    """The numbers of groups after these pairs were compared."""
    a, b = pairs
    bound = products(whole, a, b)
    near = np.flatnonzero(bound >= least)
    near = near[np.argsort(-bound[near], kind="stable")]
    a, b = a[near], b[near]
    while len(a):
        apart = ids[a] != ids[b]
        a, b = a[apart], b[apart]
        some = slice(0, AT_ONCE)
        equal = correlations(pixels, rows[a[some]], rows[b[some]]) >= least
        if equal.any():
            edges = ids[a[some][equal]], ids[b[some][equal]]
            graph = sparse.coo_matrix((np.ones(len(edges[0]), np.int8), edges), shape=(len(ids), len(ids)))
            ids = csgraph.connected_components(graph, directed=False)[1][ids].astype(np.int64)
        a, b = a[AT_ONCE:], b[AT_ONCE:]
    return ids


def correlations(pixels: Pixels, a: Rows, b: Rows) -> Floats:
    """Correlation of the pixels of each pair of rows, all channels together; shape (pairs,)."""
    out = np.empty(len(a), np.float32)
    for block in images.blocks(pixels, len(a)):
        out[block] = np.einsum("np,np->n", *(patterns(pixels[side[block]]) for side in (a, b)))
    return out


def products(values: Floats, a: Rows, b: Rows) -> Floats:
    """The product of each pair of rows, a few at a time; shape (pairs,)."""
    out, size = np.empty(len(a), np.float32), max(1, images.AT_ONCE // values[:1].nbytes)
    for begin in range(0, len(a), size):
        block = slice(begin, begin + size)
        out[block] = np.einsum("np,np->n", values[a[block]], values[b[block]])
    return out

"""Images that are copies of one another: equal in every pixel, or nearly so."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from burnish.data import images

# A compact form of an image, to find candidates by: block means, of which the main components are kept.
SIDE, COMPONENTS = 16, 16
SAMPLE = 4_000  # images that the components are taken from
NEIGHBOURS = 8  # nearest ones that are looked at; a chain of them still makes one group of a hundred copies

# Pairs drawn at random, and the ranks among them whose distances tell how fast pairs thin out towards distance 0: low
# enough to be near it, and high enough that some copies among the pairs do not matter.
NULL_PAIRS, RANKS = 200_000, (100, 1_000)
# Pairs that count as copies by chance, expected for each image: such a pair costs nothing but that it stays together.
CHANCE = 1e-4
# However few pairs there are, copies have a correlation of more than this: noise and compression leave it above.
LEAST_CORRELATION = 0.9

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ImageCopies:
    """Which images are copies. Groups share a number."""

    exact: NDArray[np.int64]  # images equal in every pixel share a number, shape (rows,)
    ids: NDArray[np.int64]  # images that are equal or nearly so share one, shape (rows,)
    threshold: float  # correlation of pixels from which on two images are nearly equal
    typical: float  # median correlation of two images drawn at random

    @property
    def repeats(self) -> int:
        """Images beyond the first of each group."""
        return len(self.ids) - len(np.unique(self.ids))

    @property
    def exact_repeats(self) -> int:
        """Images that equal an earlier one in every pixel."""
        return len(self.exact) - len(np.unique(self.exact))


def find(pixels: NDArray[np.uint8], *, seed: int = 0) -> ImageCopies:
    """Groups of images that are copies of one another, after shrinking, new compression or a change of brightness.

    Two images are copies if their pixels correlate so closely that hardly any pair does so by chance. How rare close
    pairs are is seen on random ones: near distance 0 the number of pairs within distance d grows as a power of d
    (Grassberger and Procaccia 1983, "Measuring the strangeness of strange attractors"). The power is taken from where
    there are pairs to count; closer by it is higher, if anything, so that the threshold is rather too strict. A fixed
    one would take many a pair of trousers for copies.

    Args:
        pixels: Shape (rows, height, width, channels).
        seed: Draws pairs.
    """
    exact = _equal(pixels)
    first = np.sort(np.unique(exact, return_index=True)[1])  # one image of each
    compact = _compact(pixels, first)
    lively = np.flatnonzero(np.any(compact != 0, axis=1))  # a blank image has no pattern to compare
    rows = first[lively]
    if len(rows) < 3:
        return ImageCopies(exact, exact, 1.0, 0.0)
    rng = np.random.default_rng([seed, 6])
    threshold, typical = _threshold(pixels, rows, rng)
    a, b = _candidates(compact[lively], threshold, rng)
    close = _correlations(pixels, rows[a], rows[b]) >= threshold
    edges = np.concatenate(
        [np.stack([rows[a[close]], rows[b[close]]]), np.stack([first[exact], np.arange(len(exact))])], 1
    )
    graph = sparse.coo_matrix((np.ones(edges.shape[1], np.int8), edges), shape=(len(pixels), len(pixels)))
    ids = csgraph.connected_components(graph, directed=False)[1].astype(np.int64)
    return ImageCopies(exact, ids, threshold, typical)


def _equal(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Images with the same pixels share a number, counted from the first one on; shape (rows,)."""
    hashes = np.fromiter(
        (int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest(), "little") for image in pixels),
        np.uint64,
        len(pixels),
    )
    _, first, ids = np.unique(hashes, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[ids].astype(np.int64)


def _compact(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Floats:
    """Grey block means without their mean, at length 1; 0 for a blank image. Shape (len(rows), at most SIDE²)."""
    height, width = pixels.shape[1:3]
    down, across = _means(height), _means(width)
    out = np.empty((len(rows), len(down) * len(across)), np.float32)
    for block in images.blocks(pixels, len(rows)):
        grey = pixels[rows[block]].astype(np.float32).mean(axis=3)
        small = np.einsum("ah,nhw,bw->nab", down, grey, across, optimize=True)
        out[block] = _unit(small.reshape(len(grey), -1))
    return out


def _means(side: int) -> Floats:
    """Weights that take at most SIDE means of neighbouring pixels, shape (means, side)."""
    edges = np.linspace(0, side, min(SIDE, side) + 1)
    places = np.arange(side)
    covered = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    weights = np.clip(covered, 0, None)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _unit(values: Floats) -> Floats:
    """Rows without their mean, at length 1; 0 where they hardly vary (half a level)."""
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    flat = length < 0.5 * np.sqrt(values.shape[1])
    return np.where(flat, 0, centred / np.where(flat, 1, length)).astype(np.float32)


def _correlations(pixels: NDArray[np.uint8], a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
    """Correlation of the pixels of each pair of rows, all channels together; shape (pairs,)."""
    out = np.empty(len(a), np.float32)
    for block in images.blocks(pixels, len(a)):
        out[block] = np.einsum("np,np->n", *(_patterns(pixels[rows[block]]) for rows in (a, b)))
    return out


def _patterns(pixels: NDArray[np.uint8]) -> Floats:
    """All pixels of each image without their mean, at length 1; shape (rows, pixels)."""
    return _unit(pixels.reshape(len(pixels), -1).astype(np.float32))


def _products(unit: Floats, a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
    """The product of each pair of rows, a few at a time; shape (pairs,)."""
    out, size = np.empty(len(a), np.float32), max(1, images.AT_ONCE // unit[:1].nbytes)
    for begin in range(0, len(a), size):
        block = slice(begin, begin + size)
        out[block] = np.einsum("np,np->n", unit[a[block]], unit[b[block]])
    return out


def _threshold(pixels: NDArray[np.uint8], rows: NDArray[np.int64], rng: np.random.Generator) -> tuple[float, float]:
    """Correlation from which on pairs are no chance, and the median one of random pairs.

    Correlation r is the distance d = √(2 − 2 r) of two images of length 1.
    """
    all_pairs = len(rows) * (len(rows) - 1) / 2
    drawn = int(min(NULL_PAIRS, all_pairs))
    # Of few images at a time, so that their pixels are read in blocks and not from all over the disk.
    some = rows if len(rows) <= SAMPLE else np.sort(rng.choice(rows, SAMPLE, replace=False))
    a = rng.integers(0, len(some), drawn)
    b = (a + rng.integers(1, len(some), drawn)) % len(some)
    unit = _patterns(pixels[some])
    correlations = _products(unit, a, b).astype(np.float64)
    distances = np.sort(np.sqrt(np.clip(2 - 2 * correlations, 1e-12, None)))
    low, high = (max(k, rank * drawn // NULL_PAIRS) for k, rank in enumerate(RANKS, 1))
    power = np.log(high / low) / max(np.log(distances[high - 1] / distances[low - 1]), 1e-6)
    by_chance = low / drawn * all_pairs  # pairs within the distance of rank `low`
    limit = distances[low - 1] * min(1.0, CHANCE * len(rows) / by_chance) ** (1 / power)
    return max(1 - limit**2 / 2, LEAST_CORRELATION), float(np.median(correlations))


def _candidates(
    compact: Floats, threshold: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs whose compact forms lie close: all copies are among them, since components only come closer.

    Twice the distance of the threshold is let through, as block means and pixels are not one thing.
    """
    some = compact if len(compact) <= SAMPLE else compact[rng.choice(len(compact), SAMPLE, replace=False)]
    _, axes = np.linalg.eigh(some.T @ some)
    places = compact @ axes[:, -COMPONENTS:]
    reach = 2 * np.sqrt(2 - 2 * threshold)
    count = min(NEIGHBOURS, len(places) - 1)
    _, found = cKDTree(places).query(places, k=count + 1, distance_upper_bound=max(reach, 1e-6), workers=-1)
    a = np.repeat(np.arange(len(places)), count + 1)
    b = found.ravel()
    fits = (b < len(places)) & (a < b)  # the tree says "none" by the number of places
    backwards = (b < len(places)) & (a > b)
    pairs = np.unique(
        np.concatenate([np.stack([a[fits], b[fits]]), np.stack([b[backwards], a[backwards]])], axis=1), axis=1
    )
    a, b = pairs[0].astype(np.int64), pairs[1].astype(np.int64)
    near = np.sqrt(np.clip(2 - 2 * _products(compact, a, b), 0, None)) <= reach  # of all components, not of some
    return a[near], b[near]

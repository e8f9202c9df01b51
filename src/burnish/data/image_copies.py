"""Images that are copies of one another: equal in every pixel, or nearly so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from burnish.data import image_pairs, images, on_disk
from burnish.data.image_pairs import Pixels

SAMPLE = 4_000  # images that random pairs are drawn from

# Pairs drawn at random, and the ranks among them whose distances tell how fast pairs thin out towards distance 0: low
# enough to be near it, and high enough that some copies among the pairs do not matter.
NULL_PAIRS, RANKS = 200_000, (100, 1_000)
# Pairs that count as copies by chance, expected for each image: such a pair costs nothing but that it stays together.
CHANCE = 1e-4
# However few pairs there are, copies have a correlation of more than this: noise and compression leave it above.
LEAST_CORRELATION = 0.9
# Threads wait for each other busily: where another process had one of two cores, to compare 100,000 images took 114 s
# on two threads and 6 s on one.
THREADS = 1


@dataclass(frozen=True, slots=True)
class ImageCopies:
    """Which images are copies. Groups share a number."""

    exact: NDArray[np.int64]  # images equal in every pixel share a number, shape (rows,)
    ids: NDArray[np.int64]  # images that are equal or nearly so share one, shape (rows,)
    threshold: float  # correlation of pixels from which on two images are nearly equal
    typical: float  # median correlation of two images drawn at random
    compared: int  # different images, drawn at random, that were compared with all others
    different: int  # that had to be: not blank, one of each that are equal in every pixel

    @property
    def repeats(self) -> int:
        """Images beyond the first of each group."""
        return len(self.ids) - len(np.unique(self.ids))

    @property
    def exact_repeats(self) -> int:
        """Images that equal an earlier one in every pixel."""
        return len(self.exact) - len(np.unique(self.exact))


def always(compared: int) -> bool:
    """Compare all."""
    return True


def find(pixels: NDArray[np.uint8], *, seed: int = 0, goes_on: Callable[[int], bool] = always) -> ImageCopies:
    """Groups of images that are copies of one another, after shrinking, new compression or a change of brightness.

    Two images are copies if their pixels correlate so closely that hardly any pair does so by chance. How rare close
    pairs are is seen on random ones: near distance 0 the number of pairs within distance d grows as a power of d
    (Grassberger and Procaccia 1983, "Measuring the strangeness of strange attractors"). The power is taken from where
    there are pairs to count; closer by it is higher, if anything, so that the threshold is rather too strict. A fixed
    one would take many a pair of trousers for copies.

    Args:
        pixels: Shape (rows, height, width, channels).
        seed: Draws pairs.
        goes_on: Asked now and then whether to compare further images, with how many have been compared with all
            others; images that are equal in every pixel are all found before.
    """
    with threadpool_limits(limits=THREADS):
        return _found(on_disk.read_by_rows(pixels), seed, goes_on)


def _found(pixels: Pixels, seed: int, goes_on: Callable[[int], bool]) -> ImageCopies:
    exact = _equal(pixels)
    first = np.sort(np.unique(exact, return_index=True)[1])  # one image of each
    sketches = image_pairs.sketches(pixels, first)
    lively = np.flatnonzero(np.any(sketches != 0, axis=1))  # a blank image has no pattern to compare
    rows = first[lively]
    if len(rows) < 3:
        return ImageCopies(exact, exact, 1.0, 0.0, len(rows), len(rows))
    rng = np.random.default_rng([seed, 6])
    threshold, typical = _threshold(pixels, rows, rng)
    sketches = sketches if len(lively) == len(first) else sketches[lively]
    near, compared = image_pairs.join(pixels, rows, sketches, threshold, rng=rng, goes_on=goes_on)
    of_first = np.arange(len(first))
    of_first[lively] = lively[np.unique(near, return_index=True)[1]][near]  # a group has the number of its first
    return ImageCopies(exact, of_first[exact], threshold, typical, compared, len(rows))


def _equal(pixels: Pixels) -> NDArray[np.int64]:
    """Images with the same pixels share a number, counted from the first one on; shape (rows,)."""
    hashes = np.empty(len(pixels), np.uint64)
    for block in images.blocks(pixels, len(pixels)):
        found = (hashlib.blake2b(image, digest_size=8).digest() for image in np.ascontiguousarray(pixels[block]))
        hashes[block] = np.frombuffer(b"".join(found), "<u8")
    _, first, ids = np.unique(hashes, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[ids].astype(np.int64)


def _threshold(pixels: Pixels, rows: NDArray[np.int64], rng: np.random.Generator) -> tuple[float, float]:
    """Correlation from which on pairs are no chance, and the median one of random pairs.

    Correlation r is the distance d = √(2 − 2 r) of two images of length 1.
    """
    all_pairs = len(rows) * (len(rows) - 1) / 2
    correlations = np.sort(_of_random_pairs(pixels, rows, rng))
    drawn = len(correlations)
    distances = np.sqrt(np.clip(2 - 2 * correlations[::-1], 1e-12, None))
    low, high = (max(k, rank * drawn // NULL_PAIRS) for k, rank in enumerate(RANKS, 1))
    power = np.log(high / low) / max(np.log(distances[high - 1] / distances[low - 1]), 1e-6)
    by_chance = low / drawn * all_pairs  # pairs within the distance of rank `low`
    limit = distances[low - 1] * min(1.0, CHANCE * len(rows) / by_chance) ** (1 / power)
    return max(1 - limit**2 / 2, LEAST_CORRELATION), float(np.median(correlations))


def _of_random_pairs(pixels: Pixels, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Correlations of about NULL_PAIRS random pairs: all pairs within random groups, which are read once each."""
    some = rng.permutation(rows)[:SAMPLE]
    size = min(len(some), 1 + -(-2 * NULL_PAIRS // len(some)))
    found = []
    for begin in range(0, len(some) - size + 1, size):
        unit = image_pairs.patterns(pixels[np.sort(some[begin : begin + size])])
        found.append((unit @ unit.T)[np.triu_indices(size, 1)])
    return np.concatenate(found).astype(np.float64)

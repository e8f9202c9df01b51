"""Images as columns of numbers, for models that know nothing of images."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from burnish.data.inputs import Prepared

# Pixels run from 0 to 255: halfway, and the deviation if all levels were as frequent.
HALFWAY, DEVIATION = 127.5, 255 / 12**0.5
BLOCK = 1_024  # images that are made floating-point numbers at a time: 50 MB of 64 x 64 pixels in colour


def width(prepared: Prepared, most: int) -> int:
    """How many columns `flat` makes."""
    if prepared.x.ndim == 2:
        return int(prepared.x.shape[1])
    height, across, channels = prepared.x.shape[1:]
    by = _shrunk(prepared.x.shape, most)
    return -(-height // by) * -(-across // by) * channels


def flat(prepared: Prepared, most: int) -> Prepared:
    """Images as rows of at most about `most` numbers, a column each; rows of tables as they are.

    Larger images are shrunk to means of square blocks of pixels.
    """
    if prepared.x.ndim == 2:
        return prepared
    by, rows = _shrunk(prepared.x.shape, most), len(prepared.x)
    x = np.empty((rows, width(prepared, most)), np.float32)
    for begin in range(0, rows, BLOCK):
        block = _means(prepared.x[begin : begin + BLOCK], by)
        x[begin : begin + BLOCK] = ((block - np.float32(HALFWAY)) / np.float32(DEVIATION)).reshape(len(block), -1)
    return Prepared(x, prepared.codes)


def _shrunk(shape: tuple[int, ...], most: int) -> int:
    """The side of the blocks, in pixels."""
    return max(1, math.ceil(math.sqrt(math.prod(shape[1:]) / most)))


def _means(images: NDArray[np.uint8], by: int) -> NDArray[np.float32]:
    """Means of blocks; what is left over at the lower and the right edge makes smaller ones."""
    if by == 1:
        return images.astype(np.float32)
    rows, columns = np.arange(0, images.shape[1], by), np.arange(0, images.shape[2], by)
    sums = np.add.reduceat(np.add.reduceat(images, rows, axis=1, dtype=np.float32), columns, axis=2)
    tall = np.diff(np.append(rows, images.shape[1])).astype(np.float32)
    wide = np.diff(np.append(columns, images.shape[2])).astype(np.float32)
    return np.asarray(sums / (tall[:, None, None] * wide[:, None]), np.float32)

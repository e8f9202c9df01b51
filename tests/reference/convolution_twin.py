"""Convolution and pooling in plain NumPy, pixel by pixel, with their gradients.

Images have the shape (height, width, row, channel).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def convolve(h: NDArray, w: NDArray) -> NDArray:
    """Cross-correlation with 3 × 3 weights, zeros around."""
    padded = np.pad(h, ((1, 1), (1, 1), (0, 0), (0, 0)))
    out = np.zeros((*h.shape[:3], w.shape[3]))
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            out[i, j] = np.einsum("abrc,abco->ro", padded[i : i + 3, j : j + 3], w)
    return out


def convolve_gradient(h: NDArray, w: NDArray, out: NDArray) -> tuple[NDArray, NDArray]:
    """In h and w, of Σ out · convolve(h, w)."""
    padded = np.pad(h, ((1, 1), (1, 1), (0, 0), (0, 0)))
    of_padded, of_w = np.zeros_like(padded), np.zeros_like(w)
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            of_padded[i : i + 3, j : j + 3] += np.einsum("ro,abco->abrc", out[i, j], w)
            of_w += np.einsum("abrc,ro->abco", padded[i : i + 3, j : j + 3], out[i, j])
    return of_padded[1:-1, 1:-1], of_w


def _windows(h: NDArray) -> NDArray:
    """(half height, half width, row, channel, 4): the pixels of each window, by row and then by column."""
    down, across = h.shape[0] // 2, h.shape[1] // 2
    cut = h[: 2 * down, : 2 * across].reshape(down, 2, across, 2, *h.shape[2:])
    return np.moveaxis(cut, (1, 3), (4, 5)).reshape(down, across, *h.shape[2:], 4)


def pool(h: NDArray) -> NDArray:
    """The largest of each 2 × 2 pixels."""
    return _windows(h).max(-1)


def pool_gradient(h: NDArray, out: NDArray) -> NDArray:
    """In h, of Σ out · pool(h); to the first of the largest."""
    chosen, gradient = _windows(h).argmax(-1), np.zeros_like(h)
    for place in np.ndindex(*chosen.shape):
        i, j, row, channel = place
        a, b = divmod(int(chosen[place]), 2)
        gradient[2 * i + a, 2 * j + b, row, channel] = out[place]
    return gradient

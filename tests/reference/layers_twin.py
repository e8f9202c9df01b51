"""Layers and losses in plain NumPy and float64, from the formulas alone. Each returns what its gradient needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EPSILON = 1e-5


def softmax(z: Array) -> Array:
    t = np.exp(z - z.max(1, keepdims=True))
    return t / t.sum(1, keepdims=True)


def targets(y: NDArray[np.integer], classes: int, smoothing: float = 0.0) -> Array:
    return (1 - smoothing) * np.eye(classes)[y] + smoothing / classes


def cross_entropy(z: Array, y: NDArray[np.integer], smoothing: float = 0.0) -> Array:
    """Of each row, in nats."""
    peak = z.max(1, keepdims=True)
    logs = z - peak - np.log(np.exp(z - peak).sum(1, keepdims=True))
    return -(targets(y, z.shape[1], smoothing) * logs).sum(1)


def batch_norm(z: Array, gamma: Array, beta: Array) -> tuple[Array, Array, Array, Array]:
    """Normalised z, mean, biased variance, and z_norm."""
    mean, variance = z.mean(0), z.var(0)
    normed = (z - mean) / np.sqrt(variance + EPSILON)
    return gamma * normed + beta, mean, variance, normed


def batch_norm_gradient(out: Array, normed: Array, variance: Array, gamma: Array) -> tuple[Array, Array, Array]:
    """Gradients in z, γ and β, given the gradient of the output."""
    d_normed = out * gamma
    centred = d_normed - d_normed.mean(0) - normed * (d_normed * normed).mean(0)
    return centred / np.sqrt(variance + EPSILON), (out * normed).sum(0), out.sum(0)

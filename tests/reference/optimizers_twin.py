"""Optimisers in plain NumPy and float64, one array at a time, straight from their formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass
class Memory:
    """Averages of one array, both starting at 0, and how many steps were done."""

    v: Array
    s: Array
    t: int = 0

    @classmethod
    def like(cls, array: Array) -> Memory:
        return cls(np.zeros(array.shape), np.zeros(array.shape))


def direction(name: str, g: Array, memory: Memory, *, beta1: float, beta2: float, epsilon: float) -> Array:
    """What the learning rate multiplies; `memory` is moved one step on."""
    memory.t += 1
    if name == "sgd":
        return g
    if name == "rmsprop":
        memory.s = beta2 * memory.s + (1 - beta2) * g**2
        return g / (np.sqrt(memory.s) + epsilon)
    memory.v = beta1 * memory.v + (1 - beta1) * g
    if name == "momentum":
        return memory.v
    if name == "nesterov":
        return beta1 * memory.v + (1 - beta1) * g
    memory.s = beta2 * memory.s + (1 - beta2) * g**2
    first, second = memory.v / (1 - beta1**memory.t), memory.s / (1 - beta2**memory.t)
    return first / (np.sqrt(second) + epsilon)

"""From what a network puts out to what a person reads: probabilities, or numbers in the target's units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish.train.fold_data import TargetScale


def predictions(z: NDArray[np.float32], task: str, target: TargetScale) -> NDArray[np.float32]:
    """Logits as probabilities (rows, classes), or standardised numbers in the target's units and range (rows, 1)."""
    if task == "classification":
        t = np.exp(z - z.max(1, keepdims=True))
        return t / t.sum(1, keepdims=True)
    return np.clip(z * target.deviation + target.mean, target.low, target.high).astype(np.float32)


def sharpen(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Temperature scaling of probabilities: `p^(1/T) / Σ p^(1/T)` (Guo et al. 2017); T > 1 makes them less certain."""
    if temperature == 1.0:
        return probabilities
    logs = np.log(np.clip(probabilities, np.finfo(np.float32).tiny, 1.0)) / temperature
    powers = np.exp(logs - logs.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)

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

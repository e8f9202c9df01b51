"""Memory that ran out under a trial: how it is told from other errors, and what the trial's outcome is then."""

from __future__ import annotations

import numpy as np

from burnish.train.work import Curve, Ending, Outcome, Work


def is_exhaustion(error: Exception) -> bool:
    """Whether memory was refused, by NumPy or by XLA: that is the trial's own fault, like a death in want of memory."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def failed(work: Work) -> Outcome:
    """The outcome of a trial that memory did not last for, or whose worker died under it."""
    none = np.zeros((0, 1), np.float32)
    empty = np.zeros(0)
    return Outcome(
        work=work,
        ending=Ending.FAILED,
        epochs=0.0,
        best_epoch=0.0,
        dev_loss=float("inf"),
        dev=none,
        train=none,
        train_dev=None,
        curve=Curve(empty, empty, empty, empty, empty),
        weights="",
        seconds=0.0,
        compile_seconds=0.0,
    )

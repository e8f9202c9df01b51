"""An outcome to keep: every field filled."""

from __future__ import annotations

import numpy as np

from burnish.train.configuration import Configuration
from burnish.train.work import Curve, Ending, Outcome, Work


def outcome(trial: str = "tune-003-s0-f0", *, ending: Ending = Ending.COMPLETED, weights: str = "", **work) -> Outcome:
    """What a trial of four epochs might give."""
    rng = np.random.default_rng(7)
    curve = Curve(*(rng.random(4) for _ in range(4)), np.full(4, 1e-3))
    asked = {"configuration": Configuration(widths=(64, 32), dropout=(0.1, 0.2)), "fold": 1, "seed": 5, "until": 4}
    return Outcome(
        work=Work(trial, **{**asked, **work}),
        ending=ending,
        epochs=4.0,
        best_epoch=3.0,
        dev_loss=0.1 + 0.2,  # has no short decimal form
        dev=rng.random((20, 3)).astype(np.float32),
        train=rng.random((30, 3)).astype(np.float32),
        train_dev=None,
        curve=curve,
        weights=weights,
        seconds=1.5,
        compile_seconds=2.0,
        trace_seconds=0.25,
    )

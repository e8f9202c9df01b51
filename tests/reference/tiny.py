"""Small folds that all engine tests share, so that they share compiled programs too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish.data.inputs import InputSpec, Prepared
from burnish.model.architecture import Task
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale

COLUMNS, CLASSES = 5, 3
# One small network for every test that does not need another: one compilation.
SMALL = Configuration(widths=(8, 6), batch_size=16, epochs=6, learning_rate=0.01)


def part(x: NDArray, y: NDArray, weight: NDArray | None = None, codes: NDArray | None = None) -> Part:
    rows = len(y)
    return Part(
        Prepared(x.astype(np.float32), np.zeros((rows, 0), np.int32) if codes is None else codes.astype(np.int32)),
        y,
        np.ones(rows, np.float32) if weight is None else weight.astype(np.float32),
    )


def fold(
    task: Task = "classification", *, rows: int = 83, dev: int = 40, seed: int = 0, weighted: bool = False
) -> FoldData:
    """Blobs of three classes, or a bent surface; 83 rows leave a smaller last mini-batch of 16, and padding."""
    rng = np.random.default_rng(seed)
    count = rows + dev
    if task == "classification":
        y = rng.integers(0, CLASSES, count).astype(np.int32)
        x = rng.normal(size=(CLASSES, COLUMNS))[y] + rng.normal(size=(count, COLUMNS))
    else:
        x = rng.normal(size=(count, COLUMNS))
        y = (np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * rng.normal(size=count)).astype(np.float32)
    weight = rng.uniform(0.5, 1.5, count) if weighted else np.ones(count)
    return FoldData(
        inputs=InputSpec(COLUMNS),
        task=task,
        outputs=CLASSES if task == "classification" else 1,
        target=TargetScale(),
        train=part(x[:rows], y[:rows], weight[:rows]),
        dev=part(x[rows:], y[rows:], weight[rows:]),
        half=np.arange(dev) % 2 == 0,
        probe=part(x[: min(rows, 30)], y[: min(rows, 30)]).inputs,
        probe_train=min(rows, 30),
    )

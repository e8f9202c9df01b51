"""A small fold of images that all tests share, so that they share compiled programs too."""

from __future__ import annotations

import numpy as np

from burnish.data.inputs import InputSpec, Prepared
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale

HEIGHT, WIDTH, CLASSES = 6, 5, 2
SMALL = Configuration(widths=(4, 8), norm="batch", batch_size=16, epochs=6, learning_rate=0.01)
AUGMENTED = {"flip": 0.5, "crop": 0.2, "rotation": 10.0, "shift": 0.1, "brightness": 0.1, "contrast": 0.1}


def fold(*, rows: int = 83, dev: int = 40, seed: int = 0) -> FoldData:
    """A bright bar that stands or lies, in noise."""
    rng = np.random.default_rng(seed)
    count = rows + dev
    y = rng.integers(0, CLASSES, count).astype(np.int32)
    x = rng.integers(0, 120, (count, HEIGHT, WIDTH, 1))
    for image, label in zip(x, y, strict=True):
        place = rng.integers(1, 4)
        image[(place,) if label else (slice(None), place)] += 120
    parts = [
        Part(Prepared(x[a:b].astype(np.uint8), np.zeros((b - a, 0), np.int32)), y[a:b], np.ones(b - a, np.float32))
        for a, b in ((0, rows), (rows, count))
    ]
    probe = parts[0].inputs.take(np.arange(30))
    inputs = InputSpec(0, image=(HEIGHT, WIDTH, 1))
    return FoldData(inputs, "classification", CLASSES, TargetScale(), *parts, np.arange(dev) % 2 == 0, probe, 30)

"""The work that every contestant of search_speed.py does: data, search space, sizes.

Needs NumPy and scikit-learn only, so that every contestant's environment can import it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WIDTHS = (128, 128)  # hidden layers
BATCH = 128  # rows; an epoch has ⌈rows / BATCH⌉ steps: the last, smaller batch counts
CLASSES = 10
ROWS, COLUMNS = 20_000, 50  # of the made-up table
CENTRE_SPREAD = 0.6  # standard deviation of the class centres; rows lie around theirs with standard deviation 1
TRAIN_SHARE = 0.8
DATA_SEED, SPLIT_SEED = 0, 1

# The search space: name -> (low, high, is it drawn on a logarithmic scale).
SPACE = {
    "learning_rate": (1e-4, 1e-2, True),
    "weight_decay": (1e-6, 1e-2, True),
    "dropout": (0.0, 0.4, False),
    "beta1": (0.7, 0.99, False),
}


@dataclass(frozen=True, slots=True)
class Data:
    """Standardised enough to train on: x float32 (rows, columns), y int64 (rows,) in 0..9."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_dev: np.ndarray
    y_dev: np.ndarray


@dataclass(frozen=True, slots=True)
class Order:
    """What to run: which data, how many configurations, how many epochs each."""

    name: str
    configurations: int
    epochs: int
    cache: str | None  # folder of compiled programs, for the contestants that compile

    def steps(self, rows: int) -> int:
        """Optimiser steps over all configurations: the same for every contestant."""
        return self.configurations * self.epochs * -(-rows // BATCH)


def load(name: str) -> Data:
    """`digits` (1,797 × 64 pixels) or `table` (20,000 × 50, ten Gaussian classes), shuffled and split 80 to 20."""
    if name == "digits":
        pixels, y = digits()
        x = pixels / 16.0
    else:
        draw = np.random.default_rng(DATA_SEED)
        y = draw.integers(0, CLASSES, ROWS)
        centres = draw.normal(size=(CLASSES, COLUMNS)) * CENTRE_SPREAD
        x = centres[y] + draw.normal(size=(ROWS, COLUMNS))
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    x, y = x[order].astype(np.float32), y[order].astype(np.int64)
    cut = int(TRAIN_SHARE * len(x))
    return Data(x[:cut], y[:cut], x[cut:], y[cut:])


def digits() -> tuple[np.ndarray, np.ndarray]:
    """What `sklearn.datasets.load_digits` reads, without importing scikit-learn.

    Who needs it for nothing else would pay as much for that as for a quarter of its trainings.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("scikit-learn, which brings the digits, is not installed")
    table = np.loadtxt(Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    return table[:, :-1], table[:, -1].astype(np.int64)


def draw_configurations(count: int, seed: int = 0) -> list[dict[str, float]]:
    """`count` random configurations from SPACE."""
    draw = np.random.default_rng(seed)
    return [
        {
            name: float(np.exp(draw.uniform(np.log(low), np.log(high))) if log else draw.uniform(low, high))
            for name, (low, high, log) in SPACE.items()
        }
        for _ in range(count)
    ]


def read_order() -> Order:
    """The order from the command line: NAME CONFIGURATIONS EPOCHS [--cache FOLDER]."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=("digits", "table"))
    parser.add_argument("configurations", type=int)
    parser.add_argument("epochs", type=int)
    parser.add_argument("--cache")
    given = parser.parse_args()
    return Order(given.name, given.configurations, given.epochs, given.cache)


def report(best: float, steps: int, compile_seconds: float = 0.0, trace_seconds: float = 0.0) -> None:
    """Print the contestant's last line.

    Args:
        best: Dev accuracy of the best configuration.
        steps: Optimiser steps done.
        compile_seconds: Wall time in the compiler, or in reading what it made before.
        trace_seconds: Wall time in telling the compiler what to compile.
    """
    found = {"best": best, "steps": steps, "compile_seconds": compile_seconds, "trace_seconds": trace_seconds}
    print(json.dumps(found))

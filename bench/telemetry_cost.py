"""What does it cost to look at a training from inside? The same training with and without it, by turns.

Each size is one of `design`: columns, width, depth, mini-batch. Seconds of the processor (other processes then matter
little), medians over the repeats; without the compilations, which are shown beside them. Results are compared to the
bit.

Usage: python bench/telemetry_cost.py [--repeats 9] [--steps 3000]
"""

from __future__ import annotations

import argparse
import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from burnish.data.inputs import InputSpec, Prepared
from burnish.executors import fold_files
from burnish.executors.trainer import Trainer
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Outcome, Work

# Columns, width, depth, mini-batch; what a worker's first networks on tables of 1,000 to 40,000 rows look like.
SIZES = ((20, 32, 2, 32), (64, 32, 2, 64), (20, 64, 4, 64), (50, 128, 2, 128), (200, 256, 2, 256))
ROWS, DEV = 4_000, 1_000


def fold(columns: int, seed: int = 0) -> FoldData:
    """Rows of a bent surface."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS + DEV, columns)).astype(np.float32)
    y = (np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * rng.normal(size=len(x))).astype(np.float32)
    weight, codes = np.ones(len(x), np.float32), np.zeros((len(x), 0), np.int32)
    train, dev = (Part(Prepared(x[p], codes[p]), y[p], weight[p]) for p in (slice(ROWS), slice(ROWS, None)))
    half = np.arange(DEV) % 2 == 0
    return FoldData(InputSpec(columns), "regression", 1, TargetScale(), train, dev, half, train.inputs, ROWS)


def timed(trainer: Trainer, work: Work) -> tuple[float, float, Outcome]:
    """Processor seconds of a training, and the wall seconds of what came before it: getting programs."""
    processor, wall = time.process_time(), time.perf_counter()
    outcome = trainer.run(work)
    return time.process_time() - processor, time.perf_counter() - wall - outcome.seconds, outcome


def measure(size: tuple[int, int, int, int], *, repeats: int, steps: int) -> str:
    """One line of the table."""
    columns, width, depth, batch = size
    epochs = max(1, round(steps / -(-ROWS // batch)))
    configuration = Configuration(widths=(width,) * depth, batch_size=batch, epochs=epochs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fold_files.write(folder, 0, fold(columns))
        trainer = Trainer(folder, folder)
        seconds: dict[bool, list[float]] = {False: [], True: []}
        compiled: dict[bool, float] = {}
        dev: dict[bool, np.ndarray] = {}
        for turn in range(repeats + 1):  # the first of each compiles, and is not counted
            for observed in (False, True):
                work = Work(f"t{turn}{observed}", configuration, 0, 1, epochs, observed=observed)
                took, before, outcome = timed(trainer, work)
                if turn:
                    seconds[observed].append(took)
                else:
                    compiled[observed], dev[observed] = before, outcome.dev
    without, with_it = (float(np.median(seconds[observed])) for observed in (False, True))
    spread = np.quantile(np.array(seconds[True]) / np.array(seconds[False]) - 1, [0.25, 0.75])
    same = "same" if (dev[False] == dev[True]).all() else "DIFFERENT"
    cost = f"{with_it / without - 1:+7.1%} [{spread[0]:+.1%}, {spread[1]:+.1%}]"
    return (
        f"{columns:4} {width:4} {depth:2} {batch:4} {epochs * -(-ROWS // batch):6} {without:8.3f} {with_it:8.3f} "
        f"{cost} {compiled[False]:6.2f} {compiled[True]:6.2f}  {same}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--steps", type=int, default=3_000, help="as many as a first network takes")
    asked = parser.parse_args(arguments)
    print("   D    H  L    B  steps  without     with    cost [quartiles]  compile  looking  dev predictions")
    for size in SIZES:
        print(measure(size, repeats=asked.repeats, steps=asked.steps), flush=True)


if __name__ == "__main__":
    main()

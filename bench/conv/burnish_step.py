"""burnish's training step, the engine's own slice: does as many steps as each line of standard input says."""

from __future__ import annotations

import sys
from functools import partial

import jax
import numpy as np

from burnish.data.inputs import InputSpec, Prepared
from burnish.executors import compile_cache, trials
from burnish.train import hyperparameters, packing, slice
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale

WIDTHS, ROWS, BATCH, CLASSES, SIDE = (32, 64, 128), 6_000, 128, 10, 28


def fold() -> FoldData:
    """Random images; dev is one mini-batch, evaluated once an epoch of 47."""
    rng = np.random.default_rng(0)

    def part(rows: int) -> Part:
        x = rng.integers(0, 256, (rows, SIDE, SIDE, 1), dtype=np.uint8)
        y = rng.integers(0, CLASSES, rows).astype(np.int32)
        return Part(Prepared(x, np.zeros((rows, 0), np.int32)), y, np.ones(rows, np.float32))

    dev = part(BATCH)
    inputs = InputSpec(0, image=(SIDE, SIDE, 1))
    half = np.arange(BATCH) % 2 == 0
    return FoldData(inputs, "classification", CLASSES, TargetScale(), part(ROWS), dev, half, dev.inputs, BATCH)


def main() -> None:
    compile_cache.use(compile_cache.folder())
    configuration = Configuration(widths=WIDTHS, norm=sys.argv[1], batch_size=BATCH, epochs=1_000)
    data = fold()
    shape = hyperparameters.architecture(configuration, data.inputs, outputs=CLASSES, task=data.task)
    hp, packed = hyperparameters.hyperparameters(configuration, 0), jax.tree.map(jax.device_put, packing.pack(data))
    state = slice.start(shape, trials.start_parameters(configuration, shape, 0), BATCH)
    program = jax.jit(partial(slice.train_slice, shape))
    for line in sys.stdin:
        state = program(hp, state, packed, np.int32(int(state.step) + int(line)), np.bool_(False)).state
        jax.block_until_ready(state)
        print("done", flush=True)


if __name__ == "__main__":
    main()

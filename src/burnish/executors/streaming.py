"""Training on pixels that are too many for memory: each slice is handed the rows that it reads.

Which rows a step takes is known before it is done: they are a function of (seed, step). So a slice is cut into parts of
a few steps within an epoch, the rows of a part are read from disk in the order of the steps, and the compiled part
finds them by where they stand. Dev and probe rows go through the network in blocks. What is computed is what is
computed with all rows in memory, and results are the same to the bit (a test holds that).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from burnish.data.on_disk import RowsOnDisk
from burnish.executors.trials import Trial
from burnish.model import convolution, kinds
from burnish.model.architecture import Architecture
from burnish.train import packing, slice
from burnish.train.fold_data import FoldData

# Bytes of pixels that are handed over at a time: ten mini-batches of 32 images of 64 x 64 pixels in colour, more than a
# second of training. In memory they are three times: as they are read, padded, and trained on.
HANDED = 1 << 22
# Rows that are evaluated at a time, as so many times what a network of images takes at once: 3 MB of such images.
EVALUATED = 8


# What is compiled for a shape of network and data: `slice.train_part`, what a network gives at the end of an epoch for
# a block of dev rows, `slice.judged`, and what the best one gives for a block of probe rows.
PART, DEV, JUDGED, PROBE = "part", "dev", "judged", "probe"

Programs = dict[str, Callable[..., Any]]  # compiled; called with arrays of the host


def lowered(trial: Trial) -> dict[str, jax.stages.Lowered]:
    """The programs of a trial, traced; how they are compiled is the caller's matter."""
    shape, hp, state, data = trial.shape, trial.hp, trial.state, trial.data

    def block(codes: Any) -> tuple[Any, Any, bool]:
        size = _block(data.dev.x.shape[1:], codes)
        x = np.zeros((size, *data.dev.x.shape[1:]), data.dev.x.dtype)
        return x, np.zeros((size, codes.shape[1]), np.int32), True

    z = np.zeros((len(data.dev.y), shape.outputs), np.float32)
    dev, (probe_x, probe_codes, _) = block(data.dev.codes), block(data.probe_codes)
    return {
        PART: jax.jit(partial(slice.train_part, shape)).lower(hp, state, ahead(trial), np.int32(0)),
        DEV: jax.jit(partial(_at_an_end, shape)).lower(hp, state, data.rows, *dev),
        JUDGED: jax.jit(partial(slice.judged, shape)).lower(hp, state, data, z, _nothing()),
        PROBE: probing(shape, state, probe_x, probe_codes),
    }


def probing(shape: Architecture, state: slice.State, x: Any, codes: Any) -> jax.stages.Lowered:
    """What the best weights give for as many rows as these."""
    best = state.best_params, state.best_statistics
    return jax.jit(partial(_evaluated, shape)).lower(*best, x, codes, np.bool_(True))


def _evaluated(shape: Architecture, params: Any, statistics: Any, x: Any, codes: Any, wanted: Any) -> Any:
    """Outputs in evaluation mode. Asked for by a value that the compiler does not know, as in `slice.train_slice`:
    convolutions that stand by themselves are computed in another way, which rounds otherwise."""
    return lax.cond(
        wanted,
        lambda: kinds.of(shape).evaluation(shape, params, statistics, x, codes),
        lambda: jnp.zeros((len(codes), shape.outputs), jnp.float32),
    )


def _at_an_end(shape: Architecture, hp: Any, state: slice.State, rows: Any, x: Any, codes: Any, wanted: Any) -> Any:
    """Outputs with the averages corrected where they are used, as in `slice.evaluate`: a product that is rounded before
    it is added to differs from one that is not."""
    return lax.cond(
        wanted,
        lambda: kinds.of(shape).evaluation(shape, state.params, slice.corrected(shape, hp, state, rows), x, codes),
        lambda: jnp.zeros((len(codes), shape.outputs), jnp.float32),
    )


def slice_of(programs: Programs, shape: Architecture, fold: FoldData) -> Callable[..., slice.Result]:
    """What is called as `slice.train_slice` is, with all rows of a fold on disk."""

    def call(hp: Any, state: slice.State, data: slice.Data, until: Any, probing: Any) -> slice.Result:
        per_epoch = -(-int(data.rows) // shape.batch_size)
        most, record = steps_at_once(shape, fold), _nothing()
        while int(state.step) < until and int(state.ending) == slice.RUNNING and record.length < slice.RECORD_LENGTH:
            step = int(state.step)
            end = (step // per_epoch + 1) * per_epoch
            stop = min(until, step + most, end)
            state = programs[PART](hp, state, _with_rows(shape, fold, hp, data, step, stop - step), np.int32(stop))
            if stop == end:
                z = _outputs(partial(programs[DEV], hp, state, data.rows), fold.dev.inputs.x, data.dev.codes)
                state, record = programs[JUDGED](hp, state, data, z, record)
        shown: Any = np.zeros((len(data.probe_codes), shape.outputs), np.float32)
        if probing:
            best = partial(programs[PROBE], state.best_params, state.best_statistics)
            shown = _outputs(best, fold.probe.x, data.probe_codes)
        return slice.Result(state, record, shown)

    return call


def _outputs(network: Callable[..., Any], x: RowsOnDisk, codes: Any) -> Any:
    """What a network gives for these rows, and for the padding after them; block by block."""
    size, found = _block(x.row, codes), []
    for begin in range(0, len(codes), size):
        block = (packing.padded(part[begin : begin + size], size) for part in (x, codes))
        found.append(np.asarray(network(*block, True)))
    return np.concatenate(found)[: len(codes)]


def ahead(trial: Trial) -> slice.Data:
    """The data of a trial with which its next step can be done or looked at."""
    if trial.data.first is None:
        return trial.data
    return _with_rows(trial.shape, trial.fold, trial.hp, trial.data, int(trial.state.step), 1)


def steps_at_once(shape: Architecture, fold: FoldData) -> int:
    """How many steps are handed their rows at a time."""
    return max(1, HANDED // (shape.batch_size * fold.train.inputs.x.row_bytes))


def _with_rows(shape: Architecture, fold: FoldData, hp: Any, data: slice.Data, first: int, steps: int) -> slice.Data:
    """The data with the rows that so many steps after step `first` read; the place for further ones stays empty."""
    source, most = fold.train.inputs.x, steps_at_once(shape, fold)
    chosen = _rows_of_steps(shape.batch_size, len(data.train.y), most, hp.seed, np.int32(first), data.rows)
    rows = np.asarray(chosen)[:steps].ravel()
    # Places beyond the rows that count name padding, whose inputs are zeros; its weight is 0.
    inside = np.minimum(rows, len(source) - 1)
    read = source[inside]
    read[rows >= len(source)] = 0
    x: Any = packing.padded(read, most * shape.batch_size)
    at: Any = np.int32(first)
    return data._replace(train=data.train._replace(x=x), first=at)


_rows_of_steps = jax.jit(slice.rows_of_steps, static_argnums=(0, 1, 2))


def _block(image: tuple[int, ...], codes: Any) -> int:
    """How many of these rows are evaluated at a time."""
    return min(len(codes), EVALUATED * convolution.evaluated(image))


def _nothing() -> slice.Record:
    length: Any = np.int32(0)
    values: Any = np.zeros((slice.RECORD_LENGTH, 5), np.float32)
    return slice.Record(values, length)

"""Runs one piece of work in this process: the function that every worker, local or on a cluster, calls."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from burnish.data.inputs import InputSpec, Prepared
from burnish.executors import compile_cache, fold_files
from burnish.model import initialise, layers
from burnish.model.architecture import Architecture
from burnish.predictor import outputs, weights
from burnish.train import hyperparameters, packing, slice
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Curve, Ending, Outcome, Work

# A compiled call cannot be interrupted: this long a slice, in seconds, is the delay that a Ctrl+C may meet.
SLICE_SECONDS = 0.4
FIRST_SLICE_STEPS = 32  # before the speed of a step is known; at 50 ms a step still under two seconds

Never = Callable[[], bool]
Programs = dict[Any, Any]  # compiled programs by what shapes them


def never() -> bool:
    """Do not stop."""
    return False


class Trainer:
    """Holds what outlives a piece of work: the folds' data and the compiled programs.

    Args:
        data_folder: Where the folds lie.
        state_folder: Where weights and the states of paused trials go.
        cache: The persistent compile cache that workers share, if there is one: none compiles what another is
        compiling. programs: Compiled ones, where several trainers of a process share them. capacity: The padded number
        of rows of each part.
    """

    def __init__(
        self,
        data_folder: Path,
        state_folder: Path,
        *,
        cache: Path | None = None,
        programs: Programs | None = None,
        capacity: Callable[[int], int] = packing.capacity,
    ) -> None:
        self._data_folder, self._state_folder, self._capacity = data_folder, state_folder, capacity
        self._folds: dict[int, tuple[FoldData, slice.Data]] = {}
        self._bins: dict[tuple[int, int | None, int], initialise.Params] = {}
        self._programs: Programs = {} if programs is None else programs
        self._cache = cache

    def run(self, work: Work, should_stop: Never = never) -> Outcome:
        """Train up to `work.until` epochs, going on from the trial's saved state where there is one.

        `should_stop` is asked between slices; when it says yes the state is kept and the ending is INTERRUPTED.
        """
        fold, data = self._fold(work.fold)
        rows = len(fold.train.y) if work.rows is None else work.rows
        if not 1 <= rows <= len(fold.train.y):
            raise ValueError(f"{work.trial} asks for {rows} rows of {len(fold.train.y)}")
        used: Any = np.int32(rows)
        data = data._replace(rows=used)
        shape = hyperparameters.architecture(work.configuration, fold.inputs, outputs=fold.outputs, task=fold.task)
        hp = hyperparameters.hyperparameters(work.configuration, work.seed)
        per_epoch = -(-rows // shape.batch_size)
        until = min(work.until, work.configuration.epochs) * per_epoch
        state, curve = self._begin(work, shape, len(data.dev.y), until)
        program, *getting = self._program(shape, hp, state, data)
        began, steps, stopped = time.perf_counter(), FIRST_SLICE_STEPS, False
        while not stopped and _goes_on(state, until):
            at, tick = int(state.step), time.perf_counter()
            result = program(hp, state, data, np.int32(min(until, at + steps)), np.bool_(False))
            state = result.state
            curve.append(np.asarray(result.record.values)[: int(result.record.length)])
            done = int(state.step) - at
            steps = max(1, round(done * SLICE_SECONDS / max(time.perf_counter() - tick, 1e-4)))
            stopped = _goes_on(state, until) and should_stop()
        probe = np.asarray(program(hp, state, data, np.int32(state.step), np.bool_(True)).probe_output)
        seconds = time.perf_counter() - began
        return self._finish(work, fold, state, (per_epoch, np.concatenate(curve), probe, stopped), (seconds, *getting))

    def _fold(self, number: int) -> tuple[FoldData, slice.Data]:
        if number not in self._folds:
            fold = fold_files.read(self._data_folder, number)
            self._folds[number] = fold, jax.tree.map(jax.device_put, packing.pack(fold, self._capacity))
        return self._folds[number]

    def _program(
        self, shape: Architecture, hp: Any, state: slice.State, data: slice.Data
    ) -> tuple[Callable[..., slice.Result], float, float]:
        """The compiled program, and the seconds that getting it and, of these, tracing it took."""
        key = shape, tuple(a.shape for a in jax.tree.leaves(data))
        known = self._programs.get(key)
        if known is not None:
            return known, 0.0, 0.0
        began = time.perf_counter()
        lowered = _lowered(shape, hp, state, data)
        traced = time.perf_counter()
        with compile_cache.turn(self._cache, repr(key)):
            self._programs[key] = made = lowered.compile()
        return made, time.perf_counter() - began, traced - began

    def _quantile_bins(self, work: Work, shape: Architecture) -> initialise.Params | None:
        """Bins of the training rows, found once: a second of sorting for 400,000 rows would come with each trial."""
        if not shape.bins:
            return None
        key = work.fold, work.rows, shape.bins
        if key not in self._bins:
            x = self._fold(work.fold)[0].train.inputs.x
            self._bins[key] = layers.quantile_bins(x[: work.rows, : shape.inputs.numbers], shape.bins)
        return self._bins[key]

    def _begin(
        self, work: Work, shape: Architecture, dev_rows: int, until: int
    ) -> tuple[slice.State, list[NDArray[np.float32]]]:
        """The saved state if it is of this very work and not beyond what is asked for, else the state before step 1.

        So a replay of an earlier rung gives that rung's answer, and a name used twice does not mix two trials.
        """
        params = start_parameters(work.configuration, shape, work.seed, self._quantile_bins(work, shape))
        state = slice.start(shape, params, dev_rows)
        afresh = state, [np.zeros((0, 5), np.float32)]
        saved = self._state_file(work)
        if not saved.exists():
            return afresh
        with np.load(saved, allow_pickle=False) as arrays:
            if str(arrays["identity"]) != _identity(work):
                return afresh
            leaves = [arrays[f"leaf{i}"] for i in range(len(jax.tree.leaves(state)))]
            found = jax.tree.unflatten(jax.tree.structure(state), leaves)
            return (found, [arrays["curve"]]) if int(found.step) <= until else afresh

    def _finish(
        self, work: Work, fold: FoldData, state: slice.State, result: tuple[Any, ...], seconds: tuple[float, ...]
    ) -> Outcome:
        per_epoch, curve, probe, stopped = result
        running = int(state.ending) == slice.RUNNING
        ending = (Ending.INTERRUPTED if stopped else Ending.PAUSED) if running else Ending(int(state.ending))
        weights_file = self._state_folder / f"{work.trial}.safetensors"
        host = jax.tree.map(np.asarray, state)
        weights.save(weights_file, weights.flatten(host.best_params, host.best_statistics))
        if running:
            self._save(work, host, curve)
        else:
            self._state_file(work).unlink(missing_ok=True)
        rows, held = len(fold.dev.y), len(fold.probe.x)
        shown = outputs.predictions(probe[:held], fold.task, fold.target)
        return Outcome(
            work=work,
            ending=ending,
            epochs=int(host.step) / per_epoch,
            best_epoch=float(host.best_epoch),
            dev_loss=float(host.best_loss),
            dev=outputs.predictions(host.dev_output[:rows], fold.task, fold.target),
            train=shown[: fold.probe_train],
            train_dev=shown[fold.probe_train :] if held > fold.probe_train else None,
            curve=Curve(*(curve[:, i].astype(np.float64) for i in range(5))),
            weights=str(weights_file),
            seconds=seconds[0],
            compile_seconds=seconds[1],
            trace_seconds=seconds[2],
        )

    def _state_file(self, work: Work) -> Path:
        return self._state_folder / f"{work.trial}.state.npz"

    def _save(self, work: Work, state: slice.State, curve: NDArray) -> None:
        path = self._state_file(work)
        temporary = path.with_suffix(".writing")
        with temporary.open("wb") as file:
            leaves = {f"leaf{i}": leaf for i, leaf in enumerate(jax.tree.leaves(state))}
            np.savez(file, curve=curve, identity=np.array(_identity(work)), **leaves)
        os.replace(temporary, path)


def _goes_on(state: slice.State, until: int) -> bool:
    return int(state.ending) == slice.RUNNING and int(state.step) < until


def _identity(work: Work) -> str:
    """All that the results of a piece of work depend on, but for how far it goes."""
    return json.dumps([work.configuration.to_json(), work.fold, work.seed, work.rows])


def warm_up() -> None:
    """Trace a training program that is thrown away, while there is nothing else to do.

    JAX fills its tables in the first trace of a process, which takes twice as long as a later one (0.31 s and 0.14 s
    on one core, the program of two layers).
    """
    none, one = np.zeros((1, 0), np.int32), np.ones(1, np.float32)
    part = Part(Prepared(np.zeros((1, 1), np.float32), none), np.zeros(1, np.int32), one)
    fold = FoldData(InputSpec(1), "classification", 2, TargetScale(), part, part, one > 0, part.inputs, 1)
    configuration = Configuration(widths=(1,), norm="batch")
    shape = hyperparameters.architecture(configuration, fold.inputs, outputs=fold.outputs, task=fold.task)
    data = packing.pack(fold)
    state = slice.start(shape, start_parameters(configuration, shape, 0), len(data.dev.y))
    _lowered(shape, hyperparameters.hyperparameters(configuration, 0), state, data)


def _lowered(shape: Architecture, hp: Any, state: slice.State, data: slice.Data) -> jax.stages.Lowered:
    return jax.jit(partial(slice.train_slice, shape)).lower(hp, state, data, np.int32(0), np.bool_(True))


def start_parameters(
    configuration: Configuration, shape: Architecture, seed: int, bins: initialise.Params | None = None
) -> initialise.Params:
    """Starting weights of a trial; `bins` are those of its training rows, where the architecture has bins."""
    return initialise.parameters(
        shape,
        seed,
        initializer=configuration.initializer,
        scale=configuration.init_scale,
        frequency_scale=configuration.frequency_scale,
        bins=bins,
    )

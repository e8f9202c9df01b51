"""Runs one piece of work in this process: the function that every worker, local or on a cluster, calls."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from burnish.executors import fold_files
from burnish.model import initialise
from burnish.model.architecture import Architecture
from burnish.predictor import outputs, weights
from burnish.train import fold_data, hyperparameters, slice
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData
from burnish.train.work import Curve, Ending, Outcome, Work

# A compiled call cannot be interrupted: this long a slice, in seconds, is the delay that a Ctrl+C may meet.
SLICE_SECONDS = 0.4
FIRST_SLICE_STEPS = 128

Never = Callable[[], bool]


def never() -> bool:
    """Do not stop."""
    return False


class Trainer:
    """Holds what outlives a piece of work: the folds' data and the compiled programs."""

    def __init__(self, data_folder: Path, state_folder: Path) -> None:
        self._data_folder, self._state_folder = data_folder, state_folder
        self._folds: dict[int, tuple[FoldData, slice.Data]] = {}
        self._programs: dict[Any, Any] = {}

    def run(self, work: Work, should_stop: Never = never) -> Outcome:
        """Train up to `work.until` epochs, going on from the trial's saved state where there is one.

        `should_stop` is asked between slices; when it says yes the state is kept and the ending is INTERRUPTED.
        """
        fold, data = self._fold(work.fold)
        if work.rows is not None:
            data = data._replace(rows=np.int32(work.rows))
        shape = hyperparameters.architecture(work.configuration, fold.inputs, outputs=fold.outputs, task=fold.task)
        hp = hyperparameters.hyperparameters(work.configuration, work.seed)
        state, curve = self._begin(work, shape, len(data.dev.y))
        program, compile_seconds = self._program(shape, hp, state, data)
        per_epoch = -(-int(data.rows) // shape.batch_size)
        until = min(work.until, work.configuration.epochs) * per_epoch
        began, steps, probe = time.perf_counter(), FIRST_SLICE_STEPS, None
        stopped = False
        while True:
            at, tick = int(state.step), time.perf_counter()
            result = program(hp, state, data, np.int32(min(until, at + steps)))
            state, probe = result.state, np.asarray(result.probe_output)
            curve.append(np.asarray(result.record.values)[: int(result.record.length)])
            done = int(state.step) - at
            if int(state.ending) != slice.RUNNING or int(state.step) >= until:
                break
            if should_stop():
                stopped = True
                break
            steps = max(1, round(done * SLICE_SECONDS / max(time.perf_counter() - tick, 1e-4)))
        seconds = time.perf_counter() - began
        return self._finish(
            work, fold, state, (shape, np.concatenate(curve), probe, stopped), (seconds, compile_seconds)
        )

    def _fold(self, number: int) -> tuple[FoldData, slice.Data]:
        if number not in self._folds:
            fold = fold_files.read(self._data_folder, number)
            self._folds[number] = fold, jax.tree.map(jax.device_put, fold_data.pack(fold))
        return self._folds[number]

    def _program(
        self, shape: Architecture, hp: Any, state: slice.State, data: slice.Data
    ) -> tuple[Callable[..., slice.Result], float]:
        key = shape, tuple(a.shape for a in jax.tree.leaves(data))
        if key in self._programs:
            return self._programs[key], 0.0
        began = time.perf_counter()
        lowered = jax.jit(partial(slice.train_slice, shape)).lower(hp, state, data, np.int32(0))
        self._programs[key] = lowered.compile()
        return self._programs[key], time.perf_counter() - began

    def _begin(self, work: Work, shape: Architecture, dev_rows: int) -> tuple[slice.State, list[NDArray]]:
        state = slice.start(shape, start_parameters(work.configuration, shape, work.seed), dev_rows)
        saved = self._state_file(work)
        if not saved.exists():
            return state, [np.zeros((0, 5), np.float32)]
        with np.load(saved, allow_pickle=False) as arrays:
            leaves = [arrays[f"leaf{i}"] for i in range(len(jax.tree.leaves(state)))]
            return jax.tree.unflatten(jax.tree.structure(state), leaves), [arrays["curve"]]

    def _finish(
        self, work: Work, fold: FoldData, state: slice.State, result: tuple[Any, ...], seconds: tuple[float, float]
    ) -> Outcome:
        shape, curve, probe, stopped = result
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
        per_epoch = -(-(work.rows or len(fold.train.y)) // shape.batch_size)
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
        )

    def _state_file(self, work: Work) -> Path:
        return self._state_folder / f"{work.trial}.state.npz"

    def _save(self, work: Work, state: slice.State, curve: NDArray) -> None:
        path = self._state_file(work)
        temporary = path.with_suffix(".writing")
        with temporary.open("wb") as file:
            np.savez(file, curve=curve, **{f"leaf{i}": leaf for i, leaf in enumerate(jax.tree.leaves(state))})
        os.replace(temporary, path)


def start_parameters(configuration: Configuration, shape: Architecture, seed: int) -> initialise.Params:
    """Starting weights of a trial."""
    return initialise.parameters(
        shape,
        seed,
        initializer=configuration.initializer,
        scale=configuration.init_scale,
        frequency_scale=configuration.frequency_scale,
    )

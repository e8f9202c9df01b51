"""Runs one piece of work in this process: the function that every worker, local or on a cluster, calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from burnish.data.inputs import InputSpec, Prepared
from burnish.executors import compile_cache, heap, sights, streaming, trials
from burnish.model import rules
from burnish.model.architecture import Architecture, Perceptron
from burnish.model.own_model import OwnModel
from burnish.train import hyperparameters, packing, slice
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Outcome, Work

Never = Callable[[], bool]
Programs = dict[Any, Any]  # compiled programs by what shapes them
SLICE = "slice"  # the program that trains where all rows are in memory


def never() -> bool:
    """Do not stop."""
    return False


class Trainer:
    """Holds what outlives a piece of work: the folds' data and the compiled programs.

    Args:
        data_folder: Where the folds lie.
        state_folder: Where weights and the states of paused trials go.
        cache: The persistent compile cache that workers share, if there is one: none compiles what another is
            compiling.
        programs: Compiled ones, where several trainers of a process share them.
        capacity: The padded number of rows of each part.
        own: The person's own model, where one is trained.
    """

    def __init__(
        self,
        data_folder: Path,
        state_folder: Path,
        *,
        cache: Path | None = None,
        programs: Programs | None = None,
        capacity: Callable[[int], int] = packing.capacity,
        own: OwnModel | None = None,
    ) -> None:
        self._trials = trials.Trials(data_folder, state_folder, capacity=capacity, own=own, handed=True)
        self._programs: Programs = {} if programs is None else programs
        self._eye = sights.Eye(cache, self._programs)
        self._cache = cache

    @rules.own()
    def run(self, work: Work, should_stop: Never = never) -> Outcome:
        """Train up to `work.until` epochs, going on from the trial's saved state where there is one.

        `should_stop` is asked between slices; when it says yes the state is kept and the ending is INTERRUPTED.
        """
        trial = self._trials.begin(work)
        trial.hp = jax.device_put(trial.hp)  # once, and not with every slice
        hp, data = trial.hp, trial.data
        program, *getting = self._program(trial)
        self._eye.open(trial)
        began, steps, stopped = time.perf_counter(), trials.FIRST_SLICE_STEPS, False
        while not stopped and trial.goes_on:
            self._eye.look(trial)
            at, tick = int(trial.state.step), time.perf_counter()
            until = sights.bound(trial, at, min(trial.until, at + steps))
            result = program(hp, trial.state, data, np.int32(until), np.bool_(False))
            trial.state = result.state
            trial.curve.append(np.asarray(result.record.values)[: int(result.record.length)])
            steps = trials.next_steps(int(trial.state.step) - at, time.perf_counter() - tick, trial.slice_seconds)
            stopped = trial.goes_on and should_stop()
        self._eye.look(trial)
        probe = np.asarray(program(hp, trial.state, data, np.int32(trial.state.step), np.bool_(True)).probe_output)
        took = trials.Took(time.perf_counter() - began, *getting)
        return self._trials.finish(trial, probe, took, stopped=stopped)

    def _program(self, trial: trials.Trial) -> tuple[Callable[..., slice.Result], float, float]:
        """The compiled program, and the seconds that getting it and, of these, tracing it took."""
        key = trial.shape, tuple(a.shape for a in jax.tree.leaves(trial.data))
        if key in self._programs:
            return self._of_fold(trial, self._programs[key]), 0.0, 0.0
        began = time.perf_counter()
        lowered = _lowered(trial) if trial.data.first is None else streaming.lowered(trial)
        traced = time.perf_counter()
        made: Programs = {}
        for wait in (False, True):  # what another worker compiles already comes last
            for name in [name for name in lowered if name not in made]:
                with compile_cache.turn(self._cache, repr((name, key)), wait=wait) as held:
                    if held:
                        made[name] = lowered[name].compile(compiler_options=_care(trial.shape))
                        heap.give_back()
        self._programs[key] = made
        return self._of_fold(trial, made), time.perf_counter() - began, traced - began

    def _of_fold(self, trial: trials.Trial, made: Programs) -> Callable[..., slice.Result]:
        """The compiled slice, which has a fold's rows where they are not handed to it in memory."""
        if trial.data.first is None:
            return partial(_slice, made[SLICE], made[streaming.PROBE])
        return streaming.slice_of(made, trial.shape, trial.fold)


def _slice(train: Callable[..., slice.Result], probe: Callable[..., Any], *of: Any) -> slice.Result:
    """As `slice.train_slice`, of two programs: two workers compile one each, where both need both."""
    hp, state, data, until, probing = of
    made = train(hp, state, data, until)
    if not probing:
        return made
    best = made.state.best_params, made.state.best_statistics
    return made._replace(probe_output=probe(*best, data.probe_x, data.probe_codes, np.bool_(True)))


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
    state = slice.start(shape, trials.start_parameters(configuration, shape, 0), len(data.dev.y))
    _traced(shape, hyperparameters.hyperparameters(configuration, 0), state, data)


def _care(shape: Architecture) -> dict[str, str | bool]:
    """How carefully LLVM works on a program.

    On perceptrons at its second level: steps take as long as at the third (349 and 351 µs, 3.06 and 3.03 ms) and the
    program 7 to 12 % less. A step of convolutions would take half as long again (42 ms instead of 27), and what a
    person's own model would lose is not known.
    """
    return {"xla_backend_optimization_level": "2" if isinstance(shape, Perceptron) else "3"}


def _lowered(trial: trials.Trial) -> dict[str, jax.stages.Lowered]:
    shape, state, data = trial.shape, trial.state, trial.data
    return {
        SLICE: _traced(shape, trial.hp, state, data),
        streaming.PROBE: streaming.probing(shape, state, data.probe_x, data.probe_codes),
    }


def _traced(shape: Architecture, hp: Any, state: slice.State, data: slice.Data) -> jax.stages.Lowered:
    return jax.jit(partial(slice.train_slice, shape, probing=False)).lower(hp, state, data, np.int32(0))

"""Looking at a training from inside, between its slices: the step that comes next, where it is one of those seen.

Slices end where a step is to be seen, and results do not depend on where slices end; so the program that trains is the
one of every other training, and looking costs a compilation once and some milliseconds a training.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from burnish.executors import compile_cache, heap, streaming
from burnish.executors.trials import Trial
from burnish.train import slice, telemetry
from burnish.train.work import Ending

# How a program is compiled that runs some ten times: that of a convolutional network in 12 CPU seconds instead of 130,
# and it runs as fast.
QUICKLY: dict[str, str | bool] = {"xla_backend_optimization_level": "1"}
# Endings after which there is a further step to look at: where the last step of the schedule was not reached.
BEFORE_THE_END = (int(Ending.STOPPED_EARLY), int(Ending.DIVERGED))


class Eye:
    """Sees steps of the trials that ask for it.

    Args:
        cache: The persistent compile cache that workers share, if there is one.
        programs: Compiled ones, where several trainers of a process share them.
    """

    def __init__(self, cache: Path | None, programs: dict[Any, Any] | None = None) -> None:
        self._cache = cache
        self._programs: dict[Any, Any] = {} if programs is None else programs

    def open(self, trial: Trial) -> None:
        """Get the program for a trial, if it is to be seen.

        Its seconds are in no outcome: those of compiling tell a run what a further program of training costs.
        """
        key = self._key(trial)
        if not trial.work.observed or key in self._programs:
            return
        lowered = jax.jit(partial(telemetry.see, trial.shape)).lower(trial.hp, trial.state, streaming.ahead(trial))
        with compile_cache.turn(self._cache, repr(key)):
            self._programs[key] = lowered.compile(compiler_options=QUICKLY)
        heap.give_back()

    def look(self, trial: Trial) -> None:
        """Keep what the next step looks like, where it is one of those to be seen and was not yet."""
        if not trial.work.observed or len(trial.sights) >= telemetry.CAPACITY:
            return
        done, ending = int(trial.state.step), int(trial.state.ending)
        seen = max((int(one.step) for one in trial.sights), default=0)
        due = ending == slice.RUNNING and telemetry.next_step(done, trial.total) == done + 1
        if seen <= done and (due or ending in BEFORE_THE_END):
            sight = self._programs[self._key(trial)](trial.hp, trial.state, streaming.ahead(trial))
            trial.sights.append(jax.tree.map(np.asarray, sight))

    def _key(self, trial: Trial) -> tuple[Any, ...]:
        return "see", trial.shape, tuple(a.shape for a in jax.tree.leaves(trial.data))


def bound(trial: Trial, done: int, until: int) -> int:
    """Where a slice from `done` steps to `until` has to end, so that no step to be seen is passed over."""
    return min(until, telemetry.next_step(done + 1, trial.total) - 1) if trial.work.observed else until

"""Many trials of one program at once, on all devices of an accelerator.

A step of one small network leaves a GPU nearly idle. So works that share a program are stacked along an axis of trials,
the compiled slice of one trial is mapped over it, and the axis is dealt out to the devices. A trial that has ended
stays as it is while the others go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from burnish.executors import compile_cache, exhaustion, sights, trials
from burnish.executors.pool import Stopped
from burnish.executors.trials import Trial
from burnish.model.architecture import Architecture
from burnish.model.own_model import OwnModel
from burnish.train import slice
from burnish.train.work import Ending, Outcome, Work

AXIS = "trial"

# Places for trials that a device has at once. Their number shapes the program, so it is a power of two. Fewer than
# LEAST_PLACES would hardly save time, as a step of so few small networks does not fill a GPU, but cost compilations.
# MOST_PLACES of a middling network (128 rows in a mini-batch) make products of 8,192 rows, which fill it: more would
# win little, and every stack waits for the last of its trials. Reasoned, not measured: there was no GPU to measure on.
LEAST_PLACES, MOST_PLACES = 8, 64

# Share of a device's memory that the places of a stack may take; the rest is for data, programs and what the estimate
# leaves out. What does not fit all the same is tried again with half the places.
MEMORY_SHARE = 0.5
# Bytes of a device that does not say how many it has (a processor, which tests run on).
UNKNOWN_MEMORY = 2**31

# A stack holds its states three times: as it was given them, as the loop carries them, and as the step makes them anew.
STATES_AT_ONCE = 3

# Bytes of a fold up to which each place has a copy of its own, so that trials of all folds stand in one stack. Tables
# of up to some thousand rows are judged on several folds; a copy in each of 64 places is little for a GPU.
COPIED_BYTES = 2**22

# What works of one stack have in common: network, shapes of the data, and the fold, where places have no copies of it.
Group = tuple[Architecture, tuple[tuple[int, ...], ...], int | None]


@dataclass(slots=True)
class _Stack:
    """Trials in their places. Every array but the shared data has a first axis of places."""

    trials: dict[int, Trial]  # by place
    until: NDArray[np.int32]  # step up to which each place trains
    hp: Any
    state: slice.State
    data: slice.Data
    copied: bool  # each place has data of its own; else they are shared, but for the number of rows used

    @property
    def going(self) -> NDArray[np.bool_]:
        """Which places have more to train."""
        return (np.asarray(self.state.ending) == slice.RUNNING) & (np.asarray(self.state.step) < self.until)


class Accelerator:
    """An executor that trains many trials at once in this process.

    Outcomes agree with the other executors' to rounding, whatever stands beside a trial and however many devices there
    are; rounding grows with the number of steps.

    Args:
        data_folder: Where `fold_files.write` puts the folds; they may be written later.
        state_folder: Where weights and the states of paused trials go.
        devices: What to train on; at least one, all alike.
        cache: Folder of compiled programs, if they are to be kept.
        interrupted: Signals that the process received; once it is not empty, the running trials' states are kept.
        own: The person's own model, where one is trained.
    """

    def __init__(
        self,
        data_folder: Path,
        state_folder: Path,
        *,
        devices: Sequence[jax.Device],
        cache: Path | None = None,
        interrupted: Sequence[int] = (),
        own: OwnModel | None = None,
    ) -> None:
        self._devices = Mesh(np.asarray(devices), (AXIS,))
        self._dealt = NamedSharding(self._devices, PartitionSpec(AXIS))
        everywhere = NamedSharding(self._devices, PartitionSpec())
        place = partial(jax.device_put, device=everywhere)
        self._trials = trials.Trials(data_folder, state_folder, place=place, own=own)
        self._memory = MEMORY_SHARE * min(_memory(device) for device in devices)
        self._cache, self._interrupted = cache, interrupted
        self._programs: dict[Any, Callable[..., slice.Result]] = {}
        self._eye = sights.Eye(cache)
        self._most: dict[Group, int] = {}  # places of a device, where memory has run out with more

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held that would have to be given back."""

    def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        """Outcomes stack by stack: all of a stack when its last trial has ended.

        At `deadline` (of `time.monotonic`) the running trials are interrupted and yielded; waiting ones are left out.

        Raises:
            Stopped: A signal came; what had ended was yielded, the running trials' states are kept.
        """

        def out_of_time() -> bool:
            return deadline is not None and time.monotonic() >= deadline

        groups: dict[Group, deque[Work]] = {}
        for item in work:
            groups.setdefault(self._group(item), deque()).append(item)
        for group, waiting in groups.items():
            while waiting:
                if out_of_time():
                    return
                for outcome in self._next(group, waiting, lambda: bool(self._interrupted) or out_of_time()):
                    if not (self._interrupted and outcome.ending is Ending.INTERRUPTED):
                        yield outcome
                if self._interrupted:
                    raise Stopped(self._interrupted[0])

    def _group(self, work: Work) -> Group:
        shape, data = self._trials.shapes(work)
        return shape, tuple(a.shape for a in jax.tree.leaves(data)), None if _is_copied(data) else work.fold

    def _next(self, group: Group, waiting: deque[Work], should_stop: Callable[[], bool]) -> list[Outcome]:
        """Outcomes of the works that come next, taken from those that wait; none where memory ran out for so many."""
        first = self._trials.begin(waiting[0])
        places = self._places(first, len(waiting), self._most.get(group, MOST_PLACES))
        taken = [waiting.popleft() for _ in range(min(len(waiting), places * self._devices.size))]
        stack = [first, *(self._trials.begin(work) for work in taken[1:])]
        try:
            return self._train(stack, places, should_stop)
        except (MemoryError, jax.errors.JaxRuntimeError) as error:
            if not exhaustion.is_exhaustion(error):
                raise
        if places == 1:
            return [exhaustion.failed(work) for work in taken]
        self._most[group] = places // 2
        waiting.extendleft(reversed(taken))
        return []

    def _places(self, first: Trial, waiting: int, most: int) -> int:
        """Places of each device for so many trials like this one: a power of two."""
        room = int(self._memory / bytes_of(first))
        most = min(most, 1 << max(0, room.bit_length() - 1))
        wanted = max(LEAST_PLACES, -(-waiting // self._devices.size))
        return min(most, 1 << (wanted - 1).bit_length())

    def _train(self, taken: Sequence[Trial], places: int, should_stop: Callable[[], bool]) -> list[Outcome]:
        """Train trials of one group, slice by slice, until none goes on or all are to stop."""
        stack = self._stack(taken, places)
        program, *getting = self._program(taken[0].shape, stack)
        for trial in taken:
            self._eye.open(trial)
        hp, data = stack.hp, stack.data
        began, steps, stopped = time.perf_counter(), trials.FIRST_SLICE_STEPS, False
        first = at = np.asarray(stack.state.step)
        while not stopped and stack.going.any():
            self._look(stack)
            before, tick = at, time.perf_counter()
            until = np.minimum(stack.until, at + np.int32(steps))
            for place, trial in stack.trials.items():
                until[place] = sights.bound(trial, int(at[place]), int(until[place]))
            result = program(hp, stack.state, data, until, np.bool_(False))
            stack.state, at = result.state, np.asarray(result.state.step)
            lengths, values = np.asarray(result.record.length), np.asarray(result.record.values)
            for place, trial in stack.trials.items():
                trial.curve.append(values[place, : lengths[place]])
            steps = trials.next_steps(int((at - before).max()), time.perf_counter() - tick)
            stopped = bool(stack.going.any()) and should_stop()
        self._look(stack)
        probe = np.asarray(program(hp, stack.state, data, at, np.bool_(True)).probe_output)
        host: slice.State = jax.tree.map(np.asarray, stack.state)
        seconds, done = time.perf_counter() - began, at - first
        outcomes = []
        for place, trial in stack.trials.items():
            trial.state = jax.tree.map(lambda leaf, place=place: leaf[place], host)
            took = trials.Took(seconds * float(done[place] / max(1, done.sum())), *getting)
            outcomes.append(self._trials.finish(trial, probe[place], took, stopped=trial.goes_on))
            getting = [0.0, 0.0]  # counted once
        return outcomes

    def _look(self, stack: _Stack) -> None:
        """See what is to be seen of the trials that ask for it: few, so each by itself."""
        for place, trial in stack.trials.items():
            if trial.work.observed:
                trial.state = jax.tree.map(lambda leaf, place=place: np.asarray(leaf[place]), stack.state)
                self._eye.look(trial)

    def _stack(self, taken: Sequence[Trial], places: int) -> _Stack:
        """Put trials into places, so many on each device.

        They are dealt out in turn, so that few do not crowd on the first device. What is left holds copies of the first
        trial that have nothing to train; what comes of them is thrown away.
        """
        devices = self._devices.size
        dealt = {i % devices * places + i // devices: trial for i, trial in enumerate(taken)}
        everywhere = [dealt.get(place, taken[0]) for place in range(places * devices)]

        def stacked(parts: Iterable[Any]) -> Any:
            tree = jax.tree.map(lambda *leaves: np.stack(leaves), *parts)
            return jax.device_put(tree, self._dealt)

        copied = _is_copied(taken[0].data)
        rows = stacked(trial.data.rows for trial in everywhere)
        return _Stack(
            trials=dealt,
            until=np.array([dealt[place].until if place in dealt else 0 for place in range(len(everywhere))], np.int32),
            hp=stacked(trial.hp for trial in everywhere),
            state=stacked(trial.state for trial in everywhere),
            data=stacked(trial.data for trial in everywhere) if copied else taken[0].data._replace(rows=rows),
            copied=copied,
        )

    def _program(self, shape: Architecture, stack: _Stack) -> tuple[Callable[..., slice.Result], float, float]:
        """The compiled program, and the seconds that getting it and, of these, tracing it took.

        Each device loops on its own, until the last of its own trials has ended: nothing is told from one to another.
        """
        key = shape, tuple(a.shape for a in jax.tree.leaves(stack.data))
        if key in self._programs:
            return self._programs[key], 0.0, 0.0
        began = time.perf_counter()
        one, dealt, shared = partial(slice.train_slice, shape), PartitionSpec(AXIS), PartitionSpec()
        axes, specs = (0, dealt) if stack.copied else (_of_data(0, None), _of_data(dealt, shared))
        spread = jax.shard_map(
            jax.vmap(one, in_axes=(0, 0, axes, 0, None)),
            mesh=self._devices,
            in_specs=(dealt, dealt, specs, dealt, shared),
            out_specs=dealt,
            check_vma=False,  # the trials' loops begin with constants that are the same everywhere
        )
        # GPUs round the operands of products to ten bits unless told not to; outcomes would not agree.
        with jax.default_matmul_precision("highest"):
            lowered = jax.jit(spread).lower(stack.hp, stack.state, stack.data, stack.until, np.bool_(True))
        traced = time.perf_counter()
        with compile_cache.lent(self._cache):
            self._programs[key] = made = lowered.compile()
        return made, time.perf_counter() - began, traced - began


def bytes_of(trial: Trial) -> int:
    """About what a place for this trial takes of its device's memory: states, a network's evaluation, copied data."""
    rows = max(len(trial.data.dev.y), len(trial.data.probe_x), trial.shape.batch_size)
    numbers = rows * trial.shape.row_numbers
    copies = _bytes(trial.data) if _is_copied(trial.data) else 0
    return STATES_AT_ONCE * _bytes(trial.state) + np.dtype(np.float32).itemsize * numbers + copies


def _memory(device: jax.Device) -> int:
    """Bytes that may be used on a device."""
    return int((device.memory_stats() or {}).get("bytes_limit", UNKNOWN_MEMORY))


def _is_copied(data: slice.Data) -> bool:
    """Whether each place has a copy of its fold."""
    return _bytes(data) <= COPIED_BYTES


def _bytes(tree: Any) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


def _of_data(rows: Any, other: Any) -> slice.Data:
    """What holds for each part of the data: all of them are shared but for the number of rows used."""
    return slice.Data(train=other, rows=rows, dev=other, half=other, probe_x=other, probe_codes=other)

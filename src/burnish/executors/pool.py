"""One single-threaded worker process per core: the default executor on a CPU.

One whole trial per core beats one `vmap` over both cores (1.5 to 2.1 times up to width 128), lets early stopping save
time, and makes a trial's result independent of what runs beside it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from burnish import errors
from burnish.executors import heap
from burnish.executors.exhaustion import failed
from burnish.train.work import Outcome, Work

# One thread for each worker: its core is its own. XLA makes its thread pool by NPROC, whatever its flags say; a second
# thread finds nothing to do and spins, on the core of another worker: two workers then take 1.7 times as long.
WORKER_ENVIRONMENT = {
    "NPROC": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

# How often the driver looks at the clock and at the workers' memory while it waits, in seconds.
TICK = 0.05
MEMORY_TICK = 0.5
# A worker that dies on this many different pieces of work in a row points at the machine, not at a trial.
MOST_DEATHS = 3
# How long a worker may take to end when asked to, in seconds.
END_SECONDS = 5.0


class Stopped(Exception):
    """A signal asked the process to stop; all states are on disk."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number
        super().__init__(f"stopped by signal {signal_number}")


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    ready: bool = False
    busy: Work | None = None
    told_to_stop: bool = False
    hungry: bool = False  # killed for its memory
    programs: set[tuple[Any, ...]] = field(default_factory=set)


class Pool:
    """Workers that share one folder of fold data.

    Args:
        data_folder: Where `fold_files.write` puts the folds; they may be written after the pool has started.
        state_folder: Where weights and the states of paused trials go.
        jobs: Number of worker processes.
        cache: Folder of compiled programs.
        memory_limit: Bytes of memory that workers may have of their own, all together; beyond it the trial of the
        largest one is ended as FAILED. None: no limit.
        interrupted: Signals that the process received; once it is not empty, `__call__` keeps all states and raises
        Stopped.
        own: What a worker makes the person's own model from, where one is trained: see `worker.serve`.
        latest: Moment of `time.monotonic` from which nobody waits any longer for a worker that was told to stop, as it
            may be in the midst of a compilation of ten seconds. It is killed, and its trial left out. None: never.
    """

    def __init__(
        self,
        data_folder: Path,
        state_folder: Path,
        *,
        jobs: int,
        cache: Path,
        memory_limit: int | None = None,
        interrupted: Sequence[int] = (),
        own: bytes | None = None,
        latest: float | None = None,
    ) -> None:
        self._own, self._jobs, self._latest = own, jobs, latest
        self._data_folder, self._state_folder, self._cache = data_folder, state_folder, cache
        self._memory_limit, self._interrupted = memory_limit, interrupted
        self._deaths = 0
        self._memory_seen = 0.0
        self._workers = [self._spawn() for _ in range(jobs)]

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        """Outcomes as they come.

        At `deadline` (of `time.monotonic`) running trials are interrupted and yielded; waiting ones are left out. A
        slice or a compilation that is under way is not cut short until the pool's `latest`. Who leaves the iteration
        early interrupts what runs, states kept.

        Raises:
            WorkerError: A worker failed for a reason that is not the trial's own.
            Stopped: A signal came; running trials were interrupted and their states kept.
        """
        waiting = deque(work)
        self._workers += [self._spawn() for _ in range(self._jobs - len(self._workers))]
        while waiting or any(w.busy for w in self._workers):
            if self._interrupted:
                self.stop()
                raise Stopped(self._interrupted[0])
            if deadline is not None and time.monotonic() >= deadline:
                waiting.clear()
                self._stop_running()
                self._leave_the_late()
            for worker in self._workers:
                if waiting and worker.ready and worker.busy is None:
                    self._give(worker, waiting)
            try:
                yield from self._receive(TICK)
            except GeneratorExit:
                self.stop()
                raise

    def narrow(self, jobs: int, *, memory_limit: int) -> None:
        """Go on with so many workers at most, with so many bytes together; none may be training."""
        self._memory_limit = memory_limit
        for worker in self._workers[jobs:]:
            worker.process.kill()
            worker.process.wait()
            worker.connection.close()
        self._workers, self._jobs = self._workers[:jobs], jobs

    def wait_until_ready(self, seconds: float) -> bool:
        """Whether every worker has called back within so many seconds."""
        until = time.monotonic() + seconds
        while not all(worker.ready for worker in self._workers) and time.monotonic() < until:
            for _ in self._receive(TICK):
                pass  # nothing was given out, so nothing comes back
        return all(worker.ready for worker in self._workers)

    def stop(self) -> list[Outcome]:
        """Interrupt what runs and wait for it, as after Ctrl+C; states are on disk, so that trials can go on later."""
        self._stop_running()
        outcomes: list[Outcome] = []
        while any(w.busy for w in self._workers):
            outcomes += self._receive(TICK)
        return outcomes

    def close(self) -> None:
        """End all workers; what they were training is lost."""
        for worker in self._workers:
            if worker.busy is not None or not worker.ready:
                worker.process.kill()
            else:
                _send(worker, ("end",))
        for worker in self._workers:
            try:
                worker.process.wait(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.connection.close()
        self._workers, self._jobs = [], 0

    def _spawn(self) -> _Worker:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, **WORKER_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        folders = (self._data_folder, self._state_folder, self._cache)
        command = [sys.executable, "-m", "burnish.executors.worker", str(theirs.fileno()), *map(str, folders)]
        with theirs, (self._state_folder / "workers.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=[theirs.fileno()],
                process_group=0,  # a signal to the terminal's group is the driver's to answer, states kept
            )
        worker = _Worker(process, Connection(ours.detach()))
        if self._own is not None:
            _send(worker, ("model", self._own))
        return worker

    def _give(self, worker: _Worker, waiting: deque[Work]) -> None:
        """The next work for this worker: what it has compiled already, else what nobody has, else the first."""
        others = set().union(*(w.programs for w in self._workers))
        ranks: tuple[Callable[[Work], bool], ...] = (
            lambda item: item.configuration.program in worker.programs,
            lambda item: item.configuration.program not in others,
            lambda item: True,
        )
        chosen = next(item for fits in ranks for item in waiting if fits(item))
        if _send(worker, ("work", chosen)):
            waiting.remove(chosen)
            worker.busy, worker.told_to_stop = chosen, False
            worker.programs.add(chosen.configuration.program)

    def _stop_running(self) -> None:
        for worker in self._workers:
            if worker.busy is not None and not worker.told_to_stop:
                _send(worker, ("stop",))
                worker.told_to_stop = True

    def _leave_the_late(self) -> None:
        """Past the latest moment, kill who was told to stop and has not yet; another call would begin anew."""
        if self._latest is None or time.monotonic() < self._latest:
            return
        for worker in [worker for worker in self._workers if worker.busy is not None]:
            worker.process.kill()
            worker.process.wait()
            worker.connection.close()
            self._workers.remove(worker)

    def _receive(self, seconds: float) -> Iterator[Outcome]:
        self._end_the_hungry()
        connected: dict[Any, _Worker] = {w.connection: w for w in self._workers}
        for connection in wait(list(connected), timeout=seconds):
            worker = connected[connection]
            try:
                message = worker.connection.recv()
            except (EOFError, ConnectionError):
                yield from self._bury(worker)
                continue
            if message[0] == "ready":
                worker.ready = True
                continue
            if message[0] == "refused":
                raise errors.ConfigError(
                    "The model works in this process, and fails in a worker process.",
                    f"There it says: {message[1].splitlines()[0]}.",
                    "What stands in a script or a notebook was handed over by value, which not every class survives "
                    '(Equinox modules do not): move it into a file, and import it or give model="FILE.py:NAME".',
                )
            work, worker.busy, self._deaths = worker.busy, None, 0
            if message[0] == "exhausted" and work is not None:
                yield failed(work)
                continue
            if message[0] == "files":
                raise errors.StoreError(
                    f"Training {message[1]} could not use a file of its run.",
                    " ".join(message[2].split("\n")[:2]),
                    "Make room or permission there; `burnish resume` then goes on.",
                )
            if message[0] == "failed":
                raise errors.WorkerError(
                    f"Training {message[1]} failed in its worker process.",
                    message[2].strip().splitlines()[-1],
                    f"This is a fault of burnish. The whole report of it:\n{message[2]}",
                )
            yield message[1]

    def _bury(self, worker: _Worker) -> Iterator[Outcome]:
        """A worker is gone: its trial has FAILED, a new worker takes its place; the others are not touched."""
        worker.process.kill()
        code = worker.process.wait()
        worker.connection.close()
        place = self._workers.index(worker)
        self._deaths += not worker.hungry
        log = (self._state_folder / "workers.log").read_text(errors="replace").strip().splitlines()
        if self._deaths >= MOST_DEATHS or not worker.ready:
            del self._workers[place]
            raise errors.WorkerError(
                f"Worker processes keep dying (exit code {code}).",
                log[-1] if log else "They left no message; a machine out of memory ends processes in this way.",
                "Lower --jobs or raise --memory-limit; `burnish doctor` shows what the machine has.",
            )
        self._workers[place] = self._spawn()
        if worker.busy is not None:
            yield failed(worker.busy)

    def _end_the_hungry(self) -> None:
        """End the largest worker that trains, where all together have too much: one compiles while others train."""
        now = time.monotonic()
        if self._memory_limit is None or now - self._memory_seen < MEMORY_TICK:
            return
        self._memory_seen = now
        sizes = [heap.own_bytes(worker.process.pid) for worker in self._workers]
        busy = [(size, k) for k, size in enumerate(sizes) if self._workers[k].busy is not None]
        if busy and sum(sizes) > self._memory_limit:
            largest = self._workers[max(busy)[1]]
            largest.hungry = True
            largest.process.kill()


def _send(worker: _Worker, message: tuple[Any, ...]) -> bool:
    """Whether the message went out; a worker that has died is replaced at the next look at the connections."""
    try:
        worker.connection.send(message)
    except ConnectionError:
        return False
    return True

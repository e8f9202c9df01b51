"""SIGINT and SIGTERM during a run: heeded between slices where networks are trained, at once everywhere else."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType

from burnish.executors import pool
from burnish.train.work import Executor, Outcome, Work


@dataclass(slots=True)
class Signals:
    """What the process was told so far."""

    received: list[int] = field(default_factory=list)  # numbers; the executor looks here between outcomes
    training: bool = False  # the executor will look, and keeps all states before it stops
    raised: bool = False  # the run is on its way out


@contextlib.contextmanager
def caught() -> Iterator[Signals]:
    """Take both signals instead of dying of them.

    Raises:
        pool.Stopped: In the block, wherever it stands, when a signal comes while nothing trains: reading or auditing a
            large table may take a minute, and holds nothing worth waiting for.
    """
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals  # only the main thread may handle signals; elsewhere they are the caller's matter
        return

    def note(number: int, _: FrameType | None) -> None:
        signals.received.append(number)
        if not signals.training and not signals.raised:
            signals.raised = True
            raise pool.Stopped(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    except Exception as error:
        if signals.raised:  # some libraries (DuckDB) put an error of their own in place of what the handler raised
            raise pool.Stopped(signals.received[0]) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def heeding(execute: Executor, signals: Signals) -> Executor:
    """The same executor, which is let finish its slices when a signal comes."""

    def executing(work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        signals.training = True
        try:
            yield from execute(work, deadline=deadline)
        finally:
            signals.training = False

    return executing


@contextlib.contextmanager
def postponed(signals: Signals) -> Iterator[None]:
    """Let the block end before a signal is heeded: files that belong together are all written, or none."""
    signals.training = True
    try:
        yield
    finally:
        signals.training = False

"""A worker process: reads work from its driver, trains, sends outcomes back.

Run as `python -m burnish.executors.worker`.

It is started with a command line of its own, not by `multiprocessing`, so that a plain script needs no `__main__`
guard, a notebook that has already imported JAX works, and nothing is ever forked after JAX has started.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from burnish.executors.exhaustion import is_exhaustion

# Work that comes within so many seconds of being ready is begun cold: warming up for it would take longer.
AT_ONCE = 0.02


def serve(connection: Connection, data_folder: Path, state_folder: Path, cache: Path) -> None:
    """Answer messages until the driver says to end, or is gone.

    Messages in: ("model", bytes) before any work where a person's own model is trained (a pickled function without
    arguments that makes it: it comes from the driver, never from a file), ("work", Work), ("stop",), ("end",).
    Messages out: ("ready",), ("outcome", Outcome), ("exhausted", trial) where memory ran out, ("files", trial, text)
    where the disk refused, ("failed", trial, text), ("refused", text) where the model cannot be made.
    """
    # JAX may be imported only here, in the worker, after its environment was set.
    from burnish.executors import trainer as training

    trainer, own = training.Trainer(data_folder, state_folder, cache=cache), None
    connection.send(("ready",))
    if not connection.poll(AT_ONCE):
        training.warm_up()  # while the driver still reads the table
    ended = False
    while not ended:
        message = connection.recv()
        if message[0] == "end":
            return
        if message[0] == "stop":
            continue  # it crossed the outcome of the work that it meant to stop
        if message[0] == "model":
            try:
                own = pickle.loads(message[1])()
            except Exception as error:
                connection.send(("refused", f"{type(error).__name__}: {error}"))
                raise
            trainer = training.Trainer(data_folder, state_folder, cache=cache, own=own)
            continue
        work = message[1]

        def should_stop() -> bool:
            nonlocal ended
            while connection.poll():
                said = connection.recv()[0]
                ended = ended or said == "end"
                if said in ("stop", "end"):
                    return True
            return False

        try:
            answer: tuple[Any, ...] = ("outcome", trainer.run(work, should_stop))
        except (ArithmeticError, LookupError, OSError, TypeError, ValueError, RuntimeError, MemoryError) as error:
            answer = _confession(work.trial, error, own=own is not None)
        except Exception as error:
            if own is None:
                raise
            answer = _confession(work.trial, error, own=True)  # a person's code may raise anything
        connection.send(answer)
        if not gc.isenabled():
            gc.freeze()  # what was imported and traced stays for good
            gc.enable()


def _confession(trial: str, error: Exception, *, own: bool) -> tuple[Any, ...]:
    """What went wrong, for the driver; with an own model it is that model's doing, which passed its checks there."""
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return "files", trial, str(error)  # not into the log: on a full disk it cannot grow
    text = traceback.format_exc()
    print(text, file=sys.stderr, flush=True)
    if is_exhaustion(error):
        return "exhausted", trial
    return ("refused", f"{type(error).__name__}: {error}") if own else ("failed", trial, text)


def main(arguments: list[str]) -> int:
    """Arguments: the driver's socket (a file descriptor), the data folder, the state folder, the compile cache."""
    descriptor, data_folder, state_folder, cache = arguments
    # Importing JAX and tracing the first program make a million objects that all live on: to look for dead ones among
    # them takes a tenth of that time.
    gc.disable()
    # A Ctrl+C in the terminal reaches the whole process group: the driver alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from burnish.executors import compile_cache

    compile_cache.use(Path(cache))
    with Connection(int(descriptor)) as connection:
        try:
            serve(connection, Path(data_folder), Path(state_folder), Path(cache))
        except (EOFError, ConnectionError):
            return 1  # the driver is gone: its run folder holds all that it had received
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # All files are written. To take JAX down in good order would cost half a second, seconds on busy cores, of a run
    # that keeps to a time limit.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

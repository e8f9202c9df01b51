"""How the command's process begins and ends: both take time that `--time-limit` counts."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def for_good() -> Iterator[None]:
    """Import without looking for garbage in between, and never look through what was imported again.

    Python looks for cycles that nobody uses through everything that there is, again and again while things come to be:
    among some thousand modules, and then among a wide table's columns, that took a quarter of a short run.
    """
    known, was_on = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
        if len(sys.modules) > known:
            gc.freeze()
    finally:
        if was_on:
            gc.enable()


def end(code: int) -> NoReturn:
    """Leave as `sys.exit` does, but for taking apart one by one what was imported and made, which takes half a second.

    All that asked to be called at the end is, and output is written out. Where that fails, or something still runs,
    Python ends the process in its own way.
    """
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if all(thread.daemon for thread in others):
        atexit._run_exitfuncs()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            sys.exit(code)
        os._exit(code)
    sys.exit(code)

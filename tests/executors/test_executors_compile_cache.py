"""Turns at compiling, and the thread that XLA has in a worker."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from burnish.executors import compile_cache, pool

PATIENCE = 30.0  # seconds for what takes none, on a loaded machine
# Longer than a thread takes to reach the lock, so that one which does not wait is caught.
MOMENT = 0.3

EIGEN_THREADS = """
import pathlib, jax
jax.jit(lambda x: x @ x)(jax.numpy.ones((64, 64))).block_until_ready()
names = [(task / "comm").read_text() for task in pathlib.Path("/proc/self/task").iterdir()]
print(sum("XLAEigen" in name for name in names))
"""


def second_turn(cache: Path, program: str) -> tuple[threading.Thread, threading.Event]:
    had = threading.Event()

    def take() -> None:
        with compile_cache.turn(cache, program):
            had.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    return thread, had


def test_who_comes_second_waits_for_the_first_to_compile(tmp_path):
    """The turn at one program is one worker's; another program's is free meanwhile."""
    with compile_cache.turn(tmp_path, "a"):
        thread, had = second_turn(tmp_path, "a")
        _, other = second_turn(tmp_path, "b")

        assert not had.wait(MOMENT)
        assert other.wait(PATIENCE)
    assert had.wait(PATIENCE)
    thread.join(PATIENCE)


def test_nobody_waits_for_what_is_compiled(tmp_path):
    """Workers read a compiled program from the cache at the same time."""
    with compile_cache.turn(tmp_path, "a"):
        pass
    with compile_cache.turn(tmp_path, "a"):
        assert second_turn(tmp_path, "a")[1].wait(PATIENCE)


def test_a_failed_compilation_does_not_count(tmp_path):
    """After an error the program is still to be compiled, by one worker at a time."""
    with pytest.raises(RuntimeError, match="no memory"), compile_cache.turn(tmp_path, "a"):
        raise RuntimeError("no memory")
    with compile_cache.turn(tmp_path, "a"):
        assert not second_turn(tmp_path, "a")[1].wait(MOMENT)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are named in procfs only")
def test_xla_has_one_thread_in_a_worker():
    """A second thread would spin on another worker's core: a step then takes 1.7 times as long."""
    done = subprocess.run(
        [sys.executable, "-c", EIGEN_THREADS],
        env={**os.environ, **pool.WORKER_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1"


def test_who_does_not_wait_is_told_that_another_compiles(tmp_path):
    """Until the program is there for all."""
    with (
        compile_cache.turn(tmp_path, "program") as first,
        compile_cache.turn(tmp_path, "program", wait=False) as second,
    ):
        assert (first, second) == (True, False)
    with compile_cache.turn(tmp_path, "program", wait=False) as third:
        assert third

"""What tests of several rooms share.

Set before JAX starts: one thread, as in the worker processes, so that bits can be compared; and a cache of compiled
programs, since three quarters of the tests' time is XLA compiling the same small programs in every process.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from pathlib import Path

import platformdirs

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
_versions = f"jaxlib-{importlib.metadata.version('jaxlib')}-{platform.machine()}-{platform.node()}"
_programs = Path(platformdirs.user_cache_dir("burnish")) / "tests" / _versions
_programs.mkdir(parents=True, exist_ok=True, mode=0o700)  # native code: who can write there can run code here
for _program in _programs.iterdir():
    if time.time() - _program.stat().st_mtime > 14 * 24 * 3600:
        _program.unlink(missing_ok=True)  # two weeks: what is still wanted is compiled anew
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(_programs)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

from collections.abc import Callable, Iterator

import jax.monitoring
import pytest

COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def compilations() -> Iterator[Callable[[], int]]:
    """How many programs XLA has compiled (or read from its cache) since the test began."""
    seen: list[float] = []

    def listen(event: str, seconds: float, **_: object) -> None:
        if event == COMPILED:
            seen.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield lambda: len(seen)
    jax.monitoring.unregister_event_duration_listener(listen)

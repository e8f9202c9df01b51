"""What tests of several rooms share.

Set before JAX starts: one thread, as in the worker processes, so that bits can be compared.
"""

from __future__ import annotations

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import importlib.metadata
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax.monitoring
import platformdirs
import pytest

COMPILED = "/jax/core/compile/backend_compile_duration"
KEPT_SECONDS = 14 * 24 * 3600  # what is still wanted then is compiled anew


def _keep_programs() -> None:
    """Let this process and those that it starts keep what XLA compiled, from one run of the tests to the next.

    Three quarters of the tests' time is XLA compiling the same small programs. The folder holds native code: it is this
    machine's and this jaxlib's, and nobody else may write there.
    """
    made_by = f"jaxlib-{importlib.metadata.version('jaxlib')}-{platform.machine()}-{platform.node()}"
    folder = Path(platformdirs.user_cache_dir("burnish")) / "tests" / made_by
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for program in folder.iterdir():
        if time.time() - program.stat().st_mtime > KEPT_SECONDS:
            program.unlink(missing_ok=True)
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)


_keep_programs()


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

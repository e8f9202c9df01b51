"""Where compiled programs are kept between runs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import jax
import platformdirs
from jax.experimental.compilation_cache import compilation_cache

# What a turn's file holds once its program lies in the cache. Should the program be thrown out of there later, workers
# compile it side by side: slower, but right.
COMPILED = "compiled"


def folder() -> Path:
    """The cache of this JAX and this kind of CPU: it holds native code, which another CPU must not run.

    Made with mode 0700, since who can write there can run code here.
    """
    version = importlib.metadata.version("jaxlib")
    features = hashlib.sha256(_cpu().encode()).hexdigest()[:12]
    path = Path(platformdirs.user_cache_dir("burnish")) / "programs" / f"jaxlib-{version}-{features}"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() + platform.machine()
    wanted = ("model name", "flags", "Features")
    lines = [line for line in info.read_text().splitlines() if line.startswith(wanted)]
    return "\n".join(sorted(set(lines)))


def _is_compiled(file: IO[str]) -> bool:
    """Whether somebody has compiled the program: nobody need wait, all can read it from the cache at once."""
    file.seek(0)
    return file.read() == COMPILED


@contextlib.contextmanager
def turn(cache: Path | None, program: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold the turn to compile this program; who comes second waits, then finds it in the cache.

    Two workers that compile the same program at once take about as long as one after the other, and do it twice.

    Args:
        cache: The folder; None: nobody else compiles.
        program: What it is told by.
        wait: Whether to wait where another has the turn.

    Yields:
        Whether the turn is held.
    """
    if cache is None:
        yield True
        return
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(program.encode()).hexdigest()[:24]
    with (cache / f"{name}.turn").open("a+") as file:
        if not _is_compiled(file):
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
        yield True
        if not _is_compiled(file):
            file.write(COMPILED)


def use(path: Path) -> None:
    """Keep every compiled program of this process in `path`, however quick it was to compile."""
    for name, value in _settings(path).items():
        jax.config.update(name, value)


@contextlib.contextmanager
def lent(cache: Path | None) -> Iterator[None]:
    """Compile with this cache in a process whose other programs are not ours: its settings are put back."""
    if cache is None:
        yield
        return
    before = {name: getattr(jax.config, name) for name in _settings(cache)}
    compilation_cache.reset_cache()  # JAX reads its settings once, at the first program
    use(cache)
    try:
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


def _settings(path: Path) -> dict[str, Any]:
    """JAX's settings of a cache in `path` that keeps everything."""
    return {
        "jax_compilation_cache_dir": str(path),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": 0,
    }

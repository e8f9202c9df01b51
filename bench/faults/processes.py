"""Runs workers, so many at a time with one thread each, and keeps each line that they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
# Seconds after which a worker is given up; the dearest examination takes some minutes on one core.
TIMEOUT = 900.0

Run = tuple[str, int]  # case, seed


def seeds(text: str) -> tuple[int, ...]:
    """`0-4` or `1,3`.

    >>> seeds("100-102,7")
    (100, 101, 102, 7)
    """
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return tuple(found)


def duration(text: str) -> float:
    """Seconds of `90s`, `10m` or `2h`.

    >>> duration("10m")
    600.0
    """
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def read(path: Path | None) -> list[dict[str, Any]]:
    """The lines that a stopped run has left."""
    return [] if path is None or not path.exists() else [json.loads(line) for line in path.read_text().splitlines()]


def run(
    kind: str, work: Sequence[Sequence[Run]], *, at_once: int, until: float, out: Path | None, cache: Path | None
) -> Iterator[dict[str, Any]]:
    """The records as they come.

    Args:
        kind: What the worker does.
        work: What each process does, in this order.
        at_once: Processes at a time.
        until: Time of `time.monotonic` from which no further one is begun.
        out: Where each record is added.
        cache: Where compiled programs are kept between processes: quicker, but times then are no costs. None: nowhere.
    """
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    if cache is not None:
        environment |= {
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }

    def one(runs: Sequence[Run]) -> list[dict[str, Any]]:
        return _one(kind, runs, environment) if time.monotonic() < until else []

    with ThreadPoolExecutor(at_once) as pool:
        for done in as_completed([pool.submit(one, runs) for runs in work]):
            for record in done.result():
                if out is not None:
                    with out.open("a") as file:
                        file.write(json.dumps(record) + "\n")
                yield record


def _one(kind: str, runs: Sequence[Run], environment: dict[str, str]) -> list[dict[str, Any]]:
    """The lines of one worker; a worker that breaks is a record that says so, for each run that it left."""
    command: list[str] = [sys.executable, str(WORKER), kind, json.dumps(list(runs))]
    call: Callable[..., Any] = subprocess.run
    try:
        done = call(command, capture_output=True, text=True, timeout=TIMEOUT, env=environment, check=False)
        output, error = done.stdout, done.stderr[-500:] if done.returncode else ""
    except subprocess.TimeoutExpired as stopped:
        output = stopped.stdout.decode() if isinstance(stopped.stdout, bytes) else stopped.stdout or ""
        error = f"Given up after {TIMEOUT:.0f} s."
    records = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    have = {(record["case"], record["seed"]) for record in records}
    return records + [{"case": name, "seed": seed, "broken": error} for name, seed in runs if (name, seed) not in have]

"""Runs workers, so many at a time with one thread each, and keeps each line that they print."""

from __future__ import annotations

import gzip
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
# Seconds a run after which a worker is given up; the dearest examination takes some minutes on one core.
TIMEOUT = 900.0

Run = tuple[str, int]  # case, seed
Work = tuple[str, Sequence[Run]]  # what a worker does, of these


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
    """The lines that a stopped run has left; those of a compressed file, as kept ones are, too."""
    if path is None or not path.exists():
        return []
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return [json.loads(line) for line in text.splitlines()]


def run(
    work: Sequence[Work], *, at_once: int, until: float, out: Path | None, cache: Path | None
) -> Iterator[dict[str, Any]]:
    """The records as they come.

    Args:
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

    lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def one(kind: str, runs: Sequence[Run]) -> None:
        try:
            if (left := until - time.monotonic()) > 0:
                _one(kind, runs, time.time() + left, environment, lines.put)
        finally:
            lines.put(None)

    with ThreadPoolExecutor(at_once) as pool:
        ends = [pool.submit(one, *some) for some in work]
        left = len(ends)
        while left:
            record = lines.get()
            if record is None:
                left -= 1
                continue
            if out is not None:
                with out.open("a") as file:
                    file.write(json.dumps(record) + "\n")
            yield record
        for end in ends:
            end.result()


def _one(
    kind: str,
    runs: Sequence[Run],
    until: float,
    environment: Mapping[str, str],
    tell: Callable[[dict[str, Any]], None],
) -> None:
    """Tells each line of one worker as it comes; of a worker that breaks, that it did, for each run that it left."""
    command: list[str] = [sys.executable, str(WORKER), kind, json.dumps(list(runs)), str(until)]
    left = list(runs)
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as worker,
    ):
        timer = threading.Timer(TIMEOUT * len(runs), worker.kill)
        timer.start()
        for line in worker.stdout or ():
            if line.startswith("{"):
                record = json.loads(line)
                left.remove((record["case"], record["seed"]))
                tell(record)
        timer.cancel()
        said.seek(0)
        error = said.read()[-500:]
    for name, seed in left if worker.returncode else ():  # else the slice has ended
        tell({"case": name, "seed": seed, "broken": error or f"Ended with {worker.returncode}."})

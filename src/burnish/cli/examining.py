"""`burnish doctor`: what the machine has, and whether the parts work together."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from burnish import cores
from burnish.executors import compile_cache, devices, pool
from burnish.workflow import telling

# A worker that has not answered by then does not work, in seconds.
PATIENCE = 60.0


def examine() -> dict[str, Any]:
    """Facts about this machine, by name."""
    cache = compile_cache.folder()
    return {
        "versions": dict(telling.versions()),
        "platform": platform.platform(),
        "cores": cores.available(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 2**30, 1),
        "program_cache": {"path": str(cache), "mb": round(_size(cache) / 2**20, 1)},
        "gpu": _gpus(),
        "worker_starts_in_s": _worker_seconds(cache),
    }


def shown(found: dict[str, Any]) -> str:
    """The facts as lines."""
    lines = []
    for name, value in found.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        lines.append(f"{name.replace('_', ' '):>20}  {text}")
    return "\n".join(lines)


def _gpus() -> str:
    """What `--device gpu` would train on."""
    kinds = Counter(device.device_kind for device in devices.found("gpu"))
    return ", ".join(f"{count} of {kind}" for kind, count in kinds.items()) or "none that JAX can use"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _worker_seconds(cache: Path) -> float | str:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        with pool.Pool(Path(home), Path(home), jobs=1, cache=cache) as workers:
            answered = workers.wait_until_ready(PATIENCE)
        log = (Path(home) / "workers.log").read_text(errors="replace").strip()
    if answered:
        return round(time.monotonic() - began, 2)
    print(log, file=sys.stderr)
    return "a worker process does not start: see the lines above"

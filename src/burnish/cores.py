"""How many cores this process may use."""

from __future__ import annotations

import os


def available() -> int:
    """Those that it is bound to, where the system tells (Linux); else all that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

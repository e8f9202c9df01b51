"""Memory that a process has of its own, and what the C library keeps of it after it was freed."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path


def give_back() -> None:
    """Have the C library give freed memory back to the system, where it is one that can (glibc).

    LLVM leaves 230 MB of it behind when it has compiled a network of images, as much as all that such a network needs.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def own_bytes(pid: int) -> int:
    """Resident memory of a process, in bytes, but for pages of files: the system takes these back when it wants room.

    0 where the system does not tell.
    """
    try:
        _, resident, of_files, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0  # no procfs, or the process has just ended
    return (int(resident) - int(of_files)) * os.sysconf("SC_PAGE_SIZE")

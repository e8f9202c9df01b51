"""How much memory does a command take, with all processes that it starts?

Looks at /proc/*/smaps_rollup of the command and all its descendants a few times a second and adds up, over processes:

- anonymous: memory that only its process has, and that the machine gets back from nobody else;
- PSS: the same and pages of files that are mapped, each divided by how many processes map it. The machine takes these
  back when it wants room;
- RSS: what is resident, pages that processes share counted once for each.

Prints what the command prints, then the peak of each with the seconds after the start and what each process had at that
moment, as one line of JSON on standard error. `--series FILE` keeps every look, as CSV. Linux alone.

Usage: python bench/peak_memory.py [--every 0.25] [--series looks.csv] burnish improve photos --memory-limit 1500M
"""

from __future__ import annotations

import argparse
import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

KINDS = {"anonymous": "Anonymous", "pss": "Pss", "rss": "Rss"}  # as smaps_rollup calls them, in KiB
MEBI = 1 << 10  # KiB

Look = dict[str, dict[str, int]]  # MiB by kind, then by process


def look(root: psutil.Process) -> Look:
    """What each process of a tree has now; one that ends meanwhile is left out."""
    found: Look = {kind: {} for kind in KINDS}
    try:
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return found
    for process in family:
        try:
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue  # it has ended
        sizes = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
        for kind, name in KINDS.items():
            found[kind][str(process.pid)] = sizes[name] // MEBI
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=float, default=0.25, help="seconds between two looks")
    parser.add_argument("--series", type=Path, help="file for all looks")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    began = time.monotonic()
    process = subprocess.Popen(options.command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command's to answer
    root, looks = psutil.Process(process.pid), []
    while process.poll() is None:
        looks.append((round(time.monotonic() - began, 2), look(root)))
        time.sleep(options.every)
    seconds = round(time.monotonic() - began, 1)
    peaks = {}
    for kind in KINDS:
        at, parts = max(((at, found[kind]) for at, found in looks), key=lambda one: sum(one[1].values()))
        peaks[kind] = {"MiB": sum(parts.values()), "at": at, "processes": list(parts.values())}
    print(json.dumps({"seconds": seconds, "exit": process.returncode, **peaks}), file=sys.stderr)
    if options.series is not None:
        with options.series.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["seconds", *KINDS, *(f"{kind} of each" for kind in KINDS)])
            for at, found in looks:
                sums = [sum(found[kind].values()) for kind in KINDS]
                rows.writerow([at, *sums, *(" ".join(map(str, found[kind].values())) for kind in KINDS)])
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())

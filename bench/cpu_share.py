"""How much of two cores does a run use while it trains? CPU seconds per second of wall time, over the process tree.

    python bench/cpu_share.py examples/concrete.csv compressive_strength --time-limit 60

Training lasts from the first network to the finish, as the program's own lines on standard error tell. Asked for: at
least 1.8 on two quiet cores. Before and after, one process reads, prepares and writes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

SAMPLED_EVERY = 0.1  # seconds
FINISH = "Delivering"


def cpu_seconds(root: psutil.Process, seen: dict[int, float]) -> float:
    """CPU time of the tree so far; processes that have ended keep what they had when last seen."""
    try:
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    for process in family:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seen[process.pid] = times.user + times.system
    return sum(seen.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("target")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds")
    parser.add_argument("--burnish", default=str(Path(sys.executable).parent / "burnish"))
    options = parser.parse_args()
    said: list[tuple[float, str]] = []
    samples: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as home:
        command = [options.burnish, "improve", str(options.data), "--target", options.target]
        command += ["--time-limit", f"{options.time_limit}s", "--out", str(Path(home) / "run")]
        began = time.monotonic()
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

        def listen() -> None:
            assert run.stderr is not None
            said.extend((time.monotonic() - began, line) for line in run.stderr)

        listener = threading.Thread(target=listen)
        listener.start()
        tree, seen = psutil.Process(run.pid), {}
        while run.poll() is None:
            samples.append((time.monotonic() - began, cpu_seconds(tree, seen)))
            time.sleep(SAMPLED_EVERY)
        listener.join()
    if run.returncode != 0:
        raise SystemExit("".join(line for _, line in said) + f"burnish ended with {run.returncode}")
    wall, cpu = np.array(samples).T
    # The simple models come before the first network, in the process that reads.
    begin = max(when for when, line in said if "boosting:" in line)
    end = max(when for when, line in said if FINISH in line)
    spent = np.diff(np.interp([begin, end], wall, cpu))[0]
    print(f"training, {end - begin:.1f} s of wall time: {spent / (end - begin):.2f} CPU seconds per second")
    print(f"whole run, {wall[-1]:.1f} s: {cpu[-1] / wall[-1]:.2f}")


if __name__ == "__main__":
    main()

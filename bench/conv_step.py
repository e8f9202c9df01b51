"""How fast is a training step of a small convolutional network? burnish and PyTorch on the same cores, taking turns.

Three convolutions (32, 64, 128 channels, 3 × 3) on 128 grey images of 28 × 28, each followed by ReLU, the first two by
pooling 2 × 2, then the mean over pixels and a layer of ten outputs, trained by Adam; with and without batch norm. The
step is the whole one: choosing rows of one byte a pixel, forward, backward, update. On one core each tool has one
thread. On two cores PyTorch trains one network with two threads, as it does unasked; burnish trains two networks, a
process each, as it does unasked; so does PyTorch once more. What counts is the wall time for each step of a network;
medians over the rounds, in which contestants take turns.

Usage: python bench/conv_step.py [--rounds 8] [--steps 4] [--torch-python PATH]
PyTorch is needed for this benchmark only, in an environment of its own: `pip install torch==2.13.0`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from burnish.executors import pool

CONTESTANTS = Path(__file__).resolve().parent / "conv"
WARM_STEPS = 3


@dataclass(frozen=True)
class Team:
    """Processes that train at the same time; each has one network."""

    name: str
    cores: int
    script: str
    threads: int
    processes: int


TEAMS = (
    Team("burnish, one core", 1, "burnish_step.py", 1, 1),
    Team("PyTorch, one core", 1, "torch_step.py", 1, 1),
    Team("burnish, two cores: two networks", 2, "burnish_step.py", 1, 2),
    Team("PyTorch, two cores: two threads", 2, "torch_step.py", 2, 1),
    Team("PyTorch, two cores: two networks", 2, "torch_step.py", 1, 2),
)


def start(team: Team, norm: str, python: str) -> list[subprocess.Popen[str]]:
    """The team's processes, not yet warm."""
    environment = {**os.environ, **pool.WORKER_ENVIRONMENT} if team.script.startswith("burnish") else dict(os.environ)
    command = [python, str(CONTESTANTS / team.script), norm, str(team.threads)]
    return [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(team.processes)
    ]


def turn(processes: list[subprocess.Popen[str]], steps: int) -> float:
    """Milliseconds for each step of a network while all processes do so many."""
    began = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        print(steps, file=process.stdin, flush=True)
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "done":
            sys.exit("A contestant failed; its message is above.")
    return (time.perf_counter() - began) * 1e3 / (steps * len(processes))


def measure(norm: str, torch_python: str, *, rounds: int, steps: int) -> dict[str, list[float]]:
    """Times of every team's turns."""
    pythons = [sys.executable if team.script.startswith("burnish") else torch_python for team in TEAMS]
    running = {team.name: start(team, norm, python) for team, python in zip(TEAMS, pythons, strict=True)}
    times: dict[str, list[float]] = {name: [] for name in running}
    try:
        for processes in running.values():
            turn(processes, WARM_STEPS)
        for _ in range(rounds):
            for name, processes in running.items():
                times[name].append(turn(processes, steps))
    finally:
        for processes in running.values():
            for process in processes:
                process.kill()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4, help="of each turn")
    parser.add_argument("--norms", default="none,batch")
    venvs = Path(os.environ.get("BENCH_VENVS", Path(__file__).resolve().parent / "venvs"))
    parser.add_argument("--torch-python", default=str(venvs / "torch" / "bin" / "python"), help="a Python with torch")
    given = parser.parse_args()
    if not Path(given.torch_python).exists():
        parser.error(f"no such file: {given.torch_python}; `bash bench/tables/setup_peers.sh torch` makes it")
    for norm in given.norms.split(","):
        times = measure(norm, given.torch_python, rounds=given.rounds, steps=given.steps)
        print(f"batch norm: {norm}; milliseconds a step: median (smallest to largest)")
        for name, found in times.items():
            print(f"  {name:34} {statistics.median(found):6.1f} ({min(found):.1f} to {max(found):.1f})", flush=True)


if __name__ == "__main__":
    main()

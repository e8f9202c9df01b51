"""How fast is the search? The same 64 trainings through burnish, scikit-learn, and PyTorch with Optuna, side by side.

64 random configurations (learning rate, weight decay, dropout, batch norm, Adam's β₁) × 20 epochs of a network with two
hidden layers of 128 units, batches of 128, on digits (1,797 × 64) and on a made-up table (20,000 × 50, ten classes).
Contestants run in turn, each as a process of its own on an otherwise idle machine with two cores; what counts is the
wall time from process start to end, medians over the rounds. That all do equally many optimiser steps is checked.
burnish starts each first run with an empty compile cache; its second run finds the programs compiled.

Usage: python bench/search_speed.py [--quick] [--json] [--torch-python PATH] [--rounds 3]
PyTorch is needed for this benchmark only, in an environment of its own:
`pip install torch==2.13.0 optuna scikit-learn`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CONTESTANTS = Path(__file__).resolve().parent / "contestants"
TASKS = ("digits", "table")
CONFIGURATIONS, EPOCHS = 64, 20
QUICK_CONFIGURATIONS = 16  # start-up and compilation weigh four times as much: ratios are lower than in the full run
ROUNDS = 3
TIMEOUT = 1800  # seconds for one contestant; the slowest takes about three minutes on two cores
# Above this share of a core used by others over a second before a run, the machine is not quiet.
BUSY_SHARE = 0.2
# Set on some machines against faults of old OpenBLAS builds; they slow the current one, so no contestant gets them.
DROPPED_SETTINGS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def busy_cores(seconds: float = 1.0) -> float:
    """How many cores are at work now, by /proc/stat; 0 where there is none."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0

    def busy() -> float:
        user, nice, system, _idle, _wait, *rest = (int(v) for v in stat.read_text().split("\n", 1)[0].split()[1:])
        return (user + nice + system + sum(rest[:3])) / os.sysconf("SC_CLK_TCK")

    before = busy()
    time.sleep(seconds)
    return (busy() - before) / seconds


def run(python: str, script: str, name: str, *, configurations: int, cache: Path) -> dict[str, Any]:
    """Runs one contestant to its end; returns its own report with `seconds` of wall time added.

    Raises:
        SystemExit: It failed; its last lines are shown.
    """
    command = [python, str(CONTESTANTS / script), name, str(configurations), str(EPOCHS)]
    if script.startswith("burnish"):
        command += ["--cache", str(cache)]
    environment = {name: value for name, value in os.environ.items() if name not in DROPPED_SETTINGS}
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, env=environment, check=False)
    seconds = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"{script} failed on {name}:\n{done.stderr[-2000:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds": seconds}


def measure(name: str, torch_python: str, *, configurations: int, rounds: int, log: Any) -> dict[str, Any]:
    """All contestants on one task, alternating; medians, ratios and the share of compiling in burnish's second runs.

    Raises:
        SystemExit: A contestant failed, or did another number of steps than the others.
    """
    runs: dict[str, list[dict[str, Any]]] = {k: [] for k in ("burnish", "burnish_second", "sklearn", "torch_optuna")}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            for key, python, script in (
                ("burnish", sys.executable, "burnish_search.py"),
                ("sklearn", sys.executable, "sklearn_search.py"),
                ("torch_optuna", torch_python, "torch_search.py"),
                ("burnish_second", sys.executable, "burnish_search.py"),
            ):
                others = busy_cores()
                result = run(python, script, name, configurations=configurations, cache=cache)
                runs[key].append({**result, "others": others})
                mark = "  (the machine was not quiet)" if others > BUSY_SHARE else ""
                print(
                    f"{name} round {number + 1}: {key:14} {result['seconds']:7.2f} s, best {result['best']:.4f}{mark}",
                    file=log,
                    flush=True,
                )
    steps = {key: {r["steps"] for r in done} for key, done in runs.items()}
    if len(set.union(*steps.values())) != 1:
        sys.exit(f"{name}: the contestants did not do the same work; steps: {steps}")

    def share(of: str) -> float:
        return statistics.median(r[of] / r["seconds"] for r in runs["burnish_second"])

    seconds = {key: statistics.median(r["seconds"] for r in done) for key, done in runs.items()}
    return {
        "steps": steps["burnish"].pop(),
        "seconds": seconds,
        "ratio_sklearn": seconds["sklearn"] / seconds["burnish"],
        "ratio_torch_optuna": seconds["torch_optuna"] / seconds["burnish"],
        "compile_share_second_run": share("compile_seconds"),
        "trace_share_second_run": share("trace_seconds"),
        "best": {key: max(r["best"] for r in done) for key, done in runs.items()},
        "quiet": all(r["others"] <= BUSY_SHARE for done in runs.values() for r in done),
        "runs": runs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"one round of {QUICK_CONFIGURATIONS} configurations")
    parser.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--tasks", default=",".join(TASKS))
    venvs = Path(os.environ.get("BENCH_VENVS", Path(__file__).resolve().parent / "venvs"))
    parser.add_argument("--torch-python", default=str(venvs / "torch" / "bin" / "python"), help="a Python with torch")
    given = parser.parse_args()
    if not Path(given.torch_python).exists():
        parser.error(f"no such file: {given.torch_python}; `bash bench/tables/setup_peers.sh torch` makes it")
    configurations = QUICK_CONFIGURATIONS if given.quick else CONFIGURATIONS
    rounds = given.rounds or (1 if given.quick else ROUNDS)
    log = sys.stderr if given.json else sys.stdout
    tasks = {
        name: measure(name, given.torch_python, configurations=configurations, rounds=rounds, log=log)
        for name in given.tasks.split(",")
    }
    document = {
        "schema_version": 1,
        "machine": {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()},
        "configurations": configurations,
        "epochs": EPOCHS,
        "rounds": rounds,
        "tasks": tasks,
    }
    if given.json:
        print(json.dumps(document))
        return
    for name, figures in tasks.items():
        seconds = "  ".join(f"{key} {value:.2f} s" for key, value in figures["seconds"].items())
        print(f"{name}: {seconds}")
        for key in ("ratio_sklearn", "ratio_torch_optuna", "compile_share_second_run", "trace_share_second_run"):
            print(f"  {key} {figures[key]:.3f}")


if __name__ == "__main__":
    main()

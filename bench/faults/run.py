"""The doctor's own examination: does it find planted faults, name the cause, and leave healthy trainings in peace?

Some examinations share a process, which has one thread. What is in --out is skipped, so that a stopped run goes on
where it was: `python bench/faults/run.py --out results.jsonl --slice 10m`, as often as it takes.

Usage: python bench/faults/run.py [--smoke] [--seeds 100-109] [--jobs 2] [--out results.jsonl] [--slice 10m]
           [--kind faults|controls] [--only TEXT] [--repairs 2] [--cache DIR]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import further
import processes
from controls import CONTROLS

import summarise
from faults import FAULTS

# Under two minutes on two cores: proofs, a probe and its repair, and two healthy runs. Tests run them at every change.
SMOKE = (
    "J5 zero weights",
    "J9 softmax twice",
    "J9 uphill",
    "J9 NaN in 0.2 % of rows",
    "J9 Adam 1.0",
    "as it is (J9)",
    "H5 best accuracy 0.58 (J9)",
)
# Of them the one whose repair is measured.
REPAIRED = "J9 Adam 1.0"
# Runs of one process: its start takes some seconds.
TOGETHER = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="a few cases with one seed each")
    parser.add_argument("--seeds", type=processes.seeds, default=tuple(range(100, 110)))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--kind", choices=("faults", "controls", "all"), default="all")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--slice", type=processes.duration, default=float("inf"))
    parser.add_argument("--repairs", type=int, default=2, help="seeds of faults with which repairs are measured, too")
    parser.add_argument("--cache", type=Path, help="keep compiled programs here; times then are no costs")
    asked = parser.parse_args()
    if asked.out is not None and asked.out.suffix == ".gz":
        parser.error("--out is a file that lines are added to: unpack a compressed one first.")
    cases = {"faults": FAULTS, "controls": CONTROLS, "all": (*FAULTS, *CONTROLS)}[asked.kind]
    absent = {case.job: package for case in cases if (package := further.missing(case.job))}
    for job, package in absent.items():
        print(f"{job} is left out: it needs {package} (pip install 'burnish[bench]').", flush=True)
    names = SMOKE if asked.smoke else tuple(c.name for c in cases if asked.only in c.name and c.job not in absent)
    chosen = asked.seeds[:1] if asked.smoke else asked.seeds
    records = processes.read(asked.out)
    have = {(record["case"], record["seed"]) for record in records}
    # Seeds outside, cases inside: a slice that ends early has seen as many cases as it could.
    until = time.monotonic() + asked.slice
    measured = (REPAIRED,) if asked.smoke else tuple(case.name for case in FAULTS)
    repaired = {(name, seed) for name in measured for seed in chosen[: asked.repairs]}
    work: list[processes.Work] = []
    for seed in chosen:
        left = [(name, seed) for name in names if (name, seed) not in have]
        for kind, runs in (
            ("repair", [run for run in left if run in repaired]),
            ("examine", [run for run in left if run not in repaired]),
        ):
            work += [(kind, runs[first : first + TOGETHER]) for first in range(0, len(runs), TOGETHER)]
    for record in processes.run(work, at_once=asked.jobs, until=until, out=asked.out, cache=asked.cache):
        print(_line(record), flush=True)
        records.append(record)
    print("\n".join(summarise.shown(records, {})))


def _line(record: dict[str, Any]) -> str:
    if "broken" in record:
        return f"{record['case']}, seed {record['seed']}: BROKEN {record['broken'][-200:]}"
    named = ", ".join(f"{one['code']} ({one['severity']})" for one in record["findings"]) or "nothing"
    return f"{record['case']}, seed {record['seed']}: {named}; {record['seconds']:.0f} s {record['failed'] or ''}"


if __name__ == "__main__":
    main()

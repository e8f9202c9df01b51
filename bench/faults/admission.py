"""Which planted changes are faults, which controls? Their harm over seeds decides.

Usage: python bench/faults/admission.py [--seeds 0-9] [--jobs 2] [--only TEXT] [--out admission.jsonl] [--slice 10m]
What is in --out is not measured again; `summarise.py --admission admission.jsonl` reads it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import further
import harm
import processes
from controls import CONTROLS

from faults import FAULTS


def verdicts(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The verdict on each case of which two seeds at least were measured."""
    by_case: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for record in records:
        if "broken" not in record:
            by_case[record["case"]][record["seed"]] = record
    return {
        name: harm.verdict([one["harm"] for one in seen.values()], [one["healthy"] for one in seen.values()])
        for name, seen in by_case.items()
        if len(seen) > 1
    }


def shown(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table."""
    lines = ["| case | verdict | harm to the error | practical size |", "|---|---|---|---|"]
    for name, one in found.items():
        span = f"{one['harm']:+.4f} ({one['low']:+.4f} to {one['high']:+.4f})"
        lines.append(f"| {name} | {one['verdict']} | {span} | {one['practical']:.4f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=processes.seeds, default=tuple(range(10)))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--slice", type=processes.duration, default=float("inf"))
    asked = parser.parse_args()
    known = processes.read(asked.out)
    have = {(record["case"], record["seed"]) for record in known}
    # All cases of a job and seed in one process: the healthy training is the same.
    groups: dict[tuple[int, str], list[processes.Run]] = defaultdict(list)
    for case in (*FAULTS, *CONTROLS):
        for seed in asked.seeds:
            wanted = case.admitted and asked.only in case.name and further.missing(case.job) is None
            if wanted and (case.name, seed) not in have:
                groups[seed, case.job].append((case.name, seed))
    work = [("harm", groups[key]) for key in sorted(groups)]
    with tempfile.TemporaryDirectory(prefix="faults-") as cache:
        until = time.monotonic() + asked.slice
        records = [*known, *processes.run(work, at_once=asked.jobs, until=until, out=asked.out,
                                          cache=Path(cache))]  # fmt: skip
    print("\n".join(shown(verdicts(records))))
    for record in records:
        if "broken" in record:
            print(f"broken: {record['case']}, seed {record['seed']}: {record['broken'][-300:]}")


if __name__ == "__main__":
    main()

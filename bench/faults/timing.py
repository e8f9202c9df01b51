"""How long does a person wait for the doctor: until something is suspected, until it is confirmed, until all is known?

Each case runs by itself, in a new process that uses all cores and has nothing compiled. What is proved or found by a
test is confirmed with it.

Usage: python bench/faults/timing.py [--seed 0] [--only TEXT] [--json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np
from worker import CASES

from burnish.doctor.diagnosis import examine
from burnish.doctor.examination import Examination

# A fault that a probe finds in a training of each size, one that is proved, and a healthy one.
TIMED = (
    "as it is (J9)",
    "J9 Adam 1.0",
    "J5 Adam 1.0",
    "1 learning rate x100",
    "19 softmax twice",
    "J10 sigmoid, Glorot",
    "51 flips",
)
CONFIRMED = ("Confirmed", "Proved", "Found by a test")


def timed(name: str, seed: int) -> dict[str, Any]:
    """Seconds of one examination, and of one training of the kind."""
    subject = CASES[name].recipe(seed).subject()
    heard: list[tuple[float, str]] = []
    began, busy = time.monotonic(), time.process_time()
    exam = Examination(subject)
    found = examine(exam, began, lambda said: heard.append((time.monotonic() - began, said)))
    total, busy = time.monotonic() - began, time.process_time() - busy

    def first(*words: str) -> float | None:
        return next((round(at, 1) for at, said in heard if said.startswith(words)), None)

    began = time.monotonic()
    lab = exam.lab
    np.asarray(lab.outputs(lab.train(lab.start(), subject.steps)[0].params, lab.gauge))
    return {
        "case": name,
        "training": round(time.monotonic() - began, 2),
        "suspected": first("Suspected", *CONFIRMED),
        "confirmed": first(*CONFIRMED),
        "all": round(total, 1),
        "processor": round(busy, 1),
        "found": [one.code for one in found.findings if one.severity.value == "fault"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case is not None:
        print(json.dumps(timed(asked.case, asked.seed)))
        return
    found = []
    for name in (one for one in TIMED if asked.only in one):
        command = [sys.executable, __file__, "--case", name, "--seed", str(asked.seed)]
        found.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    if asked.json:
        print(json.dumps(found, indent=1))
        return
    print("| training | seconds of one | suspected after | confirmed | all known | processor seconds | faults named |")
    print("|---|---|---|---|---|---|---|")
    for one in found:
        print("| " + " | ".join(_cell(one[key]) for key in one) + " |")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    main()

"""Examinations, with repairs or not, or of harm: `python worker.py examine|repair|harm '[["case", seed], ...]' [inf]`.

Prints one line of JSON for each, and begins none after the last argument, in seconds since 1970. `run.py` and
`admission.py` start it with one thread.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import Any

import harm
import numpy as np
import recorder
import repairs
import rivals
from cases import Case
from controls import CONTROLS

from burnish.doctor.diagnosis import examine
from burnish.doctor.examination import Examination
from burnish.doctor.lab import Lab
from burnish.errors import BurnishError
from faults import FAULTS

CASES: dict[str, Case] = {case.name: case for case in (*FAULTS, *CONTROLS)}


def examined(case: Case, seed: int, *, repair: bool = False) -> dict[str, Any]:
    """What the doctor and the rivals say of one run, and what it cost. A failure is a result like any other.

    Args:
        case: Whose run.
        seed: Of the run.
        repair: Whether it is measured, too, what the repaired training regains.
    """
    began = time.monotonic()
    recipe = case.recipe(seed)
    subject = recipe.subject()
    lab = Lab(subject)
    lab.train(lab.start(), subject.steps)
    training = time.monotonic() - began
    began, busy = time.monotonic(), time.process_time()
    try:
        exam = Examination(recipe.subject(), threads=1)  # as many as the process may use
        diagnosis = examine(exam, began)
        found, repaired = diagnosis.document()["findings"], diagnosis.repaired
        spent, failed = exam.lab.programs.rows, None
    except (BurnishError, ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError) as error:
        found, repaired, spent, failed = [], None, 0, f"{type(error).__name__}: {error}"
    seconds, busy = time.monotonic() - began, time.process_time() - busy
    with np.errstate(all="ignore"):
        record = recorder.record(recipe)
        said = {name: [[symptom, list(codes)] for symptom, codes in rule(record)]
                for name, rule in rivals.RIVALS.items()}  # fmt: skip
    return {
        "findings": [{key: one[key] for key in ("code", "severity", "evidence", "where")} for one in found],
        "failed": failed,
        "seconds": round(seconds, 2),
        "processor_seconds": round(busy, 2),
        "training_seconds": round(training, 2),
        "trainings": round(spent / repairs.cost(subject), 1),
        "steps": subject.steps,
        "rivals": said,
        **({"repair": repairs.judge(case, seed, repaired, spent)} if repair else {}),
    }


def main() -> None:
    kind, runs, *until = sys.argv[1:]
    last = float(until[0]) if until else float("inf")
    act = {"examine": examined, "repair": partial(examined, repair=True), "harm": harm.measure}[kind]
    for name, seed in json.loads(runs):
        if time.time() > last:
            break
        print(json.dumps({"case": name, "seed": seed, **act(CASES[name], seed)}), flush=True)


if __name__ == "__main__":
    main()

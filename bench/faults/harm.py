"""What a planted change does to a training, and whether it is a fault, a control, or neither.

Over seeds, the interval of the harm to the error on the judged rows (for a leak or noisy labels: rows that it has not
touched) lies above the practical size: a fault; wholly within it on both sides: a control; else it is left out.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from cases import Case
from jobs import JOBS
from scipy import stats

from burnish.doctor.lab import Lab
from burnish.doctor.subject import Rows
from recipe import Recipe

# The practical size: 10 % of the healthy error, at least 0.5 point, or 0.5 % of the target's deviation. As the doctor's
# own, written anew so that it cannot move with it.
SHARE, ABSOLUTE = 0.10, 0.005
# Two-sided confidence of the harm's interval.
LEVEL = 0.95
# An error where the network gives no number: all rows wrong, or the targets' own deviation a hundred times.
HOPELESS = 100.0


def errors(recipe: Recipe) -> tuple[float, float]:
    """Dev error and honest error after the whole training: misclassification rates, or RMSE over the sd of y."""
    subject = recipe.subject()
    lab = Lab(subject)
    end, _ = lab.train(lab.start(), subject.steps)
    return _error(lab, end.params, recipe.dev), _error(lab, end.params, recipe.judged)


def _error(lab: Lab, params: Any, rows: Rows) -> float:
    found = lab.errors(params, rows)
    if lab.subject.kind == "classification":
        # argmax of NaN is 0: a network without numbers is wrong on every row.
        usable = np.isfinite(lab.outputs(params, rows)).reshape(len(rows), -1).all(axis=1)
        return float(np.where(usable, found, 1).mean())
    ratio = float(np.sqrt(found.mean()) / np.std(rows.y, dtype=np.float64))
    return min(ratio, HOPELESS) if np.isfinite(ratio) else HOPELESS


def measure(case: Case, seed: int) -> dict[str, float]:
    """The errors of one seed, with and without the change.

    Harm is of the honest error against the healthy training's. A leak, which changes the rows alone, harms the
    *reported* error: it is too low by the difference of the two.
    """
    healthy = _healthy("J1" if case.job == "J1x100" else case.job, seed)
    dev, honest = errors(case.recipe(seed))
    harm = honest - healthy if honest == dev else max(honest - healthy, honest - dev)
    return {"healthy": healthy, "dev": dev, "honest": honest, "harm": harm}


@functools.cache
def _healthy(job: str, seed: int) -> float:
    return errors(JOBS[job](seed))[0]


def verdict(harms: list[float], healthy: list[float]) -> dict[str, Any]:
    """Fault, control, or left out; the interval is Student's over the seeds."""
    values = np.asarray(harms)
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * error
    practical = max(SHARE * float(np.mean(healthy)), ABSOLUTE)
    low, high = mean - reach, mean + reach
    said = "fault" if low > practical else "control" if -practical < low and high < practical else "left out"
    return {"verdict": said, "harm": mean, "low": low, "high": high, "practical": practical, "seeds": len(values)}

"""Does the repaired training regain what was lost? And do others at equal cost: random search, another seed?

Strict: over twelve starts by which nobody has chosen, the paired interval of the gain lies above zero, and nine tenths
of the lost score are regained. Harm: the interval lies below zero. Both on rows that no leak and no noise has touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import harm
import numpy as np
from cases import Case
from jobs import JOBS
from numpy.typing import NDArray

from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.gauges import Gauger
from burnish.doctor.lab import NOTHING, Change, Lab, Programs
from burnish.doctor.rules.steps import ADAM
from burnish.doctor.subject import Rows, Subject
from burnish.stats import paired

Floats = NDArray[np.float64]
Way = tuple[Subject, Change]  # a training, and what numbers change about it

# Starts that judge, far from those by which the doctor and a search choose, and those of another seed.
STARTS, OTHERS = range(5000, 5012), range(6000, 6012)
# Share of the lost score that a strict repair regains.
REGAINED = 0.9
# What a random search draws: the learning rate, times the own or Adam's 1e-3, by its logarithm; how much longer.
RATES, ADAM_RATES, EPOCHS = (1e-3, 1e3), (0.1, 100.0), (0.5, 1, 2, 4)
# Mini-batches and parts of the penalty that it draws, beside the own.
BATCHES, PENALTIES = (32, 128), (0.0, 0.1)


def cost(subject: Subject) -> int:
    """Rows that one training goes over, the unit of cost."""
    return subject.steps * min(subject.batch_size, len(subject.train))


def judge(case: Case, seed: int, repaired: Subject | None, spent: int) -> dict[str, Any]:
    """Of a planted fault: what was lost, and what each of three ways regains.

    Args:
        case: The fault.
        seed: Of the job.
        repaired: What the doctor handed back; None: nothing.
        spent: Rows that its trainings have gone over; a random search may go over as many.
    """
    recipe, well = case.recipe(seed), _well("J1" if case.job == "J1x100" else case.job, seed)
    sick, programs = recipe.subject(), Programs()
    control = _errors((sick, NOTHING), programs, recipe.judged, STARTS)
    lost = _mean(control, sick) - well
    practical = max(harm.SHARE * well, harm.ABSOLUTE)
    ways = {
        "doctor": None if repaired is None else (repaired, NOTHING),
        "random search": _search(sick, seed, spent, programs),
        "another seed": (sick, NOTHING),
    }
    found: dict[str, Any] = {"lost": lost, "practical": practical}
    for name, way in ways.items():
        if way is not None:
            # A cure may be of dev rows: these are judged as it leaves them.
            rows = recipe.judged if recipe.honest is not None else way[0].dev
            errors = _errors(way, programs, rows, OTHERS if name == "another seed" else STARTS)
            found[name] = _gained(control, errors, sick, lost)
    return found


@cache
def _well(job: str, seed: int) -> float:
    """Error of the job as it is, with which all of its faults are compared."""
    healthy = JOBS[job](seed)
    subject = healthy.subject()
    return _mean(_errors((subject, NOTHING), Programs(), healthy.dev, STARTS), subject)


def _gained(control: Floats, treatment: Floats, sick: Subject, lost: float) -> dict[str, Any]:
    gain = paired.gain(control, treatment, statistic="error" if sick.kind == "classification" else "rmse")
    strict = gain.low > 0 and gain.value >= REGAINED * lost
    return {"gain": gain.value, "low": gain.low, "high": gain.high, "strict": strict, "harm": gain.high < 0}


def _mean(errors: Floats, subject: Subject) -> float:
    """Misclassification rate, or RMSE in standard deviations of the target, a mean over starts."""
    return float(errors.mean() if subject.kind == "classification" else np.sqrt(errors.mean(axis=1)).mean())


def _errors(way: Way, programs: Programs, rows: Rows, starts: Sequence[int]) -> Floats:
    """Of each row after a whole training from each start, shape (starts, rows); what is no number is wrong.

    Squared errors of numbers are shares of their variance, as a fault may have changed their unit.
    """
    subject, change = way
    lab = Lab(subject, programs)
    numbers = subject.kind == "regression"
    unit, worst = (np.var(rows.y, dtype=np.float64), harm.HOPELESS**2) if numbers else (1.0, 1.0)
    found = []
    for start in starts:
        params = lab.train(lab.start(start), subject.steps, change=change, seed=start)[0].params
        usable = np.isfinite(lab.outputs(params, rows, change)).reshape(len(rows), -1).all(axis=1)
        with np.errstate(all="ignore"):
            found.append(np.where(usable, np.minimum(lab.errors(params, rows, change) / unit, worst), worst))
    return np.array(found)


def _search(sick: Subject, seed: int, budget: int, programs: Programs) -> Way | None:
    """The best of random configurations by the dev error of one training each, for so many rows in all."""
    rng, best, lowest = np.random.default_rng([23, seed]), None, np.inf
    right = _right(sick, programs)
    while budget > 0:
        drawn = _drawn(rng, sick, right)
        budget -= cost(drawn[0])
        error = float(_errors(drawn, programs, sick.dev, range(1)).mean())
        if error < lowest:
            best, lowest = drawn, error
    return best


def _right(sick: Subject, programs: Programs) -> Subject:
    """Rightly drawn weights: made once, so that all configurations with them share one program."""
    layers = Gauger(Lab(sick, programs)).layers
    return Arm("right", begin=lambda params, key: nulls.rightly_initialised(layers, params, key)).program(sick)


def _drawn(rng: np.random.Generator, sick: Subject, right: Subject) -> Way:
    """Starting weights, epochs, mini-batches, learning rate, penalty, optimiser, and scales of the rows."""
    made = replace(
        sick,
        init=right.init if rng.random() < 0.5 else sick.init,
        epochs=max(1, round(sick.epochs * rng.choice(EPOCHS))),
        batch_size=int(rng.choice((sick.batch_size, *BATCHES))),
        rate=float(np.exp(rng.uniform(*np.log(RATES)))),
        penalised=float(rng.choice((1.0, *PENALTIES))),
    )
    if rng.random() < 0.5:
        made = replace(made, optimizer=ADAM, rate=float(np.exp(rng.uniform(*np.log(ADAM_RATES)))))
    return made, nulls.standardising(sick.train, targets=True) if rng.random() < 0.5 else NOTHING

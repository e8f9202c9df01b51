"""Predictions and seeds with one fault each, and without: what each rule of a run is handed."""

import numpy as np
from scipy import special

from burnish.diagnosis.run_rules import calibration, seeds, slices, threshold

ALPHA = 0.0005


def sliced(times=6.0, count=2000, seed=0):
    """BV12: errors are so many times as frequent for one of four colours, where a number is high."""
    rng = np.random.default_rng(seed)
    color, size = rng.integers(0, 4, count), rng.uniform(0, 10, count)
    bad = (color == 2) & (size > 4)
    wrong = rng.random(count) < np.where(bad, 0.06 * times, 0.06)
    x = np.column_stack([color, size, rng.normal(size=count)]).astype(float)
    levels = (("red", "green", "blue", "grey"), None, None)
    return slices.weak(
        x, ("color", "size", "other"), levels, wrong.astype(float), statistic="error", practical=0.01, alpha=ALPHA
    )


def sure(temperature=0.4, count=1500, classes=3, seed=0):
    """BV13: logits that are right, divided by a temperature."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(count, classes))
    truth = special.softmax(logits, axis=1)
    y = np.array([rng.choice(classes, p=row) for row in truth])
    return calibration.miscalibrated(special.softmax(logits / temperature, axis=1), y, alpha=ALPHA)


def rare(shift=-2.5, count=3000, seed=0):
    """BV14: right probabilities of a class that hardly ever reaches one half."""
    rng = np.random.default_rng(seed)
    share = special.expit(shift + 1.5 * rng.normal(size=count))
    return threshold.shifted(share, rng.random(count) < share, name="yes", alpha=ALPHA)


def seeded(spread=0.1, count=6, seed=0):
    """BV15: errors of six seeds."""
    errors = 0.2 + spread * np.random.default_rng(seed).normal(size=count)
    return seeds.fragile(errors, practical=0.01, alpha=ALPHA, percent=True)


SICK = {"BV12": sliced, "BV13": sure, "BV14": rare, "BV15": seeded}
WELL = {
    "BV12": lambda: sliced(times=1.0),
    "BV13": lambda: sure(temperature=1.0),
    "BV14": lambda: rare(shift=0.0),
    "BV15": lambda: seeded(spread=0.003),
}

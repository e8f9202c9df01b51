"""BV13: probabilities that are too sure, or not sure enough."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from burnish.diagnosis.described import Described
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import interval, paired
from burnish.units import percent

Floats = NDArray[np.float64]

# A choice: a share of 100 rows is known to ± 10 points (Clopper and Pearson 1934).
FEWEST_ROWS = 100
# Share of the log-loss that one number has to gain before it is worth a word.
MATTERS = 0.02
# And nats: below that nobody's decision changes, however many rows say so. A choice.
LEAST = 1e-3
UNSURE = "Divide the logits by this number before softmax (temperature scaling): it is surer than it says."
# Powers of e between which the temperature is looked for.
RANGE = 2.0
FLOOR = 1e-6  # of a probability, as in the error budget
BINS = 15  # of equal numbers of rows, for the calibration error; the usual number


def miscalibrated(
    probabilities: Floats,
    y: NDArray[np.integer],
    *,
    alpha: float,
    groups: NDArray[np.integer] | None = None,
    seed: int = 0,
) -> Iterator[Finding]:
    """Whether one temperature lowers the log-loss of rows that did not choose it.

    Args:
        probabilities: Of rows that did not train the network, shape (rows, classes).
        y: Class codes, shape (rows,).
        alpha: Chance of a false alarm.
        groups: Rows that belong together share a number; they stay in one half.
        seed: Of the halves.
    """
    if len(y) < FEWEST_ROWS:
        return
    logits = np.log(np.clip(probabilities, FLOOR, 1.0))
    rng = np.random.default_rng([seed, 13])
    units = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    half = (rng.permutation(int(units.max()) + 1) % 2 == 0)[units]
    after, temperatures = np.empty(len(y)), []
    for fit in (half, ~half):
        if not fit.any() or fit.all():
            return
        temperatures.append(temperature(logits[fit], y[fit]))
        after[~fit] = _loss(logits[~fit] / temperatures[-1], y[~fit])
    before = _loss(logits, y)
    gain = paired.gain(before, after, alpha=alpha, groups=groups)
    if gain.low <= max(MATTERS * float(before.mean()), LEAST):
        return
    best = float(np.exp(np.mean(np.log(temperatures))))
    sure = probabilities.max(axis=1)
    right = interval.estimate((probabilities.argmax(axis=1) != y).astype(float), "error", groups=groups)
    off = calibration_error(sure, (probabilities.argmax(axis=1) == y).astype(np.float64))
    yield BV13.finding(
        f"It says its class with a probability of {percent(sure.mean(), 1)} on average and is right in "
        f"{percent(1 - right.value, 1)} "
        f"({percent(1 - right.high, 1)} to {percent(1 - right.low, 1)}); calibration error {percent(off, 1)}. "
        f"With its logits divided by {best:.2f} the log-loss falls by {gain.value:.4f} nats ({gain.low:.4f} to "
        f"{gain.high:.4f}), on rows that did not choose this number.",
        remedy=None if best > 1 else UNSURE,
    )


def temperature(logits: Floats, y: NDArray[np.integer]) -> float:
    """What to divide logits of shape (rows, classes) by so that the log-loss is least (Guo et al. 2017)."""

    def loss(log_temperature: float) -> float:
        return float(_loss(logits / np.exp(log_temperature), y).mean())

    return float(np.exp(optimize.minimize_scalar(loss, bounds=(-RANGE, RANGE), method="bounded").x))


def _loss(logits: Floats, y: NDArray[np.integer]) -> Floats:
    return special.logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]


def calibration_error(sure: Floats, right: Floats) -> float:
    """Root mean square distance of confidence and accuracy over bins, less what chance adds (Kumar, Liang and Ma 2019).

    Args:
        sure: Probability of the likeliest class, shape (rows,).
        right: 1 where it is right, else 0, shape (rows,).
    """
    order = np.argsort(sure, kind="stable")
    total = 0.0
    for part in np.array_split(order, BINS):
        if len(part) > 1:
            accuracy = float(right[part].mean())
            chance = accuracy * (1 - accuracy) / (len(part) - 1)
            total += len(part) * ((accuracy - float(sure[part].mean())) ** 2 - chance)
    return float(np.sqrt(max(total, 0.0) / len(sure)))


BV13 = Described(
    "BV13",
    "Its probabilities are not what they say",
    Evidence.TEST,
    Severity.NOTE,
    "Dividing the logits by one number lowers the log-loss of rows that did not choose it, surely and by 2 % or more.",
    "Divide the logits by this number before softmax (temperature scaling), or train with label smoothing.",
    "Log-loss and Brier score fall on fresh rows.",
    "Guo, Pleiss, Sun and Weinberger, 2017; Kumar, Liang and Ma, 2019 (debiased calibration error).",
)

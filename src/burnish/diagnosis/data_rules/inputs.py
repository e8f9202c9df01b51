"""DA1, DA14, DA15 and DA16: scales, columns that tell nothing, values that are missing, values that rule all others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from burnish.data import affine
from burnish.data.columns import apart, code_for_missing
from burnish.data.observation import counted, listed
from burnish.diagnosis.data_rules import models
from burnish.diagnosis.data_rules.rows import Floats, Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import interval, paired
from burnish.units import percent

# A choice: half of the rows fit and half judge, 20 each.
FEWEST_ROWS = 40
# Steps of gradient descent in which inputs of unlike scales are compared, and share of the loss that matters.
STEPS, MATTERS = 200, 0.10
# Share of rows off the commonest value whose upper end makes a column all but constant.
NEARLY = 0.01
# Tail index below which the variance is not finite, so that a few rows rule every mean of squares. Rows of the tail by
# which it is judged, of all; and the share of the squares that one row in a hundred may hold.
INFINITE_VARIANCE, TAIL, FEWEST_OF_TAIL, RULES_ALL = 2.0, 0.05, 20, 0.25


def unlike_scales(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA1: gradient descent on a linear model ends far above where it ends on standardised inputs.

    The steps are exact: in the eigenvectors of the second moments each direction of curvature λ has moved by
    1 − (1 − λ / λ_max)^steps of the way, with the largest stable learning rate but for a factor of two.
    """
    varying = set(models.varying(rows.x_train))
    numbers = [place for place in rows.numbers if place in varying]
    if rows.prepared or len(rows.y_train) < FEWEST_ROWS or not numbers:
        return
    rng = np.random.default_rng([rows.seed, 1])
    picked = some(len(rows.y_train), rows.most_rows, rng)
    x, y = rows.x_train[picked][:, numbers], rows.y_train[picked]
    x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    x = x[:, x.std(axis=0) > 0]
    codes, numbered = np.unique(y, return_inverse=True)
    classes = len(codes) if rows.task == "classification" else 0
    truth = models.truth_of(numbered.astype(np.float64) if classes else y, classes)
    truth = truth - truth.mean(axis=0)
    fit = models.dealt(y, 2, rng) == 0
    standard = (x - x[fit].mean(axis=0)) / np.maximum(x[fit].std(axis=0), np.finfo(float).tiny)
    losses, conditions = [], []
    for inputs in (x, standard):
        loss, condition = _descended(inputs, truth, fit)
        losses.append(loss)
        conditions.append(condition)
    gain = paired.gain(losses[0], losses[1], alpha=alpha)
    if gain.low > MATTERS * float(losses[0].mean()):
        share = gain.value / float(losses[1].mean())
        yield DA1.finding(
            f"{STEPS} steps of gradient descent on a linear model leave a squared error {percent(share)} higher than "
            f"on standardised inputs, on rows not learned from. Condition number {conditions[0]:.2g}, "
            f"standardised {conditions[1]:.2g}."
        )


def _descended(x: Floats, truth: Floats, fit: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Squared error of the held-out rows, shape (rows,), and the condition number of the second moments."""
    joined = np.hstack([np.ones((len(x), 1)), x])
    values, axes = np.linalg.eigh(joined[fit].T @ joined[fit] / fit.sum())
    values = np.maximum(values, values[-1] * 1e-14)
    pull = axes.T @ (joined[fit].T @ truth[fit]) / fit.sum()
    moved = -np.expm1(STEPS * np.log1p(-np.minimum(values / values[-1], 1 - 1e-15)))
    weights = axes @ (pull * (moved / values)[:, None])
    return ((joined[~fit] @ weights - truth[~fit]) ** 2).sum(axis=1), float(values[-1] / values[0])


def telling_nothing(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA14: columns with one value, with all but one, that repeat another, or that are another in another unit."""
    constant, nearly, repeats = [], [], []
    first: dict[bytes, str] = {}
    for place, name in enumerate(rows.names):
        column = rows.x_train[:, place]
        known = column[~np.isnan(column)]
        values, counts = np.unique(known, return_counts=True)
        if len(values) < 2:
            constant.append(name)
            continue
        if interval.proportion(float(len(known) - counts.max()), float(len(known))).high < NEARLY:
            nearly.append(f"{name} (all but {counted(len(known) - int(counts.max()), 'row')})")
        other = first.setdefault(np.where(np.isnan(column), np.inf, column + 0.0).tobytes(), name)
        if other is not name:
            repeats.append(f"{name} repeats {other}")
    measured = list(rows.numbers)
    names = [rows.names[place] for place in measured]
    lines = [line.told(names) for line in affine.lines(list(rows.x_train[:, measured].T))]
    told = [
        f"{counted(len(constant), 'column has', 'columns have')} one value or none: {listed(constant)}."
        * bool(constant),
        f"{counted(len(nearly), 'column has', 'columns have')} one value in nearly every row: {listed(nearly)}."
        * bool(nearly),
        f"{listed(repeats)}, in every row." * bool(repeats),
        f"{listed(lines)}, in every row, to the digits that are given." * bool(lines),
    ]
    if any(told):
        yield DA14.finding(" ".join(part for part in told if part))


def missing(rows: Rows, alpha: float) -> Iterable[Finding]:
    """DA15: values that are not there, and numbers that may stand for them."""
    shares = np.isnan(rows.x_train).mean(axis=0)
    gaps = [place for place in np.argsort(-shares, kind="stable") if 0 < shares[place] < 1]
    if gaps:
        names = listed([f"{rows.names[place]} ({percent(shares[place])})" for place in gaps])
        yield DA15.finding(
            f"{counted(len(gaps), 'column has', 'columns have')} values that are missing or not finite: {names}.",
            where=listed([rows.names[place] for place in gaps]),
        )
    for place in rows.numbers:
        code = code_for_missing(rows.x_train[:, place])
        if code is not None:
            value, count, nearest = code
            yield DA15.finding(
                f"The number {value:g} occurs in {counted(count, 'row')} of {rows.names[place]!r}, "
                f"{apart(value, nearest)}.",
                title="A number may stand for a missing value (suspected)",
                where=rows.names[place],
                remedy=f"If {value:g} means 'unknown', make it a missing value; else nothing is wrong.",
            )


def heavy_tails(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA16: a target, or inputs, whose squares are those of a few rows."""
    columns = [] if rows.prepared else [(rows.names[place], rows.x_train[:, place]) for place in rows.numbers]
    columns += [("the target", rows.y_train)] if rows.task == "regression" else []
    found = [(name, heavy) for name, values in columns if (heavy := heavy_tail(values, alpha / len(columns)))]
    if found:
        told = [
            f"{name} (tail index {index.value:.2g}, {index.low:.2g} to {index.high:.2g}; one row in a hundred holds "
            f"{percent(share)} of its squared deviations)"
            for name, (index, share) in found
        ]
        yield DA16.finding(f"{listed(told)}.", where=listed([name for name, _ in found]))


def heavy_tail(values: Floats, alpha: float) -> tuple[interval.Interval, float] | None:
    """The tail index of deviations from the median, where it is surely below 2, and what one row in a hundred holds.

    Args:
        values: NaN where missing, shape (rows,).
        alpha: Chance of calling a tail heavy that is not.
    """
    known = values[~np.isnan(values)]
    count = int(TAIL * len(known))
    if count < FEWEST_OF_TAIL:
        return None
    away = np.sort(np.abs(known - np.median(known)))[::-1]
    if away[count] <= 0:
        return None  # a column of mostly one value has no tail that this would measure
    squares = away**2
    share = float(squares[: max(1, len(away) // 100)].sum() / squares.sum())
    # Hill (1975): of k exceedances the inverse index is a mean of k exponentials, exactly so for a power law.
    inverse = float(np.log(away[:count] / away[count]).mean())
    if inverse <= 0 or share < RULES_ALL:
        return None
    ends = [float(special.gammaincinv(count, tail)) / (count * inverse) for tail in (alpha, 1 - alpha)]
    if ends[1] >= INFINITE_VARIANCE:
        return None
    shown = [float(special.gammaincinv(count, tail)) / (count * inverse) for tail in (0.025, 0.975)]
    return interval.Interval(1 / inverse, shown[0], shown[1]), share


DA1 = DataRule(
    "DA1",
    "Inputs have unlike scales",
    Evidence.PROBE,
    Severity.LIMIT,
    "Gradient descent on a linear model leaves a far larger held-out error than as many steps on standardised inputs.",
    "Standardise each input on the training rows, and use the same numbers for all others.",
    "The loss after as many steps is lower.",
    "LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998, section 4.3.",
    unlike_scales,
)
DA14 = DataRule(
    "DA14",
    "Some columns tell nothing new",
    Evidence.PROOF,
    Severity.NOTE,
    "Columns with one value, with one value in all but a few rows, equal to another in every row, or a multiple of "
    "another plus a constant, as in another unit.",
    "Leave them out.",
    "The error does not change.",
    "Clopper and Pearson, 1934 (share of rows off the commonest value).",
    telling_nothing,
)
DA15 = DataRule(
    "DA15",
    "Some values are missing",
    Evidence.PROOF,
    Severity.NOTE,
    "Values that are missing or not finite; or one number far from all others, again and again.",
    "Fill them from the training rows, with a flag that says where; a network cannot learn from what is not a number.",
    "The dev error with and without the flag.",
    "Definition; the gap in interquartile ranges (Tukey, 1977).",
    missing,
)
DA16 = DataRule(
    "DA16",
    "A few rows rule the squares",
    Evidence.TEST,
    Severity.NOTE,
    "The upper end of the tail index lies below 2, and one row in a hundred holds over a quarter of the squared "
    "deviations.",
    "Take logarithms or ranks, clip, or use a loss that grows less than squares (Huber's, the absolute error).",
    "The error of the other rows is lower.",
    "Hill, 1975 (tail index).",
    heavy_tails,
)
RULES = (DA1, DA14, DA15, DA16)

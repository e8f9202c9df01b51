"""DA5, DA33, DA34: inputs that go otherwise with targets in dev, stand at other places, or were made by targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from burnish.data.observation import listed
from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor.arms import Arm
from burnish.doctor.examination import PROBE_ALARMS, PROBE_FAMILIES, Examination
from burnish.doctor.rule import Found, Rule
from burnish.doctor.subject import Rows, Subject
from burnish.stats import interval, paired

Floats = NDArray[np.float64]

ALPHA = PROBE_ALARMS / PROBE_FAMILIES
# Rows of a part that are ranked, numbers of a row, and different codes of which each is counted.
MOST_ROWS, MOST_INPUTS, MOST_CODES = 5000, 1000, 500
# Rows that a class has and has not for its inputs to be ranked, and to be said to have one mean.
FEWEST = 10
# Differences that matter: of the chance that a row of a class has the larger input, less where values are equal, and of
# a rank correlation. Choices: what weather and seasons do is mostly less.
CHANCES, CORRELATIONS = 0.15, 0.3
# Part of the variance of untied ranks that those of an input have at least: where a tenth of the rows has another value
# than the rest it is 0.27.
UNTIED = 0.25
# Columns that may stand in another order, how far all of them may have moved, and evenly spaced quantiles by which
# columns of training and dev are matched.
COLUMNS, FARTHEST, QUANTILES = (3, 200), 3, np.linspace(0.05, 0.95, 19)
# Share of the gap between training and dev rows that another order has to close, and of what is known of training rows
# that it has to leave known of dev rows: most of it. A choice.
CLOSED = 0.5
# Part of their standard error by which means of classes differ, by chance once in 1,250 times, and how many such
# agreements are no chance: once in a million times.
ALIKE, AGREEMENTS = 1e-3, 2
# Different values from which a column is one of measurements, and rows of a class that have one and the same value.
KINDS, FILLED = 20, 5
# Part of a class's standard deviation by which that value may miss the mean of the others: float32's rounding.
ROUNDED = 1e-4


def _otherwise(exam: Examination) -> Iterable[Found]:
    """A fault where rows learned from are surely predicted better than dev rows, too."""
    learned, held_out = exam.subject.train.apart, exam.subject.dev.apart
    train, dev = _ranked(learned), _ranked(held_out)
    if train is None or dev is None or exam.subject.several or train.shape[1] != dev.shape[1]:
        return
    if exam.subject.kind == "regression":
        targets = [stats.rankdata(rows.y[:MOST_ROWS]) for rows in (learned, held_out)]
        found = _correlations(train, dev, targets[0], targets[1])
    else:
        found = _chances(train, dev, learned.y[:MOST_ROWS], held_out.y[:MOST_ROWS])
    sure, one, other = found
    if sure.any():
        apart = np.where(sure, np.abs(one - other), 0)
        place, kind = np.unravel_index(int(apart.argmax()), apart.shape)
        columns, codes = int(sure.any(axis=1).sum()), _codes(exam.subject.train)
        kind_of = "code" if codes else "input"
        varied = int(((train != train[0]).any(axis=0) | (dev != dev[0]).any(axis=0)).sum())
        said = (
            f"a row of class {kind} has {'more of it' if codes else 'the larger one'} with a probability of "
            f"{one[place, kind]:.2f} in training and of {other[place, kind]:.2f} in dev"
            if exam.subject.kind == "classification"
            else f"its rank correlation is {one[place, 0]:.2f} in training and {other[place, 0]:.2f} in dev"
        )
        yield DA5.found(
            f"{columns} of {varied} {kind_of}s go otherwise with the target in dev, {kind_of} {place} most of all: "
            f"{said}.",
            where=f"{kind_of} {place}",
            severity=Severity.FAULT if _gap(exam) is not None else Severity.LIMIT,
        )


def _codes(rows: Rows) -> bool:
    return bool(np.issubdtype(rows.x.dtype, np.integer))


def _ranked(rows: Rows) -> Floats | None:
    """Ranks of each number of a row, or of how often each code is in it; None: these rows are others."""
    x = rows.x[:MOST_ROWS]
    if not np.issubdtype(x.dtype, np.number) or rows.y.ndim != 1 or not np.isfinite(x).all():
        return None
    if _codes(rows):
        wide = x.reshape(len(x), -1)
        if wide.min() < 0 or wide.max() >= MOST_CODES:
            return None
        wide = np.stack([np.bincount(row, minlength=MOST_CODES) for row in wide])
    else:
        wide = x.reshape(len(x), -1)
    return np.asarray(stats.rankdata(wide, axis=0)) if wide.shape[1] <= MOST_INPUTS else None


def _correlations(train: Floats, dev: Floats, y: Floats, y_dev: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Of inputs and target, by ranks (Spearman), with the variance of Bonett and Wright (2000); (inputs, 1)."""
    found, variances = [], []
    for ranks, of_target in ((train, y), (dev, y_dev)):
        moved, other = ranks - ranks.mean(axis=0), of_target - of_target.mean()
        size = np.sqrt((moved**2).sum(axis=0) * (other**2).sum())
        found.append(np.divide(moved.T @ other, size, out=np.zeros(len(size)), where=size > 0)[:, None])
        variances.append((1 + found[-1] ** 2 / 2) / max(1, len(ranks) - 3))
    one, other = found
    limit = np.clip(one, -1 + 1e-9, 1 - 1e-9), np.clip(other, -1 + 1e-9, 1 - 1e-9)
    z = np.abs(np.arctanh(limit[0]) - np.arctanh(limit[1])) / np.sqrt(variances[0] + variances[1])
    return _sure(z) & (np.abs(one - other) > CORRELATIONS), one, other


def _chances(
    train: Floats, dev: Floats, y: NDArray[np.generic], y_dev: NDArray[np.generic]
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """That a row of a class has a larger input than one of the others (Mann and Whitney 1947); (inputs, classes).

    With the larger of its variance without a difference and Birnbaum and Klose's bound (1957).
    """
    classes = np.arange(max(int(y.max()), int(y_dev.max())) + 1)
    found, variances, enough, least = [], [], np.ones(len(classes), bool), np.ones((train.shape[1], 1))
    for ranks, codes in ((train, y), (dev, y_dev)):
        own = codes[:, None] == classes
        count = own.sum(axis=0)
        others = len(codes) - count
        enough &= (count >= FEWEST) & (others >= FEWEST)
        count, others = np.maximum(count, 1), np.maximum(others, 1)
        chance = np.clip((ranks.T @ own - count * (count + 1) / 2) / (count * others), 0, 1)
        bound = chance * (1 - chance) / np.minimum(count, others)
        # Equal values share a rank, and a chance moves the less the more of them there are.
        untied = np.maximum(12 * ranks.var(axis=0) / (len(ranks) ** 2 - 1), 1 / len(ranks))[:, None]
        found.append(chance)
        variances.append(untied * np.maximum(bound, (len(codes) + 1) / (12 * count * others)))
        least = np.minimum(least, untied)
    one, other = found
    # Where nearly all values are the same one, as of points at the edge of images, few rows decide.
    enough = enough & (least >= UNTIED)
    z = np.where(enough, np.abs(one - other), 0) / np.sqrt(variances[0] + variances[1])
    return _sure(z) & (np.abs(one - other) > CHANCES * least), one, other


def _sure(z: Floats) -> NDArray[np.bool_]:
    """By Bonferroni over all inputs and classes that differ at all."""
    return z > float(stats.norm.isf(ALPHA / max(1, int((z > 0).sum())) / 2))


def _gap(exam: Examination) -> float | None:
    """How much larger the error is on dev rows than on rows learned from; None: not surely by what matters."""
    if exam.measured is None:
        return None
    gap = interval.difference(exam.measured.dev, exam.measured.train)
    return gap.value if gap.low > exam.matters(exam.measured.dev.value) else None


def _other_order(exam: Examination) -> Iterable[Found]:
    """Is the network much better on dev rows whose columns are moved?"""
    subject, x = exam.subject, exam.subject.dev.x
    if x.ndim != 2 or not np.issubdtype(x.dtype, np.floating) or subject.several or not np.isfinite(x).all():
        return
    if not (COLUMNS[0] <= x.shape[1] <= COLUMNS[1]) or (gap := _gap(exam)) is None or exam.measured is None:
        return
    params = exam.followed.end.params
    own = exam.lab.errors(params, subject.dev)
    orders = list(_orders(subject))
    errors = [exam.lab.errors(params, replace(subject.dev, x=x[:, order])) for order in orders]
    best = int(np.argmin([one.mean() for one in errors]))
    statistic: interval.Statistic = "error" if subject.kind == "classification" else "rmse"
    gain = paired.gain(own, errors[best], statistic=statistic, alpha=ALPHA / len(orders), groups=subject.dev.groups)
    left = float(errors[best].mean() if statistic == "error" else np.sqrt(errors[best].mean()))
    # In a wrong order other rows may be answered as by someone who knows nothing, which is better than at all costs.
    told = exam.uninformed_error - left > CLOSED * (exam.uninformed_error - exam.measured.train.value)
    if told and gain.low > 0 and gain.value > CLOSED * gap:
        order = orders[best]
        moved = [f"input {place} stands at {at}" for place, at in enumerate(order) if place != at]
        yield DA33.found(
            f"With the columns of dev moved the trained network's dev error falls by {gain.value:.3g} ({gain.low:.3g} "
            f"to {gain.high:.3g}): {listed(moved)}.",
            arm=Arm("dev columns in the order of training", subject=lambda given: _moved(given, order)),
        )


def _orders(subject: Subject) -> Iterator[NDArray[np.integer]]:
    """For each training column the dev column that may be it: moved by a few, turned round, or matched by values."""
    places = np.arange(subject.train.x.shape[1])
    for by in (*range(1, FARTHEST + 1), *range(-FARTHEST, 0)):
        yield np.roll(places, by)
    yield places[::-1]
    one, other = (np.quantile(rows.x.astype(np.float64), QUANTILES, axis=0) for rows in (subject.train, subject.dev))
    spread = np.maximum(np.std(subject.train.x, axis=0, dtype=np.float64), np.finfo(np.float32).tiny)
    apart = np.abs(one[:, :, None] - other[:, None, :]).mean(axis=0) / spread[:, None]
    matched = optimize.linear_sum_assignment(np.minimum(apart, 1 / ROUNDED))[1]
    if (matched != places).any():
        yield matched


def _moved(subject: Subject, order: NDArray[np.integer]) -> Subject:
    return replace(subject, dev=replace(subject.dev, x=subject.dev.x[:, order]))


def _by_targets(exam: Examination) -> Iterable[Found]:
    """Traces that only a preparation by targets leaves: one mean for all classes, or gaps with that of the class."""
    train = exam.subject.train
    if exam.subject.kind != "classification" or exam.subject.several or not np.issubdtype(train.x.dtype, np.floating):
        return
    x = train.x.reshape(len(train), -1).astype(np.float64)
    codes, counts = np.unique(train.y, return_counts=True)
    codes = codes[counts >= FEWEST]
    if x.shape[1] > MOST_INPUTS or len(codes) < 2 or not np.isfinite(x).all():
        return
    measured = [place for place in range(x.shape[1]) if len(np.unique(x[:MOST_ROWS, place])) >= KINDS]
    means = np.array([x[train.y == code].mean(axis=0) for code in codes])
    errors = np.array([x[train.y == code].std(axis=0) / np.sqrt((train.y == code).sum()) for code in codes])
    alike = [place for place in measured if np.ptp(means[:, place]) < ALIKE * errors[:, place].min()]
    if len(alike) * (len(codes) - 1) >= AGREEMENTS:
        yield DA34.found(
            f"{len(alike)} of {x.shape[1]} inputs have the same mean in all {len(codes)} classes, to a thousandth of "
            "its standard error: they were centred class by class.",
            where=f"input {alike[0]}",
        )
        return
    filled = [place for place in measured if sum(_filled(x[train.y == code, place]) for code in codes) >= AGREEMENTS]
    if filled:
        yield DA34.found(
            f"Of {listed([f'input {place}' for place in filled])} many rows of a class have one and the same value, "
            "the mean of the others of that class: gaps were filled with what the target tells.",
            where=f"input {filled[0]}",
        )


def _filled(values: Floats) -> bool:
    """Whether some are the mean of the others, to the last digits."""
    kinds, counts = np.unique(values, return_counts=True)
    common = kinds[counts.argmax()]
    others = values[values != common]
    if counts.max() < FILLED or len(others) < FEWEST:
        return False
    return bool(abs(others.mean() - common) < ROUNDED * others.std())


DA5 = Rule(
    "DA5",
    "Inputs go otherwise with the target in dev",
    Evidence.TEST,
    Severity.FAULT,
    "By ranks an input, or how often a code is in a row, is tied to a class or number otherwise in dev than in "
    "training; a limit where rows learned from are not predicted better than dev rows.",
    "Look how this input is made in both parts: columns, codes, units, gaps, joins; and whether it is made with the "
    "target in training.",
    "It is tied to the target alike in both parts, and the dev error is lower.",
    "Mann and Whitney, 1947; Bonett and Wright, 2000; Moreno-Torres et al., 2012 (concept shift).",
    look=_otherwise,
    unless=("DA2", "DA3", "DA7", "DA10", "DA15", "DA17", "DA18", "DA19", "DA33", "DA34"),
)
DA33 = Rule(
    "DA33",
    "The columns of dev stand in another order",
    Evidence.TEST,
    Severity.FAULT,
    "Rows learned from are predicted surely better than dev rows, and with the columns of dev moved, all by a few "
    "places, turned round, or as their values match, the trained network closes most of that gap.",
    "Take columns by name, in one order.",
    "The dev error is that of rows like the training rows.",
    "Definition.",
    look=_other_order,
    unless=("DA18", "DA26"),
)
DA34 = Rule(
    "DA34",
    "Training inputs were prepared by their targets",
    Evidence.PROOF,
    Severity.FAULT,
    "Means of an input are the same in all classes, to a thousandth of their standard error, or rows of a class have "
    "its mean in the place of gaps: nobody knows the class of a new row.",
    "One mean and one deviation for all rows, and one value for all gaps, from training rows and without targets.",
    "Classes have means of their own, and the dev error is lower.",
    "Kaufman et al., 2012 (leakage).",
    look=_by_targets,
)
PROOFS = (DA34, DA33, DA5)

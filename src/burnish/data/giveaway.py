"""Columns that give the target away, and what the order of the rows shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn import ensemble, tree
from threadpoolctl import threadpool_limits

from burnish.data import split
from burnish.data.observation import Observation, View, blocks, numbers
from burnish.data.table import Column, Kind, Physical
from burnish.stats import interval, two_sample

SCREEN_ROWS = 4_000  # rows that every column is tried on
# A column in which the nearest value of the other half does not tell the target so well is not tried: by balanced
# accuracy for two classes, by the share of the majority guess's errors that go away for more, by R² for numbers. The
# nearest neighbour errs at most twice as often as any rule could, and by at most twice the squared error (Cover and
# Hart 1967, Cover 1968), so what passes the levels below is far above these; a column of chance reaches 0.5, 0 and -1.
# Of 757 planted settings in which a tree or a curve names the column none was lost. It costs a twentieth of two trees,
# and of many columns at once far less.
WORTH_TRYING_TWO = 0.75
WORTH_TRYING_MORE = 0.7

SAMPLE_ROWS = (
    20_000  # rows that the suspects are measured on; an interval is then narrower than the rule below is strict
)

# A column gives the target away if the lower end of its skill lies above this. Skill: AUC for two classes; share of the
# majority guess's errors that go away for more; R² for numbers. The catalogue's levels.
AUC_TOO_GOOD = 0.99
SHARE_TOO_GOOD = 0.98

# A small table cannot reach these lower ends; there, no error at all on so many rows of each class is as suspicious.
PERFECT_ROWS = 20

FEWEST_ROWS = 40  # below, one column's skill says nothing
FEWEST_ROWS_A_CLASS = 8  # on average: with fewer, most classes are in one half only
TREE_LEAVES = 256  # fine enough for classes that take turns along a column
CURVE_ROWS = 4  # neighbours whose mean a curve goes through; fewer would follow noise, more would flatten the ends
LEAF_ROWS = 5  # rows in a leaf: fewer would follow noise
LEAF_ROWS_SMALL = 2  # the same where a half has fewer than 40 × as many rows
SMOOTHING = 1.0  # rows of the overall mean that each level of text is mixed with

REST_TREES = 40  # boosted trees on all other columns, for comparison
# ... or on so many, those that tell most by a straight line of the rows learned from: trees of 20,000 columns take 3 s
# even of 100 rows, nearly all of it to cut each column into bins.
REST_COLUMNS = 2_000

# Neighbouring rows change class (or side of the median) less than half as often as by chance: the file is sorted.
RUNS_SHARE = 0.5
SORTED = 10  # up to so many times the fewest changes possible, the file counts as sorted by the target
RUNS_Z = -4.0  # and not by chance: one-sided 3 in 100,000

# A column whose rows agree in the target value by value may name what they belong to, as a patient: from so many values
# on, each of so many rows on average (of the sample). Choices: a leak that was made from the target has as few values
# as its classes, or one for each row.
GROUPS, ROWS_OF_A_GROUP = 20, 4
AGREE = 0.9  # share of the squares that the values' means explain: they differ, rather than all being of one class
# Numbers that name groups say nothing by their order: the means of the target at neighbouring numbers explain less than
# this share of a mean (R²). A choice, far above what names given by chance reach, which is 0 or less.
IN_ORDER = 0.5


@dataclass(frozen=True, slots=True)
class _Sample:
    """Rows to measure skill on, in two halves that predict each other."""

    rows: NDArray[np.int64]
    half: NDArray[np.bool_]
    y: NDArray[np.float64]  # class numbers 0, 1, ... or the target
    classes: int  # 0 for regression


def observe(view: View) -> tuple[Observation, ...]:
    """DA10 and DA13."""
    return (*giveaways(view), *sorted_rows(view))


def giveaways(view: View) -> tuple[Observation, ...]:
    """DA10: single columns that all but tell the target, while the others do not."""
    features = [c for c in view.features if view.profiles[c.name].kind is not Kind.TEXT]
    few, sample = _sample(view, SCREEN_ROWS), _sample(view, SAMPLE_ROWS)
    if few is None or sample is None:
        return ()
    limit = AUC_TOO_GOOD if few.classes == 2 else SHARE_TOO_GOOD
    promising = _worth_trying(features, few)
    likely = [column for column in promising if _skill(_predicted(column, few), few).high > limit]
    skills = {column.name: _skill(_predicted(column, sample), sample) for column in likely}
    suspects = [column for column in likely if _too_good(skills[column.name], sample)]
    if not suspects:
        return ()
    others = [column for column in features if column not in suspects]
    rest = _skill(_predicted_together(others, sample, view.plan.seed), sample) if others else None
    easy = rest is not None and _too_good(rest, sample)
    alone = rest is None
    most = f"The {REST_COLUMNS:,} others that tell most" if len(others) > REST_COLUMNS else "All columns that do not"
    compared = "It is the only column" if rest is None else f"{most}, together, reach {rest.value:.3g}"
    return tuple(_giveaway(column, skills[column.name], compared, sample, easy or alone) for column in suspects)


def _giveaway(column: Column, skill: interval.Interval, compared: str, sample: _Sample, plausible: bool) -> Observation:
    measure = {0: "R²", 2: "AUC"}.get(sample.classes, "share of the errors that it removes")
    name, groups = column.name, _groups(column, sample)
    agree = f" It has {groups:,} different values, and rows with the same one agree in the target." if groups else ""
    ask = (
        f"whether {name!r} is known before the target is, for new rows. If it is made from the target or written "
        f"down afterwards, leave it out with --drop {name!r}; the error without it is then the honest one."
    )
    divide = (
        f"If {name!r} says what rows belong to, such as a patient or a machine, divide by it with --group {name!r}: "
        "dev then shows the error on others than those trained on. With so many values that is the likelier remedy."
    )
    return Observation(
        "DA10",
        "A column tells the target by itself" if plausible else "A column gives the target away (suspected leak)",
        "note" if plausible else "fault",
        f"Column {name!r} alone predicts the target of rows not seen: {measure} {skill.value:.4g} "
        f"({skill.low:.4g} to {skill.high:.4g}). {compared}.{agree}",
        f"{divide} Else ask {ask}" if groups else f"Ask {ask}",
        where=name,
    )


def _groups(column: Column, sample: _Sample) -> int:
    """How many values a column has that may name what rows belong to; 0 where it does not look like that."""
    values = numbers(column, sample.rows)
    known = ~np.isnan(values)
    levels, place, count = np.unique(values[known], return_inverse=True, return_counts=True)
    if len(levels) < GROUPS or known.sum() < ROWS_OF_A_GROUP * len(levels):
        return 0
    truth = [sample.y == code for code in range(sample.classes)] if sample.classes else [sample.y]
    y = np.stack(truth).astype(np.float64)[:, known]
    means = np.stack([np.bincount(place, weights=row) / count for row in y])
    whole = np.sum((y - y.mean(axis=1, keepdims=True)) ** 2)
    if np.sum((y - means[:, place]) ** 2) >= (1 - AGREE) * whole:  # or all agree, whatever the value
        return 0
    if column.physical is Physical.TEXT:
        return len(levels)
    apart = means[:, 1:-1] - (means[:, :-2] + means[:, 2:]) / 2  # from what the numbers on both sides would tell
    off = np.mean(apart**2) / np.mean((means - means.mean(axis=1, keepdims=True)) ** 2)
    return len(levels) if off > 1 - IN_ORDER and bool(np.all(levels == np.trunc(levels))) else 0


def _sample(view: View, at_most: int) -> _Sample | None:
    """Main rows in two halves, or None where they are too few or hold one class only."""
    rng = np.random.default_rng([view.plan.seed, 10])
    rows = np.flatnonzero((view.origin == split.MAIN) & ~view.target.missing)
    rows = np.sort(rng.permutation(rows)[:at_most])
    if len(rows) < FEWEST_ROWS:
        return None
    y = numbers(view.target, rows)
    classes = 0
    if view.classes is not None:
        codes, y_codes = np.unique(view.classes[rows], return_inverse=True)
        y, classes = y_codes.astype(np.float64), len(codes)
        if classes * FEWEST_ROWS_A_CLASS > len(rows):
            return None
    half = np.zeros(len(rows), dtype=bool)
    half[np.lexsort((rng.random(len(rows)), y))[::2]] = True  # both halves see the whole range and every class
    if len(np.unique(y[half])) < 2 or len(np.unique(y[~half])) < 2:
        return None
    return _Sample(rows, half, y, classes)


def _worth_trying(columns: Sequence[Column], sample: _Sample) -> list[Column]:
    """Those in which the nearest value tells the target, each half by the other; text, whose levels cost no more."""
    worth = {column.name for column in columns if column.physical is Physical.TEXT}
    measured = [column for column in columns if column.name not in worth]
    for some in blocks(measured, len(sample.rows)):
        values = np.stack([numbers(column, sample.rows) for column in some])
        worth |= {column.name for column, well in zip(some, _tells(values, sample), strict=True) if well}
    return [column for column in columns if column.name in worth]


def _tells(values: NDArray[np.float64], sample: _Sample) -> NDArray[np.bool_]:
    """Whether the nearest of these values tells the target, for each column; values of shape (columns, rows)."""
    y, nearest = sample.y, _nearest(values, sample.half)
    if not sample.classes:
        # By ranks too, and by a straight line: in a long tail the nearest row is far away.
        ranks = stats.rankdata(y)
        return np.any([_explained(told[nearest], told) > WORTH_TRYING_MORE for told in (y, ranks)], axis=0) | (
            _line(values, y) > WORTH_TRYING_MORE
        )
    right = y[nearest] == y
    if sample.classes == 2:
        return right[:, y == 0].mean(axis=1) + right[:, y == 1].mean(axis=1) > 2 * WORTH_TRYING_TWO
    guessed = len(y) - np.bincount(y.astype(np.int64)).max()  # the majority guess's errors
    return (~right).sum(axis=1) < (1 - WORTH_TRYING_MORE) * guessed


def _explained(predicted: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """R² of predictions, shape (columns, rows)."""
    return 1 - ((predicted - y) ** 2).mean(axis=1) / y.var()


def _line(values: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared correlation of each column with y; a gap is as the mean, and a column of one value has none."""
    x = values / np.maximum(np.nanmax(np.abs(values), axis=1, keepdims=True, initial=0), np.finfo(float).tiny)
    known = ~np.isnan(x)
    mean = np.sum(x, axis=1, where=known) / np.maximum(known.sum(axis=1), 1)
    x = np.where(known, x - mean[:, None], 0.0)
    off = y - y.mean()
    return (x @ off) ** 2 / np.maximum((x * x).sum(axis=1) * (off @ off), np.finfo(float).tiny)


def _nearest(values: NDArray[np.float64], half: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row of each column that of the other half whose value is nearest by rank; shape (columns, rows).

    Equal values have one rank, and so have missing ones: differences of enormous values stay finite.
    """
    rows = values.shape[1]
    order = np.argsort(values, axis=1, kind="stable")
    line, halves, place = np.take_along_axis(values, order, axis=1), half[order], np.arange(rows)
    step = np.zeros(values.shape, np.int64)
    step[:, 1:] = (line[:, 1:] != line[:, :-1]) & ~np.isnan(line[:, :-1])
    rank = np.cumsum(step, axis=1)
    picked = np.empty_like(order)
    for others in (halves, ~halves):  # the rows that may be picked
        below = np.maximum.accumulate(np.where(others, place, -1), axis=1)
        above = np.minimum.accumulate(np.where(others, place, rows)[:, ::-1], axis=1)[:, ::-1]
        low, high = (np.take_along_axis(rank, np.clip(side, 0, rows - 1), axis=1) for side in (below, above))
        down = (above == rows) | ((below >= 0) & (rank - low < high - rank))
        picked = np.where(others, picked, np.where(down, below, above))
    nearest = np.empty_like(order)
    np.put_along_axis(nearest, order, np.take_along_axis(order, picked, axis=1), axis=1)
    return nearest


def _predicted(column: Column, sample: _Sample) -> NDArray[np.float64]:
    """Each half as the other predicts it from this column: shape (rows,), or (rows, classes) from three classes on."""
    values = numbers(column, sample.rows)
    if column.physical is Physical.TEXT:
        return _crossed(sample, lambda fit: _by_level(values, sample, fit))
    # From 0 to 1: sums of enormous numbers stay finite, and seconds since 1970 survive the trees' single precision.
    values = values / max(float(np.nanmax(np.abs(values), initial=0)), np.finfo(float).tiny)
    values = values - np.nanmin(values, initial=1)
    values = values / max(float(np.nanmax(values, initial=0)), np.finfo(float).tiny)
    return _crossed(sample, lambda fit: _by_number(values, sample, fit))


def _predicted_together(columns: list[Column], sample: _Sample, seed: int) -> NDArray[np.float64]:
    """The same by boosted trees on all these columns, or on the most telling ones."""
    values = np.stack([numbers(column, sample.rows) for column in columns], axis=1)
    many = len(columns) > REST_COLUMNS
    settings = {"max_iter": REST_TREES, "early_stopping": False, "random_state": seed}

    def half(fit: NDArray[np.bool_]) -> NDArray[np.float64]:
        x = two_sample.binnable(values[:, _most_telling(values, sample, fit)] if many else values, fit)
        if not sample.classes:
            model = ensemble.HistGradientBoostingRegressor(**settings).fit(x[fit], sample.y[fit])
            return model.predict(x[~fit])
        fewer = settings | {"max_iter": max(5, 2 * REST_TREES // sample.classes)}  # one tree for each class
        model = ensemble.HistGradientBoostingClassifier(**fewer).fit(x[fit], sample.y[fit])
        return _aligned(model.predict_proba(x[~fit]), model.classes_, sample)

    with threadpool_limits(limits=1):  # threads that wait for each other on busy cores make it 20 times slower
        return _crossed(sample, half)


def _most_telling(values: NDArray[np.float64], sample: _Sample, fit: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places of the columns that tell most of the target, or of one class, by a straight line, in their order."""
    y = sample.y[fit]
    truths = [(y == code).astype(np.float64) for code in range(sample.classes)] if sample.classes else [y]
    tells = np.max([_line(values[fit].T, truth) for truth in truths], axis=0)
    return np.sort(np.argsort(-tells, kind="stable")[:REST_COLUMNS])


def _crossed(sample: _Sample, predict: Callable[[NDArray[np.bool_]], NDArray[np.float64]]) -> NDArray[np.float64]:
    first, second = predict(sample.half), predict(~sample.half)
    out = np.empty((len(sample.y), *first.shape[1:]))
    out[~sample.half], out[sample.half] = first, second
    return out


def _by_number(values: NDArray[np.float64], sample: _Sample, fit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """From one column: classes by a tree, numbers by a curve."""
    if not sample.classes:
        return _by_curve(values, sample.y, fit)
    leaf = LEAF_ROWS if fit.sum() >= 40 * LEAF_ROWS else LEAF_ROWS_SMALL
    model = tree.DecisionTreeClassifier(max_leaf_nodes=TREE_LEAVES, min_samples_leaf=leaf, random_state=0)
    model.fit(values[fit, None], sample.y[fit])
    return _aligned(model.predict_proba(values[~fit, None]), model.classes_, sample)


def _by_curve(values: NDArray[np.float64], y: NDArray[np.float64], fit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Straight pieces between means of neighbours, or one line, whichever fits the rows learned from better."""
    known = ~np.isnan(values)
    learn = fit & known
    lost = fit & ~known
    predicted = np.full(len(values), y[lost].mean() if lost.any() else y[fit].mean())
    distinct, place = np.unique(values[learn], return_inverse=True)
    if len(distinct) < 2:
        return predicted[~fit]
    # Equal values share a piece, so that a column with few values is met by the mean of each.
    piece = place // max(1, CURVE_ROWS * len(distinct) // len(place))
    count = np.bincount(piece)
    x_means, y_means = (np.bincount(piece, weights=w[learn]) / count for w in (values, y))
    curve = np.interp(values, x_means, y_means)
    line = np.polynomial.Polynomial.fit(values[learn], y[learn], 1)(values)
    best = line if _squares(line[learn], y[learn]) < _squares(curve[learn], y[learn]) else curve
    predicted[known] = best[known]
    return predicted[~fit]


def _by_level(codes: NDArray[np.float64], sample: _Sample, fit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean target, or shares of the classes, of each level of text, drawn a little towards the overall ones."""
    levels = np.unique(codes, return_inverse=True)[1]
    truth = np.eye(max(sample.classes, 1))[sample.y.astype(np.int64)] if sample.classes else sample.y[:, None]
    overall = truth[fit].mean(axis=0)
    count = np.bincount(levels[fit], minlength=int(levels.max()) + 1)
    sums = np.stack([np.bincount(levels[fit], weights=t, minlength=len(count)) for t in truth[fit].T], axis=1)
    means = (sums + SMOOTHING * overall) / (count + SMOOTHING)[:, None]
    return (
        _aligned(means[levels[~fit]], np.arange(sample.classes), sample) if sample.classes else means[levels[~fit], 0]
    )


def _aligned(shares: NDArray[np.float64], found: NDArray[np.generic], sample: _Sample) -> NDArray[np.float64]:
    """Probabilities of all classes; of the second one alone where there are two."""
    full = np.zeros((len(shares), sample.classes))
    full[:, found.astype(np.int64)] = shares
    return full[:, 1] if sample.classes == 2 else full


def _skill(predicted: NDArray[np.float64], sample: _Sample) -> interval.Interval:
    """AUC, share of the majority guess's errors removed, or R²; larger is better, 1 is perfect."""
    if sample.classes == 2:
        return two_sample.clustered_auc(predicted, sample.y == 1)[0]
    if sample.classes:
        wrong = interval.proportion(float((predicted.argmax(axis=1) != sample.y).sum()), len(sample.y))
        guess = 1 - float(np.bincount(sample.y.astype(np.int64)).max()) / len(sample.y)
    else:
        root = interval.rmse((predicted - sample.y) ** 2)
        wrong = interval.Interval(root.value**2, root.low**2, root.high**2)
        guess = float(sample.y.var())
    return interval.Interval(1 - wrong.value / guess, 1 - wrong.high / guess, 1 - wrong.low / guess)


def _too_good(skill: interval.Interval, sample: _Sample) -> bool:
    if skill.low > (AUC_TOO_GOOD if sample.classes == 2 else SHARE_TOO_GOOD):
        return True
    return (
        skill.value == 1 and sample.classes > 0 and bool(np.bincount(sample.y.astype(np.int64)).min() >= PERFECT_ROWS)
    )


def _squares(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.mean((predicted - truth) ** 2))


def sorted_rows(view: View) -> tuple[Observation, ...]:
    """DA13: runs of equal targets are far longer than in rows of random order (Wald and Wolfowitz 1940; Mood 1940)."""
    rows = np.flatnonzero((view.origin == split.MAIN) & ~view.target.missing)
    values = numbers(view.target, rows)
    sides = (values > np.median(values)).astype(np.int64) if view.classes is None else np.asarray(view.classes)[rows]
    shares = np.bincount(sides) / max(len(sides), 1)
    squares, cubes = float(np.sum(shares**2)), float(np.sum(shares**3))
    if len(rows) < FEWEST_ROWS or squares == 1:
        return ()
    changes = int(np.sum(sides[1:] != sides[:-1]))
    expected = len(rows) * (1 - squares)
    z = (changes - expected) / np.sqrt(len(rows) * (squares + squares**2 - 2 * cubes) + 1e-9)
    if changes > RUNS_SHARE * expected or z > RUNS_Z:
        return ()
    least = int((np.bincount(sides) > 0).sum()) - 1  # changes in rows sorted by the target
    what = "the side of the median" if view.classes is None else "the class"
    return (
        Observation(
            "DA13",
            "The rows are sorted by the target"
            if changes <= SORTED * least
            else "Neighbouring rows have alike targets",
            "note",
            f"From one row to the next, {what} changes {changes:,} times; in random order it would about "
            f"{expected:,.0f} times.",
            "Rows are shuffled before they are divided, and in training. If neighbours are alike because they are "
            "close in time, or of one person or place, name that column with --time or --group: else dev is easier "
            "than new rows.",
            where=view.target.name,
        ),
    )

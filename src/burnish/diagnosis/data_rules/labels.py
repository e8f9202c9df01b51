"""DA17: labels that are wrong: where models of two families are surest, of one class for another, against dev rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data import copies, distribution
from burnish.diagnosis.data_rules import models, shift
from burnish.diagnosis.data_rules.rows import Floats, Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import interval, two_sample
from burnish.units import percent

# Within the 5 to 10 that Kohavi (1995) finds best for telling models apart; each fold is one more fit.
FOLDS = 5
# Rows, and rows of a class, below which nothing can be said.
FEWEST_ROWS, FEWEST_OF_CLASS = 200, 20
# Share of wrong labels that is worth a word.
MATTERS = 0.01
# Classes that overlap are told from wrong labels by two things. Where classes overlap the error falls towards the rows
# that models are surest of; wrong labels are everywhere: from the surest quarter to the next it rises by less than this
# share of itself. And where classes overlap two families differ on many rows; here on less than this share of it.
RISES, DIFFER = 0.5, 0.5
# The surest rows are better than a guess: they have less than this share of the errors of always saying one class.
BETTER = 0.6
# One class that is often said to be another. Where models see both as possible, wrong labels lie anywhere, and classes
# that overlap lie where models say so. In 25 real tables eleven pairs have the form below, and an area under the ROC
# curve of 0.93 and more within that place, but for one with 0.81 (0.72 to 0.89). Where one or two in five labels of a
# class are wrong it is 0.27 to 0.56 (four of these tables; of one in ten 0.55 to 0.66): a choice between.
OVERLAP = 0.8
# The form: both classes have so much of what models say; the place holds nearly all rows of the class that is mistaken,
# and of the other one no more than half; and few rows lie just outside of it, for so many in it.
SHARE_OF_BOTH, NEARLY_ALL, NO_MORE, JUST_OUTSIDE = 0.5, 0.9, 0.5, 0.1
# Fewest rows of either class in that place.
FEWEST_MISTAKEN = 10
# Chance below which inputs of dev count as different, so that they may explain what labels seem to.
SHIFTED = 0.01
ROWS_NAMED = 5
MOST_TWINS = 0.5  # share of rows that are equal to another one from which on labels are not judged so; a choice
MISSED = 0.1  # share of dev numbers that are missed by far, as a measure of how far
# Ways in which labels are looked at, among which the chance of a false alarm is divided.
WAYS = 3


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows that were predicted by models of two families that had not seen them."""

    said: NDArray[np.int64]  # the class that both say, or that the first says
    agree: NDArray[np.bool_]
    either: NDArray[np.bool_]  # (rows, classes): whether one of them says so
    rank: Floats  # 0: surest of the rows that are said to be of this class, to 1
    wrong: NDArray[np.bool_]
    y: NDArray[np.int64]


def noisy(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA17: errors where two families are surest, and errors that training rows have and dev rows have not."""
    if rows.task != "classification":
        yield from _noisier_than_dev(rows, alpha)
    if rows.task != "classification" or not len(rows.y_train):
        return
    rng = np.random.default_rng([rows.seed, 17])
    codes, y = np.unique(rows.y_train, return_inverse=True)
    enough = np.bincount(y)[y] >= FEWEST_OF_CLASS
    places = np.flatnonzero(enough)
    places = places[some(len(places), rows.most_rows, rng)]
    kept, y = np.unique(y[places], return_inverse=True)
    if len(places) < FEWEST_ROWS or len(kept) < 2:
        return
    x, folds = rows.x_train[places], models.dealt(y.astype(np.float64), FOLDS, rng)
    truth = models.truth_of(y.astype(np.float64), len(kept))
    by_trees, by_neighbours = (
        models.crossed(family, x, truth, rows.kinds, folds, rows.seed) for family in (models.trees, models.neighbours)
    )
    judged = _judge(by_trees, by_neighbours, y)
    if not _few_inputs(x):
        floor = _floor(judged, alpha / WAYS)
        if floor is not None:
            yield _told(rows, floor, judged, places, codes[kept])
            return
        mistaken = _mistaken((by_trees + by_neighbours) / 2, y, alpha / WAYS)
        if mistaken is not None:
            yield _told_of_pair(rows, mistaken, y, places, codes[kept])
            return
    yield from _beside_dev(rows, alpha / WAYS, (x, y), codes[kept])


def _judge(one: Floats, other: Floats, y: NDArray[np.int64]) -> _Judged:
    said, there = one.argmax(axis=1), other.argmax(axis=1)
    every = np.arange(len(y))
    sure = np.where(said == there, np.minimum(one[every, said], other[every, said]), -1.0)
    rank = np.ones(len(y))
    for code in range(one.shape[1]):
        of_class = np.flatnonzero((said == code) & (said == there))
        rank[of_class[np.argsort(-sure[of_class], kind="stable")]] = np.arange(len(of_class)) / max(1, len(of_class))
    either = np.zeros(one.shape, dtype=bool)
    either[every, said] = either[every, there] = True
    return _Judged(said, said == there, either, rank, said != y, y)


def _few_inputs(x: Floats) -> bool:
    """Whether most rows equal another one in every input. Their labels differ, as what decides is not among the inputs,
    and as much where models are surest as elsewhere: DA28 tells of them."""
    _, which, counts = np.unique(x, axis=0, return_inverse=True, return_counts=True)
    return bool((counts[which.ravel()] > 1).mean() > MOST_TWINS)


def _floor(judged: _Judged, alpha: float) -> tuple[interval.Interval, NDArray[np.bool_]] | None:
    """The error of the surest rows, of all or of one predicted class, if it is one of wrong labels; and those rows."""
    guessed = 1 - float(np.bincount(judged.y).max()) / len(judged.y)
    parts = [np.ones(len(judged.y), dtype=bool)]
    parts += [judged.either[:, code] for code in range(judged.either.shape[1])]
    for part in parts:
        inside = part & judged.agree
        surest, next_ones = inside & (judged.rank < 0.25), inside & (judged.rank >= 0.25) & (judged.rank < 0.5)
        if min(surest.sum(), next_ones.sum()) < FEWEST_OF_CLASS:
            continue
        counts = [(float(judged.wrong[some_].sum()), float(some_.sum())) for some_ in (surest, next_ones)]
        found = interval.proportion(*counts[0], level=1 - 2 * alpha / len(parts))
        rises = interval.proportion_difference(counts[1], counts[0], level=0.9)
        differ = float((part & ~judged.agree).sum() / part.sum())
        flat = rises.high < RISES * max(found.value, MATTERS)
        sharp = differ < DIFFER * found.value and found.value < BETTER * guessed
        if found.low > MATTERS and flat and sharp and _recalled(judged):
            return interval.proportion(*counts[0]), surest
    return None


def _recalled(judged: _Judged) -> bool:
    """Whether every class is found again in most of its rows: else the rows surest of a large class hold the small."""
    of_class = np.bincount(judged.y)
    return bool((np.bincount(judged.y[~judged.wrong], minlength=len(of_class)) > of_class / 2).all())


def _told(
    rows: Rows,
    floor: tuple[interval.Interval, NDArray[np.bool_]],
    judged: _Judged,
    places: NDArray[np.int64],
    codes: Floats,
) -> Finding:
    share, surest = floor
    against = surest & judged.wrong
    return DA17.finding(
        f"On the rows that two kinds of model, which had not seen them, are surest of, {percent(share.value)} "
        f"({percent(share.low)} to {percent(share.high)}) of the labels say another class, and hardly fewer than on "
        f"the next ones: classes that overlap would not look so. {_commonest(rows, judged, against, codes)} The first "
        f"of them: rows {rows.named(places[against][:ROWS_NAMED])}.",
        where=rows.class_name(codes[judged.y[against][0]]) if len(np.unique(judged.y[against])) == 1 else "",
    )


def _commonest(rows: Rows, judged: _Judged, against: NDArray[np.bool_], codes: Floats) -> str:
    """The pair of classes that is mixed up most often."""
    pairs, counts = np.unique(np.stack([judged.y[against], judged.said[against]]), axis=1, return_counts=True)
    label, said = (rows.class_name(codes[code]) for code in pairs[:, counts.argmax()])
    return f"Most often the label is {label!r} where the models say {said!r} ({counts.max()} of {counts.sum()})."


@dataclass(frozen=True, slots=True)
class _Mistaken:
    """Rows of one class, some of which are said to be of another."""

    of: int
    said: int
    here: NDArray[np.bool_]  # rows of either label in the place of the first class
    area: interval.Interval  # under the ROC curve, within it


def _mistaken(shares: Floats, y: NDArray[np.int64], alpha: float) -> _Mistaken | None:
    """The class most of whose rows are said to be of another, wherever in its place they lie.

    Args:
        shares: Of the classes, as models that had not seen the rows say, shape (rows, classes).
        y: Labels.
        alpha: Chance of a false alarm.
    """
    classes = range(shares.shape[1])
    pairs = [_place(shares, y, of, said) for of in classes for said in classes if of != said]
    found = sorted((pair for pair in pairs if pair is not None), key=lambda one: -int((y[one[2]] == one[1]).sum()))
    for of, said, here, score in found:
        wrong = y[here] == said
        share = interval.proportion(float(wrong.sum()), float(len(wrong)), level=1 - 2 * alpha / len(found))
        area, _ = two_sample.clustered_auc(score[here], ~wrong, level=1 - 2 * alpha / len(found))
        if share.low > MATTERS and area.high < OVERLAP:
            shown, _ = two_sample.clustered_auc(score[here], ~wrong)
            return _Mistaken(of, said, here, shown)
    return None


def _place(
    shares: Floats, y: NDArray[np.int64], of: int, said: int
) -> tuple[int, int, NDArray[np.bool_], Floats] | None:
    """Where models see class `of` as often as its rows have it, or half so, and how much they see it; None: no place.

    The threshold is that of Northcutt, Jiang and Chuang (2021), the mean share that the rows of the class have, halved
    as many a row of it lies below the mean.
    """
    both = shares[:, of] + shares[:, said]
    score = shares[:, of] / np.maximum(both, np.finfo(float).tiny)
    able = ((y == of) | (y == said)) & (both >= SHARE_OF_BOTH)
    if (able & (y == of)).sum() < FEWEST_OF_CLASS:
        return None
    usual = float(score[able & (y == of)].mean())
    here, outside = able & (score >= usual / 2), able & (score >= usual / 4) & (score < usual / 2)
    own, others = here & (y == of), here & (y == said)
    formed = (
        min(own.sum(), others.sum()) >= FEWEST_MISTAKEN
        and own.sum() >= NEARLY_ALL * (y == of).sum()
        and others.sum() <= NO_MORE * (y == said).sum()
        and outside.sum() <= JUST_OUTSIDE * here.sum()
    )
    return (of, said, here, score) if formed else None


def _told_of_pair(
    rows: Rows, found: _Mistaken, y: NDArray[np.int64], places: NDArray[np.int64], codes: Floats
) -> Finding:
    of, said = (rows.class_name(codes[code]) for code in (found.of, found.said))
    wrong = found.here & (y == found.said)
    share = interval.proportion(float(wrong.sum()), float(found.here.sum()))
    return DA17.finding(
        f"Of {int(found.here.sum())} rows that look like class {of!r} to two kinds of model, which had not seen them, "
        f"{percent(share.value)} ({percent(share.low)} to {percent(share.high)}) have the label {said!r}, and they are "
        f"not those that look more like it: the area under the ROC curve is {found.area.value:.2f} "
        f"({found.area.low:.2f} to {found.area.high:.2f}), and where classes overlap more than {OVERLAP:g}. The first "
        f"of them: rows {rows.named(places[wrong][:ROWS_NAMED])}.",
        where=said,
    )


def _beside_dev(
    rows: Rows, alpha: float, learned: tuple[Floats, NDArray[np.int64]], codes: Floats
) -> Iterator[Finding]:
    """Training labels that models of dev rows contradict more often than dev labels that they had not seen.

    Models learn from dev alone, as wrong training labels would teach them to be wrong. Each class is compared with
    itself, so that a dev part with more of an easy class is no better labelled for it.
    """
    x, y = learned
    x_dev, y_dev = _fresh(rows, codes)
    if len(y_dev) < FEWEST_ROWS / 2 or len(np.unique(y_dev)) < len(codes):
        return
    rng = np.random.default_rng([rows.seed, 1717])
    folds = models.dealt(y_dev.astype(np.float64), FOLDS, rng)
    truth = models.truth_of(y_dev.astype(np.float64), len(codes))
    said_dev = models.crossed(models.trees, x_dev, truth, rows.kinds, folds, rows.seed).argmax(axis=1)
    fit = folds != 0  # as many rows as each model of the dev rows learns from
    fitted = models.encoder(x_dev[fit], rows.kinds)
    said = models.trees(fitted.encode(x_dev[fit]), truth[fit], fitted.encode(x), rows.seed).argmax(axis=1)
    able = [c for c in range(len(codes)) if min((y == c).sum(), (y_dev == c).sum()) >= FEWEST_OF_CLASS]
    if not able:
        return
    rates = {
        code: [
            (float((s[t == code] != code).sum()), float((t == code).sum())) for s, t in ((said, y), (said_dev, y_dev))
        ]
        for code in able
    }
    gaps = {c: interval.proportion_difference(*rates[c], level=1 - 2 * alpha / len(able)) for c in able}
    worst = max(able, key=lambda code: gaps[code].low)
    if (
        gaps[worst].low <= MATTERS
        or _inputs_differ(rows)
        or _other_rule(rows, (x, models.truth_of(y.astype(np.float64), len(codes))), (x_dev, truth))
    ):
        return
    confused = np.bincount(said[(y == worst) & (said != y)], minlength=len(codes))
    name, other = (rows.class_name(codes[code]) for code in (worst, int(confused.argmax())))
    (wrong, count), (wrong_dev, count_dev) = rates[worst]
    yield DA17.finding(
        f"Models that learned from dev rows alone contradict the label {name!r} on {percent(wrong / count)} of the "
        f"training rows, most often with {other!r}, and on {percent(wrong_dev / count_dev)} of dev rows that "
        f"they had not seen: the training labels hold at least {percent(gaps[worst].low)} more errors.",
        where=name,
    )


def _noisier_than_dev(rows: Rows, alpha: float) -> Iterator[Finding]:
    """Training numbers that models of dev rows miss by far more often than dev numbers that they had not seen."""
    found = missed(rows, some(len(rows.y_train), rows.most_rows, np.random.default_rng([rows.seed, 170])))
    if found is None:
        return
    off, off_dev = found
    bound = float(np.quantile(off_dev, 1 - MISSED))
    counts = [(float((one > bound).sum()), float(len(one))) for one in (off, off_dev)]
    gap = interval.proportion_difference(*counts, level=1 - 2 * alpha)
    if gap.low <= MATTERS or _inputs_differ(rows) or shift.made_otherwise(rows.y_train, rows.y_dev):
        return
    x_dev, y_dev = _fresh(rows, None)
    if _other_rule(rows, (rows.x_train, rows.y_train[:, None]), (x_dev, y_dev[:, None])):
        return
    yield DA17.finding(
        f"Models that learned from dev rows alone miss {percent(counts[0][0] / counts[0][1])} of the training targets "
        f"by more than they miss a tenth of dev targets that they had not seen (by more than {bound:.3g}): at least "
        f"{percent(gap.low)} of the training targets are others than the inputs tell: wrong, of other rows, in another "
        "unit, or noisier.",
        title="Targets are wrong in part, or noisier in training than in dev (suspected)",
        remedy="Look at the training rows that a model of dev rows misses most: what they have in common, such as a "
        "stretch of rows, a source or a unit.",
    )


def missed(rows: Rows, places: NDArray[np.integer]) -> tuple[Floats, Floats] | None:
    """By how much models of dev rows alone miss training targets at these places, and dev targets not seen before.

    Shapes (places,) and (dev rows that equal no training row,); None: these are too few.
    """
    x_dev, y_dev = _fresh(rows, None)
    if len(y_dev) < FEWEST_ROWS / 2 or len(rows.y_train) < FEWEST_ROWS / 2 or np.ptp(y_dev) == 0:
        return None
    rng = np.random.default_rng([rows.seed, 1717])
    folds, truth = models.dealt(y_dev, FOLDS, rng), y_dev[:, None]
    said_dev = models.crossed(models.trees, x_dev, truth, rows.kinds, folds, rows.seed)
    fit = folds != 0  # as many rows as each model of the dev rows learns from
    fitted = models.encoder(x_dev[fit], rows.kinds)
    said = models.trees(fitted.encode(x_dev[fit]), truth[fit], fitted.encode(rows.x_train[places]), rows.seed)
    return np.abs(said[:, 0] - rows.y_train[places]), np.abs(said_dev[:, 0] - y_dev)


def _other_rule(rows: Rows, learned: tuple[Floats, Floats], dev: tuple[Floats, Floats]) -> bool:
    """Whether models of training rows miss dev targets more often than training targets that they had not seen.

    Then either part has a rule of its own: wrong training targets would be missed more often than those of dev.

    Args:
        learned: Inputs of training rows and targets of shape (rows, 1), or shares of classes (rows, classes).
        dev: The same of dev rows.
    """
    rng = np.random.default_rng([rows.seed, 1718])
    places = some(len(learned[0]), len(dev[0]), rng)
    x, truth = learned[0][places], learned[1][places]
    numbers = truth.shape[1] == 1
    folds = models.dealt(truth[:, 0] if numbers else truth.argmax(axis=1).astype(np.float64), FOLDS, rng)
    said = models.crossed(models.trees, x, truth, rows.kinds, folds, rows.seed)
    fit = folds != 0
    fitted = models.encoder(x[fit], rows.kinds)
    said_dev = models.trees(fitted.encode(x[fit]), truth[fit], fitted.encode(dev[0]), rows.seed)
    if numbers:
        off, off_dev = np.abs(said - truth)[:, 0], np.abs(said_dev - dev[1])[:, 0]
        bound = float(np.quantile(off, 1 - MISSED))
        missed_own, missed_dev = off > bound, off_dev > bound
    else:
        missed_own, missed_dev = (s.argmax(axis=1) != t.argmax(axis=1) for s, t in ((said, truth), (said_dev, dev[1])))
    counts = [(float(one.sum()), float(len(one))) for one in (missed_dev, missed_own)]
    return interval.proportion_difference(*counts).low > 0


def _inputs_differ(rows: Rows) -> bool:
    """Whether the inputs of training and dev rows are told apart, and by as much as DA3 asks for: labels are then no
    likelier cause than they.
    """
    try:
        found = two_sample.classifier_two_sample(rows.apart.x_train, rows.apart.x_dev, seed=rows.seed)
        return found.p_value < SHIFTED and found.auc.low > distribution.AUC_MATTERS
    except errors.DataError:  # too few different rows to compare: nothing is known against the labels
        return False


def _fresh(rows: Rows, codes: Floats | None) -> tuple[Floats, NDArray[Any]]:
    """Dev rows that no training row equals, with their class numbers, or their targets where there are no classes.

    At most as many as one rule reads.
    """
    if not rows.has_dev:
        return rows.x_dev, np.empty(0, dtype=np.int64)
    table = rows.table(dev=True)
    ids = copies.find(table.columns[:-1], table.columns[-1]).ids
    known = np.isfinite(rows.y_dev) if codes is None else np.isin(rows.y_dev, codes)
    fresh = known & ~np.isin(ids[len(rows.y_train) :], ids[: len(rows.y_train)])
    places = np.flatnonzero(fresh)
    places = places[some(len(places), rows.most_rows, np.random.default_rng([rows.seed, 171]))]
    y = rows.y_dev[places]
    return rows.x_dev[places], y if codes is None else np.searchsorted(codes, y)


DA17 = DataRule(
    "DA17",
    "Labels are wrong in part, or an input that decides is missing (suspected)",
    Evidence.TEST,
    Severity.LIMIT,
    "Models of two families, on rows that they had not seen, contradict labels even where they are surest, and where "
    "they are less sure hardly more; or one class is said to be another without regard to what it looks like; or they "
    "contradict training labels more than dev labels. Of numbers: models of dev rows miss training targets by far more "
    "often than dev targets.",
    "Look at these rows and label them anew; else a robust loss, and stopping early.",
    "The error on dev rows whose labels were checked.",
    "Northcutt, Jiang and Chuang, 2021 (out-of-fold probabilities); Liu and Tao, 2016 (rates from the surest rows).",
    noisy,
    unless=("DA2", "DA18", "DA19"),
)
RULES = (DA17,)

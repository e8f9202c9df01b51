"""DA: what is wrong with the rows, by the rules that look at arrays and at no training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from burnish.data.observation import listed
from burnish.diagnosis.data_rules import duplicates, labels, models, register
from burnish.diagnosis.data_rules import rows as data_rows
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Finding, Severity
from burnish.doctor.arms import Arm
from burnish.doctor.examination import FALSE_ALARMS, OF_ROWS, PROBE_ALARMS, Examination
from burnish.doctor.rule import Found, Rule
from burnish.doctor.subject import Subject
from burnish.stats import false_alarms

Floats = NDArray[np.float64]

# Training rows up to which those with doubtful labels are looked for, which takes some seconds; and parts that take
# turns in being predicted (Kohavi, 1995).
MOST_DOUBTED, FOLDS = 20_000, 5
NEARLY_ALL = 0.98  # share of dev numbers that are missed by less than a training row may be
# Inputs from which one unit for all of them is looked for, and chance at which those of one unit are said to differ.
FEWEST_SHARED, DIFFERENT = 2, 0.05
# Rules about single columns that tell too much of the target.
TELLING = ("DA10", "DA12")
# Those that no probe of a training answers better, and that need no names or times of columns.
CODES = ("DA2", "DA3", "DA4", "DA7", "DA10", "DA12", "DA15", "DA17", "DA18", "DA19", "DA20", "DA26")
# Those of them that look at inputs alone, and so at rows of several labels, too, where these are numbers.
OF_INPUTS = ("DA2", "DA3", "DA7")


def looked(exam: Examination) -> tuple[Found, ...]:
    """All that they find. One earlier in their order may explain a later one, so they look together."""
    train, dev = exam.subject.train, exam.subject.dev
    if not all(np.issubdtype(values.dtype, np.number) for values in (train.x, train.y, dev.x, dev.y)):
        return ()
    codes: tuple[str, ...] = CODES
    y, y_dev = train.y, dev.y
    if exam.subject.several:
        # Codes in a sequence hang together: equal rows of a few of them are no copies.
        codes = OF_INPUTS if np.issubdtype(train.x.dtype, np.floating) else ()
        y, y_dev = _each_as_one(y, y_dev)
        unasked = [code for code in CODES if code not in codes]
        exam.unable |= dict.fromkeys(unasked, "rows of several labels each are not asked")
    groups = None if train.groups is None or dev.groups is None else (train.groups, dev.groups)
    given = data_rows.of(train.x, y, dev.x, y_dev, task=exam.subject.kind, groups=groups)
    rules = {rule.code: rule for rule in register.RULES}
    found = list(register.look(given, codes=codes, false_alarm=FALSE_ALARMS - PROBE_ALARMS))
    found = _codes_at_once(found)
    if any(one.code == "DA7" for one in found) and _predicts(exam):
        # Again, with what the trained network says of the rows that are no copies.
        wrong = exam.lab.errors(exam.followed.end.params, dev) > 0
        copied = duplicates.across(given, false_alarms.share("DA7", total=FALSE_ALARMS - PROBE_ALARMS), wrong=wrong)
        found = [one for one in found if one.code != "DA7"] + list(copied)
    if train.x.ndim == 2 and train.x.shape[1] == 1:  # what has to tell the target tells it: there is nothing else
        found = [one for one in found if one.code != "DA10"]
    telling = [one for one in found if one.code in TELLING and one.severity is Severity.FAULT and train.x.ndim == 2]
    without = _without(train.x, given, telling) if telling else None

    def cure(one: Finding) -> Arm | None:
        if one.code == "DA17":
            return _without_doubted(given) if given.task == "classification" else _without_missed(given)
        return DEV_AS_TRAIN if one.code in ("DA2", "DA3") else without if one in telling else None

    return tuple(
        Found(
            one,
            rules[one.code].evidence,
            cure(one),
            grave=one.code == "DA17",
            otherwise=_elsewhere(rules["DA3"], one) if one.code == "DA2" else None,
        )
        for one in found
    )


def _predicts(exam: Examination) -> bool:
    """Whether there is a trained network with a class for each row."""
    return exam.subject.kind == "classification" and exam.following.ended and exam.followed.finite


def _each_as_one(one: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All labels of a row as one code, the same in both parts."""
    wide = np.concatenate([y.reshape(len(y), -1) for y in (one, other)])
    code = np.unique(wide, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    return code[: len(one)], code[len(one) :]


def _codes_at_once(found: Sequence[Finding]) -> list[Finding]:
    """One word on codes for missing values in several inputs: rows that are filled up have them in many."""
    coded = [one for one in found if one.code == "DA15"]
    if len(coded) < 2:
        return list(found)
    places = [one.where for one in coded]
    more = f"{coded[0].evidence} So it is, by itself or with another number, in {listed(places[1:])}."
    told = replace(coded[0], evidence=more, where=listed(places))
    return [one for one in found if one.code != "DA15"] + [told]


def _elsewhere(rule: DataRule, found: Finding) -> Finding:
    """Inputs of a part of all rows may look like those of all in another unit: evenly spread ones do."""
    return rule.finding(
        f"Dev rows lie elsewhere ({found.where}). On the training rows' scale they are predicted worse: they are other "
        "rows, and no such ones in other units.",
        where=found.where,
        severity=Severity.LIMIT,
    )


def _without(x: NDArray[Any], given: data_rows.Rows, telling: Sequence[Finding]) -> Arm:
    """The columns that tell what they should not, all at once, say no more than their mean."""
    places = [given.names.index(one.where) for one in telling]
    kept, put = np.ones(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    kept[places], put[places] = 0, np.mean(x[:, places], axis=0, dtype=np.float64)
    name = f"{listed([given.names[place] for place in places])} at the mean in all rows"
    return Arm(name, inputs=lambda x: x * kept + put, quarantines=True)


def _without_doubted(given: data_rows.Rows) -> Arm | None:
    """Training rows that two families of models, which had not seen them, both give another class than theirs."""
    if len(given.y_train) > MOST_DOUBTED:
        return None
    codes, y = np.unique(given.y_train, return_inverse=True)
    rng = np.random.default_rng([given.seed, 17])
    folds, truth = models.dealt(y.astype(np.float64), FOLDS, rng), models.truth_of(y.astype(np.float64), len(codes))
    said, other = (
        models.crossed(family, given.x_train, truth, given.kinds, folds, given.seed).argmax(axis=1)
        for family in (models.trees, models.neighbours)
    )
    kept = np.flatnonzero((said != other) | (said == y))
    if len(np.unique(y[kept])) < len(codes):
        return None
    doubted = len(y) - len(kept)
    return Arm(
        f"without {doubted:,} training rows whose labels two models doubt",
        subject=lambda subject: replace(subject, train=subject.train.take(kept)),
    )


def _without_missed(given: data_rows.Rows) -> Arm | None:
    """Training rows whose targets models of dev rows miss by more than nearly all dev targets."""
    found = labels.missed(given, np.arange(len(given.y_train))) if len(given.y_train) <= MOST_DOUBTED else None
    if found is None:
        return None
    off, off_dev = found
    kept = np.flatnonzero(off <= np.quantile(off_dev, NEARLY_ALL))
    return Arm(
        f"without {len(off) - len(kept):,} training rows whose targets models of dev rows miss by far",
        subject=lambda subject: replace(subject, train=subject.train.take(kept)),
    )


def look_of(code: str) -> Callable[[Examination], Iterable[Found]]:
    """What the rule of this code finds in the rows."""
    return lambda exam: [one for one in exam.once(OF_ROWS, lambda: looked(exam)) if one.finding.code == code]


def _dev_as_train(subject: Subject) -> Subject:
    """Each dev input with the mean and the deviation that it has in training; by one unit and one zero for all inputs
    where these explain the difference, as two numbers from all are known better than two from each.
    """
    x, wide = subject.train.x, subject.dev.x
    mean, own = (np.asarray(np.nanmean(one, axis=0, dtype=np.float64)) for one in (x, wide))
    spread, own_spread = (np.asarray(np.nanstd(one, axis=0, dtype=np.float64)) for one in (x, wide))
    varied = (spread > 0) & (own_spread > 0)
    factor = np.where(varied, spread / np.where(varied, own_spread, 1), 0)
    shared = _unit(mean[varied], own[varied], spread[varied], own_spread[varied], 1 / len(x) + 1 / len(wide))
    same = (wide - own) * factor + mean
    if shared is not None:
        by, plus = shared
        same = np.where(varied, wide * by + plus, same)
    return replace(subject, dev=replace(subject.dev, x=same.astype(wide.dtype)))


def _unit(mean: Floats, own: Floats, spread: Floats, own_spread: Floats, share: float) -> tuple[float, float] | None:
    """Factor and shift that take all dev inputs to the training rows' scale; None where inputs differ in them for sure.

    Of n normal inputs the logarithm of a deviation has a variance of 1/2n, and the mean one of σ²/n; heavier tails have
    more, and are then taken each by itself. The share is 1/n of both parts together.
    """
    if len(mean) < FEWEST_SHARED:
        return None
    logarithms = np.log(spread / own_spread)
    factor = float(np.exp(np.mean(logarithms)))
    weights = 1 / (spread**2 * share)
    shifts = mean - factor * own
    shift = float(np.average(shifts, weights=weights))
    squares = np.sum((logarithms - np.log(factor)) ** 2) / (share / 2), np.sum(weights * (shifts - shift) ** 2)
    most = float(distributions.chi2.isf(DIFFERENT, len(mean) - 1))
    return (factor, shift) if max(squares) <= most else None


def _rule(given: DataRule) -> Rule:
    return Rule(
        given.code, given.title, given.evidence, given.severity, given.when, given.remedy, given.proven, given.source,
        look=look_of(given.code),
    )  # fmt: skip


DEV_AS_TRAIN = Arm("dev inputs on the training rows' scale", subject=_dev_as_train)
# DA15 is asked of the training, too, and so has a rule of its own beside the other inputs'.
PROOFS = tuple(_rule(rule) for rule in register.RULES if rule.code in CODES and rule.code != "DA15")

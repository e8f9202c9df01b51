"""DA1, DA13, DA15, DA16, NN15: scales, rows class by class, codes for missing values, far values, codes as numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from burnish.data.columns import code_for_missing
from burnish.data.observation import listed
from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.examination import Examination
from burnish.doctor.rule import Rule, Trial
from burnish.doctor.rules import data
from burnish.doctor.subject import Subject
from burnish.units import percent

# A condition number of the inputs' second moments, or a size, from which standardising is worth a probe. The probe
# decides.
ILL_CONDITIONED, UNLIKE = 10.0, 3.0
# Cramér's V from which mini-batches differ in their classes: a small effect by Cohen (1988).
SMALL_EFFECT = 0.1
# Share of a number's variance that lies between mini-batches from which they differ: a small effect by Cohen (1988).
SMALL_SHARE = 0.01
# Mini-batches that are looked at.
MOST_BATCHES = 200
SHUFFLED = Arm("shuffled rows", subject=lambda given: replace(given, shuffle=True))
# Chance with which a random order calls for a probe, which then decides.
CALLED_FOR = 0.01
# Inputs of a row up to which each is looked at by itself: more are images or texts.
MOST_INPUTS = 1000
# Interquartile ranges from the median beyond which a value calls for a probe, and at which it is clipped there: none of
# a million normal values is clipped (6.7 standard deviations), and the probe decides.
FAR_OUT, CLIPPED_AT = 50.0, 5.0
# Different whole numbers of a column that may be codes, and rows that each has on average, so that its mean is known.
CODES, ROWS_OF_CODE = (4, 100), 10


def _condition(x: np.ndarray) -> float:
    """Of the second-moment matrix: how much steeper the cost of a linear unit is along one axis than another."""
    wide = np.asarray(x, np.float64).reshape(len(x), -1)
    wide = wide[:, wide.std(axis=0) > 0]
    if not wide.shape[1]:
        return 1.0
    joined = np.concatenate([wide, np.ones((len(wide), 1))], axis=1)
    values = np.linalg.eigvalsh(joined.T @ joined / len(joined))
    return float(values[-1] / max(values[0], values[-1] * 1e-12))


def _scales(exam: Examination) -> Trial | None:
    x = exam.subject.train.x
    if not np.issubdtype(x.dtype, np.floating) or not np.isfinite(x).all():
        return None
    change = nulls.standardising(exam.subject.train)
    before = _condition(exam.lab.gauge.x)
    after = _condition((exam.lab.gauge.x - change.shift) * change.scale)
    size = float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))
    inside = _inside(exam)
    scaled = inside is not None and _unlike(inside) and _unlike(inside / size)
    if before < ILL_CONDITIONED * after and not (_unlike(size) or scaled):
        return None
    why = f"Inputs have a size of {size:.3g} and a condition number of {before:.2g}, standardised {after:.2g}."
    arms: tuple[Arm, ...] = (Arm("standardised inputs", change),)
    if inside is not None and scaled:
        why += f" What meets the first weights has a size of {inside:.3g}: the network scales them itself."
        back = change._replace(scale=change.scale * np.float32(size / inside))
        arms += (Arm(f"standardised inputs, {size / inside:.3g} times as large", back),)
    # To condition the inputs better makes nearly any training faster.
    return Trial(why, arms, general=0 if _unlike(size) or scaled else 2)


def _unlike(size: float) -> bool:
    """Whether a size is far from 1."""
    return max(size, 1 / max(size, 1e-30)) > UNLIKE


def _inside(exam: Examination) -> float | None:
    """Root mean square of what meets the first layer's weights, if nothing but the inputs is in it; None: it is not."""
    layers = exam.gauger.layers
    return float(exam.first.inputs[0]) if layers and not layers[0].follows else None


def _order(exam: Examination) -> Trial | None:
    """Do mini-batches differ in their classes, or mean targets, by more than a random order would make them?"""
    subject = exam.subject
    if subject.shuffle:
        return None
    if subject.kind == "regression":
        return _numbers_in_order(exam)
    table = _counts(exam, range(min(subject.per_epoch, MOST_BATCHES)))
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[0] < 2 or table.shape[1] < 2:
        return None
    found = stats.chi2_contingency(table)
    effect = float(np.sqrt(found.statistic / (table.sum() * (min(table.shape) - 1))))
    if found.pvalue >= CALLED_FOR or effect <= SMALL_EFFECT:
        return None
    return Trial(
        f"Mini-batches differ in their classes (Cramér's V {effect:.2f}, p = {found.pvalue:.1g}).",
        (SHUFFLED,),
    )


def _numbers_in_order(exam: Examination) -> Trial | None:
    subject = exam.subject
    y = np.asarray(subject.train.y, np.float64).reshape(len(subject.train), -1)[:, 0]
    chosen, counted = exam.lab.order(range(min(subject.per_epoch, MOST_BATCHES)))
    batches = [y[rows[kept > 0]] for rows, kept in zip(chosen, counted, strict=True)]
    told = np.concatenate(batches)
    if len(batches) < 2 or len(told) <= len(batches) or told.std() == 0:
        return None
    between = sum(len(one) * (one.mean() - told.mean()) ** 2 for one in batches)
    share = float(between / np.square(told - told.mean()).sum())
    free = len(batches) - 1, len(told) - len(batches)
    chance = float(stats.f.sf(share / free[0] / max((1 - share) / free[1], 1e-300), *free))
    if chance >= CALLED_FOR or share <= SMALL_SHARE:
        return None
    return Trial(
        f"Mini-batches differ in their mean targets ({percent(share)} of the variance, p = {chance:.1g}).",
        (SHUFFLED,),
    )


def _counts(exam: Examination, steps: range) -> np.ndarray:
    chosen, counted = exam.lab.order(steps)
    y = np.asarray(exam.subject.train.y).reshape(len(exam.subject.train), -1)[:, 0]
    classes, codes = np.unique(y, return_inverse=True)
    table = np.zeros((len(steps), len(classes)), int)
    for place in range(len(steps)):
        table[place] = np.bincount(codes[chosen[place][counted[place] > 0]], minlength=len(classes))
    return table


def _codes(exam: Examination) -> Trial | None:
    """Inputs in which one number is far from all others, again and again: that number is filled."""
    rows = exam.lab.gauge
    inner = rows.x.shape[1:]
    if not _is_finite(rows.x) or not 0 < np.prod(inner) <= MOST_INPUTS:
        return None
    columns = {place: rows.x[(slice(None), *place)].astype(np.float64) for place in np.ndindex(inner)}
    found = {place: code for place, column in columns.items() if (code := code_for_missing(column)) is not None}
    if not found:
        return None
    codes, means = np.full(inner, np.nan, rows.x.dtype), np.zeros(inner, rows.x.dtype)
    for place, (value, _, _) in found.items():
        codes[place], means[place] = value, columns[place][columns[place] != value].mean()

    def filled(x: Any) -> Any:  # on the host, too, where a function of JAX would round to float32
        return x * (x != codes) + means * (x == codes)

    names = {place: f"input {place[0] if len(place) == 1 else place}" for place in found}
    named = listed([f"{value:g} in {count:,} rows of {names[place]}" for place, (value, count, _) in found.items()])
    return Trial(
        f"Of {len(rows):,} training rows that were looked at a number far from all others stands in several: {named}.",
        (Arm("the mean of the others in its place", inputs=filled),),
        where=listed(list(names.values())),
    )


def _is_table(x: np.ndarray) -> bool:
    return x.ndim == 2 and _is_finite(x)


def _is_finite(x: np.ndarray) -> bool:
    return np.issubdtype(x.dtype, np.floating) and bool(np.isfinite(x).all())


def _outliers(exam: Examination) -> Trial | None:
    """A few values so far out that they rule every mean of squares: inputs, or targets that are numbers."""
    subject = exam.subject
    arms, told = [], []
    if _is_table(subject.train.x):
        low, high, out = _fences(subject.train.x)
        if out.any():
            arms.append(Arm("inputs clipped to where the others lie", inputs=lambda x: x.clip(low, high)))
            named = listed([f"input {place}" for place in np.flatnonzero(out.any(axis=0))])
            told.append(f"{int(out.any(axis=1).sum()):,} of {len(out):,} training rows ({named})")
    y = subject.train.y
    if subject.kind == "regression" and np.issubdtype(y.dtype, np.floating) and np.isfinite(y).all():
        wide = y.reshape(len(y), -1)
        lowest, highest, out = _fences(wide)
        if out.any():
            near = np.clip(wide, lowest, highest).reshape(y.shape).astype(y.dtype)
            arms.append(Arm("training targets clipped to where the others lie", subject=_with_targets(near)))
            told.append(f"the targets of {int(out.any(axis=1).sum()):,} of {len(out):,} training rows")
    if not arms:
        return None
    return Trial(f"More than {FAR_OUT:g} interquartile ranges from the median lie {' and '.join(told)}.", tuple(arms))


def _codes_as_numbers(exam: Examination) -> Trial | None:
    """Columns of whole numbers that the target does not follow in their order: put into the order that it follows."""
    train = exam.subject.train
    if not _is_table(train.x) or exam.subject.several:
        return None
    told = _indicators(train.y) if exam.subject.kind == "classification" else train.y.reshape(len(train), -1)
    instead: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for place, column in enumerate(train.x.T):
        ordered = _ordered(column, told, CALLED_FOR / train.x.shape[1])
        if ordered is not None:
            instead[place] = ordered
    if not instead:
        return None

    def recoded(x: Any) -> Any:
        for place, (codes, others) in instead.items():
            said = x[:, place, None] == codes  # none of `others` is a code, so that twice is the same as once
            moved = x[:, place] * ~said.any(axis=1) + said.astype(x.dtype) @ others
            x = x * (np.arange(x.shape[1]) != place) + moved[:, None] * (np.arange(x.shape[1]) == place)
        return x.astype(train.x.dtype)

    named = listed([f"input {place} ({len(codes)} codes)" for place, (codes, _) in instead.items()])
    return Trial(
        f"Whole numbers whose order the target does not follow stand in {named}.",
        (Arm("such codes in the order of the targets", inputs=recoded),),
        where=listed([f"input {place}" for place in instead]),
    )


def _indicators(y: np.ndarray) -> np.ndarray:
    """1 in the column of each row's class."""
    classes, codes = np.unique(y, return_inverse=True)
    return np.eye(len(classes))[codes.reshape(len(y))]


def _ordered(column: np.ndarray, told: np.ndarray, chance: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The codes of a column, and numbers for them in the order of the targets' means; None: they are no codes, or a
    line through the means leaves no more than chance (lack of fit, F).
    """
    codes, places, counts = np.unique(column, return_inverse=True, return_counts=True)
    if not CODES[0] <= len(codes) <= CODES[1] or (codes != np.round(codes)).any():
        return None
    if len(column) < ROWS_OF_CODE * len(codes):
        return None
    wide = np.asarray(told, np.float64)
    means = np.stack([np.bincount(places, weights=one, minlength=len(codes)) / counts for one in wide.T], axis=1)
    within = np.square(wide - means[places]).sum(axis=0)
    centred = codes.astype(np.float64) - np.average(codes, weights=counts)
    slope = (counts * centred) @ means / (counts @ centred**2)
    off = means - np.average(means, axis=0, weights=counts) - centred[:, None] * slope
    lack, free = counts @ off**2, (len(codes) - 2, len(column) - len(codes))
    f = (lack / free[0]) / np.maximum(within / free[1], 1e-300)
    best = int(np.argmax(f))
    if stats.f.sf(f[best], *free) * len(f) >= chance:
        return None
    ranks = np.argsort(np.argsort(means[:, best], kind="stable"))
    spread = ranks / (len(codes) - 1) * (codes[-1] - codes[0]) + codes[0]
    return codes, (np.floor(spread) + 0.5).astype(column.dtype)


def _fences(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where values of each column are clipped, and which lie far out; a column without a spread has no fences."""
    first, median, third = np.percentile(values, (25, 50, 75), axis=0).astype(values.dtype)
    width = np.where(third > first, third - first, np.inf).astype(values.dtype)
    return median - CLIPPED_AT * width, median + CLIPPED_AT * width, np.abs(values - median) > FAR_OUT * width


def _with_targets(y: np.ndarray) -> Callable[[Subject], Subject]:
    return lambda given: replace(given, train=replace(given.train, y=y))


DA1 = Rule(
    "DA1",
    "Inputs are not normalised",
    Evidence.PROBE,
    Severity.FAULT,
    "Inputs far from unit size, or far worse conditioned than standardised ones, and a lower dev error when they are "
    "standardised. By their condition alone only where half of what can be learned is regained, else room for "
    "improvement.",
    "Standardise each input on the training rows, and use the same numbers for all others.",
    "The dev error of the whole training is lower.",
    "LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998, section 4.3.",
    trial=_scales,
)
DA13 = Rule(
    "DA13",
    "Rows come in an order that matters",
    Evidence.PROBE,
    Severity.FAULT,
    "Mini-batches differ in their classes, or mean targets, as no random order lets them, and a shuffled training does "
    "better.",
    "Shuffle the rows at each epoch.",
    "The dev error is lower.",
    "Cramér, 1946 (V); Cohen, 1988 (small effect).",
    trial=_order,
)
DA15 = Rule(
    "DA15",
    "Some values are missing, or a number stands for them",
    Evidence.PROBE,
    Severity.FAULT,
    "A number far from all others, again and again, and a lower dev error with the mean of the others in its place; a "
    "note of the rows alone, if it makes no difference.",
    "Fill it from the training rows, with a flag that says where: a network takes -999 for a size.",
    "The dev error of the whole training is lower.",
    "Definition; the gap in interquartile ranges (Tukey, 1977).",
    look=data.look_of("DA15"),
    trial=_codes,
)
NN15 = Rule(
    "NN15",
    "Codes are read as numbers",
    Evidence.PROBE,
    Severity.FAULT,
    "A column of few whole numbers, whose order the target does not follow, and a lower dev error with them in the "
    "order that it follows.",
    "One input for each code (one-hot), or an embedding of them.",
    "The dev error of the whole training is lower.",
    "Fisher, 1922 (lack of fit); Guo and Berkhahn, 2016 (embeddings of categories).",
    trial=_codes_as_numbers,
)
DA16 = Rule(
    "DA16",
    "A few values lie far from all others",
    Evidence.PROBE,
    Severity.FAULT,
    "Inputs or targets beyond 50 interquartile ranges from the median, and a lower dev error with them clipped at 5.",
    "Find out what they are: a wrong unit, a slip of the keyboard. Mend them, clip, or take logarithms.",
    "The dev error of the whole training is lower.",
    "Tukey, 1977 (fences); the distances are choices.",
    trial=_outliers,
)

"""DA3, DA4 and DA19: do dev rows come from where training rows come from, and are their classes called alike?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy import stats as distributions

from burnish import errors
from burnish.data import distribution
from burnish.data.observation import counted, listed
from burnish.diagnosis.data_rules import models
from burnish.diagnosis.data_rules.rows import Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import interval, paired, two_sample
from burnish.units import percent

# Rows of a part, and of a class, below which nothing is compared.
FEWEST_ROWS, FEWEST_OF_CLASS = 40, 10
# Gain in the error rate from which other names of the classes are believed: two classes that are easily confused gain
# less by being exchanged.
RENAMED = 0.10

# What cures a difference. A rule does not know whether time orders the rows, and where it does, mixing them would let a
# network learn from the future: so it says for which rows mixing is no cure.
_MEETS = "If dev shows what the network will meet, as where it comes later in time,"
_ELSE = "Mix all rows and divide them anew only where no time orders them."
_OF_CLASSES = "weight the training rows by the ratio of the shares, or multiply the predicted probabilities by it"
_OF_NUMBERS = (
    "bring more training rows with targets like dev's, or let those that there are weigh more; or predict the change "
    "from a value that is known by then, where the level drifts"
)
# Share of dev targets that are no whole numbers, where all training targets are; share of training targets that stand
# at their end, and of dev targets that lie beyond it, surely; and the chance with which two samples of one distribution
# are as far apart as a map leaves them. Choices.
MOST, HEAPED, SURE, EXPLAINED = 0.5, 0.02, 0.999, 0.05
# What may have been made of one part's targets alone.
MAPS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "The logarithm": np.log,
    "The logarithm, once 1 is added,": np.log1p,
    "The logarithm to base 10": np.log10,
    "The square root": np.sqrt,
}


def inputs_differ(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA3: a classifier tells dev from training rows, by more than matters; and whether the error says so too."""
    rows = rows.apart
    if min(len(rows.y_train), len(rows.y_dev)) < FEWEST_ROWS or not rows.names:
        return
    rng = np.random.default_rng([rows.seed, 3])
    parts = [x[some(len(x), rows.most_rows, rng)] for x in (rows.x_train, rows.x_dev)]
    named = len(rows.names) <= models.WIDE
    if not named:
        fitted = models.encoder(np.vstack(parts), rows.kinds)
        parts = [fitted.encode(part) for part in parts]
    try:
        found = two_sample.classifier_two_sample(parts[0], parts[1], seed=rows.seed)
    except errors.DataError:  # hardly any different rows: there is nothing to tell apart
        return
    if found.p_value > alpha or found.auc.low <= distribution.AUC_MATTERS:
        return
    drifts = [f"{rows.names[d.index]} (distance {d.distance:.2f})" for d in found.drifts] if named else []
    by = f" The columns that differ most: {', '.join(drifts)}." if drifts else ""
    yield DA3.finding(
        f"A classifier tells dev from training rows with an AUC of {found.auc.value:.2f} ({found.auc.low:.2f} to "
        f"{found.auc.high:.2f}; 0.5 means that it cannot), on rows that it had not seen.{by} {_costs(rows, rng)}",
        where=listed([rows.names[drift.index] for drift in found.drifts]) if named else "",
    )


def _costs(rows: Rows, rng: np.random.Generator) -> str:
    """Whether a small model does worse on dev than on held-out training rows, in a sentence."""
    picked = some(len(rows.y_train), rows.most_rows, rng)
    x, y = rows.x_train[picked], rows.y_train[picked]
    classes = int(max(y.max(), rows.y_dev.max())) + 1 if rows.task == "classification" else 0
    fit = models.dealt(y, 2, rng) == 0
    fitted, truth = models.encoder(x[fit], rows.kinds), models.truth_of(y, classes)
    losses = []
    for x_other, y_other in ((x[~fit], y[~fit]), (rows.x_dev, rows.y_dev)):
        said = models.trees(fitted.encode(x[fit]), truth[fit], fitted.encode(x_other), rows.seed)
        losses.append((said.argmax(axis=1) != y_other) if classes else (said[:, 0] - y_other) ** 2)
    held, dev = (np.asarray(loss, np.float64) for loss in losses)
    gap = interval.loss_difference(dev, held, "error" if classes else "rmse")
    shown = (lambda value: percent(abs(value))) if classes else (lambda value: _plain(abs(value)))
    if gap.low > 0:
        return f"It matters: trees have an error {shown(gap.low)} to {shown(gap.high)} higher on dev."
    return "Whether it matters to the error is not certain: that of trees is not surely higher on dev."


def _plain(value: float) -> str:
    """Four digits, or more where they would take a power of ten: prices and counts are read as they are written."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def targets_differ(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA4: the classes' shares, or the target's size, differ between training and dev rows."""
    rows = rows.apart
    if min(len(rows.y_train), len(rows.y_dev)) < FEWEST_ROWS:
        return
    if rows.task == "regression":
        test = distributions.ks_2samp(rows.y_train, rows.y_dev, method="asymp")
        if test.pvalue < alpha and test.statistic > distribution.TARGET_DISTANCE:
            if made := made_otherwise(rows.y_train, rows.y_dev):
                yield DA4.finding(
                    made,
                    title="Targets of dev are made otherwise than those of training",
                    severity=Severity.FAULT,
                    remedy="Make the targets of both parts by the same steps, and undo them for predictions.",
                )
                return
            yield DA4.finding(
                f"The mean target is {_plain(rows.y_train.mean())} in training rows and {_plain(rows.y_dev.mean())} in "
                f"dev; the cumulated shares differ by up to {percent(test.statistic)}.",
                remedy=f"{_MEETS} {_OF_NUMBERS}. {_ELSE}",
            )
        return
    codes = np.union1d(rows.y_train, rows.y_dev)
    counts = np.stack([[(y == code).sum() for code in codes] for y in (rows.y_train, rows.y_dev)])
    if len(codes) < 2 or distributions.chi2_contingency(counts, lambda_="log-likelihood").pvalue > alpha:
        return
    sizes = counts.sum(axis=1)
    gaps = [interval.proportion_difference((b, sizes[1]), (a, sizes[0])) for a, b in counts.T]
    worst = int(np.argmax([max(gap.low, -gap.high) for gap in gaps]))
    if max(gaps[worst].low, -gaps[worst].high) <= distribution.SHARE_MATTERS:
        return
    shares = counts[:, worst] / sizes
    yield DA4.finding(
        f"Class {rows.class_name(codes[worst])!r} makes up {percent(shares[0])} of the training rows and "
        f"{percent(shares[1])} of dev: {percent(abs(gaps[worst].value))} apart ({percent(abs(gaps[worst].low))} to "
        f"{percent(abs(gaps[worst].high))}).",
        where=rows.class_name(codes[worst]),
        remedy=f"{_MEETS} {_OF_CLASSES}. {_ELSE}",
    )


def made_otherwise(y: NDArray[np.floating], dev: NDArray[np.floating]) -> str:
    """That one part's targets were rounded, cut off or mapped, and the other's were not, as a sentence; "": not so."""
    # Yes and no are whole numbers by nature.
    if (y == np.round(y)).all() and (dev != np.round(dev)).mean() > MOST and len(np.unique(y)) > 2:
        return (
            f"All training targets are whole numbers, and {percent((dev != np.round(dev)).mean())} of dev targets are "
            "none: they were rounded, or cut to whole numbers."
        )
    for edge, beyond, side in ((y.max(), dev > y.max(), "largest"), (y.min(), dev < y.min(), "smallest")):
        at, at_dev = (int((part == edge).sum()) for part in (y, dev))
        heap = interval.proportion_difference((at, len(y)), (at_dev, len(dev)), level=SURE)
        if heap.low > HEAPED and beyond.mean() > HEAPED:
            return (
                f"{percent(at / len(y))} of the training targets are exactly {_plain(edge)}, the {side} there is, and "
                f"{percent(beyond.mean())} of dev targets lie beyond it: they were cut off."
            )
    alike = {}
    for name, made in MAPS.items():
        for of, other, one in (("dev", dev, y), ("training", y, dev)):
            with np.errstate(all="ignore"):
                mapped = made(other.astype(np.float64))
            if np.isfinite(mapped).all():
                alike[of, name] = distributions.ks_2samp(mapped, one, method="asymp").pvalue
    best = max(alike, key=lambda key: alike[key], default=None)
    if best is None or alike[best] < EXPLAINED:
        return ""
    of, name = best
    rest = "training" if of == "dev" else "dev"
    return f"{name} of {of} targets is distributed as {rest} targets are: it was taken of these, and not of {of}."


def encoded_otherwise(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA19: classes that one part lacks and chance would not have left out, and classes that go by another's name."""
    if rows.task != "classification" or min(len(rows.y_train), len(rows.y_dev)) < FEWEST_ROWS:
        return
    missing = _missing(rows, alpha / 2)
    if missing is not None:
        yield missing
        return
    yield from _renamed(rows, alpha / 2)


def _missing(rows: Rows, alpha: float) -> Finding | None:
    codes = np.union1d(rows.y_train, rows.y_dev)
    sizes = len(rows.y_train), len(rows.y_dev)
    for code in codes:
        counts = [int((y == code).sum()) for y in (rows.y_train, rows.y_dev)]
        if min(counts) > 0:
            continue
        lacks = int(np.argmin(counts))  # 0: the training rows
        # Chance that a class of so many rows falls into the other part alone.
        chance = float(distributions.hypergeom.pmf(0, sum(sizes), sum(counts), sizes[lacks]))
        if chance * len(codes) < alpha:
            part, other = ("training rows", "the dev rows") if lacks == 0 else ("dev rows", "the training rows")
            held = counted(max(counts), "row")
            return DA19.finding(
                f"No {part} are of class {rows.class_name(code)!r}, of which {other} hold {held}: by chance in one "
                f"division of {1 / max(chance, 1e-12):,.0f}.",
                where=rows.class_name(code),
                severity=Severity.FAULT if lacks == 0 else Severity.LIMIT,
            )
    return None


def _renamed(rows: Rows, alpha: float) -> Iterator[Finding]:
    """Names of dev classes under which a model of the training rows is right far more often; half of dev chooses."""
    rng = np.random.default_rng([rows.seed, 19])
    codes = np.union1d(rows.y_train, rows.y_dev)
    picked = some(len(rows.y_train), rows.most_rows, rng)
    y = np.searchsorted(codes, rows.y_train[picked]).astype(np.float64)
    y_dev = np.searchsorted(codes, rows.y_dev)
    fitted = models.encoder(rows.x_train[picked], rows.kinds)
    encoded = fitted.encode(rows.x_train[picked])
    said = models.trees(encoded, models.truth_of(y, len(codes)), fitted.encode(rows.x_dev), rows.seed).argmax(axis=1)
    half = models.dealt(y_dev.astype(np.float64), 2, rng) == 0
    names = _best_names(said[half], y_dev[half], len(codes))
    if (names == np.arange(len(codes))).all():
        return
    before, after = said[~half] != y_dev[~half], names[said[~half]] != y_dev[~half]
    gain = paired.gain(before.astype(float), after.astype(float), statistic="error", alpha=alpha)
    if gain.low <= RENAMED:
        return
    other = [f"{rows.class_name(codes[a])} → {rows.class_name(codes[b])}" for a, b in enumerate(names) if a != b]
    yield DA19.finding(
        f"A model of the training rows is wrong on {percent(before.mean())} of dev rows, and on "
        f"{percent(after.mean())} if dev classes go by other names ({listed(other)}), on dev rows that did "
        "not choose the names.",
        title="Classes of dev go by other names than in the training rows (suspected)",
    )


def _best_names(said: NDArray[np.int64], y: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """For each class that a model says, the dev class that it then means, one to one (Kuhn 1955).

    Each dev class counts alike: where one is far more frequent than in training, and seldom said, all others would be
    taken for it.
    """
    table = np.zeros((classes, classes))
    np.add.at(table, (said, y), 1.0)
    table[np.arange(classes), np.arange(classes)] += 0.5  # a class keeps its name where another is no better
    table /= np.maximum(np.bincount(y, minlength=classes), 1)
    return np.asarray(optimize.linear_sum_assignment(-table)[1], np.int64)


DA3 = DataRule(
    "DA3",
    "Dev rows come from another distribution than training rows",
    Evidence.TEST,
    Severity.LIMIT,
    "A classifier tells dev from training rows that it had not seen, and the lower end of its AUC lies above 0.55.",
    f"{_MEETS} make or collect training rows like it, or weight those that resemble it. {_ELSE}",
    "The classifier's AUC falls towards 0.5, and so does the dev error.",
    "Lopez-Paz and Oquab, 2017 (classifier two-sample test); DeLong et al., 1988 (AUC).",
    inputs_differ,
    unless=("DA2",),
)
DA4 = DataRule(
    "DA4",
    "The target differs between training and dev rows",
    Evidence.TEST,
    Severity.LIMIT,
    "The classes' shares differ (G-test) by more than two points, or a number's cumulated shares by more than "
    "10 points; a fault where one part was rounded, cut off or mapped, and the other was not.",
    f"{_MEETS} {_OF_CLASSES}; of a target that is a number, {_OF_NUMBERS}. {_ELSE}",
    "The shares of the classes, or the mean number, predicted on dev are those of its targets.",
    "Sokal and Rohlf, 1981 (G-test); Newcombe, 1998 (shares); Kolmogorov, 1933, and Smirnov, 1948.",
    targets_differ,
)
DA19 = DataRule(
    "DA19",
    "The parts do not have the same classes",
    Evidence.TEST,
    Severity.FAULT,
    "A class that one part lacks though chance would not have left it out; or other names of dev's classes under which "
    "a model of the training rows is right far more often.",
    "Give all parts the same list of classes, in the same order, before they are divided.",
    "The dev error falls to that of held-out training rows.",
    "Fisher, 1935 (hypergeometric); Kuhn, 1955 (assignment).",
    encoded_otherwise,
    unless=("DA2", "DA18"),
)
RULES = (DA3, DA4, DA19)

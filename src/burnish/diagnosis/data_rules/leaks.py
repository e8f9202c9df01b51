"""DA10 and DA12: columns that know the answer, and columns that name the row."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions
from sklearn import feature_selection

from burnish.data import giveaway, kinds, split
from burnish.data.kinds import Profile
from burnish.data.observation import View
from burnish.data.table import Kind
from burnish.diagnosis.data_rules import models
from burnish.diagnosis.data_rules.rows import Floats, Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity

# Columns from which one of them is not expected to hold most of what is known, the correlation that is worth asking
# about, and the share of it below which a column is missed. Choices; the finding is a note.
FEWEST_COLUMNS, LITTLE, HALF = 5, 0.3, 0.5
# By how much scaled whole numbers may miss whole ones: a few digits of float32 are lost.
ROUNDED = 0.1
# −ln of the chance with which numbers that may repeat never do: 1 in 500 million, at no part of the alarms.
NEVER = 20.0


def view(rows: Rows) -> View:
    """The training rows as the audit sees a table."""
    table = rows.table()
    target = table.columns[-1]
    profiles = {
        name: Profile(name, kind, "given", int(table[name].missing.sum()), 0)
        for name, kind in (*zip(rows.names, rows.kinds, strict=True), (target.name, Kind.NUMBER))
    }
    origin = np.full(table.rows, split.MAIN)
    classes = rows.y_train.astype(np.int64) if rows.task == "classification" else None
    return View(table, target, profiles, origin, classes, split.Plan(seed=rows.seed))


def giveaways(rows: Rows, alpha: float) -> Iterable[Finding]:
    """DA10: single columns that all but tell the target, while the others do not."""
    found = giveaway.giveaways(view(rows))
    for seen in found:
        yield DA10.finding(
            seen.evidence,
            title=seen.title,
            where=seen.where,
            severity=Severity(seen.severity),
        )
    if not found:
        yield from _hanging(rows)


def _hanging(rows: Rows) -> Iterable[Finding]:
    """A column without which half of what all together know is gone: it may be important, or known too late."""
    rng = np.random.default_rng([rows.seed, 10])
    picked = some(len(rows.y_train), rows.most_rows, rng)
    x, y = rows.x_train[picked], rows.y_train[picked]
    every = np.array(models.varying(x), dtype=np.intp)
    if not FEWEST_COLUMNS <= len(every) <= models.WIDE or len(y) < giveaway.FEWEST_ROWS:
        return
    codes, numbered = np.unique(y, return_inverse=True)
    classes = len(codes) if rows.task == "classification" else 0
    y = numbered.astype(np.float64) if classes else y
    parts = models.dealt(y, 2, rng)

    def skill(columns: NDArray[np.intp]) -> float:
        kinds_ = [rows.kinds[place] for place in columns]
        predicted = models.crossed(models.trees, x[:, columns], models.truth_of(y, classes), kinds_, parts, rows.seed)
        return float(np.mean([models.association(predicted[parts == p], y[parts == p], classes)[0] for p in (0, 1)]))

    ranks = np.stack([_ranked(x[:, place]) for place in every], axis=1)
    with np.errstate(all="ignore"):  # classes that a column tells apart differ by something over nothing
        alone, _ = (feature_selection.f_classif if classes else feature_selection.f_regression)(ranks, y)
    best = every[np.argmax(np.nan_to_num(alone, posinf=np.finfo(float).max))]
    together = skill(every)
    without = skill(every[every != best]) if together > LITTLE else together
    if without < HALF * together:
        yield DA10.finding(
            f"Trees that know all columns but {rows.names[best]!r} predict the target of rows not seen with a "
            f"correlation of {max(without, 0.0):.2f}, with it of {together:.2f}.",
            title="Most of what is known hangs on one column",
            where=rows.names[best],
            severity=Severity.NOTE,
        )


def _ranked(values: Floats) -> Floats:
    """Ranks from 0 to 1; missing values in the middle."""
    return np.nan_to_num(distributions.rankdata(values, nan_policy="omit") / len(values), nan=0.5)


def identifiers(rows: Rows, alpha: float) -> Iterable[Finding]:
    """DA12: whole numbers that count the rows, with a word on those that follow the target."""
    table = rows.table()
    profiles = kinds.profile(table, target=table.names[-1])
    if len(rows.names) < 2:  # a single column of such numbers is the points at which something was measured
        return
    for place, profile in enumerate(profiles[:-1]):
        reason = profile.reason if profile.kind is Kind.IDENTIFIER else _given_out(rows, place)
        if not reason:
            continue
        distance = _tells(rows, place)
        follows = models.p_value(distance) < alpha
        told = (
            " It predicts targets of rows not seen, as when rows were numbered after sorting."
            if follows
            else " It does not predict targets of rows not seen."
        )
        yield DA12.finding(
            f"{rows.names[place]!r} looks like an identifier: {reason}.{told}",
            where=rows.names[place],
            severity=Severity.FAULT if follows else Severity.NOTE,
        )


def _given_out(rows: Rows, place: int) -> str:
    """Why a column's values must have been given out, each once, whatever they were scaled by; "" where they need not.

    Drawn by chance, n whole numbers of a range of r would all differ with a probability of exp(−n(n − 1)/2r), and less
    where some are likelier than others (von Mises, 1939: the birthday problem).
    """
    values = np.concatenate([rows.x_train[:, place], rows.x_dev[:, place]])
    if not np.isfinite(values).all():
        return ""
    distinct = np.unique(values)
    if len(distinct) < max(len(values), kinds.ENOUGH_ROWS):
        return ""
    steps = np.diff(distinct)
    counted = np.cumsum(np.round(steps / steps.min()))  # step by step: the smallest one is not exactly one unit
    possible = counted[-1] + 1
    places = (distinct[1:] - distinct[0]) / (distinct[-1] - distinct[0]) * counted[-1]
    if np.abs(places - counted).max() > ROUNDED or len(values) * (len(values) - 1) / (2 * possible) < NEVER:
        return ""
    return f"{len(values):,} whole numbers of {possible:,.0f} possible ones, scaled, of which none comes twice"


def _tells(rows: Rows, place: int) -> float:
    """Distance from 0, in standard errors, of the association of the target with trees on one column."""
    rng = np.random.default_rng([rows.seed, 12])
    picked = some(len(rows.y_train), rows.most_rows, rng)
    x = rows.x_train[picked][:, [place]]
    codes, numbered = np.unique(rows.y_train[picked], return_inverse=True)
    classes = len(codes) if rows.task == "classification" else 0
    y = numbered.astype(np.float64) if classes else rows.y_train[picked]
    parts = models.dealt(y, 2, rng)
    predicted = models.crossed(models.trees, x, models.truth_of(y, classes), (Kind.NUMBER,), parts, rows.seed)
    return float(np.mean([models.association(predicted[parts == p], y[parts == p], classes)[1] for p in (0, 1)]))


DA10 = DataRule(
    "DA10",
    "A column gives the target away (suspected leak)",
    Evidence.TEST,
    Severity.FAULT,
    "The lower end of one column's AUC lies above 0.99 (of its share of explained errors or variance above 0.98), and "
    "all others together do not come near. A note where half of what all columns know is gone without one of them. In "
    "a table, a limit where a column has a value, or another one than its commonest, in most rows of one class and in "
    "no other row; a note where it is in a tenth of them or more.",
    "Ask whether it is known before the target is, for new rows. If it is made from the target or written down "
    "afterwards, leave it out; the error without it is then the honest one.",
    "The dev error without the column, which is higher and honest.",
    "Kaufman et al., 2012 (leakage); DeLong, DeLong and Clarke-Pearson, 1988 (AUC); Clopper and Pearson, 1934.",
    giveaways,
)
DA12 = DataRule(
    "DA12",
    "A column names the rows",
    Evidence.TEST,
    Severity.NOTE,
    "Whole numbers, scaled or not, each once, that count the rows, or so dense that by chance some would come twice; a "
    "fault where they predict the target of rows not seen.",
    "Leave it out: a number given to a row says nothing about rows to come.",
    "The dev error does not change, or, where rows were sorted, becomes honest.",
    "von Mises, 1939 (the birthday problem); Hoeffding, 1951 (permutation of targets).",
    identifiers,
)
RULES = (DA10, DA12)

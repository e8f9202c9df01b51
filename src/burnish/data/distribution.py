"""Do the files, or the sources, look alike? In their features (DA3) and in their targets (DA4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from burnish import errors
from burnish.data import deal, split
from burnish.data.observation import Observation, View, counted, listed, numbers, shown
from burnish.data.table import Column, Kind
from burnish.stats import false_alarms, interval, multiplicity, two_sample
from burnish.units import percent

ALPHA = 0.01  # chance of a false alarm of one comparison by itself; in an audit it is a share of that of all rules

# An AUC below this is told from 0.5 only because there are many rows; the catalogue's level.
AUC_MATTERS = 0.55

# A class's share, or the cumulated share of a number, differs by this before it moves an error noticeably.
SHARE_MATTERS = 0.02
TARGET_DISTANCE = 0.1  # Kolmogorov–Smirnov distance of numeric targets

SOURCES = 8  # largest sources that are compared, each with all the others

FILES = {split.MAIN: "the main file", split.DEV_FILE: "the dev file", split.TEST_FILE: "the test file"}


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two sets of rows that ought to come from one distribution."""

    first: str
    second: str
    rows: tuple[NDArray[np.int64], NDArray[np.int64]]
    files: bool  # from files given as parts; else sources of one file

    @property
    def name(self) -> str:
        return f"{self.first} and {self.second}"


def observe(view: View, copied: NDArray[np.int64] | None) -> tuple[Observation, ...]:
    """DA3 and DA4 for each pair of files, and for each source against the others.

    Args:
        view: The table.
        copied: Copies share a number, shape (rows,); None: equal rows are no copies.
    """
    pairs = _pairs(view)
    if not pairs:
        return ()
    group = None if view.plan.group is None else view.table[view.plan.group].values
    units = deal.joined(group, copied)
    return (
        *_features_differ(view, pairs, np.arange(view.table.rows) if units is None else units),
        *_targets_differ(view, pairs),
    )


def _pairs(view: View) -> list[_Pair]:
    rows = {place: np.flatnonzero(view.origin == place) for place in FILES}
    there = [place for place in FILES if len(rows[place])]
    pairs = [_Pair(FILES[a], FILES[b], (rows[a], rows[b]), True) for n, a in enumerate(there) for b in there[n + 1 :]]
    if view.plan.source is not None:
        column = view.table[view.plan.source]
        _, codes = np.unique(column.values, return_inverse=True)
        for code in np.argsort(-np.bincount(codes), kind="stable")[:SOURCES]:
            inside = np.flatnonzero(codes == code)
            name = f"{column.name} {shown(column, int(inside[0]))!r}"
            pairs.append(_Pair(name, "the other rows", (inside, np.flatnonzero(codes != code)), False))
        if codes.max() == 1:
            pairs.pop()  # of two sources, the second against the first is the same question
    return [pair for pair in pairs if len(pair.rows[1])]


def _features_differ(view: View, pairs: Sequence[_Pair], units: NDArray[np.int64]) -> tuple[Observation, ...]:
    """DA3: a classifier tells the two sets apart, by more than matters."""
    columns = [c for c in view.features if c.name != view.plan.time and view.profiles[c.name].kind is not Kind.TEXT]
    shifts: list[tuple[_Pair, two_sample.Shift]] = []
    found: list[Observation] = []
    for pair in pairs:
        if not columns:
            continue
        try:
            shifts.append((pair, _compared(columns, pair, units, view.plan.seed)))
        except errors.DataError as refused:
            found.append(_not_compared(pair, refused.why))
    if not shifts:
        return tuple(found)
    beyond = multiplicity.holm([shift.p_value for _, shift in shifts], false_alarms.share("DA3"))
    for (pair, shift), significant in zip(shifts, beyond, strict=True):
        if significant and shift.auc.low > AUC_MATTERS:
            found.append(_mismatch(pair, shift, columns))
    return tuple(found)


def _compared(columns: Sequence[Column], pair: _Pair, units: NDArray[np.int64], seed: int) -> two_sample.Shift:
    rng = np.random.default_rng([seed, 3])
    picked = [np.sort(rng.permutation(rows)[: two_sample.MAX_ROWS]) for rows in pair.rows]
    a, b = (np.stack([numbers(column, rows) for column in columns], axis=1) for rows in picked)
    return two_sample.classifier_two_sample(a, b, groups=(units[picked[0]], units[picked[1]]), seed=seed)


def _mismatch(pair: _Pair, shift: two_sample.Shift, columns: Sequence[Column]) -> Observation:
    names = [f"{columns[drift.index].name} (distance {drift.distance:.2f})" for drift in shift.drifts]
    by = f" The columns that differ most: {', '.join(names)}." if names else " No single column gives it away."
    if pair.files:
        remedy = (
            "Two answers: mix the files and split again, so that the distributions of train, dev and test are alike; "
            "or, if the dev file shows what the network will meet, keep it, skip the test set (--no-test) and score on "
            "dev only. A train-dev part tells how much of the error comes from the mismatch."
        )
    else:
        remedy = (
            "Two answers: the rows are mixed and split so that train, dev and test hold each source in the same share, "
            "which is right if new rows come from all of them alike; if they come from one source only, give its rows "
            "with --dev (and --test, or --no-test to score on dev only)."
        )
    return Observation(
        "DA3",
        f"{pair.name[0].upper()}{pair.name[1:]} come from different distributions",
        "limit",
        f"A classifier tells them apart with an AUC of {shift.auc.value:.2f} ({shift.auc.low:.2f} to "
        f"{shift.auc.high:.2f}; 0.5 means that it cannot), on rows that it had not seen.{by}",
        remedy,
        where=listed([columns[drift.index].name for drift in shift.drifts]),
    )


def _not_compared(pair: _Pair, why: str) -> Observation:
    return Observation(
        "DA3",
        f"{pair.name[0].upper()}{pair.name[1:]} could not be compared",
        "note",
        why,
        "Whether they come from one distribution is unknown; more rows would tell.",
    )


def _targets_differ(view: View, pairs: Sequence[_Pair]) -> tuple[Observation, ...]:
    """DA4: the classes' shares, or the target's size, differ."""
    tested = [(pair, *_target_test(view, pair)) for pair in pairs]
    beyond = multiplicity.holm([p_value for _, p_value, _ in tested], false_alarms.share("DA4"))
    found = []
    for (pair, _, told), significant in zip(tested, beyond, strict=True):
        if significant and told:
            found.append(
                Observation(
                    "DA4",
                    f"The target differs between {pair.name}",
                    "limit" if pair.files else "note",
                    told,
                    "If dev shows what the network will meet, its predictions are off by the difference of the shares: "
                    "mix the files and split again, or weight the training rows."
                    if pair.files
                    else "Every part of the split holds each source in the same share. Keep the source as a column "
                    "only if it is known for new rows.",
                    where=view.target.name,
                )
            )
    return tuple(found)


def _target_test(view: View, pair: _Pair) -> tuple[float, str]:
    """P-value of "same targets", and what differs in words; no words where the difference is too small to matter."""
    one, other = pair.rows
    if view.classes is None:
        result = distributions.ks_2samp(numbers(view.target, one), numbers(view.target, other), method="asymp")
        means = [float(numbers(view.target, rows).mean()) for rows in pair.rows]
        told = (
            f"The mean is {means[0]:.4g} in {pair.first} and {means[1]:.4g} in {pair.second}; the cumulated shares "
            f"differ by up to {percent(result.statistic)}."
        )
        return float(result.pvalue), told if result.statistic > TARGET_DISTANCE else ""
    counts = np.stack([np.bincount(view.classes[rows], minlength=int(view.classes.max()) + 1) for rows in pair.rows])
    counts = counts[:, counts.sum(axis=0) > 0]
    present = np.unique(view.classes[np.concatenate(pair.rows)])
    if counts.shape[1] < 2:
        return 1.0, ""
    p_value = float(distributions.chi2_contingency(counts, lambda_="log-likelihood").pvalue)
    shares = counts / counts.sum(axis=1, keepdims=True)
    worst = int(np.argmax(np.abs(shares[0] - shares[1])))
    gap = interval.proportion_difference((counts[0, worst], len(one)), (counts[1, worst], len(other)))
    told = (
        f"Class {view.class_name(int(present[worst]))!r} makes up {percent(shares[0, worst])} of {pair.first} "
        f"({counted(len(one), 'row')}) and {percent(shares[1, worst])} of {pair.second} ({counted(len(other), 'row')})."
    )
    return p_value, told if max(gap.low, -gap.high) > SHARE_MATTERS else ""

"""BV12: a part of the rows on which the network is much worse, found on one half of them and judged on the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import tree

from burnish.data.observation import counted
from burnish.diagnosis.described import Described
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import interval

Floats = NDArray[np.float64]

# Slices that one tree may name, and conditions that one may have: more could not be read.
LEAVES, DEPTH = 6, 2
# Rows of a slice in the half that finds it, at least: a share, and a number.
LEAST_SHARE, LEAST_ROWS = 0.05, 25
# Levels of a category that a slice can be made of.
LEVELS = 20
# A slice is weak from so many times the error of the other rows on; errors are never alike everywhere.
TIMES = 1.5


def weak(
    x: Floats,
    names: Sequence[str],
    levels: Sequence[Sequence[str] | None],
    losses: Floats,
    *,
    statistic: interval.Statistic,
    practical: float,
    alpha: float,
    groups: NDArray[np.integer] | None = None,
    seed: int = 0,
) -> Iterator[Finding]:
    """The weakest slice, if its error is surely larger than that of the other rows by more than matters.

    Args:
        x: Numbers, or codes of categories, NaN where missing, shape (rows, columns).
        names: Of the columns.
        levels: Names of a category's codes, None for a column of numbers.
        losses: 0 or 1, or squared errors, of rows that did not train the network, shape (rows,).
        statistic: "error" for 0 or 1, "rmse" for squared errors.
        practical: Difference of the error that matters, in its unit.
        alpha: Chance of a false alarm.
        groups: Rows that belong together share a number; they stay in one half.
        seed: Of the halves.
    """
    if len(losses) < 8 * LEAST_ROWS or not x.shape[1] or losses.min() == losses.max():
        return
    finds = _half(len(losses), groups, seed)
    wide, said = _questions(x, names, levels)
    least = max(LEAST_ROWS, int(LEAST_SHARE * finds.sum()))
    model: Any = tree.DecisionTreeRegressor(
        max_depth=DEPTH, max_leaf_nodes=LEAVES, min_samples_leaf=least, random_state=seed
    )
    model.fit(wide[finds], losses[finds])
    leaf = model.apply(wide)
    found = []
    for number in np.unique(leaf[finds]):
        inside, outside = ~finds & (leaf == number), ~finds & (leaf != number)
        if min(inside.sum(), outside.sum()) < LEAST_ROWS or inside.sum() > outside.sum():
            continue  # a slice that holds most rows is no part of them: the others are the exception
        found.append((number, inside, outside))
    level = 1 - 2 * alpha / max(1, len(found))
    tests = [(_gap(losses, inside, outside, statistic, groups, level), number, inside, outside)
             for number, inside, outside in found]  # fmt: skip
    if not tests:
        return
    gap, number, inside, outside = max(tests, key=lambda test: test[0].low)
    errors = [_error(losses, part, statistic, groups, interval.LEVEL) for part in (inside, outside)]
    if gap.low > practical and errors[0].value > TIMES * errors[1].value:
        shown = _percent if statistic == "error" else _plain
        where = " and ".join(_path(model.tree_, int(number), said))
        yield BV12.finding(
            f"Where {where} ({counted(int(inside.sum()), 'row')} of {int((~finds).sum()):,} that did not choose this "
            f"slice) the error is {shown(errors[0].value)} ({shown(errors[0].low)} to {shown(errors[0].high)}), "
            f"elsewhere {shown(errors[1].value)}: {shown(gap.low)} more at least.",
            where=where,
        )


def _half(count: int, groups: NDArray[np.integer] | None, seed: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng([seed, 12])
    if groups is None:
        return rng.permutation(count) < count // 2
    _, units = np.unique(groups, return_inverse=True)
    return (rng.permutation(int(units.max()) + 1) % 2 == 0)[units]


def _gap(
    losses: Floats,
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    statistic: interval.Statistic,
    groups: NDArray[np.integer] | None,
    level: float,
) -> interval.Interval:
    return interval.difference(
        _error(losses, inside, statistic, groups, level), _error(losses, outside, statistic, groups, level)
    )


def _error(
    losses: Floats,
    part: NDArray[np.bool_],
    statistic: interval.Statistic,
    groups: NDArray[np.integer] | None,
    level: float,
) -> interval.Interval:
    return interval.estimate(losses[part], statistic, groups=None if groups is None else groups[part], level=level)


def _questions(
    x: Floats, names: Sequence[str], levels: Sequence[Sequence[str] | None]
) -> tuple[Floats, list[tuple[str, str]]]:
    """Columns that a tree can ask about, and how yes (beyond the threshold) and no are said; "{}" is the threshold."""
    columns, said = [], []
    for place, (name, known) in enumerate(zip(names, levels, strict=True)):
        column = x[:, place]
        missing = np.isnan(column)
        if known is None:
            lowest = np.nanmin(column) if not missing.all() else 0.0
            columns.append(np.where(missing, lowest - 1 - abs(lowest), column))
            said.append((f"{name} > {{}}", f"{name} ≤ {{}}" + (" or missing" if missing.any() else "")))
            continue
        codes, counts = np.unique(column[~missing], return_counts=True)
        for code in codes[np.argsort(-counts, kind="stable")[:LEVELS]]:
            columns.append((column == code).astype(np.float64))
            said.append((f"{name} is {known[int(code)]!r}", f"{name} is not {known[int(code)]!r}"))
    return np.stack(columns, axis=1), said


def _path(made: Any, leaf: int, said: Sequence[tuple[str, str]]) -> list[str]:
    """The conditions on the way to a leaf, as a person would say them."""
    parents = {}
    for node in range(made.node_count):
        for child, beyond in ((made.children_left[node], False), (made.children_right[node], True)):
            if child >= 0:
                parents[int(child)] = (node, beyond)
    told, node = [], leaf
    while node in parents:
        node, beyond = parents[node]
        told.append(said[made.feature[node]][0 if beyond else 1].format(f"{made.threshold[node]:.4g}"))
    return told[::-1]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _plain(value: float) -> str:
    return f"{value:.4g}"


BV12 = Described(
    "BV12",
    "The model is much worse on a part of the rows",
    Evidence.TEST,
    Severity.NOTE,
    "A slice that a shallow tree found on half of the dev rows has, on the other half, an error surely larger than the "
    "other rows', by more than matters and by half as much again.",
    "More rows like these, a column that tells them apart, or a model of their own; if they are hard by nature, say so "
    "to whoever uses the predictions.",
    "The slice's error falls on fresh rows, and the others' does not rise.",
    "Athey and Imbens, 2016 (honest trees); Newcombe, 1998.",
)

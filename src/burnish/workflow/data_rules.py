"""Rules about data on a table: which of them can say something, on how many rows, and what they found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from burnish.data import observation, split
from burnish.data.fold import Split
from burnish.data.kinds import Profile
from burnish.data.table import Table
from burnish.diagnosis.data_rules import register, rows
from burnish.diagnosis.finding import Finding, Severity
from burnish.workflow.settings import Settings

# What is looked at in any table, beside what the audit looks at without training a model, unless targets turn out to
# belong to other rows (DA18): the future, wrong labels, rare classes, tails, near copies.
ALONE = ("DA6", "DA9", "DA16", "DA17", "DA20", "DA26")
# What files that were given as parts can differ in beside their distributions.
FILES = ("DA2", "DA19")
# What the past and the future of a table can differ in.
TIMES = ("DA3", "DA4")
# Rows that `burnish audit` looks at, for some seconds; and rows for each second of a run's time limit: rules that train
# forests then take one or two parts in a hundred of it. A run that counts epochs looks at as many as one of a minute.
AUDITED, ROWS_A_SECOND, LEAST, COUNTED_AS = rows.MOST_ROWS, 10, 500, 60.0
# Rules that train several forests, and the seconds below which a run has no time for them.
DEAR, DEAR_FROM = frozenset(("DA9", "DA17", "DA20")), 45.0
# All rules that train models, and the values for each second of the limit from which a run has no time for them: on
# 2 million values they take 2 s.
TRAINING, VALUES_A_SECOND = DEAR | {"DA18", "DA26"}, 50_000
TIME_IS_UP = "As the time is up, only what the audit sees without rules was looked for: `burnish audit` asks all."
# Rows up to which every value is read, to see whether a mean was computed from these very rows.
READ_IN_FULL = 200_000


def alone(
    table: Table,
    target: str,
    profiles: Sequence[Profile],
    *,
    origin: NDArray[np.integer],
    classes: NDArray[np.integer] | None,
    plan: split.Plan,
    copied: bool = False,
    settings: Settings | None = None,
) -> tuple[Finding, ...]:
    """What the main table shows by itself.

    Args:
        table: All rows, of all files.
        target: Name of the target column.
        profiles: What each column is.
        origin: Where each row comes from, shape (rows,).
        classes: Class code of each row, shape (rows,); None for regression.
        plan: The group, time and source columns, and the seed.
        copied: Whether the audit has found copies among all rows.
        settings: Of the run, whose time limit says how many rows are looked at; None: `burnish audit`.
    """
    view = observation.View(table, table[target], {p.name: p for p in profiles}, origin, classes, plan)
    main = np.flatnonzero(origin == split.MAIN)
    most = AUDITED if settings is None else rows_of(settings)
    picked = rows.some(len(main), most, np.random.default_rng([plan.seed, 99]))
    needless = {"DA6"} if copied else set()
    needless |= {"DA9"} if plan.time is not None else set()
    needless |= set() if settings is None else too_dear(settings, table)
    codes = [code for code in ALONE if code not in needless]
    # Whether targets belong to other rows is seen in rows that follow one another, which a sample does not hold.
    found = _look(_rows(view, main[:most]), {"DA18"} - needless)
    if not found:
        found = _look(_rows(view, main[picked]), codes)
    if len(main) <= READ_IN_FULL:
        half = len(main) // 2
        found += _look(_rows(view, main[:half], main[half:]), ("DA11",))
    return (*found, *_files(view, main, most))


def with_more(audited: Sequence[Finding], more: Sequence[Finding]) -> tuple[Finding, ...]:
    """What the audit and the rules found, faults first; that a class is rare is not said beside what comes of it."""
    measured = any(one.code == "DA20" for one in more)
    found = [*(one for one in audited if not (measured and one.code == "DA20")), *more]
    rank = {Severity.FAULT: 0, Severity.LIMIT: 1, Severity.NOTE: 2}
    return tuple(sorted(found, key=lambda one: rank[one.severity]))


def _files(view: observation.View, main: NDArray[np.integer], most: int) -> tuple[Finding, ...]:
    """What a given dev or test file has that the main one has not."""
    found: list[Finding] = []
    for place, name in ((split.DEV_FILE, "dev"), (split.TEST_FILE, "test")):
        given = np.flatnonzero(view.origin == place)
        if not len(given):
            continue
        rng = np.random.default_rng([view.plan.seed, 98])
        parts = [part[rows.some(len(part), most, rng)] for part in (main, given)]
        seen = _look(_rows(view, parts[0], parts[1]), FILES)
        found += [_renamed(one, name) for one in seen]
    return tuple(found)


def over_time(
    table: Table,
    target: str,
    profiles: Sequence[Profile],
    divided: Split,
    *,
    origin: NDArray[np.integer],
    classes: NDArray[np.integer] | None,
    plan: split.Plan,
) -> tuple[Finding, ...]:
    """How dev rows differ from training rows where time divided them; the time column is left out."""
    if plan.time is None or plan.given_dev:
        return ()
    view = observation.View(table, table[target], {p.name: p for p in profiles}, origin, classes, plan)
    fold, rng = divided.primary, np.random.default_rng([plan.seed, 97])
    parts = [part[rows.some(len(part), rows.MOST_ROWS, rng)] for part in (fold.train, fold.dev)]
    return tuple(_look(_rows(view, parts[0], parts[1], without=(plan.time,)), TIMES))


def rows_of(settings: Settings) -> int:
    """How many rows a run looks at: a matter of what was asked for, never of the clock."""
    return int(np.clip(ROWS_A_SECOND * _seconds(settings), LEAST, rows.MOST_ROWS))


def too_dear(settings: Settings, table: Table) -> frozenset[str]:
    """Rules that a run of so many seconds leaves out on so large a table."""
    seconds = _seconds(settings)
    if min(table.rows, rows_of(settings)) * len(table.columns) > VALUES_A_SECOND * seconds:
        return TRAINING
    return DEAR if seconds < DEAR_FROM else frozenset()


def left_out(settings: Settings, table: Table) -> str:
    """What a short run does not look for in this table, as a sentence; "": it looks for all."""
    codes = too_dear(settings, table)
    if not codes:
        return ""
    names = observation.listed(sorted(codes, key=lambda code: int(code[2:])))
    if codes == TRAINING:
        what = f"for a table of this size, the rules that train models ({names}) are left out"
    else:
        what = f"rules that train models look at {rows_of(settings):,} rows at most, and {names} are left out"
    return f"As the time is short, {what}: `burnish audit` asks all."


def _seconds(settings: Settings) -> float:
    return COUNTED_AS if settings.limit is None else settings.limit


def _rows(
    view: observation.View,
    learn: NDArray[np.integer],
    judge: NDArray[np.integer] | None = None,
    *,
    without: Collection[str] = (),
) -> rows.Rows:
    """The table's features as arrays; missing values are NaN, text is coded."""
    columns = [
        column
        for column in view.features
        if view.profiles[column.name].kind in rows.PREDICTABLE and column.name not in without
    ]
    parts = []
    for places in (learn, np.empty(0, np.int64) if judge is None else judge):
        x = np.stack([observation.numbers(column, places) for column in columns], axis=1) if columns else None
        y = observation.numbers(view.target, places) if view.classes is None else view.classes[places]
        parts.append((np.empty((len(places), 0)) if x is None else x, y))
    return rows.of(
        *parts[0],
        *parts[1],
        names=[column.name for column in columns],
        kinds=[view.profiles[column.name].kind for column in columns],
        task="regression" if view.classes is None else "classification",
        classes=_class_names(view, learn),
        seed=view.plan.seed,
        row_ids=view.table.row_ids[learn],
        prepared=True,
    )


def _class_names(view: observation.View, places: NDArray[np.integer]) -> tuple[str, ...]:
    """By class code, as far as these rows show them."""
    if view.classes is None or not len(places):
        return ()
    codes, first = np.unique(view.classes[places], return_index=True)
    rows_of = zip(codes, places[first], strict=True)
    known = {int(code): observation.shown(view.target, int(row)) for code, row in rows_of}
    return tuple(known.get(code, str(code)) for code in range(max(known) + 1))


def _look(given: rows.Rows, codes: Collection[str]) -> list[Finding]:
    return list(register.look(given, codes=codes)) if given.names else []


def _renamed(finding: Finding, part: str) -> Finding:
    """The same about a file by its name."""
    if part == "dev":
        return finding
    return replace(finding, title=finding.title.replace("dev", part).replace("Dev", part.capitalize()))

"""Dividing a table into training, dev and test rows, so that the sizes suit what dev has to tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from burnish import errors
from burnish.data import deal, distinct
from burnish.data.fold import Fold, Rows, Split
from burnish.data.table import Table

MAIN, DEV_FILE, TEST_FILE = 0, 1, 2  # where a row came from

DEV_SHARE = 0.2  # of all rows, for dev and for test, while the data are few: 60/20/20
DEV_SHARE_WITHOUT_TEST = 0.3  # 70/30
DEV_ENOUGH = 10_000  # rows: a 95 % interval of a 10 % error is then ± 0.6 points; 98/1/1 at 1,000,000 rows

# Below this many dev rows one dev part cannot tell models apart (± 2.6 points at a 10 % error): all rows take turns.
SMALL_DEV = 500
FEWEST_TRAINING = 2  # rows of one fold: one row alone shows no difference
FOLDS = 5  # turns then; the usual compromise between time and training size (Hastie et al. 2009, 7.10)

# Below this share of the rows for training and dev, other choices of dev are not offered: one large dev part is enough.
ROTATE_FROM = 0.1

TRAIN_DEV_SHARE = 0.1  # of the training rows, at most, held out where dev comes from elsewhere

# Two-sided 5 % and 80 % power: the wished-for difference is (1.96 + 0.84) standard errors.
DISTANCE = float(special.ndtri(0.975) + special.ndtri(0.8))
RATE_SPREAD = 0.5  # standard deviation that one row brings into an error rate, at most √(0.5 · 0.5)
RMSE_SPREAD = 0.5**0.5  # the same for an RMSE in units of itself, for normal errors: √((κ − 1)/4) with κ = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """How a person wants the table divided."""

    test: bool = True
    folds: int | None = None  # None: as the size suggests
    group: str | None = None  # rows with the same value stay together
    time: str | None = None  # train on the earliest, test on the latest
    source: str | None = None  # every part has its share of each
    seed: int = 0
    given_dev: bool = False
    given_test: bool = False


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows of each part."""

    train: int
    dev: int
    test: int


def sizes(rows: int, *, test: bool, smallest_difference: float | None = None, spread: float = RATE_SPREAD) -> Sizes:
    """How many rows each part should have.

    Dev and test get 20 % each, at most 10,000; without a test set dev gets 30 %, at most 10,000. Where a difference as
    small as `smallest_difference` has to be told, they may grow beyond 10,000 rows, but not beyond their share: the
    standard error spread/√n has to be `smallest_difference` / 2.8.

    Args:
        rows: All rows.
        test: Whether there is a test part.
        smallest_difference: Smallest difference of the error that dev has to tell, in the unit of `spread`.
        spread: Standard deviation that one row brings into the error: √(e(1−e)) for a rate e, at most 0.5.
    """
    needed = 0 if smallest_difference is None else int(np.ceil((DISTANCE * spread / smallest_difference) ** 2))
    part = min(round(rows * (DEV_SHARE if test else DEV_SHARE_WITHOUT_TEST)), max(DEV_ENOUGH, needed))
    return Sizes(rows - part * (2 if test else 1), part, part if test else 0)


def split(
    table: Table,
    target: str,
    plan: Plan,
    *,
    origin: NDArray[np.integer],
    classes: NDArray[np.integer] | None,
    smallest_difference: float | None = None,
    keep_together: NDArray | None = None,
) -> Split:
    """Divides the rows of a table. A function of the rows, their order and the seed alone.

    Args:
        table: All rows, of all files.
        target: Name of the target column.
        plan: What the person wants.
        origin: MAIN, DEV_FILE or TEST_FILE for each row, shape (rows,).
        classes: Class code of each row, shape (rows,); None for regression.
        smallest_difference: Smallest difference of the error that dev has to tell: of the error rate, or of the RMSE in
            the target's units.
        keep_together: Rows with the same label never part, as copies do, shape (rows,). Not used where time divides.

    Raises:
        DataError: no split exists, as with fewer units of rows than parts.
        ConfigError: the plan asks for folds where none can be.
    """
    _check(plan)
    values = table[target].values.astype(np.float64)
    strata = deal.target_bins(values) if classes is None else distinct.codes(classes)
    if plan.source is not None:
        sources = distinct.codes(table[plan.source].values)
        strata = distinct.codes(strata * (int(sources.max()) + 1) + sources)
    group = None if plan.group is None else group_labels(table, plan.group)
    together = deal.joined(group, None if plan.time else keep_together)
    units = np.arange(table.rows) if together is None else together
    problem = _Problem(
        strata, units, None if classes is None else distinct.codes(classes), np.random.default_rng(plan.seed)
    )
    main, dev, test = (np.flatnonzero(origin == place) for place in (MAIN, DEV_FILE, TEST_FILE))
    if plan.given_dev:
        return _with_given_dev(problem, plan, main, dev, test if plan.given_test else None)
    spread, wished = _unit_of_error(values, classes, smallest_difference)
    wants_test = plan.test and not plan.given_test
    size = sizes(len(main), test=plan.test, smallest_difference=wished, spread=spread)
    if plan.time is not None:
        result = _by_time(problem, _times(table, plan.time), main, size, wants_test, given_test=plan.given_test)
    else:
        result = _at_random(problem, plan, main, size, wants_test)
    if not plan.given_test:
        return result
    return Split(result.folds, result.screen, test, f"{result.reason} The test file is the test set.")


@dataclass(frozen=True, slots=True)
class _Problem:
    """What dealing needs to know of all rows."""

    strata: deal.Labels
    units: deal.Labels
    classes: deal.Labels | None
    rng: np.random.Generator

    def parts(self, rows: Rows, shares: list[float]) -> deal.Labels:
        """Part of each of these rows, shape (len(rows),)."""
        return deal.deal(
            distinct.codes(self.strata[rows]), distinct.codes(self.units[rows]), np.array(shares), self.rng
        )

    def count(self, rows: Rows) -> int:
        """Number of units among these rows."""
        return len(np.unique(self.units[rows]))


def _at_random(problem: _Problem, plan: Plan, main: Rows, size: Sizes, wants_test: bool) -> Split:
    """A test part, then the rest in parts that take turns as dev."""
    small = plan.folds is not None or size.dev < SMALL_DEV
    test, rest = None, main
    if wants_test:
        taken = _spread_out(problem, main, problem.parts(main, [1 - size.test / len(main), size.test / len(main)]), 1)
        test, rest = main[taken == 1], main[taken != 1]
        if not len(test):
            raise _no_split(problem.count(main), "a test part, a dev part and training rows need three")
    share = size.dev / len(rest)
    if small:
        count = min(plan.folds or FOLDS, problem.count(rest))
        if count < 2:
            raise _no_split(problem.count(main), "the test part leaves too few to train on and to choose by")
        shares = [1 / count] * count
    else:
        count = int(1 / share + 1e-9) if share >= ROTATE_FROM else 1  # 1e-9: 1 / 0.2 is 5
        shares = [share] * count
        if sum(shares) < 1 - 1e-9:
            shares.append(1 - sum(shares))
    parts = _spread_out(problem, rest, problem.parts(rest, shares), None)
    folds = tuple(Fold(rest[parts != k], rest[parts == k]) for k in range(count) if (parts == k).any())
    if not folds or not all(len(fold.train) for fold in folds):
        raise _no_split(problem.count(main), "a class with one row, or one group, cannot both train and be judged on")
    if min(len(fold.train) for fold in folds) < FEWEST_TRAINING:
        raise _no_split(problem.count(main), "a network that learns from one row knows of no difference")
    tail = _manner(problem, plan)
    if small:
        why = "as asked for" if plan.folds else f"as one dev part of {size.dev:,} rows could not tell models apart"
        held = "The" if plan.given_test else "No test set; all"
        held = f"{len(test):,} test rows are held out; the other" if test is not None else held
        return Split(folds, len(folds), test, f"{held} {len(rest):,} rows take turns as dev in "
                     f"{len(folds)} folds, {why}{tail}")  # fmt: skip
    return Split(folds, 1, test, _sized_reason(folds[0], test, given=plan.given_test) + tail)


def _by_time(
    problem: _Problem, times: NDArray[np.float64], main: Rows, size: Sizes, wants_test: bool, *, given_test: bool
) -> Split:
    """The earliest rows train, later ones choose, the latest are the test set; a unit counts by its latest row."""
    _, unit = np.unique(problem.units[main], return_inverse=True)
    latest = np.full(int(unit.max()) + 1, -np.inf)
    np.maximum.at(latest, unit, np.where(np.isnan(times[main]), -np.inf, times[main]))
    when = latest[unit]
    moments = np.unique(when)
    before = np.searchsorted(np.sort(when), moments, side="left")  # rows earlier than each moment
    test_start = _cut(before, len(main) - size.test, first=2) if wants_test else len(moments)
    dev_start = _cut(before[:test_start], size.train if wants_test else len(main) - size.dev, first=1)
    if not 0 < dev_start < test_start or (wants_test and test_start == len(moments)):
        raise _no_split(len(moments), "each part needs times of its own", unit="distinct times")
    place = np.searchsorted(moments, when)
    test = main[place >= test_start] if wants_test else None
    fold = Fold(main[place < dev_start], main[(place >= dev_start) & (place < test_start)])
    missing = int(np.isnan(times[main]).sum())
    tail = f" {missing:,} rows without a time count as the earliest." if missing else ""
    return Split((fold,), 1, test, _sized_reason(fold, test, given=given_test) + ", in the order of time." + tail)


def _with_given_dev(problem: _Problem, plan: Plan, main: Rows, dev: Rows, test: Rows | None) -> Split:
    """Dev (and test) as given; a train-dev part of the main rows tells variance from mismatch."""
    note = (
        "Dev and test are the files given." if test is not None else "Dev is the file given, and there is no test set."
    )
    if test is None and plan.test:
        if problem.count(dev) < 2:
            raise _no_split(problem.count(dev), "dev and test are both cut from the dev file")
        half = problem.parts(dev, [0.5, 0.5])
        dev, test = dev[half == 0], dev[half == 1]
        note = "The dev file is cut in halves, for dev and for test, as both must come from one distribution."
    if not len(main) or not len(dev):
        raise _no_split(0, "there must be rows to train on and rows to choose by")
    share = min(len(dev) / len(main), TRAIN_DEV_SHARE)
    parts = _spread_out(problem, main, problem.parts(main, [1 - share, share]), 1)
    held = main[parts == 1]
    fold = Fold(main[parts != 1], dev, held if len(held) else None)
    reason = f"{note} {len(held):,} of the {len(main):,} main rows are held out as train-dev."
    return Split((fold,), 1, test, reason)


def _spread_out(problem: _Problem, rows: Rows, parts: deal.Labels, held_out: int | None) -> deal.Labels:
    """Gives training a share of every class: a class that lies in one part alone gives one unit to training for good.

    Args:
        problem: What is known of all rows.
        rows: The rows dealt out.
        parts: Their parts.
        held_out: The part that never trains; None where all parts take turns.
    """
    if problem.classes is None:
        return parts
    parts, classes, units = parts.copy(), problem.classes[rows], problem.units[rows]
    first = np.full(int(classes.max()) + 1, -1)
    first[classes[::-1]] = parts[::-1]
    alone = np.ones(len(first), dtype=bool)
    alone[classes[parts != first[classes]]] = False
    for code in np.flatnonzero(alone & (first >= 0) & (True if held_out is None else first == held_out)):
        parts[units == problem.rng.choice(units[classes == code])] = deal.ALWAYS_TRAIN
    return parts


def _cut(before: NDArray[np.integer], wanted: int, *, first: int) -> int:
    """The moment, not before number `first`, that comes closest to having `wanted` rows before it."""
    if len(before) <= first:
        return len(before)
    return first + int(np.argmin(np.abs(before[first:] - wanted)))


def _unit_of_error(
    values: NDArray[np.float64], classes: NDArray[np.integer] | None, difference: float | None
) -> tuple[float, float | None]:
    """Spread of one row, and the wished-for difference in its unit: an RMSE is at most about the target's deviation."""
    if classes is not None or difference is None:
        return RATE_SPREAD, difference
    return RMSE_SPREAD, difference / max(float(values.std()), np.finfo(float).tiny)


def _check(plan: Plan) -> None:
    if plan.folds is None:
        return
    if plan.folds < 2:
        raise errors.ConfigError(
            f"The rows cannot take turns as dev in {plan.folds} folds.",
            "One fold trains on what another chooses by, so there must be at least two.",
            "Ask for 2 folds or more, or leave the number to the size of the table.",
        )
    if plan.given_dev or plan.time is not None:
        fixed = "a dev file is given" if plan.given_dev else f"column {plan.time!r} orders the rows in time"
        raise errors.ConfigError(
            f"{plan.folds} folds were asked for, and {fixed}.",
            "Rows take turns as dev only where none of them is set apart.",
            "Leave out one of the two.",
        )


def group_labels(table: Table, name: str) -> deal.Labels:
    """Codes of a group column; a row without a group is a group of its own."""
    column = table[name]
    labels = distinct.codes(column.values)
    return np.where(column.missing, labels.max() + 1 + np.arange(table.rows), labels)


def _times(table: Table, name: str) -> NDArray[np.float64]:
    """Numbers that order the rows; text is ordered as text, which is right for ISO dates."""
    column = table[name]
    if not column.levels:
        return column.values.astype(np.float64)
    ranks = np.argsort(np.argsort(np.array(column.levels)))
    return np.where(column.missing, np.nan, ranks[column.values.astype(np.int64)])


def _sized_reason(fold: Fold, test: Rows | None, *, given: bool) -> str:
    """The parts' sizes. Of a test set that was given somebody else tells."""
    end = "rows" if given else f"and {len(test):,} test rows" if test is not None else "rows, and no test set"
    return f"{len(fold.train):,} training, {len(fold.dev):,} dev {end}"


def _manner(problem: _Problem, plan: Plan) -> str:
    words = ["class" if problem.classes is not None else "the target's size"]
    words += [f"column {plan.source!r}"] if plan.source else []
    whole = f"; rows with the same {plan.group!r} stay together" if plan.group else ""
    return f", stratified by {' and '.join(words)}{whole}."


def _no_split(count: int, why: str, *, unit: str = "rows or groups of rows") -> errors.DataError:
    return errors.DataError(
        "The table cannot be split.",
        f"It has {count} {unit} that can be parted, and {why}.",
        "Give more rows or classes with at least two rows, name another group or time column, or use --no-test.",
    )

"""The split: sizes, disjointness, strata, groups, time, given files, and tables that are tiny."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnish import errors
from burnish.data import deal, split
from burnish.data.fold import Split
from burnish.data.table import Column, Physical, Table

DEFAULT = split.Plan()


def made(rows: int, classes: np.ndarray | None = None, **columns: np.ndarray) -> Table:
    """A table with a target `y` and the columns named."""
    rng = np.random.default_rng(rows)
    values = rng.normal(size=rows) if classes is None else classes.astype(float)
    all_columns = {"x": rng.normal(size=rows), **columns, "y": values}
    made_columns = tuple(Column(name, Physical.NUMBER, v.astype(float)) for name, v in all_columns.items())
    return Table("made", made_columns, np.arange(rows))


def run(table: Table, plan: split.Plan = DEFAULT, *, classes=None, origin=None, **rest) -> Split:
    origin = np.zeros(table.rows, dtype=int) if origin is None else origin
    return split.split(table, "y", plan, origin=origin, classes=classes, **rest)


def assert_partition(result: Split, rows: int) -> None:
    """Every row is in exactly one of train, dev, train-dev and test, in every fold."""
    for fold in result.folds:
        parts = [fold.train, fold.dev, *(p for p in (fold.train_dev, result.test) if p is not None)]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(rows))
        assert all(len(part) for part in parts)
        for part in parts:
            np.testing.assert_array_equal(part, np.sort(part))


@pytest.mark.parametrize(
    ("rows", "test", "expected"),
    [
        (1000, True, split.Sizes(600, 200, 200)),
        (1_000_000, True, split.Sizes(980_000, 10_000, 10_000)),
        (1000, False, split.Sizes(700, 300, 0)),
        (100_000, False, split.Sizes(90_000, 10_000, 0)),
    ],
)
def test_sizes_follow_the_rule_of_thumb(rows, test, expected):
    """60/20/20 for small data, 98/1/1 for a million rows, 70/30 without a test set."""
    assert expected == split.sizes(rows, test=test)


def test_a_small_wished_for_difference_enlarges_dev():
    """0.5 points need (2.8 · 0.5 / 0.005)² rows; never more than the share of 20 %."""
    needed = int(np.ceil((2.8015851 * 0.5 / 0.005) ** 2))

    assert abs(split.sizes(1_000_000, test=True, smallest_difference=0.005).dev - needed) <= 1
    assert split.sizes(100_000, test=True, smallest_difference=0.0005).dev == 20_000


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(10, 120),
    kinds=st.integers(0, 6),
    groups=st.integers(0, 30),
    test=st.booleans(),
    seed=st.integers(0, 5),
)
def test_every_row_has_one_place_and_units_stay_whole(rows, kinds, groups, test, seed):
    """Parts are disjoint, cover the table, keep groups whole, and train on every class that has two units."""
    rng = np.random.default_rng(seed)
    classes = np.unique(rng.integers(0, kinds, rows), return_inverse=True)[1] if kinds > 1 else None
    labels = rng.integers(0, groups, rows) if groups > 4 else None
    table = made(rows, classes)
    try:
        result = run(table, split.Plan(test=test, seed=seed), classes=classes, keep_together=labels)
    except errors.DataError:
        assert labels is not None
        assert classes is not None or len(np.unique(labels)) < 3
        return

    assert_partition(result, rows)
    for fold in result.folds:
        if labels is not None:
            assert not set(labels[fold.train]) & set(labels[fold.dev])
            assert result.test is None or not set(labels[result.test]) & set(
                labels[np.concatenate([fold.train, fold.dev])]
            )
        if classes is not None and labels is None:
            assert set(classes) == set(classes[fold.train])


def test_small_data_take_turns_as_dev():
    """Below 500 dev rows every row that is not test is dev once, and trials are judged on all folds."""
    result = run(made(1000))

    assert len(result.folds) == result.screen == split.FOLDS
    assert len(result.test) == 200
    np.testing.assert_array_equal(
        np.sort(np.concatenate([fold.dev for fold in result.folds])), np.setdiff1d(np.arange(1000), result.test)
    )


def test_larger_data_have_one_dev_part_and_spare_rotations():
    """From 500 dev rows on one part screens; 60/20/20 gives four rotations."""
    result = run(made(5000))

    assert (len(result.folds), result.screen) == (4, 1)
    assert [len(fold.dev) for fold in result.folds] == [1000] * 4


def test_without_a_test_set_dev_is_thirty_percent():
    result = run(made(5000), split.Plan(test=False))

    assert result.test is None
    assert (len(result.primary.train), len(result.primary.dev), len(result.folds)) == (3500, 1500, 3)


def test_huge_data_have_one_fold():
    result = run(made(200_000))

    assert (len(result.folds), len(result.primary.dev), len(result.test)) == (1, 10_000, 10_000)


def test_classes_and_sources_have_their_share_everywhere():
    """A class of 5 % from a source of 10 % differs by at most one row from its share in every part."""
    rng = np.random.default_rng(0)
    classes, source = (rng.random(4000) < 0.05).astype(int), (rng.random(4000) < 0.1).astype(float)
    result = run(made(4000, classes, source=source), split.Plan(source="source"), classes=classes)

    cell = (classes == 1) & (source == 1)
    for part in (result.test, *(fold.dev for fold in result.folds)):
        assert abs(cell[part].sum() - cell.sum() * len(part) / 4000) <= 1


def test_numbers_are_stratified_by_size():
    """The mean of the target differs less between parts than a random split allows."""
    table = made(1000)
    result = run(table)

    y = table["y"].values
    assert abs(y[result.test].mean() - y.mean()) < 0.5 * y.std() / np.sqrt(200)


def test_a_group_column_keeps_groups_whole():
    groups = np.random.default_rng(0).integers(0, 60, 900).astype(float)
    result = run(made(900, group=groups), split.Plan(group="group"))

    assert_partition(result, 900)
    for fold in result.folds:
        assert not set(groups[fold.train]) & set(groups[fold.dev])
    assert 120 <= len(result.test) <= 240


def test_time_trains_on_the_past():
    """Train before dev before test, equal times never parted, and no rotation."""
    time = np.random.default_rng(0).integers(0, 50, 1000).astype(float)
    result = run(made(1000, time=time), split.Plan(time="time"))

    [fold] = result.folds
    assert_partition(result, 1000)
    assert time[fold.train].max() < time[fold.dev].min()
    assert time[fold.dev].max() < time[result.test].min()
    assert 150 <= len(result.test) <= 250


def test_one_moment_cannot_be_split_by_time():
    with pytest.raises(errors.DataError, match="1 distinct times"):
        run(made(100, time=np.ones(100)), split.Plan(time="time"))


def test_two_moments_leave_no_test():
    time = np.repeat([0.0, 1.0], 50)
    with pytest.raises(errors.DataError, match="2 distinct times"):
        run(made(100, time=time), split.Plan(time="time"))
    [fold] = run(made(100, time=time), split.Plan(time="time", test=False)).folds

    np.testing.assert_array_equal(fold.dev, np.arange(50, 100))


def test_given_files_are_used_as_they_are():
    """Dev and test are the files; a train-dev part of at most 10 % comes from the main rows."""
    origin = np.repeat([0, 1, 2], [1000, 80, 90])
    plan = split.Plan(given_dev=True, given_test=True)
    result = run(made(1170), plan, origin=origin)

    [fold] = result.folds
    assert_partition(result, 1170)
    np.testing.assert_array_equal(fold.dev, np.flatnonzero(origin == 1))
    np.testing.assert_array_equal(result.test, np.flatnonzero(origin == 2))
    assert len(fold.train_dev) == 80


def test_a_dev_file_alone_gives_dev_and_test():
    origin = np.repeat([0, 1], [1000, 200])
    result = run(made(1200), split.Plan(given_dev=True), origin=origin)

    assert_partition(result, 1200)
    assert len(result.test) == len(result.primary.dev) == 100
    assert "halves" in result.reason
    alone = run(made(1200), split.Plan(given_dev=True, test=False), origin=origin)
    assert alone.test is None
    assert len(alone.primary.dev) == 200


def test_a_test_file_alone_leaves_the_main_rows_to_train_and_dev():
    origin = np.repeat([0, 2], [1000, 200])
    result = run(made(1200), split.Plan(given_test=True), origin=origin)

    assert_partition(result, 1200)
    np.testing.assert_array_equal(result.test, np.arange(1000, 1200))


@pytest.mark.parametrize("rows", [300, 20_000])
@pytest.mark.parametrize("time", [None, "x"])
def test_a_test_file_is_never_said_not_to_be_there(rows, time):
    """Folds or one dev part, by chance or by time; without any test set it is said so."""
    origin = np.repeat([0, 2], [rows, 100])
    given = run(made(rows + 100), split.Plan(given_test=True, time=time), origin=origin).reason
    none = run(made(rows), split.Plan(test=False, time=time)).reason

    assert "no test set" not in given.lower()
    assert given.endswith("The test file is the test set.")
    assert "no test set" in none.lower()


@pytest.mark.parametrize("rows", [10, 11, 17, 30])
def test_tiny_tables_still_split(rows):
    """Ten rows with a class of two and one of one: every class stays in every training part."""
    classes = np.array([0] * (rows - 3 - rows // 3) + [1] * (rows // 3) + [2, 2, 3])
    for seed in range(10):
        result = run(made(rows, classes), split.Plan(seed=seed), classes=classes)

        assert_partition(result, rows)
        for fold in result.folds:
            assert set(classes[fold.train]) == {0, 1, 2, 3}


def test_a_target_without_repeats_has_no_split():
    with pytest.raises(errors.DataError, match="cannot be split"):
        run(made(50, np.arange(50)), classes=np.arange(50))


def test_three_rows_have_no_split_that_trains_on_more_than_one():
    with pytest.raises(errors.DataError, match=r"It has 3 rows .*learns from one row"):
        run(made(3))
    assert_partition(run(made(4)), 4)


def test_one_group_has_no_split():
    with pytest.raises(errors.DataError, match="It has 1 rows or groups"):
        run(made(50, group=np.zeros(50)), split.Plan(group="group"))


@pytest.mark.parametrize(
    "plan", [split.Plan(folds=1), split.Plan(folds=3, time="x"), split.Plan(folds=3, given_dev=True)]
)
def test_folds_that_cannot_be_are_refused(plan):
    with pytest.raises(errors.ConfigError):
        run(made(50), plan)


def test_the_seed_alone_decides():
    one, again, other = (run(made(300), split.Plan(seed=seed)) for seed in (1, 1, 2))

    np.testing.assert_array_equal(one.test, again.test)
    assert list(one.test) != list(other.test)


def test_folds_as_asked_for():
    result = run(made(20_000), split.Plan(folds=3))

    assert len(result.folds) == result.screen == 3


def test_groups_and_copies_are_joined():
    """Rows 0 and 1 share a group, 1 and 2 are copies: all three stay together."""
    labels = deal.joined(np.array([7, 7, 8, 9]), np.array([0, 1, 1, 2]))

    assert labels[0] == labels[1] == labels[2] != labels[3]
    assert deal.joined(None, None) is None


def test_pairs_do_not_gather_in_training():
    """Copies kept together have their share in dev, or dev would be another distribution than training."""
    pairs = np.concatenate([np.repeat(np.arange(500), 2), np.arange(500, 3500)])
    result = run(made(4000), keep_together=pairs)

    doubled = np.arange(4000) < 1000
    assert abs(doubled[result.test].mean() - 0.25) < 0.02
    assert abs(doubled[result.primary.dev].mean() - 0.25) < 0.02

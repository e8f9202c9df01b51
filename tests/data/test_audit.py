"""The audit: each fault planted is named, and healthy data stay silent."""

from __future__ import annotations

import time

import numpy as np
import pytest
from audited import PLAIN, as_classes, codes, column, healthy, look, named

from burnish.data import audit, copies, observation, split
from burnish.data.table import Table


def test_healthy_numbers_give_no_observation():
    assert look(**healthy()).observations == ()


def test_healthy_classes_give_no_observation():
    columns = healthy()
    classes = as_classes(columns["y"])

    assert look(classes, **(columns | {"y": classes})).observations == ()


@pytest.mark.parametrize("seed", range(5))
def test_healthy_files_give_no_observation(seed):
    """Dev and test files from the same distribution are not told apart."""
    origin = np.repeat([0, 1, 2], [1000, 250, 250])
    plan = split.Plan(given_dev=True, given_test=True, seed=seed)

    assert look(plan=plan, origin=origin, **healthy(seed=seed)).observations == ()


def test_columns_with_few_values_meet_without_being_copies():
    """Four columns of four values: most of 2,000 rows repeat another, and none is a copy."""
    rng = np.random.default_rng(0)
    columns = {name: rng.integers(0, 4, 2000) for name in "abcd"}
    classes = (rng.random(2000) < 0.2 + 0.15 * columns["a"]).astype(int)
    found = look(classes, **columns, y=classes)

    assert found.keep_together is None
    assert codes(found) == {"DA28"}
    assert found.facts["conflicting_floor"] > 0.2


def test_copies_are_counted_and_kept_together():
    columns = healthy(1000)
    rows = np.concatenate([np.arange(1000), np.arange(50)])
    found = look(**{name: values[rows] for name, values in columns.items()})

    assert "50 rows repeat an earlier one" in named(found, "DA6").evidence
    assert "1,000 different rows" in named(found, "DA6").evidence
    np.testing.assert_array_equal(found.keep_together[:50], found.keep_together[1000:])


def test_missing_values_and_zeros_are_equal_to_themselves():
    """A copy of a row with a gap, and of −0.0, is a copy."""
    x = np.concatenate([np.random.default_rng(0).normal(size=100), [np.nan, np.nan, 0.0, -0.0]])
    found = copies.find([column("x", x)], column("y", np.arange(104.0)))

    assert found.distinct == 102


def test_conflicting_labels_give_the_floor():
    """Every tenth row comes twice, with the other class: half of these rows are wrong whatever one does."""
    columns = healthy(1000)
    classes = as_classes(columns["y"])
    rows = np.concatenate([np.arange(1000), np.arange(100)])
    labels = np.concatenate([classes, 1 - classes[:100]])
    found = look(labels, **{name: values[rows] for name, values in columns.items() if name != "y"}, y=labels)

    assert found.facts["conflicting_floor"] == pytest.approx(100 / 1100)
    assert named(found, "DA28").severity == "limit"
    assert "200 rows of 1,100" in named(found, "DA28").evidence


def test_conflicting_numbers_give_the_floor_in_the_targets_unit():
    """Copies whose targets differ by 2 lie ±1 around their mean: 200 of 1,100 rows, RMSE √(200/1100)."""
    columns = healthy(1000)
    rows = np.concatenate([np.arange(1000), np.arange(100)])
    taken = {name: values[rows] for name, values in columns.items()}
    taken["y"] = np.concatenate([columns["y"], columns["y"][:100] + 2])
    found = look(**taken)

    assert found.facts["conflicting_floor"] == pytest.approx(np.sqrt(200 / 1100))
    assert "lie 1.41 around" in named(found, "DA28").evidence


def test_rows_copied_into_a_dev_file_are_a_fault():
    columns = healthy(1000)
    rows = np.concatenate([np.arange(1000), np.arange(800, 900)])
    origin = np.repeat([0, 1], [900, 200])
    plan = split.Plan(given_dev=True, test=False)
    taken = {name: values[rows] for name, values in columns.items()}
    found = look(plan=plan, origin=origin, **taken)
    fold = split.Fold(np.arange(900), np.arange(900, 1100))
    [seen] = audit.across(split.Split((fold,), 1, None, ""), found)

    assert (seen.code, seen.severity, seen.where) == ("DA7", "fault", "dev")
    assert "equals 100 of 200 dev rows (50 %)" in seen.evidence


def test_our_own_split_leaves_no_copies_on_both_sides():
    columns = healthy(1000)
    rows = np.random.default_rng(0).integers(0, 1000, 1500)
    taken = {name: values[rows] for name, values in columns.items()}
    found = look(**taken)
    table = Table("made", tuple(column(name, v) for name, v in taken.items()), np.arange(1500))
    parts = split.split(table, "y", PLAIN, origin=np.zeros(1500), classes=None, keep_together=found.keep_together)

    assert audit.across(parts, found) == ()


def test_missing_values_are_counted():
    columns = healthy()
    columns["a"][:150] = np.nan
    columns["word"][:30] = ""
    found = look(**columns)

    assert "a (10 %), word (2 %)" in named(found, "DA15").evidence
    assert found.facts["missing"] == {"a": 0.1, "word": 0.02}


def test_constant_empty_and_repeated_columns_are_named():
    columns = healthy()
    rows = len(columns["y"])
    found = look(one=np.ones(rows), none=np.full(rows, np.nan), again=columns["a"], **columns)

    evidence = [seen.evidence for seen in found.observations if seen.code == "DA14"]
    assert any("one, none; none has no value at all" in text for text in evidence)
    assert any("a repeats again" in text for text in evidence)


def test_a_column_in_another_unit_is_named_with_what_it_means():
    columns = healthy()
    seen = named(look(grams=1000 * columns["a"], **columns), "DA14")

    assert (seen.severity, seen.where) == ("note", "a")
    assert seen.evidence == "a = 0.001 × grams, in every row, to the digits that are given."
    assert "weight decay" in seen.remedy


def test_an_identifier_that_follows_the_target_says_so():
    columns = healthy()
    order = np.argsort(columns["y"])
    number = np.empty(len(order))
    number[order] = np.arange(len(order))
    seen = named(look(row_id=number, **columns), "DA12")

    assert "follows the target (rank correlation 1.00)" in seen.evidence


def test_sorted_rows_are_noted():
    columns = healthy()
    order = np.argsort(columns["y"])
    found = look(**{name: values[order] for name, values in columns.items()})

    assert named(found, "DA13").title == "The rows are sorted by the target"


def test_a_rare_class_is_a_note_with_its_name():
    columns = healthy()
    labels = np.where(np.arange(1500) % 60 == 0, "fraud", "fine")
    found = look((labels == "fraud").astype(int), **(columns | {"y": labels}))

    assert "'fraud' (25 rows) makes up 1.7 % of the rows" in named(found, "DA20").evidence
    assert found.facts["classes"] == {"fine": 1475, "fraud": 25}


@pytest.mark.parametrize("rows", [2, 25, 60])
def test_that_every_part_keeps_a_rare_class_is_said_of_as_many_rows_as_allow_it(rows):
    columns = healthy()
    labels = np.where(np.arange(1500) < rows, "fraud", "fine")
    told = named(look((labels == "fraud").astype(int), **(columns | {"y": labels})), "DA20").remedy

    assert ("Every part keeps their share" in told) == (rows == 60)
    assert ("hardly be known" in told) == (rows < 30)


def test_a_division_by_time_keeps_no_shares():
    columns = healthy() | {"t": np.arange(1500) * 60.0}
    labels = np.where(np.arange(1500) % 25 == 0, "fraud", "fine")
    found = look((labels == "fraud").astype(int), **(columns | {"y": labels}), plan=split.Plan(time="t"))

    assert "share" not in named(found, "DA20").remedy


def test_a_shifted_dev_file_is_told_apart_and_both_answers_are_given():
    columns = healthy()
    origin = np.repeat([0, 1], [1000, 500])
    columns["b"][1000:] += 1.5
    found = look(plan=split.Plan(given_dev=True), origin=origin, **columns)
    seen = named(found, "DA3")

    assert seen.severity == "limit"
    assert seen.where == "b"
    assert "mix the files and split again" in seen.remedy
    assert "--no-test" in seen.remedy


def test_a_source_that_differs_is_told_apart():
    columns = healthy()
    source = np.repeat(["web", "camera"], [800, 700])
    columns["c"][800:] *= 3
    found = look(plan=split.Plan(source="source"), source=source, **columns)

    assert named(found, "DA3").title == "Source 'web' and the other rows come from different distributions"


def test_other_class_shares_in_dev_are_told():
    columns = healthy()
    classes = as_classes(columns["y"])
    origin = np.zeros(1500, dtype=int)
    origin[np.flatnonzero(classes == 1)[:400]] = 1
    origin[np.flatnonzero(classes == 0)[:100]] = 1
    found = look(classes, plan=split.Plan(given_dev=True), origin=origin, **(columns | {"y": classes}))

    assert "of the dev file" in named(found, "DA4").evidence


def test_files_too_small_to_compare_are_said_to_be():
    origin = np.repeat([0, 1], [1490, 10])
    seen = named(look(plan=split.Plan(given_dev=True), origin=origin, **healthy()), "DA3")

    assert seen.severity == "note"
    assert "10 rows" in seen.evidence


def test_hostile_columns_are_audited_without_a_warning():
    """Enormous and tiny numbers, an exponential target, no usable column, a class for each row."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)

    assert (
        look(x=x, huge=1e300 * rng.normal(size=400), tiny=1e-300 * rng.normal(size=400), y=np.exp(40 * x)) is not None
    )
    assert codes(look(np.arange(400) % 2, x=np.ones(400), y=np.arange(400) % 2)) == {"DA14"}
    assert look(np.arange(400), x=x, y=np.arange(400)).facts["class_count"] == 400


@pytest.mark.parametrize("rows", [1, 2, 10])
def test_tiny_tables_are_audited(rows):
    columns = {name: values[:rows] for name, values in healthy().items()}

    assert look(**columns).facts["rows"] == rows


def test_a_large_table_is_audited_in_seconds():
    """100,000 × 20 in 4 s on a busy machine (0.5 s on a quiet one); a leak and 1 % copies are named."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100_000, 20))
    classes = (x[:, :3].sum(axis=1) + rng.normal(size=100_000) > 0).astype(int)
    x[:, 7] = classes + 0.15 * rng.normal(size=100_000)
    rows = np.concatenate([np.arange(99_000), rng.integers(0, 99_000, 1000)])
    start = time.process_time()
    found = look(classes[rows], **{f"x{n}": x[rows, n] for n in range(20)}, y=classes[rows])

    assert time.process_time() - start < 4
    assert named(found, "DA10").where == "x7"
    assert "1,000 rows repeat" in named(found, "DA6").evidence


def test_columns_looked_at_together_show_what_each_shows_alone(monkeypatch):
    """Copies, codes for missing and giveaways do not depend on how many columns are taken at a time."""
    columns = healthy(300)
    columns["b"][::40] = -999.0
    columns["c2"] = np.where(np.arange(300) % 7 == 0, np.nan, columns["a"])
    doubled = {name: np.concatenate([values, values[:30]]) for name, values in columns.items()}
    whole = look(**doubled)
    monkeypatch.setattr(observation, "AT_ONCE", 1)
    one_by_one = look(**doubled)

    assert whole.observations == one_by_one.observations
    assert {"DA6", "DA15"} <= codes(whole)
    np.testing.assert_array_equal(whole.duplicate_groups, one_by_one.duplicate_groups)

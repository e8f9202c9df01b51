"""The audit on columns that give the target away, among others that do not."""

from __future__ import annotations

import time

import numpy as np
import pytest
from audited import codes, healthy, look, named

from burnish.data import giveaway


@pytest.mark.parametrize("kind", ["number", "two classes", "many classes", "text", "two classes, few rows"])
def test_a_column_that_gives_the_target_away_is_a_suspected_leak(kind):
    rows = 120 if kind.endswith("few rows") else 1500
    columns = healthy(rows)
    rng = np.random.default_rng(1)
    y = columns["y"]
    if kind == "number":
        found = look(**columns, leak=np.exp(y / 3) + 0.001 * rng.normal(size=rows))
    else:
        count = 5 if kind == "many classes" else 2
        classes = np.searchsorted(np.quantile(y, np.arange(1, count) / count), y)
        leak = np.where(classes == 1, "late", "on time") if kind == "text" else classes + 0.1 * rng.normal(size=rows)
        found = look(classes, **(columns | {"y": classes}), leak=leak)

    seen = named(found, "DA10")
    assert (seen.severity, seen.where) == ("fault", "leak")
    assert "suspected" in seen.title


@pytest.mark.parametrize("count", [2, 3, 10])
def test_a_leak_whose_classes_take_turns_is_named_among_columns_of_chance(count):
    """Thirty stretches of the column, each of one class: no correlation shows it, yet it is tried and named."""
    rng = np.random.default_rng(count)
    leak = rng.normal(size=6_000)
    order = np.argsort(np.argsort(leak))
    classes = (order * 30 // len(leak)) % count
    chance = {f"x{n}": rng.normal(size=len(leak)) for n in range(5)}
    found = look(classes, **chance, leak=leak, y=classes)

    assert (named(found, "DA10").severity, named(found, "DA10").where) == ("fault", "leak")


def test_a_thousand_columns_are_tried_in_seconds():
    """5,000 × 1,000 without a leak: a cheap look spares columns of chance the trees, 10 s of work."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, 5_000)
    columns = {f"x{n}": rng.normal(size=5_000) for n in range(1_000)}
    start = time.process_time()
    found = look(classes, **columns, y=classes)

    assert time.process_time() - start < 4
    assert "DA10" not in codes(found)


@pytest.mark.parametrize(("rows", "share"), [(60, 0.5), (200, 0.5), (200, 0.15), (4_000, 0.03)])
def test_columns_of_chance_cost_no_trees_however_few_the_rows(monkeypatch, rows, share):
    tried = []
    whole = giveaway._by_number
    monkeypatch.setattr(giveaway, "_by_number", lambda *given: (tried.append(1), whole(*given))[1])
    rng = np.random.default_rng(rows)
    classes = (np.arange(rows) < share * rows).astype(int)
    columns = {f"x{n}": rng.normal(size=rows) for n in range(200)}
    found = look(classes, **columns, y=classes)

    assert len(tried) <= 0.05 * 2 * len(columns)
    assert "DA10" not in codes(found)


@pytest.mark.parametrize("kind", ["rare", "missing", "steps"])
def test_a_leak_among_columns_of_chance_is_named(kind):
    """A class of 3 % with a little noise; the gaps alone; a whole number whose every value is of one class."""
    rng = np.random.default_rng(5)
    rows = 3_000
    classes = (rng.random(rows) < (0.03 if kind == "rare" else 0.4)).astype(int)
    leak = {
        "rare": classes + 0.1 * rng.normal(size=rows),
        "missing": np.where(classes == 1, np.nan, rng.normal(size=rows)),
        "steps": 2.0 * rng.integers(0, 60, rows) + classes,
    }[kind]
    chance = {f"x{n}": rng.normal(size=rows) for n in range(5)}
    found = look(classes, **chance, leak=leak, y=classes)

    assert (named(found, "DA10").severity, named(found, "DA10").where) == ("fault", "leak")


def test_an_easy_task_is_no_leak():
    """Where all columns tell the target, or the only one does, it is a note."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, 600)
    easy = look(classes, a=classes + 0.1 * rng.normal(size=600), b=classes + 0.4 * rng.normal(size=600),
                c=classes + 0.4 * rng.normal(size=600), d=classes + 0.4 * rng.normal(size=600), y=classes)  # fmt: skip
    only = look(classes, a=classes + 0.1 * rng.normal(size=600), y=classes)

    assert named(easy, "DA10").severity == "note"
    assert named(only, "DA10").severity == "note"


def test_of_very_many_columns_those_that_tell_most_are_compared_with_a_leak(monkeypatch):
    """Each half picks by its own rows: columns of chance then reach nothing, and columns that tell are not lost."""
    rng = np.random.default_rng(0)
    rows, y = 400, rng.normal(size=400)
    chance = {f"x{n}": rng.normal(size=rows) for n in range(60)}
    helps = {f"h{n}": y + rng.normal(size=rows) for n in range(3)}
    leak = y + 0.01 * rng.normal(size=rows)
    monkeypatch.setattr(giveaway, "REST_COLUMNS", 10)
    alone = named(look(**chance, leak=leak, y=y), "DA10")
    beside = named(look(**chance, **helps, leak=leak, y=y), "DA10")

    def reached(seen):
        told = seen.evidence.split("The 10 others that tell most, together, reach ")[1]
        return float(told.removesuffix("."))

    assert reached(alone) < 0.1
    assert reached(beside) > 0.5


@pytest.mark.parametrize("count", [2, 5])
def test_of_very_many_columns_those_that_tell_a_class_are_compared(monkeypatch, count):
    rng = np.random.default_rng(count)
    classes = rng.integers(0, count, 1_000)
    helps = {f"h{n}": (classes == n % count) + 0.3 * rng.normal(size=1_000) for n in range(10)}
    chance = {f"x{n}": rng.normal(size=1_000) for n in range(60)}
    monkeypatch.setattr(giveaway, "REST_COLUMNS", 10)
    seen = named(look(classes, **chance, **helps, leak=classes + 0.05 * rng.normal(size=1_000), y=classes), "DA10")

    assert float(seen.evidence.split("reach ")[1].removesuffix(".")) > 0.9


@pytest.mark.parametrize("kind", ["words", "numbers by chance", "two classes"])
def test_a_column_that_rows_belong_to_is_offered_as_a_group(kind):
    """Rows of one patient share their target: that is no leak, but a division that knows the answers."""
    rng = np.random.default_rng(2)
    patient = np.repeat(rng.permutation(80), 25)
    level = rng.normal(size=80) * 9
    y = level[patient] + 0.5 * rng.normal(size=2000)
    classes = (level[patient] > 0).astype(int) if kind == "two classes" else None
    who = patient + 100.0 if kind == "numbers by chance" else np.char.add("P", patient.astype(str))
    columns = {"a": rng.normal(size=2000), "b": y + 9 * rng.normal(size=2000), "who": who}
    seen = named(look(classes, **columns, y=y if classes is None else classes), "DA10")

    assert "80 different values, and rows with the same one agree in the target" in seen.evidence
    assert seen.remedy.index("--group 'who'") < seen.remedy.index("--drop 'who'")


@pytest.mark.parametrize("kind", ["in order", "few values", "a value each", "known of one class"])
def test_a_column_that_is_made_from_the_target_is_not_offered_as_a_group(kind):
    columns = healthy(2000)
    y, rng = columns["y"], np.random.default_rng(3)
    classes = (y > np.quantile(y, 0.8)).astype(int)
    if kind == "in order":
        leak, classes = np.round(30 * y), None
    elif kind == "few values":
        leak = np.where(classes == 1, "late", "on time")
    elif kind == "a value each":
        leak, classes = y + 0.01 * rng.normal(size=2000), None
    else:  # the day of the month, of those who left, and of two who did not
        leak = np.where(classes == 1, rng.integers(1, 32, 2000), np.nan)
        leak[np.flatnonzero(classes == 0)[:2]] = 3
    found = look(classes, **(columns | {"leak": leak, "y": y if classes is None else classes}))

    assert all("--group" not in seen.remedy for seen in found.observations if seen.code == "DA10")
    assert "DA10" in codes(found)

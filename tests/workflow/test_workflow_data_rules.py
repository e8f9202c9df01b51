"""Rules about data on tables: what `burnish audit` and the main job say beyond the audit of values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import workflow_fake as fake

from burnish.data import kinds, split
from burnish.data.table import Column, Physical, Table
from burnish.workflow import data_rules, reading
from burnish.workflow.settings import Settings


def table_of(**columns: np.ndarray) -> Table:
    """Numbers as they are, text coded; rows are numbered from 2, as lines of a file."""
    made = []
    for name, values in columns.items():
        if values.dtype.kind == "U":
            levels, codes = np.unique(values, return_inverse=True)
            made.append(Column(name, Physical.TEXT, codes.astype(np.int32), tuple(map(str, levels))))
        else:
            made.append(Column(name, Physical.NUMBER, values.astype(float)))
    return Table("made", tuple(made), np.arange(2, 2 + len(made[0].values)))


def look(table: Table, *, origin=None, plan=None, settings=None):
    classes = table["y"].values if table["y"].physical is Physical.TEXT else None
    origin = np.full(table.rows, split.MAIN) if origin is None else origin
    profiles = kinds.profile(table, target="y")
    plan = split.Plan() if plan is None else plan
    return data_rules.alone(table, "y", profiles, origin=origin, classes=classes, plan=plan, settings=settings)


def healthy(rows: int = 600, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    word = rng.choice(["red", "green", "blue"], rows)
    return {"a": a, "b": b, "word": word, "y": 2 * a + b + (word == "red") + rng.normal(size=rows)}


def test_a_healthy_table_gives_no_finding():
    assert look(table_of(**healthy())) == ()


def test_targets_that_nothing_predicts_are_named():
    columns = healthy(1000)
    found = look(table_of(**columns | {"y": np.random.default_rng(1).permutation(columns["y"])}))

    assert [one.code for one in found] == ["DA26"]


def test_targets_of_other_rows_are_named_in_a_table_that_is_sampled():
    """A sample of a large table has no neighbours: the first rows are looked at besides."""
    columns = healthy(6000)
    moved = table_of(**columns | {"y": np.roll(columns["y"], 1)})

    assert [one.code for one in look(moved, settings=Settings(target="y", time_limit="20s"))] == ["DA18"]


@pytest.mark.slow
def test_wrong_labels_are_named_by_class_and_line():
    """The classes have their names, and the rows the numbers of their lines."""
    rng = np.random.default_rng(0)
    names = np.array(["ash", "elm", "oak", "fir"])
    y = rng.integers(0, 4, 1500)
    x = rng.normal(size=(1500, 4)) + 5 * np.eye(4)[y]
    y[rng.random(1500) < 0.2] = 1
    [seen] = look(table_of(**{f"x{place}": x[:, place] for place in range(4)}, y=names[y]))

    assert seen.code == "DA17"
    assert "'elm'" in seen.evidence
    assert "counted from 0" not in seen.evidence


def test_a_dev_file_in_other_units_is_a_fault_with_its_column():
    columns = healthy(1000)
    origin = np.repeat([split.MAIN, split.DEV_FILE], [700, 300])
    columns["a"] = np.where(origin == split.DEV_FILE, 1000 * columns["a"], columns["a"])
    found = look(table_of(**columns), origin=origin, plan=split.Plan(given_dev=True))

    assert [(one.code, one.where) for one in found] == [("DA2", "a")]


def test_columns_that_were_standardised_on_all_rows_are_noted():
    columns = healthy()
    for name in "ab":
        columns[name] = (columns[name] - columns[name].mean()) / columns[name].std()
    found = look(table_of(**columns))

    assert [one.code for one in found] == ["DA11"]


def test_a_short_run_says_which_rules_it_leaves_out():
    table = table_of(**healthy(100))
    said = data_rules.left_out(Settings(target="y", time_limit="20s"), table)

    assert "500 rows at most" in said
    assert "DA9, DA17, DA20 are left out" in said
    assert data_rules.left_out(Settings(target="y", time_limit="1m"), table) == ""


def test_a_short_run_of_a_wide_table_trains_no_model_to_look_at_it(monkeypatch):
    """On 20,000 columns they took as long as all else."""
    columns = healthy(400)
    table, settings = table_of(**columns | {"y": np.roll(columns["y"], 1)}), Settings(target="y", time_limit="20s")
    assert [one.code for one in look(table, settings=settings)] == ["DA18"]
    monkeypatch.setattr(data_rules, "VALUES_A_SECOND", 50)

    assert look(table, settings=settings) == ()
    assert "(DA9, DA17, DA18, DA20, DA26) are left out" in data_rules.left_out(settings, table)


def test_what_a_short_run_leaves_out_is_kept_for_its_report(tmp_path):
    session = fake.session(tmp_path, fake.Fake(fake.question()), limit=20.0, time_limit="20s")
    with session.database:
        reading.audit(session, reading.read(session, reading.Sources(pd.DataFrame(healthy(100)))))

    assert session.warnings == [data_rules.left_out(session.settings, table_of(**healthy(100)))]


def test_a_rare_class_is_said_where_nobody_looks_whether_it_is_recognised(tmp_path):
    """The part of DA20 that trains models is left out of a short run; the counting of rows costs nothing."""
    columns = healthy(300) | {"y": np.where(np.arange(300) % 30 == 0, "fraud", "fine")}
    said = {}
    for limit in (20.0, 60.0):
        root = tmp_path / f"{limit:g}"
        root.mkdir()
        made, lines = fake.session(root, fake.Fake(fake.question()), limit=limit, time_limit=f"{limit:g}s"), []
        session = replace(made, emit=lines.append)
        with session.database:
            reading.audit(session, reading.read(session, reading.Sources(pd.DataFrame(columns))))
        said[limit] = [line.text for line in lines if line.text.startswith("DA20")]

    assert [text.split(":")[0] for text in said[20.0]] == ["DA20 Some classes are rare [fraud]"]
    assert said[60.0] == []


def test_less_time_means_fewer_rows_and_the_clock_has_no_say():
    """What a run looks at follows from its settings alone."""
    short, long, counted = (
        data_rules.rows_of(Settings(target="y", **limit))
        for limit in ({"time_limit": "20s"}, {"time_limit": "2m"}, {"max_epochs": 10})
    )

    assert (short, long) == (500, 1200)
    assert counted == 600


def test_rows_are_said_file_by_file(tmp_path):
    """A file has no more rows for another one that was given beside it."""
    told = []
    session = fake.session(tmp_path, fake.Fake(fake.question()), limit=20.0, time_limit="20s")
    session.emit = told.append
    main, dev = (pd.DataFrame(healthy(rows, seed)) for rows, seed in ((120, 0), (60, 1)))
    with session.database:
        reading.read(session, reading.Sources(main, dev))

    assert any("120 rows and 60 of the dev file, 4 columns" in line.text for line in told)


def smooth(rows: int, seed: int) -> np.ndarray:
    """Three hidden numbers seen through six measurements, so that rows lie in three dimensions."""
    rng = np.random.default_rng(seed)
    return np.tanh(rng.normal(size=(rows, 3)) @ rng.normal(size=(3, 6)))


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_near_copies_are_told_be_they_rare_or_most_of_the_rows(share):
    """Drawn again and again with a little noise: where most rows have a copy, the usual distance is that to a copy."""
    rng = np.random.default_rng(7)
    rows = smooth(900, 7)
    drawn = np.r_[np.arange(900), rng.integers(0, 900, int(1600 * share))]
    x = rows[drawn] * (1 + 0.001 * rng.normal(size=(len(drawn), 6)))
    columns = {f"x{n}": x[:, n] for n in range(6)}
    found = look(table_of(**columns, y=rows[drawn].sum(axis=1) + rng.normal(size=len(drawn))))

    assert "Some rows are all but copies of others (suspected)" in [one.title for one in found]


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_lie_as_chance_puts_them_or_belong_to_one_person_are_no_near_copies(seed):
    rng = np.random.default_rng(seed)
    made = (smooth(900, seed), np.exp(rng.normal(size=(900, 6))), np.repeat(rng.normal(size=(75, 6)), 12, axis=0))
    x = made[seed % 3] + (seed % 3 == 2) * 0.03 * rng.normal(size=(900, 6))  # the last: twelve rows a person
    columns = {f"x{n}": x[:, n] for n in range(6)}

    assert "DA6" not in {one.code for one in look(table_of(**columns, y=x.sum(axis=1) + rng.normal(size=900)))}

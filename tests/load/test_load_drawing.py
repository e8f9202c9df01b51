"""Records that are drawn where there is no time for all: the same rows as in the whole table, and every reject."""

from __future__ import annotations

import json

import numpy as np
import pytest

from burnish import errors, load
from burnish.data.table import Physical, Table
from burnish.load import records
from burnish.load.drawing import Draw

ROWS = 2_000
WORDS = ("one", "two, or three", "a\nline")


def draw(share: float) -> Draw:
    return Draw(lambda size, rows: share, seed=0)


def cells(table: Table) -> dict[int, tuple[object, ...]]:
    """The values of each row, by its line."""
    columns = [
        [None if code < 0 else column.levels[code] for code in column.values]
        if column.physical is Physical.TEXT
        else column.values.tolist()
        for column in table.columns
    ]
    return dict(zip(table.row_ids.tolist(), zip(*columns, strict=True), strict=True))


def written(kind: str) -> str:
    """A table of numbers and words as text of this kind, two records of which are broken."""
    rng = np.random.default_rng(0)
    rows = [
        (round(number, 3), WORDS[word])
        for number, word in zip(rng.normal(size=ROWS), rng.integers(0, 3, ROWS), strict=True)
    ]
    if kind == "json":
        lines = [json.dumps({"x": number, "w": word}) for number, word in rows]
        lines[7] = lines[1200] = "{"
        return "\n".join(lines)
    quote = {"plain": "", "quoted": '"', "padded": ' "'}[kind]
    words = [word.replace(",", "").replace("\n", " ") if kind == "plain" else word for _, word in rows]
    lines = [f"{number},{quote}{word}{quote.strip()}" for (number, _), word in zip(rows, words, strict=True)]
    lines[7] = lines[1200] = "1,2,3"
    return "\n".join(["x,w", *lines]) + "\n"


@pytest.mark.parametrize("kind", ["plain", "quoted", "padded", "json"])
def test_drawn_records_are_those_of_the_whole_table(kind, tmp_path, monkeypatch):
    """Cell by cell and line by line, whichever way the records are cut; none is lost and none told of twice."""
    monkeypatch.setattr(records, "BLOCK", 5_000)  # several blocks
    path = tmp_path / f"t.{'jsonl' if kind == 'json' else 'csv'}"
    path.write_text(written(kind))

    whole, part, again = load.read(path), load.read(path, draw=draw(0.3)), load.read(path, draw=draw(0.3))

    assert whole.passed == 0
    assert 0.25 * ROWS < part.rows < 0.35 * ROWS
    assert cells(part).items() <= cells(whole).items()
    assert cells(part) == cells(again)
    if kind == "json":  # undrawn lines are not looked into
        assert part.rows + part.passed + len(part.rejects) == ROWS
    else:
        assert part.rejects == whole.rejects
        assert part.rows + part.passed == whole.rows == ROWS - 2


def test_all_records_are_drawn_where_there_is_time(tmp_path):
    """A share of one changes nothing."""
    (path := tmp_path / "t.csv").write_text(written("quoted"))

    found = load.read(path, draw=draw(1.0))

    assert (found.passed, cells(found)) == (0, cells(load.read(path)))


@pytest.mark.parametrize("kind", ["frame", "parquet", "npz"])
def test_tables_that_have_types_are_drawn_from_as_well(kind, tmp_path):
    """Their rows are read at once, and those that are drawn kept."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": np.arange(ROWS), "b": np.arange(ROWS) % 7})
    if kind == "npz":
        np.savez(tmp_path / "t.npz", a=frame["a"], b=frame["b"])
    elif kind == "parquet":
        frame.to_parquet(tmp_path / "t.parquet")
    found = load.read(frame if kind == "frame" else tmp_path / f"t.{kind}", draw=draw(0.1))

    assert 0.07 * ROWS < found.rows < 0.13 * ROWS
    assert found.rows + found.passed == ROWS
    assert (found["a"].values == found.row_ids).all()
    assert (np.diff(found.row_ids) > 0).all()


def test_the_share_is_asked_for_by_what_there_is(tmp_path):
    """Bytes, and about as many records as there are."""
    (path := tmp_path / "t.csv").write_text(written("plain"))
    asked = []

    load.read(path, draw=Draw(lambda size, rows: asked.append((size, rows)) or 1.0, seed=0))

    [(size, rows)] = asked
    assert size == path.stat().st_size
    assert abs(rows - ROWS) < 10


def test_broken_records_are_a_share_of_all_and_not_of_the_drawn(tmp_path):
    """A third is broken, and a hundredth drawn: the table is read, as it is where all are."""
    lines = ["x,y", *(f"{i},{i}" if i % 3 else "broken" for i in range(ROWS))]
    (path := tmp_path / "t.csv").write_text("\n".join(lines))

    assert load.read(path, draw=draw(0.01)).rows < 50
    path.write_text("\n".join(["x,y", *(f"{i},{i}" if i % 3 == 0 else "broken" for i in range(ROWS))]))
    with pytest.raises(errors.DataError, match="records are broken"):
        load.read(path, draw=draw(0.9))

"""Records that are drawn where there is no time for all: the same rows as in the whole table, and every reject."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from burnish import errors, load
from burnish.data.images import FILE, texts_of
from burnish.data.table import Physical, Table
from burnish.load import drawing, images, records
from burnish.load.drawing import Draw

ROWS = 2_000
WORDS = ("one", "two, or three", "a\nline")


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch):
    """So that small sources are drawn from."""
    monkeypatch.setattr(drawing, "FEWEST", 1)
    monkeypatch.setattr(images, "FEWEST", 1)


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


def test_some_rows_are_read_whatever_the_share(tmp_path, monkeypatch):
    """Where there are so many; else all."""
    monkeypatch.setattr(drawing, "FEWEST", 500)
    (path := tmp_path / "t.csv").write_text(written("plain"))

    assert 400 < load.read(path, draw=draw(0.001)).rows < 600
    monkeypatch.setattr(drawing, "FEWEST", 3_000)
    assert load.read(path, draw=draw(0.001)).passed == 0


@pytest.fixture
def photos(tmp_path):
    """Forty images each of two classes, one of which has a broken file, and nothing in a third folder."""
    for name in ("cat", "dog", "empty"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    for k in range(80):
        image = Image.fromarray(np.full((8, 8), 3 * k, np.uint8))
        image.save(tmp_path / "photos" / ("cat" if k % 2 else "dog") / f"{k:02}.png")
    (tmp_path / "photos" / "cat" / "01.png").write_bytes(b"no image")
    return tmp_path / "photos"


def test_files_of_a_folder_are_drawn_before_they_are_decoded(photos, tmp_path):
    """Each keeps its pixels and its class; a class of which none is drawn is not told to be empty."""
    asked = []

    def share(size: int, count: int) -> float:
        asked.append((size, count))
        return 0.5

    whole, _ = images.read(photos, images.Ask(cache=tmp_path / "a"))
    found, _ = images.read(photos, images.Ask(cache=tmp_path / "b", draw=Draw(share, seed=0)))
    none, _ = images.read(photos, images.Ask(cache=tmp_path / "c", draw=draw(0.02)))

    assert asked[0][1] == 80
    assert 25 < found.table.rows < 55
    assert found.table.rows + found.table.passed + len(found.table.rejects) == 80
    pixels = dict(zip(texts_of(whole.table[FILE]), whole.pixels, strict=True))
    for name, one in zip(texts_of(found.table[FILE]), found.pixels, strict=True):
        assert (pixels[name] == one).all()
    assert none.table.rows < 6
    assert found.empty == none.empty == whole.empty != ()


def test_packed_images_cost_no_decoding(photos, tmp_path):
    """So more of them are read in the same time."""
    sizes = []
    for _ in range(2):
        ask = images.Ask(cache=tmp_path / "a", draw=Draw(lambda size, count: sizes.append(size) or 1.0, seed=0))
        images.read(photos, ask)

    assert sizes[1] == round(images.LEARNED_AS * 64 * 80) < sizes[0]


def test_arrays_and_tables_of_images_are_drawn_from(photos, tmp_path):
    """With the labels that are theirs."""
    x = np.arange(100, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    np.savez(tmp_path / "t.npz", x=x, y=np.arange(100))
    lines = ["file,name", *(f"photos/{'cat' if k % 2 else 'dog'}/{k:02}.png,{k}" for k in range(2, 80))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    ask = images.Ask(cache=tmp_path / "a", target="name", draw=draw(0.5))

    arrays, _ = images.read(tmp_path / "t.npz", images.Ask(draw=draw(0.5)))
    table, _ = images.read(images.opened(tmp_path / "t.csv"), ask)

    assert 30 < arrays.table.rows < 70
    assert arrays.table.passed == 100 - arrays.table.rows
    labels = texts_of(arrays.table[arrays.target])
    assert [int(label) for label in labels] == arrays.pixels[:, 0, 0, 0].tolist() == arrays.table.row_ids.tolist()
    assert 20 < table.table.rows < 60
    assert table.table.passed == 78 - table.table.rows
    assert (3 * table.table["name"].values == table.pixels[:, 0, 0, 0]).all()
    assert (table.table.row_ids == table.table["name"].values).all()

"""What burnish does with wrong input: each case ends with exit code 2 or 3, or with a warning and a finished run.

An error has three lines (what and where; why; what to do), stdout stays empty, and nothing half-written is left.
"""

from __future__ import annotations

import json
from pathlib import Path

import cli_tables as tables
import jsonschema
import pytest
from cli_commands import Command

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "output.schema.json").read_text())
BRIEFLY = ("--max-epochs", "5", "--jobs", "1")

USAGE, DATA, EXTRA = 2, 3, 5
GOOD, LABELS = tables.good(), tables.good(labels=True)
NUMBER = tables.rows()

# The file (None: there is none), further arguments, the exit code, and words that the three lines must hold.
REFUSED: dict[str, tuple[bytes | None, tuple[str, ...], int, tuple[str, ...]]] = {
    # The file.
    "no such file": (None, (), USAGE, ("no file bad.csv", "looked for in", "spelling")),
    "empty file": (b"", (), DATA, ("bad.csv is empty", "no header and no record")),
    "blank lines": (b"\n\n  \n", (), DATA, ("bad.csv is empty",)),
    "header only": (tables.table([]), (), DATA, ("no rows", "header and nothing else")),
    "one column": (tables.table([r.rpartition(",")[2] for r in NUMBER], "y"), (), DATA, ("No column is left",)),
    "duplicate names": (tables.table(NUMBER, "a,a,c,color,y"), (), DATA, ("same name", "'a'", "Rename")),
    "no header": (tables.table(["1,2,3,4,5"] * 40, "1,2,3,4,6"), (), DATA, ("no header", "1, 2, 3, 4")),
    "all rows ragged": (tables.table([r + ",1" for r in NUMBER]), (), DATA, ("line 2", "6 fields", "header has 5")),
    "most rows ragged": (tables.table(["1,2"] * 50 + NUMBER[:3]), (), DATA, ("line 2", "2 fields", "header has 5")),
    "bytes that are no text": (bytes(range(256)) * 200, (), DATA, ("cannot be read as a table", "no text file holds")),
    "zero bytes": (b"a,y\n" + b"1,\x002\n" * 50, (), DATA, ("cannot be read as a table", "no text file holds")),
    "a web page": (b"<!DOCTYPE html>\n<html><p>a,y</html>", (), DATA, ("HTML page", "Download the file itself")),
    "a document": (b"%PDF-1.7\n", (), DATA, ("PDF document", "as CSV")),
    "a damaged archive": (b"PK\x03\x04" + bytes(100), (), DATA, ("ZIP archive", "damaged")),
    "half a gzip": (tables.cut_gzip(), (), DATA, ("cannot be unpacked", "whole")),
    # The target.
    "target not named": (GOOD, ("--target", ""), USAGE, ("has no target ''", "'color'")),
    "target misspelled": (GOOD, ("--target", "colour"), USAGE, ("'colour'", "'a', 'b', 'c'", "Did you mean 'color'?")),
    "target in other case": (GOOD, ("--target", "Y"), USAGE, ("Did you mean 'y'?",)),
    "target a constant number": (tables.with_target(lambda i: 3), (), DATA, ("'y' is constant", "nothing to learn")),
    "target a constant word": (tables.with_target(lambda i: "x"), (), DATA, ("'y' is constant",)),
    "target empty": (tables.with_target(lambda i: ""), (), DATA, ("'y'", "has no values")),
    "target in one row": (tables.with_target(lambda i: 1.5 if i == 3 else ""), (), DATA, ("Only one row",)),
    "target an identifier": (tables.with_target(lambda i: f"id{i:04}"), (), DATA, ("identifier", "120 distinct")),
    "target counts rows": (tables.with_target(lambda i: i + 1), (), DATA, ("identifier",)),
    "target a date": (tables.with_target(lambda i: f"2024-01-{i % 28 + 1:02}"), (), DATA, ("dates", "days since")),
    "target huge": (tables.with_target(lambda i: f"{i % 50}.5e300"), (), DATA, ("too large", "another unit")),
    "target tiny": (tables.with_target(lambda i: f"{i % 50}.5e-300"), (), DATA, ("too small", "another unit")),
    "classes of one row": (GOOD, ("--task", "classification"), DATA, ("too many classes", "regression")),
    "words as numbers": (tables.with_target(lambda i: "abc"[i % 3]), ("--task", "regression"), USAGE, ("text", "'a'")),
    # The rows and columns.
    "one row": (tables.good(1), (), DATA, ("Only one row",)),
    "two rows": (tables.good(2), (), DATA, ("too many classes",)),
    "all features missing": (tables.with_features(",,,"), (), DATA, ("No column is left", "has no value")),
    "all features constant": (tables.with_features("1,2,3,red"), (), DATA, ("No column is left", "same value")),
    "weights of words": (GOOD, ("--weight", "color"), DATA, ("'color' cannot weigh",)),
    "weights below zero": (GOOD, ("--weight", "a"), DATA, ("'a' cannot weigh", "none below 0")),
    "one group": (tables.with_features("1,2,3,red"), ("--group", "color"), DATA, ("cannot be split",)),
    # The wishes.
    "column to drop missing": (GOOD, ("--drop", "zz"), USAGE, ("no column 'zz'",)),
    "target dropped": (GOOD, ("--drop", "y"), USAGE, ("two roles", "--target and by --drop")),
    "target as group": (GOOD, ("--group", "y"), USAGE, ("two roles",)),
    "group and weight in one": (GOOD, ("--group", "a", "--weight", "a"), USAGE, ("two roles",)),
    "standard input twice": (
        GOOD,
        ("--dev", "-", "--test", "-"),
        USAGE,
        ("Standard input was given twice", "once only"),
    ),
    "test file and no test": (GOOD, ("--no-test", "--test", "bad.csv"), USAGE, ("--no-test",)),
    "metric of nothing": (GOOD, ("--metric", "beauty"), USAGE, ("'beauty'", "log_loss", "rmse")),
    "metric of the other task": (GOOD, ("--metric", "auc"), USAGE, ("'auc'", "regression", "rmse, mae, r2")),
    "positive of a number": (GOOD, ("--positive", "yes"), USAGE, ("--positive", "no classes")),
    "positive of no class": (LABELS, ("--positive", "maybe"), USAGE, ("'maybe'", "'no', 'yes'")),
    "bound of nothing": (GOOD, ("--require", "beauty<=1"), USAGE, ("'beauty'", "RMSE")),
    "bound of the other task": (GOOD, ("--require", "log-loss<=1"), USAGE, ("'log-loss'", "regression")),
    "bound the wrong way": (GOOD, ("--require", "error>=1"), USAGE, ("error<=0.05",)),
    "no time": (GOOD, ("--time-limit", "soon"), USAGE, ("time_limit", "'soon'", "90s")),
    "no such time": (GOOD, ("--time-limit", "1.2.3s"), USAGE, ("'1.2.3s'",)),
    "time of nothing": (GOOD, ("--time-limit", "0"), USAGE, ("time_limit", "greater than 0")),
    "no epochs": (GOOD, ("--max-epochs", "0"), USAGE, ("max_epochs", "greater than or equal to 1, not 0")),
    "time and epochs": (GOOD, ("--time-limit", "9s", "--max-epochs", "9"), USAGE, ("time_limit and max_epochs",)),
    "no workers": (GOOD, ("--jobs", "0"), USAGE, ("jobs", "not 0")),
    "one fold": (GOOD, ("--folds", "1"), USAGE, ("folds", "not 1")),
    "error below zero": (GOOD, ("--baseline-error", "-1"), USAGE, ("baseline_error",)),
    "seed below zero": (GOOD, ("--seed", "-1"), USAGE, ("seed",)),
    "memory of no size": (GOOD, ("--memory-limit", "4X"), USAGE, ("'4X'", "4G")),
    "a GPU": (GOOD, ("--device", "gpu"), EXTRA, ("GPU", "--device cpu")),
    # Other files.
    "no configuration": (GOOD, ("--start", "none.json"), USAGE, ("none.json",)),
    "no settings": (GOOD, ("--config", "none.toml"), USAGE, ("none.toml",)),
    "no dev file": (GOOD, ("--dev", "none.csv"), USAGE, ("no file none.csv",)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, here: Command, tmp_path: Path):
    """Three lines on stderr, nothing on stdout, and no run folder."""
    content, further, code, words = REFUSED[case]
    if content is not None:
        (tmp_path / "bad.csv").write_bytes(content)
    before = sorted(tmp_path.rglob("*"))

    ended = here("improve", "bad.csv", "--target", "y", "--out", "runs/run", *further)

    assert ended.code == code, ended.err
    assert_three_lines(ended.err)
    for word in words:
        assert word in ended.err
    assert ended.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_a_process_ends_with_the_code_and_says_no_more_than_three_lines(apart: Command, tmp_path: Path):
    """What the shell sees is what the tests above see from inside."""
    (tmp_path / "bad.csv").write_bytes(tables.table([]))

    ended = apart("improve", "bad.csv", "--target", "y", "--out", "run")

    assert (ended.code, ended.out) == (DATA, "")
    assert len(ended.err.splitlines()) == 3
    assert_three_lines(ended.err)
    assert not (tmp_path / "run").exists()


def assert_three_lines(shown: str) -> None:
    """The last three lines are an error: what, why, what to do."""
    what, why, remedy = shown.splitlines()[-3:]
    assert what.startswith("burnish: ")
    assert why.startswith("  ")
    assert remedy.startswith("  ")
    assert "Traceback" not in shown


@pytest.mark.parametrize("source", [".", "/dev/null"])
def test_what_is_no_file_is_refused(source: str, here: Command):
    ended = here("improve", source, "--target", "y", "--out", "run")

    assert ended.code == DATA  # a folder may hold images, and this one holds none
    assert_three_lines(ended.err)
    assert not Path("run").exists()


# The dev file for the good table, the exit code, and words of the message.
DEV = {
    "lacks columns": (tables.table([r.partition(",")[2] for r in NUMBER], "b,c,color,y"), "lacks 1", "'a'"),
    "other columns": (tables.table(NUMBER, "A1,B1,C1,D1,E1"), "lacks 5", "'color'"),
    "no targets": (tables.with_target(lambda i: ""), "the dev file has no values", "'y'"),
    "numbers in another form": (tables.with_cells({row: f"{row} kg" for row in range(90)}), "Column 'a'", "'0 kg'"),
    "targets of words": (tables.with_target(lambda i: "abc"[i % 3]), "the dev file has no values", "'y'"),
    "empty": (b"", "dev.csv is empty", "no header"),
    "header only": (tables.table([]), "no rows", "header"),
}


@pytest.mark.parametrize("case", DEV)
def test_a_dev_file_that_does_not_fit_is_refused(case: str, here: Command, tmp_path: Path):
    content, *words = DEV[case]
    (tmp_path / "good.csv").write_bytes(GOOD)
    (tmp_path / "dev.csv").write_bytes(content)

    ended = here("improve", "good.csv", "--target", "y", "--dev", "dev.csv", "--out", "run")

    assert ended.code == DATA
    assert_three_lines(ended.err)
    for word in words:
        assert word in ended.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ("[1, 2]", "must be one JSON object"),
        ("{widths: 3}", "not JSON"),
        ('{"width": [8]}', "'width' is no setting of a network; 'widths' is"),
        ('{"widths": [0]}', "widths must be at least 1 each"),
        ('{"widths": "wide"}', "widths should be"),
        ('{"learning_rate": -1}', "learning_rate must be above 0, not -1"),
        ('{"norm": "batch", "batch_size": 2}', "batch_size must be at least 3 with batch norm"),
        ('{"dropout": [0.1, 0.2, 0.3]}', "dropout has 3 rates for 2 hidden layers"),
        ('{"dropout": 1.0}', "dropout must be at least 0 and below 1"),
        ('{"activation": "wow"}', "activation should be 'relu'"),
        ('{"l2": Infinity}', "l2 must be a finite number"),
    ],
)
def test_a_starting_configuration_that_cannot_be_is_refused(configuration, words, here: Command, tmp_path: Path):
    (tmp_path / "good.csv").write_bytes(GOOD)
    (tmp_path / "start.json").write_text(configuration)

    ended = here("improve", "good.csv", "--target", "y", "--start", "start.json", "--out", "run")

    assert ended.code == USAGE
    assert_three_lines(ended.err)
    assert words in ended.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("target = ", "not TOML"),
        ("sed = 3", "no setting 'sed'"),
        ("target = 3", "target cannot be used"),
        ('seed = "x"', "valid integer, not 'x'"),
        ('target = "y"\nout = "here"', "`--out` on the command line"),
        ('target = "y"\nstart = "none.json"', "none.json cannot be read"),
        ('target = "y"\ntime_limit = "9s"\nmax_epochs = 9', "cannot both be given"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words, here: Command, tmp_path: Path):
    (tmp_path / "good.csv").write_bytes(GOOD)
    (tmp_path / "burnish.toml").write_text(settings)

    ended = here("improve", "good.csv", "--config", "burnish.toml", "--out", "run")

    assert ended.code == USAGE
    assert_three_lines(ended.err)
    assert words in ended.err
    assert not Path("run").exists()


@pytest.mark.parametrize("place", ["full", "file", "file/below", "/proc/run"])
def test_an_output_folder_that_cannot_be_is_refused_and_left_alone(place: str, here: Command, tmp_path: Path):
    (tmp_path / "good.csv").write_bytes(GOOD)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    before = sorted(tmp_path.rglob("*"))

    ended = here("improve", "good.csv", "--target", "y", "--out", place)

    assert ended.code == USAGE
    assert_three_lines(ended.err)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "full" / "mine.txt").read_text() == (tmp_path / "file").read_text() == "precious"


def test_an_empty_folder_that_was_there_stays_after_a_refusal(here: Command, tmp_path: Path):
    (tmp_path / "bad.csv").write_bytes(tables.table([]))
    (tmp_path / "mine").mkdir()

    assert here("improve", "bad.csv", "--target", "y", "--out", "mine").code == DATA
    assert list((tmp_path / "mine").iterdir()) == []


def hostile_names() -> bytes:
    """Names and values that a page, a database, a shell or a terminal might take for orders."""
    header = '"<script>alert(1)</script>","b""; DROP TABLE trials; --",../../c,"col\u202eor","the target, in ""MPa"""'
    records = [r.replace("red", "<img src=x>").replace("blue", "{{ 7*7 }}") for r in NUMBER]
    return tables.table(records, header)


# The file, further arguments, and words that a warning on stderr must hold (none: nothing is wrong that needs one).
FINISHED: dict[str, tuple[bytes, tuple[str, ...], tuple[str, ...]]] = {
    "infinities": (
        tables.with_cells({3: "inf", 9: "-inf"}),
        (),
        ("2 records are no rows (lines 5, 11): an infinite value",),
    ),
    "a few words among numbers": (
        tables.with_cells({7: "oops"}),
        (),
        ("1 cell of column 'a' (line 9): not a number: kept as missing: 'oops'",),
    ),
    "many words among numbers": (
        tables.with_cells(dict.fromkeys(range(0, 120, 12), "oops")),
        (),
        ("Column 'a' is kept as text: 10 of its 120 values are no numbers, such as 'oops'", "Column 'a' is left out"),
    ),
    "amounts with a currency": (
        tables.with_cells({row: f"${row + 1}.50" for row in range(120)}),
        (),
        ("Column 'a' is kept as text: its values look like numbers, but for signs or commas in them, such as '$1.50'",),
    ),
    "one row of a class": (
        tables.table([*tables.rows(labels=True), "0.1,0.2,0.3,red,maybe"]),
        (),
        ("Class 'maybe' has too few rows to be judged on",),
    ),
    "ten rows": (tables.good(10), (), ("Only 10 rows",)),
    "hostile names": (hostile_names(), ("--target", 'the target, in "MPa"'), ()),
}
FINISHED_SLOWLY: dict[str, tuple[bytes, tuple[str, ...], tuple[str, ...]]] = {
    "ragged rows": (
        tables.table([*NUMBER, "1,2", "1,2,3,red,4,5"]),
        (),
        ("2 records are no rows (lines 122, 123): 2 fields where the header has 5",),
    ),
    "latin-1": (
        tables.good().decode().replace("green", "grün").encode("latin-1"),
        (),
        ("Read as cp1252: the file holds bytes that are not UTF-8",),
    ),
    "utf-16": (tables.good().decode().encode("utf-16"), (), ()),
    "a broken byte in utf-8": (
        tables.good().replace(b"green", "grün".encode()) + b"1,2,3,gr\xffn,4\n",
        (),
        ("1 record is no row (line 122): byte 0xff is not UTF-8",),
    ),
    "semicolons and decimal commas": (
        tables.good().decode().replace(",", ";").replace(".", ",").encode(),
        (),
        (),
    ),
    "a column without a name": (tables.table(NUMBER, "a,b,,color,y"), (), ("it is called 'column_3'",)),
    "four rows": (tables.good(4, labels=True), (), ("Only 4 rows",)),
    "rows without a target": (
        tables.with_target(lambda i: "" if i < 40 else i % 13 + 0.5),
        (),
        ("40 rows have no target",),
    ),
    "300 classes": (tables.many_classes(300, 12), (), ()),
    "a cell of a megabyte": (
        tables.table([r.replace("red", "z" * 1_000_000, 1) if i == 3 else r for i, r in enumerate(NUMBER)]),
        (),
        (),
    ),
    "a million categories": (tables.many_categories(1_000_000), (), ("Column 'a' is left out: it names the rows",)),
    "numbers near the end of the range": (tables.with_cells({3: "1e308", 5: "-1e308"}), (), ()),
    "copies of few rows": (tables.table(tables.rows(20) * 6), (), ()),
    "two thousand columns": (
        tables.table(
            [",".join([str(i * k % 97) for k in range(2000)] + [str(i % 13 + 0.5)]) for i in range(80)],
            ",".join([*(f"x{k}" for k in range(2000)), "y"]),
        ),
        (),
        (),
    ),
}


def finish(content: bytes, further: tuple[str, ...], words: tuple[str, ...], here: Command, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_bytes(content)

    ended = here("improve", "odd.csv", "--target", "y", "--out", "run", "--json", *BRIEFLY, *further)

    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    jsonschema.validate(document, SCHEMA)
    for word in words:
        [line] = [line for line in ended.err.splitlines() if word in line]
        assert "! " in line  # a warning, shown with --quiet too
    assert "Traceback" not in ended.err
    assert "\u202e" not in ended.err
    assert Path(document["report"]).exists()
    assert "<script>alert" not in Path(document["report"]).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("case", FINISHED)
def test_finished_with_a_warning(case: str, here: Command, tmp_path: Path):
    """The run ends well, says what was odd, and its document is valid."""
    finish(*FINISHED[case], here, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", FINISHED_SLOWLY)
def test_finished_too(case: str, here: Command, tmp_path: Path):
    """The same for cases that take longer, or are much like those above."""
    finish(*FINISHED_SLOWLY[case], here, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dev", "words"),
    [
        (tables.table([r + ",1" for r in tables.rows(60, seed=1)], tables.COLUMNS + ",more"), ""),
        (tables.table(tables.rows(60, seed=1)).replace(b"red", b"mauve"), ""),
        (tables.with_cells(dict.fromkeys(range(0, 60, 3), "word"), count=60), "20 cells of column 'a'"),
    ],
    ids=["more columns", "unseen categories", "words for a third of the numbers"],
)
def test_a_dev_file_that_differs_is_used(dev: bytes, words: str, here: Command, tmp_path: Path):
    (tmp_path / "good.csv").write_bytes(GOOD)
    (tmp_path / "dev.csv").write_bytes(dev)

    ended = here("improve", "good.csv", "--target", "y", "--dev", "dev.csv", "--out", "run", "--json", *BRIEFLY)

    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["rows"]["dev"] == 30  # the other half of the dev file is the test set
    assert words in ended.err

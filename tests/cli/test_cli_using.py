"""Using what a run left: predict, evaluate, report."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
from pathlib import Path

import cli_tables as tables
import numpy as np
import pyarrow as pa
import pytest
from cli_commands import Command, assert_refused
from pyarrow import parquet

from burnish.cli import commands, failing

HEADER = "a,b,c,color,y"
TRAINING = tables.rows(150, labels=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs: `words`, of a target "no" and "yes", and `numbers`."""
    home = tmp_path_factory.mktemp("runs")
    (home / "words.csv").write_bytes(tables.table(TRAINING))
    (home / "numbers.csv").write_bytes(tables.good(150))
    before = Path.cwd()
    os.chdir(home)
    try:
        for name in ("words", "numbers"):
            asked = ["improve", f"{name}.csv", "--target", "y", "--max-epochs", "5", "--jobs", "1", "--out", name, "-q"]
            assert failing.guarded(commands.burnish, asked) == 0
    finally:
        os.chdir(before)
    return home


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def features(records: list[str]) -> list[str]:
    return [record.rpartition(",")[0] for record in records]


def without_target(records: list[str]) -> bytes:
    return tables.table(features(records), "a,b,c,color")


def test_one_row_out_for_each_row_in_in_order(runs, here: Command):
    """Rows in another order give the same predictions in that order, whatever stands beside them."""
    new = tables.rows(60, labels=True, seed=5)
    order = [(i * 7) % 60 for i in range(60)]
    Path("new.csv").write_bytes(without_target(new))
    Path("shuffled.csv").write_bytes(without_target([new[i] for i in order]))

    plain, shuffled = (read(here("predict", str(runs / "words"), name).out) for name in ("new.csv", "shuffled.csv"))

    assert plain[0] == ["prediction"]
    assert len(plain) == 61
    assert {row[0] for row in plain[1:]} == {"no", "yes"}
    assert shuffled[1:] == [plain[1 + i] for i in order]


def test_classes_are_spelled_as_in_the_data_and_mostly_right(runs, here: Command):
    Path("new.csv").write_bytes(tables.table(tables.rows(200, labels=True, seed=6)))

    predicted = [row[0] for row in read(here("predict", str(runs / "words"), "new.csv").out)[1:]]

    truth = [record.rpartition(",")[2] for record in tables.rows(200, labels=True, seed=6)]
    assert sum(p == t for p, t in zip(predicted, truth, strict=True)) > 160


def test_probabilities_have_a_column_for_each_class(runs, here: Command):
    Path("new.csv").write_bytes(without_target(TRAINING))

    shown = read(here("predict", str(runs / "words"), "new.csv", "--proba").out)
    labels = read(here("predict", str(runs / "words"), "new.csv").out)

    assert shown[0] == ["no", "yes"]
    assert len(shown) == 151
    for (no, yes), (label,) in zip(shown[1:], labels[1:], strict=True):
        assert float(no) + float(yes) == pytest.approx(1.0, abs=1e-6)
        assert label == ("yes" if float(yes) > float(no) else "no")


def test_a_number_has_no_probabilities(runs, here: Command):
    Path("new.csv").write_bytes(without_target(tables.rows(5)))

    assert_refused(
        here("predict", str(runs / "numbers"), "new.csv", "--proba"), 2, "no probabilities", "'y' is a number"
    )


def test_a_run_and_its_model_folder_predict_the_same(runs, here: Command):
    """And standard input, and a file to write to, are as good as names and standard output."""
    Path("new.csv").write_bytes(without_target(tables.rows(30)))

    whole = here("predict", str(runs / "numbers"), "new.csv")
    written = here("predict", str(runs / "numbers" / "model"), "new.csv", "-o", "out.csv")

    assert whole.code == written.code == 0
    assert written.out == ""
    assert Path("out.csv").read_text() == whole.out
    assert all(math.isfinite(float(row[0])) for row in read(whole.out)[1:])


def test_standard_input_is_a_source_like_any_other(runs, here: Command, apart: Command):
    content = without_target(tables.rows(30))
    Path("new.csv").write_bytes(content)

    piped = apart("predict", str(runs / "numbers"), "-", stdin=content)

    assert piped.code == 0, piped.err
    # Another process may use another number of threads: the same to rounding.
    named = here("predict", str(runs / "numbers"), "new.csv")
    assert [float(x) for (x,) in read(piped.out)[1:]] == pytest.approx([float(x) for (x,) in read(named.out)[1:]], 1e-6)


def test_a_process_without_standard_input_is_told_so(runs, here: Command, monkeypatch: pytest.MonkeyPatch):
    """Closed (`<&-`), or a notebook's, which has no bytes."""
    for absent in (None, io.StringIO("a,b,c,color")):
        monkeypatch.setattr("sys.stdin", absent)

        assert_refused(here("predict", str(runs / "numbers"), "-"), 2, "no standard input", "path of a file")


def test_what_the_model_never_saw_is_predicted_all_the_same(runs, here: Command):
    """Unseen categories, missing cells, columns in another order and more of them: a prediction for every row."""
    records = ["1,2,3,mauve", ",,,", "0.5,-0.5,NA,red"]
    turned = [",".join([*reversed(record.split(",")), "more"]) for record in records]
    Path("odd.csv").write_bytes(tables.table(records, "a,b,c,color"))
    Path("turned.csv").write_bytes(tables.table(turned, "color,c,b,a,extra"))

    odd, other = (here("predict", str(runs / "numbers"), name) for name in ("odd.csv", "turned.csv"))

    assert odd.code == 0
    assert len(read(odd.out)) == 4
    assert other.out == odd.out


def test_cells_that_mean_nothing_to_the_model_are_named(runs, here: Command):
    """They count as missing, and a warning says so: stdout stays what a program reads."""
    Path("odd.csv").write_bytes(tables.table(["oops,2,3,red", "1,2,3,red"], "a,b,c,color"))

    ended = here("predict", str(runs / "numbers"), "odd.csv")

    assert ended.code == 0
    assert len(read(ended.out)) == 3
    assert "1 cell of column 'a' (line 2): not a number: kept as missing: 'oops'" in ended.err


# The file, and what the message must hold.
UNPREDICTABLE = {
    "a column is absent": (tables.table([r.partition(",")[2] for r in TRAINING], "b,c,color,y"), ("'a'", "trained")),
    "columns are absent": (
        tables.table(["1,red"] * 3, "b,Color"),
        ("3 columns", "'a'; 'c'; 'color' (nearest: 'Color')"),
    ),
    "header only, of other columns": (tables.table([], "a,b,c"), ("bad.csv lacks a column", "'color'")),
    "empty": (b"", ("is empty",)),
    "a record is no row": (tables.table(["1,2,3,red", "1,2,3"], "a,b,c,color"), ("Line 3", "would not match")),
    "an infinite value": (
        tables.table(["1,2,3,red", "1,2,-inf,red", "1,2,3,red"], "a,b,c,color"),
        ("Line 3 of bad.csv", "infinite value in column 'c' (-inf)"),
    ),
    "decimal commas in quotes": (
        tables.table(['"1,5",2,"3,5",red'] * 3, "a,b,c,color"),
        ("Column 'a' of bad.csv", "3 of its 3 values", "'1,5', on line 2", "true of 'c'", "decimal point"),
    ),
    "commas that may part thousands": (
        tables.table(["1,234\t2\t3\tred"] * 3, "a\tb\tc\tcolor"),
        ("Column 'a'", "3 of its 3 values", "'1,234', on line 2"),
    ),
    "units beside most numbers": (
        tables.table(["1 kg,2,3,red", ",2,3,red", "1,2,3,red", "2 kg,2,3,red"], "a,b,c,color"),
        ("Column 'a'", "2 of its 3 values", "'1 kg', on line 2"),
    ),
}


@pytest.mark.parametrize("case", UNPREDICTABLE)
def test_rows_that_cannot_be_predicted_are_refused_as_a_whole(case, runs, here: Command):
    """A prediction left out would shift all that follow: nothing is printed or written."""
    content, words = UNPREDICTABLE[case]
    Path("bad.csv").write_bytes(content)

    ended = here("predict", str(runs / "numbers"), "bad.csv", "-o", "out.csv")

    assert_refused(ended, 3, *words)
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(("delimiter", "point"), [(";", ","), ("\t", ","), ("|", "."), (";", ".")])
def test_another_dialect_than_in_training_gives_the_same_predictions(delimiter, point, runs, here: Command):
    """Decimal commas are read as such, in a file of which they do not cut the fields."""
    records = features(tables.rows(20))
    turned = [record.replace(",", delimiter).replace(".", point) for record in records]
    Path("plain.csv").write_bytes(tables.table(records, "a,b,c,color"))
    Path("turned.csv").write_bytes(tables.table(turned, f"a{delimiter}b{delimiter}c{delimiter}color"))

    plain, other = (here("predict", str(runs / "numbers"), name) for name in ("plain.csv", "turned.csv"))

    assert (other.code, other.err) == (0, "")
    assert other.out == plain.out


def test_a_column_without_any_value_is_told(runs, here: Command):
    """Its cells may be empty, and a person may have meant another column; in a single row it is a mere gap."""
    for count, told in ((2, True), (1, False)):
        Path("gap.csv").write_bytes(tables.table([",2,3,red"] * count, "a,b,c,color"))

        ended = here("predict", str(runs / "numbers"), "gap.csv")

        assert ended.code == 0
        assert ("Column 'a' has no value here" in ended.err) == told


def without_rows(home: Path) -> list[str]:
    """Tables of the model's columns and no rows, in every format."""
    names = ["a", "b", "c", "color"]
    (home / "none.csv").write_text("a;b;c;color\r\n")
    (home / "none.jsonl").write_text("")
    (home / "none.json").write_text("[]")
    parquet.write_table(pa.table({name: pa.array([], pa.float64()) for name in names}), home / "none.parquet")
    np.savez(home / "none.npz", X=np.zeros((0, 4)), feature_names=np.array(names))
    return ["none.csv", "none.jsonl", "none.json", "none.parquet", "none.npz"]


def test_no_rows_in_are_no_rows_out(runs, here: Command):
    """One row out for each row in: the header alone, and a warning, whatever the format."""
    for name in without_rows(Path()):
        ended = here("predict", str(runs / "words"), name, "--proba")

        assert (ended.code, ended.out) == (0, "no,yes\n")
        assert ended.err == f"burnish: {name} has no rows, so there is nothing to predict.\n"


def test_categories_that_are_nearly_all_new_are_told(runs, here: Command):
    """As where they are written in another language or case: a prediction of them is hardly one."""
    Path("new.csv").write_bytes(tables.table(["1,2,3,RED", "1,2,3,BLUE", "1,2,3,red"], "a,b,c,color"))

    ended = here("predict", str(runs / "words"), "new.csv")

    assert ended.code == 0
    assert "2 of the 3 values of column 'color' are none that the model knows, such as 'RED' (line 2)" in ended.err
    assert "'red'" in ended.err


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_model_that_is_not_there_is_named(command, here: Command):
    Path("folder").mkdir()
    Path("good.csv").write_bytes(tables.good())

    assert_refused(here(command, "none", "good.csv"), 1, "none")
    assert_refused(here(command, "folder", "good.csv"), 1, "folder", "model.json is missing")


def test_a_place_that_cannot_be_written_is_named(runs, here: Command):
    Path("good.csv").write_bytes(tables.good(10))
    Path("file").write_text("")

    for place in ("file/out.csv", "/dev/full"):
        assert_refused(here("predict", str(runs / "numbers"), "good.csv", "-o", place), 1, "cannot be written")


def test_evaluation_measures_what_predict_predicts(runs, here: Command):
    """The rates are those that counting gives; each has its interval."""
    new = tables.rows(300, labels=True, seed=8)
    Path("new.csv").write_bytes(tables.table(new))
    predicted = [row[0] for row in read(here("predict", str(runs / "words"), "new.csv").out)[1:]]
    wrong = sum(p != record.rpartition(",")[2] for p, record in zip(predicted, new, strict=True))

    document = json.loads(here("evaluate", str(runs / "words"), "new.csv", "--json").out)

    found = {metric["name"]: metric for metric in document["metrics"]}
    assert document["rows"] == 300
    assert found["misclassification rate"]["value"] == pytest.approx(wrong / 300)
    of_yes = {f"1 - {measure} of 'yes'" for measure in ("precision", "recall", "F1", "average precision")}
    assert set(found) == {"misclassification rate", "log-loss", "1 - balanced accuracy", "1 - AUC", *of_yes}
    assert all(metric["low"] <= metric["value"] <= metric["high"] for metric in found.values())


def test_evaluation_of_numbers(runs, here: Command):
    new = tables.rows(300, seed=9)
    Path("new.csv").write_bytes(tables.table(new))
    predicted = [float(row[0]) for row in read(here("predict", str(runs / "numbers"), "new.csv").out)[1:]]
    truth = [float(record.rpartition(",")[2]) for record in new]
    squares = [(p - t) ** 2 for p, t in zip(predicted, truth, strict=True)]

    document = json.loads(here("evaluate", str(runs / "numbers"), "new.csv", "--json").out)

    found = {metric["name"]: metric["value"] for metric in document["metrics"]}
    assert found["RMSE"] == pytest.approx(math.sqrt(sum(squares) / 300))
    assert set(found) == {"RMSE", "MAE", "1 - R²"}
    assert here("evaluate", str(runs / "numbers"), "new.csv").out.startswith("300 rows")


def test_evaluation_says_which_rows_the_model_was_made_from(runs, here: Command):
    """Errors on them look as those on new rows do, and are not: the others are judged by themselves too."""
    new = tables.rows(40, labels=True, seed=8)
    Path("both.csv").write_bytes(tables.table([*TRAINING, *new]))
    Path("new.csv").write_bytes(tables.table(new))
    test = len(json.loads((runs / "words" / "splits.json").read_text())["test"])

    both = here("evaluate", str(runs / "words"), "both.csv")
    found = json.loads(here("evaluate", str(runs / "words"), "both.csv", "--json").out)
    alone = json.loads(here("evaluate", str(runs / "words"), "new.csv", "--json").out)

    assert found["seen_rows"] == len(TRAINING) - test
    assert f"{found['seen_rows']} of the {len(TRAINING) + 40} rows are ones that the model was made from" in both.err
    assert f"{test + 40} of them that the model was not made from; each error" in both.out
    assert alone["seen_rows"] == 0
    assert alone["unseen_metrics"] == []
    assert "made from" not in here("evaluate", str(runs / "words"), "new.csv").err


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_evaluation_of_few_rows_says_no_more_than_they_tell(rows, runs, here: Command):
    """An interval that cannot be computed is null in the document, and is not printed."""
    Path("few.csv").write_bytes(tables.table(tables.rows(rows, labels=True)))

    document = json.loads(here("evaluate", str(runs / "words"), "few.csv", "--json").out, parse_constant=pytest.fail)

    assert document["rows"] == rows
    shown = here("evaluate", str(runs / "words"), "few.csv")
    assert shown.code == 0
    assert "nan" not in shown.out
    assert "inf" not in shown.out


def test_rows_without_a_target_are_left_out_of_an_evaluation(runs, here: Command):
    Path("gaps.csv").write_bytes(tables.table([*TRAINING, "1,2,3,red,"]))

    ended = here("evaluate", str(runs / "words"), "gaps.csv")

    assert ended.out.startswith("150 rows")
    assert "1 row has no target" in ended.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (without_target(TRAINING), ("no column 'y'",)),
        (tables.table(["1,2,3,red,"] * 5), ("'y'", "No row")),
        (
            tables.table(["1,2,3,red,yes", "1,2,3,red,perhaps"]),
            ("unknown class: 'perhaps'", "in line 3, the first of 1"),
        ),
        (tables.table([]), ("no rows",)),
    ],
    ids=["no target", "empty target", "unknown class", "header only"],
)
def test_what_cannot_be_evaluated_is_refused(content, words, runs, here: Command):
    Path("bad.csv").write_bytes(content)

    assert_refused(here("evaluate", str(runs / "words"), "bad.csv"), 3, *words)


def test_words_cannot_be_evaluated_as_numbers(runs, here: Command):
    Path("bad.csv").write_bytes(tables.with_target(lambda i: "abc"[i % 3]))

    ended = here("evaluate", str(runs / "numbers"), "bad.csv")

    assert_refused(ended, 3, "'y'")


def test_a_report_can_be_rendered_anew(runs, here: Command):
    """The page is a function of what the run kept; it is the same again."""
    page = runs / "words" / "report.html"
    before = page.read_text()
    page.unlink()

    ended = here("report", str(runs / "words"))

    assert ended.out == f"{page}\n"
    assert page.read_text() == before


def test_a_run_that_has_not_finished_has_no_report(runs, here: Command):
    """It says so, and how to get one; a damaged one is called damaged."""
    shutil.copytree(runs / "words", "run")
    Path("run/summary.json").unlink()
    assert_refused(here("report", "run"), 1, "has not finished", "burnish resume run")

    Path("run/summary.json").write_text('{"format_version": 1}')
    assert_refused(here("report", "run"), 1, "is damaged", "summary.json")


@pytest.mark.parametrize("command", ["report", "resume"])
def test_a_run_that_is_not_there_is_named(command, here: Command):
    Path("folder").mkdir()

    assert_refused(here(command, "folder"), 1, "no run in folder", "burnish runs")


def test_a_finished_run_is_not_gone_on_with(runs, here: Command):
    assert_refused(here("resume", str(runs / "words")), 2, "has finished", "report.html")

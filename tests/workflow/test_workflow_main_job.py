"""The main job from a real table to a run folder, with the clock out of the way: epochs are counted instead."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnish.predictor import predictor
from burnish.report import summary as records
from burnish.report import wording
from burnish.train.configuration import Configuration
from burnish.workflow import applying, improve, leaving, reading, settings, tuning
from burnish.workflow.leaving import Result

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# Learns a little in a second.
SMALL = Configuration(widths=(16,), bins=4, norm="batch", batch_size=32, epochs=12, learning_rate=2e-2)


def run(sources: reading.Sources, out: Path, *, in_process: bool = True, **asked: Any) -> Result:
    asked = {"start": SMALL, "jobs": 2, **asked}
    manner = improve.Manner(in_process=in_process, yardstick=not in_process, first_only="max_epochs" not in asked)
    request = improve.Request(sources, settings.make(**asked), out=out, command="burnish improve", manner=manner)
    return improve.run(request)


def everything(out: Path, **asked: Any) -> Result:
    """All stages once: worker processes, remedies, a search, an average; some 900 epochs over all trials."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tuning, "MOST_PROGRAMS", 4)  # two network shapes: compiling takes longer than all training
        source = reading.Sources(EXAMPLES / "concrete.csv")
        asked = {"target": "compressive_strength", "folds": 2, "max_epochs": 900, "seed": 3, **asked}
        return run(source, out, in_process=False, **asked)


@pytest.fixture(scope="module")
def concrete(tmp_path_factory) -> Result:
    return everything(tmp_path_factory.mktemp("runs") / "concrete")


@pytest.fixture(scope="module")
def flights(tmp_path_factory) -> Result:
    """Two classes; dates, missing values, categories of up to 97 levels."""
    out = tmp_path_factory.mktemp("runs") / "flights"
    start = replace(SMALL, epochs=3, batch_size=128)
    return run(reading.Sources(EXAMPLES / "flights.csv"), out, target="late", positive="yes", start=start)


@pytest.fixture(scope="module")
def vehicle(tmp_path_factory) -> Result:
    """Four classes, no test set."""
    out = tmp_path_factory.mktemp("runs") / "vehicle"
    return run(reading.Sources(EXAMPLES / "vehicle.csv"), out, target="vehicle", test=False)


def lines(name: str) -> list[str]:
    return (EXAMPLES / name).read_text("utf-8").splitlines()


def write_rows(path: Path, name: str, ids: list[int]) -> Path:
    """The lines of an example that these ids name, below its header."""
    whole = lines(name)
    path.write_text("\n".join([whole[0], *(whole[i - 1] for i in ids)]) + "\n", "utf-8")
    return path


def test_the_folder_holds_what_a_person_needs_and_nothing_else(concrete):
    """Model, report, database, configuration, splits, card; what only the run needed is gone, nothing is a pickle."""
    left = {str(path.relative_to(concrete.path)) for path in concrete.path.rglob("*") if path.is_file()}

    assert {
        "model/model.json",
        "model/networks.safetensors",
        "model/rows.safetensors",
        "report.html",
        "run.sqlite",
        "config.json",
        "splits.json",
        "model_card.md",
        "summary.json",
    } <= left
    assert not any(name.startswith("scratch") or name.endswith((".pkl", ".pickle", ".npz", ".npy")) for name in left)
    for name in left - {"run.sqlite"}:
        assert not (concrete.path / name).read_bytes().startswith(b"\x80")  # how pickles begin
    assert concrete.report == concrete.path / "report.html"


def test_the_database_holds_every_trial_epoch_finding_and_experiment(concrete):
    """As many of each as the summary says, and every trial of the delivered networks."""
    told = concrete.summary
    with sqlite3.connect(concrete.path / "run.sqlite") as connection:
        count = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("trials", "epochs", "findings", "experiments", "decisions", "events")
        }
        trials, epochs = connection.execute(
            "SELECT count(*), sum(most) FROM (SELECT max(epochs) AS most FROM trials GROUP BY trial)"
        ).fetchone()
        kept = connection.execute("SELECT round, remedy, gain, kept FROM experiments ORDER BY round, remedy").fetchall()
        curve = connection.execute(
            "SELECT trial, max(epoch) FROM epochs GROUP BY trial ORDER BY trial LIMIT 1"
        ).fetchone()
    connection.close()

    assert trials == told.trials > 20
    assert count["trials"] >= trials
    assert epochs == pytest.approx(told.epochs)
    assert count["epochs"] >= told.epochs
    assert count["experiments"] == len(told.experiments) > 0
    assert count["findings"] >= len(told.audit) > 0
    assert count["decisions"] > 2
    assert count["events"] > 10
    assert curve[1] >= 1
    assert kept == sorted((one.round, one.remedy, one.gain, int(one.kept)) for one in told.experiments)


def test_epochs_are_counted_and_kept_to(concrete):
    """All trainings together stay within --max-epochs, and use most of them; no decision names the clock."""
    assert 0.7 * 900 < concrete.summary.epochs <= 900
    assert concrete.summary.clock_decisions == ()
    assert concrete.summary.run.limit_s is None


@pytest.mark.parametrize("which", ["concrete", "flights", "vehicle"])
def test_the_split_names_every_row_once(which, request):
    """Line numbers of the file: train, dev and test together are all rows, and none is in two parts."""
    result = request.getfixturevalue(which)
    parts = json.loads((result.path / "splits.json").read_text("utf-8"))
    named = [row for part in parts.values() for row in part]

    assert sorted(named) == list(range(2, len(lines(f"{which}.csv")) + 1))
    assert parts.keys() == ({"train", "dev"} if which == "vehicle" else {"train", "dev", "test"})
    assert len(parts["train"]) == result.summary.rows.train
    assert len(parts.get("test", ())) == (result.summary.rows.test or 0)


def test_the_configuration_is_all_that_is_needed_to_ask_again(concrete):
    """Read back, it gives the same sources, settings and command."""
    sources, asked, command = leaving.read_request(leaving.RunFolder(concrete.path, ""))

    assert asked == concrete.settings
    assert asked.start == SMALL
    assert Path(sources.main) == EXAMPLES / "concrete.csv"
    assert command == "burnish improve"


@pytest.mark.parametrize("which", ["concrete", "flights", "vehicle"])
def test_the_model_on_disk_predicts_the_same_bits(which, request):
    """On the table it was made from, through the same preparation."""
    result = request.getfixturevalue(which)
    again = applying.model_in(result.path)
    table = applying.rows_for(again, EXAMPLES / f"{which}.csv")
    found = again.predict(table)

    np.testing.assert_array_equal(found, result.predictor.predict(table), strict=True)
    assert np.isfinite(found).all()
    if result.predictor.target.classes:
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("which", ["concrete", "flights", "vehicle"])
def test_predictions_follow_the_rows(which, request, tmp_path):
    """A file in another order, without the target, with a column too many: a line out for each row in, in order."""
    result = request.getfixturevalue(which)
    model = result.predictor
    straight = applying.predictions_csv(model, applying.rows_for(model, EXAMPLES / f"{which}.csv"), probabilities=True)
    with (EXAMPLES / f"{which}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    order = np.random.default_rng(0).permutation(len(rows))[:300]
    target = header.index(result.predictor.target.name)
    shuffled = io.StringIO()
    writer = csv.writer(shuffled)
    writer.writerow([*header[:target], *header[target + 1 :], "further"])
    writer.writerows([*rows[i][:target], *rows[i][target + 1 :], "x"] for i in order)
    (tmp_path / "new.csv").write_text(shuffled.getvalue(), "utf-8")
    found = applying.predictions_csv(model, applying.rows_for(model, tmp_path / "new.csv"), probabilities=True)

    one, other = (
        np.array([line.split(",") for line in text.splitlines()[1:]], np.float64) for text in (straight, found)
    )
    assert straight.splitlines()[0] == found.splitlines()[0]
    assert len(one) == len(rows)
    np.testing.assert_allclose(other, one[order], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("which", ["concrete", "flights"])
def test_the_test_error_is_what_the_model_on_disk_makes_of_the_test_rows(which, request, tmp_path):
    """The rows that splits.json calls test, evaluated as a file of their own."""
    result = request.getfixturevalue(which)
    ids = json.loads((result.path / "splits.json").read_text("utf-8"))["test"]
    found = applying.evaluate(result.path, write_rows(tmp_path / "test.csv", f"{which}.csv", ids))
    metrics = {metric.name: metric.value.value for metric in found.metrics}
    final = result.summary.final

    assert found.rows == len(ids)
    assert metrics[result.summary.task.error] == pytest.approx(final.test.value, rel=1e-6)
    assert metrics == pytest.approx({metric.name: metric.value.value for metric in final.test_metrics}, rel=1e-6)


def test_numbers_have_their_measures(concrete):
    """RMSE, MAE and 1 − R², each with an interval around it."""
    final = concrete.summary.final

    assert [metric.name for metric in final.test_metrics] == ["RMSE", "MAE", "1 - R²"]
    for metric in final.test_metrics:
        assert metric.value.low < metric.value.value < metric.value.high
    assert final.dev.low < final.dev.value < final.dev.high
    # Chosen as the best, and so too good; but judged by one rotation alone, where the average of five is delivered.
    assert 0.85 * final.dev_raw.value < final.dev.value < 1.1 * final.dev_raw.value
    assert final.test_openings == 1


@pytest.mark.parametrize("which", ["flights", "vehicle"])
def test_classes_are_named_and_judged(which, request):
    """In order, and with what speaks of the positive class, of two; nothing without a test set."""
    result = request.getfixturevalue(which)
    classes = {"flights": ("no", "yes"), "vehicle": ("bus", "opel", "saab", "van")}[which]
    measures = ["misclassification rate", "log-loss", "1 - balanced accuracy", "1 - AUC"]
    measures += [f"1 - {measure} of 'yes'" for measure in ("precision", "recall", "F1", "average precision")]
    final = result.summary.final

    assert result.summary.task.classes == result.predictor.target.classes == classes
    assert [metric.name for metric in final.test_metrics] == (measures if which == "flights" else [])
    assert (final.test is None) == (which == "vehicle")
    assert final.test_openings == (which == "flights")
    assert result.summary.predictions.part == ("test" if which == "flights" else "dev")


def test_missing_values_categories_and_dates_become_inputs(flights, tmp_path):
    """Every column that is used has its treatment; a row of nothing but gaps and strange words is answered too."""
    columns = {column.name: column for column in flights.summary.columns}
    header = [name for name in columns if name != "late"]
    strange = ["2040-02-30x" if name == "carrier" else "" for name in header]
    (tmp_path / "gaps.csv").write_text(f"{','.join(header)}\n{','.join(strange)}\n", "utf-8")
    found = flights.predictor.predict(applying.rows_for(flights.predictor, tmp_path / "gaps.csv"))

    assert columns["late"].treatment == "not an input"
    assert all(columns[name].treatment for name in header)
    assert columns["dest"].kind == "category"
    assert columns["date"].kind == "date"
    assert columns["engine"].missing > 0
    assert flights.predictor.members[0].architecture.inputs.vocabularies
    assert found.shape == (1, 2)
    assert found.sum() == pytest.approx(1)


def test_the_page_and_the_card_say_what_was_found(concrete):
    """Self-contained, with the errors of the summary in both."""
    page, card = concrete.report.read_text("utf-8"), (concrete.path / "model_card.md").read_text("utf-8")
    error = wording.bare(concrete.summary.final.test)

    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "<script src" not in page
    assert error in page
    assert error in card
    assert records.from_json((concrete.path / "summary.json").read_text("utf-8")) == concrete.summary


def test_the_delivered_network_is_no_worse_than_where_it_started(concrete):
    """On dev rows that did not choose: at least as good as the person's own configuration and as the linear model."""
    told = concrete.summary
    linear = next(baseline for baseline in told.baselines if baseline.name == "linear")

    assert told.first.configuration == SMALL
    assert told.final.dev.value <= told.first.dev.value
    assert told.final.dev.value <= linear.dev.value
    assert told.delivered.what == "network"
    assert isinstance(concrete.predictor, predictor.Predictor)
    assert told.delivered.members == len(concrete.predictor.members)


def test_five_epochs_give_five_epochs_of_network_or_a_simple_model(tmp_path):
    """One for each of five folds; what is delivered is said, and that it could be better."""
    source = reading.Sources(EXAMPLES / "concrete.csv")
    told = run(source, tmp_path / "run", target="compressive_strength", max_epochs=5).summary

    assert told.epochs == told.trials == 5
    assert told.first.configuration.epochs == 1
    assert told.delivered.what == "linear"
    assert "No network beat it" in told.delivered.reason
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as connection:
        said = [text for (text,) in connection.execute("SELECT message FROM events WHERE level = 'warning'")]
    connection.close()
    assert any("--max-epochs 5 lets the first network train for 1 of its 12 epochs" in text for text in said)


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [70, 130, 400, 650])
def test_no_number_of_epochs_is_exceeded(epochs, tmp_path):
    """By few workers or many, in every stage; and the numbers are the same."""
    one, two = (everything(tmp_path / str(jobs), jobs=jobs, max_epochs=epochs).summary for jobs in (1, 2))

    assert one.epochs == two.epochs <= epochs
    assert one.final == two.final
    assert one.experiments == two.experiments


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target", "more"),
    [
        ("vehicle", "vehicle", {"max_epochs": 2500}),
        ("flights", "late", {"max_epochs": 150, "start": replace(SMALL, epochs=3, batch_size=128)}),
    ],
)
def test_classes_go_through_the_whole_job(name, target, more, tmp_path):
    """Remedies, search, rotations and an average; within the epochs."""
    result = run(reading.Sources(EXAMPLES / f"{name}.csv"), tmp_path / "run", in_process=False, target=target, **more)
    told = result.summary

    assert told.epochs <= more["max_epochs"]
    assert told.search is not None
    assert told.final.dev.low <= told.final.test.value <= told.final.dev.high


@pytest.mark.slow
def test_the_answer_does_not_depend_on_the_number_of_workers(concrete, tmp_path):
    """One worker gives the bits that two gave: every experiment, every draw, every prediction."""
    alone = everything(tmp_path / "run", jobs=1)
    table = applying.rows_for(alone.predictor, EXAMPLES / "concrete.csv")

    assert alone.summary.experiments == concrete.summary.experiments
    assert alone.summary.search == concrete.summary.search
    assert alone.summary.final == concrete.summary.final
    np.testing.assert_array_equal(alone.predictor.predict(table), concrete.predictor.predict(table))

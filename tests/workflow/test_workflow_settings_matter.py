"""Each thing that a person can ask of a run has its effect, and the effect that was asked for."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import workflow_fake as fake
from numpy.typing import NDArray
from sklearn import metrics as measures

from burnish import errors
from burnish.train.configuration import Configuration
from burnish.workflow import applying, improve, preparing, reading, settings, start
from burnish.workflow.leaving import Result
from burnish.workflow.problem import Judge, Problem

SMALL = Configuration(widths=(8,), batch_size=32, epochs=5, learning_rate=2e-2)
ROWS = 240


def houses(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A price that depends on the area and the town; a town, a day, an agent and a weight for each."""
    rng = np.random.default_rng(seed)
    area, town = rng.normal(size=rows), rng.choice(["north", "south", "west"], rows, p=[0.6, 0.3, 0.1])
    price = 20 + 5 * area + 3 * (town == "south") + rng.normal(size=rows)
    return pd.DataFrame(
        {
            "area": area.round(6),
            "noise": rng.normal(size=rows).round(6),
            "town": town,
            "agent": rng.choice([f"agent {k}" for k in range(12)], rows),
            "day": rng.permutation(rows) + 0.5,
            "weight": rng.uniform(0.5, 2.0, rows).round(3),
            "price": price.round(4),
            "dear": np.where(price > np.quantile(price, 0.7), "yes", "no"),
        }
    )


class Ran:
    """A run, and its parts as positions in the table that it was given."""

    def __init__(self, path: Path, table: pd.DataFrame, files: dict[str, pd.DataFrame] | None = None, **asked: Any):
        self.table, out = table, path / "run"
        table.to_csv(path / "table.csv", index=False)
        places = {}
        for name, rows in (files or {}).items():
            places[name] = path / f"{name}.csv"
            rows.to_csv(places[name], index=False)
        asked = {"target": "price", "drop": ("dear", "agent"), "start": SMALL, "jobs": 1, **asked}
        sources = reading.Sources(path / "table.csv", places.get("dev"), places.get("test"))
        manner = improve.Manner(in_process=True, yardstick=False, first_only=True)
        self.result: Result = improve.run(improve.Request(sources, settings.make(**asked), out=out, manner=manner))
        self.parts = {
            name: np.array(rows, np.int64) - 2 for name, rows in json.loads((out / "splits.json").read_text()).items()
        }

    @property
    def inputs(self) -> set[str]:
        return set(self.result.predictor.schema)

    def values(self, column: str) -> dict[str, NDArray[Any]]:
        return {name: self.table[column].to_numpy()[rows] for name, rows in self.parts.items()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Ran:
    """Nothing asked for but the target."""
    return Ran(tmp_path_factory.mktemp("plain"), houses())


def test_without_wishes_all_columns_are_inputs(plain):
    """What the effects below are told from."""
    assert plain.inputs == {"area", "noise", "town", "day", "weight"}
    assert plain.result.summary.rows.folds == 5
    assert plain.result.summary.first.configuration == SMALL


def test_a_group_stays_on_one_side(tmp_path):
    """No agent of the training rows is met again in dev or test, and who it was is no input."""
    ran = Ran(tmp_path, houses(), group="agent", drop=("dear",))
    agents = {name: set(values) for name, values in ran.values("agent").items()}

    assert agents["train"].isdisjoint(agents["dev"] | agents["test"])
    assert agents["dev"].isdisjoint(agents["test"])
    assert "agent" not in ran.inputs


def test_time_orders_the_parts(tmp_path):
    """The earliest train, later ones choose, the latest are the test set; one fold."""
    ran = Ran(tmp_path, houses(), time="day")
    days = ran.values("day")

    assert days["train"].max() < days["dev"].min() <= days["dev"].max() < days["test"].min()
    assert ran.result.summary.rows.folds == 1


def test_every_part_has_its_share_of_every_source(tmp_path):
    """Ten percent come from the west: so in train, dev and test; where a row comes from is no input."""
    table = houses()
    ran = Ran(tmp_path, table, source="town")
    whole = (table["town"] == "west").mean()

    for towns in ran.values("town").values():
        assert abs((towns == "west").mean() - whole) <= 3 / len(towns)  # dealt within bins of the price: whole rows
    assert "town" not in ran.inputs


def test_rows_of_no_weight_neither_train_nor_judge(tmp_path):
    """A quarter of the rows say nonsense and weigh nothing: the error is that of the others."""
    table = houses()
    silent = np.arange(ROWS) % 4 == 0
    table.loc[silent, "price"] = -1000.0
    table["weight"] = np.where(silent, 0.0, 1.0)
    weighted = Ran(tmp_path, table, weight="weight", test=False)
    (tmp_path / "again").mkdir()
    alike = Ran(tmp_path / "again", table, drop=("dear", "agent", "weight"), test=False)

    assert "weight" not in weighted.inputs
    assert weighted.result.summary.final.dev.value < 5
    assert alike.result.summary.final.dev.value > 100
    baselines = {one.name: one.dev.value for one in weighted.result.summary.baselines}
    assert baselines["linear"] < 2 < baselines["mean"] < 20


def test_dropped_columns_are_gone(plain, tmp_path):
    """Not an input, not in the report; without the one that matters the error grows."""
    ran = Ran(tmp_path, houses(), drop=("dear", "agent", "area"))

    assert ran.inputs == plain.inputs - {"area"}
    assert "area" not in {column.name for column in ran.result.summary.columns}
    assert ran.result.summary.final.dev.value > 1.5 * plain.result.summary.final.dev.value


def test_as_many_folds_as_asked_for(tmp_path):
    """Each row but those of the test set is dev once; one network a fold."""
    ran = Ran(tmp_path, houses(), folds=3)
    rows = ran.result.summary.rows

    assert rows.folds == ran.result.summary.trials == 3
    assert rows.dev == ROWS - rows.test


def test_a_person_s_own_configuration_is_where_it_starts(tmp_path):
    """Every value of it, the optimiser and the mini-batch too; a mini-batch larger than the rows is cut to them."""
    own = Configuration(
        widths=(5, 4), activation="tanh", optimizer="momentum", learning_rate=0.05, batch_size=16, epochs=3, l2=0.1
    )
    ran = Ran(tmp_path, houses(), start=own, test=False)
    problem = fake.question(rows=60, dev=20)
    large = start.configuration(problem, replace(own, batch_size=4096))

    assert ran.result.summary.first.configuration == own
    assert large == replace(own, batch_size=40)


def test_without_a_test_set_all_rows_train_and_choose(tmp_path):
    """None is held out, none is opened, and the summary says so."""
    ran = Ran(tmp_path, houses(), test=False)
    told = ran.result.summary

    assert ran.parts.keys() == {"train", "dev"}
    assert told.rows.test is None
    assert told.final.test is None
    assert told.final.test_metrics == ()
    assert told.rows.dev == ROWS


@pytest.mark.slow
def test_a_task_that_is_asked_for_is_done(tmp_path):
    """Whole numbers of few values are classes by default, and a number where the person says so."""
    table = houses()
    table["price"] = (table["price"] / 10).round().astype(int)
    (tmp_path / "number").mkdir()
    classes = Ran(tmp_path, table, task="classification")
    number = Ran(tmp_path / "number", table, task="regression")

    assert classes.result.summary.task.kind == "classification"
    assert number.result.summary.task.kind == "regression"
    assert number.result.summary.task.error == "RMSE"


def test_a_baseline_error_that_was_given_is_the_floor(tmp_path):
    """The error budget starts from it, and says where it comes from."""
    ran = Ran(tmp_path, houses(), baseline_error=0.75)
    budget = ran.result.summary.budgets[0]

    assert (budget.floor.low, budget.floor.high) == (0.75, 0.75)
    assert "given" in budget.floor_reason


def test_the_seed_decides_the_split_and_nothing_else_does(plain, tmp_path):
    """The same seed gives the same answer to the bit; another one deals the rows otherwise."""
    (tmp_path / "other").mkdir()
    same, other = Ran(tmp_path, houses()), Ran(tmp_path / "other", houses(), seed=1)

    np.testing.assert_array_equal(same.parts["test"], plain.parts["test"])
    assert same.result.summary.final == plain.result.summary.final
    assert set(other.parts["test"]) != set(plain.parts["test"])


def test_a_dev_file_chooses_and_train_dev_rows_are_held_out(tmp_path):
    """Dev and test come from elsewhere: part of the training rows tells variance from mismatch, in every figure."""
    shifted = houses(120, seed=1)
    shifted["price"] += 10
    ran = Ran(tmp_path, houses(), {"dev": shifted, "test": houses(80, seed=2)})
    told = ran.result.summary

    assert ran.parts.keys() == {"train", "train_dev", "dev", "test"}
    np.testing.assert_array_equal(np.sort(ran.parts["dev"]), np.arange(120))
    np.testing.assert_array_equal(np.sort(ran.parts["test"]), np.arange(80))
    np.testing.assert_array_equal(
        np.sort(np.concatenate([ran.parts["train"], ran.parts["train_dev"]])), np.arange(ROWS)
    )
    assert told.rows.train_dev == len(ran.parts["train_dev"]) > 0
    assert told.first.train_dev.value < told.first.dev.value - 4
    assert told.final.train_dev.value < told.final.dev_raw.value - 4
    mismatch = next(gap for gap in told.budgets[0].gaps if gap.name == "mismatch")
    assert mismatch.found
    assert "BV4" in {finding.code for finding in ran.result.findings}


def test_a_test_file_is_the_test_set(tmp_path):
    """All rows of the table train and choose; there is no train-dev part, as dev is of the table."""
    ran = Ran(tmp_path, houses(), {"test": houses(80, seed=2)})

    assert ran.parts.keys() == {"train", "dev", "test"}
    np.testing.assert_array_equal(np.sort(ran.parts["test"]), np.arange(80))
    np.testing.assert_array_equal(np.sort(np.concatenate([ran.parts["train"], ran.parts["dev"]])), np.arange(ROWS))
    assert ran.result.summary.final.train_dev is None


CODES = np.random.default_rng(1).integers(0, 3, 200)
PROBABILITIES = np.random.default_rng(2).dirichlet(np.ones(3), 200) * 0.7 + 0.3 * np.eye(3)[CODES]
NUMBERS = np.random.default_rng(3).normal(size=200)
GUESSES = NUMBERS + 0.5 * np.random.default_rng(4).standard_t(4, 200)
WEIGHTS = np.random.default_rng(5).uniform(0.1, 3.0, 200)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("rmse", lambda w: measures.root_mean_squared_error(NUMBERS, GUESSES, sample_weight=w)),
        ("r2", lambda w: measures.root_mean_squared_error(NUMBERS, GUESSES, sample_weight=w)),
        ("mae", lambda w: measures.mean_absolute_error(NUMBERS, GUESSES, sample_weight=w)),
        ("log_loss", lambda w: measures.log_loss(CODES, PROBABILITIES, sample_weight=w)),
        ("auc", lambda w: measures.log_loss(CODES, PROBABILITIES, sample_weight=w)),
        ("accuracy", lambda w: measures.zero_one_loss(CODES, PROBABILITIES.argmax(1), sample_weight=w)),
    ],
)
def test_the_cost_is_what_scikit_learn_calls_by_that_name(metric, expected, weights):
    """Of all rows, weighted or not. R² chooses as RMSE does; AUC has no loss of a single row, so log-loss stands in."""
    regression = metric in settings.REGRESSION_METRICS
    truth, said = (NUMBERS, GUESSES[:, None]) if regression else (CODES, PROBABILITIES)
    judge = Judge("regression" if regression else "classification", metric, truth, weights)
    found = judge.cost(judge.losses(said, np.arange(200)))

    assert found == pytest.approx(expected(weights), rel=1e-6)


@pytest.mark.parametrize(
    ("metric", "error"),
    [("log_loss", "misclassification rate"), ("auc", "misclassification rate"), ("accuracy", "misclassification rate"),
     ("balanced_accuracy", "1 - balanced accuracy"), ("rmse", "RMSE"), ("mae", "RMSE"), ("r2", "RMSE")],
)  # fmt: skip
def test_verdicts_speak_of_the_error_that_belongs_to_the_metric(metric, error):
    """Whatever chooses."""
    task = "regression" if metric in settings.REGRESSION_METRICS else "classification"

    assert Judge(task, metric, NUMBERS, None).error_name == error


def test_balanced_accuracy_weighs_every_class_alike_and_the_positive_one_is_the_one_named(tmp_path):
    """One class in ten, of heavy rows: never naming it costs half of the balanced accuracy, weights or none."""
    table = houses()
    table["dear"] = np.where(table["price"] > np.quantile(table["price"], 0.9), "yes", "no")
    table["weight"] = np.where(table["dear"] == "yes", 5.0, 1.0)
    table["area"] = 0.0  # nothing to tell them apart by
    (tmp_path / "weighted").mkdir()
    columns = ["area", "noise", "dear", "weight"]
    asked = {"target": "dear", "metric": "balanced_accuracy", "positive": "no"}  # by itself it would be "yes"
    alike = Ran(tmp_path, table[columns[:-1]], drop=(), **asked)
    weighted = Ran(tmp_path / "weighted", table[columns], drop=(), weight="weight", **asked)

    for ran in (alike, weighted):
        majority = next(one for one in ran.result.summary.baselines if one.name == "majority")
        assert majority.dev.value == pytest.approx(0.5, abs=0.03)
        assert ran.result.summary.task.metric == "balanced_accuracy"
        assert ran.result.summary.task.error == "1 - balanced accuracy"
        assert ran.result.predictor.target.positive == "no"


def said(ran: Ran) -> list[str]:
    """Every sentence that the run showed."""
    with closing(sqlite3.connect(ran.result.path / "run.sqlite")) as connection:
        return [text for (text,) in connection.execute("SELECT message FROM events")]


def test_what_chooses_in_the_stead_of_a_metric_is_said(tmp_path):
    """At the start of the run, in the report, the model card and the document; of other metrics nothing is said."""
    for metric, chosen_by, sentence in (
        ("auc", "log-loss", "A row by itself has no AUC, so networks are chosen by log-loss instead"),
        ("r2", "RMSE", "Networks are chosen by RMSE, which is the same"),
        ("mae", "MAE", ""),
    ):
        (tmp_path / metric).mkdir()
        classes = metric == "auc"
        asked = {"target": "dear", "drop": ("price", "agent")} if classes else {}
        ran = Ran(tmp_path / metric, houses(), metric=metric, **asked)
        told = ran.result.document()
        pages = [ran.result.report.read_text("utf-8"), (ran.result.path / "model_card.md").read_text("utf-8")]

        assert (told["metric"], told["chosen_by"]) == (metric, chosen_by)
        if sentence:
            assert sum(sentence in line for line in said(ran)) == 1
        else:
            assert not set(settings.STAND_INS.values()) & set(said(ran))
        for page in pages:
            assert sentence in page
            assert f"hosen by {chosen_by}" in page or f"<dd>{chosen_by} on dev rows" in page


@pytest.mark.parametrize("positive", [None, "no"])
def test_the_positive_class_is_said_and_decides_what_is_measured(positive, tmp_path):
    """By default the one that means yes; the measures carry its label, and `evaluate` gives the same."""
    table = houses(400).drop(columns=["price", "agent"])
    ran = Ran(tmp_path, table, target="dear", drop=(), positive=positive)
    label = positive or "yes"
    names = [f"1 - {name} of '{label}'" for name in ("precision", "recall", "F1", "average precision")]
    told = ran.result.document()["final"]["test_metrics"]
    table.iloc[ran.parts["test"]].to_csv(tmp_path / "test.csv", index=False)
    evaluated = {m.name: m.value.value for m in applying.evaluate(ran.result.path, tmp_path / "test.csv").metrics}
    pages = [ran.result.report.read_text("utf-8"), (ran.result.path / "model_card.md").read_text("utf-8")]

    assert any(f"The positive class is '{label}'" in line for line in said(ran))
    assert [name for name in told if "' " not in name and " of '" in name] == [n for n in names if n in told]
    assert {"recall", "F1", "average precision"} <= {name[4:].partition(" of ")[0] for name in told}
    for name, one in told.items():
        assert evaluated[name] == pytest.approx(one["value"], rel=1e-5, abs=1e-9)
    assert all("The positive class is" in page for page in pages)


def test_what_depends_on_the_positive_class_can_be_required_where_there_is_one(tmp_path):
    """Of three classes only where one is named."""
    table = houses()[["area", "noise", "town"]]
    asked = {"target": "town", "drop": (), "require": "1 - recall <= 0.9"}
    Ran(tmp_path, table, **asked, positive="south")
    (tmp_path / "none").mkdir()

    with pytest.raises(errors.ConfigError, match="needs a positive class"):
        Ran(tmp_path / "none", table, **asked)


def test_groups_reach_the_experiments(tmp_path):
    """Rows of one agent, and copies, are one piece of evidence: their labels come with the problem."""
    table = pd.concat([houses(), houses().head(30)], ignore_index=True)
    made, problems = preparing.prepare, []

    def noted(*given: Any, **asked: Any) -> Problem:
        problems.append(made(*given, **asked))
        return problems[-1]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(preparing, "prepare", noted)
        Ran(tmp_path, table, drop=("dear",), group="agent")
    groups = problems[0].groups
    codes = pd.factorize(table["agent"])[0]

    assert len(np.unique(groups)) == 12
    assert len(set(zip(groups, codes, strict=True))) == 12
    np.testing.assert_array_equal(problems[0].dev_groups(range(1)), groups[problems[0].dev_rows(range(1))])

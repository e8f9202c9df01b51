"""The main job from Python: on tables of any kind, in a plain script or a notebook."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import burnish
from burnish.report import terminal

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
SMALL = burnish.Configuration(widths=(8,), batch_size=16, epochs=20, learning_rate=1e-2)


@pytest.fixture(scope="module")
def flowers() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kind = rng.choice(["iris", "lily", "rose"], 90)
    length = rng.normal(size=90) + 3 * (kind == "iris") - 3 * (kind == "rose")
    return pd.DataFrame({"length": length, "soil": rng.choice(["wet", "dry"], 90), "kind": kind})


@pytest.fixture(scope="module")
def said() -> Iterator[list[logging.LogRecord]]:
    """What the runs of this module say to the logger."""
    logger, records = logging.getLogger("burnish"), []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture(scope="module")
def run(flowers, said, tmp_path_factory) -> burnish.Result:
    path = tmp_path_factory.mktemp("runs")
    flowers.to_csv(path / "flowers.csv", index=False)
    flowers.tail(10).to_csv(path / "test.csv", index=False)
    data, test = path / "flowers.csv", path / "test.csv"
    return burnish.improve(data, "kind", test=test, max_epochs=100, start=SMALL, jobs=1, out=path / "run")


def test_a_result_has_what_a_person_asks_for(run, flowers):
    """Model, report, findings, experiments, history and predictions."""
    assert run.report.exists()
    assert isinstance(run.model, burnish.Model)
    assert run.history
    assert run.experiments == ()
    assert all(finding.code for finding in run.findings)
    assert run.document()["task"] == "classification"
    assert run.summary.rows.test == 10
    assert run._repr_html_().startswith("<!")
    assert (run.predict(flowers) == flowers["kind"]).mean() > 0.8


def test_a_printed_result_is_what_the_command_says_at_the_end(run):
    """What Python shows of one by itself is short: no weights, no records."""
    assert str(run).startswith("Expect a misclassification rate of ")
    assert str(run).splitlines() == list(terminal.summary(run.summary))
    assert repr(run) == f"Result(path={run.path!r})"


def test_a_model_is_read_back_from_its_folder(run, flowers):
    """The folder holds the same model; a run folder and the model folder in it both lead to it."""
    for path in (run.path, str(run.path / "model")):
        model = burnish.load_model(path)

        assert model.classes == ("iris", "lily", "rose")
        np.testing.assert_array_equal(model.predict_proba(flowers), run.model.predict_proba(flowers))


def test_every_kind_of_table_gives_the_same_predictions(run, flowers, tmp_path):
    """pandas, polars, dict and a file hold the same rows."""
    flowers.to_csv(tmp_path / "flowers.csv", index=False)
    expected = run.predict(flowers)
    columns = {name: flowers[name].to_numpy() for name in flowers}

    for data in (pl.from_pandas(flowers), columns, tmp_path / "flowers.csv"):
        np.testing.assert_array_equal(run.predict(data), expected)


def test_numbers_have_no_probabilities(tmp_path):
    """Arrays have columns x0, x1, …; a model of a number says why it has no probabilities."""
    X = np.random.default_rng(1).normal(size=(80, 3))
    X[:, 2] = X[:, 0] - X[:, 1]
    run = burnish.improve(X, "x2", max_epochs=100, start=SMALL, jobs=1, test=False, out=tmp_path / "run")

    assert run.summary.rows.test is None
    assert run.predict(X).shape == (80,)
    with pytest.raises(burnish.ConfigError, match="no probabilities"):
        run.model.predict_proba(X)


def test_columns_may_have_numbers_for_names(tmp_path):
    """As those of a data frame made of an array."""
    X = np.random.default_rng(2).normal(size=(60, 4))
    X[:, 3] = X[:, 0] + 0.1 * X[:, 1]
    run = burnish.improve(pd.DataFrame(X), 3, drop=[2], test=False, max_epochs=5, jobs=1, out=tmp_path / "run")

    assert set(run.predictor.schema) == {"0", "1"}
    assert run.predict(pd.DataFrame(X)).shape == (60,)


def test_lines_go_to_the_logger(run, said):
    """Without `emit` the sentences of a run are logged, warnings as warnings."""
    spoken = [(record.levelno, record.getMessage()) for record in said]

    assert any(level == logging.INFO and "A classification" in text for level, text in spoken)
    # the test rows are in the main file too
    assert any(level == logging.WARNING and "DA7" in text for level, text in spoken)


def test_mistakes_are_named(flowers, tmp_path):
    """A wrong target, a wrong setting and a missing run are errors of their own kinds."""
    with pytest.raises(burnish.ConfigError, match="Did you mean 'kind'"):
        burnish.improve(flowers, "kinds", max_epochs=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(burnish.ConfigError, match="epochs"):
        burnish.improve(flowers, "kind", epochs=1)
    with pytest.raises(burnish.StoreError, match="no run or model"):
        burnish.load_model(tmp_path / "nothing")


def test_a_finished_run_is_not_resumed(run):
    """There is nothing left to do."""
    with pytest.raises(burnish.ConfigError, match="has finished"):
        burnish.resume(run.path)


@pytest.mark.slow
@pytest.mark.parametrize("code", re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
def test_python_of_the_page_runs(code, tmp_path):
    """The examples of docs/api.md run as plain scripts, without a `__main__` guard, and print something."""
    (tmp_path / "script.py").write_text(code)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()

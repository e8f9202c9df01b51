"""A delivered model judged on new rows: they count as the run was told that rows count."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from burnish import errors
from burnish.predictor import simple
from burnish.train.configuration import Configuration
from burnish.workflow import applying, improve, reading, settings

ROWS, PATIENTS = 300, 40


def visits(seed: int = 0) -> pd.DataFrame:
    """Visits of patients, who are well or ill at most of them; one visit in five counts for ten."""
    rng = np.random.default_rng(seed)
    patient = rng.integers(0, PATIENTS, ROWS)
    ill = rng.normal(size=PATIENTS)[patient] + 0.3 * rng.normal(size=ROWS) > 0
    return pd.DataFrame(
        {
            "pulse": (ill + rng.normal(size=PATIENTS)[patient]).round(4),
            "age": rng.normal(50, 10, ROWS).round(2),
            "patient": [f"p{k}" for k in patient],
            "weight": np.where(rng.random(ROWS) < 0.2, 10.0, 1.0),
            "ill": np.where(ill, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run that was told of patients and weights, and the file of its test rows."""
    path = tmp_path_factory.mktemp("visits")
    table = visits()
    table.to_csv(path / "visits.csv", index=False)
    asked = settings.make(
        target="ill",
        group="patient",
        weight="weight",
        jobs=1,
        max_epochs=10,
        start=Configuration(widths=(4,), epochs=2, batch_size=64),
    )
    manner = improve.Manner(in_process=True, yardstick=False)
    request = improve.Request(reading.Sources(path / "visits.csv"), asked, out=path / "run", manner=manner)
    result = improve.run(request)
    tested = np.array(json.loads((path / "run" / "splits.json").read_text("utf-8"))["test"]) - 2
    table.iloc[tested].to_csv(path / "test.csv", index=False)
    table.iloc[tested].drop(columns=["patient", "weight"]).to_csv(path / "bare.csv", index=False)
    return path, result


def ends(metrics) -> dict[str, list[float]]:
    return {m.name: [m.value.value, m.value.low, m.value.high] for m in metrics}


def test_the_test_rows_as_a_file_give_the_errors_of_the_run(ran):
    """Value and ends of every measure: the model knows which columns say how rows count."""
    path, result = ran
    told, found = (
        ends(result.summary.final.test_metrics),
        ends(applying.evaluate(path / "run", path / "test.csv").metrics),
    )

    assert told.keys() == found.keys()
    assert "1 - recall of 'yes'" in told
    for name, one in told.items():
        drawn = 0.03 if name == "1 - balanced accuracy" else 1e-5  # the bootstrap draws groups in another order
        np.testing.assert_allclose(found[name], one, rtol=drawn, atol=1e-9, err_msg=name)


def test_columns_that_are_missing_are_said(ran):
    """Each row then counts for itself, and alike."""
    path, _ = ran
    known, bare = (applying.evaluate(path / "run", path / name) for name in ("test.csv", "bare.csv"))
    wide, narrow = (one.metrics[0].value for one in (known, bare))

    assert not known.remarks
    assert "There is no column 'patient'" in bare.remarks[0]
    assert "There is no column 'weight'" in bare.remarks[1]
    assert wide.half_width > 1.2 * narrow.half_width


def test_other_columns_can_be_named(ran, tmp_path):
    """For a file whose columns are called otherwise; one that is not there is refused."""
    path, _ = ran
    table = pd.read_csv(path / "test.csv").rename(columns={"patient": "person", "weight": "share"})
    table.to_csv(tmp_path / "renamed.csv", index=False)
    by_name = applying.evaluate(path / "run", tmp_path / "renamed.csv", group="person", weight="share")

    assert ends(by_name.metrics) == ends(applying.evaluate(path / "run", path / "test.csv").metrics)
    assert not by_name.remarks
    with pytest.raises(errors.ConfigError, match="no group column 'persn'"):
        applying.evaluate(path / "run", tmp_path / "renamed.csv", group="persn")


def test_a_model_from_before_columns_were_kept_still_loads(ran, tmp_path):
    """Its rows count for themselves."""
    path, _ = ran
    for file in (path / "run" / "model").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    model = json.loads((tmp_path / "model.json").read_text("utf-8"))
    assert model.pop("counting") == {"group": "patient", "weight": "weight"}
    (tmp_path / "model.json").write_text(json.dumps(model), "utf-8")

    assert simple.load(tmp_path).counting.group is None
    assert not applying.evaluate(tmp_path, path / "test.csv").remarks

"""The JSON document, its schema in the docs, and the file that keeps a summary."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from burnish.report import document, summary
from burnish.stats.interval import Interval

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"

jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked by an independent validator")


@pytest.fixture(scope="module")
def full() -> summary.Summary:
    return summary.from_json((HERE / "concrete.json").read_text())


@pytest.fixture(scope="module")
def validator():
    schema = json.loads((DOCS / "output.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_in_the_docs_is_the_one_of_the_code():
    """Write it anew with `python -m burnish.report.document > docs/output.schema.json`."""
    assert json.loads((DOCS / "output.schema.json").read_text()) == document.schema()


def test_the_document_has_the_promised_shape(full, validator):
    values = document.document(full)

    validator.validate(values)
    assert list(values) == [
        *("schema_version", "run", "task", "metric", "chosen_by", "rows", "baselines", "first", "final"),
        *(
            "delivered",
            "findings",
            "experiments",
            "warnings",
            "trials",
            "epochs",
            "elapsed_s",
            "limit_s",
            "model",
            "report",
        ),
    ]
    assert list(values["final"]) == [
        "train",
        "train_dev",
        "dev",
        "dev_raw",
        "dev_rows",
        "practical_size",
        "test",
        "test_metrics",
    ]
    assert values["final"]["train_dev"] is None
    assert values["final"]["dev"] == {
        "name": "RMSE",
        "value": full.final.dev.value,
        "low": full.final.dev.low,
        "high": full.final.dev.high,
    }
    assert list(values["experiments"][0]) == ["remedy", "cause", "gain", "low", "high", "pairs", "kept"]
    assert [f["code"] for f in values["findings"]] == [f.code for f in (*full.audit, *full.findings)]


def test_every_field_of_the_document_is_documented():
    text = (DOCS / "output.md").read_text()
    schema = document.schema()
    records = [schema, *schema["$defs"].values()]

    missing = {name for record in records for name in record.get("properties", {}) if f"`{name}`" not in text}
    assert missing == set()


def test_a_run_that_ended_early_gives_a_valid_document(full, validator):
    early = replace(full, first=None, final=None, delivered=None, baselines=(), experiments=(), findings=(), audit=())
    values = document.document(early)

    validator.validate(values)
    assert (values["first"], values["final"], values["model"]) == (None, None, None)


def test_the_document_says_what_was_left_out_and_what_is_delivered(full, validator):
    """A simple model is told apart from a network, and is not compared with itself."""
    better = Interval(-0.2, -0.3, -0.1)
    baselines = tuple(replace(b, excess=None if b.name == "linear" else better) for b in full.baselines)
    simple = summary.Delivered("linear", 5, 0, "No network was trained.")
    final = replace(full.final, dev_rows=64)
    short = replace(full, warnings=("Half was left out.",), delivered=simple, final=final, baselines=baselines)
    values = document.document(short)

    validator.validate(values)
    assert values["warnings"] == ["Half was left out."]
    assert values["delivered"]["what"] == "linear"
    assert values["final"]["dev_rows"] == 64
    compared = {b["name"]: b["excess"] for b in values["baselines"]}
    assert compared.pop("linear") is None
    assert all(excess == {"value": -0.2, "low": -0.3, "high": -0.1} for excess in compared.values())


def test_what_is_not_finite_becomes_null(full, validator):
    open_ended = Interval(4.0, float("-inf"), float("inf"))
    final = replace(full.final, dev=open_ended, test=Interval(float("nan"), 0.0, 1.0))
    experiments = (replace(full.experiments[0], gain=float("nan"), kept=np.bool_(False), pairs=np.int64(6)),)
    values = document.document(replace(full, final=final, experiments=experiments))

    validator.validate(json.loads(json.dumps(values, allow_nan=False)))
    assert values["final"]["dev"]["low"] is None
    assert values["final"]["test"] is None
    assert values["experiments"][0]["gain"] is None


def test_an_independent_validator_refuses_a_document_with_a_field_missing_or_too_many(full, validator):
    values = document.document(full)

    assert not validator.is_valid({k: v for k, v in values.items() if k != "final"})
    assert not validator.is_valid({**values, "extra": 1})


def test_a_summary_survives_its_file(full):
    diverged = replace(full.search.draws[0], dev=float("inf"))
    changed = replace(full, trials=np.int64(7), search=replace(full.search, draws=(diverged,)))
    text = changed.to_json()

    json.loads(text, parse_constant=pytest.fail)
    assert summary.from_json(text) == changed


def test_a_file_of_another_format_is_refused():
    with pytest.raises(ValueError, match="format version 1"):
        summary.from_json('{"format_version": 99, "summary": {}}')

"""`burnish diagnose RUN`: what held a run's network back, and whether the training of what it delivers is well."""

from __future__ import annotations

import json

import cli_tables
import pytest

import burnish
from burnish.report import diagnosis

jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked by an independent validator")


def test_what_is_no_run_is_refused(here):
    ended = here("diagnose", "nowhere")

    assert ended.code != 0
    assert "There is no run in nowhere" in ended.err


@pytest.mark.slow
def test_a_run_is_told_and_examined_within_its_time(here, tmp_path):
    """The folder stays as it was; both forms say the same."""
    (tmp_path / "t.csv").write_bytes(cli_tables.table(cli_tables.rows(200, labels=True)))
    here("improve", "t.csv", "--target", "y", "--max-epochs", "600", "--jobs", "1", "--out", "run")
    before = sorted(path.relative_to(tmp_path) for path in (tmp_path / "run").rglob("*"))
    told = here("diagnose", "run", "--time-limit", "1s")
    document = json.loads(here("diagnose", "run", "--time-limit", "1s", "--json").out)

    again = burnish.diagnose_run(tmp_path / "run", time_limit="1s").document()

    jsonschema.validate(document, diagnosis.schema())
    assert told.code in (0, 1)
    assert "Error of the first network (test): avoidable bias" in told.out
    assert "Examined again:" in told.out
    assert document["history"]["target"] == "y"
    assert again["history"] == document["history"]
    assert document["history"]["first"]["value"] >= 0
    assert document["steps"] > 0
    assert len(document["layers"]) >= 1
    assert {one["by"] for one in document["history"]["findings"]} <= {"test", "signal", "proof"}
    assert before == sorted(path.relative_to(tmp_path) for path in (tmp_path / "run").rglob("*"))

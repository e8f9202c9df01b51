"""The document of a verdict on a network from elsewhere, its schema in the docs, and its lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from burnish.report import verdict
from burnish.workflow import outside

jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked by an independent validator")

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROWS = {"train_rows": 5_000, "dev_rows": 1_000}


def test_the_schema_in_the_docs_is_the_codes():
    """`python -m burnish.report.verdict > docs/verdict.schema.json` writes it anew."""
    assert json.loads((DOCS / "verdict.schema.json").read_text(encoding="utf-8")) == verdict.schema()


@pytest.mark.parametrize(
    "figures",
    [
        {"train_error": 0.01, "dev_error": 0.11, "baseline_error": 0},
        {"train_error": 0.0, "dev_error": 0.0},
        {"train_error": 1.0, "dev_error": 1.0, "test_error": 1.0, "test_rows": 1},
        {"train_error": 0.0, "dev_error": 0.0, "task": "regression"},
        {"train_error": 3, "dev_error": 4, "task": "regression", "train_dev_error": 3, "train_dev_rows": 9},
    ],
)
def test_documents_keep_the_schema_and_lines_are_finite(figures):
    found = outside.verdict(**ROWS, **figures)
    jsonschema.validate(json.loads(json.dumps(found.document(), allow_nan=False)), verdict.schema())

    assert not any(word in str(found) for word in ("nan", "inf,", "None", "not finite"))


def test_the_page_names_every_field_of_the_document():
    page = (DOCS / "output.md").read_text(encoding="utf-8").split("## `burnish verdict --json`")[1].split("\n## ")[0]

    assert all(f"`{name}`" in page for name in verdict.Document.model_fields)


def test_lines_say_the_answer_first_then_the_budget_then_what_to_do():
    lines = outside.verdict(train_error=0.15, dev_error=0.30, baseline_error=0, **ROWS).lines()
    text = "\n".join(lines)

    assert lines[0].startswith("High bias and high variance")
    assert text.index("misclassification rate, with 95 % intervals") < text.index("where the error comes from")
    assert text.index("BV3") < text.index("what to do, in this order") < text.index("against variance")
    assert "15.00 % [14.02, 16.02]" in text


def test_each_bar_begins_where_the_one_above_ends():
    lines = outside.verdict(train_error=0.15, dev_error=0.30, baseline_error=0, **ROWS).lines()
    [bias] = [line for line in lines if "avoidable bias" in line and "█" in line]
    [variance] = [line for line in lines if line.strip().startswith("variance") and "█" in line]

    assert variance.index("█") == bias.rindex("█") + 1
    assert bias.count("█") == variance.count("█")


def test_a_train_error_above_the_dev_error_says_first_what_that_mostly_is():
    """The verdict that takes it as it is comes after, and does not also say that no bias can be seen."""
    lines = outside.verdict(train_error=0.2, train_rows=1_000, dev_error=0.1, dev_rows=500).lines()
    [bias] = [line for line in lines if line.strip().startswith("avoidable bias")]

    assert lines[0].startswith("The train error is surely above that on new rows: it was measured with dropout")
    assert lines[1].startswith("If none of that is so: High bias")
    assert "\n".join(lines).count("surely above") == 1
    assert bias.endswith("found")
    assert lines[lines.index("what to do, in this order") + 1].startswith("  1. Check that both are errors")
    assert "only a bias beyond the error on new rows can be seen" in "\n".join(lines)
    assert "bias cannot be seen" not in "\n".join(lines)


def test_without_a_baseline_and_with_a_lower_train_error_a_bias_stays_unseen():
    lines = outside.verdict(train_error=0.01, dev_error=0.11, **ROWS).lines()

    assert lines[0].startswith("High variance")
    assert "A bias cannot be seen without a baseline error." in "\n".join(lines)

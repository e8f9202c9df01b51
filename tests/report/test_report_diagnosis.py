"""The document of a diagnosis: its schema in the docs, and what keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.doctor import diagnosis as doctor
from burnish.report import diagnosis

jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked by an independent validator")
DOCS = Path(__file__).resolve().parents[2] / "docs"
FOUND = Finding("OP1", "The learning rate is too high", Severity.FAULT, "It is.", "Lower it.", "step 3")


def test_the_schema_in_the_docs_is_the_codes():
    """`python -m burnish.report.diagnosis > docs/diagnosis.schema.json` writes it anew."""
    assert json.loads((DOCS / "diagnosis.schema.json").read_text(encoding="utf-8")) == diagnosis.schema()
    assert diagnosis.SCHEMA_VERSION == doctor.SCHEMA_VERSION


@pytest.mark.parametrize(
    "background",
    [
        (),
        (doctor.Background(Evidence.SIGNAL),),
        (doctor.Background(Evidence.PROBE, "a lower rate", (0.2, 0.1, 0.3), True, ("NU4 Not finite",)),),
    ],
)
def test_what_the_doctor_writes_keeps_the_schema(background):
    """A person's own training, with and without what is known beside a finding; one that was watched has no error."""
    for error in (0.25, float("nan")):
        made = doctor.Diagnosis((FOUND,), ("['w']",), 30, error, 1.25, background)
        document = {"function": "train.py:training", **made.document()}

        jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), diagnosis.schema())
        assert not diagnosis.Document.model_validate(document).ok


def test_another_field_is_refused():
    """So that a new one is written into the schema, too."""
    document = doctor.Diagnosis((), (), 1, 0.5, 0.0).document() | {"more": 1}

    with pytest.raises(jsonschema.ValidationError, match="more"):
        jsonschema.validate(document, diagnosis.schema())

"""`burnish export`: a run's model as a file that other programs run."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnxruntime
import pytest
from cli_commands import Command

from burnish.predictor import weights
from burnish.workflow import exporting
from reference.delivered import CONFIGURATIONS, networks


@pytest.fixture
def folder(tmp_path):
    made, _ = networks("classification", CONFIGURATIONS["all"])
    (tmp_path / "model").mkdir()
    made.save(tmp_path / "model")
    return tmp_path / "model"


def test_the_file_is_written_checked_and_told(folder, here: Command):
    told = here("export", str(folder), "-o", "m.onnx")

    assert told.code == 0
    assert told.out.startswith("m.onnx: ")
    assert "number (float64)" in told.out
    assert "Gives label and probabilities." in told.out
    session = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
    texts = np.array([["p"]], object)
    ones = np.ones((1, 1))
    found = session.run(["label"], {"number": ones, "other": ones, "few": texts, "many": texts, "yes": ones})
    assert found[0][0] in {"01", "1", "élan"}


def test_the_document_says_the_same(folder, here: Command):
    found = json.loads(here("export", str(folder), "-o", "m.onnx", "--json").out)

    assert found["file"] == "m.onnx"
    assert found["outputs"] == ["label", "probabilities"]
    assert {"name": "few", "type": "text"} in found["inputs"]
    assert 0 <= found["checked"]["largest_difference"] < 1e-5


def test_a_file_that_is_there_is_kept(folder, here: Command):
    here("export", str(folder), "-o", "m.onnx")
    again = here("export", str(folder), "-o", "m.onnx")

    assert again.code == 2
    assert "m.onnx is there already" in again.err


def test_no_model_and_no_place_are_named(folder, here: Command):
    assert here("export", "nowhere").code == 1
    lost = here("export", str(folder), "-o", "no/such/place.onnx")
    assert lost.code == 1
    assert "cannot be written" in lost.err


def test_without_the_extra_it_says_what_to_install(folder, here: Command, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused = here("export", str(folder), "-o", "m.onnx")

    assert refused.code == 5
    assert 'pip install "burnish[onnx]"' in refused.err


def test_many_columns_are_counted_rather_than_listed():
    many = tuple((f"c{k}", "float64") for k in range(50))
    shown = " ".join(exporting.Exported(weights.Path("m"), 1, many, ("prediction",), 256, 0.0).lines())

    assert "c5 (float64) and 44 more" in shown
    assert "c6" not in shown

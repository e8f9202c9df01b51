"""`burnish ablate` from the command line: what it prints, how it refuses, how it stops."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cli_tables as tables
import jsonschema
import pytest
from cli_commands import PATIENCE, Command

from burnish.cli import commands, failing
from burnish.train.configuration import Configuration
from burnish.workflow import reopening

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "ablation.schema.json"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose linear model wins: its target is linear, and its networks trained for an epoch."""
    home = tmp_path_factory.mktemp("ablated")
    (home / "good.csv").write_bytes(tables.good(150))
    before = Path.cwd()
    os.chdir(home)
    try:
        asked = ["improve", "good.csv", "--target", "y", "--max-epochs", "5", "--jobs", "1", "--out", "run", "-q"]
        assert failing.guarded(commands.burnish, asked) == 0
    finally:
        os.chdir(before)
    return home / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy, in the folder that commands run in."""
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def files(run: Path) -> list[str]:
    return sorted(p.name for p in run.iterdir())


def test_no_such_run_is_told_in_three_lines(here: Command):
    ended = here("ablate", "nowhere")

    assert (ended.code, ended.out) == (1, "")
    assert len(ended.err.splitlines()) == 3
    assert "There is no run in nowhere." in ended.err


def test_a_simple_model_is_not_taken_apart_unasked(run, here: Command):
    before = files(run)
    ended = here("ablate", "run")

    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 3
    assert "--best-network" in ended.err
    assert files(run) == before


@pytest.mark.parametrize("limit", ["soon", "-3", "0s"])
def test_a_time_limit_that_is_none_is_refused(limit, run, here: Command):
    ended = here("ablate", "run", "--best-network", "--time-limit", limit)

    assert ended.code == 2
    assert "limit" in ended.err


@pytest.mark.slow
def test_the_document_on_stdout_keeps_to_its_schema_and_lies_in_the_run(run, here: Command, tmp_path):
    asked = ("ablate", "run", "--best-network", "--seeds", "2", "--time-limit", "5m", "--json", "-o", "page.html")
    ended = here(*asked)
    document = json.loads(ended.out, parse_constant=pytest.fail)

    assert ended.code == 0, ended.err
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert json.loads((run / "ablation.json").read_text()) == document
    assert (run / "ablation.html").read_text() == (tmp_path / "page.html").read_text()
    assert not document["delivered"]
    assert document["seeds"] == 2


def test_a_run_that_cannot_be_explained_is_refused_before_it_is_taken_apart(run, here: Command, monkeypatch):
    """Its networks are of an own model; nothing is trained, and nothing is written."""
    own = reopening.Best("first-s0", Configuration(model="net.py:mine"), delivered=True)
    monkeypatch.setattr(reopening, "best_network", lambda *_: own)
    before = files(run)
    ended = here("ablate", "run", "--best-network", "--explain")

    assert (ended.code, ended.out) == (2, "")
    assert "cannot be explained" in ended.err
    assert files(run) == before


@pytest.mark.slow
def test_an_explanation_is_in_the_document_and_beside_the_report(run, here: Command):
    asked = ("ablate", "run", "--best-network", "--seeds", "2", "--time-limit", "5m", "--explain", "--json")
    ended = here(*asked)
    document = json.loads(ended.out, parse_constant=pytest.fail)

    assert ended.code == 0, ended.err
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert json.loads((run / "ablation.json").read_text()) == document
    assert json.loads((run / "explain.json").read_text()) == document["explain"]
    panels = {panel["name"]: panel["made"] for panel in document["explain"]["panels"]}
    assert len(panels) == 11
    # Its networks trained for one epoch, on 96 rows, and nothing was left for a search.
    assert {name for name, made in panels.items() if not made} == {"decay", "search", "stopping", "noise"}
    assert 'href="explain.html#' in (run / "ablation.html").read_text()
    for page in ("ablation.html", "explain.html"):
        assert f'href="{page}"' in (run / "report.html").read_text()
    assert here("report", "run").code == 0
    assert 'href="explain.html"' in (run / "report.html").read_text()


@pytest.mark.slow
def test_ctrl_c_leaves_the_run_as_it_was_and_exits_130(run, tmp_path):
    before = files(run)
    command = [sys.executable, "-m", "burnish.cli", "ablate", "run", "--best-network", "--seeds", "50"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + PATIENCE
        while not list((run / "scratch").glob("*.safetensors")):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert out == ""
    assert "the run is as it was" in err
    assert files(run) == before

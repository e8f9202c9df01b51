"""How a command ends: exit code, three lines of why, and nothing half-written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
CONCRETE = ROOT / "examples" / "concrete.csv"
GOOD_ROWS = "".join(f"{i % 7},{i % 5 + 0.5},{'yes' if i % 3 else 'no'}\n" for i in range(60))


def burnish(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "burnish.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


# What the file holds, further arguments, exit code, and a word of the message. None: there is no such file.
BAD = {
    "no such file": (None, [], 2, "bad.csv"),
    "empty file": ("", [], 3, "empty"),
    "header only": ("a,b,y\n", [], 3, "row"),
    "target missing": ("a,b,yy\n" + GOOD_ROWS, [], 2, "'yy'"),
    "target constant": ("a,b,y\n" + "1,2,x\n3,4,x\n" * 30, [], 3, "constant"),
    "target an identifier": ("a,b,y\n" + "".join(f"{i % 3},{i % 5},name{i}\n" for i in range(60)), [], 3, "identifier"),
    "all features constant": ("a,b,y\n" + "".join(f"1,2,{i % 2}\n" for i in range(60)), [], 3, "column"),
    "duplicate column names": ("a,a,y\n" + GOOD_ROWS, [], 3, "a"),
    "mostly ragged": ("a,b,y\n" + "1,2\n" * 50 + "1,2,3\n" * 3, [], 3, "record"),
    "bad setting": ("a,b,y\n" + GOOD_ROWS, ["--time-limit", "soon"], 2, "soon"),
    "unknown metric": ("a,b,y\n" + GOOD_ROWS, ["--metric", "beauty"], 2, "beauty"),
    "two limits": ("a,b,y\n" + GOOD_ROWS, ["--time-limit", "9s", "--max-epochs", "9"], 2, "max_epochs"),
    "no GPU": ("a,b,y\n" + GOOD_ROWS, ["--device", "gpu"], 5, "GPU"),
    "column to drop missing": ("a,b,y\n" + GOOD_ROWS, ["--drop", "c"], 2, "'c'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_its_code_and_leaves_nothing(case, tmp_path):
    """What is wrong is named on stderr, stdout stays empty, and no run folder is left."""
    content, further, code, word = BAD[case]
    if content is not None:
        (tmp_path / "bad.csv").write_text(content)

    done = burnish("improve", "bad.csv", "--target", "y", "--out", "run", "--jobs", "1", *further, cwd=tmp_path)

    assert done.returncode == code, done.stderr
    assert word.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_is_not_overwritten(tmp_path):
    """--out names a folder that holds something: exit 2, and what was there is still there."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("precious")
    done = burnish("improve", str(CONCRETE), "--target", "age", "--out", "run", cwd=tmp_path)

    assert done.returncode == 2
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_help_does_not_import_jax(tmp_path):
    """`burnish improve --help` answers without the half second that importing JAX takes."""
    code = "import sys; from burnish.cli import burnish; burnish(['improve', '--help'], standalone_mode=False)"
    code += "; sys.exit('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode == 0


def test_json_is_one_valid_document_and_the_gate_holds(tmp_path):
    """--json prints one document that fits the schema; --require exits 4 where the test interval does not pass."""
    done = burnish(
        *("improve", str(CONCRETE), "--target", "compressive_strength", "--max-epochs", "60", "--jobs", "1"),
        *("--json", "-q", "--out", "run", "--require", "error<=0.001"),
        cwd=tmp_path,
    )
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads((ROOT / "docs" / "output.schema.json").read_text()))

    assert done.returncode == 4, done.stderr
    assert document["final"]["test"]["name"] == "RMSE"

    predicted = burnish("predict", "run", str(CONCRETE), cwd=tmp_path)
    assert predicted.returncode == 0, predicted.stderr
    assert len(predicted.stdout.splitlines()) == 1 + 1030


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_stopped_run_goes_on_to_the_same_answer(number, code, tmp_path):
    """Stopped in the midst of training, by two workers; resumed: the numbers of an undisturbed run of one worker."""
    asked = ["improve", str(CONCRETE), "--target", "compressive_strength", "--max-epochs", "4000", "-q"]
    command = [sys.executable, "-m", "burnish.cli", *asked, "--jobs", "2", "--out", "stopped"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    outcomes = tmp_path / "stopped" / "scratch" / "outcomes"
    until = time.monotonic() + 120
    while not (outcomes.exists() and len(list(outcomes.iterdir())) >= 4) and time.monotonic() < until:
        time.sleep(0.1)
    running.send_signal(number)

    assert running.wait(timeout=60) == code

    resumed = burnish("resume", "stopped", "--json", "-q", cwd=tmp_path)
    undisturbed = burnish(*asked, "--jobs", "1", "--json", "--out", "whole", cwd=tmp_path)
    found, expected = (json.loads(done.stdout) for done in (resumed, undisturbed))
    for own in ("run", "elapsed_s", "model", "report"):
        found.pop(own), expected.pop(own)
    assert found == expected

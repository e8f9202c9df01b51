"""What goes where: results on stdout, all else on stderr, one document with --json, plain lines off a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import cli_tables as tables
import jsonschema
import pytest
from cli_commands import PATIENCE, Command

from burnish.report.document import SCHEMA_VERSION

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "output.schema.json").read_text())
ASKED = ("improve", "good.csv", "--target", "y", "--max-epochs", "5", "--jobs", "1", "--out")
HEAVY = ("jax", "scipy", "sklearn", "duckdb", "numpy", "pandas", "matplotlib", "pydantic")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.csv"
    path.write_bytes(tables.good())
    return path


def test_results_go_to_stdout_and_all_else_to_stderr(good, here: Command):
    """What a person would keep is on stdout; what happened on the way is on stderr."""
    ended = here(*ASKED, "run")

    assert ended.code == 0
    assert ended.out.startswith("Expect an RMSE of ")
    assert "Report: run/report.html" in ended.out
    assert "First network" not in ended.out
    for stage in ("read", "split", "prepare", "baselines", "first network", "finish", "report"):
        assert f"{stage:>13}  " in ended.err
    assert "Expect" not in ended.err


def test_json_prints_exactly_one_valid_document(good, here: Command):
    """Numbers that have none are null: NaN is no JSON."""
    ended = here(*ASKED, "run", "--json")

    document = json.loads(ended.out, parse_constant=pytest.fail)
    assert ended.out.count("\n") == 1
    assert document["schema_version"] == SCHEMA_VERSION
    jsonschema.validate(document, SCHEMA)
    assert document["task"] == "regression"
    assert document["final"]["test"]["name"] == "RMSE"
    assert document["limit_s"] is None
    assert Path(document["report"]).exists()
    assert Path(document["model"]).is_dir()


def test_quiet_leaves_warnings_alone(good, here: Command, tmp_path: Path):
    good.write_bytes(tables.with_cells({7: "oops"}))

    ended = here(*ASKED, "run", "--quiet")

    assert ended.code == 0
    assert [line for line in ended.err.splitlines() if "! " not in line] == []
    assert "oops" in ended.err
    assert ended.out.startswith("Expect")


def test_a_refusal_prints_no_document(here: Command):
    ended = here("improve", "none.csv", "--target", "y", "--json")

    assert ended.code == 2
    assert ended.out == ""


@pytest.mark.parametrize(
    ("bound", "code"), [("error<=1e9", 0), ("RMSE<=1e9", 0), ("1 - r2 <= 1e9", 0), ("mae<=1e-9", 4), ("error<=1e-9", 4)]
)
def test_the_gate_opens_on_the_upper_end_of_the_test_interval(bound, code, good, here: Command):
    """The result is printed either way; 4 tells a script that it is not good enough."""
    ended = here(*ASKED, "run", "--json", "--require", bound)

    assert ended.code == code
    jsonschema.validate(json.loads(ended.out), SCHEMA)
    assert (f"--require {bound} is not met" in ended.err) == (code == 4)


@pytest.mark.slow
def test_the_gate_stays_shut_where_nothing_was_measured(good, here: Command):
    """Without test rows, the promised error is held against the bound; what only test rows tell counts as missed."""
    assert here(*ASKED, "kept", "--no-test", "--require", "error<=1e9").code == 0

    ended = here(*ASKED, "missed", "--no-test", "--require", "mae<=1e9")

    assert ended.code == 4
    assert "no test rows" in ended.err


def test_an_option_of_zero_is_an_option(good, here: Command):
    """A baseline error of 0 is a statement: a floor that is known, and not a range that is estimated."""
    assert here(*ASKED, "run", "--baseline-error", "0", "--seed", "0").code == 0

    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert settings["baseline_error"] == 0
    assert settings["seed"] == 0


def test_options_win_over_the_file_of_settings(good, here: Command):
    Path("burnish.toml").write_text('target = "a"\nmax_epochs = 3\njobs = 1\nseed = 7\ndrop = ["b"]\n')

    assert here("improve", "good.csv", "--config", "burnish.toml", "--target", "y", "--out", "run").code == 0
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert (settings["target"], settings["seed"], settings["drop"]) == ("y", 7, ["b"])


def test_an_option_wins_over_what_it_excludes(good, here: Command):
    """--max-epochs where the file has a time limit: one of them counts, and the option is the nearer wish."""
    Path("burnish.toml").write_text('target = "y"\ntime_limit = "9s"\njobs = 1\n')

    assert here("improve", "good.csv", "--config", "burnish.toml", "--max-epochs", "5", "--out", "run").code == 0
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert (settings["time_limit"], settings["max_epochs"]) == (None, 5)


def test_a_file_of_settings_is_read_as_people_write_it(good, here: Command, tmp_path: Path):
    """With the mark that Windows editors put in front, one name without brackets, and a configuration beside it."""
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "net.json").write_text('{"widths": [4], "epochs": 3}')
    text = 'target = "y"\r\nmax_epochs = 30\r\njobs = 1\r\ndrop = "b"\r\nstart = "net.json"\r\n'
    (tmp_path / "settings" / "burnish.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert here("improve", "good.csv", "--config", "settings/burnish.toml", "--out", "run").code == 0
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert (settings["drop"], settings["start"]["widths"], settings["start"]["epochs"]) == (["b"], [4], 3)


@pytest.mark.slow
def test_without_out_every_run_has_a_folder_of_its_own(good, here: Command):
    for _ in range(2):
        assert here(*ASKED[:-1], "-q").code == 0

    names = sorted(path.name for path in Path("burnish-runs").iterdir())
    assert len(names) == 2
    assert all(name.startswith("good-20") for name in names)


def test_help_is_quick_because_it_imports_nothing_heavy():
    """Not by the clock, which a loaded machine bends: by what is imported."""
    code = (
        "import sys; from burnish.cli import failing, commands;"
        "assert failing.guarded(commands.burnish, ['improve', '--help']) == 0;"
        "assert failing.guarded(commands.burnish, ['--help']) == 0;"
        "assert failing.guarded(commands.burnish, ['--version']) == 0;"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE)

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_list_of_runs_needs_nothing_heavy(good, here: Command, tmp_path: Path):
    """Newest first, each with its state, data and target; none where there is none."""
    assert here("runs").err == "No runs in burnish-runs.\n"
    assert here(*ASKED, "burnish-runs/one", "-q").code == 0
    (tmp_path / "burnish-runs" / "broken").mkdir()
    (tmp_path / "burnish-runs" / "broken" / "burnish-run.json").write_text("{")

    listed = json.loads(here("runs", "--json").out)

    assert [(run["path"], run["state"], run["target"]) for run in listed] == [
        ("burnish-runs/one", "finished", "y"),
        ("burnish-runs/broken", "damaged", ""),
    ]
    code = "import sys; from burnish.cli import commands; commands.burnish(['runs'], standalone_mode=False);"
    code += "print('jax' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    first, broken, _ = done.stdout.splitlines()
    assert first.index("finished") == broken.index("damaged")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "burnish-runs/one",
        "burnish-runs/broken",
        "False",
    ]


def test_it_is_a_module_of_its_python_too(tmp_path: Path):
    """`python -m burnish` is the command of that Python, whichever `burnish` comes first on the PATH."""
    asked = [sys.executable, "-m", "burnish", "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path, check=True)

    assert done.stdout.startswith("burnish, version")


def test_doctor_examines_the_machine(here: Command):
    """The facts by name, a worker that was started among them."""
    found = json.loads(here("doctor", "--json").out)

    assert found["cores"] >= 1
    assert isinstance(found["worker_starts_in_s"], float)
    assert {"python", "burnish", "jax"} <= set(found["versions"])


@pytest.mark.parametrize(
    "arguments",
    [("frobnicate",), ("improve",), ("improve", "good.csv", "--frobnicate"), ("audit",), ("resume",)],
    ids=" ".join,
)
def test_a_wrong_command_line_is_told_how_to_be_right(arguments, here: Command):
    ended = here(*arguments)

    assert ended.code == 2
    assert ended.out == ""
    assert "Usage: burnish" in ended.err
    assert "--help" in ended.err


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(good, here: Command, tmp_path: Path):
    """`burnish predict … | head -1` is no failure."""
    good.write_bytes(tables.good(40_000))
    assert here(*ASKED, "run", "-q", "--drop", "color").code == 0
    command = f"set -o pipefail; {sys.executable} -m burnish.cli predict run good.csv | head -1"

    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE
    )

    assert done.stdout == "prediction\n"
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("more", "plain"),
    [({}, False), ({"NO_COLOR": "1"}, True), pytest.param({"TERM": "dumb"}, True, marks=pytest.mark.slow)],
)
def test_colour_and_moving_lines_are_for_terminals_that_want_them(more, plain, good, tmp_path: Path):
    """On a terminal a line moves; with NO_COLOR, or where the terminal cannot, lines have no control codes at all."""
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment = {**inherited, "TERM": "xterm-256color", **more}
    driver, terminal = pty.openpty()
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                piece = os.read(driver, 4096)
            except OSError:
                return  # the other end is closed
            seen.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    done = subprocess.run(
        [sys.executable, "-m", "burnish.cli", *ASKED, "run"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=environment,
        check=False,
        timeout=PATIENCE,
    )
    os.close(terminal)
    reader.join()
    os.close(driver)

    assert done.returncode == 0
    assert b"First network" in seen
    assert (b"\x1b" not in seen) == plain
    assert b"\x1b" not in done.stdout


def test_a_list_of_runs_cannot_drive_the_terminal(here: Command, tmp_path: Path):
    """A data file's name may hold control characters."""
    (tmp_path / "a\x1b]0;owned\x07.csv").write_bytes(tables.good())
    assert here("improve", "a\x1b]0;owned\x07.csv", *ASKED[2:], "runs/one", "-q").code == 0

    shown = here("runs", "runs").out

    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "owned" in shown


def test_a_finished_run_from_standard_input_has_finished(here: Command, tmp_path: Path, monkeypatch):
    """That its data are gone is not why it does not go on."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(tables.good())))
    assert here("improve", "-", *ASKED[2:], "run", "-q").code == 0

    assert "has finished" in here("resume", "run").err

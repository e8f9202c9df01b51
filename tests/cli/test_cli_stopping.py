"""Stopping and going on: Ctrl+C, SIGTERM, a kill and the time limit; and the same answer whatever happened."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cli_tables as tables
import click
import pytest
from cli_commands import PATIENCE, Command

from burnish.cli import failing

CONCRETE = Path(__file__).resolve().parents[2] / "examples" / "concrete.csv"
# How long a run may take to stop on a loaded machine, in seconds: a slice takes a second, a compilation three.
STOPPING = 60.0
# Longer than the interpreter takes to start on a loaded machine.
SHELL_SECONDS = 5
# What differs from run to run by its nature.
OF_ITS_OWN = ("run", "elapsed_s", "model", "report")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command beside the test; what is left of it is killed at the end."""
    started = []

    def starting(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "burnish.cli", *arguments]
        process = subprocess.Popen(
            command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield starting
    for process in started:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "this never came"
        time.sleep(0.02)


def outcomes(run: Path) -> int:
    folder = run / "scratch" / "outcomes"
    return len(list(folder.iterdir())) if folder.exists() else 0


def answer(document: str) -> dict[str, Any]:
    found = json.loads(document, parse_constant=pytest.fail)
    for name in OF_ITS_OWN:
        found.pop(name)
    return found


def asked(epochs: int, jobs: int, out: str) -> tuple[str, ...]:
    limits = ("--max-epochs", str(epochs), "--jobs", str(jobs))
    return ("improve", "good.csv", "--target", "y", *limits, "--out", out, "--json")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, -9, marks=pytest.mark.slow),
    ],
)
def test_a_run_stopped_while_it_trains_goes_on_to_the_same_answer(number, code, start, here: Command, tmp_path: Path):
    """The states are kept, no worker is left behind, and two workers, a stop and a resume change no digit."""
    (tmp_path / "good.csv").write_bytes(tables.good(400))
    process = start(*asked(6000, 2, "stopped"))
    wait_until(lambda: outcomes(tmp_path / "stopped") >= 2)
    assert len(workers_of(tmp_path / "stopped")) == 2

    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=STOPPING)

    assert process.returncode == code
    assert out == ""
    assert time.monotonic() - began < STOPPING
    if code > 0:
        assert "everything trained so far is kept" in err
        assert "burnish resume stopped" in err
    assert json.loads(here("runs", ".", "--json").out)[0]["state"] == "stopped"
    wait_until(lambda: not workers_of(tmp_path / "stopped"))

    kept = outcomes(tmp_path / "stopped")
    resumed = here("resume", "stopped", "--json")
    undisturbed = here(*asked(6000, 1, "whole"))

    assert kept >= 2
    assert resumed.code == undisturbed.code == 0
    assert answer(resumed.out) == answer(undisturbed.out)
    assert not (tmp_path / "stopped" / "scratch").exists()


def workers_of(run: Path) -> list[str]:
    """Worker processes of the run in this folder that are alive."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if "burnish.executors.worker" in command and _is_of(entry.parent, command, run):
            found.append(command)
    return found


def _is_of(process: Path, command: str, run: Path) -> bool:
    try:
        folder = (process / "cwd").readlink()
    except OSError:
        return False
    return any((folder / part).is_relative_to(run) for part in command.split("\0") if "scratch" in part)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_heeded_while_nothing_trains(number, code, start, here: Command, tmp_path: Path):
    """Standard input that does not end holds the run at its first stage: it stops all the same, and says the truth."""
    process = start("improve", "-", "--target", "y", "--max-epochs", "5", "--out", "run")
    process.stdin.write("a,y\n1,2\n")
    process.stdin.flush()
    wait_until(lambda: (tmp_path / "run" / "run.sqlite").exists())
    time.sleep(1.0)  # the handlers are set right after the database is opened

    process.send_signal(number)
    _, err = process.communicate(timeout=STOPPING)

    assert process.returncode == code
    assert "cannot go on: its data came from standard input" in err
    ended = here("resume", "run")
    assert ended.code == 2
    assert "came from memory and are gone" in ended.err


PYTHON_NOT_UP = ("Could not import runpy module", "Failed to import the site module")


def test_ctrl_c_before_anything_was_begun_leaves_nothing(start, tmp_path: Path):
    process = start("predict", "-", "-")
    time.sleep(0.3)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=STOPPING)

    # On a busy machine Python itself may not have been up: it then ends with −2, or 1 and one of these sentences.
    not_up = process.returncode == -2 or any(said in err for said in PYTHON_NOT_UP)
    assert not_up or (process.returncode == 130 and "Traceback" not in err), err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_that_a_library_makes_an_error_of_its_own_of_is_no_fault_of_burnish(capsys):
    """As pydantic does where it comes while a class is made."""

    @click.command()
    def importing() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("SchemaError: KeyboardInterrupt") from None

    assert failing.guarded(importing, []) == 130
    assert capsys.readouterr().err == "burnish: stopped before anything was begun.\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_at_work_is_not_worked_on_twice(start, here: Command, tmp_path: Path):
    (tmp_path / "good.csv").write_bytes(tables.good(400))
    process = start(*asked(100_000, 1, "run"))
    wait_until(lambda: outcomes(tmp_path / "run") >= 1)

    ended = here("resume", "run")

    assert ended.code == 1
    assert "is being worked on" in ended.err
    assert str(process.pid) in ended.err
    assert json.loads(here("runs", ".", "--json").out)[0]["state"] == "running"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_real_data_stopped_in_recipe_and_search_go_on_to_the_same_answer(number, code, start, here: Command, tmp_path):
    """Stopped twice, at moments of the machine's choosing."""
    asking = ("improve", str(CONCRETE), "--target", "compressive_strength", "--max-epochs", "12000", "--json")
    process = start(*asking, "--jobs", "2", "--out", "stopped")
    for more in (7, 20):
        wait_until(lambda more=more: outcomes(tmp_path / "stopped") >= more)
        process.send_signal(number)
        process.communicate(timeout=STOPPING)
        assert process.returncode == code
        process = start("resume", "stopped", "--json")
    out, _ = process.communicate(timeout=PATIENCE)

    undisturbed = here(*asking, "--jobs", "1", "--out", "whole")

    assert process.returncode == 0
    assert answer(out) == answer(undisturbed.out)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1.0, 5.0, 20.0])
def test_the_time_limit_is_kept_and_what_it_cut_is_said(limit, apart: Command):
    """Within 10 % or 3 s on a quiet machine; this one may be loaded, so the run's own clock is held to more."""
    began = time.monotonic()
    ended = apart(
        *("improve", str(CONCRETE), "--target", "compressive_strength", "--time-limit", f"{limit}s"),
        *("--out", "run", "--json"),
    )
    wall = time.monotonic() - began
    document = json.loads(ended.out)

    assert ended.code == 0
    assert document["limit_s"] == limit
    assert document["final"]["test"]["value"] > 0
    assert document["elapsed_s"] <= wall
    assert wall < limit + 30.0
    if limit == 1.0:
        assert document["trials"] == 0
        assert "No network was trained: raise --time-limit" in ended.err
        assert document["findings"] is not None


def test_the_time_limit_does_not_count_the_shell_that_became_the_process():
    """`sh -c "prepare; exec burnish …"`: what was prepared before is not the run's time; the interpreter's start is."""
    code = (
        "from burnish.cli import commands; import time; print(time.monotonic() - commands.BEGAN, time.process_time())"
    )
    shell = f"sleep {SHELL_SECONDS}; exec {shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True, timeout=PATIENCE)
    counted, worked = map(float, done.stdout.split())

    assert counted < SHELL_SECONDS
    assert counted >= 0.9 * worked


@pytest.mark.slow
def test_the_same_command_gives_the_same_answer(here: Command, tmp_path: Path):
    """Twice, by one worker and by two: only times and places differ."""
    (tmp_path / "good.csv").write_bytes(tables.good(300, labels=True))

    first, again, two = (
        answer(here(*asked(3000, jobs, out)).out) for jobs, out in ((1, "first"), (1, "again"), (2, "two"))
    )

    assert first == again
    assert first == two


def test_a_full_disk_is_told_and_the_run_can_go_on(here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A disk on which nothing fits: three lines, exit 1, no traceback."""
    (tmp_path / "good.csv").write_bytes(tables.good())
    real = Path.open

    def full(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        if path.suffix == ".part" and (tmp_path / "run" / "run.sqlite").exists():
            raise OSError(28, "No space left on device")
        return real(path, mode, *more, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        ended = here(*asked(5, 1, "run"))

    assert ended.code == 1
    assert "No space left on device" in ended.err
    assert "Traceback" not in ended.err
    assert here("resume", "run", "-q").code == 0

"""The command in this process, where importing is paid once, or in its own, where streams and signals are real."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from burnish.cli import commands, failing

# A shared, loaded machine may take ten times as long as a quiet one.
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def in_this_process(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`run("improve", "t.csv", …)` in `folder`, in this process; warnings are errors."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        code = failing.guarded(commands.burnish, list(arguments))
        shown = capsys.readouterr()
        return Ended(code, shown.out, shown.err)

    return run


def in_a_process_of_its_own(folder: Path) -> Command:
    """`run("improve", "t.csv", …, stdin=…)` in `folder`, in a new process."""

    def run(*arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> Ended:
        command = [sys.executable, "-m", "burnish.cli", *arguments]
        done = subprocess.run(
            command, cwd=folder, input=stdin, capture_output=True, check=False, timeout=PATIENCE, env=environment
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def assert_refused(ended: Ended, code: int, *words: str) -> None:
    """It ended with this code, nothing on stdout, and three lines with these words."""
    assert ended.code == code, ended.err
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 3
    for word in words:
        assert word in ended.err

"""The two ways of running the command: in this process, where importing is paid once, or in one of its own."""

from __future__ import annotations

from pathlib import Path

import cli_commands
import pytest
from cli_commands import Command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`here("improve", "t.csv", …)` runs the command in this process, in an empty folder."""
    return cli_commands.in_this_process(tmp_path, monkeypatch, capsys)


@pytest.fixture
def apart(tmp_path: Path) -> Command:
    """`apart("improve", "t.csv", …)` runs the command in a process of its own, in an empty folder."""
    return cli_commands.in_a_process_of_its_own(tmp_path)

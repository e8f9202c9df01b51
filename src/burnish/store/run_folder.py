"""A run's folder: what lies where, who may work in it, and how runs are found again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from burnish import errors
from burnish.store import atomic

FORMAT_VERSION = 1
MARK = "burnish-run.json"  # what makes a folder a run folder
DEFAULT_ROOT = Path("burnish-runs")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The places in one run's folder."""

    path: Path
    started: str  # ISO 8601, with the zone
    made_folder: bool = False  # whether the folder itself was made for this run

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def database(self) -> Path:
        return self.path / "run.sqlite"

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def splits(self) -> Path:
        return self.path / "splits.json"

    @property
    def card(self) -> Path:
        return self.path / "model_card.md"

    @property
    def scratch(self) -> Path:
        """What only a run that goes on needs: prepared folds, states, outcomes."""
        return self.path / "scratch"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder, so that no second process works on the run.

        Raises:
            StoreError: Another process holds it.
        """
        with (self.path / ".lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise errors.StoreError(
                    f"The run in {self.path} is being worked on.", "Another process holds its lock.", "Wait for it, or stop it."
                ) from error
            yield

    def tidy(self) -> None:
        """Remove what only a run that goes on needs."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything that this run wrote; the folder too, if it was made for it."""
        for child in self.path.iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            else:
                child.unlink()
        if self.made_folder:
            self.path.rmdir()


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of `burnish runs`."""

    path: str
    started: str
    state: str  # finished | stopped
    data: str
    target: str


def create(out: Path | None, data_name: str, now: datetime) -> RunFolder:
    """Make the folder of a new run.

    Raises:
        ConfigError: It exists and is not empty.
        StoreError: It cannot be written.
    """
    path = out if out is not None else _free(DEFAULT_ROOT / f"{_slug(data_name)}-{now:%Y%m%d-%H%M%S}")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise errors.ConfigError(
            f"The folder {path} is not empty.", "A run never overwrites what is there.", "Name another one with --out."
        )
    made = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
        folder = RunFolder(path, now.isoformat(timespec="seconds"), made)
        (folder.scratch / "outcomes").mkdir(parents=True)
    except OSError as error:
        raise atomic.refused(path, error) from error
    mark = {"format_version": FORMAT_VERSION, "started": folder.started}
    atomic.write_text(path / MARK, json.dumps(mark))
    return folder


def open(path: Path) -> RunFolder:
    """The folder of an earlier run.

    Raises:
        StoreError: There is none, it is no run's, or it was written by a newer version.
    """
    mark = path / MARK
    try:
        facts = json.loads(mark.read_text("utf-8"))
        version, started = facts["format_version"], facts["started"]
    except FileNotFoundError as error:
        raise errors.StoreError(
            f"There is no run in {path}.", f"{MARK} is missing.", "`burnish runs` lists the runs there are."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.StoreError(f"The run in {path} is damaged.", f"{mark}: {error}", "Restore it from a copy.") from error
    if version != FORMAT_VERSION:
        raise errors.StoreError(
            f"The run in {path} has format version {version}.",
            f"This burnish reads version {FORMAT_VERSION}.",
            "Use the burnish version that wrote it.",
        )
    return RunFolder(path, started)


def list_runs(root: Path) -> tuple[RunSummary, ...]:
    """The runs in a folder, newest first."""
    found = []
    for mark in sorted(root.glob(f"*/{MARK}")):
        folder = open(mark.parent)
        asked = json.loads(folder.config.read_text("utf-8")) if folder.config.exists() else {}
        state = "finished" if folder.report.exists() else "stopped"
        data, target = asked.get("sources", {}).get("main", ""), asked.get("settings", {}).get("target", "")
        found.append(RunSummary(str(folder.path), folder.started, state, str(data), str(target)))
    return tuple(sorted(found, key=lambda item: item.started, reverse=True))


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "run"


def _free(path: Path) -> Path:
    """The path, or with a number behind it: two runs may start within a second."""
    candidate, number = path, 2
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
    return candidate

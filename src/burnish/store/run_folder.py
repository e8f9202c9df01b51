"""A run's folder: what lies where, who may work in it, and how runs are found again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
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
LOCK = ".lock"  # holds the id of the process that works on the run
DEFAULT_ROOT = Path("burnish-runs")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The places in one run's folder."""

    path: Path
    started: str  # ISO 8601, with the zone
    made: tuple[Path, ...] = ()  # folders that were made for this run, the innermost first

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
        """Hold the folder, so that no second process works on the run; the system lets go of it when the process ends.

        Raises:
            StoreError: Another process holds it, or the folder cannot be written.
        """
        path = self.path / LOCK
        try:
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise atomic.refused(path, error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise errors.StoreError(
                    f"The run in {self.path} is being worked on.",
                    f"Process {file.read() or 'unknown'} holds its lock.",
                    "Wait for it, or stop it.",
                ) from error
            except OSError as error:  # file systems without locks
                raise atomic.refused(path, error) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    @property
    def held(self) -> bool:
        """Whether a process is at work on the run."""
        try:
            with (self.path / LOCK).open(encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def tidy(self) -> None:
        """Remove what only a run that goes on needs."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything in the folder, which was empty before the run, and the folders that were made for it."""
        for child in self.path.iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            else:
                child.unlink()
        for folder in self.made:
            if any(folder.iterdir()):
                break  # another run lies beside this one
            folder.rmdir()


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of `burnish runs`."""

    path: str
    started: str
    state: str  # finished | running | stopped | damaged
    data: str
    target: str


def create(out: Path | None, data_name: str, now: datetime) -> RunFolder:
    """Make the folder of a new run.

    Args:
        out: Where; None: a new folder in `DEFAULT_ROOT`, named by the data and the time.
        data_name: What the data are called, such as "houses".
        now: The time, with its zone.

    Raises:
        ConfigError: It exists and is not empty, or it cannot be made there.
        StoreError: The disk is full.
    """
    path = out if out is not None else DEFAULT_ROOT / f"{_slug(data_name)}-{now:%Y%m%d-%H%M%S}"
    try:
        if out is not None and path.exists() and (not path.is_dir() or any(path.iterdir())):
            what = "is not empty" if path.is_dir() else "is a file"
            raise errors.ConfigError(
                f"The folder {path} {what}.", "A run never overwrites what is there.", "Name another one with --out."
            )
        there = path.exists() and out is not None
        parents = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path = _make(path, or_beside=out is None)
        folder = RunFolder(path, now.isoformat(timespec="seconds"), () if there else (path, *parents))
        (folder.scratch / "outcomes").mkdir(parents=True)
    except OSError as error:
        refused = atomic.refused(path, error)
        raise errors.ConfigError(refused.what, refused.why, refused.remedy) from error
    atomic.write_text(path / MARK, json.dumps({"format_version": FORMAT_VERSION, "started": folder.started}))
    return folder


def _make(path: Path, *, or_beside: bool) -> Path:
    """Make the folder; where two runs start within a second and each wants its own, with a number behind it."""
    candidate, number = path, 2
    while True:
        try:
            candidate.mkdir(exist_ok=not or_beside)
        except FileExistsError:
            if not or_beside:
                raise
            candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
        else:
            return candidate


def open(path: Path) -> RunFolder:
    """The folder of an earlier run.

    Raises:
        StoreError: There is none, it is no run's, or it was written by a newer version.
    """
    mark = path / MARK
    try:
        facts = json.loads(mark.read_text("utf-8"))
        version, started = facts["format_version"], facts["started"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise errors.StoreError(
            f"There is no run in {path}.", f"{MARK} is missing.", "`burnish runs` lists the runs there are."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.StoreError(
            f"The run in {path} is damaged.", f"{mark}: {error}", "Restore it from a copy."
        ) from error
    if version != FORMAT_VERSION:
        raise errors.StoreError(
            f"The run in {path} has format version {version}.",
            f"This burnish reads version {FORMAT_VERSION}.",
            "Use the burnish version that wrote it.",
        )
    return RunFolder(path, started)


def list_runs(root: Path) -> tuple[RunSummary, ...]:
    """The runs in a folder, newest first; a damaged one is listed as such, last, and hides no other."""
    found = [_summary(mark.parent) for mark in sorted(root.glob(f"*/{MARK}"))]
    return tuple(sorted(found, key=lambda item: item.started, reverse=True))


def _summary(path: Path) -> RunSummary:
    try:
        folder = open(path)
        asked = json.loads(folder.config.read_text("utf-8"))
        data, target = asked["sources"]["main"], asked["settings"]["target"]
    except (errors.StoreError, OSError, ValueError, KeyError, TypeError):
        return RunSummary(str(path), "", "damaged", "", "")
    state = "running" if folder.held else "finished" if folder.report.exists() else "stopped"
    return RunSummary(str(path), folder.started, state, data or "", target or "")


def _slug(name: str) -> str:
    """A file name of letters and digits of any script, `.`, `_` and `-`, short enough for 255 bytes with the time."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:50] or "run"

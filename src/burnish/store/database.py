"""run.sqlite: every trial, epoch, finding, experiment, decision and event of a run."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from burnish import errors
from burnish.diagnose.finding import Finding
from burnish.recipe.experiment import Experiment
from burnish.train.work import Outcome

FORMAT_VERSION = 1
# Commits are this far apart, in seconds: each costs a flush to disk.
COMMIT_SECONDS = 0.5

SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE trials (
    trial TEXT NOT NULL, until INTEGER NOT NULL, stage TEXT NOT NULL, configuration TEXT NOT NULL, fold INTEGER NOT NULL,
    seed INTEGER NOT NULL, rows INTEGER, ending TEXT NOT NULL, epochs REAL NOT NULL, best_epoch REAL NOT NULL,
    dev_loss REAL, seconds REAL NOT NULL, compile_seconds REAL NOT NULL, PRIMARY KEY (trial, until));
CREATE TABLE epochs (
    trial TEXT NOT NULL, epoch REAL NOT NULL, train_loss REAL, dev_loss REAL, gradient_norm REAL, learning_rate REAL,
    PRIMARY KEY (trial, epoch));
CREATE TABLE findings (
    code TEXT NOT NULL, title TEXT NOT NULL, severity TEXT NOT NULL, evidence TEXT NOT NULL, remedy TEXT NOT NULL,
    place TEXT NOT NULL, stage TEXT NOT NULL);
CREATE TABLE experiments (
    round INTEGER NOT NULL, remedy TEXT NOT NULL, title TEXT NOT NULL, cause TEXT NOT NULL, gain REAL, low REAL, high REAL,
    p_value REAL, pairs INTEGER NOT NULL, rows INTEGER NOT NULL, kept INTEGER NOT NULL, unit TEXT NOT NULL,
    PRIMARY KEY (round, remedy));
CREATE TABLE decisions (number INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE events (at REAL NOT NULL, stage TEXT NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL);
"""


class Database:
    """One run's database; a context manager. Written by the driver alone, safe to be read meanwhile (WAL)."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(path, isolation_level="DEFERRED")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._open(path)
        except sqlite3.DatabaseError as error:
            raise errors.StoreError(
                f"The database {path} cannot be used.", str(error), "Restore the run folder from a copy, or start anew."
            ) from error
        self._committed = time.monotonic()
        self._decided = 0  # how many logged decisions have been asked for again

    def _open(self, path: Path) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._connection.executescript(f"{SCHEMA} PRAGMA user_version = {FORMAT_VERSION};")
        elif version != FORMAT_VERSION:
            raise errors.StoreError(
                f"The database {path} has format version {version}.",
                f"This burnish reads version {FORMAT_VERSION}.",
                "Use the burnish version that wrote it.",
            )

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.commit()
        self._connection.close()

    def get(self, key: str) -> Any:
        """A fact about the run; None where it was not set."""
        row = self._connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set(self, key: str, value: Any) -> None:
        """Keep a fact; it is on disk when this returns."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, json.dumps(value)))
        self._commit(now=True)

    def decide(self, name: str, choose: Callable[[], Any]) -> Any:
        """What was decided at this point of the run: read from the log where a resumed run comes by again, else chosen and logged.

        Raises:
            StoreError: The log holds another decision here: the run's data, settings or version have changed.
        """
        self._decided += 1
        logged = self._connection.execute(
            "SELECT name, value FROM decisions WHERE number = ?", (self._decided,)
        ).fetchone()
        if logged is not None:
            if logged[0] != name:
                raise errors.StoreError(
                    "The run cannot be resumed.",
                    f"Decision {self._decided} was about {logged[0]!r}, now it is about {name!r}: data, settings or version changed.",
                    "Start a new run.",
                )
            return json.loads(logged[1])
        value = choose()
        self._connection.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?)", (self._decided, name, json.dumps(value), time.time())
        )
        self._commit(now=True)
        return value

    def decisions(self) -> tuple[tuple[str, Any], ...]:
        """Everything that was decided by what was left of the budget, in order."""
        rows = self._connection.execute("SELECT name, value FROM decisions ORDER BY number")
        return tuple((name, json.loads(value)) for name, value in rows)

    def record_outcome(self, outcome: Outcome, stage: str) -> None:
        """Keep one training and its epochs."""
        work = outcome.work
        self._connection.execute(
            "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                work.trial,
                work.until,
                stage,
                json.dumps(work.configuration.to_json()),
                work.fold,
                work.seed,
                work.rows,
                outcome.ending.name,
                outcome.epochs,
                outcome.best_epoch,
                _finite(outcome.dev_loss),
                outcome.seconds,
                outcome.compile_seconds,
            ),
        )
        curve = outcome.curve
        lines = zip(
            curve.epoch, curve.train_loss, curve.dev_loss, curve.gradient_norm, curve.learning_rate, strict=True
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?)",
            ((work.trial, *map(_finite, line)) for line in lines),
        )
        self._commit()

    def record_finding(self, finding: Finding, stage: str) -> None:
        """Keep a finding."""
        f = finding
        self._connection.execute(
            "INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?)",
            (f.code, f.title, f.severity.value, f.evidence, f.remedy, f.where, stage),
        )
        self._commit()

    def record_experiment(self, number: int, experiment: Experiment) -> None:
        """Keep an experiment of the recipe's round `number`."""
        e = experiment
        numbers = (_finite(e.gain), _finite(e.low), _finite(e.high), _finite(e.p_value))
        self._connection.execute(
            "INSERT OR REPLACE INTO experiments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, e.remedy, e.title, e.cause, *numbers, e.pairs, e.rows, e.kept, e.unit),
        )
        self._commit()

    def record_event(self, stage: str, level: str, message: str) -> None:
        """Keep a line that was shown."""
        self._connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (time.time(), stage, level, message))
        self._commit()

    def start_over(self) -> None:
        """Forget findings and events, which a resumed run says again as it replays."""
        self._connection.execute("DELETE FROM findings")
        self._connection.execute("DELETE FROM events")
        self._commit(now=True)

    def _commit(self, *, now: bool = False) -> None:
        if now or time.monotonic() - self._committed >= COMMIT_SECONDS:
            self._connection.commit()
            self._committed = time.monotonic()


def _finite(value: float) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None

"""run.sqlite: every trial, epoch, finding, experiment, decision and event of a run."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from burnish import errors
from burnish.diagnosis.finding import Finding
from burnish.recipe.experiment import Experiment
from burnish.train.work import Outcome, Telemetry

FORMAT_VERSION = 1
APPLICATION = 0x6275726E  # "burn": SQLite's mark of whose file it is

SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE trials (
    trial TEXT NOT NULL, until INTEGER NOT NULL, stage TEXT NOT NULL, configuration TEXT NOT NULL, fold INTEGER NOT
    NULL, seed INTEGER NOT NULL, rows INTEGER, ending TEXT NOT NULL, epochs REAL NOT NULL, best_epoch REAL NOT NULL,
    dev_loss REAL, seconds REAL NOT NULL, compile_seconds REAL NOT NULL, PRIMARY KEY (trial, until));
CREATE TABLE epochs (
    trial TEXT NOT NULL, epoch REAL NOT NULL, train_loss REAL, dev_loss REAL, gradient_norm REAL, learning_rate REAL,
    PRIMARY KEY (trial, epoch));
CREATE TABLE findings (
    code TEXT NOT NULL, title TEXT NOT NULL, severity TEXT NOT NULL, evidence TEXT NOT NULL, remedy TEXT NOT NULL,
    place TEXT NOT NULL, stage TEXT NOT NULL);
CREATE TABLE experiments (
    round INTEGER NOT NULL, remedy TEXT NOT NULL, title TEXT NOT NULL, cause TEXT NOT NULL, gain REAL, low REAL, high
    REAL, p_value REAL, pairs INTEGER NOT NULL, rows INTEGER NOT NULL, kept INTEGER NOT NULL, unit TEXT NOT NULL,
    PRIMARY KEY (round, remedy));
CREATE TABLE decisions (number INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE events (at REAL NOT NULL, stage TEXT NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL);
"""
# Beside the schema, as runs that were begun before it was there are gone on with.
TELEMETRY = """
CREATE TABLE IF NOT EXISTS telemetry (
    trial TEXT NOT NULL, step INTEGER NOT NULL, part TEXT NOT NULL, loss REAL, gradient REAL, clipped REAL, weight REAL,
    update_ratio REAL, not_finite REAL, activation_rms REAL, dead REAL, saturated REAL,
    PRIMARY KEY (trial, step, part));
"""


class Database:
    """One run's database; a context manager. Written by the driver alone, and safe to be read meanwhile (WAL).

    Each record is a transaction of its own, so whatever was recorded is there after the process is killed. That costs
    0.07 ms a trial of a hundred epochs: with WAL and `synchronous=NORMAL` a commit does not wait for the disk, and a
    power cut takes the last records but never the file.

    Raises:
        StoreError: From every method, where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._decided = 0  # how many logged decisions have been asked for again
        with _told(path):
            self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            with _told(path):
                self._open()
        except BaseException:
            self._connection.close()
            raise

    def _open(self) -> None:
        version, application = self._pragma("user_version"), self._pragma("application_id")
        empty = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if not empty and application != APPLICATION:
            raise errors.StoreError(
                f"The database {self._path} is not a run's.",
                "It was made by another program.",
                "Name the folder of a run; `burnish runs` lists them.",
            )
        if not empty and version != FORMAT_VERSION:
            raise errors.StoreError(
                f"The database {self._path} has format version {version}.",
                f"This burnish reads version {FORMAT_VERSION}.",
                "Use the burnish version that wrote it.",
            )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        if empty:
            # One transaction: killed in the midst of it, the file is still empty, not half a database.
            marks = f"PRAGMA user_version = {FORMAT_VERSION}; PRAGMA application_id = {APPLICATION};"
            self._connection.executescript(f"BEGIN; {SCHEMA} {TELEMETRY} {marks} COMMIT;")
        elif self._pragma("quick_check(1)") != "ok":
            raise sqlite3.DatabaseError("its pages contradict each other")
        else:
            self._connection.execute(TELEMETRY)

    def _pragma(self, name: str) -> Any:
        return self._connection.execute(f"PRAGMA {name}").fetchone()[0]

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _told(self._path):
            self._connection.close()

    @contextlib.contextmanager
    def _record(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, or nothing."""
        with _told(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back where the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with _told(self._path):
            return self._connection.execute(query, values).fetchall()

    def get(self, key: str) -> Any:
        """A fact about the run; None where it was not set."""
        rows = self._rows("SELECT value FROM facts WHERE key = ?", key)
        return json.loads(rows[0][0]) if rows else None

    def set(self, key: str, value: Any) -> None:
        """Keep a fact: any JSON value."""
        with self._record() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, json.dumps(value)))

    def decide(self, name: str, choose: Callable[[], Any]) -> Any:
        """What was decided at this point of the run: read from the log where a resumed run comes by again, else chosen.

        Decisions that look at the clock would fall differently the second time. In the log they are numbered, so that a
        resumed run meets them in the same order. The value is JSON, and comes back as `json` reads it: tuples as lists.

        Raises:
            StoreError: The log holds another decision here: the run's data, settings or version have changed.
        """
        number = self._decided + 1
        logged = self._rows("SELECT name, value FROM decisions WHERE number = ?", number)
        if logged and logged[0][0] != name:
            raise errors.StoreError(
                f"The run with the database {self._path} cannot be resumed.",
                f"Decision {number} was about {logged[0][0]!r} and now is about {name!r}: data, settings or version "
                "have changed.",
                "Start a new run.",
            )
        if not logged:
            written = json.dumps(choose())
            with self._record() as connection:
                connection.execute("INSERT INTO decisions VALUES (?, ?, ?, ?)", (number, name, written, time.time()))
        self._decided = number
        return json.loads(logged[0][1] if logged else written)

    def decisions(self) -> tuple[tuple[str, Any], ...]:
        """Everything that was decided by what was left of the budget, in order."""
        rows = self._rows("SELECT name, value FROM decisions ORDER BY number")
        return tuple((name, json.loads(value)) for name, value in rows)

    def trials(self) -> list[dict[str, Any]]:
        """Every training that was recorded: the columns of `trials`, by name."""
        names = [row[1] for row in self._rows("PRAGMA table_info(trials)")]
        return [dict(zip(names, row, strict=True)) for row in self._rows("SELECT * FROM trials ORDER BY trial, until")]

    def record_outcome(self, outcome: Outcome, stage: str) -> None:
        """Keep one training and its epochs; the same training again replaces it."""
        work, curve = outcome.work, outcome.curve
        trial = (
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
        )
        columns = (curve.epoch, curve.train_loss, curve.dev_loss, curve.gradient_norm, curve.learning_rate)
        epochs = [(work.trial, *map(_finite, line)) for line in zip(*columns, strict=True)]
        with self._record() as connection:
            connection.execute(_insert("trials", len(trial)), trial)
            connection.executemany(_insert("epochs", 6), epochs)
            if outcome.telemetry is not None:
                connection.executemany(_insert("telemetry", 12), _telemetry(work.trial, outcome.telemetry))

    def record_finding(self, finding: Finding, stage: str) -> None:
        """Keep a finding."""
        f = finding
        row = (f.code, f.title, f.severity.value, f.evidence, f.remedy, f.where, stage)
        with self._record() as connection:
            connection.execute(_insert("findings", len(row)), row)

    def record_experiment(self, number: int, experiment: Experiment) -> None:
        """Keep an experiment of the recipe's round `number`."""
        e = experiment
        numbers = (_finite(e.gain), _finite(e.low), _finite(e.high), _finite(e.p_value))
        row = (number, e.remedy, e.title, e.cause, *numbers, e.pairs, e.rows, e.kept, e.unit)
        with self._record() as connection:
            connection.execute(_insert("experiments", len(row)), row)

    def record_event(self, stage: str, level: str, message: str) -> None:
        """Keep a line that was shown."""
        with self._record() as connection:
            connection.execute(_insert("events", 4), (time.time(), stage, level, message))

    def start_over(self) -> None:
        """Forget findings, experiments and events, which a resumed run says again as it replays."""
        with self._record() as connection:
            for table in ("findings", "experiments", "events"):
                connection.execute(f"DELETE FROM {table}")


def _telemetry(trial: str, seen: Telemetry) -> list[tuple[Any, ...]]:
    """Rows of steps seen: the network as a whole (part ""), then each leaf and each hidden layer by its name."""
    rows: list[tuple[Any, ...]] = []
    for place, step in enumerate(seen.step):
        at = (trial, int(step))
        whole = (seen.loss[place], seen.norm[place], seen.clipped[place])
        rows.append((*at, "", *map(_finite, whole), *(None,) * 6))
        for leaf, name in enumerate(seen.leaves):
            gradient, weight, update = (a[place, leaf] for a in (seen.gradient, seen.weight, seen.update))
            ratio = update / weight if weight > 0 else math.nan
            found = (weight, ratio, seen.not_finite[place, leaf])
            rows.append((*at, name, None, _finite(gradient), None, *map(_finite, found), *(None,) * 3))
        for layer, name in enumerate(seen.layers):
            found = (seen.rms[place, layer], seen.dead[place, layer], seen.saturated[place, layer])
            rows.append((*at, name, *(None,) * 6, *map(_finite, found)))
    return rows


def _insert(table: str, columns: int) -> str:
    return f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * columns)})"


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """SQLite's refusals in three lines: the place or the file is at fault. Our own mistakes go through as they are."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise errors.StoreError(
            f"The database {path} cannot be read or written.",
            f"SQLite says: {error}.",
            "Make room or permission there, and close other programs that have it open; then `burnish resume` goes on.",
        ) from error
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:
            raise
        raise errors.StoreError(
            f"The database {path} is damaged.",
            f"SQLite says: {error}.",
            "Restore the run from a copy, or start anew.",
        ) from error


def _finite(value: float) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None

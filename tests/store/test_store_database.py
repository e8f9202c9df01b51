"""run.sqlite: what was recorded is there after a kill, and what the clock decided is decided again."""

from __future__ import annotations

import math
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from store_outcome import outcome

from burnish.diagnosis.finding import Finding, Severity
from burnish.errors import StoreError
from burnish.recipe.experiment import Experiment
from burnish.store import database
from burnish.store.database import Database
from burnish.train.work import Ending

FINDING = Finding("BV2", "The network has high variance", Severity.LIMIT, "Gap 3 points", "More data", "price")


def read(path: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def experiment(remedy: str = "dropout", **changes) -> Experiment:
    values = {"title": "Dropout", "cause": "variance", "gain": 0.1, "low": 0.05, "high": 0.15, "p_value": 0.001}
    return Experiment(remedy, **{**values, "pairs": 6, "rows": 200, "kept": True, "unit": "nats", **changes})


def test_outcome_is_kept_with_its_epochs_and_replaced_when_it_comes_again(tmp_path):
    with Database(tmp_path / "run.sqlite") as run:
        run.record_outcome(outcome(), "tune")
        run.record_outcome(replace(outcome(), dev_loss=math.inf, ending=Ending.DIVERGED), "tune")
        run.record_outcome(outcome(until=9), "finish")

    trials = read(tmp_path / "run.sqlite", "SELECT trial, until, stage, ending, dev_loss FROM trials ORDER BY until")
    epochs = read(tmp_path / "run.sqlite", "SELECT epoch, learning_rate FROM epochs ORDER BY epoch")
    assert trials == [
        ("tune-003-s0-f0", 4, "tune", "DIVERGED", None),
        ("tune-003-s0-f0", 9, "finish", "COMPLETED", 0.1 + 0.2),
    ]
    assert epochs == [(epoch, 1e-3) for epoch in sorted(outcome().curve.epoch)]


def test_a_run_from_before_telemetry_is_gone_on_with(tmp_path):
    """Its database gets the table when it is opened; what it holds stays."""
    path = tmp_path / "run.sqlite"
    with Database(path) as made:
        made.set("key", 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE telemetry")
    with Database(path) as again:
        assert again.get("key") == 1

    assert read(path, "SELECT count(*) FROM telemetry") == [(0,)]


def test_numbers_of_numpy_are_kept_as_numbers(tmp_path):
    with Database(tmp_path / "run.sqlite") as run:
        run.record_outcome(replace(outcome(), dev_loss=np.float32(0.5)), "tune")  # type: ignore[arg-type]

    assert read(tmp_path / "run.sqlite", "SELECT dev_loss, typeof(dev_loss) FROM trials") == [(0.5, "real")]


def test_findings_experiments_and_events_are_kept(tmp_path):
    with Database(tmp_path / "run.sqlite") as run:
        run.record_finding(FINDING, "first")
        run.record_experiment(1, experiment())
        run.record_experiment(2, experiment(low=math.nan, kept=False))
        run.record_event("tune", "warning", "'; DROP TABLE events; --")

    path = tmp_path / "run.sqlite"
    assert read(path, "SELECT code, severity, place, stage FROM findings") == [("BV2", "limit", "price", "first")]
    assert read(path, "SELECT round, low, kept FROM experiments ORDER BY round") == [(1, 0.05, 1), (2, None, 0)]
    assert read(path, "SELECT level, message FROM events") == [("warning", "'; DROP TABLE events; --")]


def test_resumed_run_says_its_findings_again_without_saying_them_twice(tmp_path):
    with Database(tmp_path / "run.sqlite") as run:
        run.record_finding(FINDING, "first")
        run.record_experiment(1, experiment())
        run.record_outcome(outcome(), "tune")
        run.decide("draws", lambda: 12)

    with Database(tmp_path / "run.sqlite") as run:
        run.start_over()

    counts = [
        read(tmp_path / "run.sqlite", f"SELECT count(*) FROM {table}")[0][0]
        for table in ("findings", "experiments", "events", "trials", "decisions")
    ]
    assert counts == [0, 0, 0, 1, 1]


def test_facts_are_any_json(tmp_path):
    with Database(tmp_path / "run.sqlite") as run:
        run.set("elapsed", 12.5)
        run.set("elapsed", 13.5)
        run.set("shape", {"rows": [1, 2]})

        assert run.get("elapsed") == 13.5
        assert run.get("shape") == {"rows": [1, 2]}
        assert run.get("never") is None


def test_decisions_are_replayed_in_order_and_made_only_where_the_log_ends(tmp_path):
    with Database(tmp_path / "run.sqlite") as run:
        first = [
            run.decide("go on", lambda: True),
            run.decide("go on", lambda: False),
            run.decide("draws", lambda: [3, 4]),
        ]

    with Database(tmp_path / "run.sqlite") as run:
        asked = []
        again = [run.decide(name, lambda: asked.append("the clock")) for name in ("go on", "go on", "draws")]
        fresh = run.decide("new", lambda: 7)

        assert first == again == [True, False, [3, 4]]
        assert asked == []
        assert fresh == 7
        assert run.decisions() == (("go on", True), ("go on", False), ("draws", [3, 4]), ("new", 7))


def test_decision_reads_the_same_the_first_time_and_in_a_replay(tmp_path):
    """A tuple would come back as a list: so it does the first time."""
    with Database(tmp_path / "run.sqlite") as run:
        first = run.decide("pair", lambda: (1, 2))
    with Database(tmp_path / "run.sqlite") as run:
        again = run.decide("pair", lambda: None)

    assert first == again == [1, 2]


def test_choice_that_fails_leaves_no_decision(tmp_path):
    def fail() -> None:
        raise ZeroDivisionError

    with Database(tmp_path / "run.sqlite") as run:
        with pytest.raises(ZeroDivisionError):
            run.decide("draws", fail)
        assert run.decide("draws", lambda: 3) == 3
        assert run.decisions() == (("draws", 3),)


def test_other_question_than_in_the_log_is_refused(tmp_path):
    with Database(tmp_path / "run.sqlite") as run:
        run.decide("draws", lambda: 3)

    with Database(tmp_path / "run.sqlite") as run, pytest.raises(StoreError, match="'draws' and now is about 'rungs'"):
        run.decide("rungs", lambda: 3)


WRITER = """
import itertools, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from store_outcome import outcome
from burnish.store.database import Database
with Database(Path(sys.argv[1])) as run:
    for number in itertools.count():
        run.record_outcome(outcome(f"t{number:05d}"), "tune")
        run.decide("draws", lambda: number)
        print(number, flush=True)
"""


def test_killed_process_leaves_all_that_it_recorded_and_nothing_by_halves(tmp_path):
    path = tmp_path / "run.sqlite"
    command = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(60)]
        process.send_signal(signal.SIGKILL)
        said += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    assert process.returncode == -signal.SIGKILL

    with Database(path) as run:
        trials = read(path, "SELECT trial FROM trials")
        epochs = read(path, "SELECT trial, count(*) FROM epochs GROUP BY trial")
        assert len(run.decisions()) >= len(said)
        assert len(trials) >= len(said)
        assert set(epochs) == {(trial, 4) for (trial,) in trials}
        run.record_event("tune", "info", "goes on")


def test_reader_looks_on_while_the_run_writes(tmp_path):
    path = tmp_path / "run.sqlite"
    with Database(path) as run:
        run.record_outcome(outcome("a"), "tune")

        assert read(path, "SELECT trial FROM trials") == [("a",)]

        run.record_outcome(outcome("b"), "tune")


def fill(run: Database) -> None:
    for number in range(500):
        run.record_outcome(outcome(f"b{number}"), "tune")


def test_full_disk_is_told_in_three_lines_and_the_database_stays_whole(tmp_path):
    path = tmp_path / "run.sqlite"
    with Database(path) as run:
        run.record_outcome(outcome("a"), "tune")
        pages = run._pragma("page_count")
        run._pragma(f"max_page_count({pages})")  # SQLite then answers as it does on a full disk

        with pytest.raises(StoreError, match="full") as refused:
            fill(run)

        assert len(str(refused.value).splitlines()) == 3
        assert run.get("elapsed") is None
    with Database(path):
        trials = read(path, "SELECT trial FROM trials")
        assert ("a",) in trials
        assert {trial for (trial,) in trials} == {trial for (trial,) in read(path, "SELECT trial FROM epochs")}


def test_file_that_is_no_database_is_told_in_three_lines(tmp_path):
    path = tmp_path / "run.sqlite"
    path.write_text("price,rooms\n" * 1000)

    with pytest.raises(StoreError, match="is damaged") as refused:
        Database(path)

    assert len(str(refused.value).splitlines()) == 3
    assert path.read_text() == "price,rooms\n" * 1000


def test_torn_pages_are_seen_at_opening(tmp_path):
    path = tmp_path / "run.sqlite"
    with Database(path) as run:
        for number in range(300):
            run.record_outcome(outcome(f"t{number}"), "tune")
    content = bytearray(path.read_bytes())
    content[8192:40960] = bytes(32768)
    path.write_bytes(content)

    with pytest.raises(StoreError, match="is damaged"):
        Database(path)


def test_another_programs_database_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "run.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(StoreError, match="is not a run's"):
        Database(path)

    assert path.read_bytes() == before


def test_newer_format_is_refused(tmp_path):
    path = tmp_path / "run.sqlite"
    with Database(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {database.FORMAT_VERSION + 1}")

    with pytest.raises(StoreError, match=f"has format version {database.FORMAT_VERSION + 1}"):
        Database(path)


def test_folder_that_is_missing_is_told_in_three_lines(tmp_path):
    with pytest.raises(StoreError, match="cannot be read or written") as refused:
        Database(tmp_path / "nowhere" / "run.sqlite")

    assert len(str(refused.value).splitlines()) == 3


def test_own_mistakes_are_not_blamed_on_the_file(tmp_path):
    with Database(tmp_path / "run.sqlite") as run, pytest.raises(sqlite3.ProgrammingError):
        run.record_event("tune", "info", object())  # type: ignore[arg-type]

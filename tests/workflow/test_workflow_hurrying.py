"""Large tables and short limits: how many records are read, who is told, and what a resumed run reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import workflow_fake as fake

from burnish import errors
from burnish.load import drawing
from burnish.store.database import Database
from burnish.workflow import hurrying, reading
from burnish.workflow.budget import Budget
from burnish.workflow.settings import Settings

SETTINGS = Settings(target="y")
GIGABYTE, RECORDS = 10**9, 2_000_000


class Spent(Budget):
    """A budget of which so many seconds are used, whatever the clock says."""

    used = 2.0

    @property
    def elapsed(self) -> float:
        return self.used


def budget(limit: float | None, log: Database | fake.Fake) -> Budget:
    return Spent(limit, None if limit else 100, began=0.0, carried=0.0, jobs=2, log=log)


@pytest.fixture
def log(tmp_path):
    with Database(tmp_path / "run.sqlite") as database:
        yield database


def share(limit: float, log: Database, *, size: int = GIGABYTE, records: int = RECORDS) -> float:
    drawn = hurrying.draw(budget(limit, log), SETTINGS, (None,))
    assert drawn is not None
    return drawn.share(size, records)


def test_a_run_that_counts_epochs_reads_all(log):
    """The clock has no say in it."""
    assert hurrying.draw(budget(None, log), SETTINGS, (None,)) is None


def test_half_of_the_time_is_for_reading_and_what_comes_of_it(tmp_path):
    """All records where that is enough; else as many as can be learned from in it."""
    found = []
    for limit in (20.0, 60.0, 120.0):
        with Database(tmp_path / f"{limit:g}.sqlite") as log:
            found.append(share(limit, log))

    # 9, 29 and 59 seconds, of which 5 go by in looking for records.
    assert found == pytest.approx([4 * 0.025, 24 * 0.025, 1.0])


def test_a_little_is_read_however_short_the_time_is(log):
    """And of small tables all."""
    assert share(1.0, log) == hurrying.LEAST / GIGABYTE
    assert share(1.0, log, size=100_000, records=1_030) == 1.0


def test_a_resumed_run_reads_what_the_first_session_read(tmp_path, monkeypatch):
    """The record answers, not the clock."""
    with Database(tmp_path / "run.sqlite") as log:
        before = share(20.0, log)
    monkeypatch.setattr(Spent, "used", 19.0)

    with Database(tmp_path / "run.sqlite") as log:
        assert share(20.0, log) == before


def test_all_files_share_the_time(tmp_path, log):
    """As large a dev file beside leaves half of it to the first one."""
    files = [tmp_path / name for name in ("main.csv", "dev.csv")]
    for path in files:
        with path.open("wb") as file:
            file.truncate(GIGABYTE)  # takes no room on the disk

    drawn = hurrying.draw(budget(60.0, log), SETTINGS, (str(files[0]), files[1], None))

    assert drawn is not None
    assert drawn.share(GIGABYTE, RECORDS) == pytest.approx((29 - 10) * 0.025 / 2)


def test_data_that_take_longer_than_the_limit_to_look_through_are_refused(tmp_path, log):
    """At once, with a limit that is long enough for them."""
    with (path := tmp_path / "main.csv").open("wb") as file:
        file.truncate(4 * GIGABYTE)

    with pytest.raises(errors.ConfigError) as refused:
        hurrying.draw(budget(5.0, log), SETTINGS, (path,))

    assert "4,000 MB" in refused.value.why
    assert refused.value.remedy == "Give a larger --time-limit, such as 47s."
    assert hurrying.draw(budget(47.0, log), SETTINGS, (path,)) is not None


def test_no_small_table_is_refused(tmp_path, log):
    """However short the limit is: a run says what it could not do."""
    with (path := tmp_path / "main.csv").open("wb") as file:
        file.truncate(10_000_000)

    assert hurrying.draw(budget(0.1, log), SETTINGS, (path,)) is not None


def test_that_records_were_passed_by_is_told_and_kept_for_the_report(tmp_path, monkeypatch):
    """With how many there are; dev and test rows count as well."""
    monkeypatch.setattr(hurrying, "LEARNED", 1.0)
    monkeypatch.setattr(hurrying, "LEAST", 1)
    monkeypatch.setattr(drawing, "FEWEST", 300)
    rng = np.random.default_rng(0)
    main, dev = (_written(tmp_path / name, rng, rows) for name, rows in (("main.csv", 1_000), ("dev.csv", 600)))
    session = fake.session(tmp_path, fake.Fake(fake.question()), limit=20.0, time_limit="20s")
    with session.database:
        loaded = reading.read(session, reading.Sources(str(main), str(dev)))

    assert 500 < loaded.table.rows < 700
    assert loaded.table.rows + loaded.table.passed == 1_600
    assert loaded.records == loaded.table.rows  # what is passed by is no reject
    assert any(said.startswith(f"Of 1,600 records {loaded.table.rows} are read") for said in session.warnings)


def _written(path: Path, rng: np.random.Generator, rows: int) -> Path:
    pd.DataFrame({"x": rng.normal(size=rows), "y": rng.normal(size=rows)}).to_csv(path, index=False)
    return path

"""Run folders: never overwritten, held by one process, found again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from burnish.errors import ConfigError, StoreError
from burnish.store import atomic, run_folder

NOW = datetime(2026, 11, 23, 20, 15, 30, tzinfo=UTC)


def test_default_folder_is_named_by_data_and_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    folder = run_folder.create(None, "houses", NOW)

    assert str(folder.path) == "burnish-runs/houses-20261123-201530"
    assert folder.scratch.is_dir()
    assert run_folder.open(folder.path).started == "2026-11-23T20:15:30+00:00"


def test_two_runs_of_one_second_get_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    names = [run_folder.create(None, "houses", NOW).path.name for _ in range(3)]

    assert names == ["houses-20261123-201530", "houses-20261123-201530-2", "houses-20261123-201530-3"]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("my houses (2)", "my-houses-2-"),
        ("../../etc", "etc-"),
        ("", "run-"),
        ("-", "run-"),
        ("Häuser", "Häuser-"),
        ("漢" * 300, "漢漢"),
    ],
)
def test_any_data_name_gives_a_folder_below_the_root(tmp_path, monkeypatch, name, start):
    monkeypatch.chdir(tmp_path)

    folder = run_folder.create(None, name, NOW)

    assert folder.path.parent == run_folder.DEFAULT_ROOT
    assert folder.path.name.startswith(start)


def test_folder_with_something_in_it_is_refused_as_a_wrong_setting_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(ConfigError, match="--out") as refused:
        run_folder.create(tmp_path, "houses", NOW)

    assert refused.value.exit_code == 2
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.txt"]


def test_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")

    with pytest.raises(ConfigError, match="is a file"):
        run_folder.create(tmp_path / "out", "houses", NOW)
    with pytest.raises(ConfigError, match="cannot be written"):
        run_folder.create(tmp_path / "out" / "below", "houses", NOW)


def test_folder_that_cannot_be_made_is_told_in_three_lines(tmp_path, monkeypatch):
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", denied)

    with pytest.raises(ConfigError, match="Permission denied") as refused:
        run_folder.create(tmp_path / "out", "houses", NOW)

    assert len(str(refused.value).splitlines()) == 3


def test_removed_run_leaves_what_was_there_before_and_nothing_else(tmp_path):
    (tmp_path / "empty").mkdir()
    given = run_folder.create(tmp_path / "empty", "houses", NOW)
    deep = run_folder.create(tmp_path / "a" / "b" / "c", "houses", NOW)

    with given.lock():
        given.remove()
    deep.remove()

    assert [item.name for item in tmp_path.iterdir()] == ["empty"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_removed_run_spares_its_neighbour(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (run_folder.create(None, "houses", NOW) for _ in range(2))

    first.remove()

    assert second.path.is_dir()
    assert not first.path.exists()


def test_second_process_is_kept_out_and_told_which_one_is_in(tmp_path):
    folder = run_folder.create(tmp_path / "run", "houses", NOW)
    program = (
        "import sys, pathlib\n"
        "from burnish.errors import StoreError\n"
        "from burnish.store import run_folder\n"
        "try:\n"
        "    with run_folder.open(pathlib.Path(sys.argv[1])).lock():\n"
        "        print('in')\n"
        "except StoreError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(folder.path)]

    with folder.lock():
        kept_out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    let_in = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "is being worked on" in kept_out
    assert f"Process {os.getpid()} holds its lock" in kept_out
    assert len(kept_out.splitlines()) == 3
    assert let_in == "in\n"


def test_killed_process_holds_no_lock(tmp_path):
    folder = run_folder.create(tmp_path / "run", "houses", NOW)
    program = (
        "import sys, time, pathlib\n"
        "from burnish.store import run_folder\n"
        "with run_folder.open(pathlib.Path(sys.argv[1])).lock():\n"
        "    print('in', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder.path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        assert folder.held
        process.kill()

    assert not folder.held
    with folder.lock():
        assert folder.held


@pytest.mark.parametrize(
    ("mark", "what"),
    [
        (None, "There is no run"),
        ("", "is damaged"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("{}", "is damaged"),
        ('{"format_version": 99, "started": "2030-01-01"}', "has format version 99"),
    ],
)
def test_foreign_damaged_and_newer_folders_are_told_apart(tmp_path, mark, what):
    if mark is not None:
        (tmp_path / run_folder.MARK).write_text(mark)

    with pytest.raises(StoreError, match=what) as refused:
        run_folder.open(tmp_path)

    assert len(str(refused.value).splitlines()) == 3


def test_path_that_is_a_file_or_missing_is_no_run(tmp_path):
    (tmp_path / "data.csv").write_text("")

    for name in ("data.csv", "nowhere"):
        with pytest.raises(StoreError, match="There is no run"):
            run_folder.open(tmp_path / name)


def test_listing_shows_every_state_newest_first_and_a_damaged_run_hides_none(tmp_path):
    asked = json.dumps({"sources": {"main": "/data/houses.csv"}, "settings": {"target": "price"}})
    for day, name in enumerate(["stopped", "finished", "running"], start=1):
        folder = run_folder.create(tmp_path / name, "houses", NOW.replace(day=day))
        atomic.write_text(folder.config, asked)
    (tmp_path / "finished" / "report.html").write_text("<html>")
    run_folder.create(tmp_path / "damaged", "houses", NOW)
    (tmp_path / "damaged" / run_folder.MARK).write_text("{")
    (tmp_path / "unrelated").mkdir()

    with run_folder.open(tmp_path / "running").lock():
        found = run_folder.list_runs(tmp_path)

    assert [item.state for item in found] == ["running", "finished", "stopped", "damaged"]
    assert {(item.data, item.target) for item in found[:3]} == {("/data/houses.csv", "price")}
    assert run_folder.list_runs(tmp_path / "nowhere") == ()


def test_tidied_run_keeps_all_but_its_scratch(tmp_path):
    folder = run_folder.create(tmp_path / "run", "houses", NOW)

    folder.tidy()

    assert [item.name for item in folder.path.iterdir()] == [run_folder.MARK]

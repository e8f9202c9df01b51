"""Files are whole or not there, whatever fails."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys

import pytest

from burnish.errors import StoreError
from burnish.store import atomic


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_written_file_is_read_back_and_nothing_else_is_left(tmp_path):
    atomic.write_text(tmp_path / "a.json", "α = 0.1\n")
    atomic.write_bytes(tmp_path / "b.bin", b"\x00\xff", durable=False)

    assert (tmp_path / "a.json").read_text("utf-8") == "α = 0.1\n"
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.json", "b.bin"]


def test_file_has_the_rights_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        atomic.write_text(tmp_path / "a", "")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_full_disk_leaves_the_old_file_and_no_half_of_the_new_one(tmp_path, monkeypatch, step):
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, step, full)

    with pytest.raises(StoreError, match="No space left on device") as refused:
        atomic.write_text(tmp_path / "a", "new")

    assert (tmp_path / "a").read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a"]
    assert len(str(refused.value).splitlines()) == 3


def test_write_that_the_system_cuts_short_leaves_nothing(tmp_path):
    """A real limit on file sizes stands in for a full disk: the write itself fails, in the middle."""
    program = (
        "import resource, signal, sys, pathlib\n"
        "from burnish.errors import StoreError\n"
        "from burnish.store import atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n"
        "    atomic.write_bytes(pathlib.Path(sys.argv[1]), bytes(100_000))\n"
        "except StoreError as error:\n"
        "    print(error)\n"
    )

    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a")], capture_output=True, text=True, check=True
    ).stdout

    assert "cannot be written" in said
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_missing_is_told_in_three_lines(tmp_path):
    with pytest.raises(StoreError, match="No such file or directory") as refused:
        atomic.write_text(tmp_path / "nowhere" / "a", "x")

    assert len(str(refused.value).splitlines()) == 3


def test_a_pipe_is_written_into_and_stays_a_pipe(tmp_path):
    """So is a device: with a root's rights, /dev/null would have been replaced by a file."""
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE)
    atomic.write_text(tmp_path / "pipe", "through")

    assert reader.communicate(timeout=60)[0] == b"through"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert [item.name for item in tmp_path.iterdir()] == ["pipe"]


def test_the_file_behind_a_link_is_replaced_and_not_the_link(tmp_path):
    """Wherever it lies; a link that leads nowhere yet is followed too."""
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    for text in ("new", "newer"):
        atomic.write_text(tmp_path / "link", text)

        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "file").read_text() == text
    assert [item.name for item in (tmp_path / "there").iterdir()] == ["file"]

"""Rows of an array in a file are what the array has, in any order, and only they are read."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from burnish.data.inputs import Prepared
from burnish.data.on_disk import RowsOnDisk, give_back, is_mapped, read_by_rows

VALUES = np.random.default_rng(0).integers(0, 256, (50, 4, 3, 1)).astype(np.uint8)


@pytest.fixture
def mapped(tmp_path) -> np.memmap:
    np.save(tmp_path / "a.npy", VALUES)
    return np.load(tmp_path / "a.npy", mmap_mode="r")


def test_rows_are_those_of_the_array(mapped):
    rows = np.array([7, 3, 3, 49, 0])
    found = RowsOnDisk.of(mapped).take(rows)

    assert (found.shape, found.ndim, len(found), found.row_bytes) == ((5, 4, 3, 1), 4, 5, 12)
    np.testing.assert_array_equal(np.asarray(found), VALUES[rows])
    np.testing.assert_array_equal(found[1:4], VALUES[rows[1:4]])
    np.testing.assert_array_equal(found[np.array([4, 0])], VALUES[[0, 7]])
    assert found[:0].shape == (0, 4, 3, 1)


def test_prepared_rows_are_taken_without_being_read(mapped):
    taken = Prepared(RowsOnDisk.of(mapped), np.zeros((50, 0), np.int32)).take(np.array([5, 1]))

    assert isinstance(taken.x, RowsOnDisk)
    np.testing.assert_array_equal(taken.x[:], VALUES[[5, 1]])


def test_a_part_of_a_map_is_refused(mapped):
    """It does not know where in the file it begins."""
    assert is_mapped(mapped)
    assert not is_mapped(mapped[10:])
    assert not is_mapped(VALUES)
    with pytest.raises(ValueError, match="mapped as a whole"):
        RowsOnDisk.of(mapped[10:])


def test_a_file_that_was_cut_is_an_error(mapped, tmp_path):
    found = RowsOnDisk.of(mapped)
    with (tmp_path / "a.npy").open("r+b") as file:
        file.truncate(300)

    np.testing.assert_array_equal(found[:2], VALUES[:2])
    with pytest.raises(OSError, match="ends before row 40"):
        found[40:41]


def test_a_map_is_read_by_rows_and_an_array_as_it_is(mapped):
    rows = np.array([7, 3, 49])

    assert isinstance(read_by_rows(mapped), RowsOnDisk)
    np.testing.assert_array_equal(read_by_rows(mapped)[rows], VALUES[rows])
    assert read_by_rows(VALUES) is VALUES


def test_pages_that_are_given_back_lose_nothing(tmp_path):
    """What was written, and not yet put on the disk, is read again as it was."""
    made = np.lib.format.open_memmap(tmp_path / "b.npy", "w+", np.uint8, (100, mmap.PAGESIZE))
    made[:] = np.arange(100, dtype=np.uint8)[:, None]
    give_back(made)

    np.testing.assert_array_equal(made[:, 0], np.arange(100))
    before = resident(made)
    give_back(made)
    assert resident(made) < before


def resident(array: np.memmap) -> int:
    """KiB of a map that this process has in memory."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    next(line for line in lines if line.endswith(str(array.filename)))
    return int(next(line for line in lines if line.startswith("Rss:")).split()[1])

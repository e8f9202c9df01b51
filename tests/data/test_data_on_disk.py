"""Rows of an array in a file are what the array has, in any order, and only they are read."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.data.inputs import Prepared
from burnish.data.on_disk import RowsOnDisk, is_mapped

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

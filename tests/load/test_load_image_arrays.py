"""Images in files of arrays: NPZ and idx."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from burnish import errors
from burnish.data.images import LABEL, texts_of
from burnish.load import images
from reference import image_folders


def test_npz_of_images_is_read(tmp_path, read):
    pixels = image_folders.blobs(6, channels=3)
    np.savez(tmp_path / "made.npz", images=np.moveaxis(pixels, 3, 1), labels=np.arange(6) % 3)
    found = read(tmp_path / "made.npz")

    assert images.are_images(tmp_path / "made.npz")
    np.testing.assert_array_equal(found.pixels, pixels)
    assert texts_of(found.table[LABEL]) == ["0", "1", "2"] * 2


def test_npz_with_a_test_part_gives_both(tmp_path):
    pixels = image_folders.blobs(6)
    np.savez(tmp_path / "k.npz", x_train=pixels[:4], y_train=[0, 1, 0, 1], x_test=pixels[4:], y_test=[1, 0])
    main, test = images.read(tmp_path / "k.npz")

    assert (main.table.rows, test.table.rows) == (4, 2)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": np.zeros((4, 8, 8)), "y": np.arange(4)}, "float64 numbers"),
        ({"x": np.zeros((4, 8, 8, 5), np.uint8), "y": np.arange(4)}, r"shape \(4, 8, 8, 5\)"),
        ({"x": np.zeros((4, 8, 8), np.uint8), "y": np.arange(3)}, r"shape \(3,\)"),
        ({"x": np.zeros((4, 8, 8), np.uint8)}, "no labels"),
    ],
)
def test_npz_that_is_no_images_with_labels_is_refused(tmp_path, read, arrays, told):
    np.savez(tmp_path / "bad.npz", **arrays)

    with pytest.raises(errors.DataError, match=told):
        read(tmp_path / "bad.npz")


def idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + b"".join(struct.pack(">I", n) for n in values.shape)
    with gzip.open(path.with_name(f"{path.name}.gz"), "wb") as file:
        file.write(header + values.tobytes())


def test_a_folder_of_idx_files_is_read_with_its_test_part(tmp_path):
    pixels, labels = image_folders.blobs(6), np.array([0, 1, 2, 0, 1, 2], np.uint8)
    for start, part in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        idx(tmp_path / f"{start}-images-idx3-ubyte", pixels[part])
        idx(tmp_path / f"{start}-labels-idx1-ubyte", labels[part])
    main, test = images.read(tmp_path)

    np.testing.assert_array_equal(main.pixels[..., 0], pixels[:4])
    assert texts_of(test.table[LABEL]) == ["1", "2"]


def test_an_idx_file_that_is_cut_is_refused(tmp_path):
    idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(4, np.uint8))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">III", 4, 8, 8) + bytes(9))

    with pytest.raises(errors.DataError, match="no idx file of 3 axes"):
        images.read(tmp_path)

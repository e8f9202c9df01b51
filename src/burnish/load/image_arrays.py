"""Images that come as arrays: NPZ, and the idx files of the MNIST family."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from burnish import errors

IMAGE_NAMES = ("x", "X", "images", "image", "pixels", "data")
LABEL_NAMES = ("y", "labels", "label", "target", "targets")
# As Keras writes MNIST and its kin.
TRAIN_NAMES, TEST_NAMES = ("x_train", "y_train"), ("x_test", "y_test")

# The idx files that the MNIST family comes as, each also with .gz.
IDX_TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
IDX_TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
IDX_BYTES, IDX_IMAGES, IDX_LABELS = 0x08, 3, 1  # the type's code, and how many axes


@dataclass(frozen=True, slots=True)
class Arrays:
    """Pixels with labels, None where they are not known."""

    pixels: NDArray[np.uint8]  # (rows, height, width, channels)
    labels: NDArray[np.generic] | None  # (rows,)


def is_npz_of_images(path: Path) -> bool:
    """Whether an NPZ file holds images: its array of inputs has three axes or four. Reads headers only."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in (*IMAGE_NAMES, TRAIN_NAMES[0]):
                if f"{name}.npy" in archive.namelist():
                    with archive.open(f"{name}.npy") as member:
                        return len(_shape(member)) in (3, 4)
    except (OSError, zipfile.BadZipFile, ValueError):
        return False  # the reader of tables says what is wrong
    return False


def _shape(member: object) -> tuple[int, ...]:
    version = npy.read_magic(member)  # type: ignore[arg-type]
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(member)[0]  # type: ignore[arg-type]


def read_npz(path: Path, shown: str) -> tuple[Arrays, Arrays | None]:
    """Images of an NPZ file, and those of its test part, where it has one.

    Raises:
        DataError: The file is damaged, or its arrays are no images with labels.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise errors.DataError(
            f"{shown} cannot be read as NPZ.",
            f"{error}.".capitalize(),
            "Save numbers and text only: burnish never unpickles."
            if "pickle" in str(error)
            else "Check that the file is whole.",
        ) from error
    if TRAIN_NAMES[0] in arrays:
        test = _pair(arrays, *TEST_NAMES, shown) if TEST_NAMES[0] in arrays else None
        return _pair(arrays, *TRAIN_NAMES, shown), test
    image = next(name for name in IMAGE_NAMES if name in arrays)
    label = next((name for name in LABEL_NAMES if name in arrays), "")
    return _pair(arrays, image, label, shown), None


def _pair(arrays: dict[str, NDArray[np.generic]], image: str, label: str, shown: str) -> Arrays:
    pixels = as_pixels(arrays[image], f"The array {image} of {shown}")
    if label not in arrays:
        return Arrays(pixels, None)
    labels = arrays[label]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (len(pixels),):
        raise errors.DataError(
            f"The array {label} of {shown} has shape {labels.shape}.",
            f"There are {len(pixels):,} images, and each has one label.",
            f"Give {label} with shape ({len(pixels)},); of one-hot rows take the position of the 1.",
        )
    return Arrays(pixels, labels)


def as_pixels(array: NDArray[np.generic], shown: str) -> NDArray[np.uint8]:
    """Shape (rows, height, width, channels), from (rows, height, width), or with one or three channels first or last.

    Raises:
        DataError: It is of another shape, or holds something else than numbers from 0 to 255.
    """
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        array = np.moveaxis(array, 1, 3)
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape:
        raise errors.DataError(
            f"{shown} has shape {array.shape}.",
            "Images have the shape (rows, height, width) or (rows, height, width, 1 or 3).",
            "Bring it into such a shape.",
        )
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    whole = array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 255
    if not whole:
        raise errors.DataError(
            f"{shown} holds {array.dtype} numbers.",
            "Pixels are whole numbers from 0 to 255.",
            "Save it as uint8: numbers from 0 to 1 times 255, rounded.",
        )
    return np.ascontiguousarray(array.astype(np.uint8))


def idx_pair(folder: Path, names: Sequence[str]) -> tuple[Path, Path] | None:
    """The files of images and labels in a folder, if both are there."""
    found = [next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None) for name in names]
    images, labels = found
    return None if images is None or labels is None else (images, labels)


def read_idx(images: Path, labels: Path) -> Arrays:
    """Images and labels of two idx files, packed by gzip or not.

    Raises:
        DataError: A file is damaged, or they do not belong together.
    """
    pixels, codes = _idx(images, IDX_IMAGES), _idx(labels, IDX_LABELS)
    if len(pixels) != len(codes):
        raise errors.DataError(
            f"{images.name} and {labels.name} do not belong together.",
            f"There are {len(pixels):,} images and {len(codes):,} labels.",
            "Give the two files of one data set.",
        )
    return Arrays(pixels[..., None], codes)


def _idx(path: Path, axes: int) -> NDArray[np.uint8]:
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise errors.DataError(f"{path} cannot be read.", f"{error}.", "Check that the file is whole.") from error
    start = 4 + 4 * axes
    sizes = np.frombuffer(content[4:start], ">u4").astype(np.int64)
    right = content[:4] == bytes([0, 0, IDX_BYTES, axes]) and len(sizes) == axes
    if not right or len(content) != start + int(sizes.prod()):
        raise errors.DataError(
            f"{path} is no idx file of {axes} {'axis' if axes == 1 else 'axes'}, or is not whole.",
            f"It has {len(content):,} bytes and begins with {content[:4].hex(' ')}.",
            "Check that it is the right file, and whole.",
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes.tolist())

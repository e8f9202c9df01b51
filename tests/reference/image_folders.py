"""Folders of made-up images for tests of every room."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn import datasets


def blobs(count: int, *, side: int = 16, seed: int = 0, channels: int = 1) -> NDArray[np.uint8]:
    """Smooth random images, unlike one another; shape (count, side, side) or (count, side, side, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, channels)).astype(np.uint8)
    grown = [
        np.asarray(Image.fromarray(one.squeeze()).resize((side, side), Image.Resampling.BICUBIC)) for one in coarse
    ]
    return np.stack(grown)


def save(pixels: NDArray[np.uint8], path: Path, **how: object) -> Path:
    """Write one image, in the format of the path's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **how)
    return path


def folder(root: Path, classes: Mapping[str, NDArray[np.uint8]]) -> Path:
    """A folder for each class, of PNG files 000.png, 001.png, …"""
    for name, images in classes.items():
        for k, image in enumerate(images):
            save(image, root / name / f"{k:03d}.png")
    return root


def two_classes(root: Path, count: int = 3) -> Path:
    """Folders a and b with so many images each."""
    return folder(root, {"a": blobs(count, seed=1), "b": blobs(count, seed=2)})


def digits(root: Path, count: int = 1797) -> Path:
    """scikit-learn's handwritten digits, the first so many, as a folder of 8 x 8 PNG files for each."""
    found = datasets.load_digits()
    for k in range(count):
        grey = np.round(found.images[k] * (255 / 16)).astype(np.uint8)
        save(grey, root / str(found.target[k]) / f"{k:04d}.png")
    return root


def copy(source: Path, target: Path) -> Path:
    """Another file with the same bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    return target


def flat(root: Path, count: int = 4) -> Path:
    """Images 000.png, 001.png, … in one folder, for labels that come from a table."""
    for k, image in enumerate(blobs(count)):
        save(image, root / f"00{k}.png")
    return root

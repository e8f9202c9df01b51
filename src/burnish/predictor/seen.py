"""Which rows a model was made from: an error on them says nothing of new ones.

The model's folder keeps a number of 64 bits for each such row, never the row. Who has the folder and a row can tell
whether it was among them; who has the folder alone learns nothing of the rows.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from burnish import errors
from burnish.data.inputs import Prepared

FILE, NAME = "rows.safetensors", "seen"

# Steele, Lea and Flood 2014 (SplitMix64): an odd step near 2⁶⁴/φ, and the multipliers of its finaliser.
STEP, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def fingerprints(prepared: Prepared, truth: NDArray[np.float64]) -> NDArray[np.uint64]:
    """One number for each row, of what a network sees of it and of its target; shape (rows,).

    Two different rows share one by chance once in 2⁶⁴ pairs.

    Args:
        prepared: The rows behind the first of the model's preparations.
        truth: Class number, or the target's value.
    """
    parts = (_words(truth.astype(np.float64)), _words(prepared.x), _words(prepared.codes))
    found = np.zeros(len(truth), np.uint64)
    for words in parts:
        for column in range(words.shape[1]):
            found = _mixed(found + STEP + words[:, column])  # words wrap around
    return found


def _words(values: NDArray[Any]) -> NDArray[np.uint32]:
    """The bits of each row, as words of 32."""
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    if np.issubdtype(flat.dtype, np.floating):
        flat = flat + flat.dtype.type(0)  # −0 is 0
    short = -flat.shape[1] * flat.itemsize % 4 // flat.itemsize
    return np.ascontiguousarray(np.pad(flat, ((0, 0), (0, short)))).view(np.uint32)


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(30))) * FIRST
    words = (words ^ (words >> np.uint64(27))) * SECOND
    return words ^ (words >> np.uint64(31))


def save(folder: Path, found: NDArray[np.uint64]) -> None:
    """Keep the fingerprints of a model's rows, sorted, so that their order tells nothing."""
    save_file({NAME: np.unique(found)}, folder / FILE)


def among(folder: Path, found: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each row is one that the model in this folder was made from; all False where it keeps no record of them.

    Raises:
        StoreError: The record is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return np.zeros(len(found), bool)
    try:
        kept = load_file(path)[NAME]
    except (SafetensorError, KeyError, OSError) as error:
        raise errors.StoreError(
            f"The record of rows {path} cannot be read.", str(error), "Restore it from a copy, or delete it."
        ) from error
    return np.isin(found, kept)

"""Parameters of a network as a flat set of named arrays, and back; files are safetensors, never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from burnish import errors
from burnish.model import kinds
from burnish.model.architecture import Architecture

Flat = dict[str, NDArray[np.float32]]


def flatten(params: Any, statistics: Any) -> Flat:
    """`hidden.0.w`, `hidden.0.b`, `output.w`, …, `statistics.0.mean`: one entry for each leaf."""
    flat: Flat = {}

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, Mapping):
            for key in node:
                walk(f"{prefix}.{key}" if prefix else str(key), node[key])
        elif isinstance(node, tuple | list):
            for index, child in enumerate(node):
                walk(f"{prefix}.{index}", child)
        else:
            flat[prefix] = np.asarray(node, np.float32, order="C")

    walk("", params)
    walk("statistics", statistics)
    return flat


def unflatten(architecture: Architecture, flat: Mapping[str, NDArray[np.float32]]) -> tuple[Any, Any]:
    """Parameters and batch norm's averages; DataError where an array is missing or of another shape."""
    kind = kinds.of(architecture)
    params, statistics = kind.like(architecture), kind.statistics(architecture)
    expected = flatten(params, statistics)
    for name, like in expected.items():
        found = flat.get(name)
        if found is None or found.shape != like.shape:
            seen = "is missing" if found is None else f"has shape {found.shape} and not {like.shape}"
            raise errors.DataError(
                f"The weights do not fit the network: array {name!r} {seen}.",
                "The model's files do not belong together, or one was changed.",
                "Use the model folder as burnish wrote it, or train again.",
            )

    def rebuild(prefix: str, node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: rebuild(f"{prefix}.{key}" if prefix else str(key), node[key]) for key in node}
        if isinstance(node, tuple):
            return tuple(rebuild(f"{prefix}.{index}", child) for index, child in enumerate(node))
        return flat[prefix]

    return rebuild("", params), rebuild("statistics", statistics)


def save(path: Path, flat: Flat) -> None:
    """Write one safetensors file; StoreError where the disk is full or the folder cannot be written."""
    try:
        save_file(flat, path)
    except (OSError, SafetensorError) as error:
        raise errors.StoreError(
            f"{path} cannot be written.", f"The system says: {error}.", "Make room or permission there."
        ) from error


def load(path: Path) -> Flat:
    """Read one safetensors file; StoreError where it is missing or damaged."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise errors.StoreError(
            f"The weights in {path} cannot be read.",
            str(error),
            "Restore the model folder from a copy, or train again.",
        ) from error

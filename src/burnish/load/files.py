"""Reads a table from wherever it is: finds the format by what the file holds, then by its name."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from burnish import errors
from burnish.data import table
from burnish.load import binary, foreign, frames, json_lines, text
from burnish.load.drawing import Draw

STANDARD_INPUT = "-"

_JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")


def read(
    source: Any,
    *,
    name: str | None = None,
    types: Mapping[str, table.Physical] | None = None,
    draw: Draw | None = None,
) -> table.Table:
    """A table, strictly read: every record of the source is a row or a reject with its line and reason.

    Args:
        source: A path to CSV, TSV or JSON lines (also .gz), Parquet or NPZ; "-" for standard input (CSV, TSV or JSON
            lines); a data frame of any library; a dict of arrays; or a numpy array of shape (rows, columns), whose
            columns become x0, x1, ….
        name: Of the table; the file's stem where not given.
        types: Types that columns must have, by name: those found when a model was trained. The others are found.
        draw: Which records are read; None: all.

    Raises:
        ConfigError: There is no such file, it is a folder, it may not be read, or the source is of an unknown type.
        DataError: The contents are no table, or more than half of the records are broken.
    """
    types = types or {}
    if not isinstance(source, str | os.PathLike):
        return _drawn(frames.read(source, name=name or "data", types=types), draw)
    if os.fspath(source) == STANDARD_INPUT:
        with tempfile.TemporaryDirectory(prefix="burnish-") as folder:
            path = Path(folder, "input")
            _copy_standard_input(path)
            return _read_file(path, "Standard input", name=name or "stdin", types=types, draw=draw)
    path = Path(source).expanduser()
    _refuse_unreadable(path)
    return _read_file(path, str(source), name=name or _stem(path), types=types, draw=draw)


def _drawn(found: table.Table, draw: Draw | None) -> table.Table:
    return found if draw is None else draw.of_table(found)


def _copy_standard_input(path: Path) -> None:
    given = getattr(sys.stdin, "buffer", None)
    if given is None:  # closed, or a notebook's
        raise errors.ConfigError(
            "There is no standard input to read.", "This process was started without one.", "Give the path of a file."
        )
    with path.open("wb") as copy:
        shutil.copyfileobj(given, copy)


def _stem(path: Path) -> str:
    inner = Path(path.stem) if path.suffix.lower() == ".gz" else path
    return inner.stem or path.name


def _refuse_unreadable(path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except FileNotFoundError as error:
        raise errors.ConfigError(
            f"There is no file {path}.",
            f"It was looked for in {path.absolute().parent}.",
            "Check the path and its spelling.",
        ) from error
    except IsADirectoryError as error:
        raise errors.ConfigError(
            f"{path} is a folder.", "A table is a single file.", "Give the path of a file in it."
        ) from error
    except OSError as error:
        raise errors.ConfigError(
            f"{path} cannot be read.", f"{error.strerror}.", "Check the path and its permissions."
        ) from error


def _read_file(
    path: Path, shown: str, *, name: str, types: Mapping[str, table.Physical], draw: Draw | None
) -> table.Table:
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if start.startswith(b"\x1f\x8b"):
        with tempfile.TemporaryDirectory(prefix="burnish-") as folder:
            inner = Path(folder, path.stem)
            with inner.open("wb") as out:
                _unzip(path, out, shown)
            return _read_file(inner, shown, name=name, types=types, draw=draw)
    if start.startswith(b"PAR1"):
        return _drawn(binary.read_parquet(path, shown, name=name, types=types), draw)
    if start.startswith(b"PK") and _is_npz(path):
        return _drawn(binary.read_npz(path, shown, name=name, types=types), draw)
    foreign.refuse(path, start, shown)
    _refuse_misnamed(path, shown)
    if path.suffix.lower() in _JSON_SUFFIXES or json_lines.looks_like(start):
        return json_lines.read(path, shown, name=name, types=types, draw=draw)
    return text.read(path, shown, name=name, types=types, draw=draw)


def _unzip(path: Path, out: BinaryIO, shown: str) -> None:
    try:
        with gzip.open(path, "rb") as packed:
            shutil.copyfileobj(packed, out)
    except (OSError, EOFError, zlib.error) as error:
        raise errors.DataError(f"{shown} cannot be unpacked.", f"{error}.", "Check that the file is whole.") from error


def _refuse_misnamed(path: Path, shown: str) -> None:
    """A file whose name promises one of the typed formats, and which holds none."""
    promised = {".parquet": ("a Parquet", "PAR1"), ".npz": ("an NPZ", "PK")}.get(path.suffix.lower())
    if promised is not None:
        what, magic = promised
        raise errors.DataError(
            f"{shown} is not {what} file.", f"It does not begin with {magic}.", "Check that it was written to its end."
        )


def _is_npz(path: Path) -> bool:
    """Whether a ZIP archive is one of numpy arrays; one named .npz that is damaged counts as well."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            return all(member.endswith(".npy") for member in names) and (bool(names) or path.suffix.lower() == ".npz")
    except zipfile.BadZipFile:
        return path.suffix.lower() == ".npz"

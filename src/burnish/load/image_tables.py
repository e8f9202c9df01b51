"""A table with a column of paths of image files: each of its rows is the image that it names."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from burnish import errors
from burnish.data.images import texts_of
from burnish.data.table import Column, Physical, Table
from burnish.load import files
from burnish.load.image_decode import SUFFIXES
from burnish.load.image_files import not_an_image

# Share of a column's values that name images from which it is a column of paths, as for a table of labels.
NAMES_IMAGES = 0.5
# Values, evenly spread over the rows, that are looked at; a share of them is known to 7 % at worst.
LOOKED_AT = 200
SHOWN = 5  # names in a sentence


@dataclass(frozen=True, slots=True)
class Paths:
    """A table whose rows are images."""

    table: Table  # as it was read
    column: str  # of paths
    folder: Path  # that paths start from

    def __str__(self) -> str:
        return self.table.name

    @property
    def others(self) -> tuple[str, ...]:
        """The names of all other columns."""
        return tuple(name for name in self.table.names if name != self.column)

    def file(self, text: str) -> str:
        """The path of a file as the system wants it, where that is not as the table has it: "a\\b.png" is a/b.png."""
        plain = plain_path(text)
        return text if text == plain or _is_file(self.folder / text) else plain


def plain_path(text: str) -> str:
    """A path with "/", without blanks around it and without "./" before it."""
    return str(PurePosixPath(text.strip().replace("\\", "/")))


def opened(table: Table, source: Any, *, but: Collection[str | None] = ()) -> Table | Paths:
    """The table as one of images where a column of it holds paths of image files, else as it is.

    What is in a column decides, not its name. A column that names images of which none is there is told of.

    Args:
        table: As it was read.
        source: What from: paths start from the folder that it lies in, or from the current one.
        but: Columns that are not looked at: the target, and those left out.

    Raises:
        DataError: A column names images, none is there, and there is nothing else to learn from.
    """
    folder = _folder_of(source)
    shares = {column.name: _shares(folder, column) for column in table.columns if column.name not in but}
    named = {name: there for name, (names, there) in shares.items() if names >= NAMES_IMAGES}
    best = max(named, key=lambda name: named[name], default=None)
    if best is None:
        return table
    if named[best] > 0:
        return Paths(table, best, folder)
    first = next(text for text in texts_of(table[best]) if text)
    what = f"Column {best!r} of {table.name} names images, and none of them is there"
    where = f"The first is {first!r}, which was looked for in {folder.resolve()}."
    if len(shares) == 1:
        raise errors.DataError(f"{what}.", where, "Give paths from the folder that the table lies in, or whole ones.")
    return replace(table, notes=(*table.notes, f"{what}: the other columns are read. {where}"))


def said(paths: Paths, used: Collection[str]) -> str:
    """That rows are images, and which columns are not used."""
    left = [name for name in paths.others if name not in used]
    shown = ", ".join(map(repr, left[:SHOWN])) + (", …" if left[SHOWN:] else "")
    more = f" Not used: {shown}; --drop {paths.column} learns from them instead." if left else ""
    return f"Column {paths.column!r} holds paths of images: each row is an image.{more}"


def refuse_taken(paths: Paths, kept: Collection[str | None], taken: Collection[str]) -> None:
    """Columns of a table of images have names of their own, which those of the person's table cannot have too."""
    for name in kept:
        if name in taken:
            raise errors.ConfigError(
                f"Column {name!r} of {paths} needs another name.",
                f"Rows are images here, whose own columns are called {' and '.join(map(repr, taken))}.",
                "Rename it.",
            )


def _folder_of(source: Any) -> Path:
    from_a_file = isinstance(source, str | os.PathLike) and os.fspath(source) != files.STANDARD_INPUT
    return Path(source).expanduser().parent if from_a_file else Path()


def _shares(folder: Path, column: Column) -> tuple[float, float]:
    """Shares of a column's values that name images, and that name images that are there."""
    if column.physical is not Physical.TEXT:
        return 0.0, 0.0
    present = np.flatnonzero(~column.missing)
    if not len(present):
        return 0.0, 0.0
    chosen = present[np.unique(np.linspace(0, len(present) - 1, LOOKED_AT).astype(int))]
    found = np.array([_names_image(folder, text) for text in texts_of(column.take(chosen))])
    return float(found[:, 0].mean()), float(found[:, 1].mean())


def _names_image(folder: Path, text: str) -> Sequence[bool]:
    """Whether a text names an image by its ending or by what is there; and whether it is there."""
    if "://" in text:
        return False, False  # burnish reaches for nothing over a network
    there = any(_is_image(folder / form) for form in (text, plain_path(text)))
    return there or PurePosixPath(text.strip()).suffix.lower() in SUFFIXES, there


def _is_image(path: Path) -> bool:
    try:
        return not_an_image(path) is None
    except (OSError, ValueError):
        return False  # no path at all: prose is too long for one, and no name has a zero byte


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False  # likewise

"""Which label belongs to which file: a table of labels beside a folder of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

import numpy as np

from burnish import errors
from burnish.data.images import texts_of
from burnish.data.table import Column, Physical, Table
from burnish.load import files

# Share of a column's values that name files of the folder, from which on it is the column of files.
NAMES_FILES = 0.5
SHOWN = 5  # names in a sentence


@dataclass(frozen=True, slots=True)
class Labels:
    """A table's labels, by file."""

    column: Column  # the labels, as the table has them
    row_of: dict[str, int]  # row of `column` for each file that has one
    rejects: tuple[tuple[str, str], ...]  # files without a label, and labels without a file, with the reason
    notes: tuple[str, ...]


def match(source: str, paths: Sequence[str], *, folder: str, target: str | None, shared: bool = False) -> Labels:
    """Reads a table of labels and finds its column of files and its column of labels.

    Args:
        source: The table, in any form that tables are read from.
        paths: The images' paths from the folder.
        folder: What the folder is called.
        target: Name of the column of labels; None: the only other one.
        shared: The table speaks of other folders' images too: a label without a file is nothing odd.

    Raises:
        DataError: No column names files of the folder, or a file has two labels.
        ConfigError: There is no such table, or it is not clear which column holds the labels.
    """
    table = files.read(source)
    # As text too: as a number, 00123 would lose its zeros.
    written = files.read(source, types=dict.fromkeys(table.names, Physical.TEXT))
    keys = _keys(paths)
    column = _column_of_files(written, keys, folder, target)
    label = _column_of_labels(table, column, target)
    row_of: dict[str, int] = {}
    rejects: list[tuple[str, str]] = []
    for row, name in enumerate(texts_of(written[column])):
        path = keys.get(_plain(name))
        if path is None and shared:
            continue
        if path is None:
            line = int(table.row_ids[row])
            rejects.append((name, f"it has a label in line {line} of {table.name}, and is not in {folder}"))
        elif path in row_of and _differ(table[label], row, row_of[path]):
            raise _two_labels(path, table, (row_of[path], row))
        else:
            row_of[path] = row
    missing = table[label].missing
    unlabelled = [path for path in paths if path not in row_of or missing[row_of[path]]]
    rejects += [(path, f"it has no label in {table.name}") for path in unlabelled]
    for path in unlabelled:
        row_of.pop(path, None)
    if not row_of:
        raise errors.DataError(
            f"No image of {folder} has a label.", f"Column {label!r} of {table.name} is empty.", "Fill it."
        )
    lost = [(reject.text, f"line {reject.line} of {table.name}: {reject.reason}") for reject in table.rejects]
    note = f"Labels are column {label!r} of {table.name}, files its column {column!r}."
    left = [name for name in table.names if name not in (column, label)]
    more = f" Not used: {', '.join(left[:SHOWN])}{', …' if left[SHOWN:] else ''}." if left else ""
    return Labels(table[label], row_of, (*rejects, *lost), (note + more,))


def _plain(name: str) -> str:
    """A path as it is compared: with "/", and without "./" before it."""
    return str(PurePosixPath(name.strip().replace("\\", "/")))


def _keys(paths: Sequence[str]) -> dict[str, str]:
    """What may stand for a file: its path, and where they are unique its name and its name without the ending."""
    keys: dict[str, str] = {}
    for form in (lambda p: PurePosixPath(p).stem, lambda p: PurePosixPath(p).name):
        counts = Counter(map(form, paths))
        keys |= {form(path): path for path in paths if counts[form(path)] == 1}
    return keys | {path: path for path in paths}


def _column_of_files(written: Table, keys: Mapping[str, str], folder: str, target: str | None) -> str:
    hits = {
        column.name: float(np.mean([_plain(text) in keys for text in texts_of(column)]))
        for column in written.columns
        if column.name != target
    }
    best = max(hits, key=lambda name: hits[name], default=None)
    if best is not None and (hits[best] >= NAMES_FILES or (hits[best] > 0 and len(hits) == 1)):
        return best
    example = next(iter(keys.values()), "")
    column = best or written.names[0]
    seen = next((text for text in texts_of(written[column]) if text), "")
    raise errors.DataError(
        f"No column of {written.name} names the images of {folder}.",
        f"The images are called like {example!r}; column {column!r} holds values like {seen!r}.",
        "Give a column with the files' names or their paths from the folder.",
    )


def _column_of_labels(table: Table, files_column: str, target: str | None) -> str:
    others = [name for name in table.names if name != files_column]
    if target is not None:
        if target in table.names and target != files_column:
            return target
        near = get_close_matches(target, others, 1)
        raise errors.ConfigError(
            f"{table.name} has no column of labels {target!r}.",
            f"Its columns are {', '.join(map(repr, table.names[:12]))}.",
            f"Did you mean {near[0]!r}?" if near else "Check the spelling; names are case-sensitive.",
        )
    if len(others) == 1:
        return others[0]
    raise errors.ConfigError(
        "No column of labels was named." if others else f"{table.name} has no labels.",
        f"Beside {files_column!r}, {table.name} has "
        + (f"the columns {', '.join(map(repr, others[:12]))}." if others else "no column."),
        "Add --target COLUMN." if others else "Add a column that says what each image shows.",
    )


def _differ(column: Column, one: int, other: int) -> bool:
    return bool(column.values[one] != column.values[other])


def _two_labels(path: str, table: Table, rows: tuple[int, int]) -> errors.DataError:
    lines = [int(table.row_ids[row]) for row in rows]
    return errors.DataError(
        f"The image {path} has two labels.",
        f"Lines {lines[0]} and {lines[1]} of {table.name} name it, and say different things.",
        "Correct one of the lines, or remove it.",
    )

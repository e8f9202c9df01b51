"""Brings tables together: another file to the columns of the first, and several tables under one another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain

import numpy as np

from burnish import errors
from burnish.data import naming, table
from burnish.load import assemble, raw


def align(reference: table.Table, other: table.Table, *, optional: Collection[str] = ()) -> table.Table:
    """The other table with the columns of the reference, in its order and of its physical types; others are dropped.

    Args:
        reference: Says what the columns are.
        other: A table that should have them.
        optional: Columns that may be missing, such as the target at prediction: they are then left out.

    Raises:
        DataError: Columns are missing, or hold values that cannot be written as the reference's.
    """
    missing = [name for name in reference.names if name not in other.names and name not in optional]
    if missing:
        raise errors.DataError(
            f"{other.name} lacks {len(missing)} of the columns of {reference.name}.",
            f"Missing: {naming.absent(missing, [name for name in other.names if name not in reference.names])}.",
            "Rename or add the columns: both tables need the same ones.",
        )
    present = {column.name: column for column in other.columns}
    found = [
        raw.coerce(present[column.name], column.physical) for column in reference.columns if column.name in present
    ]
    return assemble.build(
        *(other.name, found, other.row_ids),
        rejects=other.rejects,
        notes=other.notes,
        counts=other.counts,
        passed=other.passed,
    )


def concatenate(tables: Sequence[table.Table]) -> table.Table:
    """The tables under one another; text gets one set of levels, and row ids stay those of each table.

    Raises:
        DataError: The tables differ in the names, the order or the physical types of their columns.
        ValueError: There is no table.
    """
    if not tables:
        raise ValueError("concatenate() needs at least one table")
    first = tables[0]
    for other in tables[1:]:
        if [(c.name, c.physical) for c in other.columns] != [(c.name, c.physical) for c in first.columns]:
            raise errors.DataError(
                f"{other.name} cannot be put under {first.name}.",
                "Their columns differ in name, order or type.",
                "Align the tables first.",
            )
    return table.Table(
        name=first.name,
        columns=tuple(_stacked(parts) for parts in zip(*(t.columns for t in tables), strict=True)),
        row_ids=np.concatenate([t.row_ids for t in tables]),
        rejects=tuple(chain.from_iterable(t.rejects for t in tables)),
        notes=tuple(dict.fromkeys(chain.from_iterable(t.notes for t in tables))),
        counts=first.counts,
        passed=sum(t.passed for t in tables),
    )


def _stacked(parts: Sequence[table.Column]) -> table.Column:
    first = parts[0]
    if first.physical is not table.Physical.TEXT:
        words = next((part.words for part in parts if part.words), None)
        return table.Column(first.name, first.physical, np.concatenate([part.values for part in parts]), words=words)
    levels = tuple(sorted(set(chain.from_iterable(part.levels for part in parts))))
    place = {level: i for i, level in enumerate(levels)}
    # The last entry serves code -1, missing.
    recode = [np.array([*(place[level] for level in part.levels), -1], np.int32) for part in parts]
    codes = np.concatenate([new[part.values] for new, part in zip(recode, parts, strict=True)])
    return table.Column(first.name, first.physical, codes, levels)

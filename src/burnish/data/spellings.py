"""Values that are one but for case and spaces: "Yes", "yes" and "yes " are three classes to whoever counts them."""

from __future__ import annotations

import numpy as np

from burnish.data.observation import Observation, View, counted, listed
from burnish.data.table import Column, Kind, Physical


def observe(view: View) -> tuple[Observation, ...]:
    """DA27, of the target and of categories among the features."""
    return (*observe_target(view), *_of_features(view))


def observe_target(view: View) -> tuple[Observation, ...]:
    """DA27: classes that are written in several ways."""
    if view.classes is None or not (same := spelt_apart(view.target)):
        return ()
    spellings = sum(len(one) for one in same)
    return (
        Observation(
            "DA27",
            "Classes are equal but for case and spaces",
            "limit",
            f"{spellings} classes of {view.target.name!r} are {len(same)} but for case and spaces: {_told(same)}. Each "
            "spelling counts as a class of its own, and telling it from the others as an error.",
            "Write each class in one way, and train anew. If they do mean different things, nothing is wrong.",
            where=view.target.name,
        ),
    )


def _of_features(view: View) -> tuple[Observation, ...]:
    categories = [column for column in view.features if view.profiles[column.name].kind is Kind.CATEGORY]
    found = {column.name: same for column in categories if (same := spelt_apart(column))}
    if not found:
        return ()
    columns = listed([f"in {name!r} {_told(same)}" for name, same in found.items()])
    return (
        Observation(
            "DA27",
            "Values of categories are equal but for case and spaces",
            "note",
            f"{counted(len(found), 'column has', 'columns have')} such values: {columns}.",
            "Write each value in one way: as it is, each spelling is a category of its own, with fewer rows to learn "
            "from. If they do mean different things, nothing is wrong.",
            where=listed(list(found)),
        ),
    )


def spelt_apart(column: Column) -> list[dict[str, int]]:
    """Values of a column of text that differ in case and spaces alone: rows by spelling, the most frequent first.

    Nothing is guessed: "N" is not "No". Case is folded as Unicode says, and spaces are any that `str.split` knows.
    """
    if column.physical is not Physical.TEXT:
        return []
    rows = np.bincount(column.values[column.values >= 0], minlength=len(column.levels))
    alike: dict[str, dict[str, int]] = {}
    for code in sorted(np.flatnonzero(rows), key=lambda code: -rows[code]):
        level = column.levels[code]
        alike.setdefault(" ".join(level.split()).casefold(), {})[level] = int(rows[code])
    return [spellings for spellings in alike.values() if len(spellings) > 1]


def _told(same: list[dict[str, int]]) -> str:
    """'Yes' (137 rows) = 'yes' (21 rows); 'No' (242 rows) = 'no' (38 rows)."""
    return listed([" = ".join(f"{text!r} ({counted(n, 'row')})" for text, n in one.items()) for one in same])

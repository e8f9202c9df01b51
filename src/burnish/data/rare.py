"""Classes that are rare, told by counting alone."""

from __future__ import annotations

import numpy as np

from burnish.data.observation import Observation, View, counted, listed
from burnish.units import percent

RARE_SHARE = 0.2  # a class is rare below this share of an even one: 10 % of two classes, 2 % of ten
RARE_ROWS = 30  # fewer rows of a class than this cannot be learned or judged (a note, after DA21)


def observe(view: View) -> tuple[Observation, ...]:
    """DA20: classes that are rare; a note, as a ratio alone does not hurt."""
    if view.classes is None:
        return ()
    counts = np.bincount(view.classes)
    present = np.flatnonzero(counts)
    even = len(view.classes) / len(present)
    rare = [int(code) for code in present if counts[code] < RARE_SHARE * even]
    if not rare:
        return ()
    rare.sort(key=lambda code: counts[code])
    names = [f"{view.class_name(code)!r} ({counted(int(counts[code]), 'row')})" for code in rare]
    few = sum(counts[code] < RARE_ROWS for code in rare)
    told = f" {counted(few, 'class has', 'classes have')} fewer than {RARE_ROWS} rows." if few else ""
    share = percent(float(counts[rare].sum()) / len(view.classes))
    return (
        Observation(
            "DA20",
            "Some classes are rare",
            "note",
            f"{listed(names)} {'makes' if len(rare) == 1 else 'make'} up {share} of the rows.{told}",
            f"{_parts(view, few)}Look at balanced accuracy too; --metric balanced_accuracy chooses by it.",
            where=listed([view.class_name(code) for code in rare]),
        ),
    )


def _parts(view: View, few: int) -> str:
    """What the division makes of them, as far as it is known: time and given files divide as they do."""
    if few:
        these = "it is" if few == 1 else "these classes are"
        return (
            f"So few rows leave few or none to judge by: how well {these} recognised will hardly be known. Add rows, "
            "or put such a class and another one together. "
        )
    plain = view.plan.time is None and not view.plan.given_dev and not view.plan.given_test
    return "Every part keeps their share. " if plain and view.plan.group is None else ""

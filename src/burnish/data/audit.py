"""The audit: everything worth knowing about a table before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data import columns, copies, distribution, giveaway, observation, one_class, rare, spellings
from burnish.data.fold import Split
from burnish.data.kinds import Profile
from burnish.data.observation import Observation
from burnish.data.split import DEV_FILE, MAIN, TEST_FILE, Plan
from burnish.data.table import Physical, Table

CLASSES_SHOWN = 50  # classes counted by name in the facts; the largest


@dataclass(frozen=True, slots=True)
class Audit:
    """What was seen."""

    observations: tuple[Observation, ...]
    duplicate_groups: NDArray[np.int64]  # rows with the same features share a number, shape (rows,)
    keep_together: NDArray[np.int64] | None  # the same where they are copies, so that the split keeps them on one side
    facts: dict[str, Any]  # JSON values, for the report


def audit(
    table: Table,
    target: str,
    profiles: Sequence[Profile],
    *,
    origin: NDArray[np.integer],
    classes: NDArray[np.integer] | None,
    plan: Plan,
) -> Audit:
    """Looks for what would spoil a result: copies, leaks, mismatched files, empty columns, and more.

    Args:
        table: All rows, of all files; rows without a target are left out before.
        target: Name of the target column.
        profiles: What each column is.
        origin: split.MAIN, DEV_FILE or TEST_FILE for each row, shape (rows,).
        classes: Class code of each row, shape (rows,); None for regression.
        plan: The group, time and source columns, and the seed of samples and halves.
    """
    view = observation.View(table, table[target], {p.name: p for p in profiles}, origin, classes, plan)
    found = copies.find(view.features, view.target)
    conflicts = copies.conflicts(view, found)
    told = giveaway.observe(view)
    observations = (
        *told,
        *one_class.observe(view, but=[seen.where for seen in told if seen.code == "DA10"]),
        *spellings.observe(view),
        *rare.observe(view),
        *distribution.observe(view, found.ids if found.copied else None),
        *copies.observe(found),
        *copies.observe_conflicts(conflicts, table.rows),
        *columns.observe(view),
    )
    rank = {"fault": 0, "limit": 1, "note": 2}
    ordered = tuple(sorted(observations, key=lambda seen: rank[seen.severity]))
    facts = {**_facts(view, found), "conflicting_floor": conflicts.floor}
    return Audit(ordered, found.ids, found.ids if found.copied else None, facts)


def across(split: Split, seen: Audit) -> tuple[Observation, ...]:
    """DA7: dev and test rows that the split left in training too: for given files, and as a check of any split."""
    return copies.observe_across(seen.duplicate_groups, split, copied=seen.keep_together is not None)


def _facts(view: observation.View, found: copies.Copies) -> dict[str, Any]:
    table = view.table
    names = {MAIN: "main", DEV_FILE: "dev", TEST_FILE: "test"}
    facts: dict[str, Any] = {
        "rows": table.rows,
        "rows_by_file": {name: int((view.origin == place).sum()) for place, name in names.items()},
        "rejects": len(table.rejects),
        "columns": len(table.columns),
        "kinds": {name: str(profile.kind) for name, profile in view.profiles.items()},
        "missing": {column.name: float(column.missing.mean()) for column in table.columns if column.missing.any()},
        "distinct_rows": found.distinct,
        "copies": found.repeats if found.copied else 0,
    }
    if view.classes is None:
        values = view.target.values.astype(np.float64)
        quantiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
        facts["target"] = {
            "mean": float(values.mean()),
            "deviation": float(values.std()),
            "quantiles": [float(q) for q in quantiles],
            "integers": view.target.physical is Physical.NUMBER and bool(np.all(values == np.round(values))),
        }
    else:
        counts = np.bincount(view.classes)
        largest = [int(code) for code in np.argsort(-counts, kind="stable")[:CLASSES_SHOWN] if counts[code]]
        facts["classes"] = {view.class_name(code): int(counts[code]) for code in largest}
        facts["class_count"] = int((counts > 0).sum())
    return facts

"""Tables in good order, and the audit of what is made of them."""

from __future__ import annotations

import numpy as np

from burnish.data import audit, kinds, observation, split
from burnish.data.table import Column, Physical, Table

PLAIN = split.Plan()


def column(name: str, values: np.ndarray) -> Column:
    """Numbers as they are; text coded in the order of its levels, '' for missing."""
    if values.dtype.kind in "UO":
        levels = sorted({str(v) for v in values} - {""})
        codes = {level: code for code, level in enumerate(levels)} | {"": -1}
        return Column(name, Physical.TEXT, np.array([codes[str(v)] for v in values], np.int32), tuple(levels))
    return Column(name, Physical.NUMBER, values.astype(float))


def look(classes=None, *, plan: split.Plan = PLAIN, origin=None, **values: np.ndarray) -> audit.Audit:
    """Audits a table of these columns; `y` is the target."""
    table = Table("made", tuple(column(name, v) for name, v in values.items()), np.arange(len(values["y"])))
    origin = np.zeros(table.rows, dtype=int) if origin is None else origin
    profiles = kinds.profile(table, target="y")
    return audit.audit(table, "y", profiles, origin=origin, classes=classes, plan=plan)


def codes(found: audit.Audit | tuple[observation.Observation, ...]) -> set[str]:
    return {seen.code for seen in (found.observations if isinstance(found, audit.Audit) else found)}


def named(found: audit.Audit, code: str) -> observation.Observation:
    [seen] = [one for one in found.observations if one.code == code]
    return seen


def healthy(rows: int = 1500, seed: int = 0) -> dict[str, np.ndarray]:
    """Three noisy numbers, a category, and a target that they explain in part."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, rows))
    word = rng.choice(["red", "green", "blue"], rows)
    return {"a": a, "b": b, "c": c, "word": word, "y": a + b * c + (word == "red") + rng.normal(size=rows)}


def as_classes(y: np.ndarray) -> np.ndarray:
    return (y > np.median(y)).astype(int)

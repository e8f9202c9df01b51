"""Small tables, good and hostile, as the bytes of their files."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import numpy as np

COLUMNS = "a,b,c,color,y"


def rows(count: int = 120, *, labels: bool = False, seed: int = 0) -> list[str]:
    """Records of three numbers, a colour and a target that follows the numbers: a number, or "no" and "yes"."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3)).round(4)
    y = x @ [1.0, 2.0, -1.0] + 0.3 * rng.normal(size=count)
    colors = rng.choice(["red", "green", "blue"], count)
    targets = np.where(y > 0, "yes", "no") if labels else y.round(4).astype(str)
    return [f"{a},{b},{c},{color},{t}" for (a, b, c), color, t in zip(x, colors, targets, strict=True)]


def table(records: list[str], header: str = COLUMNS) -> bytes:
    return "\n".join([header, *records, ""]).encode()


def good(count: int = 120, *, labels: bool = False) -> bytes:
    return table(rows(count, labels=labels))


def with_target(value: Callable[[int], object], count: int = 120) -> bytes:
    """The good table with another target: a function of the row's number."""
    return table([record.rpartition(",")[0] + f",{value(i)}" for i, record in enumerate(rows(count))])


def with_features(values: str, count: int = 120) -> bytes:
    """The good table with the same four features in all rows."""
    return table([f"{values},{record.rpartition(',')[2]}" for record in rows(count)])


def with_cells(changes: dict[int, str], *, labels: bool = False, count: int = 120) -> bytes:
    """The good table with other values of column a, by the row's number."""
    records = rows(count, labels=labels)
    return table([changes.get(i, r.partition(",")[0]) + "," + r.partition(",")[2] for i, r in enumerate(records)])


def many_classes(classes: int, each: int) -> bytes:
    """As many classes as said, each around a place of its own."""
    rng = np.random.default_rng(0)
    labels = np.arange(classes * each) % classes
    places = rng.normal(size=(classes, 4))
    x = (places[labels] + 0.1 * rng.normal(size=(len(labels), 4))).round(3)
    return table([f"{p},{q},{r},{s},class{k}" for (p, q, r, s), k in zip(x, labels, strict=True)])


def many_categories(count: int) -> bytes:
    """Every row has a name of its own."""
    return table([f"user{i}," + record.partition(",")[2] for i, record in enumerate(rows(count))])


def cut_gzip() -> bytes:
    return gzip.compress(good())[:300]

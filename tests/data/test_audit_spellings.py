"""The audit on classes and categories that differ in case and spaces alone."""

from __future__ import annotations

import numpy as np
import pytest
from audited import codes, healthy, look, named

CLASSES = np.random.default_rng(4).choice(["Yes", "yes", "YES ", "No", "no", "N"], 1500)


def test_classes_that_are_one_but_for_case_and_spaces_are_a_limit():
    """Each spelling is a class of its own to the training; "N" is no spelling of "No"."""
    found = look(np.unique(CLASSES, return_inverse=True)[1], **(healthy() | {"y": CLASSES}))
    seen = named(found, "DA27")
    spellings, counts = np.unique(CLASSES[CLASSES != "N"], return_counts=True)

    assert (seen.severity, seen.where) == ("limit", "y")
    assert "5 classes of 'y' are 2 but for case and spaces" in seen.evidence
    assert all(
        f"{str(spelling)!r} ({count} rows)" in seen.evidence for spelling, count in zip(spellings, counts, strict=True)
    )
    assert "'N'" not in seen.evidence


def test_categories_that_are_one_but_for_case_and_spaces_are_a_note():
    columns = healthy()
    columns["word"] = np.where(np.arange(1500) % 9 == 0, "  Red", columns["word"])
    columns["town"] = np.random.default_rng(5).choice(["New York", "new  york", "Delhi"], 1500)
    seen = named(look(**columns), "DA27")

    assert (seen.severity, seen.where) == ("note", "word, town")
    assert "2 columns have such values" in seen.evidence
    assert "'  Red' (167 rows)" in seen.evidence


@pytest.mark.parametrize(
    "words", [["Yes", "No", "Y", "N"], ["Oslo", "Olso"], ["a-b", "a b", "ab"], ["côte", "cote"]], ids=lambda w: w[0]
)
def test_nothing_is_guessed(words):
    columns = healthy() | {"word": np.random.default_rng(6).choice(words, 1500)}

    assert "DA27" not in codes(look(**columns))


def test_a_spelling_that_no_row_has_any_more_is_not_counted():
    """Rows that were left out leave their levels behind."""
    columns = healthy()
    labels = np.where(columns["y"] > 0, "yes", "no")
    labels[0] = "Yes"
    rows = np.flatnonzero(np.arange(1500) > 0)
    found = look((labels == "yes")[rows].astype(int), **{n: v[rows] for n, v in (columns | {"y": labels}).items()})

    assert "DA27" not in codes(found)

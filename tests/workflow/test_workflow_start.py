"""The first network follows the number of rows."""

from __future__ import annotations

import pytest
import workflow_fake as fake

from burnish.workflow import start


@pytest.mark.parametrize(
    ("task", "rows", "dropout"),
    [("classification", 1_000, 0.3), ("classification", 6_000, 0.0), ("regression", 6_000, 0.1)],
)
def test_a_classifier_with_rows_in_plenty_starts_without_dropout(task, rows, dropout):
    """Four columns: a thousand training rows for each is plenty."""
    assert start.configuration(fake.question(task, rows=rows), None).dropout == dropout


@pytest.mark.parametrize("rows", [2, 33, 1_000, 50_000, 1_000_000])
def test_epochs_make_about_the_same_number_of_steps(rows):
    """But for tables of a handful of rows, or of so many that eight epochs are more."""
    batch = start.batch_size(rows)
    steps = start.epochs("classification", rows, batch) * -(-rows // batch)

    assert start.epochs("classification", rows, batch) in range(start.LEAST_EPOCHS, start.MOST_EPOCHS + 1)
    assert batch <= max(2, 1 << (rows - 1).bit_length())
    if 1_000 <= rows <= 50_000:
        assert steps == pytest.approx(start.STEPS["classification"], rel=0.1)

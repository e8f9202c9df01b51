"""The first network follows the number of rows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import workflow_fake as fake

from burnish.data.inputs import InputSpec
from burnish.train.work import Ending
from burnish.workflow import diagnosis, start


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


@pytest.mark.parametrize(("side", "stages"), [(1, 1), (4, 2), (8, 3), (28, 3), (64, 3)])
def test_images_start_with_convolutions_that_they_have_room_for(side, stages):
    """Halved after each stage but the last, and never below two pixels."""
    problem = replace(fake.question(rows=6_000), inputs=InputSpec(0, image=(side, side + 3, 1)))
    found = start.configuration(problem, None)

    assert len(found.widths) == stages
    assert found.augmentations == ("images",)
    assert (found.flip, found.rotation) == (0.0, 0.0)


def test_a_network_that_was_cut_off_in_its_first_epoch_has_no_verdict():
    """Its weights are those it started with. One that diverged, or was judged once, has one."""

    def ended(ending: Ending, loss: float) -> SimpleNamespace:
        return SimpleNamespace(ending=ending, dev_loss=loss)

    cut, diverged = ended(Ending.INTERRUPTED, float("inf")), ended(Ending.DIVERGED, float("inf"))

    assert diagnosis._cut_off({"a": cut, "b": cut})
    assert not diagnosis._cut_off({"a": cut, "b": diverged})
    assert not diagnosis._cut_off({"a": cut, "b": ended(Ending.INTERRUPTED, 0.4)})

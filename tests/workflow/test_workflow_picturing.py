"""Pictures of a run's report: the surest mistakes, what training saw of images, near duplicates."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from burnish.data.images import FILE, IMAGE
from burnish.data.table import Column, Physical, Table
from burnish.train.configuration import Configuration
from burnish.workflow import picturing

ROWS = 40


def opened(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))))


class Brightness:
    """A model of two classes that looks at the mean light alone."""

    def predict(self, table: Table) -> np.ndarray:
        light = table[IMAGE].values.reshape(table.rows, -1).mean(1) / 255
        return np.stack([1 - light, light], axis=1)


@pytest.fixture
def problem() -> Any:
    """Images that are darker or brighter; the labels of rows 3 and 7 say otherwise, and rows 10 and 11 are near copies,
    rows 20 and 21 equal ones."""
    rng = np.random.default_rng(0)
    light = np.where(np.arange(ROWS) % 2, 200, 40)
    pixels = np.clip(light[:, None, None, None] + rng.integers(-30, 30, (ROWS, 8, 8, 1)), 0, 255).astype(np.uint8)
    pixels[3] = 250
    pixels[11] = pixels[10] + 1
    pixels[21] = pixels[20]
    truth = np.arange(ROWS) % 2
    truth[[3, 7, 11]] = 0
    groups = np.arange(ROWS)
    groups[11], groups[21] = 10, 20
    files = tuple(f"a/{k}.png" for k in range(ROWS))
    columns = (
        Column(FILE, Physical.TEXT, np.arange(ROWS, dtype=np.int32), files),
        Column(IMAGE, Physical.IMAGE, pixels),
    )
    return SimpleNamespace(
        task="classification",
        table=Table("photos", columns, np.arange(ROWS)),
        judge=SimpleNamespace(truth=truth, groups=groups),
        folds=[SimpleNamespace(rows=SimpleNamespace(train=np.arange(12, ROWS)))],
    )


def finished(problem: Any) -> Any:
    model, rows = Brightness(), np.arange(12)
    judged = SimpleNamespace(part="test", rows=rows, predictions=model.predict(problem.table.take(rows)))
    return SimpleNamespace(predictor=model, judged=judged)


def chosen(**settings: Any) -> Any:
    return SimpleNamespace(members=((SimpleNamespace(configuration=Configuration(**settings)), 1.0),))


def test_the_surest_mistake_comes_first_with_what_it_rests_on(problem):
    found = picturing.pictures_of(problem, None, finished(problem))
    first = found.mistakes[0]

    assert [mistake.name for mistake in found.mistakes][:2] == ["a/3.png", "a/7.png"]
    assert (first.observed, first.predicted) == (0, 1)
    assert first.probability == pytest.approx(250 / 255)
    assert (opened(first.image) == 250).all()
    assert first.carried


def test_training_images_are_shown_as_they_are_and_as_training_saw_them(problem):
    found = picturing.pictures_of(problem, chosen(shift=0.25, flip=0.5, mixup=0.2), finished(problem))

    assert len(found.augmented) == picturing.SHEET
    assert all(len(row) == 1 + picturing.CHANGES for row in found.augmented)
    as_it_is = opened(found.augmented[0][0])
    assert any((as_it_is == image[:, :, 0]).all() for image in problem.table[IMAGE].values[12:])
    assert any((opened(seen) != as_it_is).any() for seen in found.augmented[0][1:])
    assert "mirrored left to right in 50 % of the cases and moved by up to 25 % of the side" in found.augmentation
    assert "mixup, not shown" in found.augmentation


def test_without_augmentation_there_is_no_sheet(problem):
    assert picturing.pictures_of(problem, chosen(), finished(problem)).augmented == ()


def test_near_copies_are_shown_and_equal_ones_are_not(problem):
    found = picturing.pictures_of(problem, None, finished(problem))

    assert [pair.names for pair in found.near] == [("a/10.png", "a/11.png")]


def test_groups_that_a_person_named_are_no_copies(problem):
    assert picturing.pictures_of(problem, None, finished(problem), own_groups=True).near == ()


def test_a_table_has_no_pictures(problem):
    table = Table("t", (Column("x", Physical.NUMBER, np.zeros(3)),), np.arange(3))

    assert picturing.pictures_of(SimpleNamespace(table=table), None, finished(problem)) is None

"""Images as inputs: bytes as they were packed, for networks; and as columns, for models that know nothing of images."""

from __future__ import annotations

import json

import numpy as np
import pytest

from burnish import errors
from burnish.baseline import boosting, linear, pixels
from burnish.data import images, kinds
from burnish.data.inputs import InputSpec, Prepared
from burnish.data.table import Kind, Table
from burnish.preprocess import images as preprocess
from burnish.preprocess import padding, preparation
from burnish.preprocess.preparation import Preparation
from reference import image_folders


def table(count: int = 40, *, side: int = 16, channels: int = 1) -> Table:
    found = image_folders.blobs(count, side=side, channels=channels).reshape(count, side, side, channels)
    names = images.text_column(images.FILE, [f"{k}.png" for k in range(count)])
    labels = images.text_column(images.LABEL, [str(k % 2) for k in range(count)])
    return Table("made", (names, images.column_of(found), labels), np.arange(count))


def fitted(made: Table) -> Preparation:
    profiles = kinds.profile(made, target=images.LABEL, overrides={images.FILE: Kind.IDENTIFIER})
    return preparation.fit(made, np.arange(20), profiles, target=images.LABEL, exclude=(images.FILE,))


def test_images_reach_a_network_as_they_were_packed():
    """Bytes, not copied: a float32 copy of all images would be four times as large."""
    made = table(channels=3)
    found = fitted(made)
    prepared = found.transform(made)

    assert found.inputs == InputSpec(0, image=(16, 16, 3))
    assert prepared.x.dtype == np.uint8
    assert np.shares_memory(prepared.x, made[images.IMAGE].values)
    assert prepared.codes.shape == (40, 0)
    assert padding.widen(prepared, found.inputs, padding.pad([found.inputs, found.inputs])) is prepared


def test_the_preparation_of_images_is_written_and_read():
    found = fitted(table())

    assert Preparation.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_images_of_another_size_are_refused():
    with pytest.raises(errors.DataError, match="trained on images that are 16 x 16, grey"):
        fitted(table()).transform(table(side=12))


def prepared(count: int, *, side: int = 16, channels: int = 1, seed: int = 0) -> tuple[Prepared, np.ndarray]:
    """Images whose class is whether the left half is brighter than the right."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, count)
    x = rng.integers(60, 140, (count, side, side, channels))
    x[y == 1, :, : side // 2] += 50
    return Prepared(x.astype(np.uint8), np.zeros((count, 0), np.int32)), y.astype(np.int32)


@pytest.mark.parametrize("fit", [linear.linear, boosting.boosting])
def test_simple_models_read_images_as_columns(fit):
    train, y = prepared(200)
    dev, truth = prepared(100, seed=1)
    predicted = fit(train, y, classes=2, seed=0).predict(dev)

    assert (predicted.argmax(1) == truth).mean() > 0.95


def test_a_linear_model_on_images_is_written_and_predicts_the_same():
    train, y = prepared(100, side=40, channels=3)
    found = linear.linear(train, y, classes=2, seed=0)
    again = linear.from_json(json.loads(json.dumps(linear.to_json(found))))

    np.testing.assert_array_equal(again.predict(train), found.predict(train))


def test_large_images_are_shrunk_to_means_of_blocks():
    made = np.arange(5 * 6, dtype=np.uint8).reshape(1, 5, 6, 1)
    found = pixels.flat(Prepared(made, np.zeros((1, 0), np.int32)), 8)
    levels = found.x * pixels.DEVIATION + pixels.HALFWAY

    np.testing.assert_allclose(levels, [[3.5, 5.5, 7.5, 15.5, 17.5, 19.5, 24.5, 26.5, 28.5]], rtol=1e-6)
    assert pixels.width(Prepared(made, np.zeros((1, 0), np.int32)), 8) == 9


def test_rows_of_tables_stay_as_they_are():
    rows = Prepared(np.zeros((3, 2000), np.float32), np.zeros((3, 0), np.int32))

    assert pixels.flat(rows, 8) is rows
    assert pixels.width(rows, 8) == 2000


def test_moments_of_pixels_are_those_of_each_channel():
    """Mean and one over the deviation; a channel of one value is divided by a step of a byte and not by 0."""
    shown = np.random.default_rng(1).integers(0, 256, (10, 7, 6, 3)).astype(np.uint8)
    shown[..., 2] = 7
    found = preprocess.moments(shown)

    np.testing.assert_allclose(found["mean"], shown.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(found["inverse"], [*1 / shown[..., :2].std((0, 1, 2)), 1], rtol=1e-5)

"""Covering parts of a picture: what a prediction rests on."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.diagnosis.occlusion import occlusion


def bright_corner(images: np.ndarray) -> np.ndarray:
    """A classifier that looks at nothing but the upper left quarter."""
    light = images[:, :10, :10].mean((1, 2, 3)) / 255
    return np.stack([1 - light, light], axis=1)


def picture(height: int = 20, width: int = 24) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[:10, :10] = 255
    return image


def test_only_what_the_classifier_looks_at_matters():
    found = occlusion(bright_corner, picture(), 1)

    assert found.shape == (20, 24)
    assert (found[1:9, 1:9] > 0).all()
    assert found[:, 16:] == pytest.approx(0.0)
    assert found[16:] == pytest.approx(0.0)


def test_what_speaks_for_one_class_speaks_against_the_other():
    assert occlusion(bright_corner, picture(), 0) == pytest.approx(-occlusion(bright_corner, picture(), 1))


def test_the_fall_is_that_of_the_probability():
    """A square of 4 by 4 inside the lit quarter turns 16 of its 100 pixels to the picture's mean, a fifth as bright."""
    image = picture()
    found = occlusion(bright_corner, image, 1)

    darker = 1 - round(float(image.mean())) / 255
    assert found[4, 4] == pytest.approx(16 / 100 * darker, abs=1e-9)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 1), (1, 50, 3)])
def test_a_picture_smaller_than_a_patch_is_covered_whole(shape):
    image = np.full(shape, 200, np.uint8)

    found = occlusion(lambda images: np.stack([images.mean((1, 2, 3)) / 255] * 2, 1), image, 0)

    assert found.shape == shape[:2]
    assert np.isfinite(found).all()

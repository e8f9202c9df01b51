"""Augmentation of images against SciPy and closed forms; strengths are traced."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from burnish import errors, techniques
from burnish.model import image_augmentation

KEY = jax.random.key(3)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 7, 5, 2)).astype(np.float32)
CHANGES = ("flip", "crop", "rotation", "shift", "brightness", "contrast", "cutout")


def strengths(**given: float) -> techniques.ImageStrengths:
    """All as traced numbers."""
    return techniques.ImageStrengths(**{name: jnp.float32(given.get(name, 0.0)) for name in CHANGES})


def test_a_strength_of_0_changes_no_bit(compilations):
    """Of any change; others act on some pixel, with the same program, and differ from row to row."""
    change = jax.jit(techniques.augment_images)
    np.testing.assert_array_equal(change(KEY, IMAGES, strengths()), IMAGES)
    before = compilations()
    same = np.tile(IMAGES[:1], (6, 1, 1, 1))
    for name in CHANGES:
        changed = np.asarray(change(KEY, same, strengths(**{name: 30.0 if name == "rotation" else 0.6})))
        assert (changed != same).any(), name
        assert len(np.unique(changed.reshape(6, -1), axis=0)) > 1, name
        assert changed.min() >= 0
        assert changed.max() <= 255
    assert compilations() == before


def test_images_are_mirrored_with_the_probability_given():
    """Each is as it was or its mirror; of 2,000 a share within four standard errors."""
    images = np.arange(3, dtype=np.float32).reshape(1, 1, 3, 1).repeat(2_000, 0)
    flipped = np.asarray(jax.jit(techniques.random_flip)(KEY, images, 0.3))
    mirrored = (flipped == images[:, :, ::-1]).all((1, 2, 3))

    assert (mirrored | (flipped == images).all((1, 2, 3))).all()
    assert abs(mirrored.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 2_000)


def test_crop_rotation_and_shift_are_those_of_scipy(monkeypatch):
    """The same window by SciPy's affine transform, bilinear, with the nearest pixel beyond the edge."""
    drawn = RNG.uniform(size=(6, len(IMAGES))).astype(np.float32)
    monkeypatch.setattr(image_augmentation, "_uniform", lambda *_: jnp.asarray(drawn))
    found = jax.jit(image_augmentation.warp)(0, IMAGES, crop=0.4, rotation=25.0, shift=0.2)

    middle = np.array([3.0, 2.0])
    for row, (size, turn, down, across, moved_down, moved_across) in enumerate(drawn.T.astype(float)):
        kept, angle = 1 - 0.4 * size, np.deg2rad((2 * turn - 1) * 25)
        matrix = kept * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        aside = (2 * np.array([down, across]) - 1) * (1 - kept) * middle
        moved = (2 * np.array([moved_down, moved_across]) - 1) * 0.2 * np.array([7, 5])
        offset = middle + aside + moved - matrix @ middle
        for channel in range(2):
            expected = ndimage.affine_transform(IMAGES[row, ..., channel], matrix, offset, order=1, mode="nearest")
            np.testing.assert_allclose(found[row, ..., channel], expected, atol=2e-2)


def test_brightness_and_contrast_stay_within_their_shares():
    """Brightness adds one number to all pixels of an image; contrast multiplies the distances from its mean."""
    images = (118 + 20 * RNG.uniform(size=(200, 4, 4, 1))).astype(np.float32)
    moved = np.asarray(jax.jit(techniques.random_brightness)(KEY, images, 0.2)) - images
    stretched = np.asarray(jax.jit(techniques.random_contrast)(KEY, images, 0.5))
    factor = stretched.std((1, 2, 3)) / images.std((1, 2, 3))

    np.testing.assert_allclose(moved, moved[:, :1, :1].repeat(4, 1).repeat(4, 2), atol=1e-3)
    assert 0.18 < np.abs(moved).max() / 255 <= 0.2
    np.testing.assert_allclose(stretched.mean((1, 2, 3)), images.mean((1, 2, 3)), rtol=1e-4)
    assert 0.5 <= factor.min() < 0.6
    assert 1.4 < factor.max() <= 1.5


def test_cutout_blanks_one_square_with_the_mean():
    """Of the side asked for where it lies within the image; elsewhere pixels stay."""
    images = RNG.uniform(1, 255, (300, 10, 10, 1)).astype(np.float32)
    found = np.asarray(jax.jit(techniques.cutout)(KEY, images, 0.4))
    changed = (found != images)[..., 0]
    rows, columns = changed.any(2).sum(1), changed.any(1).sum(1)

    np.testing.assert_array_equal(changed.sum((1, 2)), rows * columns)
    assert rows.max() == columns.max() == 4
    mean = np.broadcast_to(images.mean((1, 2, 3), keepdims=True), images.shape)[..., 0]
    np.testing.assert_allclose(found[..., 0][changed], mean[changed], rtol=1e-5)


def test_labels_of_images_are_mixed_by_mixup():
    """Images and one-hot labels in the same shares: an image of its label's value stays one."""
    labels = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    images = (labels @ np.array([0.0, 100.0, 200.0], np.float32)).reshape(4, 1, 1, 1) + np.zeros((1, 2, 2, 1))
    x, y = techniques.mixup(KEY, images.astype(np.float32), labels, alpha=1.0)

    np.testing.assert_allclose(x[:, 0, 0, 0], y @ np.array([0.0, 100.0, 200.0]), rtol=1e-5)
    assert 0 < (np.asarray(y) % 1).max() < 1


def test_images_of_one_byte_come_back_in_floating_point_and_others_are_refused():
    """Four axes, whatever the pixels are kept in."""
    assert techniques.random_shift(KEY, IMAGES.astype(np.uint8), 0.1).dtype == jnp.float32
    with pytest.raises(errors.ConfigError, match="3 axes"):
        techniques.random_flip(KEY, IMAGES[..., 0])

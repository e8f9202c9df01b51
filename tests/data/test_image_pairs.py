"""Nearly equal images are found as by a comparison of all pairs; hardly any pair is looked at by its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.data import image_copies, image_pairs
from burnish.data.image_copies import always
from reference import image_folders

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (80, 12, 11, 3)).astype(np.uint8)  # no cell of it is like its neighbours
SMOOTH = image_folders.blobs(300, seed=3, channels=3)


def noisy(pixels: np.ndarray, deviation: float) -> np.ndarray:
    changed = pixels + np.random.default_rng(1).normal(0, deviation, pixels.shape)
    return np.clip(changed, 0, 255).astype(np.uint8)


def together(pixels: np.ndarray, least: float, goes_on=always) -> tuple[np.ndarray, int]:
    rows = np.arange(len(pixels))
    sketches = image_pairs.sketches(pixels, rows)
    return image_pairs.join(pixels, rows, sketches, least, rng=np.random.default_rng(2), goes_on=goes_on)


def pairs_of(ids: np.ndarray) -> set[tuple[int, int]]:
    return {(a, b) for a in range(len(ids)) for b in range(a) if ids[a] == ids[b]}


@pytest.mark.parametrize("pixels", [SMOOTH, SMOOTH[..., :1], SMOOTH[:, :9, :7]], ids=["colour", "grey", "odd sides"])
def test_the_product_of_two_sketches_bounds_their_correlation(pixels):
    unit = image_pairs.patterns(pixels)
    sketches = image_pairs.sketches(pixels, np.arange(len(pixels)))

    assert np.all(sketches @ sketches.T >= unit @ unit.T - 1e-4)


def test_groups_are_those_of_all_pairs(monkeypatch):
    """In small blocks, with a chain of copies, and with as many images as make a group of their own."""
    monkeypatch.setattr(image_pairs, "ROWS", 16)
    monkeypatch.setattr(image_pairs, "COLUMNS", 32)
    monkeypatch.setattr(image_pairs, "AT_ONCE", 5)
    pixels = np.concatenate([SMOOTH, noisy(SMOOTH[:40], 4), noisy(SMOOTH[:10], 6), np.stack([SMOOTH[0]] * 12)])
    unit = image_pairs.patterns(pixels)
    near = unit @ unit.T >= 0.97
    while not np.array_equiv(wider := near @ near, near):
        near = wider
    found, compared = together(pixels, 0.97)

    assert compared == len(pixels)
    assert pairs_of(found) == {(a, b) for a, b in zip(*np.nonzero(near), strict=True) if b < a}


def test_copies_of_textures_are_found_without_looking_at_all_pixels(monkeypatch):
    """Means over cells hold next to nothing of noise, so that a bound by them alone would let every pair through."""
    seen = []
    compare = image_pairs.correlations
    monkeypatch.setattr(image_pairs, "correlations", lambda p, a, b: seen.append(len(a)) or compare(p, a, b))
    pixels = np.concatenate([NOISE, noisy(NOISE[:20], 10)])
    found, _ = together(pixels, 0.9)

    assert pairs_of(found) == {(k + len(NOISE), k) for k in range(20)}
    assert sum(seen) <= 40


def test_what_was_compared_before_it_stopped_is_known(monkeypatch):
    monkeypatch.setattr(image_pairs, "ROWS", 16)
    pixels = np.concatenate([SMOOTH, noisy(SMOOTH[:200], 3)])
    whole, _ = together(pixels, 0.97)
    found, compared = together(pixels, 0.97, lambda done: done < 64)

    assert compared == 64
    assert set() < pairs_of(found) < pairs_of(whole)


def test_images_beyond_the_time_are_known_by_equal_pixels_alone():
    pixels = np.concatenate([SMOOTH, SMOOTH[:3], noisy(SMOOTH[:50], 2)])
    found = image_copies.find(pixels, goes_on=lambda done: False)

    assert (found.compared, found.different) == (0, 350)
    assert found.repeats == found.exact_repeats == 3

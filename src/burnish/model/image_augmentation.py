"""Augmentation of images: small changes that leave the label as it is, new in each step (technique B5).

For mini-batches of the training part only. Pixels run from 0 to 255 in floating point, images have the shape (row,
height, width, channel). Strengths are traced, so that each trial has its own; at 0 an image stays as it is, bit for
bit. Each row is changed by itself, from a hash of its place and the step's random stream.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt32

from burnish.model import random_bits

Images = Float[Array, "row height width channel"]
Start = UInt32[Array, ""]
Number = Array | float

BYTE = 255.0  # largest value of a pixel

# Streams of each change within a step's.
FLIP_STREAM, WARP_STREAM, LIGHT_STREAM, CUTOUT_STREAM = 1, 2, 3, 4


class Strengths(NamedTuple):
    """How strong each change is; 0 leaves it out."""

    flip: Number = 0.0  # probability that an image is mirrored, left to right
    crop: Number = 0.0  # largest share of the sides that is cut away, below 1; what is left is enlarged
    rotation: Number = 0.0  # largest angle, in degrees, to either side
    shift: Number = 0.0  # largest way, as a share of the side, in any direction
    brightness: Number = 0.0  # largest change of all pixels, as a share of 255
    contrast: Number = 0.0  # largest change of the distances from the image's mean, as a share of them
    cutout: Number = 0.0  # side of the square that is blanked out, as a share of the shorter side


def augment(start: Start, images: Images, strengths: Strengths) -> Images:
    """All changes one after the other; crop, rotation and shift as one resampling.

    Args:
        start: Random stream of this step.
        images: Pixels from 0 to 255.
        strengths: Of each change.
    """
    s = strengths
    images = flip(start, images, s.flip)
    images = warp(start, images, crop=s.crop, rotation=s.rotation, shift=s.shift)
    images = light(start, images, brightness=s.brightness, contrast=s.contrast)
    return cutout(start, images, s.cutout)


def flip(start: Start, images: Images, probability: Number) -> Images:
    """Each image mirrored left to right with this probability. Not for letters and digits, whose mirror is another."""
    return jnp.where(_by_row(_uniform(start, FLIP_STREAM, 1, images)[0] < probability), images[:, :, ::-1], images)


def warp(start: Start, images: Images, *, crop: Number = 0.0, rotation: Number = 0.0, shift: Number = 0.0) -> Images:
    """Each image seen through a random window: smaller (crop), turned (rotation) and moved (shift).

    Between pixels it is bilinear; beyond the edge the nearest pixel goes on, as black would be a mark of its own where
    backgrounds are bright.
    """
    height, width = images.shape[1:3]
    size, turn, down, across, moved_down, moved_across = _uniform(start, WARP_STREAM, 6, images)
    kept = 1.0 - crop * size
    angle = (2 * turn - 1) * rotation * (jnp.pi / 180)
    sine, cosine = jnp.sin(angle)[:, None, None] * kept[:, None, None], jnp.cos(angle)[:, None, None]
    cosine = cosine * kept[:, None, None]
    middle = (height - 1) / 2, (width - 1) / 2
    y = (jnp.arange(height, dtype=images.dtype) - middle[0])[None, :, None]
    x = (jnp.arange(width, dtype=images.dtype) - middle[1])[None, None, :]
    # The window's middle: anywhere where the window lies within the image, then moved by the shift.
    aside_y = (2 * down - 1) * (1 - kept) * middle[0] + (2 * moved_down - 1) * shift * height
    aside_x = (2 * across - 1) * (1 - kept) * middle[1] + (2 * moved_across - 1) * shift * width
    source_y = cosine * y - sine * x + middle[0] + aside_y[:, None, None]
    source_x = sine * y + cosine * x + middle[1] + aside_x[:, None, None]
    return _sampled(images, source_y, source_x)


def light(start: Start, images: Images, *, brightness: Number = 0.0, contrast: Number = 0.0) -> Images:
    """Each image brighter or darker, and with more or less contrast; pixels stay within 0 and 255."""
    lift, stretch = (2 * _uniform(start, LIGHT_STREAM, 2, images) - 1) * jnp.stack(
        [jnp.asarray(brightness * BYTE, images.dtype), jnp.asarray(contrast, images.dtype)]
    )[:, None]
    from_mean = images - images.mean((1, 2), keepdims=True)
    return jnp.clip(images + _by_row(stretch) * from_mean + _by_row(lift), 0.0, BYTE)


def cutout(start: Start, images: Images, share: Number) -> Images:
    """A square anywhere in each image blanked out, with the image's mean (DeVries and Taylor 2017).

    Its middle is any pixel, so that it may reach over the edge.
    """
    height, width = images.shape[1:3]
    middle_y, middle_x = _uniform(start, CUTOUT_STREAM, 2, images)
    half = share * min(height, width) / 2

    def within(middle: Array, size: int) -> Bool[Array, "row size"]:
        return jnp.abs(jnp.arange(size) + 0.5 - (middle * size)[:, None]) < half

    blank = within(middle_y, height)[:, :, None, None] & within(middle_x, width)[:, None, :, None]
    return jnp.where(blank, images.mean((1, 2), keepdims=True), images)


def _uniform(start: Start, stream: int, count: int, images: Images) -> Float[Array, "count row"]:
    """Numbers in [0, 1) for each row."""
    words = random_bits.words(random_bits.stream(start, stream), (count, images.shape[0]))
    return (words >> 8).astype(images.dtype) * jnp.asarray(2.0**-24, images.dtype)


def _by_row(values: Array) -> Array:
    return values[:, None, None, None]


def _sampled(images: Images, y: Float[Array, "row height width"], x: Float[Array, "row height width"]) -> Images:
    """The images' values at places between pixels."""
    rows, height, width, channels = images.shape
    y, x = jnp.clip(y, 0, height - 1), jnp.clip(x, 0, width - 1)
    top, left = jnp.floor(y), jnp.floor(x)
    down, across = (y - top)[..., None], (x - left)[..., None]
    flat = images.reshape(rows * height * width, channels)
    first = (jnp.arange(rows) * (height * width))[:, None, None]
    i, j = top.astype(jnp.int32), left.astype(jnp.int32)
    below, right = jnp.minimum(i + 1, height - 1), jnp.minimum(j + 1, width - 1)

    def at(row: Array, column: Array) -> Array:
        return flat.at[first + row * width + column].get(mode="promise_in_bounds")

    upper = at(i, j) * (1 - across) + at(i, right) * across
    lower = at(below, j) * (1 - across) + at(below, right) * across
    return upper * (1 - down) + lower * down

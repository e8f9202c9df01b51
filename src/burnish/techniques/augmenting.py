"""Augmentation of images, as pure functions of a random key: technique B5. `mixup` mixes images as it mixes rows.

For mini-batches of the training part only, inside a compiled step: strengths may be traced. Images have the shape (row,
height, width, channel), with pixels from 0 to 255, of one byte or in floating point; what comes back is in floating
point. Each image is changed by itself. With a strength of 0 it stays as it is, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from burnish import errors
from burnish.model import image_augmentation
from burnish.model.image_augmentation import Strengths as ImageStrengths

Images = Float[Array, "row height width channel"]
Number = Array | float

IMAGE_AXES = 4


def random_flip(key: Array, images: Images, probability: Number = 0.5) -> Images:
    """B5: each image is mirrored left to right with this probability.

    Not for digits, letters and whatever else is another thing in a mirror.

    >>> image = jnp.arange(3.0).reshape(1, 1, 3, 1)
    >>> random_flip(jax.random.key(0), image, 1.0).ravel().tolist()
    [2.0, 1.0, 0.0]
    """
    return _changed(key, images, lambda start, x: image_augmentation.flip(start, x, probability))


def random_crop(key: Array, images: Images, share: Number) -> Images:
    """B5: a window anywhere in each image, whose sides are smaller by up to this share, enlarged to the whole size.

    Args:
        key: JAX random key; a new one for each step.
        images: The mini-batch.
        share: Largest share of the sides that is cut away, at least 0 and below 1.

    Reference: Szegedy et al., Going deeper with convolutions, 2015.

    >>> random_crop(jax.random.key(0), jnp.ones((2, 8, 8, 3)), 0.2).shape
    (2, 8, 8, 3)
    """
    return _changed(key, images, lambda start, x: image_augmentation.warp(start, x, crop=share))


def random_rotation(key: Array, images: Images, degrees: Number) -> Images:
    """B5: each image is turned about its middle by up to so many degrees, to either side; bilinear between pixels.

    What comes in from beyond the edge repeats the nearest pixel.

    >>> bool((random_rotation(jax.random.key(0), jnp.full((1, 5, 5, 1), 7.0), 30.0) == 7).all())
    True
    """
    return _changed(key, images, lambda start, x: image_augmentation.warp(start, x, rotation=degrees))


def random_shift(key: Array, images: Images, share: Number) -> Images:
    """B5: each image is moved by up to this share of its sides, along both axes; bilinear between pixels.

    What comes in from beyond the edge repeats the nearest pixel.

    >>> random_shift(jax.random.key(0), jnp.ones((2, 8, 8, 1)), 0.1).shape
    (2, 8, 8, 1)
    """
    return _changed(key, images, lambda start, x: image_augmentation.warp(start, x, shift=share))


def random_brightness(key: Array, images: Images, share: Number) -> Images:
    """B5: all pixels of an image become brighter or darker by up to this share of 255; they stay within 0 and 255.

    >>> grey = random_brightness(jax.random.key(0), jnp.full((9, 1, 1, 1), 128.0), 0.1)
    >>> 128 - 25.5 <= float(grey.min()) < 128 < float(grey.max()) <= 128 + 25.5
    True
    """
    return _changed(key, images, lambda start, x: image_augmentation.light(start, x, brightness=share))


def random_contrast(key: Array, images: Images, share: Number) -> Images:
    """B5: distances from an image's mean are stretched or shrunk by up to this share; pixels stay within 0 and 255.

    >>> flat = random_contrast(jax.random.key(0), jnp.full((9, 2, 2, 1), 128.0), 0.5)  # nothing to stretch
    >>> bool((flat == 128).all())
    True
    """
    return _changed(key, images, lambda start, x: image_augmentation.light(start, x, contrast=share))


def cutout(key: Array, images: Images, share: Number) -> Images:
    """B5: a square anywhere in each image is blanked out with the image's mean.

    Its middle is any pixel, so it may reach over the edge.

    Args:
        key: JAX random key; a new one for each step.
        images: The mini-batch.
        share: Side of the square, as a share of the shorter side.

    Reference: DeVries and Taylor, Improved regularization of convolutional neural networks with cutout, 2017.

    >>> image = jnp.zeros((1, 8, 8, 1)).at[0, 0, 0, 0].set(64.0)
    >>> bool((cutout(jax.random.key(0), image, 0.5) == 1.0).any())  # 64 / 8²
    True
    """
    return _changed(key, images, lambda start, x: image_augmentation.cutout(start, x, share))


def augment_images(key: Array, images: Images, strengths: ImageStrengths) -> Images:
    """B5: all of these one after the other, as the engine does; crop, rotation and shift are one resampling.

    Args:
        key: JAX random key; a new one for each step.
        images: The mini-batch.
        strengths: Of each change, by name; `ImageStrengths(flip=0.5, shift=0.1)` leaves the others out.

    >>> augment_images(jax.random.key(0), jnp.ones((2, 8, 8, 1)), ImageStrengths(flip=0.5, shift=0.1)).shape
    (2, 8, 8, 1)
    """
    return _changed(key, images, lambda start, x: image_augmentation.augment(start, x, strengths))


def _changed(key: Array, images: Array, change: Callable[[Array, Array], Array]) -> Array:
    if jnp.ndim(images) != IMAGE_AXES:
        raise errors.ConfigError(
            f"Images with {jnp.ndim(images)} axes cannot be changed.",
            "They have four: row, height, width and channel.",
            "Give images[..., None] where grey images have no axis of channels.",
        )
    pixels = jnp.asarray(images)
    real = pixels if jnp.issubdtype(pixels.dtype, jnp.floating) else pixels.astype(jnp.float32)
    return change(jax.random.bits(key, (), jnp.uint32), real)

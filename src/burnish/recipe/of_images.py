"""What remedies change where rows are images: small changes in training that leave the label as it is, and blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from burnish.train.configuration import OF_IMAGES, Configuration

# Changes of images that leave what most of them show: a phone held askew, another lamp.
FLIP, SHIFT, CROP = 0.5, 0.1, 0.2  # probability; shares of the side
ROTATION = 10.0  # degrees
LIGHT = 0.2  # of brightness and of contrast
CUTOUT = 0.3  # of the side; DeVries and Taylor (2017) blank out 16 of 32 pixels where classes are few, 8 where many


def residual_blocks(c: Configuration) -> Configuration | None:
    """A block of two more convolutions in each stage."""
    return replace(c, residual=True) if c.widths and not c.residual else None


def changed(**least: float) -> Callable[[Configuration], Configuration | None]:
    """A change that makes these settings at least so strong; None where they are."""

    def change(c: Configuration) -> Configuration | None:
        weaker = {name: value for name, value in least.items() if getattr(c, name) < value}
        return replace(c, **weaker) if weaker else None  # type: ignore[arg-type]

    return change


mirrored, moved, turned = changed(flip=FLIP), changed(shift=SHIFT), changed(rotation=ROTATION)
cropped, relit, blanked = changed(crop=CROP), changed(brightness=LIGHT, contrast=LIGHT), changed(cutout=CUTOUT)


def unchanged(c: Configuration) -> Configuration:
    """Images as they are."""
    return replace(c, **dict.fromkeys(OF_IMAGES, 0.0))  # type: ignore[arg-type]

"""Images as a network's inputs: their bytes, as they were packed. The network standardises them in its first step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data.images import Shape, pixels_of
from burnish.data.table import Column
from burnish.errors import DataError

# Values of a byte, and the least deviation of a channel, in steps of one, that pixels are divided by.
LEVELS, LEAST_DEVIATION = 256, 1.0
# Images whose pixels are counted at a time: counting makes eight bytes of each, 100 MB of 64 x 64 pixels in colour.
COUNTED = 1_024


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """Pixels from 0 to 255. What makes them standardised is fitted on training images by the network that reads them:
    a copy of all images as float32 would be four times as large."""

    name: str
    shape: Shape

    @property
    def numbers(self) -> tuple[str, ...]:
        """No columns: pixels are not part of the matrix."""
        return ()

    @property
    def flags(self) -> tuple[str, ...]:
        """None: an image is never missing."""
        return ()

    def fill(self, column: Column, numbers: NDArray[np.float32], flags: NDArray[np.float32]) -> None:
        """Nothing: there are no columns."""

    def pixels(self, column: Column) -> NDArray[np.uint8]:
        """The images, (rows, height, width, channels), not copied.

        Raises:
            DataError: They are of another size.
        """
        pixels = pixels_of(column)
        if Shape(*pixels.shape[1:]) != self.shape:
            raise DataError(
                f"The images are {Shape(*pixels.shape[1:])} (height x width).",
                f"The model was trained on images that are {self.shape}.",
                "Read them with the model's size, as `burnish predict` does.",
            )
        return pixels

    def describe(self) -> tuple[str, str]:
        """Treatment and reason, for the report."""
        return "pixels, standardised channel by channel", f"images brought to {self.shape} (height x width)"

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ImagePlan:
        """The plan whose fields `dataclasses.asdict` wrote."""
        return cls(values["name"], Shape(**values["shape"]))


def moments(images: Any) -> dict[str, NDArray[np.float32]]:
    """What makes the training images' pixels standardised: data, not weights; they do not learn.

    Counted, block by block, since a copy in floating point would be four times as large.

    Args:
        images: Shape (rows, height, width, channels), of bytes: an array, or `RowsOnDisk`.

    Returns:
        `mean` of each channel, and `inverse`, one over its standard deviation, both in steps of a byte.
    """
    levels, channels = np.arange(LEVELS), images.shape[3]
    counts = np.zeros((channels, LEVELS), np.int64)
    for begin in range(0, len(images), COUNTED):
        block = images[begin : begin + COUNTED]
        counts += np.stack([np.bincount(block[..., c].ravel(), minlength=LEVELS) for c in range(channels)])
    share = counts / counts.sum(1, keepdims=True)
    mean = share @ levels
    deviation = np.sqrt(np.maximum(share @ levels**2 - mean**2, 0.0))
    inverse = 1 / np.maximum(deviation, LEAST_DEVIATION)
    return {"mean": mean.astype(np.float32), "inverse": inverse.astype(np.float32)}


def fit_images(column: Column) -> ImagePlan:
    """The plan of a column of images: their size is all that it keeps."""
    return ImagePlan(column.name, Shape(*pixels_of(column).shape[1:]))

"""Images as a network's inputs: each pixel a number, standardised channel by channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data.images import Shape, pixels_of
from burnish.data.table import Column
from burnish.errors import DataError

BLOCK = 4_096  # images whose pixels are in memory as float64 at a time
LEAST_DEVIATION = 1.0  # levels of 255: a channel that hardly varies is not blown up


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """x ← (pixel − mean) / deviation, with one mean and deviation for each channel, from the training images."""

    name: str
    shape: Shape
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the inputs, row by row of pixels."""
        s = self.shape
        channels = ("",) if s.channels == 1 else (" red", " green", " blue")
        return tuple(f"{self.name} {y},{x}{c}" for y in range(s.height) for x in range(s.width) for c in channels)

    @property
    def flags(self) -> tuple[str, ...]:
        """None: an image is never missing."""
        return ()

    def fill(self, column: Column, numbers: NDArray[np.float32], flags: NDArray[np.float32]) -> None:
        """Write the inputs of each image into `numbers`, shape (rows, height · width · channels).

        Raises:
            DataError: The column holds no images, or images of another size.
        """
        pixels = pixels_of(column)
        if Shape(*pixels.shape[1:]) != self.shape:
            raise DataError(
                f"The images are {Shape(*pixels.shape[1:])} (height x width).",
                f"The model was trained on images that are {self.shape}.",
                "Read them with the model's size, as `burnish predict` does.",
            )
        mean, deviation = np.array(self.mean, np.float32), np.array(self.deviation, np.float32)
        for begin in range(0, len(pixels), BLOCK):
            block = (pixels[begin : begin + BLOCK] - mean) / deviation
            numbers[begin : begin + BLOCK] = block.reshape(len(block), -1)

    def describe(self) -> tuple[str, str]:
        """Treatment and reason, for the report."""
        return "pixels, standardised", f"images brought to {self.shape} (height x width)"

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ImagePlan:
        """The plan whose fields `dataclasses.asdict` wrote."""
        return cls(values["name"], Shape(**values["shape"]), tuple(values["mean"]), tuple(values["deviation"]))


def fit_images(column: Column, rows: NDArray[np.integer]) -> ImagePlan:
    """Mean and deviation of each channel over all pixels of the training images.

    One for all places: a mean for each pixel would be another image for a network that slides over it.

    Args:
        column: The images, mapped from disk or not.
        rows: Positions of the training images.
    """
    pixels = pixels_of(column)
    shape = Shape(*pixels.shape[1:])
    total, squares = np.zeros(shape.channels), np.zeros(shape.channels)
    for begin in range(0, len(rows), BLOCK):
        block = pixels[rows[begin : begin + BLOCK]].astype(np.float64)
        total += block.sum(axis=(0, 1, 2))
        squares += (block**2).sum(axis=(0, 1, 2))
    count = len(rows) * shape.height * shape.width
    mean = total / count
    deviation = np.maximum(np.sqrt(np.maximum(squares / count - mean**2, 0)), LEAST_DEVIATION)
    return ImagePlan(column.name, shape, tuple(mean.tolist()), tuple(deviation.tolist()))

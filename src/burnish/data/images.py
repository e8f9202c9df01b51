"""Images as every room sees them: one column of packed pixels in a table, and what is known of each file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from burnish.data import on_disk
from burnish.data.on_disk import RowsOnDisk
from burnish.data.table import Column, Physical, Table

FILE, IMAGE, LABEL = "file", "image", "label"  # columns of a table of images; the last may have another name

# What the reader saw of each file, before its image was made one size with the others.
FACTS = np.dtype(
    [
        ("width", np.int32),  # pixels, as it is looked at: after the turn that EXIF asks for
        ("height", np.int32),
        ("bytes", np.int64),  # of the file
        ("format", "U8"),  # as Pillow calls it: "PNG", "JPEG"
        ("mode", "U8"),  # likewise: "L", "RGB", "CMYK", "I;16"
        ("turned", np.bool_),  # EXIF asked for a turn or a mirror
        ("frames", np.int32),  # of an animation, of which only the first is read
        ("clear", np.bool_),  # some of it was transparent
        ("peak", np.int32),  # largest value of a 16-bit image, else 255
        ("digest", np.uint64),  # of the file's bytes
    ]
)

LONGEST_SIDE = 64  # pixels; a convolution's cost grows with the square, and one core trains about 10⁶ of them a second
SHORTEST_SIDE = 8  # fewer pixels leave nothing to convolve
ROUNDED_TO = 4  # two poolings by two

NEARLY_SQUARE = 1.1  # sides that differ by less are made equal: the rest is padding

# Bytes of pixels as float32 that are looked at at a time, by each of the audit's sums; some of them hold three such.
AT_ONCE = 1 << 24

# How the reason begins of a file that nobody takes for an image.
OTHER_NAME = "its name ends in"

Facts = NDArray[np.void]  # of dtype FACTS, shape (rows,)


@dataclass(frozen=True, slots=True)
class Shape:
    """The one size that all images are brought to."""

    height: int
    width: int
    channels: int  # 1: grey; 3: red, green, blue

    def __str__(self) -> str:
        return f"{self.height} x {self.width}, {'grey' if self.channels == 1 else 'colour'}"

    @property
    def numbers(self) -> int:
        """Numbers of one image."""
        return self.height * self.width * self.channels


@dataclass(frozen=True, slots=True)
class ImageDataset:
    """Images with their labels. Row k of the table, of its pixels and of the facts are of one file."""

    table: Table  # the columns FILE and IMAGE, and the target where labels are known
    facts: Facts
    target: str | None  # name of the column of labels
    shape: Shape
    empty: tuple[str, ...] = ()  # classes without any image

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Shape (rows, height, width, channels); mapped from disk where it came from files."""
        return pixels_of(self.table[IMAGE])

    def take(self, rows: NDArray[np.integer]) -> ImageDataset:
        """The same images with these rows, in this order; pixels are copied."""
        return replace(self, table=self.table.take(rows), facts=self.facts[rows])


def pixels_of(column: Column) -> NDArray[np.uint8]:
    """The pixels of a column of images, shape (rows, height, width, channels).

    Raises:
        TypeError: It holds something else.
    """
    if column.values.dtype != np.uint8:
        raise TypeError(f"column {column.name!r} holds {column.physical}, not images")
    return column.values  # type: ignore[return-value]


def blocks(pixels: NDArray[np.uint8] | RowsOnDisk, rows: int) -> Iterator[slice]:
    """So many rows in pieces of which floating-point numbers fit into memory.

    What was read of a map is given back after each: it would count as memory of this process.

    Args:
        pixels: Shape (images, height, width, channels); only how large one is counts.
        rows: How many are to be looked at.
    """
    size = max(1, AT_ONCE // (np.dtype(np.float32).itemsize * math.prod(pixels.shape[1:])))
    for begin in range(0, rows, size):
        yield slice(begin, min(begin + size, rows))
        on_disk.give_back(pixels)


def is_images(table: Table) -> bool:
    """Whether the rows of a table are images."""
    return any(column.physical is Physical.IMAGE for column in table.columns)


def row_names(table: Table) -> NDArray[np.generic]:
    """What tells a row from all others: its file, or its line or row number; shape (rows,)."""
    return np.array(texts_of(table[FILE])) if is_images(table) else table.row_ids


def choose_shape(
    heights: NDArray[np.integer],
    widths: NDArray[np.integer],
    *,
    colour: bool,
    size: tuple[int, int] | None = None,
) -> tuple[Shape, str]:
    """The size that all images are brought to, and why.

    The median side is that of most images where they are alike, and no file of odd size moves it.

    Args:
        heights: Of the images as they are looked at, in pixels, shape (images,).
        widths: Likewise.
        colour: Whether any of them has colours.
        size: Height and width that a person asks for.

    Returns:
        The size, and one sentence for the person.
    """
    channels = 3 if colour else 1
    tall, wide = float(np.median(heights)), float(np.median(widths))
    alike = bool((heights == heights[0]).all() and (widths == widths[0]).all())
    seen = f"all are {heights[0]} x {widths[0]}" if alike else f"the median is {tall:g} x {wide:g}"
    if size is not None:
        shape = Shape(*size, channels)
        return shape, f"Images are brought to {shape} (height x width), as asked for; {seen}."
    if max(tall, wide) < NEARLY_SQUARE * min(tall, wide):
        tall = wide = max(tall, wide)
    shrunk = min(1.0, LONGEST_SIDE / max(tall, wide))
    shape = Shape(_rounded(tall * shrunk), _rounded(wide * shrunk), channels)
    if alike and (shape.height, shape.width) == (heights[0], widths[0]):
        return shape, f"All images are {shape} (height x width), and stay so."
    cap = f", and no side is above {LONGEST_SIDE} unless --image-size asks for it" if shrunk < 1 else ""
    return shape, f"Images are brought to {shape} (height x width): {seen}{cap}."


def _rounded(side: float) -> int:
    return max(SHORTEST_SIDE, round(side / ROUNDED_TO) * ROUNDED_TO)


def column_of(pixels: NDArray[np.uint8]) -> Column:
    """The column of these images, shape (rows, height, width, channels)."""
    return Column(IMAGE, Physical.IMAGE, pixels)


def text_column(name: str, texts: Sequence[str | None]) -> Column:
    """A column of text, coded by its sorted distinct values; None is missing."""
    levels = tuple(sorted({text for text in texts if text is not None}))
    place = {level: code for code, level in enumerate(levels)}
    codes = np.array([-1 if text is None else place[text] for text in texts], np.int32)
    return Column(name, Physical.TEXT, codes, levels)


def texts_of(column: Column) -> list[str]:
    """The text of each row; '' where it is missing."""
    return [column.levels[code] if code >= 0 else "" for code in column.values.astype(np.int64).tolist()]

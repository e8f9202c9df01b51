"""One image file to pixels of the one size. The rules are those of docs/images.md."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from burnish.data.images import FACTS, Shape

# What is read. Pillow knows many more formats; each is a decoder that a file from anywhere would reach.
# The photographs of some cameras, MPO, come as JPEG.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".avif"),
    )
)

MOST_BYTES = 1 << 28  # of a file: 256 MiB; the largest photographs of cameras have 100 MB
# Pixels that are decoded at a time, at four bytes each in Pillow: 256 MB. JPEG is decoded at a fraction of its size.
MOST_PIXELS = 1 << 26
MOST_JPEG_PIXELS = 1 << 30  # sequential JPEG, which is never whole in memory
# A JPEG is decoded at no less than so many times the size that it is brought to, so that shrinking stays smooth.
SPARE = 2.0

ORIENTATION = 0x0112  # EXIF; 1 is upright, 5 to 8 lie on their side
COLOURED = 16  # levels by which channels differ in an image that has colours; JPEG leaves up to about 8 in a grey one
COLOURED_SHARE = 0.001  # of its pixels


class Unreadable(Exception):
    """Why a file does not become an image, in words that follow "it"."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before its pixels are decoded."""

    height: int  # as it is looked at
    width: int
    colour: bool  # its mode has colours, whatever its pixels show


@contextmanager
def unguarded() -> Iterator[None]:
    """Pillow's own guard against huge images off: `_refuse_large` stands in, and lets large JPEGs through."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata, which does not touch the pixels
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def header(path: Path) -> Header:
    """Size and colours of a file, without decoding it.

    Raises:
        Unreadable: It is no image.
    """
    with _opened(path, None) as image:
        # Pillow decodes a PNG to look for what may stand after its pixels; what stands before them is known.
        known = image.format != "PNG" or "exif" in image.info
        height, width = _upright(image.size, image.getexif().get(ORIENTATION, 1) if known else 1)
        return Header(height, width, image.mode not in ("1", "L", "LA", "La", "I", "F") and image.mode[:2] != "I;")


def has_colours(path: Path) -> bool:
    """Whether the pixels of a file show colours.

    Raises:
        Unreadable: It cannot be decoded.
    """
    pixels, _ = decode(path, Shape(32, 32, 3))
    spread = pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)
    return bool((spread > COLOURED).mean() > COLOURED_SHARE)


def decode(path: Path, shape: Shape) -> tuple[NDArray[np.uint8], NDArray[np.void]]:
    """The pixels of a file, and what is known of it.

    Args:
        path: The file.
        shape: What it is brought to: shrunk or enlarged until it fits, the rest filled with the median of its border.

    Returns:
        Pixels (height, width, channels), and a record of dtype FACTS.

    Raises:
        Unreadable: It is no image, is broken, or is too large.
    """
    content = _content(path)
    facts = np.zeros((), FACTS)
    facts["bytes"] = len(content)
    facts["digest"] = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
    with _opened(path, content) as image:
        _refuse_large(image)
        facts["format"], facts["mode"] = image.format, image.mode
        facts["frames"] = getattr(image, "n_frames", 1)
        size, side = image.size, round(SPARE * max(shape.height, shape.width))
        image.draft(None, (side, side))
        image.load()
        orientation = image.getexif().get(ORIENTATION, 1)
        facts["turned"] = orientation in range(2, 9)
        facts["height"], facts["width"] = _upright(size, orientation)
        upright = ImageOps.exif_transpose(image)
        flat, clear, peak = _flattened(upright, shape.channels)
    facts["clear"], facts["peak"] = clear, peak
    return fitted(flat, shape), facts


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise Unreadable(f"has {size / 2**20:,.0f} MiB; files up to {MOST_BYTES >> 20} MiB are read")
        if size == 0:
            raise Unreadable("is empty")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error


@contextmanager
def _opened(path: Path, content: bytes | None) -> Iterator[Image.Image]:
    """The image, not yet decoded; whatever goes wrong with it inside the block is a reason to leave it out."""
    try:
        with Image.open(path if content is None else BytesIO(content), formats=FORMATS) as image:
            yield image
    except Unreadable:
        raise
    except Image.UnidentifiedImageError as error:
        raise Unreadable(_unidentified(path)) from error
    except MemoryError as error:
        raise Unreadable("takes more memory than there is") from error
    except Exception as error:  # files from anywhere reach any fault of a decoder, and spoil one image each
        told = str(error).strip().rstrip(".") or type(error).__name__
        raise Unreadable(f"is damaged: {told}") from error


def _unidentified(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if start and b"\x00" not in start and start.isascii():
        return f"is no image: it begins with the text {start[:24].decode().split(chr(10))[0]!r}"
    return f"is no image of a format that is read ({', '.join(FORMATS)})"


def _upright(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Height and width after the turn that EXIF asks for."""
    return size if orientation in range(5, 9) else size[::-1]


def _refuse_large(image: Image.Image) -> None:
    """Guards memory: a small file can ask for gigabytes."""
    pixels = image.width * image.height
    # A progressive JPEG is whole in memory as coefficients, whatever the fraction that it is decoded at.
    sequential = image.format == "JPEG" and "progressive" not in image.info
    if pixels > (MOST_JPEG_PIXELS if sequential else MOST_PIXELS):
        raise Unreadable(
            f"has {image.height:,} x {image.width:,} pixels, more than the {MOST_PIXELS >> 20} million that are decoded"
        )


def _flattened(image: Image.Image, channels: int) -> tuple[Image.Image, bool, int]:
    """The image in mode L or RGB, whether some of it was clear, and the largest value that it could hold or held."""
    peak = 255
    if image.mode == "F":
        raise Unreadable("has pixels of 32-bit fractions, of which nobody knows the range")
    if image.mode == "I" or image.mode.startswith("I;"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise Unreadable("has pixels of 32-bit numbers, of which nobody knows the range")
        peak = int(values.max())
        image = Image.fromarray((values >> 8).astype(np.uint8))
    clear = False
    if image.has_transparency_data:
        image = image.convert("RGBA")
        clear = image.getchannel("A").getextrema()[0] != 255
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if channels == 1 else "RGB"), clear, peak


def fitted(image: Image.Image, shape: Shape) -> NDArray[np.uint8]:
    """The whole image in the middle, at its own proportions; what is left over has the median of its border.

    Cutting would lose what lies at the edge, and the label may hang on it; stretching would change forms. Black bars
    would be edges that no image has.

    Args:
        image: In mode L or RGB.
        shape: Of the result, (height, width, channels).
    """
    scale = min(shape.height / image.height, shape.width / image.width)
    height = min(shape.height, max(1, round(image.height * scale)))
    width = min(shape.width, max(1, round(image.width * scale)))
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.asarray(image).reshape(height, width, shape.channels)
    if (height, width) == (shape.height, shape.width):
        return pixels
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    out = np.empty((shape.height, shape.width, shape.channels), np.uint8)
    out[:] = np.median(border, axis=0).astype(np.uint8)
    top, left = (shape.height - height) // 2, (shape.width - width) // 2
    out[top : top + height, left : left + width] = pixels
    return out


def fitted_array(pixels: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """`fitted` for an image that is an array already, (height, width, channels)."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return fitted(image.convert("L" if shape.channels == 1 else "RGB"), shape)


def reason(error: Unreadable) -> str:
    """As a reject tells it."""
    return f"it {error}"


def facts_of_array(pixels: NDArray[Any]) -> NDArray[np.void]:
    """What is known of images that came as an array, shape (rows, height, width, channels)."""
    facts = np.zeros(len(pixels), FACTS)
    facts["height"], facts["width"] = pixels.shape[1], pixels.shape[2]
    facts["format"], facts["mode"] = "array", "L" if pixels.shape[3] == 1 else "RGB"
    facts["frames"], facts["peak"] = 1, 255
    return facts

"""Numbers about each image, by which sets of images are compared and odd ones are found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish.data.images import Facts, blocks
from burnish.data.table import Column, Physical

# A pixel is so far from the image's mean, in levels of 255, before the image shows anything at all.
BLANK_SPREAD = 2

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow turns colours into grey


def spread(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Largest less smallest level of each image, over all its channels apart; shape (rows,)."""
    out = np.empty(len(pixels), np.int16)
    for block in blocks(pixels, len(pixels)):
        some = pixels[block]
        # One axis after the other: both at once go pixel by pixel, and take twenty times as long.
        highest, lowest = some.max(axis=1).max(axis=1).astype(np.int16), some.min(axis=1).min(axis=1)
        out[block] = (highest - lowest).max(axis=1)
    return out


def of_pixels(pixels: NDArray[np.uint8]) -> tuple[Column, ...]:
    """What each image looks like: brightness, contrast, sharpness, colour, and brightness of its four quarters.

    Brightness and contrast are mean and standard deviation of the grey levels (0 to 255), sharpness the mean difference
    of neighbouring pixels, colourfulness the mean difference of the channels.
    """
    names = ["brightness", "contrast", "sharpness"]
    names += [f"brightness {v} {h}" for v in ("top", "bottom") for h in ("left", "right")]
    colour = pixels.shape[3] == 3
    names += ["colourfulness", "redness", "blueness"] if colour else []
    parts = [_block(pixels[block]) for block in blocks(pixels, len(pixels))]
    values = np.concatenate([*parts, np.empty((0, len(names)))])
    return tuple(Column(name, Physical.NUMBER, values[:, k]) for k, name in enumerate(names))


def _block(block: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shape (images, numbers), in the order of the names above."""
    x = block.astype(np.float32)
    grey = x @ LUMA if x.shape[3] == 3 else x[..., 0]
    half, middle = grey.shape[1] // 2, grey.shape[2] // 2
    across, down = np.abs(np.diff(grey, axis=2)), np.abs(np.diff(grey, axis=1))
    found = [
        grey.mean(axis=(1, 2)),
        grey.std(axis=(1, 2)),
        _mean(across) + _mean(down),
        *(
            _mean(part)
            for part in (
                grey[:, :half, :middle],
                grey[:, :half, middle:],
                grey[:, half:, :middle],
                grey[:, half:, middle:],
            )
        ),
    ]
    if x.shape[3] == 3:
        means = x.mean(axis=(1, 2))
        found += [(x.max(axis=3) - x.min(axis=3)).mean(axis=(1, 2))]
        found += [means[:, 0] - means.mean(axis=1), means[:, 2] - means.mean(axis=1)]
    return np.stack(found, axis=1).astype(np.float64)


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over height and width; 0 where there is none."""
    return values.mean(axis=(1, 2)) if values.shape[1] and values.shape[2] else np.zeros(len(values), np.float32)


def of_files(facts: Facts) -> tuple[Column, ...]:
    """How each file is made, whatever it shows: its size in pixels and bytes, format, mode and turn."""
    formats, modes = (np.unique(facts[name], return_inverse=True) for name in ("format", "mode"))
    numbers = {
        "width": facts["width"],
        "height": facts["height"],
        "proportions": facts["width"] / np.maximum(facts["height"], 1),
        "bytes": facts["bytes"],
        "EXIF turn": facts["turned"],
        "transparency": facts["clear"],
    }
    texts = {"format": formats, "mode": modes}
    return (
        *(Column(name, Physical.NUMBER, np.asarray(values, np.float64)) for name, values in numbers.items()),
        *(
            Column(name, Physical.TEXT, codes.astype(np.int32), tuple(map(str, levels)))
            for name, (levels, codes) in texts.items()
        ),
    )

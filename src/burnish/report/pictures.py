"""Pictures for a page: small PNGs written into it, so that it loads nothing."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Longest side of a picture in the report: twice what the page shows, for screens of fine grain.
LONGEST = 144
# Hues of what speaks for a class and against it: the report's own, between its light and its dark ones.
WARM, COLD = np.array([214.0, 96.0, 30.0]), np.array([52.0, 132.0, 178.0])
GREYED = 0.55  # how much of the picture's own light stays below the hues


def png(image: NDArray[np.uint8]) -> str:
    """A picture (height, width, channels) as a PNG in base64, made smaller where it is large.

    Channels are one (grey), three (red, green, blue) or four (with opacity).
    """
    shown = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    shown.thumbnail((LONGEST, LONGEST))
    buffer = io.BytesIO()
    shown.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def carried(image: NDArray[np.uint8], falls: NDArray[np.float64]) -> str:
    """The picture in grey, warm where `falls` (height, width) is positive and cool where it is negative, as a PNG."""
    grey = image[:, :, :3].mean(2, keepdims=True) * GREYED + 255 * (1 - GREYED) / 2
    strength = falls / max(float(np.abs(falls).max()), np.finfo(float).tiny)
    hue = np.where(strength[:, :, None] > 0, WARM, COLD)
    share = np.abs(strength)[:, :, None]
    return png((grey * (1 - share) + hue * share).round().astype(np.uint8))

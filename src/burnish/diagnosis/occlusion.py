"""What a picture's prediction rests on: cover one part after another, and see how far the probability falls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Side of the covering square as a share of the picture's shorter side. Zeiler and Fergus (2014) leave it open; a fifth
# hides a stroke of a digit or a sleeve, and leaves enough of the rest to be recognised.
PATCH_SHARE = 0.2
STEPS_A_PATCH = 2  # squares overlap by half, so that no edge of the grid decides

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float64]]


def occlusion(predict: Predict, image: NDArray[np.uint8], label: int) -> NDArray[np.float64]:
    """How much of a class's probability each pixel carries (Zeiler and Fergus 2014, section 4.2).

    A square of the picture's mean colour covers one place after another. A pixel's value is the mean fall of the
    probability over the squares that cover it: positive where the picture speaks for the class, negative where it
    speaks against it.

    Args:
        predict: Probabilities (n, classes) of pictures (n, height, width, channels).
        image: The picture, (height, width, channels).
        label: The class in question.

    Returns:
        Falls of probability, (height, width), in [-1, 1].
    """
    height, width, _ = image.shape
    side = max(1, round(PATCH_SHARE * min(height, width)))
    corners = [(top, left) for top in _starts(height, side) for left in _starts(width, side)]
    covered = np.repeat(image[None], len(corners) + 1, axis=0)  # the last one stays whole
    colour = image.reshape(-1, image.shape[2]).mean(0).round().astype(np.uint8)
    for index, (top, left) in enumerate(corners):
        covered[index, top : top + side, left : left + side] = colour
    probability = predict(covered)[:, label]
    total, times = np.zeros((height, width)), np.zeros((height, width))
    for fall, (top, left) in zip(probability[-1] - probability[:-1], corners, strict=True):
        total[top : top + side, left : left + side] += fall
        times[top : top + side, left : left + side] += 1
    return total / times


def _starts(length: int, side: int) -> list[int]:
    """Where squares begin along one side, the last at its very end."""
    step = max(1, side // STEPS_A_PATCH)
    return sorted({*range(0, length - side, step), length - side})

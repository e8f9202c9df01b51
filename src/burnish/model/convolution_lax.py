"""Convolutions of 3 × 3 pixels by `lax.conv`, for accelerators, whose libraries choose the fastest algorithm.

The same functions as in `convolution_planes`; what a convolution gives is one plane, the whole images.
"""

from __future__ import annotations

import numpy as np
from jax import lax
from jaxtyping import Array, Float

from burnish.model.convolution_planes import Planes

LAYOUT = ("HWNC", "HWIO", "HWNC")


def convolve(h: Float[Array, "height width row in_"], w: Float[Array, "3 3 in_ out"]) -> Planes:
    """Cross-correlation with `w`, zeros around: as many pixels come out as went in."""
    return (lax.conv_general_dilated(h, w, (1, 1), "SAME", dimension_numbers=LAYOUT),)


def split(h: Float[Array, "height width row channel"]) -> Planes:
    """Whole images as they are."""
    return (h,)


def join(planes: Planes) -> Float[Array, "height width row channel"]:
    """Whole images as they are."""
    return planes[0]


def pool(planes: Planes) -> Float[Array, "half_height half_width row channel"]:
    """The largest of each 2 × 2 pixels; a last odd row or column is left out."""
    return lax.reduce_window(planes[0], -np.inf, lax.max, (2, 2, 1, 1), (2, 2, 1, 1), "VALID")

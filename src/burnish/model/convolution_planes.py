"""Convolutions of 3 × 3 pixels as matrix products, for processors: what XLA compiles well inside a loop.

`lax.conv` within a compiled loop on a CPU takes some twenty times as long as outside of one. Images lie with the rows
of the mini-batch behind the pixels, (height, width, row, channel), so that a shift by a pixel moves whole blocks. What
a convolution gives is four planes: the pixels at even and odd places, by row and by column. They are what a tile of the
fast algorithm gives, and what pooling by two takes, so that neither has to weave them together.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

Planes = tuple[Array, ...]  # one array (height, width, row, channel), or its pixels at (0, 0), (0, 1), (1, 0), (1, 1)
Grid = list[list[Array]]

# F(2 × 2, 3 × 3): a tile of 4 × 4 pixels gives 2 × 2 outputs with 16 products instead of 36 (Winograd 1980; Lavin and
# Gray, Fast algorithms for convolutional neural networks, 2016). Y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ d B)] A.
KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])  # G
TILE = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))  # Bᵀ
OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))  # Aᵀ
SIDE = len(TILE)

# Channels below which patches beat tiles: the products of a tile would have so few columns.
FEW_CHANNELS = 8


def convolve(h: Float[Array, "height width row in_"], w: Float[Array, "3 3 in_ out"]) -> Planes:
    """Cross-correlation with `w`, zeros around: as many pixels come out as went in, as four planes."""
    height, width, channels = h.shape[0], h.shape[1], h.shape[3]
    planes = _patches(h, w) if channels < FEW_CHANNELS else _tiles(h, w)
    if height % 2 == 0 and width % 2 == 0:
        return planes
    sizes = ((height + 1) // 2, height // 2), ((width + 1) // 2, width // 2)
    return tuple(planes[2 * i + j][: sizes[0][i], : sizes[1][j]] for i in range(2) for j in range(2))


def split(h: Float[Array, "height width row channel"]) -> Planes:
    """The planes of whole images."""
    return tuple(h[i::2, j::2] for i in range(2) for j in range(2))


def join(planes: Planes) -> Float[Array, "height width row channel"]:
    """Whole images of their planes."""
    height, width = (sum(plane.shape[axis] for plane in planes[:: 2 - axis][:2]) for axis in range(2))
    rows, columns = planes[0].shape[:2]
    even = [_padded(plane, (0, rows - plane.shape[0]), (0, columns - plane.shape[1])) for plane in planes]
    lines = [_woven(even[2 * i], even[2 * i + 1], axis=1) for i in range(2)]
    return _woven(*lines, axis=0)[:height, :width]


@jax.custom_vjp
def _largest(planes: Planes) -> Array:
    return jnp.maximum(jnp.maximum(planes[0], planes[1]), jnp.maximum(planes[2], planes[3]))


def _largest_forward(planes: Planes) -> tuple[Array, tuple[Planes, Array]]:
    largest = _largest(planes)
    return largest, (planes, largest)


def _largest_backward(kept: tuple[Planes, Array], gradient: Array) -> tuple[Planes]:
    """To the first of the largest, as one pass over each plane: a gather of places would be many times as dear."""
    planes, largest = kept
    free, out = jnp.ones(largest.shape, bool), []
    for plane in planes:
        chosen = (plane == largest) & free
        free = free & ~chosen
        out.append(jnp.where(chosen, gradient, 0.0))
    return (tuple(out),)


_largest.defvjp(_largest_forward, _largest_backward)


def pool(planes: Planes) -> Float[Array, "half_height half_width row channel"]:
    """The largest of each 2 × 2 pixels; a last odd row or column is left out. The gradient goes to the first such."""
    height, width = planes[3].shape[:2]
    return _largest(tuple(plane[:height, :width] for plane in planes))


def _patches(h: Array, w: Array) -> Planes:
    """Each plane as one product: the nine neighbours of its pixels, side by side, with all weights."""
    height, width, rows, channels = h.shape
    down, across = -(-height // 2), -(-width // 2)
    around = _padded(jnp.moveaxis(h, 3, 0), (0, 0), (1, 2 * down - height + 1), (1, 2 * across - width + 1))
    around = lax.optimization_barrier(around)  # or each neighbour would ask for each pixel whether it is padding

    def plane(i: int, j: int) -> Array:
        shifted = [
            around[:, i + a : i + a + 2 * down - 1 : 2, j + b : j + b + 2 * across - 1 : 2]
            for a in range(3)
            for b in range(3)
        ]
        side_by_side = jnp.concatenate(shifted).reshape(9 * channels, -1)
        product = lax.dot_general(side_by_side, w.reshape(9 * channels, -1), (((0,), (0,)), ((), ())))
        return product.reshape(down, across, rows, -1)

    return tuple(plane(i, j) for i in range(2) for j in range(2))


@jax.custom_vjp
def _tiles(h: Array, w: Array) -> Planes:
    return _tiles_forward(h, w)[0]


def _tiles_forward(h: Array, w: Array) -> tuple[Planes, tuple[list[Array], Array, Array]]:
    """The planes; and for the gradient the tiles, the transformed weights, and an empty array as high and wide as h."""
    height, width, rows, channels = h.shape
    down, across = -(-height // 2), -(-width // 2)
    around = _padded(h, (1, 2 * down - height + 1), (1, 2 * across - width + 1))
    around = lax.optimization_barrier(around)
    tile = [[around[a : a + 2 * down - 1 : 2, b : b + 2 * across - 1 : 2] for b in range(SIDE)] for a in range(SIDE)]
    tiles = [part.reshape(-1, channels) for line in _both_sides(TILE, tile) for part in line]
    weights = _transformed(w)
    products = [(tiles[k] @ weights[k]).reshape(down, across, rows, -1) for k in range(SIDE * SIDE)]
    out = _both_sides(OUTPUT, [products[SIDE * a : SIDE * (a + 1)] for a in range(SIDE)])
    planes = (out[0][0], out[0][1], out[1][0], out[1][1])
    return planes, (tiles, weights, jnp.zeros((height, width, rows, 0), h.dtype))


def _tiles_backward(kept: tuple[list[Array], Array, Array], gradients: Planes) -> tuple[Array, Array]:
    """Gradients in h and w: the same transforms turned round, and products of the same sizes.

    Written out, since what is derived by itself spreads every part of a tile over a whole image of zeros: 20 ms of a
    step of 105.
    """
    tiles, weights, like = kept
    down, across, rows, outputs = gradients[0].shape
    spread = _both_sides(tuple(zip(*OUTPUT, strict=True)), [list(gradients[:2]), list(gradients[2:])])
    products = [part.reshape(-1, outputs) for line in spread for part in line]
    of_weights = jnp.stack([tile.T @ product for tile, product in zip(tiles, products, strict=True)])
    of_tiles = [(products[k] @ weights[k].T).reshape(down, across, rows, -1) for k in range(SIDE * SIDE)]
    return _overlapped(of_tiles, *like.shape[:2]), _transformed_back(of_weights)


_tiles.defvjp(_tiles_forward, _tiles_backward)


def _overlapped(tiles: list[Array], height: int, width: int) -> Array:
    """Images whose pixels are sums over the tiles that they are part of: `B t Bᵀ`, columns first, then rows.

    Each pixel is in two tiles along an axis; its place there is even in both or odd in both.
    """
    turned = tuple(zip(*TILE, strict=True))
    lines = []
    for a in range(SIDE):
        parts = [_sum(turned[b], tiles[SIDE * a : SIDE * (a + 1)]) for b in range(SIDE)]
        lines.append(_met(parts, axis=1)[:, 1 : 1 + width])
    lines = lax.optimization_barrier(lines)
    return _met([_sum(turned[a], lines) for a in range(SIDE)], axis=0)[1 : 1 + height]


def _met(parts: list[Array], *, axis: int) -> Array:
    """Pixels along an axis from the four places of each tile: tile t has the pixels 2t to 2t + 3."""
    first, last = [(0, 0)] * axis + [(0, 1)], [(0, 0)] * axis + [(1, 0)]
    even, odd = (_padded(parts[i], *first) + _padded(parts[i + 2], *last) for i in range(2))
    return _woven(even, odd, axis=axis)


def _transformed(w: Array) -> Array:
    """`G w Gᵀ` of each pair of channels, (16, in, out)."""
    kernel = jnp.asarray(KERNEL, w.dtype)
    return jnp.einsum("ia,jb,abco->ijco", kernel, kernel, w).reshape(SIDE * SIDE, *w.shape[2:])


def _transformed_back(weights: Array) -> Array:
    """`Gᵀ u G`, the gradient in w."""
    kernel = jnp.asarray(KERNEL, weights.dtype)
    return jnp.einsum("ia,jb,ijco->abco", kernel, kernel, weights.reshape(SIDE, SIDE, *weights.shape[1:]))


def _both_sides(matrix: tuple[tuple[int, ...], ...], parts: Grid) -> Grid:
    """`M p Mᵀ`, p a grid of arrays."""
    size = len(matrix)
    columns = range(len(parts[0]))
    left = [[_sum(matrix[i], [line[j] for line in parts]) for j in columns] for i in range(size)]
    return [[_sum(matrix[j], left[i]) for j in range(size)] for i in range(size)]


def _sum(signs: tuple[int, ...], arrays: list[Array]) -> Array:
    """Σ sign · array, signs −1, 0 and 1: no products."""
    first, *others = [(sign, array) for sign, array in zip(signs, arrays, strict=True) if sign]
    total = first[1] if first[0] > 0 else -first[1]
    for sign, array in others:
        total = total + array if sign > 0 else total - array
    return total


def _padded(array: Array, *sides: tuple[int, int]) -> Array:
    """Zeros before and after, along the first axes."""
    return jnp.pad(array, (*sides, *((0, 0),) * (array.ndim - len(sides)))) if any(map(any, sides)) else array


def _woven(even: Array, odd: Array, *, axis: int) -> Array:
    """Even and odd places along an axis, in turn."""
    shape = (*even.shape[:axis], 2 * even.shape[axis], *even.shape[axis + 1 :])
    return jnp.stack([even, odd], axis + 1).reshape(shape)

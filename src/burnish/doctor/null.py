"""What is normal for this architecture: the same network rightly initialised, on standardised inputs.

A bare threshold on a gradient or an activation knows nothing of depth, width or data; another draw of the same network
does. A statistic is compared with those of `DRAWS` draws by Student's t for one further draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree
from numpy.typing import NDArray
from scipy import stats

from burnish.doctor.anatomy import Layer
from burnish.doctor.gauges import Gauge, Gauger
from burnish.doctor.lab import Change, quick
from burnish.doctor.subject import Rows

DRAWS = 20
# Variance of a rightly drawn weight times its fan-in: 2 before a rectifier (He et al. 2015), 1 otherwise (LeCun et al.
# 1998).
RECTIFIED_GAIN, OTHER_GAIN = 2.0, 1.0


@dataclass(frozen=True, slots=True)
class Null:
    """Gauges of rightly initialised networks of the same architecture."""

    gauges: tuple[Gauge, ...]

    def p_value(self, statistic: float, draws: Sequence[float]) -> float:
        """Two-sided, of a further draw as far out: t with DRAWS − 1 degrees of freedom and √(1 + 1/DRAWS).

        1 where a draw is not finite, as of a network that takes logarithms of its inputs: then nothing is known.
        """
        values = np.asarray(draws, np.float64)
        if not np.isfinite(values).all():
            return 1.0
        spread = values.std(ddof=1) * np.sqrt(1 + 1 / len(values))
        if spread == 0:
            return 1.0 if statistic == values.mean() else 0.0
        return float(2 * stats.t.sf(abs(statistic - values.mean()) / spread, len(values) - 1))


def rightly_initialised(layers: Sequence[Layer], params: PyTree, key: Array, *, rectified: bool = False) -> PyTree:
    """The same tree with each layer's weights drawn anew, normal with variance gain/fan-in, and its vectors as told.

    Vectors (biases, batch norm's scales) keep their values where they vary least from what is usual: a vector of the
    leaf's mean, 0 or 1, whichever is nearer, since a constant there breaks no symmetry.
    """
    leaves, tree = jax.tree.flatten(params)
    by_leaf, drawn = {layer.leaf: layer for layer in layers}, _normal(layers, leaves, key)
    made = []
    for place, leaf in enumerate(leaves):
        layer = by_leaf.get(place)
        if layer is not None:
            gain = RECTIFIED_GAIN if layer.rectified or (rectified and layer.squashing) else OTHER_GAIN
            made.append((drawn[place] * np.sqrt(gain / layer.fan_in)).astype(leaf.dtype))
        elif leaf.ndim <= 1 and jnp.issubdtype(leaf.dtype, jnp.floating):
            usual = jnp.where(jnp.abs(jnp.mean(leaf) - 1) < jnp.abs(jnp.mean(leaf)), 1.0, 0.0)
            made.append(jnp.full(leaf.shape, usual, leaf.dtype))
        else:
            made.append(leaf)
    return jax.tree.unflatten(tree, made)


def drawn_at_random(layers: Sequence[Layer], params: PyTree, rng: np.random.Generator) -> PyTree:
    """The same tree with every number drawn: weights as they are, rightly drawn, and to all else normal numbers added.

    No scale stays 0 and no bias, so that what is nothing at the start on purpose is something here. Vectors move by 1,
    other arrays by their own root mean square, or as weights of their fan-in where they are 0. On the host: to compile
    it for thirty layers takes two seconds, and to draw it a few times a thousandth.
    """
    leaves, tree = jax.tree.flatten(params)
    weights = {layer.leaf for layer in layers}
    made = []
    for place, leaf in enumerate(leaves):
        if place not in weights and jnp.issubdtype(leaf.dtype, jnp.floating):
            values = np.asarray(leaf, np.float32)
            size = np.sqrt(np.mean(np.square(values))) if leaf.ndim > 1 and leaf.size else 0.0
            by = size if size > 0 else max(1.0, np.prod(leaf.shape[:-1])) ** -0.5
            leaf = (values + by * rng.normal(size=leaf.shape)).astype(leaf.dtype)
        made.append(leaf)
    return jax.tree.unflatten(tree, made)


def _normal(layers: Sequence[Layer], leaves: Sequence[Array], key: Array) -> dict[int, Array]:
    """Standard normal numbers for each layer's weights, by leaf: those of one shape together, which compiles once."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for place in sorted({layer.leaf for layer in layers}):
        alike.setdefault(leaves[place].shape, []).append(place)
    drawn: dict[int, Array] = {}
    for shape, places in alike.items():
        values = jax.random.normal(jax.random.fold_in(key, places[0]), (len(places), *shape), jnp.float32)
        drawn |= dict(zip(places, values, strict=True))
    return drawn


def standardising(rows: Rows, *, targets: bool = False) -> Change:
    """The change that gives every input (and target) mean 0 and variance 1 over these rows; constants stay."""
    shift, scale = _moments(rows.x)
    if not targets or not np.issubdtype(rows.y.dtype, np.floating):
        return Change(shift=shift, scale=scale)
    target_shift, target_scale = _moments(rows.y)
    return Change(shift=shift, scale=scale, target_shift=target_shift, target_scale=target_scale)


def _moments(values: NDArray[np.generic]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    wide = np.asarray(values, np.float64)
    mean, spread = np.nanmean(wide, axis=0), np.nanstd(wide, axis=0)
    usable = spread > 1e-12 * np.maximum(1.0, np.abs(mean))
    return np.where(usable, mean, 0.0).astype(np.float32), (1 / np.where(usable, spread, 1.0)).astype(np.float32)


def right_draw(gauger: Gauger, params: PyTree, number: int) -> PyTree:
    """The parameters rightly drawn, in one of many draws."""
    return drawing(gauger)(params, jax.random.key(number))


def random_draw(gauger: Gauger, params: PyTree, number: int) -> PyTree:
    """All parameters drawn, the state as it begins: what is nothing at the start on purpose is something."""
    drawn = drawn_at_random(gauger.layers, right_draw(gauger, params, number), np.random.default_rng(number))
    return gauger.lab.subject.carried(drawn, params)


def drawing(gauger: Gauger) -> Callable[[PyTree, Array], PyTree]:
    """`rightly_initialised` for this network, compiled."""
    layers = gauger.layers
    return gauger.lab.programs.of(("right draw", layers), lambda: quick(partial(rightly_initialised, layers)))


def draw(gauger: Gauger, params: PyTree) -> Null:
    """Twenty draws, each on standardised inputs.

    Args:
        gauger: Of the network.
        params: As it begins; weights are drawn in their shapes.
    """
    right, change = drawing(gauger), standardising(gauger.lab.subject.train, targets=True)
    return Null(tuple(gauger.read(right(params, jax.random.key(number)), change) for number in range(DRAWS)))


def depth_slope(scales: NDArray[np.float64]) -> float:
    """Change of ln(scale) from layer to layer, by least squares; 0 for fewer than two layers with a scale.

    nan where a scale is not finite: then nothing is known.
    """
    if not np.isfinite(scales).all():
        return np.nan
    usable = np.isfinite(scales) & (scales > 0)
    if usable.sum() < 2:
        return 0.0
    places = np.flatnonzero(usable)
    return float(np.polyfit(places, np.log(scales[usable]), 1)[0])

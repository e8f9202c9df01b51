"""Scales of a network at one moment: what each layer takes in, gives out, and is told to change.

Read on the same rows at every moment, so that what changes is the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, PyTree
from numpy.typing import NDArray

from burnish.doctor import anatomy
from burnish.doctor.anatomy import Layer
from burnish.doctor.lab import NOTHING, Change, Lab, quick

Floats = NDArray[np.float64]

# A squashing function with less than this share of its largest slope is saturated there: 1 %.
SATURATED_SLOPE = 0.01
# Added to a batch's variance, as batch norm does (Ioffe and Szegedy 2015).
NORM_EPSILON = 1e-5
# A unit is saturated where it is so for this share of the rows.
SATURATED_ROWS = 0.95
# Share of the rows with a gradient at the outputs from which a unit without any is dead: most of them.
TOLD = 0.5
# Depth from which gradients can be said to vanish or explode with it.
DEEP = 4
# Shares of a layer's units beyond those of right draws: dead ones, saturated ones.
DEAD, SATURATED = 0.10, 0.30
# Difference of two combinations of a unit's values, of unit size, up to which they are equal: float32 over 2,000 rows.
EQUAL = 1e-5
# Part of the pre-activations' root mean square that is the least unit of their variation over the rows.
COMMON = 0.1
# Layers or leaves of one shape from which they are read by one loop, and numbers of one above which it is not copied
# for that. Of thirty layers it halves the time to compile; each reading takes half as long again.
ALIKE = 4
COPIED = 1 << 20
# The least size of weights that a gradient is held against.
TINY = 1e-30
# Units that are compared with all others at once.
BLOCK = 256


@dataclass(frozen=True, slots=True)
class Gauge:
    """One network on the gauge rows. Arrays have one entry a layer unless said otherwise."""

    layers: tuple[Layer, ...]
    inputs: Floats  # root mean square of what meets the weights
    z: Floats  # root mean square of the pre-activations
    delta: Floats  # root mean square of ∂(mean loss)/∂z, times the rows
    gradient: Floats  # root mean square of ∂(mean loss)/∂θ, an entry a leaf
    update: Floats  # of each layer's weights: that of their gradient over that of themselves
    dead: Floats  # share of rectified units with no gradient on any row; nan where nothing rectifies
    saturated: Floats  # share of squashed units saturated on nearly all rows; nan where nothing squashes
    twins: Floats  # largest share of units of a layer that all say, and are told, the same on every row
    loss: float  # mean over the rows
    finite: bool


class Gauger:
    """Reads gauges of one lab's subject; one compiled program.

    Args:
        lab: Of the subject; its programs serve here too, and are added to.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab, subject = lab, lab.subject
        # Read some fifty times in an examination, so compiled with care: convolutions are read twice as fast.
        self._read = lab.programs.of(("gauge", subject.apply, subject.loss), lambda: jax.jit(partial(_read, subject)))
        self._pre_activations = lab.programs.of(
            ("pre-activations", subject.apply),
            lambda: quick(lambda params, x: anatomy.follow(subject.apply, params, x)[1].z),
        )

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The subject's layers; () where none could be found."""
        subject = self.lab.subject
        return anatomy.layers(subject.apply, self.lab.start().params, jnp.asarray(self.lab.gauge.x))

    @cached_property
    def _mixing(self) -> Array:
        """Random numbers, two for each value that a unit has on the gauge rows: drawn once, as it takes long."""
        each = max((tap.size // tap.shape[-1] for tap in self.lab.taps), default=0)
        drawn = np.random.default_rng(0).standard_normal((2, each * len(self.lab.gauge)), np.float32)
        return jnp.asarray(drawn)

    def pre_activations(self, params: PyTree, x: Array) -> list[Array]:
        """Those of each layer; the last are the outputs before whatever is done to them."""
        return self._pre_activations(params, x)

    def rectified_apply(self, params: PyTree, x: Array) -> Array:
        """The same network with max(0, ·) in the place of what squashes."""
        return anatomy.follow(self.lab.subject.apply, params, x, edit=anatomy.Edit(_rectified))[0]

    def normalised_apply(self, params: PyTree, x: Array) -> Array:
        """The same network with batch norm and max(0, ·) there."""
        return anatomy.follow(self.lab.subject.apply, params, x, edit=anatomy.Edit(_normalised))[0]

    def compile(self) -> None:
        """The program that reads, before there are parameters to be read."""
        init, rows = self.lab.subject.init, self.lab.gauge
        params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), jax.eval_shape(init, jax.random.key(0)))
        self._read(params, jnp.asarray(rows.x), jnp.asarray(rows.y), self._mixing)

    def read(self, params: PyTree, change: Change = NOTHING) -> Gauge:
        """The gauge of these parameters."""
        rows = change.rows(self.lab.gauge)
        found: dict[str, Any] = jax.device_get(
            self._read(params, jnp.asarray(rows.x), jnp.asarray(rows.y), self._mixing)
        )
        squashes = np.array([layer.squashing for layer in self.layers])
        rectifies = np.array([layer.rectified for layer in self.layers])
        scales = {k: np.asarray(found[k], np.float64) for k in ("inputs", "z", "delta", "gradient", "weight", "twins")}
        weight = self._of_layers(scales.pop("weight"), found["stacked weight"])
        return Gauge(
            self.layers,
            **scales,
            update=self._of_layers(scales["gradient"], found["stacked gradient"]) / np.maximum(weight, TINY),
            dead=np.where(rectifies, found["dead"], np.nan),
            saturated=np.where(squashes, found["saturated"], np.nan),
            loss=float(found["loss"]),
            finite=all(np.isfinite(values).all() for values in (*scales.values(), weight, found["loss"])),
        )

    def _of_layers(self, leaves: Floats, stacked: Floats) -> Floats:
        """Entries of the layers' weights, of those of leaves and those of layers that are stacked in one."""
        rest = iter(np.asarray(stacked, np.float64))
        return np.array([leaves[one.leaf] if one.at is None else next(rest) for one in self.layers])


def _rectified(name: str, value: Array) -> Array:
    del name
    return jnp.maximum(value, 0)


def _normalised(name: str, value: Array) -> Array:
    """max(0, ·) of the value normalised over its batch, as batch norm would have it."""
    del name
    centred = value - value.mean(axis=0)
    return jnp.maximum(centred * lax.rsqrt(jnp.mean(centred * centred, axis=0) + NORM_EPSILON), 0)


def _read(subject: Any, params: PyTree, x: Array, y: Array, mixing: Array) -> dict[str, Any]:
    taps = anatomy.empty_taps(subject.apply, params, x)
    kept: list[anatomy.Seen] = []

    def cost(params: PyTree, taps: list[Array]) -> tuple[Array, tuple[Any, ...]]:
        outputs, seen = anatomy.follow(subject.apply, params, x, taps)
        kept.append(seen)
        return jnp.mean(subject.row_losses(outputs, y)), (seen.inputs, seen.z, seen.squashed)

    (loss, (inputs, z, squashed)), (gradients, deltas) = jax.value_and_grad(cost, argnums=(0, 1), has_aux=True)(
        params, taps
    )
    of_leaves = {"gradient": jax.tree.leaves(gradients), "weight": jax.tree.leaves(params)}
    stacked = [(one.leaf, one.at) for one in kept[-1].layers if one.at is not None]
    return {
        "loss": loss,
        "inputs": _each(_rms, inputs),
        "z": _each(_rms, z),
        "delta": _each(_rms, deltas) * x.shape[0],
        **{name: _each(_rms, leaves) for name, leaves in of_leaves.items()},
        **{
            f"stacked {name}": _each(_rms, [leaves[leaf][at] for leaf, at in stacked])
            for name, leaves in of_leaves.items()
        },
        "dead": _each(_silent, deltas) * _told(deltas, x.shape[0]),
        "saturated": _each(_saturated, [jnp.zeros((1, 1)) if one is None else one for one in squashed]),
        "twins": _each(partial(_twins, mixing), z, deltas),
    }


def _each(statistic: Callable[..., Array], *arrays: Sequence[Array]) -> Array:
    """The statistic of each layer or leaf, of those of one shape by one loop.

    Args:
        statistic: One number of what the lists have at one place.
        arrays: Lists of one length.
    """
    together: dict[Any, list[int]] = {}
    for place, ones in enumerate(zip(*arrays, strict=True)):
        large = max(one.size for one in ones) > COPIED
        together.setdefault(place if large else tuple((one.shape, one.dtype) for one in ones), []).append(place)
    if not together:
        return jnp.empty(0)
    found = [
        lax.map(lambda ones: statistic(*ones), tuple(jnp.stack([one[place] for place in places]) for one in arrays))
        if len(places) >= ALIKE
        else jnp.stack([statistic(*(one[place] for one in arrays)) for place in places])
        for places in together.values()
    ]
    order = np.argsort(np.concatenate(list(together.values())))
    return jnp.concatenate(found)[order]


def _told(deltas: list[Array], rows: int) -> Array:
    """Whether half of the rows or more tell the outputs anything: a loss of exactly 0 leaves no unit a gradient."""
    if not deltas:
        return jnp.bool_(False)
    told = (deltas[-1].reshape(rows, -1) != 0).any(axis=1) if deltas[-1].shape[:1] == (rows,) else deltas[-1] != 0
    return told.mean() >= TOLD


def _rms(values: Array) -> Array:
    """Root mean square, without overflow in the squares; 0 of nothing."""
    if not values.size:
        return jnp.float32(0)
    largest = jnp.maximum(jnp.max(jnp.abs(values)), jnp.finfo(jnp.float32).tiny)
    return largest * jnp.sqrt(jnp.mean(jnp.square(values / largest)))


def _by_unit(values: Array) -> Array:
    """Rows and places as one axis, units as the other."""
    return values.reshape(-1, values.shape[-1])


def _silent(delta: Array) -> Array:
    """Share of units that are told nothing on any row."""
    return (_by_unit(delta) == 0).all(axis=0).mean()


def _saturated(given: Array) -> Array:
    """Share of units whose slope, relative to the largest there is, is below `SATURATED_SLOPE` on nearly all rows.

    tanh'(z) = 1 − tanh²(z) and σ'(z)/σ'(0) = 4σ(z)(1 − σ(z)) fall below 1 % at |z| > 2.99 and |z| > 5.98; the stricter
    of the two serves for both.
    """
    wide = _by_unit(given)
    slope = 1 - jnp.square(jnp.tanh(wide / 2))
    return ((slope < SATURATED_SLOPE).mean(axis=0) >= SATURATED_ROWS).mean()


def _twins(mixing: Array, z: Array, delta: Array) -> Array:
    """Largest group of units that agree on every row, as a share of all; a unit alone is a group of one.

    They agree in what they say and in what they are told: units of equal pre-activations and unlike gradients part in
    the first step, as in a residual branch whose last matrix begins as zero.
    """
    wide = _by_unit(z)
    around = wide - wide.mean(axis=0)
    # What all units have in common, such as biases of -10, hides how they differ.
    mixed = jnp.concatenate([_mixed(z, mixing), _mixed(around, mixing, COMMON * _rms(wide)), _mixed(delta, mixing)]).T
    # A block of units at a time: all pairs of a vocabulary's would be gigabytes.
    return lax.map(lambda own: (jnp.abs(mixed - own) < EQUAL).all(axis=1).mean(), mixed, batch_size=BLOCK).max()


def _mixed(values: Array, mixing: Array, least: Array | float = 0.0) -> Array:
    """Two random combinations of the rows' values, shape (2, units): those of equal units are equal, others hardly.

    By random numbers of shape (2, rows or more). In units of their root mean square, or of the least unit, below which
    rounding would show.
    """
    wide = _by_unit(values)
    scale = jnp.maximum(jnp.maximum(_rms(wide), least), jnp.finfo(jnp.float32).tiny)
    rows = wide.shape[0]
    if rows > mixing.shape[1]:  # the layer makes more of many rows than so many times what it makes of one
        mixing = jax.random.normal(jax.random.key(0), (2, rows))
    return mixing[:, :rows] @ (wide / scale) / jnp.sqrt(rows)

"""What a loop of somebody else's shows as it goes: read on the device in one pass, and kept on the host as counts.

Each step gives one largest absolute value a leaf. It is not finite where any number is not, and 0 where all are 0: one
reduction tells both. What costs more, scales and fingerprints of the parameters, is read at steps 1, 2, 4, 8, ….
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, PyTree
from numpy.typing import NDArray

# Steps whose peaks stay on the device before they are fetched together: fetching each would make the loop wait.
HELD = 64
# Knuth's multiplicative hash: an odd factor that spreads places over all bits (The Art of Computer Programming 3, 6.4).
SPREAD = np.uint32(2_654_435_761)
# Share of a tree below which what is left of it is rounding.
ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class Reading:
    """The parameters at one of the geometric steps; arrays of shape (leaves,)."""

    step: int
    count: int  # of steps recorded by then
    prints: NDArray[np.uint32]  # equal for equal bits
    cosine: float = np.nan  # between update and gradient; a descent has a negative one. nan where either is missing


@dataclass(frozen=True, slots=True)
class Unfinite:
    """The first number that is not finite, in the order in which a step makes them."""

    step: int
    what: str  # "input", "target", "loss", "gradient", "parameter"
    leaves: tuple[str, ...] = ()
    before: float = np.nan  # the largest gradient of the step before, if there was one


@dataclass(slots=True)
class Traces:
    """All that is known of a loop. Losses are as they were handed over."""

    names: tuple[str, ...] = ()  # of the leaves of floating point
    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # nan where none was given
    peaks: list[float] = field(default_factory=list)  # the largest gradient of each step, nan where none was given
    batches: int = 0  # steps that gave gradients
    some: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # of them, with one that is not 0;
    # shape (leaves,)
    readings: list[Reading] = field(default_factory=list)
    unfinite: Unfinite | None = None
    dev: list[tuple[int, float]] = field(default_factory=list)  # step and dev loss

    def take(self, step: int, line: Line) -> None:
        """Add one step, fetched from the device."""
        gradients = None if line.gradients is None else np.asarray(line.gradients, np.float64)
        loss = np.nan if line.loss is None else float(np.mean(line.loss))
        before = self.peaks[-1] if self.peaks else np.nan
        self.steps.append(step)
        self.losses.append(loss)
        self.peaks.append(np.nan if gradients is None or not len(gradients) else float(gradients.max()))
        if self.unfinite is None:
            self.unfinite = self._unfinite(step, line, loss, gradients, before)
        if gradients is not None:
            moved = gradients != 0  # true of nan
            self.some = self.some + moved if self.batches else moved.astype(np.int64)
            self.batches += 1

    def end(self, step: int, peaks: NDArray[np.floating]) -> None:
        """Add the largest of each leaf of the last parameters, shape (leaves,): an update may be the first to break."""
        if self.unfinite is None and not np.isfinite(peaks).all():
            bad = tuple(self.names[i] for i in np.flatnonzero(~np.isfinite(peaks)))
            self.unfinite = Unfinite(step, "parameter", bad, self.peaks[-1] if self.peaks else np.nan)

    def _unfinite(
        self, step: int, line: Line, loss: float, gradients: NDArray[np.float64] | None, before: float
    ) -> Unfinite | None:
        came = [*([] if line.loss is None else [loss]), *([] if gradients is None else gradients)]
        if came and np.isfinite(came).all():
            return None  # a loss that leaves out what is missing is finite: nothing is wrong with the batch
        for what, value in (("input", line.x), ("target", line.y), ("loss", None if line.loss is None else loss)):
            if value is not None and not np.isfinite(float(value)):
                return Unfinite(step, what, before=before)
        if gradients is None or np.isfinite(gradients).all():
            return None
        bad = tuple(self.names[i] for i in np.flatnonzero(~np.isfinite(gradients)))
        return Unfinite(step, "gradient", bad, before)


@dataclass(frozen=True, slots=True)
class Line:
    """One step on the device: peaks, nothing fetched yet."""

    loss: Any
    x: Any  # peak of the inputs; None where they are whole numbers, or not given
    y: Any
    gradients: Float[Array, " leaf"] | None


def trainable(tree: PyTree) -> tuple[int, ...]:
    """Places, among all leaves, of those that can be trained: arrays of floating point."""
    return tuple(place for place, leaf in enumerate(jax.tree.leaves(tree)) if _is_floating(leaf))


def names(tree: PyTree) -> tuple[str, ...]:
    """Their names, as keystr writes them."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return tuple(jax.tree_util.keystr(path) for path, leaf in paths if _is_floating(leaf))


def floating(tree: PyTree) -> PyTree:
    """The tree with None in the place of every leaf that cannot be trained: counters, keys, functions."""
    return jax.tree.map(lambda leaf: leaf if _is_floating(leaf) else None, tree)


def filled(tree: PyTree, others: PyTree) -> PyTree:
    """A tree of `floating` with those leaves taken from another one."""
    return jax.tree.map(
        lambda leaf, other: other if leaf is None else leaf, tree, others, is_leaf=lambda one: one is None
    )


def _is_floating(leaf: Any) -> bool:
    # A plain number is a setting, such as the rate of a dropout: what was trained is an array.
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)


@jax.jit
def peaks(leaves: Sequence[Array]) -> Float[Array, " leaf"]:
    """The largest absolute value of each leaf; not finite where any of its numbers is not."""
    return jnp.stack([jnp.max(jnp.abs(leaf)).astype(jnp.float32) if leaf.size else jnp.float32(0) for leaf in leaves])


def peak(values: Any) -> Any:
    """The largest absolute value of inputs or targets; None where they are whole numbers, or no single array."""
    if not hasattr(values, "dtype") or not jnp.issubdtype(values.dtype, jnp.floating) or not values.size:
        return None
    return np.max(np.abs(values)) if isinstance(values, np.ndarray) else _peak(values)


@jax.jit
def _peak(values: Array) -> Array:
    return jnp.max(jnp.abs(values))


@jax.jit
def cosine(gradients: Sequence[Array], updates: Sequence[Array], params: Sequence[Array]) -> Float[Array, ""]:
    """Between two trees as vectors, without their parts along the parameters; 0 where one is 0.

    Weight decay goes along the parameters, and may be more than what is left of the gradient where a training goes on.
    """
    length = optax.tree.vdot(params, params)

    def across(tree: Sequence[Array]) -> Sequence[Array]:
        along = jnp.where(length > 0, optax.tree.vdot(tree, params) / jnp.where(length > 0, length, 1.0), 0.0)
        left = optax.tree.sub(tree, optax.tree.scale(along, params))
        # Of a single number nothing is left, and of what is left by rounding alone nothing can be told.
        return jax.tree.map(
            lambda leaf: jnp.where(optax.tree.norm(left) > ROUNDING * optax.tree.norm(tree), leaf, 0), left
        )

    one, other = across(gradients), across(updates)
    size = optax.tree.norm(one) * optax.tree.norm(other)
    return jnp.where(size > 0, optax.tree.vdot(one, other) / jnp.where(size > 0, size, 1.0), 0.0)


@jax.jit
def prints(leaves: Sequence[Array]) -> Array:
    """A number for the bits of each leaf: leaves of other bits share it with a chance of 2⁻³², shape (leaves,)."""

    def one(leaf: Array) -> Array:
        width = {2: jnp.uint16, 1: jnp.uint8}.get(leaf.dtype.itemsize, jnp.uint32)  # eight bytes are two numbers
        bits = lax.bitcast_convert_type(leaf, width).astype(jnp.uint32).ravel()
        places = lax.iota(jnp.uint32, bits.size) * SPREAD + jnp.uint32(1)
        return jnp.sum(bits * (places | jnp.uint32(1)), dtype=jnp.uint32)

    return jnp.stack([one(leaf) for leaf in leaves])

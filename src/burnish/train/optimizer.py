"""One update rule for SGD, momentum, Nesterov, RMSprop, Adam and AdamW: which one it is are traced coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from burnish.model import initialise
from burnish.train.hyperparameters import Hyperparameters

Tree = Any  # parameters, or another tree of arrays of the same shapes
Number = Array | float
IsWeight = Callable[[tuple[Any, ...], Array], bool]


class Rule(Protocol):
    """The coefficients that say which optimiser it is; `Hyperparameters` has them, each traced."""

    @property
    def first_decay(self) -> Number: ...
    @property
    def first_gain(self) -> Number: ...
    @property
    def second_decay(self) -> Number: ...
    @property
    def corrected(self) -> Number: ...
    @property
    def adaptive(self) -> Number: ...
    @property
    def nesterov(self) -> Number: ...
    @property
    def epsilon(self) -> Number: ...


class Reading(NamedTuple):
    """How the averages of every array are read at one step."""

    correct_first: Array  # 1/(1 − β₁^t), or 1
    correct_second: Array  # 1/(1 − β₂^t), or 1
    adaptive: Array | bool
    nesterov: Array | bool


def reading(rule: Rule, t: Number) -> Reading:
    """How averages are read at step t, from 1."""
    return Reading(
        jnp.where(rule.corrected > 0, 1.0 / (1.0 - rule.first_decay**t), 1.0),
        jnp.where(rule.corrected > 0, 1.0 / (1.0 - rule.second_decay**t), 1.0),
        rule.adaptive > 0,
        rule.nesterov > 0,
    )


def direction(rule: Rule, at: Reading, g: Array, v: Array, s: Array) -> tuple[Array, Array, Array]:
    """What the learning rate multiplies, and the averages v and s of one array with this gradient, uncorrected."""
    v = rule.first_decay * v + rule.first_gain * g
    s = rule.second_decay * s + (1.0 - rule.second_decay) * g * g
    ahead = jnp.where(at.nesterov, rule.first_decay * v + rule.first_gain * g, v) * at.correct_first
    return ahead / jnp.where(at.adaptive, jnp.sqrt(s * at.correct_second) + rule.epsilon, 1.0), v, s


def update(
    params: Tree,
    gradients: Tree,
    averages: tuple[Tree, Tree],
    hp: Hyperparameters,
    *,
    step: Int32[Array, ""],
    rate: Array,
    is_weight: IsWeight = initialise.is_weight,
) -> tuple[Tree, tuple[Tree, Tree]]:
    """One step of the chosen optimiser.

    `v ← β₁ v + gain·g`, `s ← β₂ s + (1 − β₂) g²`, `W ← W − α (v̂ / (√ŝ + ε) + decay·W)`; ε stands outside the root and
    decay acts on weights only. With `adaptive` 0 the denominator is 1; with `corrected` 0 the averages are read as they
    are (momentum: Polyak 1964; RMSprop: Tieleman and Hinton 2012; Adam: Kingma and Ba 2015; AdamW: Loshchilov and
    Hutter 2019).

    Args:
        params: Parameters before the step.
        gradients: Gradients of the whole cost, L2 included; same tree.
        averages: v and s, uncorrected; same trees.
        hp: Coefficients.
        step: Number of this step, from 1.
        rate: Learning rate of this step.
        is_weight: Whether a leaf is decayed.
    """
    at = reading(hp, step.astype(jnp.float32))

    def leaf(path: Any, p: Array, g: Array, v: Array, s: Array) -> tuple[Array, Array, Array]:
        moved, v, s = direction(hp, at, g, v, s)
        if is_weight(path, p):
            moved = moved + hp.weight_decay * p
        return p - rate * moved, v, s

    out = jax.tree_util.tree_map_with_path(leaf, params, gradients, *averages)
    new_params, v, s = (jax.tree.map(lambda _, o, i=i: o[i], params, out) for i in range(3))
    return new_params, (v, s)


def squared_weights(params: Tree, is_weight: IsWeight = initialise.is_weight) -> Float[Array, ""]:
    """Σ‖W‖²_F over weights and embeddings; biases and batch norm's parameters are left alone."""
    return squares([p for path, p in jax.tree_util.tree_leaves_with_path(params) if is_weight(path, p)])


def squares(arrays: Sequence[Array]) -> Float[Array, ""]:
    """Σ‖W‖²_F over these arrays."""
    return jnp.stack([jnp.square(array).sum() for array in arrays]).sum() if arrays else jnp.float32(0)


def kept(norm: Array, clip_norm: Number) -> Float[Array, ""]:
    """The share of a gradient of this norm that clipping leaves."""
    return jnp.minimum(1.0, clip_norm / jnp.maximum(norm, jnp.finfo(jnp.float32).tiny))


def global_norm(tree: Tree) -> Float[Array, ""]:
    """Euclidean norm of all leaves together.

    Vectors are joined first: a reduction for each would be a program part more to compile.
    """
    leaves = jax.tree.leaves(tree)
    vectors = [leaf for leaf in leaves if leaf.ndim == 1]
    parts = [leaf for leaf in leaves if leaf.ndim != 1] + ([jnp.concatenate(vectors)] if vectors else [])
    return jnp.sqrt(sum((jnp.square(part).sum() for part in parts), jnp.float32(0)))

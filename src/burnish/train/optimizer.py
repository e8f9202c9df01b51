"""One update rule for SGD, momentum, Nesterov, RMSprop, Adam and AdamW: which one it is are traced coefficients."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from burnish.model import initialise
from burnish.train.hyperparameters import Hyperparameters

Tree = Any  # parameters, or another tree of arrays of the same shapes


def update(
    params: Tree,
    gradients: Tree,
    averages: tuple[Tree, Tree],
    hp: Hyperparameters,
    *,
    step: Int32[Array, ""],
    rate: Array,
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
    """
    t = step.astype(jnp.float32)
    correct_1 = jnp.where(hp.corrected > 0, 1.0 / (1.0 - hp.first_decay**t), 1.0)
    correct_2 = jnp.where(hp.corrected > 0, 1.0 / (1.0 - hp.second_decay**t), 1.0)
    adaptive, nesterov = hp.adaptive > 0, hp.nesterov > 0

    def leaf(path: Any, p: Array, g: Array, v: Array, s: Array) -> tuple[Array, Array, Array]:
        v = hp.first_decay * v + hp.first_gain * g
        s = hp.second_decay * s + (1.0 - hp.second_decay) * g * g
        direction = jnp.where(nesterov, hp.first_decay * v + hp.first_gain * g, v) * correct_1
        moved = direction / jnp.where(adaptive, jnp.sqrt(s * correct_2) + hp.epsilon, 1.0)
        if initialise.is_weight(path):
            moved = moved + hp.weight_decay * p
        return p - rate * moved, v, s

    out = jax.tree_util.tree_map_with_path(leaf, params, gradients, *averages)
    new_params, v, s = (jax.tree.map(lambda _, o, i=i: o[i], params, out) for i in range(3))
    return new_params, (v, s)


def squared_weights(params: Tree) -> Float[Array, ""]:
    """Σ‖W‖²_F over weights and embeddings; biases and batch norm's parameters are left alone."""
    parts = [
        jnp.square(p).sum() for path, p in jax.tree_util.tree_leaves_with_path(params) if initialise.is_weight(path)
    ]
    return jnp.stack(parts).sum()


def global_norm(tree: Tree) -> Float[Array, ""]:
    """Euclidean norm of all leaves together.

    Vectors are joined first: a reduction for each would be a program part more to compile.
    """
    leaves = jax.tree.leaves(tree)
    vectors = [leaf for leaf in leaves if leaf.ndim == 1]
    parts = [leaf for leaf in leaves if leaf.ndim != 1] + ([jnp.concatenate(vectors)] if vectors else [])
    return jnp.sqrt(sum((jnp.square(part).sum() for part in parts), jnp.float32(0)))

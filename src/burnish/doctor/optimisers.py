"""What an optax optimiser does, told from its answers to made-up gradients: it is a pair of functions, and opaque."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

# Parts of a gradient, from one so small that nothing clips it, to itself.
PARTS = (1e-6, 1e-5, 1.0)
# Relative size up to which two answers are the same: float32 through some divisions.
ROUNDING = 1e-2
# A clipped update is at most this share of what it would have been.
CLIPPED = 0.5
# Updates of which a memory is told: a momentum of 0.99 still has 0.9 of its first answer after ten.
ANSWERS = 4


def _norm(tree: PyTree) -> float:
    return float(optax.tree.norm(tree))


def decays(optimizer: optax.GradientTransformation, params: PyTree) -> bool:
    """Whether parameters shrink without any gradient: decoupled weight decay (Loshchilov and Hutter 2019)."""
    still = jax.tree.map(jnp.zeros_like, params)
    updates, _ = jax.jit(optimizer.update)(still, optimizer.init(params), params)
    size = _norm(updates) * _norm(params)
    return size > 0 and float(optax.tree.vdot(updates, params)) < -(1 - ROUNDING) * size


def without_decay(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """The same optimiser, told that all parameters are 0: nothing to decay."""

    def update(gradients: PyTree, state: Any, params: PyTree | None = None, **more: Any) -> tuple[PyTree, Any]:
        zeros = None if params is None else jax.tree.map(jnp.zeros_like, params)
        return optimizer.update(gradients, state, zeros, **more)

    return optax.GradientTransformation(optimizer.init, update)


def clipping(optimizer: optax.GradientTransformation, params: PyTree, gradients: PyTree) -> float | None:
    """The norm at which gradients are clipped, where these are; None: they are not, or it cannot be told.

    The answer to a small part of a gradient is that part of the answer to all of it, unless something clips. Optimisers
    that divide by the size of the gradient, such as Adam, answer small parts with large updates: of them it is not
    told.
    """
    state = optimizer.init(params)
    answers = []
    for part in PARTS:
        updates, _ = optimizer.update(jax.tree.map(lambda g, p=part: g * p, gradients), state, params)
        answers.append(_norm(updates) / part)
    small, less_small, whole = answers
    if not np.isfinite(answers).all() or small <= 0 or abs(less_small / small - 1) > ROUNDING:
        return None
    return _norm(gradients) * whole / small if whole < CLIPPED * small else None


def unclipped(optimizer: optax.GradientTransformation, part: float) -> optax.GradientTransformation:
    """The same optimiser, given so small a part of each gradient that nothing clips it, and its updates enlarged."""

    def update(gradients: PyTree, state: Any, params: PyTree | None = None, **more: Any) -> tuple[PyTree, Any]:
        updates, state = optimizer.update(jax.tree.map(lambda g: g * part, gradients), state, params, **more)
        return jax.tree.map(lambda u: u / part, updates), state

    return optax.GradientTransformation(optimizer.init, update)


def momentum(optimizer: optax.GradientTransformation, params: PyTree, gradients: PyTree) -> tuple[float, float] | None:
    """First answer to a gradient, as a learning rate, and how much of it is left in the next one without a gradient.

    None: the optimiser is not linear in the gradient, or its answers do not shrink by one and the same factor.
    """
    if decays(optimizer, params):
        return None
    state, size, answers = optimizer.init(params), _norm(gradients), []
    double, _ = optimizer.update(jax.tree.map(lambda g: 2 * g, gradients), state, params)
    given = gradients
    for _ in range(ANSWERS):
        updates, state = optimizer.update(given, state, params)
        answers.append(_norm(updates))
        given = jax.tree.map(jnp.zeros_like, gradients)
    if not answers[0] > 0 or abs(_norm(double) / (2 * answers[0]) - 1) > ROUNDING:
        return None
    left = [b / a if a > 0 else 0.0 for a, b in pairwise(answers)]
    return (answers[0] / size, left[0]) if np.ptp(left) < ROUNDING else None

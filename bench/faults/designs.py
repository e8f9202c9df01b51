"""Healthy trainings of designs that are usual today, and that a rule could take for a fault (which: beside each)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import met
import optax
import plants
from cases import Case, Plant

from recipe import Recipe, he

# Added to a variance before it divides, as in Ba, Kiros and Hinton (2016).
EPSILON = 1e-5
# Weights are rounded to so many parts of 1.
PARTS = 8
# J9 with a first layer and two branches beside the way through, each as wide as that.
BRANCHES = (8, 32, 32, 32, 4)


def _design(job: str, name: str, plant: Plant) -> Case:
    return Case(f"{name} ({job})", job, plant)


def _branches(x: Any, w: Any, b: Any) -> Any:
    """A layer as wide as what it takes in is added to that."""
    z = x @ w + b
    return x + z if w.shape[0] == w.shape[1] else z


def _scaled_branches(x: Any, w: Any, b: Any) -> Any:
    """The same, times a vector that begins as zero in the place of the bias (Bachlechner et al. 2020; LayerScale)."""
    return x + b * (x @ w) if w.shape[0] == w.shape[1] else x @ w + b


def _zero(where: Callable[[int, int], bool]) -> Plant:
    """Weights that begin as zero in layers of such a fan-in and so many units, He's elsewhere."""

    def init(key: Any, fan_in: int, units: int) -> Any:
        return jnp.zeros((fan_in, units)) if where(fan_in, units) else he(key, fan_in, units)

    return plants.settings(init=init)


def _rounded(x: Any, w: Any, b: Any) -> Any:
    """Weights are rounded, and learned as if they were not (Bengio, Léonard and Courville 2013)."""
    return x @ (w + jax.lax.stop_gradient(jnp.round(w * PARTS) / PARTS - w)) + b


def _layer_norm(x: Any, w: Any, b: Any) -> Any:
    """Of what hidden units say; outputs are left alone."""
    z = x @ w + b
    if z.shape[-1] < x.shape[-1]:
        return z
    centred = z - z.mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(axis=-1, keepdims=True) + EPSILON)


def _one_cycle(recipe: Recipe) -> Recipe:
    """AdamW, whose learning rate rises to thrice the job's and falls to nothing."""
    steps = recipe.epochs * -(-len(recipe.train) // recipe.batch_size)
    return plants.optimiser(optax.adamw(optax.cosine_onecycle_schedule(steps, 3 * recipe.rate)))(recipe)


def _gathered(every: int) -> Plant:
    """Mini-batches of 1 row, whose gradients are gathered for so many steps."""

    def changed(recipe: Recipe) -> Recipe:
        gathered = optax.MultiSteps(optax.adam(recipe.rate), every).gradient_transformation()
        return plants.optimiser(gathered)(replace(recipe, batch_size=1))

    return changed


def _of_probabilities(outputs: Any, y: Any) -> Any:
    """Binary cross-entropy of one probability a row."""
    shares = jnp.clip(outputs[:, 0], 1e-7, 1 - 1e-7)
    return -jnp.where(y == 1, jnp.log(shares), jnp.log(1 - shares))


DESIGNS = (
    _design("J9", "ReZero", plants.settings(sizes=BRANCHES, layer=_scaled_branches)),  # NU3: no gradient for weights
    _design(
        "J9",
        "branches of zero",
        plants.both(plants.settings(sizes=BRANCHES, layer=_branches), _zero(lambda a, b: a == b)),
    ),  # NN1: equal units
    _design(
        "J9",
        "branches and outputs of zero",
        plants.both(plants.settings(sizes=BRANCHES, layer=_branches), _zero(lambda a, b: a >= b)),
    ),  # NN1, NU3
    _design("J5", "outputs of zero", _zero(lambda a, b: b == 2)),  # NN1, NN2
    _design("J9", "gathered gradients", _gathered(32)),  # NU3: the first updates are 0
    _design("J9", "rounded weights", plants.settings(layer=_rounded)),  # NU1: no slope of the cost
    _design("J9", "layer norm, GELU", plants.settings(layer=_layer_norm, activation="gelu")),  # NN2, NU7
    _design("J9", "Lion", plants.optimiser(optax.lion(1e-3))),  # OP8
    _design("J9", "AdamW, one cycle", _one_cycle),  # OP9, OP12
    _design("J8", "mean absolute error", met.lost(lambda outputs, y: jnp.abs(outputs - y))),  # NN8, BV: no squares
    _design("J9", "rounded in training", met.rounded_in_training(8)),  # NU9, OP11
    _design(
        "J2", "probabilities", plants.both(plants.settings(outputs=jax.nn.sigmoid), met.lost(_of_probabilities))
    ),  # NN8: no logits
)

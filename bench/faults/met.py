"""Plants of what was met in trainings of others, which no rule had been tried on before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import plants
from cases import Plant

from burnish.doctor.subject import Rows, Subject
from recipe import Recipe


def lost(loss: Callable[[Any, Any], Any]) -> Plant:
    """Another loss of each row."""
    return plants.subject(lambda given: replace(given, loss=loss))


def against_class_number(outputs: Any, y: Any) -> Any:
    """All outputs are to be the number of the class."""
    return jnp.square(outputs - y[:, None]).mean(axis=1)


def logarithm_of_logit(outputs: Any, y: Any) -> Any:
    """A logit taken for a probability."""
    return -jnp.log(jnp.clip(jnp.take_along_axis(outputs, y[:, None], axis=1)[:, 0], 1e-6, 1))


def mask_in_evaluation(share: float) -> Plant:
    """Dropout of the inputs in evaluation too, by a key that stays."""

    def changed(given: Subject) -> Subject:
        def apply(params: Any, x: Any) -> Any:
            kept = jax.random.bernoulli(jax.random.key(0), 1 - share, x.shape)
            return given.apply(params, jnp.where(kept, x / (1 - share), 0))

        return replace(given, apply=apply)

    return plants.subject(changed)


def ended(share: float) -> Plant:
    """A learning rate that has fallen to nothing after this share of the steps."""

    def plant(recipe: Recipe) -> Recipe:
        steps = recipe.epochs * -(-len(recipe.train) // recipe.batch_size)
        rate = optax.linear_schedule(recipe.rate, 0.0, max(1, round(share * steps)))
        return plants.optimiser(optax.adam(rate))(recipe)

    return plant


def codes_as_numbers(count: int, size: float) -> Plant:
    """One more input, of so many codes: each moves the target by a number of its own, of this deviation."""

    def plant(recipe: Recipe) -> Recipe:
        levels = size * np.random.default_rng(15).normal(size=count)
        rng = np.random.default_rng([15, recipe.seed])

        def more(rows: Rows) -> Rows:
            codes = rng.integers(0, count, len(rows))
            x = np.concatenate([rows.x, codes[:, None]], axis=1).astype(np.float32)
            return Rows(x, (rows.y + levels[codes]).astype(np.float32))

        sizes = (recipe.sizes[0] + 1, *recipe.sizes[1:])
        return replace(recipe, train=more(recipe.train), dev=more(recipe.dev), sizes=sizes)

    return plant


def rounded_in_training(parts: int) -> Plant:
    """Weights rounded in training alone, with gradients as if they were not."""

    def changed(given: Subject) -> Subject:
        def rounded(leaf: Any) -> Any:
            return leaf + jax.lax.stop_gradient(jnp.round(leaf * parts) / parts - leaf)

        return replace(given, apply_training=lambda params, x, key: given.apply(jax.tree.map(rounded, params), x))

    return plants.subject(changed)

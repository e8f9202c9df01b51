"""Exponentially weighted averages, of batch norm's moments for one: the average is kept uncorrected, and corrected
where it is read."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array

Number = Array | float


def step(average: Array, value: Array, keep: Number) -> Array:
    """`keep · v + (1 − keep) · θ`: an average over about 1/(1 − keep) steps, which starts at 0."""
    return keep * average + (1.0 - keep) * value


def correction(beta: Number, steps: Number) -> Array:
    """`1 / (1 − β^t)`: what an average that started at 0 is multiplied by after t steps (Kingma and Ba 2015)."""
    return jnp.asarray(1.0 / (1.0 - beta**steps))

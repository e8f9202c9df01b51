"""The learning rate as a function of the step: every decay is a factor with a traced coefficient."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from burnish.train.hyperparameters import Hyperparameters


def learning_rate(hp: Hyperparameters, step: Int32[Array, ""], steps_per_epoch: Int32[Array, ""]) -> Float[Array, ""]:
    """α at mini-batch `step`, counted from 1; the epoch counts from 1 too, so the first epoch is already decayed.

    `α₀ / (1 + decay_rate · epoch)`, `rate^epoch · α₀`, `α₀ / √epoch`, `α₀ / √t`, staircase, and half a cosine
    (Loshchilov and Hutter 2017) after a linear warm-up (Goyal et al. 2017); those that are not chosen are factors of 1.
    """
    t = step.astype(jnp.float32)
    per_epoch = jnp.maximum(steps_per_epoch, 1).astype(jnp.float32)
    epoch = jnp.floor((t - 1.0) / per_epoch) + 1.0
    total = hp.epochs.astype(jnp.float32) * per_epoch
    warm_steps = hp.warmup * total
    warm = jnp.where(warm_steps > 0, jnp.minimum(t / jnp.maximum(warm_steps, 1.0), 1.0), 1.0)
    progress = jnp.clip((t - 1.0 - warm_steps) / jnp.maximum(total - warm_steps, 1.0), 0.0, 1.0)
    half_cosine = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
    return (
        hp.learning_rate
        * warm
        * (1.0 - hp.cosine + hp.cosine * half_cosine)
        / (1.0 + hp.inverse_rate * epoch)
        * hp.exponential_rate**epoch
        * epoch**-hp.epoch_power
        * t**-hp.step_power
        * hp.stair_factor ** jnp.floor((epoch - 1.0) / hp.stair_epochs)
    )

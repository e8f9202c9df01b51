"""The learning rate as a function of the step: every decay is a factor with a traced coefficient.

Each function takes a rate and gives the decayed one. The mini-batch t and the epoch count from 1, so that the first
epoch is already decayed. One public form of each stands in `burnish.techniques`.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from burnish.train.hyperparameters import Hyperparameters

Number = Array | float


def learning_rate(hp: Hyperparameters, step: Int32[Array, ""], steps_per_epoch: Int32[Array, ""]) -> Float[Array, ""]:
    """α at mini-batch `step`, counted from 1: all decays one after the other; those not chosen are factors of 1."""
    t = step.astype(jnp.float32)
    per_epoch = jnp.maximum(steps_per_epoch, 1).astype(jnp.float32)
    epoch = epoch_of(t, per_epoch)
    total = hp.epochs.astype(jnp.float32) * per_epoch
    warm_steps = hp.warmup * total
    alpha = warm_up(hp.learning_rate, t, warm_steps)
    alpha = cosine(alpha, t, warm_steps, total, amount=hp.cosine)
    alpha = inverse(alpha, epoch, hp.inverse_rate)
    alpha = exponential(alpha, epoch, hp.exponential_rate)
    alpha = power(alpha, epoch, hp.epoch_power)
    alpha = power(alpha, t, hp.step_power)
    return staircase(alpha, epoch, hp.stair_factor, hp.stair_epochs)


def epoch_of(t: Number, per_epoch: Number) -> Array:
    """The epoch, from 1, that mini-batch t lies in."""
    return jnp.floor((t - 1.0) / per_epoch) + 1.0


def warm_up(alpha: Number, t: Number, warm_steps: Number) -> Array:
    """`α · min(t / warm_steps, 1)` (Goyal et al. 2017); α where there are none."""
    return alpha * jnp.where(warm_steps > 0, jnp.minimum(t / jnp.maximum(warm_steps, 1.0), 1.0), 1.0)


def cosine(alpha: Number, t: Number, warm_steps: Number, total: Number, *, amount: Number = 1.0) -> Array:
    """Half a cosine from α after the warm-up to 0 at the end (Loshchilov and Hutter 2017); `amount` 0 leaves α."""
    progress = jnp.clip((t - 1.0 - warm_steps) / jnp.maximum(total - warm_steps, 1.0), 0.0, 1.0)
    half_cosine = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
    return alpha * (1.0 - amount + amount * half_cosine)


def inverse(alpha: Number, epoch: Number, rate: Number) -> Array:
    """`α / (1 + rate · epoch)`."""
    return jnp.asarray(alpha / (1.0 + rate * epoch))


def exponential(alpha: Number, epoch: Number, base: Number) -> Array:
    """`base^epoch · α`."""
    return jnp.asarray(alpha * base**epoch)


def power(alpha: Number, count: Number, exponent: Number) -> Array:
    """`α / count^exponent`, of the epoch or of the mini-batch; with 0.5 the course's `α / √epoch` and `α / √t`."""
    return jnp.asarray(alpha * count**-exponent)


def staircase(alpha: Number, epoch: Number, factor: Number, epochs: Number) -> Array:
    """`factor^⌊(epoch − 1) / epochs⌋ · α`: a drop every so many epochs."""
    return jnp.asarray(alpha * factor ** jnp.floor((epoch - 1.0) / epochs))

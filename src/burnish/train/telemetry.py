"""What a step of training looks like from inside: scales of each layer, at steps 1, 8, 64, 512, … and the last one.

A pure function beside the training program, of the state before a step and the step's own mini-batch. Nothing that it
gives is ever read by a step, so a training is the same to the bit with and without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from burnish.model import kinds, random_bits
from burnish.model.architecture import Architecture, Perceptron
from burnish.model.noise import Noise
from burnish.train import batches, optimizer, schedule, slice
from burnish.train.hyperparameters import Hyperparameters
from burnish.train.work import Telemetry

# From one step that is seen to the next. To see one takes as long as ten to forty steps of a small network (it ends a
# slice, too): powers of two took 13 to 19 % of the shortest trainings, of four 6 to 10 % (bench/telemetry_cost.py).
SPACING = 8
# Steps seen at most: as many powers as there are below 2³¹ steps, the last step, and where training ended.
CAPACITY = 13

# A unit is saturated where its slope is below 1 % of the largest on 95 % of the rows; tanh' = 1 − tanh². The bounds of
# `doctor.gauges`.
SATURATED_TANH = float(np.sqrt(1 - 0.01))
SATURATED_ROWS = 0.95


class Sight(NamedTuple):
    """One step, before its update."""

    step: Int32[Array, ""]  # its number, from 1
    loss: Float[Array, ""]  # mean over the mini-batch in training mode, without the penalty
    norm: Float[Array, ""]  # of the whole gradient, before clipping
    clipped: Float[Array, ""]  # share of the gradient that clipping takes away
    gradient: Float[Array, " leaf"]  # norm of each leaf's gradient, before clipping
    weight: Float[Array, " leaf"]  # norm of each leaf
    update: Float[Array, " leaf"]  # norm of what the step adds to it
    not_finite: Float[Array, " leaf"]  # how many numbers of its gradient are not finite
    rms: Float[Array, " layer"]  # root mean square of what each hidden layer's activation gives
    dead: Float[Array, " layer"]  # share of its units that give 0 on every row; NaN where none rectifies
    saturated: Float[Array, " layer"]  # share that is saturated on nearly every row; NaN where none saturates


def see(architecture: Architecture, hp: Hyperparameters, state: slice.State, data: slice.Data) -> Sight:
    """The step that follows `state`."""
    per_epoch, kind = batches.steps_per_epoch(architecture.batch_size, data.rows), kinds.of(architecture)
    order = slice.epoch_order(hp.seed, state.step, data.rows, capacity=data.train.y.shape[0], per_epoch=per_epoch)
    batch = slice.mini_batch(architecture, hp, state.step, data, order=order, per_epoch=per_epoch)
    gradients, (loss, _) = slice.gradient(architecture, hp, state, batch, data.rows)
    norm, step = optimizer.global_norm(gradients), state.step + 1
    kept = optimizer.kept(norm, hp.clip_norm)
    params, _ = optimizer.update(
        state.params,
        jax.tree.map(lambda g: g * kept, gradients),
        state.averages,
        hp,
        step=step,
        rate=schedule.learning_rate(hp, step, per_epoch),
        is_weight=kind.is_weight,
    )
    start = random_bits.stream(hp.seed, slice.NOISE_STREAM, state.step)
    noise = Noise(start, hp.dropout, hp.input_dropout, hp.input_noise, batch.mixed)
    seen = kind.activations(architecture, state.params, batch.x, batch.codes, batch.counted, noise)
    layers = [_layer(architecture, a, batch.counted) for a in seen]
    rms, dead, saturated = (jnp.array([layer[i] for layer in layers]) for i in range(3))
    return Sight(
        step=step,
        loss=loss,
        norm=norm,
        clipped=1.0 - kept,
        gradient=_norms(gradients),
        weight=_norms(state.params),
        update=_norms(jax.tree.map(jnp.subtract, params, state.params)),
        not_finite=jnp.stack([(~jnp.isfinite(g)).sum() for g in jax.tree.leaves(gradients)]).astype(jnp.float32),
        rms=rms,
        dead=dead,
        saturated=saturated,
    )


def _norms(tree: Any) -> Float[Array, " leaf"]:
    return jnp.stack([jnp.sqrt(jnp.square(leaf).sum()) for leaf in jax.tree.leaves(tree)])


def _layer(
    architecture: Architecture, a: Float[Array, "row unit"], counted: Float[Array, " row"]
) -> tuple[Array, Array, Array]:
    """Root mean square, dead and saturated share of one hidden layer, over rows that count."""
    unknown, rows = jnp.float32(jnp.nan), counted.sum()
    rms = jnp.sqrt((jnp.square(a).mean(axis=1) * counted).sum() / rows)
    activation = architecture.activation if isinstance(architecture, Perceptron) else ""
    dead = saturated = unknown
    if activation == "relu":
        dead = (((a != 0) * counted[:, None]).sum(axis=0) == 0).mean()
    if activation == "tanh":
        flat = ((jnp.abs(a) > SATURATED_TANH) * counted[:, None]).sum(axis=0)
        saturated = (flat >= SATURATED_ROWS * rows).mean()
    return rms, dead, saturated


def next_step(done: int, total: int) -> int:
    """The first step after `done` ones that is seen: the next power of `SPACING`, or the last of `total`.

    >>> [next_step(done, 100) for done in (0, 1, 7, 8, 63, 64, 99)]
    [1, 8, 8, 64, 64, 100, 100]
    """
    power = 1
    while power <= done:
        power *= SPACING
    return min(power, total) if done < total else total + 1


def joined(params: Any, sights: Sequence[Sight]) -> Telemetry | None:
    """All steps seen of one training, with the names of leaves and layers; None where none was."""
    if not sights:
        return None
    leaves = [
        jax.tree_util.keystr(path, simple=True, separator=".")
        for path, _ in jax.tree_util.tree_leaves_with_path(params)
    ]
    layers = len(np.atleast_1d(sights[0].rms))
    columns = {name: np.stack([np.asarray(getattr(one, name), np.float64) for one in sights]) for name in Sight._fields}
    return Telemetry(
        leaves=tuple(leaves),
        layers=tuple(f"hidden layer {number}" for number in range(1, layers + 1)),
        depth=_depth(leaves),
        **columns,
    )


def _depth(leaves: Sequence[str]) -> tuple[int, ...]:
    """Places of the weights that lie one behind the other, first layer first; () where names do not say."""
    places = {name: place for place, name in enumerate(leaves)}
    hidden = sorted(
        (int(found[1]), places[name]) for name in leaves if (found := re.fullmatch(r"hidden\.(\d+)\.w", name))
    )
    return (*(place for _, place in hidden), places["output.w"]) if hidden and "output.w" in places else ()

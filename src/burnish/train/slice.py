"""The compiled unit of training: from one state to a later one, never longer than the caller's patience.

A compiled call cannot be interrupted, so training is cut into slices; the state carries everything, and results do not
depend on where it is cut. Two things make a trial a function of its seed alone: the order of rows in an epoch and the
dropout masks of a step are computed from (seed, epoch) and (seed, step).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int32

from burnish.model import ewa, kinds, losses, random_bits
from burnish.model.architecture import Architecture
from burnish.model.noise import Noise, blended
from burnish.train import augmentation, batches, optimizer, schedule, stopping
from burnish.train.augmentation import Batch
from burnish.train.hyperparameters import Hyperparameters
from burnish.train.work import Ending

# Evaluations that one slice can record; a slice ends when its record is full.
RECORD_LENGTH = 256

# Random streams of a trial.
ORDER_STREAM, NOISE_STREAM, AUGMENTATION_STREAM = 1, 2, 3

RUNNING = -1  # `State.ending` while training goes on


class Rows(NamedTuple):
    """Rows of a table, padded to `capacity` so that small tables share programs. Padding has `counted` 0."""

    x: Float[Array, "capacity d"]
    codes: Int32[Array, "capacity c"]
    y: Array  # (capacity,) int32 classes or float32 standardised numbers
    weight: Float[Array, " capacity"]  # of the row in the cost; mean 1
    counted: Float[Array, " capacity"]  # 1 for a row, 0 for padding


class Data(NamedTuple):
    """What a slice reads."""

    train: Rows
    rows: Int32[Array, ""]  # how many training rows are used
    dev: Rows
    half: Float[Array, " dev"]  # 1 where a dev row is in half A, else 0
    probe_x: Float[Array, "probe d"]  # further rows to predict with the best weights
    probe_codes: Int32[Array, "probe c"]
    # Where inputs are too many for memory: the step whose rows `train.x` begins with, one mini-batch after the other.
    # `dev.x` and `probe_x` are empty then.
    first: Int32[Array, ""] | None = None


class State(NamedTuple):
    """Everything that the next step needs."""

    params: Any
    averages: tuple[Any, Any]
    statistics: Any  # batch norm's averages, uncorrected
    step: Int32[Array, ""]  # steps done
    ending: Int32[Array, ""]
    best_params: Any
    best_statistics: Any  # corrected, ready for evaluation
    best_loss: Float[Array, ""]
    best_epoch: Int32[Array, ""]
    half_best: Float[Array, 2]  # lowest dev cost so far on half A, on half B
    dev_output: Float[Array, "dev output"]  # cross-fitted: see Outcome.dev
    epoch_loss: Float[Array, ""]  # Σ loss over the rows of the epoch so far
    epoch_norm: Float[Array, ""]  # Σ gradient norm over its steps


class Record(NamedTuple):
    """What diagnosis wants; the next step never reads it. One row an evaluation."""

    values: Float[Array, "record 5"]  # epoch, train loss, dev loss, gradient norm, learning rate
    length: Int32[Array, ""]


class Result(NamedTuple):
    """What a slice gives back."""

    state: State
    record: Record
    probe_output: Float[Array, "probe output"]  # with the best weights; zeros where it was not asked for


def start(architecture: Architecture, params: Any, dev_rows: int) -> State:
    """The state before the first step; arrays of the host, so that it costs no compilation."""
    count: Any = np.int32
    number: Any = np.float32
    halves: Any = np.full(2, np.inf, np.float32)
    outputs: Any = np.zeros((dev_rows, architecture.outputs), np.float32)
    zeros = jax.tree.map(np.zeros_like, params)
    statistics = kinds.of(architecture).statistics(architecture)
    return State(
        params=params,
        averages=(zeros, zeros),
        statistics=statistics,
        step=count(0),
        ending=count(RUNNING),
        best_params=params,
        best_statistics=tuple({"mean": s["mean"], "variance": s["variance"] + 1} for s in statistics),
        best_loss=number(np.inf),
        best_epoch=count(0),
        half_best=halves,
        dev_output=outputs,
        epoch_loss=number(0),
        epoch_norm=number(0),
    )


def row_losses(architecture: Architecture, z: Array, y: Array, smoothing: Array | float = 0.0) -> Float[Array, " row"]:
    """Loss of each row: cross-entropy in nats, or squared error in standardised units."""
    if architecture.task == "classification":
        return losses.cross_entropy(z, y, smoothing)
    return losses.squared_error(z, y)


def batch_losses(architecture: Architecture, z: Array, batch: Batch, smoothing: Array) -> Float[Array, " row"]:
    """Loss of each row in training: of a mixture of classes the mixture of their losses, which is cross-entropy against
    shares of classes. Numbers are mixed as targets already."""
    loss = row_losses(architecture, z, batch.y, smoothing)
    if batch.mixed is None or architecture.task == "regression":
        return loss
    return blended(batch.mixed.share, loss, row_losses(architecture, z, batch.mixed.y, smoothing))


def chosen_rows(
    batch: int, seed: Array, step: Array, rows: Array, *, capacity: int, order: Array | None, per_epoch: Array
) -> tuple[Int32[Array, " batch"], Float[Array, " batch"]]:
    """Which rows make up the mini-batch of the step after `step`, and which of them count (1, else 0)."""
    epoch, index = lax.div(step, per_epoch), lax.rem(step, per_epoch)
    places, counted = batches.positions(batch, index, rows)
    if order is None:
        return random_bits.row_order(random_bits.stream(seed, ORDER_STREAM, epoch), places, rows, capacity), counted
    return order[jnp.minimum(places, capacity - 1)], counted


def epoch_order(seed: Array, step: Array, rows: Array, *, capacity: int, per_epoch: Array) -> Array | None:
    """The order of rows of the epoch that the step after `step` is in, where it comes from a sort."""
    if not random_bits.use_sort(capacity):
        return None
    return random_bits.sorted_order(random_bits.stream(seed, ORDER_STREAM, lax.div(step, per_epoch)), rows, capacity)


def rows_of_steps(
    batch: int, capacity: int, count: int, seed: Array, first: Array, rows: Array
) -> Int32[Array, "count batch"]:
    """Which rows `count` steps read that come after step `first`: what has to be handed over before they are taken."""
    per_epoch = batches.steps_per_epoch(batch, rows)

    def of(step: Array) -> Array:
        order = epoch_order(seed, step, rows, capacity=capacity, per_epoch=per_epoch)
        return chosen_rows(batch, seed, step, rows, capacity=capacity, order=order, per_epoch=per_epoch)[0]

    return lax.map(of, first + lax.iota(jnp.int32, count))


def mini_batch(
    architecture: Architecture, hp: Hyperparameters, step: Array, data: Data, *, order: Array | None, per_epoch: Array
) -> Batch:
    """The rows of the step after `step`, augmented."""
    batch, capacity = architecture.batch_size, data.train.y.shape[0]
    chosen, counted = chosen_rows(batch, hp.seed, step, data.rows, capacity=capacity, order=order, per_epoch=per_epoch)
    handed = chosen if data.first is None else (step - data.first) * batch + lax.iota(jnp.int32, batch)
    x, codes, y = data.train.x[handed], data.train.codes[chosen], data.train.y[chosen]
    made = Batch(x, codes, y, data.train.weight[chosen] * counted, counted)
    if not architecture.augmentations:
        return made
    start = random_bits.stream(hp.seed, AUGMENTATION_STREAM, step)
    return augmentation.apply(architecture.augmentations, start, made, hp.augmentation)


def gradient(
    architecture: Architecture, hp: Hyperparameters, state: State, batch: Batch, rows: Array
) -> tuple[Any, tuple[Array, Any]]:
    """Of the cost of one mini-batch, penalty included; beside it the mean loss and what the statistics gain."""
    kind = kinds.of(architecture)
    start = random_bits.stream(hp.seed, NOISE_STREAM, state.step)
    noise = Noise(start, hp.dropout, hp.input_dropout, hp.input_noise, batch.mixed)

    def cost(params: Any) -> tuple[Array, tuple[Array, Any]]:
        z, moments = kind.training(architecture, params, batch.x, batch.codes, batch.counted, noise)
        mean_loss = (batch_losses(architecture, z, batch, hp.label_smoothing) * batch.weight).sum()
        mean_loss = mean_loss / batch.counted.sum()
        penalty = 0.5 * hp.l2 / rows.astype(jnp.float32) * optimizer.squared_weights(params, kind.is_weight)
        return mean_loss + penalty, (mean_loss, moments)

    return jax.grad(cost, has_aux=True)(state.params)


def train_step(architecture: Architecture, hp: Hyperparameters, state: State, data: Data, order: Array | None) -> State:
    """One mini-batch: gather, augment, forward, backward, update.

    Batch norm's averages count a smaller last mini-batch for its rows: it stands right before the evaluation, where two
    rows with the weight of a full mini-batch would be most of what the averages say.
    """
    size, rows, kind = architecture.batch_size, data.rows, kinds.of(architecture)
    per_epoch = batches.steps_per_epoch(size, rows)
    batch = mini_batch(architecture, hp, state.step, data, order=order, per_epoch=per_epoch)
    counted = batch.counted
    gradients, (mean_loss, moments) = gradient(architecture, hp, state, batch, rows)
    norm = optimizer.global_norm(gradients)
    clipped = optimizer.kept(norm, hp.clip_norm)
    gradients = jax.tree.map(lambda g: g * clipped, gradients)
    step = state.step + 1
    rate = schedule.learning_rate(hp, step, per_epoch)
    params, averages = optimizer.update(
        state.params, gradients, state.averages, hp, step=step, rate=rate, is_weight=kind.is_weight
    )
    keep = hp.average_decay ** (counted.sum() / jnp.minimum(size, rows))
    statistics = jax.tree.map(lambda old, new: ewa.step(old, new, keep), state.statistics, moments)
    return state._replace(
        params=params,
        averages=averages,
        statistics=statistics,
        step=step,
        epoch_loss=state.epoch_loss + mean_loss * counted.sum(),
        epoch_norm=state.epoch_norm + norm,
    )


def _ending(hp: Hyperparameters, epoch: Array, best_epoch: Array, finite: Array) -> Int32[Array, ""]:
    """How training ends after this epoch, or RUNNING; a loss that is not finite outweighs the others."""
    waited = stopping.waited(epoch, best_epoch, hp.patience)
    ending = jnp.where(epoch >= hp.epochs, int(Ending.COMPLETED), RUNNING)
    ending = jnp.where(waited, int(Ending.STOPPED_EARLY), ending)
    return jnp.where(finite, ending, int(Ending.DIVERGED)).astype(jnp.int32)


def evaluate(
    architecture: Architecture, hp: Hyperparameters, state: State, data: Data, record: Record
) -> tuple[State, Record]:
    """The end of an epoch: dev cost, best weights, early and non-finite stop, one line of the record."""
    statistics = corrected(architecture, hp, state, data.rows)
    z = kinds.of(architecture).evaluation(architecture, state.params, statistics, data.dev.x, data.dev.codes)
    return judged(architecture, hp, state, data, z, record)


def corrected(architecture: Architecture, hp: Hyperparameters, state: State, rows: Array) -> Any:
    """Batch norm's averages at the end of an epoch, ready for evaluation."""
    epoch = lax.div(state.step, batches.steps_per_epoch(architecture.batch_size, rows))
    seen = epoch * (rows / jnp.minimum(architecture.batch_size, rows))
    correction = ewa.correction(hp.average_decay, seen)
    return jax.tree.map(lambda a: a * correction, state.statistics)


def judged(
    architecture: Architecture,
    hp: Hyperparameters,
    state: State,
    data: Data,
    z: Float[Array, "dev output"],
    record: Record,
) -> tuple[State, Record]:
    """What `evaluate` makes of the outputs `z` for the dev rows."""
    statistics = corrected(architecture, hp, state, data.rows)
    per_epoch = batches.steps_per_epoch(architecture.batch_size, data.rows)
    epoch = lax.div(state.step, per_epoch)
    loss = row_losses(architecture, z, data.dev.y) * data.dev.weight * data.dev.counted
    in_a, in_b = data.half * data.dev.counted, (1.0 - data.half) * data.dev.counted
    half_loss = jnp.stack([(loss * m).sum() / jnp.maximum(m.sum(), 1.0) for m in (in_a, in_b)])
    dev_loss = loss.sum() / jnp.maximum(data.dev.counted.sum(), 1.0)
    train_loss = state.epoch_loss / data.rows.astype(jnp.float32)
    better, half_better = stopping.improves(dev_loss, state.best_loss), stopping.improves(half_loss, state.half_best)
    # Rows of A take the outputs of the moment at which B was best, and the other way round.
    takes = jnp.where(data.half > 0, half_better[1], half_better[0])

    # One of two trees is handed on: a branch is quicker to compile than a choice for each leaf.
    best_params, best_statistics = lax.cond(
        better,
        lambda: (state.params, statistics),
        lambda: (state.best_params, state.best_statistics),
    )
    best_epoch = jnp.where(better, epoch, state.best_epoch)
    finite = jnp.isfinite(train_loss) & jnp.isfinite(dev_loss)
    line = jnp.stack(
        [
            epoch.astype(jnp.float32),
            train_loss,
            dev_loss,
            state.epoch_norm / per_epoch.astype(jnp.float32),
            schedule.learning_rate(hp, state.step, per_epoch),
        ]
    )
    state = state._replace(
        ending=_ending(hp, epoch, best_epoch, finite),
        best_params=best_params,
        best_statistics=best_statistics,
        best_loss=jnp.where(better, dev_loss, state.best_loss),
        best_epoch=best_epoch,
        half_best=jnp.where(half_better, half_loss, state.half_best),
        dev_output=jnp.where(takes[:, None], z, state.dev_output),
        epoch_loss=jnp.float32(0),
        epoch_norm=jnp.float32(0),
    )
    return state, Record(record.values.at[record.length].set(line), record.length + 1)


def train_slice(
    architecture: Architecture,
    hp: Hyperparameters,
    state: State,
    data: Data,
    until_step: Int32[Array, ""],
    probing: Bool[Array, ""] | bool = True,
) -> Result:
    """Train until `until_step`, an ending, or a full record, whichever comes first.

    With `probing` false the probe's outputs are zeros: for a large network they cost as much as a slice, and only the
    last ones are read. False itself leaves them out of the program.
    """
    batch, capacity = architecture.batch_size, data.train.y.shape[0]
    per_epoch = batches.steps_per_epoch(batch, data.rows)

    def going(carry: tuple[State, Record]) -> Array:
        state, record = carry
        return (state.step < until_step) & (state.ending == RUNNING) & (record.length < RECORD_LENGTH)

    def part_of_epoch(carry: tuple[State, Record]) -> tuple[State, Record]:
        state, record = carry
        epoch_end = (lax.div(state.step, per_epoch) + 1) * per_epoch
        order = epoch_order(hp.seed, state.step, data.rows, capacity=capacity, per_epoch=per_epoch)
        state = lax.fori_loop(
            state.step,
            jnp.minimum(epoch_end, until_step),
            lambda _, s: train_step(architecture, hp, s, data, order),
            state,
        )
        return lax.cond(
            state.step == epoch_end,
            lambda s, r: evaluate(architecture, hp, s, data, r),
            lambda s, r: (s, r),
            state,
            record,
        )

    record = Record(jnp.zeros((RECORD_LENGTH, 5), jnp.float32), jnp.int32(0))
    state, record = lax.while_loop(going, part_of_epoch, (state, record))
    nothing = jnp.zeros((data.probe_x.shape[0], architecture.outputs), jnp.float32)
    if probing is False:
        return Result(state, record, nothing)
    probe = lax.cond(
        probing,
        lambda s: kinds.of(architecture).evaluation(
            architecture, s.best_params, s.best_statistics, data.probe_x, data.probe_codes
        ),
        lambda _: nothing,
        state,
    )
    return Result(state, record, probe)


def train_part(
    architecture: Architecture, hp: Hyperparameters, state: State, data: Data, until_step: Int32[Array, ""]
) -> State:
    """Train until `until_step`, which lies in the same epoch, on rows that were handed over (`Data.first`).

    The steps are those of `train_slice`; evaluation is left to who has the dev rows.
    """
    capacity, per_epoch = data.train.y.shape[0], batches.steps_per_epoch(architecture.batch_size, data.rows)
    order = epoch_order(hp.seed, state.step, data.rows, capacity=capacity, per_epoch=per_epoch)
    return lax.fori_loop(state.step, until_step, lambda _, s: train_step(architecture, hp, s, data, order), state)

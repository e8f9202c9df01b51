"""Trains a subject: one compiled program for all of its trainings, whatever is changed about them.

What a probe changes flows through the program as numbers (`Change`), so that ten probes cost one compilation. The
order of rows is drawn outside it, from the seed, so that two arms of a probe see the same mini-batches and the same
random keys.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, Int32, PyTree
from numpy.typing import NDArray

from burnish.doctor.subject import Rows, Subject

# Rows on which arms are compared and scales are read: the least with which a unit that never fires is one with 95 %
# confidence at most once in 670 rows (rule of three).
GAUGE_ROWS = 2000
# Steps of one call of the program: a training of any length is made of such stretches.
STRETCH = 64
# Rows of one evaluation, so that large tables need no large arrays.
CHUNK = 4096


class Change(NamedTuple):
    """What a probe changes about a training; `NOTHING` changes nothing, to the last bit."""

    rate: Any = 1.0  # times the updates: any learning rate, whatever the optimiser
    warm_up: Any = 0.0  # share of the training over which they grow to that
    decay: Any = 0.0  # 1: they shrink to 0 at the end, along half a cosine
    penalty: Any = 1.0  # times what regularisation adds
    shift: Any = 0.0  # inputs become (x − shift)·scale
    scale: Any = 1.0
    target_shift: Any = 0.0  # and targets, for numbers
    target_scale: Any = 1.0

    def factor(self, step: Any, total: Any) -> Any:
        """What the updates of a step are times, of a training of so many."""
        done = step / total
        grown = jnp.where(done < self.warm_up, (step + 1) / (self.warm_up * total + 1), 1.0)
        return self.rate * grown * (1.0 - self.decay * (1.0 - jnp.cos(jnp.pi * done)) / 2.0)

    def inputs(self, x: Array) -> Array:
        """Inputs as they are trained on; whole numbers (codes, tokens) are no measurements, and left alone."""
        return (x - self.shift) * self.scale if jnp.issubdtype(x.dtype, jnp.floating) else x

    def targets(self, y: Array) -> Array:
        """Targets as they are trained on; classes are left alone."""
        return (y - self.target_shift) * self.target_scale if jnp.issubdtype(y.dtype, jnp.floating) else y


NOTHING = Change()


class Training(NamedTuple):
    """Where a training stands."""

    params: PyTree
    optimizer: Any
    step: int


class Trace(NamedTuple):
    """What each step of a stretch of training showed; arrays of shape (steps,)."""

    loss: NDArray[np.float32]  # of the mini-batch, penalty included
    gradient_norm: NDArray[np.float32]
    update_ratio: NDArray[np.float32]  # ‖Δθ‖ / ‖θ‖


class Lab:
    """Trains and evaluates one subject; programs are compiled once.

    Args:
        subject: To train.
        like: A lab whose programs serve here too, where the subjects differ in rows, order, seed or epochs alone.
    """

    def __init__(self, subject: Subject, like: Lab | None = None) -> None:
        self.subject = subject
        self._x, self._y = jnp.asarray(subject.train.x), jnp.asarray(subject.train.y)
        self._programs: tuple[Callable[..., Any], ...]
        if like is not None and program(subject) == program(like.subject):
            self._programs = like._programs
        else:
            self._programs = (
                jax.jit(partial(_stretch, subject)),
                jax.jit(subject.apply),
                jax.jit(lambda params, x, y: subject.row_losses(subject.apply(params, x), y)),
            )
        self._stretch, self._outputs, self._rows = self._programs
        alike = like is not None and (subject.init, subject.optimizer) == (like.subject.init, like.subject.optimizer)
        self._begin: Callable[[Array], Training] = like._begin if like is not None and alike else _beginning(subject)

    @cached_property
    def gauge(self) -> Rows:
        """Training rows on which scales are read and arms compared: the first of a fixed random order."""
        rows = len(self.subject.train)
        return self.subject.train.take(np.random.default_rng(0).permutation(rows)[:GAUGE_ROWS])

    def start(self, seed: int = 0) -> Training:
        """Before the first step."""
        return self._begin(jax.random.key(self.subject.seed + seed))._replace(step=0)

    def order(self, steps: range, seed: int = 0) -> tuple[Int32[NDArray, "step place"], Float[NDArray, "step place"]]:
        """Rows of each step's mini-batch, and which places count: the last one of an epoch may be smaller."""
        subject = self.subject
        rows, per_epoch = len(subject.train), subject.per_epoch
        size = min(subject.batch_size, rows)
        padded = np.zeros((2, len(steps), size), np.int32)
        orders: dict[int, NDArray[np.integer]] = {}
        for place, step in enumerate(steps):
            epoch, index = divmod(step, per_epoch)
            if epoch not in orders:
                drawn = np.random.default_rng((subject.seed + seed, epoch)).permutation(rows)
                orders = {epoch: drawn if subject.shuffle else np.arange(rows)}
            chosen = orders[epoch][index * size : (index + 1) * size]
            padded[0, place, : len(chosen)], padded[1, place, : len(chosen)] = chosen, 1
        return padded[0], padded[1].astype(np.float32)

    def train(
        self, training: Training, steps: int, *, change: Change = NOTHING, seed: int = 0
    ) -> tuple[Training, Trace]:
        """So many further steps; a smaller last mini-batch is filled up by its own rows, in their order."""
        key = jax.random.fold_in(jax.random.key(self.subject.seed + seed), 1)
        params, optimizer, step = training
        records = [np.empty((0, 3), np.float32)]
        for first in range(step, step + steps, STRETCH):
            count = min(STRETCH, step + steps - first)
            chosen, counted = self.order(range(first, first + STRETCH), seed)
            sizes = counted.sum(axis=1).astype(np.int32)
            filled = np.take_along_axis(chosen, np.arange(chosen.shape[1])[None] % sizes[:, None], axis=1)
            params, optimizer, record = self._stretch(
                params, optimizer, self._x, self._y, filled, key, (first, count, self.subject.steps), change
            )
            records.append(np.asarray(record)[:count])
        return Training(params, optimizer, step + steps), Trace(*np.concatenate(records).T)

    def outputs(self, params: PyTree, rows: Rows, change: Change = NOTHING) -> NDArray[np.float32]:
        """Outputs in evaluation mode, of the inputs as the change makes them."""
        parts = [
            np.asarray(self._outputs(params, change.inputs(jnp.asarray(rows.x[i : i + CHUNK]))))
            for i in range(0, len(rows), CHUNK)
        ]
        return np.concatenate(parts)

    def losses(self, params: PyTree, rows: Rows, change: Change = NOTHING) -> NDArray[np.float64]:
        """Loss of each row in evaluation mode, shape (rows,); in the changed targets' units."""
        parts = [
            np.asarray(
                self._rows(
                    params,
                    change.inputs(jnp.asarray(rows.x[i : i + CHUNK])),
                    change.targets(jnp.asarray(rows.y[i : i + CHUNK])),
                )
            )
            for i in range(0, len(rows), CHUNK)
        ]
        return np.concatenate(parts).astype(np.float64)

    def errors(self, params: PyTree, rows: Rows, change: Change = NOTHING) -> NDArray[np.float64]:
        """0 or 1, or the squared error in the targets' own units, of each row; shape (rows,)."""
        found = self.outputs(params, rows, change)
        if self.subject.kind == "regression":
            found = found / np.asarray(change.target_scale) + np.asarray(change.target_shift)
        return self.subject.row_errors(found, rows.y)


def _beginning(subject: Subject) -> Callable[[Array], Training]:
    """Initial parameters and state of the optimiser from a key; compiled where the key is all that they depend on."""

    def begin(key: Array) -> Training:
        params = jax.tree.map(jnp.asarray, subject.init(key))
        return Training(params, subject.optimizer.init(params), 0)

    once, again = (jax.tree.leaves(begin(jax.random.key(subject.seed)).params) for _ in range(2))
    repeatable = all(bool(jnp.all((a == b) | (a != a))) for a, b in zip(once, again, strict=True))
    return jax.jit(begin) if repeatable else begin


def program(subject: Subject) -> tuple[Any, ...]:
    """What of a subject is compiled."""
    return (subject.apply, subject.loss, subject.optimizer, subject.apply_training, subject.augment, subject.penalty,
            subject.gradient)  # fmt: skip


def _stretch(
    subject: Subject,
    params: PyTree,
    optimizer: Any,
    x: Array,
    y: Array,
    chosen: Int32[Array, "step place"],
    key: Array,
    span: tuple[Int32[Array, ""], Int32[Array, ""], Int32[Array, ""]],
    change: Change,
) -> tuple[PyTree, Any, Float[Array, "step 3"]]:
    """The first steps of `chosen`: from which step on, how many, and of how many in all, `span` says."""
    begin, count, total = span

    def one(place: Array, carry: tuple[PyTree, Any, Array]) -> tuple[PyTree, Any, Array]:
        params, optimizer, record = carry
        once, rows = jax.random.fold_in(key, begin + place), chosen[place]
        inputs = x[rows]
        if subject.augment is not None:  # of the inputs as they are: noise must not shrink or grow with their scale
            inputs = subject.augment(inputs, jax.random.fold_in(once, 1))
        inputs, targets = change.inputs(inputs), change.targets(y[rows])

        def cost(params: PyTree) -> Array:
            return subject.objective(params, inputs, targets, once, change.penalty)

        value, gradients = jax.value_and_grad(cost)(params)
        if subject.gradient is not None:
            gradients = subject.gradient(params, inputs, targets, once)
        updates, optimizer = subject.optimizer.update(gradients, optimizer, params)
        factor = change.factor(begin + place, total)
        updates = jax.tree.map(lambda u: (u * factor).astype(u.dtype), updates)
        ratio = optax.tree.norm(updates) / jnp.maximum(optax.tree.norm(params), jnp.finfo(jnp.float32).tiny)
        line = jnp.stack([value, optax.tree.norm(gradients), ratio]).astype(jnp.float32)
        return optax.apply_updates(params, updates), optimizer, record.at[place].set(line)

    record = jnp.zeros((chosen.shape[0], 3), jnp.float32)
    return lax.fori_loop(0, count, one, (params, optimizer, record))

"""Trains a subject: one compiled program for all of its trainings, whatever is changed about them.

What a probe changes flows through the program as numbers (`Change`), so that ten probes cost one compilation. The
order of rows is drawn outside it, from the seed, so that two arms of a probe see the same mini-batches and the same
random keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from threading import Lock
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, Int32, PyTree
from numpy.typing import NDArray

from burnish.doctor import anatomy, equations, optimisers
from burnish.doctor.subject import Rows, Subject

# Rows on which arms are compared and scales are read: the least with which a unit that never fires is one with 95 %
# confidence at most once in 670 rows (rule of three).
GAUGE_ROWS = 2000
# Bytes of what layers give out, of all these rows together, above which fewer are taken, and how few: reading scales
# takes two to three times as much memory, and images have a megabyte a row and layer.
GAUGE_BYTES, GAUGE_FEWEST = 1 << 30, 64
# Steps of one call of the program: a training of any length is made of such stretches.
STRETCH = 64
# Rows of one evaluation, so that large tables need no large arrays.
CHUNK = 4096
# What is run a few times is compiled with little care: a third of the time, where compiling is most of an examination
# (a perceptron of four layers: starting weights 0.6 in place of 1.8 s on one core, and no slower to draw).
QUICKLY: dict[str, bool | int | str] = {"xla_backend_optimization_level": 0}


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
    # Part of each weight that a step takes away besides: decoupled decay (Loshchilov, Hutter 2019). None: nothing, by
    # a program without it.
    shrink: Any = None

    def factor(self, step: Any, total: Any) -> Any:
        """What the updates of a step are times, of a training of so many."""
        done = step / total
        grown = jnp.where(done < self.warm_up, (step + 1) / (self.warm_up * total + 1), 1.0)
        return self.rate * grown * (1.0 - self.decay * (1.0 - jnp.cos(jnp.pi * done)) / 2.0)

    def inputs(self, x: Any) -> Any:
        """Inputs as they are trained on; whole numbers (codes, tokens) are no measurements, and left alone."""
        return (x - self.shift) * self.scale if jnp.issubdtype(x.dtype, jnp.floating) else x

    def targets(self, y: Any) -> Any:
        """Targets as they are trained on; classes are left alone."""
        return (y - self.target_shift) * self.target_scale if jnp.issubdtype(y.dtype, jnp.floating) else y

    def rows(self, rows: Rows) -> Rows:
        """Both, on the host: JAX would compile each operation by itself."""
        return replace(rows, x=self.inputs(rows.x), y=self.targets(rows.y))

    def alike(self, subject: Subject) -> Change:
        """The same in arrays of one shape and type, whatever it changes, so that one program serves for all changes.

        The rate and the penalty are times those that the subject has already.
        """
        x, y = subject.train.x, subject.train.y
        usual = self._replace(rate=self.rate * subject.rate, penalty=self.penalty * subject.penalised)
        return Change(
            **{
                name: np.broadcast_to(np.asarray(value, _floating(wide)), wide.shape[1:])
                for name, value, wide in (
                    ("shift", self.shift, x),
                    ("scale", self.scale, x),
                    ("target_shift", self.target_shift, y),
                    ("target_scale", self.target_scale, y),
                )
            },
            **{name: np.float32(getattr(usual, name)) for name in ("rate", "warm_up", "decay", "penalty")},
            shrink=None if self.shrink is None else np.float32(self.shrink),
        )


def _floating(values: NDArray[Any]) -> Any:
    """The type in which these values are shifted: their own as JAX has it; float32 for whole numbers, which stay."""
    return jax.dtypes.canonicalize_dtype(values.dtype) if jnp.issubdtype(values.dtype, jnp.floating) else np.float32


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


class Programs:
    """What has been compiled in an examination: each program once for the functions that it is made of."""

    def __init__(self) -> None:
        self.rows = 0  # that all trainings together have gone over: what an examination costs, whatever the clock says
        self._counting, self._making = Lock(), Lock()
        self._made: list[tuple[tuple[Any, ...], Callable[..., Any]]] = []
        self._put: list[tuple[Rows, tuple[Array, Array]]] = []

    def count(self, rows: int) -> None:
        """Add what one training goes over; several train at once."""
        with self._counting:
            self.rows += rows

    def on_device(self, rows: Rows) -> tuple[Array, Array]:
        """Inputs and targets of these very rows, put there once for all trainings of an examination."""
        known = next((arrays for one, arrays in self._put if one is rows), None)
        if known is None:
            known = jnp.asarray(rows.x), jnp.asarray(rows.y)
            self._put.append((rows, known))
        return known

    def of(self, parts: tuple[Any, ...], make: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
        """The program of these parts: its name, and what tells it from others of that name.

        Args:
            parts: Compared by `==`; a person's functions need not be hashable.
            make: Makes it, where there is none yet.
        """
        with self._making:
            known = next((program for key, program in self._made if key == parts), None)
            if known is None:
                known = make()
                self._made.append((parts, known))
        return known


class Lab:
    """Trains and evaluates one subject; programs are compiled once.

    Args:
        subject: To train.
        programs: Those of other labs, which serve here too where the functions are the same.
    """

    def __init__(self, subject: Subject, programs: Programs | None = None) -> None:
        self.subject, self.programs = subject, Programs() if programs is None else programs
        self._x, self._y = self.programs.on_device(subject.train)
        init, optimizer, made = subject.init, subject.optimizer, self.programs
        self._stretch = made.of(("stretch", *program(subject)), lambda: _training(subject))
        self._evaluate = made.of(
            ("evaluate", subject.apply, subject.loss), lambda: jax.jit(partial(_evaluate, subject))
        )
        self._init = made.of(("init", init), lambda: _drawing(init, subject.seed))
        self._state = made.of(("state", optimizer), lambda: quick(optimizer.init))
        # One update by the optimiser, of gradients, state and parameters; not times the subject's own rate.
        self.update = made.of(("update", optimizer), lambda: quick(partial(optimisers.update, optimizer)))
        # Outputs on a few rows, in evaluation mode.
        self.apply = made.of(("apply", subject.apply), lambda: quick(subject.apply))

    @cached_property
    def taps(self) -> list[jax.ShapeDtypeStruct]:
        """What each layer gives out of one row."""
        params = jax.eval_shape(self.subject.init, jax.random.key(0))
        found: list[jax.ShapeDtypeStruct] = jax.eval_shape(
            partial(anatomy.empty_taps, self.subject.apply), params, self.subject.train.x[:1]
        )
        return found

    @cached_property
    def gauge(self) -> Rows:
        """Training rows on which scales are read and arms compared: the first of a fixed random order."""
        subject = self.subject
        wide = sum(tap.size * tap.dtype.itemsize for tap in self.taps)
        most = min(GAUGE_ROWS, max(GAUGE_FEWEST, GAUGE_BYTES // max(wide, 1)))
        return subject.train.take(np.random.default_rng(0).permutation(len(subject.train))[:most])

    def start(self, seed: int = 0) -> Training:
        """Before the first step."""
        params = self._init(jax.random.key(self.subject.seed + seed))
        return Training(params, self._state(params), 0)

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
        self.programs.count(steps * min(self.subject.batch_size, len(self.subject.train)))
        records: list[Any] = [np.empty((0, 3), np.float32)]
        alike = change.alike(self.subject)
        for first in range(step, step + steps, STRETCH):
            count = min(STRETCH, step + steps - first)
            chosen, counted = self.order(range(first, first + STRETCH), seed)
            sizes = counted.sum(axis=1).astype(np.int32)
            filled = np.take_along_axis(chosen, np.arange(chosen.shape[1])[None] % sizes[:, None], axis=1)
            drawn, span = Drawn(self._x, self._y, filled, key), Span(first, count, self.subject.steps)
            params, optimizer, record = self._stretch(params, optimizer, drawn, span, alike)
            records.append(record)  # fetched below: the next stretch need not wait for it
        lines = np.concatenate([np.asarray(record) for record in jax.device_get(records)])[:steps]
        return Training(params, optimizer, step + steps), Trace(*lines.T)

    def outputs(self, params: PyTree, rows: Rows, change: Change = NOTHING) -> NDArray[np.float32]:
        """Outputs in evaluation mode, of the inputs as the change makes them."""
        return np.concatenate([outputs for outputs, _ in self._parts(params, change.rows(rows))])

    def losses(self, params: PyTree, rows: Rows, change: Change = NOTHING) -> NDArray[np.float64]:
        """Loss of each row in evaluation mode, shape (rows,); in the changed targets' units."""
        return np.concatenate([losses for _, losses in self._parts(params, change.rows(rows))]).astype(np.float64)

    def _parts(self, params: PyTree, rows: Rows) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Outputs and losses, of `CHUNK` rows at a time."""
        for first in range(0, len(rows), CHUNK):
            part = rows.take(slice(first, first + CHUNK))
            outputs, losses = self._evaluate(params, part.x, part.y)
            yield np.asarray(outputs), np.asarray(losses)

    def errors(self, params: PyTree, rows: Rows, change: Change = NOTHING) -> NDArray[np.float64]:
        """0 or 1, or the squared error in the targets' own units, of each row; shape (rows,)."""
        found = self.outputs(params, rows, change)
        if self.subject.kind == "regression":
            found = found / np.asarray(change.target_scale) + np.asarray(change.target_shift)
        return self.subject.row_errors(found, rows.y)


def quick(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled to be run a few times."""
    return jax.jit(lambda *arguments: function(*arguments), compiler_options=QUICKLY)


def _evaluate(subject: Subject, params: PyTree, x: Array, y: Array) -> tuple[Array, Array]:
    outputs = subject.apply(params, x)
    return outputs, subject.row_losses(outputs, y)


def _drawing(init: Callable[[Array], PyTree], seed: int) -> Callable[[Array], PyTree]:
    """Initial parameters from a key; compiled where the key is all that they depend on."""

    def arrays(key: Array) -> PyTree:
        return jax.tree.map(jnp.asarray, init(key))

    return quick(arrays) if equations.repeatable(arrays, jax.random.key(seed)) else arrays


def program(subject: Subject) -> tuple[Any, ...]:
    """What of a subject is compiled."""
    return (subject.apply, subject.loss, subject.optimizer, subject.apply_training, subject.augment, subject.penalty,
            subject.gradient, subject.state)  # fmt: skip


def _training(subject: Subject) -> Callable[..., Any]:
    """The program that trains a stretch. On processors XLA's convolutions are 15 times slower in a compiled loop.

    Measured on two of 3 × 3 of 64 images of 28 × 28: 115 ms a step in the loop, 7.3 ms outside it.
    """
    shapes = jax.eval_shape(subject.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((1, *subject.train.x.shape[1:]), jax.dtypes.canonicalize_dtype(subject.train.x.dtype))
    if jax.default_backend() == "cpu" and "conv_general_dilated" in equations.primitives(subject.apply, shapes, x):
        return partial(_stepwise, jax.jit(partial(_step, subject)))
    return jax.jit(partial(_stretch, subject))


class Span(NamedTuple):
    """Which steps of a training a stretch is."""

    begin: Any
    count: Any
    total: Any  # steps of the whole training


class Drawn(NamedTuple):
    """Rows, the mini-batches drawn from them, and the key of the training's random numbers."""

    x: Array
    y: Array
    chosen: Any  # (steps, places)
    key: Array


def _stretch(
    subject: Subject, params: PyTree, optimizer: Any, drawn: Drawn, span: Span, change: Change
) -> tuple[PyTree, Any, Float[Array, "step 3"]]:
    """The first steps of `drawn`, in one program."""

    def one(place: Array, carry: tuple[PyTree, Any, Array]) -> tuple[PyTree, Any, Array]:
        params, optimizer, record = carry
        params, optimizer, line = _step(subject, params, optimizer, drawn, span, change, place)
        return params, optimizer, record.at[place].set(line)

    record = jnp.zeros((drawn.chosen.shape[0], 3), jnp.float32)
    return lax.fori_loop(0, span.count, one, (params, optimizer, record))


def _stepwise(
    step: Callable[..., Any], params: PyTree, optimizer: Any, drawn: Drawn, span: Span, change: Change
) -> tuple[PyTree, Any, list[Float[Array, " number"]]]:
    """The same by one call for each step; to stack what they show would be another program to compile."""
    lines = []
    for place in range(span.count):
        params, optimizer, line = step(params, optimizer, drawn, span, change, np.int32(place))
        lines.append(line)
    return params, optimizer, lines


def _step(
    subject: Subject, params: PyTree, optimizer: Any, drawn: Drawn, span: Span, change: Change, place: Any
) -> tuple[PyTree, Any, Float[Array, " number"]]:
    """One update, and what it showed: loss, gradient's norm, and the update's over that of the parameters."""
    once, rows = jax.random.fold_in(drawn.key, span.begin + place), drawn.chosen[place]
    inputs = drawn.x[rows]
    if subject.augment is not None:  # of the inputs as they are: noise must not shrink or grow with their scale
        inputs = subject.augment(inputs, jax.random.fold_in(once, 1))
    inputs, targets = change.inputs(inputs), change.targets(drawn.y[rows])

    def cost(params: PyTree) -> tuple[Array, PyTree]:
        outputs, after = subject.trained(params, inputs, once)
        return subject.cost(outputs, targets, params, change.penalty), after

    (value, after), gradients = jax.value_and_grad(cost, has_aux=True)(params)
    if subject.gradient is not None:
        gradients = subject.gradient(params, inputs, targets, once)
    gradients = subject.learned(gradients)
    updates, optimizer = optimisers.update(subject.optimizer, gradients, optimizer, params, value)
    factor = change.factor(span.begin + place, span.total)
    updates = jax.tree.map(lambda u: (u * factor).astype(u.dtype), updates)
    if change.shrink is not None:
        updates = subject.shrunk(updates, params, change.shrink)
    ratio = optax.tree.norm(updates) / jnp.maximum(optax.tree.norm(params), jnp.finfo(jnp.float32).tiny)
    line = jnp.stack([value, optax.tree.norm(gradients), ratio]).astype(jnp.float32)
    return subject.carried(optax.apply_updates(params, updates), after), optimizer, line

"""What is examined: a network, how it learns, and the rows it learns from, all in a person's own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree
from numpy.typing import NDArray

from burnish import errors
from burnish.diagnosis.data_rules.rows import one_of_each
from burnish.doctor import optimisers, targets

Task = Literal["classification", "regression"]

# Kinds of NumPy types that JAX does not compute with: objects, text, bytes, dates.
NO_NUMBERS = "OUSmM"
# Dev rows without whose number a mean has no interval.
FEWEST_DEV = 2


@dataclass(frozen=True, slots=True)
class Rows:
    """Inputs and targets; the first axis of both is the row."""

    x: NDArray[Any]
    y: NDArray[Any]
    groups: NDArray[np.int64] | None = (
        None  # rows of one number belong together, in both parts; None: each is by itself
    )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def apart(self) -> Rows:
        """One row of each group, drawn at random, for tests that take rows for independent ones."""
        return self if self.groups is None else self.take(one_of_each(self.groups, 0))

    def take(self, places: NDArray[np.integer] | slice) -> Rows:
        """Some of the rows."""
        return Rows(self.x[places], self.y[places], None if self.groups is None else self.groups[places])


@dataclass(frozen=True, slots=True)
class Subject:
    """A training as its writer would describe it. Functions are pure JAX functions.

    Args:
        init: `init(key) -> params`, any tree of arrays.
        apply: `apply(params, x) -> outputs` in evaluation mode, one output row for each row of x.
        loss: `loss(outputs, y)`: one number for each row, or their mean.
        optimizer: An optax transformation, learning rate and all.
        train: Rows that it learns from.
        dev: Rows that it does not learn from.
        batch_size: Rows of a mini-batch.
        epochs: Passes over the training rows.
        shuffle: Whether each epoch has an order of its own.
        apply_training: `apply_training(params, x, key) -> outputs`: with dropout, for one. None: `apply`.
            Where there is a state: `-> (outputs, params)`, with the state as these rows leave it.
        augment: `augment(x, key) -> x`, on each mini-batch. None: nothing is changed.
        penalty: `penalty(params)`: what regularisation adds to the mean loss.
        gradient: `gradient(params, x, y, key)`: a tree like params; None: `jax.grad` of mean loss plus penalty.
        task: None: classification where the targets are whole numbers of an integer type, booleans, one-hot rows, or 0
            and 1 that the loss takes for classes.
        frozen: Beginnings of names of parameters that are meant to stay as they are, such as "['encoder']".
        state: Beginnings of names of what in params is carried from step to step and not learned, such as the running
            averages of batch norm in "['batch_stats']".
        seed: Of the first training; further ones count on from there.
        rate: Times the updates: a number, so that a cured training needs no program of its own.
        penalised: Times the penalty, likewise.
        threshold: Of a single output, above which it says the second of two classes; None: `understood` asks the loss.
    """

    init: Callable[[Array], PyTree]
    apply: Callable[[PyTree, Array], Array]
    loss: Callable[[Array, Array], Array]
    optimizer: optax.GradientTransformation
    train: Rows
    dev: Rows
    batch_size: int = 32
    epochs: int = 10
    shuffle: bool = True
    apply_training: Callable[[PyTree, Array, Array], Any] | None = None
    augment: Callable[[Array, Array], Array] | None = None
    penalty: Callable[[PyTree], Array] | None = None
    gradient: Callable[[PyTree, Array, Array, Array], PyTree] | None = None
    task: Task | None = None
    frozen: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    seed: int = 0
    rate: float = 1.0
    penalised: float = 1.0
    threshold: float | None = None

    @property
    def kind(self) -> Task:
        """The task, given or told by the targets' type; `understood` looks closer, and gives it."""
        if self.task is not None:
            return self.task
        whole = self.train.y.dtype == np.bool_ or np.issubdtype(self.train.y.dtype, np.integer)
        return "classification" if whole else "regression"

    @property
    def several(self) -> bool:
        """Whether a row has several labels: a class at each place, or yes or no for each output; once `understood`."""
        return self.kind == "classification" and self.train.y.ndim > 1

    @property
    def parting(self) -> float:
        """The threshold of a single output; that of a logit as long as nobody asked."""
        return targets.LOGIT if self.threshold is None else self.threshold

    @property
    def per_epoch(self) -> int:
        """Mini-batches of an epoch; the last one may be smaller."""
        return -(-len(self.train) // self.batch_size)

    @property
    def steps(self) -> int:
        """Updates of the whole training."""
        return self.epochs * self.per_epoch

    def trained(self, params: PyTree, x: Array, key: Array) -> tuple[Array, PyTree]:
        """Outputs in training mode, and the parameters with the state as these rows leave it."""
        if self.apply_training is None:
            return self.apply(params, x), params
        found = self.apply_training(params, x, key)
        return found if self.state else (found, params)

    def outputs(self, params: PyTree, x: Array, key: Array) -> Array:
        """Outputs in training mode."""
        return self.trained(params, x, key)[0]

    def cost(self, outputs: Array, y: Array, params: PyTree, penalty: Array | float = 1.0) -> Array:
        """What training lowers, with the penalty times a factor."""
        mean = jnp.mean(self.loss(outputs, y))
        return mean if self.penalty is None else mean + penalty * self.penalty(params)

    def objective(self, params: PyTree, x: Array, y: Array, key: Array, penalty: Array | float = 1.0) -> Array:
        """The cost of these rows."""
        return self.cost(self.outputs(params, x, key), y, params, penalty)

    def carried(self, params: PyTree, state: PyTree) -> PyTree:
        """The parameters with the state of another tree of them."""
        return self._with_state(lambda _, carried: carried, params, state)

    def learned(self, gradients: PyTree) -> PyTree:
        """Gradients of what is learned: those of the state are 0."""
        return self._with_state(jnp.zeros_like, gradients)

    def shrunk(self, updates: PyTree, params: PyTree, part: Any) -> PyTree:
        """Updates that take this part of each weight away, too: of matrices that are learned, no biases or scales."""

        def one(path: Any, update: Any, leaf: Any) -> Any:
            spared = leaf.ndim < 2 or jax.tree_util.keystr(path).startswith((*self.frozen, *self.state))
            return update if spared else (update - part * leaf).astype(update.dtype)

        return jax.tree_util.tree_map_with_path(one, updates, params)

    def _with_state(self, made: Callable[..., Any], tree: PyTree, *others: PyTree) -> PyTree:
        """A tree like the parameters, what is state replaced by what is made of it."""
        if not self.state:
            return tree

        def one(path: Any, leaf: Any, *more: Any) -> Any:
            return made(leaf, *more) if jax.tree_util.keystr(path).startswith(self.state) else leaf

        return jax.tree_util.tree_map_with_path(one, tree, *others)

    def rewritten(self, **functions: Any) -> Subject:
        """With other functions for network, loss or penalty: a gradient of a person's own is of those that were."""
        return replace(self, **functions, gradient=None)

    def with_outputs(self, made: Callable[[Array], Array]) -> Subject:
        """The network with something made of its outputs, in training too."""
        apply, training = self.apply, self.apply_training

        def trained(params: PyTree, x: Array, key: Array) -> Any:
            outputs, after = self.trained(params, x, key)
            return (made(outputs), after) if self.state else made(outputs)

        return self.rewritten(
            apply=lambda params, x: made(apply(params, x)),
            apply_training=None if training is None else trained,
        )

    def row_losses(self, outputs: Array, y: Array) -> Array:
        """Loss of each row by itself, shape (rows,), whether or not the person's loss takes a mean."""
        found = self.loss(outputs, y)
        if found.shape == (outputs.shape[0],):
            return found
        return jax.vmap(lambda z, t: jnp.mean(self.loss(z[None], t[None])))(outputs, y)

    def row_errors(self, outputs: NDArray[np.floating], y: NDArray[Any]) -> NDArray[np.float64]:
        """0 or 1 for classes, of several labels the share that is wrong, the squared error for numbers; shape (rows,).

        For a subject that is `understood`.
        """
        if self.kind == "regression":
            wide = np.asarray(outputs, np.float64).reshape(len(y), -1) - np.asarray(y, np.float64).reshape(len(y), -1)
            return np.square(wide).mean(axis=1)
        if self.several:
            z = np.asarray(outputs)
            return targets.wrong_labels(np.argmax(z, axis=-1) if z.ndim > y.ndim else z > self.parting, y)
        flat = np.asarray(outputs).reshape(len(y), -1)
        said = np.argmax(flat, axis=1) if flat.shape[1] > 1 else (flat[:, 0] > self.parting).astype(int)
        return (said != np.asarray(y).reshape(len(y))).astype(np.float64)

    def understood(self) -> Subject:
        """The same with classes as whole numbers from 0 on, whatever form the targets have; the loss gets its own form.

        Raises:
            ConfigError: As of `check`.
        """
        outputs = self._outputs()
        if self.threshold is not None:
            return self
        reading = self._reading(outputs)
        found = replace(self, task=reading.task, threshold=reading.threshold)
        if reading.codes is None or (original := reading.original) is None:
            return found
        train, dev = reading.codes
        gradient, loss = self.gradient, self.loss
        return replace(
            found,
            loss=lambda outputs, y: loss(outputs, original(y)),
            gradient=None if gradient is None else lambda params, x, y, key: gradient(params, x, original(y), key),
            train=replace(self.train, y=train),
            dev=replace(self.dev, y=dev),
        )

    def check(self, *, judged: bool = True) -> None:
        """Refuse what cannot be trained at all.

        Args:
            judged: Whether errors are told, so that targets and outputs have to be in a form that has some.

        Raises:
            ConfigError: Shapes disagree, a function fails on its arguments, or targets and outputs are in a form that
                is not judged; the message says which.
        """
        outputs = self._outputs()
        if judged and self.threshold is None:
            self._reading(outputs)

    def _reading(self, outputs: jax.ShapeDtypeStruct) -> targets.Reading:
        return targets.read(targets.Asked(self.train.y, self.dev.y, outputs.shape, self.row_losses), self.task)

    def _outputs(self) -> jax.ShapeDtypeStruct:
        """Shape and type of the outputs of a few rows, once all functions were tried on them."""
        for part, rows in (("training", self.train), ("dev", self.dev)):
            _numeric(part, rows)
            if len(rows.x) != len(rows.y) or len(rows) == 0:
                raise errors.ConfigError(
                    f"There are {len(rows.x)} {part} inputs and {len(rows.y)} targets.",
                    "There is one target for each row, and at least one row.",
                    "Give arrays of equal length.",
                )
        if len(self.dev) < FEWEST_DEV:
            raise errors.ConfigError(
                f"There are {len(self.dev)} dev rows.",
                f"An error has no interval from fewer than {FEWEST_DEV}.",
                "Give the rows on which the network is judged.",
            )
        if self.seed < 0:
            raise errors.ConfigError(
                f"seed is {self.seed}.", "Random numbers need one from 0 on.", "Leave it out, or give 0."
            )
        if self.batch_size < 1 or self.epochs < 1:
            raise errors.ConfigError(
                f"{self.epochs} epochs in mini-batches of {self.batch_size} are no training.",
                "Both are at least 1.",
                "Give the numbers that your own loop uses.",
            )
        few = min(len(self.train), 4)
        x, y = jnp.asarray(self.train.x[:few]), jnp.asarray(self.train.y[:few])
        params = _shape("init(key)", self.init, jax.random.key(0))
        _trainable(params, self.frozen, self.state)
        if self.state:
            self._carries(params, x)
        outputs = _shape("apply(params, x)", self.apply, params, x)
        if not getattr(outputs, "shape", ()) or outputs.shape[0] != few:
            raise errors.ConfigError(
                f"apply(params, x) gives {getattr(outputs, 'shape', type(outputs).__name__)} for {few} rows.",
                "Its first axis is the row.",
                "Return one array with one row of outputs for each row of x.",
            )
        found = _shape("loss(outputs, y)", self.loss, outputs, y)
        if found.shape not in ((), (few,)):
            raise errors.ConfigError(
                f"loss(outputs, y) has the shape {found.shape} for {few} rows.",
                "It is one number for each row, or one number.",
                "Sum over the outputs of a row, or take the mean.",
            )
        _updates(self.optimizer, params)
        return jax.ShapeDtypeStruct(outputs.shape, outputs.dtype)

    def _carries(self, params: PyTree, x: Array) -> None:
        """Refuse a training mode that does not hand its state on."""
        if self.apply_training is None:
            raise errors.ConfigError(
                f"There is a state, {', '.join(self.state)}, and no apply_training.",
                "A state changes in training, by what apply_training(params, x, key) returns beside the outputs.",
                "Give apply_training, or name in frozen what stays.",
            )
        found = _shape("apply_training(params, x, key)", self.apply_training, params, x, jax.random.key(0))
        pair = isinstance(found, tuple) and len(found) == 2
        if not pair or _forms(found[1]) != _forms(params):
            raise errors.ConfigError(
                f"apply_training(params, x, key) returns {'another tree than params' if pair else 'no pair'}.",
                "Where there is a state it returns (outputs, params), and params has the same tree, shapes and types.",
                "Return the params that came in, with the new state in its place.",
            )


def _numeric(part: str, rows: Rows) -> None:
    """Refuse what is no array of numbers: a dictionary, strings, dates."""
    for name, values in (("inputs", rows.x), ("targets", rows.y)):
        if values.ndim == 0 or values.dtype.kind in NO_NUMBERS:
            raise errors.ConfigError(
                f"The {part} {name} are an array of type {values.dtype} and shape {values.shape}.",
                "Inputs and targets are one array of numbers each, and its first axis is the row.",
                "Give several arrays as columns of one, and classes as whole numbers from 0 on.",
            )


def _updates(optimizer: optax.GradientTransformation, params: PyTree) -> None:
    """Refuse an optimiser that cannot be asked for one update by a gradient: L-BFGS wants the cost as a function."""

    def once(params: PyTree) -> PyTree:
        return optax.apply_updates(params, optimisers.update(optimizer, params, optimizer.init(params), params)[0])

    if _forms(_shape("optimizer.update", once, params)) != _forms(params):
        raise errors.ConfigError(
            "An update by the optimizer makes other parameters of params: their shapes or types differ.",
            "Parameters stay what they are in a training.",
            "Look for a transformation that does not keep the gradient's tree and shapes.",
        )


def beginnings(names: str | Sequence[str]) -> tuple[str, ...]:
    """Beginnings of names as they are kept: of one alone, too."""
    return (names,) if isinstance(names, str) else tuple(names)


def _forms(tree: PyTree) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]


def _trainable(params: PyTree, frozen: Sequence[str], state: Sequence[str]) -> None:
    """Refuse parameters that have no gradient, and names that none of them has."""
    names = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params)}
    for name, leaf in names.items():
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise errors.ConfigError(
                f"The parameter {name or 'tree'} is of type {leaf.dtype}.",
                "Training takes the gradient of every parameter, and only numbers of floating point have one.",
                "Keep counters, keys and tables out of params: in apply itself, say.",
            )
    for beginning in (*frozen, *state):
        if not any(name.startswith(beginning) for name in names):
            raise errors.ConfigError(
                f"No parameter has a name that begins with {beginning!r}.",
                f"Their names are {', '.join(names)}.",
                "Name in frozen what is meant to stay, and in state what is carried along, as written there.",
            )


def _shape(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The shapes that a function gives; its own exception is what the person has to see."""
    try:
        return jax.eval_shape(function, *arguments)
    except Exception as error:
        said = str(error).strip().splitlines()
        raise errors.ConfigError(
            f"{name} failed: {type(error).__name__}: {said[0] if said else ''}",
            "It was called with the arguments that training would give it.",
            "Call it by hand with a few rows, and mend it.",
        ) from error

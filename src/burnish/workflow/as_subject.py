"""A run's network as the doctor's subject: the same rows, network, loss, optimiser, mini-batches and epochs.

The engine's own functions are handed over, so that what is examined is what was trained. Two things differ. Starting
weights are shuffled ones of the engine's, since a subject draws them from a key of JAX. Coded categories are columns of
0 and 1, read back inside.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree
from numpy.typing import NDArray

from burnish.data.inputs import Prepared
from burnish.doctor.subject import Rows, Subject
from burnish.executors import trials
from burnish.model import ewa, kinds, layers, losses
from burnish.model.architecture import Architecture
from burnish.model.noise import Noise
from burnish.train import hyperparameters, optimizer, schedule
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part
from burnish.train.hyperparameters import Hyperparameters

# Rows that are examined: enough for every rule, and few enough for dozens of trainings in a minute.
MOST_ROWS = 2_048
# Parameters that are made of the rows, and not learned.
FIXED = ("bins",)
# Place among the parameters of what batch norm averages over mini-batches.
AVERAGES = "averages"
# Moments of what was not seen yet: normalised by them, numbers stay what they are.
UNSEEN = {"mean": 0.0, "variance": 1.0}


class _Engine(NamedTuple):
    """State of the engine's optimiser between two steps."""

    averages: tuple[PyTree, PyTree]
    step: Array


def subject(fold: FoldData, configuration: Configuration, shape: Architecture) -> Subject:
    """The training of this configuration on at most `MOST_ROWS` rows of a fold.

    Args:
        fold: Prepared rows, as the engine trains on them.
        configuration: Of the network.
        shape: Its static half.
    """
    hp, kind = hyperparameters.hyperparameters(configuration, 0), kinds.of(shape)
    train, dev = (_rows(part, fold) for part in (fold.train, fold.dev))
    bins = (
        layers.quantile_bins(fold.train.inputs.x[:, : fold.inputs.numbers], configuration.bins)
        if _binned(shape)
        else None
    )
    drawn = trials.start_parameters(configuration, shape, 0, bins)
    fixed = {name: drawn[name] for name in FIXED if isinstance(drawn, dict) and name in drawn}
    learned = {name: part for name, part in drawn.items() if name not in fixed} if isinstance(drawn, dict) else drawn
    averaged = kind.statistics(shape)
    if averaged:
        learned = {**learned, AVERAGES: {"moments": averaged, "steps": np.float32(0)}}
    evaluate, run = partial(_evaluated, shape, fold, fixed, hp), partial(_trained, shape, fold, fixed, hp)
    classification = fold.task == "classification"

    def loss(z: Array, y: Array) -> Array:
        return losses.cross_entropy(z, y, 0.0) if classification else losses.squared_error(z[:, None], y)

    per_epoch = -(-len(train) // shape.batch_size)
    return Subject(
        init=lambda key: _shuffled(learned, key),
        apply=evaluate,
        loss=loss,
        optimizer=_engine(hp, per_epoch, kind.is_weight),
        train=train,
        dev=dev,
        batch_size=shape.batch_size,
        epochs=configuration.epochs,
        apply_training=lambda params, x, key: run(params, x, noise(hp, jax.random.bits(key, dtype=jnp.uint32))),
        penalty=_penalty(configuration, len(train), kind.is_weight),
        task=fold.task,
        state=(f"['{AVERAGES}']",) if averaged else (),
    )


def noise(hp: Hyperparameters, start: Array) -> Noise:
    """Dropout and input noise of one step of the engine."""
    return Noise(start, jnp.asarray(hp.dropout), jnp.asarray(hp.input_dropout), jnp.asarray(hp.input_noise))


def _binned(shape: Architecture) -> bool:
    return bool(getattr(shape, "bins", 0)) and bool(shape.inputs.numbers)


def _rows(part: Part, fold: FoldData) -> Rows:
    few = part.take(np.arange(min(MOST_ROWS, len(part.y))))
    return Rows(packed(few.inputs, fold.inputs.vocabularies), few.y)


def packed(inputs: Prepared, vocabularies: tuple[int, ...]) -> NDArray[np.float32]:
    """One array of a table's inputs: (rows, columns + levels), coded categories as columns of 0 and 1."""
    parts = [inputs.x, *(np.eye(size, dtype=np.float32)[inputs.codes[:, k]] for k, size in enumerate(vocabularies))]
    return np.concatenate(parts, axis=1)


def unpacked(x: Array, fold: FoldData) -> tuple[Array, Array]:
    """Columns and codes again: the column of a category that is above 0, also where they are standardised."""
    width, found = fold.inputs.width, []
    at = width
    for size in fold.inputs.vocabularies:
        code = (x[:, at : at + size] > 0).astype(jnp.float32) @ jnp.arange(size, dtype=jnp.float32)
        found.append(jnp.minimum(code, size - 1))
        at += size
    codes = jnp.stack(found, axis=1).astype(jnp.int32) if found else jnp.zeros((x.shape[0], 0), jnp.int32)
    return x[:, :width], codes


def _trained(
    shape: Architecture,
    fold: FoldData,
    fixed: dict[str, Any],
    hp: Hyperparameters,
    params: PyTree,
    x: Array,
    noise: Noise,
) -> Any:
    """Logits, or standardised numbers of shape (rows,), in training mode; with the averages' next state, if any."""
    columns, codes = unpacked(x, fold)
    counted = jnp.ones(x.shape[0])
    network, averages = _parted(params, fixed)
    z, moments = kinds.of(shape).training(shape, network, columns, codes, counted, noise)
    outputs = z[:, 0] if fold.task == "regression" else z
    if averages is None:
        return outputs
    moved = jax.tree.map(lambda old, new: ewa.step(old, new, hp.average_decay), averages["moments"], moments)
    return outputs, {**params, AVERAGES: {"moments": moved, "steps": averages["steps"] + 1}}


def _evaluated(
    shape: Architecture, fold: FoldData, fixed: dict[str, Any], hp: Hyperparameters, params: PyTree, x: Array
) -> Array:
    """The same in evaluation mode; before the first step batch norm changes nothing, as nothing was seen."""
    columns, codes = unpacked(x, fold)
    network, averages = _parted(params, fixed)
    statistics: Any = ()
    if averages is not None:
        seen = averages["steps"] > 0
        correction = ewa.correction(hp.average_decay, jnp.maximum(averages["steps"], 1.0))
        statistics = tuple(
            {name: jnp.where(seen, one[name] * correction, unseen) for name, unseen in UNSEEN.items()}
            for one in averages["moments"]
        )
    z = kinds.of(shape).evaluation(shape, network, statistics, columns, codes)
    return z[:, 0] if fold.task == "regression" else z


def _parted(params: PyTree, fixed: dict[str, Any]) -> tuple[PyTree, Any]:
    """The engine's parameters, and batch norm's averages; None where it has none."""
    if not isinstance(params, dict) or AVERAGES not in params:
        return {**params, **fixed} if fixed else params, None
    return {**{name: part for name, part in params.items() if name != AVERAGES}, **fixed}, params[AVERAGES]


def _shuffled(params: PyTree, key: Array) -> PyTree:
    """The same numbers in each array of two axes or more, in another order."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    drawn = [
        jax.random.permutation(one, jnp.asarray(leaf).ravel()).reshape(leaf.shape)
        if leaf.ndim > 1
        else jnp.asarray(leaf)
        for leaf, one in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(tree, drawn)


def _penalty(configuration: Configuration, rows: int, is_weight: optimizer.IsWeight) -> Any:
    if not configuration.l2:
        return None
    return lambda params: 0.5 * configuration.l2 / rows * optimizer.squared_weights(params, is_weight)


def _engine(hp: Hyperparameters, per_epoch: int, is_weight: optimizer.IsWeight) -> optax.GradientTransformation:
    """The engine's update rule, clipping, decay and learning rate in it, as an optax transformation."""

    def init(params: PyTree) -> _Engine:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return _Engine((zeros, zeros), jnp.int32(0))

    def update(gradients: PyTree, state: _Engine, params: PyTree = None) -> tuple[PyTree, _Engine]:
        norm = optimizer.global_norm(gradients)
        clipped = jnp.minimum(1.0, hp.clip_norm / jnp.maximum(norm, jnp.finfo(jnp.float32).tiny))
        step = state.step + 1
        moved, averages = optimizer.update(
            params,
            jax.tree.map(lambda g: g * clipped, gradients),
            state.averages,
            hp,
            step=step,
            rate=schedule.learning_rate(hp, step, jnp.int32(per_epoch)),
            is_weight=is_weight,
        )
        return jax.tree.map(lambda new, old: new - old, moved, params), _Engine(averages, step)

    return optax.GradientTransformation(init, update)

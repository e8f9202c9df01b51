"""Batch norm in training and at prediction, softmax and its loss, parameters on disk. Techniques E5 to E8."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from burnish import errors
from burnish.model import ewa, rules
from burnish.model import layers as networks
from burnish.model.losses import cross_entropy, softmax
from burnish.predictor import weights
from burnish.train.hyperparameters import BATCH_NORM_AVERAGE_DECAY

__all__ = [
    "Moments",
    "RunningMoments",
    "batch_norm",
    "batch_norm_prediction",
    "cross_entropy",
    "load_parameters",
    "running_moments_read",
    "running_moments_start",
    "running_moments_step",
    "save_parameters",
    "softmax",
]

Tree = Any


class Moments(NamedTuple):
    """Mean and variance of each unit's z."""

    mean: Float[Array, " unit"]
    variance: Float[Array, " unit"]  # unbiased: B/(B − 1) times the mini-batch's own


class RunningMoments(NamedTuple):
    """Exponentially weighted averages of the moments, uncorrected."""

    moments: Moments
    seen: Float[Array, ""]  # full mini-batches so far
    decay: Float[Array, ""]


def batch_norm(
    z: Float[Array, "row unit"],
    gamma: Float[Array, " unit"],
    beta: Float[Array, " unit"],
    *,
    counted: Float[Array, " row"] | None = None,
) -> tuple[Float[Array, "row unit"], Moments]:
    """E5: `z_norm = (z − μ)/√(σ² + ε); z̃ = γ z_norm + β`, with μ and σ² of this mini-batch, in training.

    γ and β are learned; the layer has no b, which z − μ would take out again. ε = 1e-5.

    Args:
        z: Pre-activations.
        gamma: γ, starts at 1.
        beta: β, starts at 0.
        counted: 1 for rows, 0 for padding (`mini_batches`); None: all count.

    Returns:
        z̃, and the moments for `running_moments_step`.

    Reference: Ioffe and Szegedy, Batch normalization, 2015.

    >>> out, moments = batch_norm(jnp.array([[1.0], [3.0]]), jnp.array([2.0]), jnp.array([5.0]))
    >>> out.round(4).tolist(), moments.variance.tolist()
    ([[3.0], [7.0]], [2.0])
    """
    counts = jnp.ones(z.shape[0], z.dtype) if counted is None else counted
    with rules.rows():
        out, mean, variance = networks.batch_norm(z, gamma, beta, counts)
    return out, Moments(mean, variance)


def running_moments_start(units: int, *, decay: float = BATCH_NORM_AVERAGE_DECAY) -> RunningMoments:
    """E6: averages before the first mini-batch; `decay` 0.9 averages about 10 of them.

    >>> running_moments_start(2).moments.mean.tolist()
    [0.0, 0.0]
    """
    return RunningMoments(Moments(jnp.zeros(units), jnp.zeros(units)), jnp.zeros(()), jnp.asarray(decay))


def running_moments_step(state: RunningMoments, moments: Moments, *, share: float | Array = 1.0) -> RunningMoments:
    """E6: `v ← k v + (1 − k) θ` of the mean and the variance after each mini-batch, k = decay^share.

    Args:
        state: Of the step before.
        moments: What `batch_norm` gave.
        share: Rows of this mini-batch over those of a full one: a smaller last one counts for its rows.

    Reference: Ioffe and Szegedy 2015, section 3.1.

    >>> state = running_moments_step(running_moments_start(1), Moments(jnp.array([4.0]), jnp.array([1.0])))
    >>> round(float(state.moments.mean[0]), 4)
    0.4
    """
    keep = state.decay**share
    averages = jax.tree.map(lambda old, new: ewa.step(old, new, keep), state.moments, moments)
    return RunningMoments(averages, state.seen + share, state.decay)


def running_moments_read(state: RunningMoments) -> Moments:
    """E6: the averages with their bias correction, `v / (1 − decay^t)`: right from the first mini-batch on.

    >>> state = running_moments_step(running_moments_start(1), Moments(jnp.array([4.0]), jnp.array([1.0])))
    >>> running_moments_read(state).mean.round(4).tolist()
    [4.0]
    """
    correction = ewa.correction(state.decay, state.seen)
    return jax.tree.map(lambda average: average * correction, state.moments)


def batch_norm_prediction(
    z: Float[Array, "row unit"], gamma: Float[Array, " unit"], beta: Float[Array, " unit"], moments: Moments
) -> Float[Array, "row unit"]:
    """E6: `z̃ = γ (z − μ)/√(σ² + ε) + β`, with the averages of training: a row alone gets the answer it gets in a batch.

    Args:
        z: Pre-activations.
        gamma: γ.
        beta: β.
        moments: Of `running_moments_read`.

    Reference: Ioffe and Szegedy 2015, section 3.1.

    >>> moments = Moments(jnp.array([1.0]), jnp.array([4.0]))
    >>> batch_norm_prediction(jnp.array([[5.0]]), jnp.array([1.0]), jnp.array([0.0]), moments).round(4).tolist()
    [[2.0]]
    """
    with rules.rows():
        return networks.batch_norm_evaluation(z, gamma, beta, moments.mean, moments.variance)


def save_parameters(path: str | PathLike[str], params: Tree) -> None:
    """E8: parameters as a safetensors file: data, not code, that other frameworks read. (ONNX is to come.)

    Arrays keep their types; names are the places in the tree, joined by points, such as `layers.0.w`.

    Args:
        path: The file; one that is there is written over.
        params: Arrays in any tree.

    Raises:
        StoreError: It cannot be written.
        DataError: Two arrays have the same name.

    Reference: the safetensors format, huggingface.co/docs/safetensors, 2022.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_parameters(folder + "/net.safetensors", {"layers": [{"w": jnp.eye(2)}]})
    ...     load_parameters(folder + "/net.safetensors", like={"layers": [{"w": jnp.zeros((2, 2))}]})
    {'layers': [{'w': Array([[1., 0.],
           [0., 1.]], dtype=float32)}]}
    """
    names, leaves, _ = _flat(params)
    weights.save(Path(path), {name: np.asarray(leaf, order="C") for name, leaf in zip(names, leaves, strict=True)})


def load_parameters(path: str | PathLike[str], *, like: Tree) -> Tree:
    """E8: the parameters of a file of `save_parameters`, in a tree like this one.

    Args:
        path: The file.
        like: A tree of arrays (or `jax.ShapeDtypeStruct`) of the same names, shapes and types, such as starting
            weights.

    Raises:
        StoreError: The file is missing or damaged.
        DataError: Its arrays are not those of `like`.

    An example is at `save_parameters`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_parameters(folder + "/net.safetensors", {"w": jnp.eye(2)})
    ...     load_parameters(folder + "/net.safetensors", like={"w": jnp.zeros((2, 2))})["w"].shape
    (2, 2)
    """
    found = weights.load(Path(path))
    names, leaves, structure = _flat(like)
    leaves = [leaf if hasattr(leaf, "dtype") else np.asarray(leaf) for leaf in leaves]
    for name, leaf in zip(names, leaves, strict=True):
        array = found.get(name)
        if array is None or array.shape != leaf.shape or array.dtype != leaf.dtype:
            seen = "is missing" if array is None else f"has shape {array.shape} and type {array.dtype}"
            raise errors.DataError(
                f"{path} does not hold these parameters: {name!r} {seen}.",
                f"It should have shape {leaf.shape} and type {leaf.dtype}.",
                "Give the file and the tree of one network.",
            )
    extra = sorted(set(found) - set(names))
    if extra:
        raise errors.DataError(
            f"{path} holds parameters that the network does not have: {', '.join(extra[:5])}.",
            f"They are {len(extra)} of {len(found)}.",
            "Give the file and the tree of one network.",
        )
    # As NumPy arrays where the tree has these: JAX has no 64-bit types unless told to.
    kept = [
        found[name] if isinstance(leaf, np.ndarray) else jnp.asarray(found[name])
        for name, leaf in zip(names, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, kept)


def _flat(tree: Tree) -> tuple[list[str], list[Any], Any]:
    """Names, leaves and structure of a tree."""
    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise errors.DataError(
            f"Two arrays are named {twice[0]!r}.",
            "A point in a key looks like a step down the tree.",
            "Rename the key.",
        )
    return names, [leaf for _, leaf in paths], structure

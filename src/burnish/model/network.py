"""Applying a multi-layer perceptron to a mini-batch: two functions, training and evaluation, over one body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from burnish.model import layers, random_bits
from burnish.model import noise as noises
from burnish.model.architecture import Perceptron
from burnish.model.noise import Mixed
from burnish.model.noise import Noise as Noise


def _features(
    architecture: Perceptron,
    params: dict[str, Any],
    x: Float[Array, "row d"],
    codes: Int32[Array, "row c"],
    mixed: Mixed | None = None,
) -> Float[Array, "row fan_in"]:
    def embedded(index: int, table: Array) -> Array:
        own = table[codes[:, index]]
        return own if mixed is None else noises.blended(mixed.share, own, table[mixed.codes[:, index]])

    parts = [x]
    if architecture.bins:
        parts.append(layers.piecewise(x[:, : architecture.inputs.numbers], params["bins"]))
    if architecture.frequencies:
        parts.append(layers.periodic(x[:, : architecture.inputs.numbers], params["frequency"]))
    parts += [embedded(index, table) for index, table in enumerate(params.get("embedding", ()))]
    joined = jnp.concatenate(parts, axis=1) if len(parts) > 1 else x
    return joined if joined.shape[1] else jnp.zeros((x.shape[0], 1), x.dtype)


def _body(
    architecture: Perceptron,
    params: dict[str, Any],
    features: Float[Array, "row fan_in"],
    *,
    normalise: Callable[[int, Array, dict[str, Any]], Array],
    thin: Callable[[int, Array], Array],
) -> Float[Array, "row output"]:
    h = features
    for index, layer in enumerate(params["hidden"]):
        z = h @ layer["w"]
        z = normalise(index, z, layer) if architecture.norm == "batch" else z + layer["b"]
        a = thin(index, layers.ACTIVATIONS[architecture.activation](z))
        h = h + a if architecture.residual and h.shape == a.shape else a
    return h @ params["output"]["w"] + params["output"]["b"]


def apply_training(
    architecture: Perceptron,
    params: dict[str, Any],
    x: Float[Array, "row d"],
    codes: Int32[Array, "row c"],
    counted: Float[Array, " row"],
    noise: Noise,
) -> tuple[Float[Array, "row output"], tuple[dict[str, Array], ...]]:
    """Outputs (logits, or standardised numbers) in training mode, and the moments for batch norm's averages."""
    z, moments, _ = _trained(architecture, params, x, codes, counted, noise)
    return z, moments


def activations(
    architecture: Perceptron,
    params: dict[str, Any],
    x: Float[Array, "row d"],
    codes: Int32[Array, "row c"],
    counted: Float[Array, " row"],
    noise: Noise,
) -> tuple[Float[Array, "row unit"], ...]:
    """What the activation of each hidden layer gives in training mode, before dropout."""
    return _trained(architecture, params, x, codes, counted, noise)[2]


def _trained(
    architecture: Perceptron, params: dict[str, Any], x: Array, codes: Array, counted: Array, noise: Noise
) -> tuple[Array, tuple[dict[str, Array], ...], tuple[Array, ...]]:
    """Outputs, moments and activations in training mode."""
    moments: list[dict[str, Array]] = []
    seen: list[Array] = []

    def normalise(index: int, z: Array, layer: dict[str, Array]) -> Array:
        normed, mean, variance = layers.batch_norm(z, layer["gamma"], layer["beta"], counted)
        moments.append({"mean": mean, "variance": variance})
        return normed

    def thin(index: int, a: Array) -> Array:
        seen.append(a)
        return layers.dropout(a, noise.dropout[index], random_bits.stream(noise.start, index + 1))

    x = noises.noisy(noise, x, architecture.inputs.numbers)
    features = noises.thinned(noise, _features(architecture, params, x, codes, noise.mixed))
    z = _body(architecture, params, features, normalise=normalise, thin=thin)
    return z, tuple(moments), tuple(seen)


def apply_evaluation(
    architecture: Perceptron,
    params: dict[str, Any],
    statistics: tuple[dict[str, Array], ...],
    x: Float[Array, "row d"],
    codes: Int32[Array, "row c"],
) -> Float[Array, "row output"]:
    """Outputs in evaluation mode: exact and repeatable, each row by itself.

    `statistics` are batch norm's averages after bias correction, one mean and variance for each hidden layer.
    """

    def normalise(index: int, z: Array, layer: dict[str, Array]) -> Array:
        seen = statistics[index]
        return layers.batch_norm_evaluation(z, layer["gamma"], layer["beta"], seen["mean"], seen["variance"])

    return _body(
        architecture, params, _features(architecture, params, x, codes), normalise=normalise, thin=lambda _, a: a
    )

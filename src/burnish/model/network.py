"""Applying a network to a mini-batch: two functions, training and evaluation, over one body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int32, UInt32

from burnish.model import layers, random_bits
from burnish.model.architecture import Architecture

# Streams of one step: hidden layer l takes l + 1, so these lie above any depth.
INPUT_NOISE_STREAM, INPUT_DROPOUT_STREAM = 1001, 1002


class Noise(NamedTuple):
    """What makes training differ from evaluation; every field is traced."""

    start: UInt32[Array, ""]  # random stream of this step
    dropout: Float[Array, " layer"]  # rate of each hidden layer
    input_dropout: Float[Array, ""]
    input_noise: Float[Array, ""]  # standard deviation, in the inputs' standardised units


def _features(
    architecture: Architecture, params: dict[str, Any], x: Float[Array, "row d"], codes: Int32[Array, "row c"]
) -> Float[Array, "row fan_in"]:
    parts = [x]
    if architecture.bins:
        parts.append(layers.piecewise(x[:, : architecture.inputs.numbers], params["bins"]))
    if architecture.frequencies:
        parts.append(layers.periodic(x[:, : architecture.inputs.numbers], params["frequency"]))
    parts += [table[codes[:, i]] for i, table in enumerate(params.get("embedding", ()))]
    joined = jnp.concatenate(parts, axis=1) if len(parts) > 1 else x
    return joined if joined.shape[1] else jnp.zeros((x.shape[0], 1), x.dtype)


def _body(
    architecture: Architecture,
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
    architecture: Architecture,
    params: dict[str, Any],
    x: Float[Array, "row d"],
    codes: Int32[Array, "row c"],
    counted: Float[Array, " row"],
    noise: Noise,
) -> tuple[Float[Array, "row output"], tuple[dict[str, Array], ...]]:
    """Outputs (logits, or standardised numbers) in training mode, and the moments for batch norm's averages."""
    moments: list[dict[str, Array]] = []

    def normalise(index: int, z: Array, layer: dict[str, Array]) -> Array:
        normed, mean, variance = layers.batch_norm(z, layer["gamma"], layer["beta"], counted)
        moments.append({"mean": mean, "variance": variance})
        return normed

    def thin(index: int, a: Array) -> Array:
        return layers.dropout(a, noise.dropout[index], random_bits.stream(noise.start, index + 1))

    numbers = architecture.inputs.numbers
    if numbers:
        added = lax.cond(
            noise.input_noise > 0,
            lambda: (
                noise.input_noise
                * random_bits.normals(random_bits.stream(noise.start, INPUT_NOISE_STREAM), (x.shape[0], numbers))
            ),
            lambda: jnp.zeros((x.shape[0], numbers), x.dtype),
        )
        x = jnp.concatenate([x[:, :numbers] + added, x[:, numbers:]], axis=1) if numbers < x.shape[1] else x + added
    features = _features(architecture, params, x, codes)
    features = lax.cond(
        noise.input_dropout > 0,
        lambda f: layers.dropout(f, noise.input_dropout, random_bits.stream(noise.start, INPUT_DROPOUT_STREAM)),
        lambda f: f,
        features,
    )
    return _body(architecture, params, features, normalise=normalise, thin=thin), tuple(moments)


def apply_evaluation(
    architecture: Architecture,
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

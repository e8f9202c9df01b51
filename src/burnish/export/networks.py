"""Networks and simple models as ONNX nodes: the arithmetic of evaluation, in float32 as there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.baseline.fitted import Constant, Model
from burnish.baseline.linear import Linear
from burnish.data.inputs import InputSpec
from burnish.errors import ConfigError
from burnish.export.columns import Prepared
from burnish.export.graph import DOUBLE, INT64, Graph
from burnish.model import layers
from burnish.model.architecture import Perceptron
from burnish.predictor import weights
from burnish.predictor.predictor import Member

# `jax.nn.gelu` is the approximation 0.5 z (1 + tanh(√(2/π) (z + 0.044715 z³))) of Hendrycks and Gimpel (2016).
GELU_CUBE = 0.044715


def placed(graph: Graph, columns: Prepared, own: InputSpec, to: InputSpec, zeros: str) -> str:
    """The prepared columns where a network of a larger shape wants them, (rows, width): `padding.widen`."""
    parts = [*columns.numbers, *columns.flags, zeros]
    joined = graph.add("Concat", *parts, axis=1)
    places = np.zeros((len(parts), to.width), np.float32)
    for source, target in enumerate([*range(own.numbers), *range(to.numbers, to.numbers + own.flags)]):
        places[source, target] = 1.0
    return graph.add("MatMul", joined, graph.constant(places, np.float32))


def coded(graph: Graph, columns: Prepared, to: InputSpec, zeros: str) -> list[str]:
    """The codes of every category that the network reads, (rows,) each; 0 for those that this fold did not have."""
    absent = graph.add("Squeeze", graph.cast(zeros, INT64), graph.constant([1], np.int64))
    return [*columns.codes, *[absent] * (len(to.vocabularies) - len(columns.codes))]


def outputs(graph: Graph, member: Member, x: str, codes: list[str], *, classes: bool) -> str:
    """What one network predicts: probabilities (rows, classes), or numbers in the target's units (rows, 1), float64."""
    shape = member.architecture
    if not isinstance(shape, Perceptron):
        raise ConfigError(
            "This model cannot be written as ONNX yet.",
            "Only networks of tables can; its functions are a person's own, or it reads images.",
            "Export your own model with its framework's means; its weights are safetensors in the model folder.",
        )
    params, statistics = weights.unflatten(shape, member.arrays)
    z = _body(graph, shape, params, statistics, _features(graph, shape, params, x, codes))
    if classes:
        return graph.cast(graph.add("Softmax", z, axis=1), DOUBLE)
    scale = member.scale
    value = graph.add("Mul", z, graph.constant(scale.deviation, np.float32))
    value = graph.add("Add", value, graph.constant(scale.mean, np.float32))
    low, high = (graph.constant(end, np.float32) for end in (scale.low, scale.high))
    return graph.cast(graph.add("Clip", value, low, high), DOUBLE)


def simple(graph: Graph, model: Model, x: str, codes: list[str], zeros: str) -> str:
    """What a linear or a constant model predicts, float64."""
    if isinstance(model, Constant):
        return graph.add("Add", graph.cast(zeros, DOUBLE), graph.constant([model.outputs], np.float64))
    if not isinstance(model, Linear):
        raise ConfigError("This model cannot be written as ONNX.", f"It is a {type(model).__name__}.", "")
    out = graph.add("MatMul", graph.cast(x, DOUBLE), graph.constant(model.weights, np.float64))
    out = graph.add("Add", out, graph.constant(model.intercept, np.float64))
    for table, code in zip(model.tables, codes, strict=False):
        known = graph.add("Less", code, graph.constant(len(table), np.int64))
        held = graph.add("Where", known, code, graph.constant(0, np.int64))
        out = graph.add("Add", out, graph.add("Gather", graph.constant(table, np.float64), held, axis=0))
    return graph.add("Softmax", out, axis=1) if model.softmax else out


def _features(graph: Graph, shape: Perceptron, params: Mapping[str, Any], x: str, codes: list[str]) -> str:
    numbers = shape.inputs.numbers
    parts = [x]
    if shape.bins or shape.frequencies:
        head = graph.add("Slice", x, *(graph.constant([v], np.int64) for v in (0, numbers, 1)))
        each = graph.add("Unsqueeze", head, graph.constant([2], np.int64))
    if shape.bins:
        low, inverse = (np.asarray(params["bins"][name])[None] for name in ("low", "inverse"))
        part = graph.add(
            "Mul", graph.add("Sub", each, graph.constant(low, np.float32)), graph.constant(inverse, np.float32)
        )
        parts.append(_flat(graph, graph.add("Clip", part, _number(graph, 0.0), _number(graph, 1.0))))
    if shape.frequencies:
        turns = _flat(graph, graph.add("Mul", each, graph.constant(np.asarray(params["frequency"])[None], np.float32)))
        near = graph.add("Sub", turns, graph.add("Round", turns))  # whole turns come off exactly
        angle = graph.add("Mul", near, _number(graph, 2 * math.pi))
        parts += [graph.add("Sin", angle), graph.add("Cos", angle)]
    for table, code in zip(params.get("embedding", ()), codes, strict=True):
        parts.append(graph.add("Gather", graph.constant(table, np.float32), code, axis=0))
    return graph.add("Concat", *parts, axis=1) if len(parts) > 1 else x


def _flat(graph: Graph, value: str) -> str:
    return graph.add("Flatten", value, axis=1)


def _number(graph: Graph, value: float) -> str:
    return graph.constant(value, np.float32)


def _body(graph: Graph, shape: Perceptron, params: Mapping[str, Any], statistics: Any, features: str) -> str:
    h = features
    for index, layer in enumerate(params["hidden"]):
        w: NDArray[np.float32] = np.asarray(layer["w"])
        z = graph.add("MatMul", h, graph.constant(w, np.float32))
        if shape.norm == "batch":
            seen = statistics[index]
            scale = np.asarray(layer["gamma"]) / np.sqrt(np.asarray(seen["variance"]) + layers.BATCH_NORM_EPSILON)
            z = graph.add("Sub", z, graph.constant(seen["mean"], np.float32))
            z = graph.add("Mul", z, graph.constant(scale, np.float32))
            z = graph.add("Add", z, graph.constant(layer["beta"], np.float32))
        else:
            z = graph.add("Add", z, graph.constant(layer["b"], np.float32))
        a = _activated(graph, shape.activation, z)
        h = graph.add("Add", h, a) if shape.residual and w.shape[0] == w.shape[1] else a
    out = params["output"]
    return graph.add(
        "Add", graph.add("MatMul", h, graph.constant(out["w"], np.float32)), graph.constant(out["b"], np.float32)
    )


def _activated(graph: Graph, activation: str, z: str) -> str:
    match activation:
        case "relu":
            return graph.add("Relu", z)
        case "tanh":
            return graph.add("Tanh", z)
        case "silu":
            return graph.add("Mul", z, graph.add("Sigmoid", z))
        case "selu":
            return graph.add("Selu", z)
        case "leaky_relu":
            return graph.add("LeakyRelu", z, alpha=0.01)
        case "gelu":
            cube = graph.add("Mul", graph.add("Mul", z, z), z)
            inner = graph.add("Add", z, graph.add("Mul", cube, _number(graph, GELU_CUBE)))
            bent = graph.add("Tanh", graph.add("Mul", inner, _number(graph, math.sqrt(2 / math.pi))))
            half = graph.add("Mul", z, _number(graph, 0.5))
            return graph.add("Mul", half, graph.add("Add", bent, _number(graph, 1.0)))
        case "identity":
            return z
    raise ConfigError(f"The activation {activation!r} cannot be written as ONNX yet.", "", "")

"""Training of a ReLU network in plain NumPy and float64: forward, backward and update written out in one loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import layers_twin, optimizers_twin

Array = NDArray[np.float64]


@dataclass
class Table:
    """Rows that are trained or evaluated on."""

    x: Array
    y: NDArray[Any]
    weight: Array


@dataclass
class Settings:
    """The hyperparameters that the twin knows."""

    task: str
    batch_size: int
    optimizer: str
    rate: Callable[[int, int], float]  # of (step from 1, epoch from 1)
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    l2: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float = np.inf
    smoothing: float = 0.0
    norm: str = "none"
    average_decay: float = 0.9


@dataclass
class Trace:
    """What training left: one entry an epoch."""

    params: list[Any] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    dev_loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    dev_output: list[Array] = field(default_factory=list)


def mini_batches(rows: int, size: int) -> list[slice]:
    """Slices of `size`, the last one smaller; one of a single row takes a row from the mini-batch before it."""
    cuts = [*range(0, rows, size), rows]
    if size > 1 and len(cuts) > 2 and cuts[-1] - cuts[-2] == 1:
        cuts[-2] -= 1
    return [slice(a, b) for a, b in itertools.pairwise(cuts)]


def copy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: copy(value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return tuple(copy(value) for value in tree)
    return np.array(tree, np.float64)


def row_losses(z: Array, y: NDArray[Any], settings: Settings, smoothing: float = 0.0) -> Array:
    return layers_twin.cross_entropy(z, y, smoothing) if settings.task == "classification" else np.square(z[:, 0] - y)


def cost_and_gradients(params: Any, batch: Table, rows: int, settings: Settings) -> tuple[float, Any, list[Any]]:
    """Mean loss of the mini-batch, gradients of the whole cost, and each layer's moments."""
    count = len(batch.y)
    h, caches, moments = batch.x, [], []
    for layer in params["hidden"]:
        z = h @ layer["w"]
        normed = variance = None
        if settings.norm == "batch":
            z, mean, variance, normed = layers_twin.batch_norm(z, layer["gamma"], layer["beta"])
            moments.append((mean, variance * count / max(count - 1, 1)))
        else:
            z = z + layer["b"]
        caches.append((h, z, variance, normed))
        h = np.maximum(z, 0)
    z = h @ params["output"]["w"] + params["output"]["b"]
    loss = float((row_losses(z, batch.y, settings, settings.smoothing) * batch.weight).sum() / count)
    if settings.task == "classification":
        back = layers_twin.softmax(z) - layers_twin.targets(batch.y, z.shape[1], settings.smoothing)
    else:
        back = 2 * (z - batch.y[:, None])
    back = back * batch.weight[:, None] / count
    shrink = settings.l2 / rows
    output = {"w": h.T @ back + shrink * params["output"]["w"], "b": back.sum(0)}
    back, hidden = back @ params["output"]["w"].T, []
    for layer, (h, z, variance, normed) in reversed(list(zip(params["hidden"], caches, strict=True))):
        back = back * (z > 0)
        gradient = {}
        if settings.norm == "batch":
            back, gradient["gamma"], gradient["beta"] = layers_twin.batch_norm_gradient(
                back, normed, variance, layer["gamma"]
            )
        else:
            gradient["b"] = back.sum(0)
        gradient["w"] = h.T @ back + shrink * layer["w"]
        hidden.append(gradient)
        back = back @ layer["w"].T
    return loss, {"hidden": tuple(reversed(hidden)), "output": output}, moments


def leaves(tree: Any) -> list[tuple[dict[str, Array], str]]:
    """(owner, key) of each array, so that it can be replaced in place."""
    return [(layer, key) for layer in (*tree["hidden"], tree["output"]) for key in sorted(layer)]


def evaluate(params: Any, averages: list[list[Array]], x: Array, settings: Settings) -> Array:
    """Outputs with batch norm's averages, which are bias-corrected already."""
    h = x
    for index, layer in enumerate(params["hidden"]):
        z = h @ layer["w"]
        if settings.norm == "batch":
            mean, variance = averages[index]
            z = layer["gamma"] * (z - mean) / np.sqrt(variance + layers_twin.EPSILON) + layer["beta"]
        else:
            z = z + layer["b"]
        h = np.maximum(z, 0)
    return h @ params["output"]["w"] + params["output"]["b"]


def train(params: Any, train_rows: Table, dev: Table, settings: Settings, orders: list[NDArray[np.int32]]) -> Trace:
    """Train for as many epochs as there are orders of rows."""
    params, trace, rows = copy(params), Trace(), len(train_rows.y)
    memories = [optimizers_twin.Memory.like(owner[key]) for owner, key in leaves(params)]
    averages = [[0.0, 0.0] for _ in params["hidden"] if settings.norm == "batch"]
    full = min(settings.batch_size, rows)
    step, forgotten = 0, 1.0
    for epoch, order in enumerate(orders, start=1):
        total = norms = 0.0
        cuts = mini_batches(rows, settings.batch_size)
        for cut in cuts:
            step += 1
            chosen = order[cut]
            batch = Table(train_rows.x[chosen], train_rows.y[chosen], train_rows.weight[chosen])
            loss, gradients, moments = cost_and_gradients(params, batch, rows, settings)
            total += loss * len(chosen)
            norm = np.sqrt(sum(np.square(owner[key]).sum() for owner, key in leaves(gradients)))
            norms += norm
            clip = min(1.0, settings.clip_norm / norm) if norm > 0 else 1.0
            alpha = settings.rate(step, epoch)
            for (owner, key), (grad, _), memory in zip(leaves(params), leaves(gradients), memories, strict=True):
                g = grad[key] * clip
                moved = optimizers_twin.direction(
                    settings.optimizer,
                    g,
                    memory,
                    beta1=settings.beta1,
                    beta2=settings.beta2,
                    epsilon=settings.epsilon,
                )
                if key == "w":
                    moved = moved + settings.weight_decay * owner[key]
                owner[key] = owner[key] - alpha * moved
            keep = settings.average_decay ** (len(chosen) / full)
            forgotten *= keep
            averages = [
                [keep * old + (1 - keep) * new for old, new in zip(pair, moment, strict=True)]
                for pair, moment in zip(averages, moments, strict=True)
            ]
        corrected = [[value / (1 - forgotten) for value in pair] for pair in averages]
        z = evaluate(params, corrected, dev.x, settings)
        trace.params.append(copy(params))
        trace.train_loss.append(total / rows)
        trace.dev_loss.append(float((row_losses(z, dev.y, settings) * dev.weight).sum() / len(dev.y)))
        trace.gradient_norm.append(norms / len(cuts))
        trace.dev_output.append(z)
    return trace

"""Records of a training what the rivals' rules read: curves by epoch, and layers at half of the epoch budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from burnish.doctor.lab import Lab, Training
from burnish.doctor.subject import Rows
from recipe import ACTIVATIONS, Recipe

Floats = NDArray[np.float64]

# Rows of the batch on which layers are read.
BATCH = 128


@dataclass(frozen=True, slots=True)
class LayerRecord:
    """One layer on one batch, and its weights."""

    z: Floats  # pre-activations, (rows and places, units)
    activation: Floats  # after the activation; of the last layer: z
    kernel_gradient: Floats
    bias_gradient: Floats
    kernel: Floats
    updated: Floats  # the kernel after one more step


@dataclass(frozen=True, slots=True)
class Record:
    """One training."""

    recipe: Recipe
    train_loss: Floats  # (epochs,), in evaluation mode
    dev_loss: Floats
    train_accuracy: Floats  # (epochs,), nan for numbers
    dev_accuracy: Floats
    step_loss: Floats  # (steps,)
    start: tuple[LayerRecord, ...]  # before the first step
    half: tuple[LayerRecord, ...]  # at half of the epochs
    gradients_finite: bool  # in all steps


def record(recipe: Recipe) -> Record:
    """Train once, epoch by epoch."""
    subject = recipe.subject()
    lab = Lab(subject)
    at, curves, losses, norms, half = lab.start(), [], [], [], ()
    start = _layers(recipe, lab, at)
    for epoch in range(subject.epochs):
        at, trace = lab.train(at, subject.per_epoch)
        losses.append(trace.loss)
        norms.append(trace.gradient_norm)
        curves.append([value for rows in (lab.gauge, subject.dev) for value in _curve(lab, at, rows)])
        if epoch + 1 == max(1, subject.epochs // 2):
            half = _layers(recipe, lab, at)
    train_loss, train_accuracy, dev_loss, dev_accuracy = np.asarray(curves, np.float64).T
    finite = bool(np.isfinite(np.concatenate(norms)).all())
    step_loss = np.concatenate(losses).astype(np.float64)
    return Record(recipe, train_loss, dev_loss, train_accuracy, dev_accuracy, step_loss, start, half, finite)


def _curve(lab: Lab, at: Training, rows: Rows) -> tuple[float, float]:
    right = 1 - float(lab.errors(at.params, rows).mean()) if lab.subject.kind == "classification" else np.nan
    return float(lab.losses(at.params, rows).mean()), right


def _layers(recipe: Recipe, lab: Lab, at: Training) -> tuple[LayerRecord, ...]:
    """Each layer on one batch of training rows."""
    subject = lab.subject
    rows = lab.gauge.take(slice(0, BATCH))
    x, y, key = jnp.asarray(rows.x), jnp.asarray(rows.y), jax.random.key(0)
    gradients = jax.grad(lambda params: subject.objective(params, x, y, key))(at.params)
    if subject.gradient is not None:
        gradients = subject.gradient(at.params, x, y, key)
    after, _ = lab.train(at, 1)
    found = []
    for place, (layer, gradient) in enumerate(zip(at.params, gradients, strict=True)):
        z = recipe.pre_activations(layer, x)
        last = place == len(at.params) - 1
        x = z if last else ACTIVATIONS[recipe.activation](z)
        units = z.shape[-1]  # of a picture each place counts as a row
        values = (
            z.reshape(-1, units),
            x.reshape(-1, units),
            gradient["w"],
            gradient["b"],
            layer["w"],
            after.params[place]["w"],
        )
        found.append(LayerRecord(*(_floats(one) for one in values)))
    return tuple(found)


def _floats(values: Any) -> Floats:
    return np.asarray(values, np.float64)

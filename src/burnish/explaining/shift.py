"""E5: how far what each layer reads moves from one step to the next, with batch norm and without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from burnish.explaining import forward, words
from burnish.explaining.lab import Lab
from burnish.explaining.paths import plain
from burnish.model import rules
from burnish.report import wording
from burnish.report.panel import Chart, Look, Panel
from burnish.train.configuration import Configuration

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {
    "name": "shift",
    "techniques": ["E5"],
    "title": "Batch norm, and the shift of z from step to step",
}
SEEDS = (2_101, 2_102, 2_103)
MOST_STEPS, LEAST_STEPS = 120, 20
SECONDS = 0.5  # of a training
SMOOTH = 10  # steps that a point of the curve averages
ROWS = 256
DEAD = 1e-6  # a unit whose z hardly varies has no scale to measure a shift in


@dataclass(frozen=True, slots=True)
class Shift:
    """Root mean square over units of |mean(z) now − before| / deviation(z) before; shape (seeds, steps, layers)."""

    without: Floats
    having: Floats


def moved(before: Floats, now: Floats) -> float:
    """How far a layer's z moved, in standard deviations: each of shape (rows, units)."""
    deviation = before.std(0)
    alive = deviation > DEAD
    if not alive.any():
        return 0.0
    steps = (now.mean(0) - before.mean(0))[alive] / deviation[alive]
    return float(np.sqrt(np.square(steps).mean()))


def measure(lab: Lab) -> Shift:
    """Both networks, from starts of the same seeds and at the same learning rate."""
    base = plain(lab.configuration)
    steps = min(MOST_STEPS, max(LEAST_STEPS, lab.fitting(base, SECONDS)))
    found = []
    for arm in (replace(base, norm="none"), replace(base, norm="batch")):
        read = jax.jit(partial(forward.pre_activations, lab.shape(arm)))
        found.append(np.stack([_walk(lab, arm, read, seed=seed, steps=steps) for seed in SEEDS]))
    return Shift(*found)


def _walk(lab: Lab, configuration: Configuration, read: Callable[..., Any], *, seed: int, steps: int) -> Floats:
    """The shift of each step, as `read` sees z; shape (steps, layers)."""
    rows = lab.fold.dev.inputs
    x, codes = np.asarray(rows.x[:ROWS]), np.asarray(rows.codes[:ROWS])
    state, _ = lab.observe(configuration, lab.start(configuration, seed), 1, seed)
    found: list[list[float]] = []
    before: list[Floats] = []
    for step in range(steps + 1):
        if step:
            state, _ = lab.observe(configuration, state, 1, seed)
        with rules.own():
            z = [np.asarray(v, np.float64) for v in read(state.params, lab.statistics(configuration, state), x, codes)]
        if step:
            found.append([moved(a, b) for a, b in zip(before, z, strict=True)])
        before = z
    return np.array(found)


def panel(found: Shift) -> Panel:
    """The panel of what was measured."""
    _, count, layers = found.without.shape
    steps = np.arange(SMOOTH, count + 1)
    looks: tuple[tuple[Look, bool], ...] = (("muted", False), ("accent", False))
    charts = []
    for layer in range(layers):
        series = [
            words.over_seeds(
                name, steps, np.stack([_smooth(one) for one in values[:, :, layer]]), look=look, dashed=dash
            )
            for (name, values), (look, dash) in zip(
                (("without", found.without), ("batch norm", found.having)), looks, strict=True
            )
        ]
        name = "shift a step in σ"
        charts.append(
            Chart(title=f"Hidden layer {layer + 1}", x_name="mini-batch", y_name=name, log_y=True, series=series)
        )
    means = _means(found)
    return Panel(
        **ABOUT,
        finding=finding(found),
        how=f"z of {ROWS} dev rows at most, as the activation reads it, before and after each of {count} "
        f"mini-batches: how far its mean moves, in its standard deviations, root mean square over units. {len(SEEDS)} "
        f"starts, the same learning rate; averages of {SMOOTH} steps.",
        numbers={
            f"{way}_layer{layer + 1}": words.one(values[layer])
            for way, values in zip(("without", "having"), means, strict=True)
            for layer in range(layers)
        },
        charts=charts,
    )


def _smooth(values: Floats) -> Floats:
    return np.convolve(values, np.full(SMOOTH, 1 / SMOOTH), "valid")


def _means(found: Shift) -> tuple[Floats, Floats]:
    """By layer, over seeds and steps."""
    return found.without.mean((0, 1)), found.having.mean((0, 1))


def finding(found: Shift) -> str:
    """In which layers batch norm lowered the shift, and by how much in the deepest."""
    without, having = _means(found)
    by_seed = found.having.mean(1) < found.without.mean(1)  # (seeds, layers)
    steadier = [str(layer + 1) for layer in range(len(without)) if by_seed[:, layer].all()]
    rest = [str(layer + 1) for layer in range(len(without)) if not by_seed[:, layer].all()]
    parts = []
    if steadier:
        parts.append(f"batch norm lowered the shift of {_layers(steadier)} with every start")
    if rest:
        parts.append(f"{'but not that' if steadier else 'batch norm did not lower the shift'} of {_layers(rest)}")
    text = ", ".join(parts)
    return (
        f"{text[:1].upper()}{text[1:]}; z of the last hidden layer moved {words.number(float(having[-1]))} standard "
        f"deviations a step with it and {words.number(float(without[-1]))} without."
    )


def _layers(names: list[str]) -> str:
    return f"hidden layer{'s' if len(names) > 1 else ''} {wording.listing(names)}"

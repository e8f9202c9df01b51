"""C2 and C3: how the size of the signal changes from layer to layer, by how the weights start."""

from __future__ import annotations

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from burnish.explaining import words
from burnish.model import initialise, rules
from burnish.model.layers import ACTIVATIONS
from burnish.report import wording
from burnish.report.panel import Chart, Look, Panel, Series
from burnish.techniques import preparing
from burnish.techniques.preparing import LayerScales

ABOUT: dict[str, Any] = {
    "name": "scales",
    "techniques": ["C2", "C3"],
    "title": "Starting weights, and the signal through the layers",
}
DEPTH = 8  # hidden layers at least: what a layer does to the signal shows where there are many
ROWS = 256
STARTS: tuple[tuple[str, str, Look, bool], ...] = (
    ("zeros", "zeros", "muted", True),
    ("small", "×0.01", "muted", False),
    ("large", "×10", "ink", False),
    ("glorot", "Xavier", "cool", False),
    ("he", "He", "accent", False),
)


def widths(own: tuple[int, ...]) -> tuple[int, ...]:
    """The network's own widths, its last layer repeated until there are DEPTH."""
    last = own[-1] if own else 64
    return (*own, *(last,) * (DEPTH - len(own)))


def measure(x: NDArray[np.float32], own: tuple[int, ...], activation: str, *, seed: int) -> dict[str, LayerScales]:
    """The scales at the start, for each way of starting; the last layer's outputs are summed up as the cost.

    Args:
        x: Rows as the network reads them, shape (rows, columns).
        own: The network's widths.
        activation: Its activation.
        seed: Of the weights.
    """
    sizes = (x.shape[1], *widths(own))
    names = tuple(f"layer {place}" for place in range(1, len(sizes)))
    made = {}
    for start, *_ in STARTS:
        rng = np.random.default_rng([seed, 0])
        layers = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            deviation = np.sqrt(initialise.variance(start, fan_in, fan_out))
            layers.append(jnp.asarray(rng.standard_normal((fan_in, fan_out), np.float32) * np.float32(deviation)))

        def apply(w: Array, a: Array) -> Array:
            return ACTIVATIONS[activation](a @ w)

        with rules.own():
            made[start] = preparing.layer_scales(layers, jnp.asarray(x), apply=apply, names=names)
    return made


def panel(found: dict[str, LayerScales], activation: str) -> Panel:
    """The panel of what was measured."""
    forward: list[Series] = []
    backward: list[Series] = []
    for start, name, look, dashed in STARTS:
        scales = found[start]
        places = [float(place) for place in range(len(scales.activations))]
        common: dict[str, Any] = {"name": name, "x": places, "look": look, "dashed": dashed}
        forward.append(Series(**common, y=words.finite(scales.activations)))
        backward.append(Series(**common, y=words.finite(scales.gradients)))
    depth = len(found["he"].names)
    return Panel(
        **ABOUT,
        finding=finding(found, activation),
        how=f"Root mean square of activations and of the cost's gradients in them before training, on {ROWS} rows at "
        f"most, through {depth} hidden layers of the network's width: what one layer does to the signal shows where "
        "there are many. A start that is not drawn gives zeros.",
        numbers={
            f"{start}_{way}": words.one(value)
            for start, *_ in STARTS
            for way, value in (
                ("activation_factor", found[start].activation_factor),
                ("gradient_factor", found[start].gradient_factor),
            )
        },
        charts=[
            Chart(title="Forward", x_name="layer", y_name="size of activations", log_y=True, series=forward),
            Chart(title="Backward", x_name="layer", y_name="size of gradients", log_y=True, series=backward),
        ],
    )


def finding(found: dict[str, LayerScales], activation: str) -> str:
    """Which starts keep the signal's size, and what the others do to it."""
    names = {start: name for start, name, *_ in STARTS}
    kept = [names[start] for start in names if found[start].first_bad is None]
    lost = []
    for start, name in names.items():
        scales = found[start]
        if scales.first_bad is None:
            continue
        factor = words.number(scales.activation_factor)
        lost.append(f"{name} leave nothing of it" if start == "zeros" else f"{name} multiplies it by {factor} a layer")
    good = f"{wording.listing(kept)} kept the signal's size through all layers" if kept else "no start kept it alive"
    bad = f"; {wording.listing(lost)}" if lost else ""
    best = min(("he", "glorot"), key=lambda start: abs(np.log(max(found[start].activation_factor, 1e-30))))
    return (
        f"With {activation} units here, {good}{bad}. Of He and Xavier, {names[best]} came nearer to a factor of 1 "
        f"({words.number(found[best].activation_factor)} a layer)."
    )

"""B2 and B3: why L2 helps: weight norms, and the share of tanh units in their linear part, against λ."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from burnish.explaining import forward, words
from burnish.explaining.lab import Lab, Trained
from burnish.explaining.paths import plain
from burnish.model import initialise, rules
from burnish.report.panel import Chart, Panel
from burnish.techniques import regularising

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {
    "name": "l2",
    "techniques": ["B2", "B3"],
    "title": "L2, the weights, and the linear part of tanh",
}
PER_ROW = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # λ/m; λ itself means nothing without the number of rows
SEEDS = (2_501, 2_502)


@dataclass(frozen=True, slots=True)
class Shrunk:
    """At the end of training, by λ; each of shape (seeds, places)."""

    per_row: tuple[float, ...]  # λ/m
    rows: int
    norm: Floats  # √ΣW², over all weights
    linear: Floats  # share of hidden units in tanh's linear part, over layers and dev rows
    train: Floats  # costs in evaluation mode, shown
    dev: Floats


def measure(lab: Lab, unit: words.Unit) -> Shrunk:
    """The network with tanh units and nothing else that regularises, at every λ."""
    base = replace(lab.shortened(plain(lab.configuration)), activation="tanh", decay="cosine")
    arms = [replace(base, l2=share * lab.rows) for share in PER_ROW]
    made = lab.train([(arm, seed) for seed in SEEDS for arm in arms])
    grid = (len(SEEDS), len(arms))
    costs = [
        [lab.cost(one.configuration, one.params, one.statistics, train=part) for one in made] for part in (True, False)
    ]
    return Shrunk(
        PER_ROW,
        lab.rows,
        np.array([weight_norm(one.params) for one in made]).reshape(grid),
        np.array([_linear(lab, one) for one in made]).reshape(grid),
        *(unit.of(part).reshape(grid) for part in costs),
    )


def weight_norm(params: object) -> float:
    """√ΣW² over what L2 acts on."""
    kept = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params) if initialise.is_weight(path)]
    return float(np.sqrt(sum(np.square(np.asarray(leaf, np.float64)).sum() for leaf in kept)))


def _linear(lab: Lab, one: Trained) -> float:
    rows, shape = lab.fold.dev.inputs, lab.shape(one.configuration)
    with rules.own():
        z = forward.pre_activations(shape, one.params, one.statistics, jnp.asarray(rows.x), jnp.asarray(rows.codes))
        shares = [(float(regularising.linear_share(layer)), layer.shape[1]) for layer in z]
    return sum(share * units for share, units in shares) / sum(units for _, units in shares)


def panel(found: Shrunk, unit: words.Unit) -> Panel:
    """The panel of what was measured."""
    x = np.array(found.per_row)
    norm = words.over_seeds("‖W‖", x, found.norm)
    linear = words.over_seeds("linear", x, 100 * found.linear, look="cool")
    costs = [
        words.over_seeds("train", x, found.train, look="cool"),
        words.over_seeds("dev", x, found.dev),
    ]
    return Panel(
        **ABOUT,
        finding=finding(found, unit),
        how=f"The network with tanh units and nothing else that regularises, m = {found.rows:,} rows, {len(SEEDS)} "
        "starts. A unit is in its linear part on a row where tanh(z) is within 10 % of z. Costs without the penalty. "
        "Bands: all starts.",
        numbers={
            f"{what}_{share:g}": words.one(float(values[:, place].mean()))
            for what, values in asdict(found).items()
            if what in ("norm", "linear", "train", "dev")
            for place, share in enumerate(found.per_row)
        },
        charts=[
            Chart(title="Size of the weights", x_name="λ/m", y_name="norm of all weights", log_x=True, log_y=True,
                  series=[norm]),
            Chart(title="Units in tanh's linear part", x_name="λ/m", y_name="% of units and dev rows", log_x=True,
                  series=[linear]),
            Chart(title="Train and dev", x_name="λ/m", y_name=unit.name, log_x=True, series=costs),
        ],
    )  # fmt: skip


def finding(found: Shrunk, unit: words.Unit) -> str:
    """How weights and linearity go with λ, and which λ dev likes best."""
    norm, linear, dev = (values.mean(0) for values in (found.norm, found.linear, found.dev))
    gap = (found.dev - found.train).mean(0)
    least, most = found.per_row[0], found.per_row[-1]
    best = int(np.argmin(np.where(np.isfinite(dev), dev, np.inf)))
    fell = "fell" if norm[-1] < norm[0] else "did not fall but went"
    rose = "rose" if linear[-1] > linear[0] else "did not rise but went"
    return (
        f"From λ/m = {words.power(least)} to {words.power(most)} the norm of the weights {fell} from "
        f"{words.number(norm[0])} to {words.number(norm[-1])}, the share of tanh units in their linear part {rose} "
        f"from {100 * linear[0]:.0f} to {100 * linear[-1]:.0f} %, and the gap from train to dev {unit.name} went from "
        f"{words.number(gap[0])} to {words.number(gap[-1])}; dev was lowest at λ/m = "
        f"{words.power(found.per_row[best])}."
    )

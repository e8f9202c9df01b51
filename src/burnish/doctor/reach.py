"""How far a network's outputs go, whatever its weights."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from burnish.doctor import null as nulls
from burnish.doctor.examination import Examination
from burnish.doctor.rule import ROUNDING

# How much larger the last layer's weights are made to see how far the outputs reach; what is bounded stays the same.
ENLARGED = (1e2, 1e4)
# Random draws beside a right one: that all of them have one sign is a matter of 1 in 128.
DRAWS = 8


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the outputs go, whatever the last layer's weights; infinite where they have no bound."""

    low: float
    high: float

    def __str__(self) -> str:
        if np.isinf(self.low):
            return f"below {self.high:.3g}"
        return f"above {self.low:.3g}" if np.isinf(self.high) else f"within {self.low:.3g} to {self.high:.3g}"


def of(exam: Examination) -> Reach | None:
    """By draws whose last layer, and all vectors, are made much larger, with both signs; None without a layer.

    Vectors too, as a gain may follow whatever keeps a layer's outputs within bounds. A right draw has no biases, so
    that an output without bounds takes the weights' sign; and as a gain of 0 would hide all, there are random draws
    beside it, whose vectors have signs of their own.
    """
    gauger, start = exam.gauger, exam.start.params
    if not gauger.layers:
        return None
    rng, x = np.random.default_rng(0), jnp.asarray(exam.few.x)
    draws = [(nulls.right_draw(gauger, start, 0), False)]
    draws += [(nulls.random_draw(gauger, start, number), True) for number in range(DRAWS)]
    made: dict[float, list[NDArray[np.float64]]] = {factor: [] for factor in ENLARGED}
    for drawn, turned in draws:
        leaves, tree = jax.tree.flatten(jax.device_get(drawn))
        turns = rng.choice((1, -1), len(leaves)) if turned else np.ones(len(leaves))
        for factor in ENLARGED:
            grown = [
                leaf * (turn * factor) if leaf.ndim < 2 else leaf for leaf, turn in zip(leaves, turns, strict=True)
            ]
            for sign in (1, -1):
                grown[gauger.layers[-1].leaf] = leaves[gauger.layers[-1].leaf] * (sign * factor)
                given = [leaf.astype(own.dtype) for leaf, own in zip(grown, leaves, strict=True)]
                made[factor].append(np.asarray(exam.lab.apply(jax.tree.unflatten(tree, given), x), np.float64))
    (low, high), (lower, higher) = [(float(np.min(one)), float(np.max(one))) for one in made.values()]
    return Reach(lower if _stays(low, lower) else -np.inf, higher if _stays(high, higher) else np.inf)


def _stays(end: float, further: float) -> bool:
    """Whether an end of the outputs stays where it is while weights grow: one that moves inwards is none either."""
    return bool(np.isfinite([end, further]).all()) and abs(further - end) <= ROUNDING * max(abs(end), 1)


def known(exam: Examination) -> Reach | None:
    """The same, looked for once in an examination."""
    found: Reach | None = exam.once("reach", lambda: of(exam))
    return found

"""The scales that settings are drawn on (technique E3).

Every scale maps the unit interval onto its values so that a uniform number gives a draw from its distribution. The unit
coordinate is what the importance and the refinement work in: there, every scale looks the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from burnish.errors import ConfigError

# A refined window is never narrower than this share of the scale it came from: four lucky draws side by side do not
# pin a value.
WINDOW_FLOOR = 0.1


class Scale(Protocol):
    """How one setting is drawn."""

    def from_unit(self, unit: float) -> Any:
        """The value at this share of the distribution: a uniform `unit` gives a draw."""

    def to_unit(self, value: Any) -> float:
        """The place of a value in [0, 1]; values outside the scale are drawn to its ends."""

    def sample(self, rng: np.random.Generator) -> Any:
        """One draw."""

    def narrowed(self, values: Sequence[Any]) -> Scale:
        """The same kind of scale, shrunk around values that did well."""


def window(units: Sequence[float]) -> tuple[float, float]:
    """The interval that uniform numbers most likely came from, within [0, 1].

    The smallest and the largest of k draws lie inside the true ends by range/(k − 1) on average, so that much is
    added at each end (the unbiased estimator of a uniform distribution's ends). A setting that does not matter, whose
    good values are spread evenly, so keeps its whole scale; one that matters shrinks.
    """
    if len(units) < 2:
        return 0.0, 1.0
    low, high = min(units), max(units)
    margin = max((high - low) / (len(units) - 1), (WINDOW_FLOOR - (high - low)) / 2)
    return max(0.0, low - margin), min(1.0, high + margin)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every value between the ends alike: for counts in a narrow range, and for shares. Integers include both ends.

    `low + u · (high − low)` for u uniform in [0, 1). (Techniques E3; Bergstra and Bengio 2012.)

    >>> Uniform(50, 100, integer=True).from_unit(0.5)
    75
    """

    low: float
    high: float
    integer: bool = False

    def __post_init__(self) -> None:
        _check_ends("Uniform", self.low, self.high, self.integer)

    def from_unit(self, unit: float) -> float | int:
        value = self.low + unit * (self.high + self.integer - self.low)
        return min(math.floor(value), int(self.high)) if self.integer else min(value, self.high)

    def to_unit(self, value: float) -> float:
        return _clip((value + self.integer / 2 - self.low) / (self.high + self.integer - self.low))

    def sample(self, rng: np.random.Generator) -> float | int:
        return self.from_unit(rng.random())

    def narrowed(self, values: Sequence[float]) -> Uniform:
        low, high = _ends(self, values)
        return replace(self, low=low, high=high)


@dataclass(frozen=True, slots=True)
class Log:
    """Every decade alike: for settings of unknown order of magnitude, such as α. Integers include both ends.

    `low · (high/low)^u` for u uniform in [0, 1): of 0.0001 to 1 each decade gets a quarter of the draws, where a
    uniform scale puts 90 % above 0.1. (Techniques E3; Bergstra and Bengio 2012.)

    >>> [round(Log(0.0001, 1).from_unit(u), 6) for u in (0.0, 0.25, 0.5, 0.75)]
    [0.0001, 0.001, 0.01, 0.1]
    """

    low: float
    high: float
    integer: bool = False

    def __post_init__(self) -> None:
        _check_ends("Log", self.low, self.high, self.integer)
        if self.low <= 0:
            raise ConfigError(
                f"Log({self.low}, {self.high}) cannot be drawn from.",
                "A log scale has no zero: its low end must be positive.",
                "Use OrZero(Log(...), share) where zero is one of the values.",
            )

    def from_unit(self, unit: float) -> float | int:
        value = self.low * ((self.high + self.integer) / self.low) ** unit
        return min(math.floor(value), int(self.high)) if self.integer else _between(value, self.low, self.high)

    def to_unit(self, value: float) -> float:
        inside = max(value, self.low)
        middle = math.sqrt(inside * (inside + 1)) if self.integer else inside  # an integer owns [value, value + 1)
        return _clip(math.log(middle / self.low) / math.log((self.high + self.integer) / self.low))

    def sample(self, rng: np.random.Generator) -> float | int:
        return self.from_unit(rng.random())

    def narrowed(self, values: Sequence[float]) -> Log:
        low, high = _ends(self, values)
        return replace(self, low=low, high=high)


@dataclass(frozen=True, slots=True)
class OneMinusLog:
    """Every decade of 1 − β alike: β averages over about 1/(1 − β) steps, so 0.9 to 0.99 is as far as 0.99 to 0.999.

    `1 − (1 − low) · ((1 − high)/(1 − low))^u` for u uniform in [0, 1). (Techniques E3.)

    >>> round(OneMinusLog(0.9, 0.999).from_unit(0.5), 6)
    0.99
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends("OneMinusLog", self.low, self.high)
        if not 0 <= self.low < self.high < 1:
            raise ConfigError(
                f"OneMinusLog({self.low}, {self.high}) cannot be drawn from.",
                "It draws the logarithm of 1 − β, so β must lie in [0, 1).",
                "Give ends such as 0.9 and 0.999.",
            )

    def from_unit(self, unit: float) -> float:
        remainder = (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** unit
        return _between(1 - remainder, self.low, self.high)

    def to_unit(self, value: float) -> float:
        inside = _between(value, self.low, self.high)
        return _clip(math.log((1 - inside) / (1 - self.low)) / math.log((1 - self.high) / (1 - self.low)))

    def sample(self, rng: np.random.Generator) -> float:
        return self.from_unit(rng.random())

    def narrowed(self, values: Sequence[float]) -> OneMinusLog:
        low, high = _ends(self, values)
        return replace(self, low=low, high=high)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values, each with its weight; ordered where the order means something, as for batch sizes.

    >>> Choice(("relu", "tanh"), weights=(3, 1)).from_unit(0.7)
    'relu'
    """

    options: tuple[Any, ...]  # hashable
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        weights = self.weights
        bad = weights is not None and (
            len(weights) != len(self.options) or min(weights, default=0) < 0 or not sum(weights) > 0
        )
        if not self.options or len(set(self.options)) < len(self.options) or bad:
            raise ConfigError(
                f"Choice({self.options}, {weights}) cannot be drawn from.",
                "A choice needs an option, no option twice, and a weight of at least 0 for each, not all 0.",
                "Leave the weights out to draw all options alike.",
            )

    @property
    def edges(self) -> NDArray[np.float64]:
        """Cumulative shares from 0 to 1; shape (options + 1,)."""
        weights = np.ones(len(self.options)) if self.weights is None else np.asarray(self.weights, np.float64)
        return np.concatenate([[0.0], np.cumsum(weights) / weights.sum()])

    def from_unit(self, unit: float) -> Any:
        edges = self.edges
        # The last option of positive weight is the answer at unit = 1, whatever the rounding of the sum.
        last = int(np.flatnonzero(np.diff(edges))[-1])
        return self.options[min(int(np.searchsorted(edges, unit, side="right")) - 1, last)]

    def to_unit(self, value: Any) -> float:
        """The middle of the option's share. A number that is no option takes the nearest one; anything else 0.5."""
        edges = self.edges
        if value in self.options:
            index = self.options.index(value)
        elif _numeric((*self.options, value)):
            index = int(np.argmin([abs(option - value) for option in self.options]))
        else:
            return 0.5
        return float(edges[index] + edges[index + 1]) / 2

    def sample(self, rng: np.random.Generator) -> Any:
        return self.from_unit(rng.random())

    def narrowed(self, values: Sequence[Any]) -> Choice:
        """Weights become counts among the good values; the old weights are worth one more: nothing is ruled out."""
        prior = np.diff(self.edges)
        counts = np.array([sum(value == option for value in values) for option in self.options])
        return replace(self, weights=tuple(((counts + prior) / (counts.sum() + 1)).tolist()))


@dataclass(frozen=True, slots=True)
class OrZero:
    """Exactly 0 in a share of the draws, else from `scale`: for penalties, where none at all is often best.

    >>> [round(OrZero(Log(0.01, 1), 0.5).from_unit(u), 6) for u in (0.2, 0.5, 0.75)]
    [0.0, 0.01, 0.1]
    """

    scale: Uniform | Log
    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(
                f"OrZero(..., {self.share}) cannot be drawn from.",
                "The share of zeros lies between 0 and 1, both left out.",
                "Give a share such as 0.5, or the scale without OrZero.",
            )

    def from_unit(self, unit: float) -> float:
        return 0.0 if unit < self.share else self.scale.from_unit((unit - self.share) / (1 - self.share))

    def to_unit(self, value: float) -> float:
        return self.share / 2 if value == 0 else self.share + (1 - self.share) * self.scale.to_unit(value)

    def sample(self, rng: np.random.Generator) -> float:
        return self.from_unit(rng.random())

    def narrowed(self, values: Sequence[float]) -> OrZero:
        positive = [value for value in values if value != 0]
        share = (len(values) - len(positive) + self.share) / (len(values) + 1)
        return OrZero(self.scale.narrowed(positive), share)


def _ends(scale: Scale, values: Sequence[float]) -> tuple[Any, Any]:
    low, high = window([scale.to_unit(value) for value in values])
    first, last = scale.from_unit(low), scale.from_unit(high)
    return first, last


def _check_ends(name: str, low: float, high: float, integer: bool = False) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and (low < high or (integer and low == high))):
        raise ConfigError(
            f"{name}({low}, {high}) cannot be drawn from.",
            "The ends must be finite, the low one first.",
            "Swap or correct the ends.",
        )


def _clip(unit: float) -> float:
    return _between(unit, 0.0, 1.0)


def _between(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)

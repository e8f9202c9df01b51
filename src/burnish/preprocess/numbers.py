"""Numbers and booleans: standardised, heavy tails tamed, gaps filled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from burnish.data.table import Column, Physical
from burnish.errors import DataError
from burnish.units import percent

Floats = NDArray[np.float64]
Rule = Literal["plain", "signed_log", "smooth_clip", "none"]
RULES: tuple[Rule, ...] = get_args(Rule)

# Interquartile range of a normal variable in standard deviations: 2·Φ⁻¹(0.75).
NORMAL_IQR = 1.3489795003921634
# A row this many robust standard deviations from the median is far out. Of a million normal rows the farthest lies at
# 4.9, so that a column without heavy tails is never bent; of a thousand exponential ones the farthest lies at 7.6.
FAR = 6.0
# The logarithm must bring back more than this share of the far rows. Where the tail goes on from the body (lognormal
# up to σ = 3, Cauchy) 3/4 or more come back; where a few rows stand apart from it (a typing error, a sentinel such as
# 999999) none do.
LOG_BRINGS_BACK = 0.5
# Bend of the smooth clip in robust standard deviations: x / √(1 + (x/3)²), 0.95 of x at 1, never beyond 3 (Holzmüller
# et al. 2024, "Better by default", section 3.1).
CLIP_BEND = 3.0
# No training row ends up further than this from 0, in the units of the network's input: a column that is 0 but in one
# row of 100,000 would have that row at 316 under plain standardising. Such a column is divided by more than its
# standard deviation.
REACH = 10.0
# At prediction values are held within ±HELD: twice as far out as any training row nothing has been learnt, and a unit
# error (grams for tonnes) must not drown all other inputs.
HELD = 2 * REACH
# The robust scale is at least this share of the farthest distance, so that no quotient overflows.
SCALE_FLOOR = 1e-12
# Without a scaling, values are held within this, so that they fit float32.
LARGEST_RAW = 1e30
# Larger magnitudes count as this, so that squares and their sums stay finite in float64.
LARGEST = 1e100
# A range below this is no variation: quotients would overflow.
SMALLEST_RANGE = 1e-100
# Values of columns that are taken at once, 2 MB: 20,000 columns of 80 rows take 0.3 s so, and 4.3 s one by one.
CELLS = 1 << 18


def values_of(column: Column) -> Floats:
    """The column as float64, NaN = missing; shape (rows,).

    Raises:
        DataError: the column holds text, or an infinity.
    """
    if column.physical is Physical.TEXT:
        if bool(np.all(column.values < 0)):
            return np.full(len(column.values), np.nan)
        first = column.levels[int(column.values[column.values >= 0][0])]
        raise DataError(
            f"Column {column.name!r} should hold numbers, but holds text.",
            f"One of its values is {first[:80]!r}.",
            "Write the column as it was written in the training data.",
        )
    values = np.asarray(column.values, dtype=np.float64)
    if bool(np.isinf(values).any()):
        raise DataError(
            f"Column {column.name!r} holds infinite values.",
            f"{int(np.isinf(values).sum())} rows are infinite; a mean and a standard deviation need finite ones.",
            "Leave these cells empty (missing), or correct them.",
        )
    return values


@dataclass(frozen=True, slots=True)
class Scaling:
    """x ← (f((x − center) / scale) − mean) / spread, with f as `rule` says; missing becomes 0.

    With the rule "none" x stays as it is, and missing becomes the center.
    """

    rule: Rule
    center: float  # median of the training rows
    scale: float  # robust standard deviation of the training rows
    mean: float  # of f(...) over the training rows
    spread: float  # standard deviation of f(...), or a tenth of its reach where that is larger
    reason: str

    def apply(self, values: Floats) -> Floats:
        """Network input for these values, in standard deviations (in units without a rule); shape (rows,)."""
        return _applied(values, self.rule, self.center, self.scale, self.mean, self.spread)


def _applied(values: Floats, rule: Rule, center: Any, scale: Any, mean: Any, spread: Any) -> Floats:
    """What `Scaling.apply` gives: of one column, or of columns that are scaled by one rule, shape (columns, rows)."""
    if rule == "none":
        return np.where(np.isnan(values), center, np.clip(values, -LARGEST_RAW, LARGEST_RAW))
    out = _tame((np.clip(values, -LARGEST, LARGEST) - center) / scale, rule)
    out -= mean
    out /= spread
    np.clip(out, -HELD, HELD, out=out)
    out[np.isnan(out)] = 0.0
    return out


def fit_scaling(values: Floats) -> Scaling | None:
    """Scaling learnt from training values (NaN = missing), or None where they do not vary.

    The gentlest of three: nothing but standardising where no row lies beyond `FAR` robust standard deviations; the
    signed logarithm where it brings most of the far rows back; else the smooth clip. Then mean 0 and standard
    deviation 1.
    """
    return fit_scalings(values[None])[0]


def fit_scalings(values: Floats) -> list[Scaling | None]:
    """The same of columns at once, shape (columns, rows): each as it is by itself, to the bit."""
    known = ~np.isnan(values)
    counts = known.sum(axis=1)
    found: list[Scaling | None] = [None] * len(values)
    for count in np.unique(counts[counts > 0]):
        alike = np.flatnonzero(counts == count)
        gapless = count * len(alike) == values.size
        dense = values if gapless else values[alike][known[alike]].reshape(len(alike), count)
        for place, scaling in zip(alike, _scalings(np.clip(dense, -LARGEST, LARGEST)), strict=True):
            found[place] = scaling
    return found


def _scalings(values: Floats) -> list[Scaling | None]:
    """Of columns without gaps, shape (columns, rows)."""
    found: list[Scaling | None] = [None] * len(values)
    varying = np.flatnonzero(values.max(axis=1) - values.min(axis=1) >= SMALLEST_RANGE)
    if not len(varying):
        return found
    center, scale = _robust(values[varying])
    z = (values[varying] - center[:, None]) / scale[:, None]
    rules, reasons = _choose(z)
    tamed = np.empty_like(z)
    for rule in np.unique(rules):
        tamed[rules == rule] = _tame(z[rules == rule], rule)
    mean, deviation = tamed.mean(axis=1), tamed.std(axis=1)
    reach = np.maximum(tamed.max(axis=1) - mean, mean - tamed.min(axis=1))
    spread = np.maximum(deviation, reach / REACH)
    far = f"; nearly constant, so its farthest row is put at {REACH:g}"
    reasons = [why + far if near else why for why, near in zip(reasons, reach > REACH * deviation, strict=True)]
    learnt = (rules.tolist(), center.tolist(), scale.tolist(), mean.tolist(), spread.tolist(), reasons)
    for place, there, one in zip(varying.tolist(), reach > 0, zip(*learnt, strict=True), strict=True):
        if there:  # else the variation is lost in rounding
            found[place] = Scaling(*one)
    return found


_NO_SCALING = Scaling("none", 0.0, 1.0, 0.0, 1.0, "")


def unscaled(scaling: Scaling) -> Scaling:
    """The same column as it stands in the table, gaps filled with its median: to see what scaling is worth."""
    return replace(scaling, rule="none", reason="left as it is")


def _robust(values: Floats) -> tuple[Floats, Floats]:
    """Median of each column, and a robust standard deviation that is never 0 for values that vary; shape (columns,).

    The interquartile range over that of a normal; where more than half of the rows share one value, the median
    distance from it of those that differ.
    """
    low, center, high = np.quantile(values, (0.25, 0.5, 0.75), axis=1)
    scale = (high - low) / NORMAL_IQR
    distance = np.abs(values - center[:, None])
    for column in np.flatnonzero(scale <= 0):
        scale[column] = np.median(distance[column][distance[column] > 0])
    return center, np.maximum(scale, SCALE_FLOOR * distance.max(axis=1))


def _tame(z: Floats, rule: Rule) -> Floats:
    """f(z), a new array or z itself."""
    if rule == "signed_log":
        return np.copysign(np.log1p(np.abs(z)), z)
    if rule == "smooth_clip":
        return z / np.hypot(1.0, z / CLIP_BEND)  # hypot: the square of a far-out z must not overflow
    return z


def _choose(z: Floats) -> tuple[NDArray[np.object_], list[str]]:
    """The rule for each column of robustly scaled training values, shape (columns, rows), and why."""
    rules = np.full(len(z), "plain", dtype=object)
    reasons = [f"no training row beyond {FAR:g} robust standard deviations"] * len(z)
    beyond = np.count_nonzero(np.abs(z) > FAR, axis=1)
    bent = np.flatnonzero(beyond)
    if not len(bent):
        return rules, reasons
    logs = _tame(z[bent], "signed_log")
    center, scale = _robust(logs)
    still = np.count_nonzero(np.abs(logs - center[:, None]) > FAR * scale[:, None], axis=1)
    for column, far, left in zip(bent, beyond[bent], still, strict=True):
        if left <= (1 - LOG_BRINGS_BACK) * far:
            rules[column], why = "signed_log", f"the logarithm brings {far - left} of them back"
        else:
            rules[column], why = "smooth_clip", f"they stand apart, {left} of them even on a logarithmic scale"
        reasons[column] = f"{far} of {z.shape[1]} training rows beyond {FAR:g} robust standard deviations; {why}"
    return rules, reasons


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """A number becomes one continuous column, and a flag where it was missing in training rows."""

    name: str
    scaling: Scaling | None  # None: the value never varies, only the flag says something
    indicator: bool

    @property
    def numbers(self) -> tuple[str, ...]:
        return (self.name,) if self.scaling else ()

    @property
    def flags(self) -> tuple[str, ...]:
        return (f"{self.name} is missing",) if self.indicator else ()

    def describe(self) -> tuple[str, str]:
        """What is done, and why."""
        if self.scaling is None:
            return "missing flag only", "its value never varies, but it is missing in some training rows"
        words = {
            "plain": "standardised",
            "signed_log": "signed logarithm, then standardised",
            "smooth_clip": "smoothly clipped, then standardised",
            "none": "as it is",
        }
        gap = "; missing in training rows: mean, with a flag" if self.indicator else ""
        return words[self.scaling.rule], self.scaling.reason + gap

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> NumberPlan:
        scaling = values["scaling"]
        return cls(values["name"], scaling and Scaling(**scaling), values["indicator"])


@dataclass(frozen=True, slots=True)
class BooleanPlan:
    """A boolean becomes one flag, and a second where it was missing in training rows.

    A gap holds the training share of true.
    """

    name: str
    share: float  # of the known training rows that are true; 0 to 1
    indicator: bool

    @property
    def numbers(self) -> tuple[str, ...]:
        return ()

    @property
    def flags(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} is missing") if self.indicator else (self.name,)

    def fill(self, column: Column, numbers: NDArray[np.float32], flags: NDArray[np.float32]) -> None:
        """Writes the prepared rows into views of shape (rows, 0) and (rows, flags)."""
        values = values_of(column)
        missing = np.isnan(values)
        flags[:, 0] = np.where(missing, self.share, values != 0)
        if self.indicator:
            flags[:, 1] = missing

    def describe(self) -> tuple[str, str]:
        """What is done, and why."""
        gap = "; missing in training rows: a second flag" if self.indicator else ""
        return "flag", f"true or false, true in {percent(self.share, 1)} of the training rows{gap}"

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> BooleanPlan:
        return cls(**values)


def fit_numbers(columns: Sequence[Column], rows: NDArray[np.integer]) -> Iterator[NumberPlan | None]:
    """A plan for each column from its training rows; None where neither the values nor the gaps vary."""
    for block in _blocks(len(columns), len(rows)):
        some = columns[block]
        values = _stacked([column.take(rows) for column in some])
        missing = np.isnan(values)
        indicators = np.logical_and(missing.any(axis=1), ~missing.all(axis=1)).tolist()
        for column, scaling, indicator in zip(some, fit_scalings(values), indicators, strict=True):
            yield NumberPlan(column.name, scaling, indicator) if scaling or indicator else None


@dataclass(frozen=True, slots=True)
class Placed:
    """A plan, and where what it makes goes."""

    plan: NumberPlan
    number: int  # input that its value becomes, where it has a scaling
    flag: int  # input that tells that it is missing, where it has an indicator


@dataclass(frozen=True, slots=True)
class Together:
    """What preparing rows needs of many plans, in arrays of one entry a plan: looked up plan by plan it takes longer.

    `together` makes one.
    """

    rules: NDArray[np.intp]  # places in RULES; -1 without a scaling
    learnt: Floats  # center, scale, mean and spread, shape (4, plans)
    numbers: NDArray[np.intp]  # as in Placed
    flags: NDArray[np.intp]  # as in Placed; -1 without an indicator

    def fill(self, columns: Sequence[Column], x: NDArray[np.float32]) -> None:
        """Write the prepared rows of the plans' columns into x, shape (rows, inputs)."""
        for block in _blocks(len(columns), len(x)):
            values = _stacked(columns[block])
            for rule in range(len(RULES)):
                places = np.flatnonzero(self.rules[block] == rule)
                if len(places):
                    alike = block.start + places
                    learnt = self.learnt[:, alike, None]
                    x[:, self.numbers[alike]] = _applied(values[places], RULES[rule], *learnt).T
            told = np.flatnonzero(self.flags[block] >= 0)
            x[:, self.flags[block.start + told]] = np.isnan(values[told]).T


def together(placed: Sequence[Placed]) -> Together:
    """The same plans as arrays."""
    scalings = [
        (RULES.index(s.rule), s) if (s := one.plan.scaling) is not None else (-1, _NO_SCALING) for one in placed
    ]
    return Together(
        np.array([rule for rule, _ in scalings], np.intp),
        np.array([(s.center, s.scale, s.mean, s.spread) for _, s in scalings]).reshape(-1, 4).T,
        np.array([one.number for one in placed], np.intp),
        np.array([one.flag if one.plan.indicator else -1 for one in placed], np.intp),
    )


def _stacked(columns: Sequence[Column]) -> Floats:
    """`values_of` each column, shape (columns, rows)."""
    if all(column.physical is not Physical.TEXT for column in columns):
        values = np.concatenate([column.values for column in columns]).astype(np.float64, copy=False)
        if not np.isinf(values).any():
            return values.reshape(len(columns), len(columns[0].values))
    return np.stack([values_of(column) for column in columns])


def _blocks(columns: int, rows: int) -> Iterator[slice]:
    """So many columns at a time that their values stay below `CELLS`."""
    at_once = max(1, CELLS // max(1, rows))
    for first in range(0, columns, at_once):
        yield slice(first, first + at_once)


def fit_boolean(name: str, values: Floats) -> BooleanPlan | NumberPlan | None:
    """Plan from training values 0, 1 or NaN; None where neither the values nor the gaps vary."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    share = float(np.mean(known != 0))
    indicator = len(known) < len(values)
    if 0 < share < 1:
        return BooleanPlan(name, share, indicator)
    return NumberPlan(name, None, True) if indicator else None

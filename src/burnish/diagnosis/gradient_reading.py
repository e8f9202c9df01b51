"""What differences of a cost along one line say about its derivative: its value, how sure it is, and what blurs it.

A central difference `(J(θ + εv) − J(θ − εv)) / 2ε` is blurred by truncation, which falls as ε², by rounding, which
rises as 1/ε, and by kinks such as ReLU's, on whose two sides the slopes differ. So the derivative is read off a ladder
of steps, where neighbouring steps agree best, and never off the one step at which it happens to meet the analytic
value. What is left between the two and does not depend on ε is a bug.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Neighbouring steps of a ladder differ by this factor (technique C4: the step, its triple and its third).
FACTOR = 3.0
# Rounding errors of a difference are trusted to stay below so many of their standard deviations.
SIGMAS = 5.0
# The differences of this order over equispaced points hold nothing but noise (Moré and Wild 2011, "Estimating
# computational noise"), since those of the function are step⁴ times its fourth derivative. With 13 points a tenth
# of the estimates are less than half of the true value, with 9 less than a third.
NOISE_ORDER = 4
NOISE_POINTS = 13
# A relative distance above which a gradient is wrong (catalogue NU1), in a cost computed in float64.
WRONG = 1e-4
# Halfway, in powers of ten, between the common course's 1e-7 (great) and 1e-5 (look closer).
GREAT = 1e-6
# A numeric derivative that is not even known to a tenth cannot contradict anything.
RESOLVED = 0.1
# A derivative contradicts a gradient only if so many neighbouring steps, down from the one it was read at, agree on it:
# over a range of 3⁴ = 81. What bends at a finer scale than rounding lets one see could be anything.
AGREEING = 5
# The slopes on the two sides have to differ by this share of what is to be explained before a kink explains it.
KINK_SHARE = 0.2
# Exponents of ε between which a distance counts as independent of it; truncation has 2, rounding −1.
FALLS, RISES = 0.4, -0.4


class Slope(StrEnum):
    """How the distance of numeric and analytic derivative depends on the step ε."""

    AGREES = "agrees"  # nothing to explain
    TRUNCATION = "falls with the step"  # as ε², or as ε^½ to ε where a line crosses many kinks
    ROUNDING = "rises as the step shrinks"  # as 1/ε
    KINK = "kink"  # the slopes on the two sides differ
    FLAT = "independent of the step"  # a bug, or a small error of an approximation


class Verdict(StrEnum):
    """What a check of one leaf, or of all, came to. Only `WRONG` is a fault."""

    RIGHT = "right"
    CLOSER = "look closer"  # a small difference that does not depend on the step
    KINK = "right, at a kink"
    ZERO = "zero gradient"  # both, to rounding
    UNDECIDED = "undecided"  # lost in rounding or jumps of the cost
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Ladder:
    """A cost along one line; all arrays have shape (steps,), steps ascending by `FACTOR`. `inf` and NaN are allowed."""

    step: Floats  # ε
    up: Floats  # J(θ + εv)
    down: Floats  # J(θ − εv)
    slope: Floats  # analytic derivative along (θ₊ − θ₋)/2ε, which rounding makes differ a little from v
    here: float  # J(θ)
    base: int  # which step the ladder was built around

    @property
    def central(self) -> Floats:
        """`(J₊ − J₋) / 2ε`, in units of the cost."""
        return (self.up - self.down) / (2 * self.step)

    @property
    def gap(self) -> Floats:
        """Slope ahead minus slope behind: `(J₊ − 2J + J₋) / ε`. It falls as ε where the cost is smooth."""
        return (self.up - 2 * self.here + self.down) / self.step


@dataclass(frozen=True, slots=True)
class Reading:
    """What a ladder says. Derivatives are along v, in units of the cost."""

    numeric: float
    analytic: float
    error: float  # the true derivative lies within ±error of `numeric`
    step: float  # ε at which it was read
    slope: Slope
    kinked: bool  # the slopes on the two sides of θ differ by more than rounding, down to the smallest steps
    agreeing: int  # steps from this one downwards that say the same, beyond their rounding

    @property
    def off(self) -> float:
        """|numeric − analytic|."""
        return abs(self.numeric - self.analytic)


def noise(values: Floats) -> tuple[float, bool]:
    """Standard deviation of the rounding noise of a function, from its values at `NOISE_POINTS` equispaced points.

    `σ² = (k!)²/(2k)! · mean((Δᵏ f)²)` with k = `NOISE_ORDER` (Hamming 1971; Moré and Wild 2011).

    Returns:
        σ in the function's unit, and whether its change from point to point stands out of it. Where it does not, the
        points are too close to tell noise from steps of rounding (a float32 inside): take them further apart.
    """
    if not np.isfinite(values).all():
        return math.nan, False
    k = NOISE_ORDER
    highest = np.diff(values, k)
    sigma = math.sqrt(math.factorial(k) ** 2 / math.factorial(2 * k) * float(np.mean(highest**2)))
    change = math.sqrt(float(np.mean(np.diff(values) ** 2)))
    return sigma, change > SIGMAS * sigma


def blur(sigma: float, step: float) -> float:
    """What rounding can do to a central difference: `SIGMAS · σ/(√2 ε)`, in units of the derivative."""
    return SIGMAS * sigma / (math.sqrt(2) * step)


def tolerance(relative_noise: float) -> float:
    """The relative distance above which a gradient counts as wrong: `WRONG` in float64, about 1e-2 in float32.

    An analytic gradient has lost as many digits as the cost has. Where those left are few, only coarse mistakes can be
    told: 40·√noise is 1e-2 for float32 (unit roundoff 6e-8); at most 0.3, since a factor of two stands at 0.33.
    """
    return max(WRONG, min(0.3, 40 * math.sqrt(relative_noise)))


def read(ladder: Ladder, sigma: float) -> Reading:
    """The derivative where neighbouring steps agree best, without a look at the analytic one.

    The error of step j is bounded by the sum of three. First the change to the next wider step, of which the truncation
    of the central difference is an eighth, or the change to any narrower step beyond what rounding explains: those are
    nearer to the limit. Then half of the kink: the gap between the slopes of the two sides, extrapolated to ε = 0 from
    two steps, `(3 G(ε/3) − G(ε)) / 2`, which is 0 for a smooth cost. Then rounding.
    """
    central, gap = _masked(ladder), ladder.gap
    step, rounding = ladder.step, blur(sigma, 1.0) / ladder.step
    with np.errstate(invalid="ignore"):
        wider = np.abs(central[2:] - central[1:-1])
        spread = np.maximum(wider, _change_from_narrower(central, rounding)[1:-1])
        kink = np.abs(FACTOR * gap[:-2] - gap[1:-1]) / (FACTOR - 1)
        errors = spread + kink / 2 + rounding[1:-1]
    if not np.isfinite(errors).any():
        return Reading(math.nan, float(ladder.slope[ladder.base]), math.inf, math.nan, Slope.ROUNDING, False, 0)
    best = int(np.nanargmin(errors))
    numeric, analytic, error = central[best + 1], ladder.slope[best + 1], errors[best]
    off = abs(numeric - analytic)
    same = (np.abs(central - numeric) <= off / 3) & (rounding <= off / 3)
    agreeing = int(np.argmin([*same[best + 1 :: -1], False]))
    # Noise of the extrapolated gap: 3 · SIGMAS·√6 σ/(ε/3) from the smaller step weighs most.
    kinked = bool(kink[best] > 16 * rounding[best + 1] and kink[best] > KINK_SHARE * spread[best])
    return Reading(
        float(numeric),
        float(analytic),
        float(error),
        float(step[best + 1]),
        _slope(ladder, kinked and kink[best] > KINK_SHARE * off),
        kinked,
        agreeing,
    )


def _change_from_narrower(central: Floats, rounding: Floats) -> Floats:
    """For each step the largest difference to the next narrower one, or to any narrower one less its rounding."""
    changes = np.full(len(central), np.nan)
    for j in range(1, len(central)):
        beyond = np.abs(central[:j] - central[j]) - rounding[:j]
        known = beyond[np.isfinite(beyond)]
        if len(known):
            changes[j] = max(known.max(), np.nan_to_num(abs(central[j] - central[j - 1])))
    return changes


def _masked(ladder: Ladder) -> Floats:
    """Central differences; NaN where the cost did not move at all although a larger step moves it.

    Such a step is lost in the last digit of the cost, and its 0 is no derivative; unless the analytic one is 0 too.
    """
    central = ladder.central
    with np.errstate(invalid="ignore"):
        moves = np.nonzero((ladder.up != ladder.down) & np.isfinite(central))[0]
    if len(moves):
        lost = (np.arange(len(central)) < moves[-1]) & (central == 0) & (ladder.slope != 0)
        central = np.where(lost, np.nan, central)
    return np.where(np.isfinite(central), central, np.nan)


def _slope(ladder: Ladder, kinked: bool) -> Slope:
    """Class of the distance at the base step and its neighbours."""
    off = np.abs(ladder.central - ladder.slope)
    low, high = off[max(ladder.base - 1, 0)], off[min(ladder.base + 1, len(off) - 1)]
    if kinked:
        return Slope.KINK
    if not (np.isfinite(low) and np.isfinite(high)):
        return Slope.TRUNCATION
    if low == 0 or high == 0:
        return Slope.TRUNCATION if high > low else Slope.ROUNDING if low > high else Slope.AGREES
    power = math.log(high / low) / math.log(FACTOR**2)
    return Slope.TRUNCATION if power > FALLS else Slope.ROUNDING if power < RISES else Slope.FLAT


def judge(reading: Reading, scale: float, *, wrong: float) -> Verdict:
    """A verdict on one line.

    Args:
        reading: What its ladder says.
        scale: |analytic| + |numeric| of a usual line of the leaf: what a distance is measured in.
        wrong: See `tolerance`.
    """
    if not reading.error <= RESOLVED * scale:
        return Verdict.UNDECIDED
    sure = reading.error <= reading.off / 3 and reading.agreeing >= AGREEING
    if reading.off > reading.error + wrong * scale:
        return Verdict.WRONG if sure else Verdict.UNDECIDED
    if sure and reading.off > GREAT * scale:
        return Verdict.CLOSER
    return Verdict.KINK if reading.kinked and reading.slope is Slope.KINK else Verdict.RIGHT


def hint(analytic: Floats, numeric: Floats, theta: Floats, error: float) -> str:
    """What a wrong gradient looks like: one sentence, or "" where it looks like nothing known.

    Args:
        analytic: Derivatives by the components that were walked, shape (components,).
        numeric: The same from differences.
        theta: The parameters there.
        error: Largest error of `numeric`.
    """
    if not np.isfinite(analytic).all():
        return "It is not finite where the cost is: a root, logarithm or division at its edge?"
    size = max(float(np.abs(analytic).max()), float(np.abs(numeric).max()))
    enough = max(1e-3 * size, 2 * error)
    if np.abs(analytic).max() <= 1e-9 * size:
        return "It is zero although the cost depends on this leaf: stop_gradient, rounding, or a rule that gives zeros?"
    if np.abs(numeric).max() <= max(1e-9 * size, error):
        return "The cost does not move with this leaf: rounding inside, a straight-through estimator, an unused leaf?"
    ratio = float(analytic @ numeric / (numeric @ numeric))
    if np.abs(analytic - ratio * numeric).max() <= enough and abs(ratio - 1) > 1e-3:
        return "Its sign is flipped." if abs(ratio + 1) < 1e-2 else f"It is {ratio:.4g} times what it should be."
    off = np.abs(analytic - numeric) > enough
    if off.sum() == 1 and len(off) > 1:
        return f"Of the {len(off)} components that were walked only this one is wrong."
    if theta @ theta > 0:
        missing = float((numeric - analytic) @ theta / (theta @ theta))
        if np.abs(numeric - analytic - missing * theta).max() <= enough:
            word = "missing" if missing > 0 else "too much"
            return f"As if an L2 penalty of {abs(missing):.4g}/2 · Σθ² were {word}."
    return ""

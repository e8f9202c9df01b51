"""Lines through a point in the space of parameters: differences of a cost along them, compared with its gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis import gradient_reading
from burnish.diagnosis.gradient_reading import FACTOR, Ladder, Reading, Slope, Verdict

if TYPE_CHECKING:
    from burnish.diagnosis.gradient_cost import Cost  # imports JAX

Floats = NDArray[np.float64]

# Step of one component, times max(1, |θ_i|): near the cube root of float64's unit roundoff, where truncation and
# rounding of a central difference are alike (Dennis and Schnabel 1983, section 5.6).
STEP = 6e-6
EPSILON = float(np.finfo(np.float64).eps)
# Gradients below this norm, in units of the cost, are both called zero (technique C4).
ZERO = 1e-12
# A distance this small at the first step ends the matter (the common course's "great").
QUIET = 1e-7
# Rounding may take this share of a derivative; where it would take more, the first step is longer.
ROUNDING_SHARE = 1e-5
# The widest ladder, in powers of `FACTOR` around the first step, and how far it may move a component, in units of
# max(1, |θ_i|).
NARROWEST, WIDEST, FARTHEST = -19, 10, 0.35
# A component's step is at least so many units in the last place, or nothing of it is left after rounding.
LEAST_STEP = 2.0
# Distances of the points at which the noise of the cost is measured, in units of max(1, |θ_i|): the first whose values
# differ by more than the noise.
NOISE_SCALES = (1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)


@dataclass(frozen=True, slots=True)
class Point:
    """Parameters with what is known there."""

    leaves: list[Floats]
    device: list[Any]  # the same as JAX's arrays
    gradient: list[Floats]  # analytic
    here: float  # the cost


@dataclass(frozen=True, slots=True)
class Task:
    """What a check needs at every step."""

    cost: Cost
    sigma: float  # noise of the cost, in its unit
    least: float  # smallest step of one component: below, its change is lost in the coarsest numbers inside the cost
    wrong: float  # relative distance above which a gradient is wrong
    step: float  # first step of one component
    seed: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line through a point: components begin, begin + 1, … of one leaf move by ε·vector."""

    leaf: int
    begin: int
    vector: Floats


@dataclass(frozen=True, slots=True)
class Seen:
    """What the lines of one leaf came to at one point."""

    verdict: Verdict
    distance: float  # ‖numeric − analytic‖ / (‖numeric‖ + ‖analytic‖)
    resolution: float  # the smallest distance that would have been seen
    slope: Slope
    step: float  # ε
    kinked: bool
    worst: int  # which line has the largest difference
    numeric: Floats  # of all lines, at `step`
    analytic: Floats


def point_at(cost: Cost, leaves: list[Floats]) -> Point:
    """Evaluates the cost and its gradient there."""
    device = cost.on_device(leaves)
    return Point(leaves, device, cost.gradient(leaves), cost.value(device))


def unit(theta: Floats) -> Floats:
    """max(1, |θ_i|), the unit of a component's step."""
    return np.maximum(1.0, np.abs(theta))


def random_signs(*key: int, count: int) -> Floats:
    """±1 each, the same for the same key."""
    return np.where(np.random.default_rng(key).integers(0, 2, count, dtype=np.int8) > 0, 1.0, -1.0)


def prepared(cost: Cost, at: Point, seed: int) -> tuple[Task, float]:
    """What the check of a cost needs to know first, and the relative noise of the cost."""
    sigma, relative = _noise(cost, at, seed)
    step = STEP * max(1.0, (relative / EPSILON) ** (1 / 3))
    return Task(cost, sigma, LEAST_STEP * cost.epsilon, gradient_reading.tolerance(relative), step, seed), relative


def _noise(cost: Cost, point: Point, seed: int) -> tuple[float, float]:
    """Standard deviation of the cost's rounding noise, in its unit and relative to the cost and its slope."""
    lines = [
        random_signs(seed, i, count=leaf.size).reshape(leaf.shape) * unit(leaf) for i, leaf in enumerate(point.leaves)
    ]
    slope = sum(float(np.vdot(g, v)) for g, v in zip(point.gradient, lines, strict=True))
    # Closer points may differ by what is in float64 alone, while numbers in float32 inside stand still.
    least = 0.0 if cost.epsilon == EPSILON else min(cost.epsilon ** (2 / 3), NOISE_SCALES[-1])
    sigma = 0.0
    for scale in [scale for scale in NOISE_SCALES if scale >= least]:
        values = [
            cost.value([leaf + i * scale * v for leaf, v in zip(point.leaves, lines, strict=True)])
            for i in range(gradient_reading.NOISE_POINTS)
        ]
        found, stands_out = gradient_reading.noise(np.array(values))
        sigma = found if math.isfinite(found) else sigma
        if stands_out:
            break
    sigma = max(sigma, cost.epsilon / 2 * abs(point.here))
    whole = abs(point.here) + (abs(slope) if math.isfinite(slope) else 0.0)
    return sigma, max(sigma / whole, EPSILON / 2) if whole else EPSILON / 2


def random_line(task: Task, point: Point, leaf: int, number: int, *, begin: int = 0, end: int | None = None) -> Line:
    """A line that moves all components from begin to end, by `±max(1, |θ_i|)/√n` each (Rademacher signs)."""
    theta = point.leaves[leaf].reshape(-1)[begin:end]
    signs = random_signs(task.seed, leaf, number, begin, 2, count=theta.size)
    return Line(leaf, begin, signs * unit(theta) / math.sqrt(theta.size))


def component(point: Point, leaf: int, place: int) -> Line:
    """The line along one component."""
    return Line(leaf, place, unit(point.leaves[leaf].reshape(-1)[place : place + 1]))


def lines(task: Task, point: Point, leaf: int, count: int) -> list[Line]:
    """Lines that span a small leaf, or random ones."""
    size = point.leaves[leaf].size
    if size <= count:
        return [component(point, leaf, place) for place in range(size)]
    return [random_line(task, point, leaf, number) for number in range(count)]


def differences(task: Task, point: Point, line: Line, step: float) -> tuple[float, float, float]:
    """J(θ + εv), J(θ − εv), and the analytic slope along what rounding has left of v."""
    theta, part = point.leaves[line.leaf], slice(line.begin, line.begin + line.vector.size)
    ends, values = [], []
    for by in (step, -step):
        moved = theta.reshape(-1).copy()
        moved[part] += by * line.vector
        moved = task.cost.rounded(line.leaf, moved)
        ends.append(moved[part])
        leaves = list(point.device)
        leaves[line.leaf] = moved.reshape(theta.shape)
        values.append(task.cost.value(leaves))
    effective = (ends[0] - ends[1]) / (2 * step)
    return values[0], values[1], float(point.gradient[line.leaf].reshape(-1)[part] @ effective)


def _ladder(task: Task, point: Point, line: Line, *, step: float, powers: range) -> Ladder:
    least, most = (by * math.sqrt(line.vector.size) for by in (task.least, FARTHEST))
    kept = [power for power in powers if abs(power) <= 1 or least <= step * FACTOR**power <= most]
    steps = np.array([step * FACTOR**power for power in kept])
    found = np.array([differences(task, point, line, by) for by in steps])
    return Ladder(steps, found[:, 0], found[:, 1], found[:, 2], point.here, kept.index(0))


def _examine(task: Task, point: Point, line: Line, *, step: float, usual: float) -> tuple[Reading, Verdict, float]:
    """Read a line at three steps, at more where three contradict the gradient, and at many where that settles nothing.

    Returns:
        What it says, the verdict, and the scale of it.
    """
    for powers in (range(-1, 2), range(-gradient_reading.AGREEING, 2), range(NARROWEST, WIDEST + 1)):
        reading = gradient_reading.read(_ladder(task, point, line, step=step, powers=powers), task.sigma)
        numeric = abs(reading.numeric) if math.isfinite(reading.numeric) else 0.0
        scale = max(usual, abs(reading.analytic)) + numeric
        verdict = gradient_reading.judge(reading, scale, wrong=task.wrong)
        if verdict is Verdict.WRONG and not reading.kinked:
            break
        if verdict is Verdict.RIGHT and reading.error <= ROUNDING_SHARE * scale:
            break
    return reading, verdict, scale


def first_step(task: Task, point: Point, lines: Sequence[Line]) -> float:
    """ε of a line of n components: `STEP`, or up to √n times it where rounding would take too much otherwise.

    The vectors have the length of one component's step, so √n times it moves each component as far as that.
    """
    leaf = point.gradient[lines[0].leaf].reshape(-1)
    size = lines[0].vector.size
    usual = float(np.linalg.norm(leaf)) / math.sqrt(leaf.size)
    needed = gradient_reading.blur(task.sigma, 1.0) / (ROUNDING_SHARE * usual) if usual else math.inf
    return min(max(task.step, needed), task.step * math.sqrt(size))


def look(task: Task, point: Point, lines: list[Line]) -> Seen:
    """Compare all lines at one step; read the worst where that does not settle it, and compare at the better step."""
    leaf = point.gradient[lines[0].leaf]
    step, reading, verdict, scale = first_step(task, point, lines), None, Verdict.RIGHT, math.nan
    while True:
        found = np.array([differences(task, point, line, step) for line in lines])
        numeric, analytic = (found[:, 0] - found[:, 1]) / (2 * step), found[:, 2]
        off, size = np.abs(numeric - analytic), float(np.linalg.norm(numeric) + np.linalg.norm(analytic))
        worst = int(np.argmax(np.where(np.isfinite(off), off, np.inf)))
        distance = float(np.linalg.norm(off)) / size if size else 0.0
        rounding = gradient_reading.blur(task.sigma, step) * math.sqrt(len(lines))
        seen = Seen(Verdict.RIGHT, distance, math.nan, Slope.AGREES, step, False, worst, numeric, analytic)
        stretch = math.sqrt(leaf.size / len(lines)) if lines[0].vector.size > 1 else 1.0
        if np.linalg.norm(leaf) < ZERO and stretch * np.linalg.norm(numeric) <= max(ZERO, stretch * rounding):
            return replace(seen, verdict=Verdict.ZERO, distance=0.0, resolution=0.0)
        known = rounding / size if size else math.inf
        if distance <= QUIET + known and known <= task.wrong:
            slope = Slope.AGREES if reading is None else _explained(reading, Verdict.RIGHT)
            return replace(seen, resolution=max(known, QUIET), slope=slope)
        if reading is not None:
            kinked, error = reading.kinked, reading.error / scale if scale else math.inf
            slope = _explained(reading, verdict)
            return replace(seen, verdict=verdict, resolution=error, slope=slope, kinked=kinked)
        usual = float(np.linalg.norm(analytic)) / math.sqrt(len(lines))
        reading, verdict, scale = _examine(task, point, lines[worst], step=step, usual=usual)
        step = reading.step if math.isfinite(reading.step) else step


def _explained(reading: Reading, verdict: Verdict) -> Slope:
    """The slope; where all is right, what is left does not depend on the step because it is no more than noise."""
    noise = verdict is Verdict.RIGHT and reading.slope is Slope.FLAT
    return Slope.AGREES if noise else reading.slope

"""Gradient checking (technique C4): is the gradient of a cost the slope of that cost?

Each leaf of the parameters by itself, since a wrong bias is nothing beside a large matrix; along random directions
that move every component of the leaf, since a walk over ten million components would take weeks; at the parameters
given and at ones a little beside them, since there no kink lies exactly on the spot and a remembered gradient is old.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from burnish import errors
from burnish.diagnosis import gradient_lines, gradient_reading
from burnish.diagnosis.gradient_cost import Cost, prepare
from burnish.diagnosis.gradient_lines import Point, Seen, Task
from burnish.diagnosis.gradient_reading import Slope, Verdict
from burnish.diagnosis.gradient_record import GradientCheck, LeafCheck

# Random lines of each leaf at the second point; how far that is away, as shares of |θ_i| + the leaf's root mean square.
MOVED_DIRECTIONS = 2
MOVED_BY = (1e-2, 1e-4, 1e-6)
# Components of the worst leaf that are walked one by one, and of every other leaf.
WALKED, PROBED = 100, 2
# Wrong leaves whose worst component is searched for; the others are named by what was probed.
LOCATED = 10
OLD = "It is right at the parameters given and wrong beside them: an old value, kept?"
HERE_ALONE = "It is no slope of the cost at these very parameters, on kinks; beside them it is."


def check_gradients(
    fun: Callable[..., Any],
    params: Any,
    *args: Any,
    gradient: Callable[..., Any] | None = None,
    skip: Sequence[str] = (),
    directions: int = 5,
    seed: int = 0,
) -> GradientCheck:
    """Hold the gradient of a cost to its differences, leaf by leaf, in float64.

    The distance of a leaf is `‖d − g‖ / (‖d‖ + ‖g‖)`, with g the analytic and d the numeric derivatives
    `(J(θ + εv) − J(θ − εv)) / 2ε` along the leaf's lines: unit vectors where it has few components, else random ones
    of entries `±max(1, |θ_i|)/√n`. ε is 6e-6, three times and a third of it where that settles nothing, then a ladder
    of steps on which truncation, rounding and kinks are told from a bug. The session's own precision stays as it is.

    Args:
        fun: The whole cost, `fun(params, *args)`: one number, regularisation included, dropout off or its key fixed.
        params: Any tree of floating-point arrays.
        args: Further arguments of `fun`, such as rows and targets; a few rows are enough.
        gradient: Your own gradient, `gradient(params, *args)`: a tree like `params`. None: `jax.grad(fun)`, which uses
            your `jax.custom_vjp` and `jax.custom_jvp` rules.
        skip: Beginnings of names of leaves to leave alone, such as "['bins']": what does not learn.
        directions: Random directions of each leaf.
        seed: Another seed, other directions.

    Returns:
        One record for each leaf: `ok`, `worst`, `leaves`; print it.

    Raises:
        ConfigError: There is nothing to check: no scalar, not finite, other values at each call, an integer leaf, ….

    References:
        Dennis and Schnabel, Numerical Methods for Unconstrained Optimization, 1983, section 5.6 (the step).
        Moré and Wild, Estimating computational noise, SIAM Journal on Scientific Computing 33, 2011.

    >>> check_gradients(lambda p: (p["w"] ** 2).sum(), {"w": np.ones(3)}).ok
    True
    """
    return check(prepare(fun, params, args, gradient=gradient, skip=skip), directions=directions, seed=seed)


def check(
    cost: Cost, *, directions: int = 5, seed: int = 0, told: Callable[[int, int], None] = lambda done, leaves: None
) -> GradientCheck:
    """`check_gradients` of a cost that is ready; `told(done, leaves)` is called after each leaf."""
    if directions < 1:
        raise errors.ConfigError(
            f"There have to be directions to check, not {directions}.", "Each leaf is moved along some.", "Ask for 5."
        )
    given = gradient_lines.point_at(cost, cost.start)
    task, relative = gradient_lines.prepared(cost, given, seed)
    share, moved = _beside(task)
    leaves = []
    for leaf in range(len(cost.names)):
        leaves.append(_check_leaf(task, given, moved, leaf, directions))
        told(leaf + 1, len(cost.names))
    leaves = _with_worst_components(task, given, moved, leaves)
    return GradientCheck(
        leaves=tuple(leaves),
        parameters=sum(leaf.size for leaf in cost.start),
        directions=directions,
        noise=relative,
        precision=cost.coarsest,
        double=cost.double,
        moved=share,
        evaluations=cost.evaluations,
        skipped=cost.skipped,
    )


def _beside(task: Task) -> tuple[float | None, Point | None]:
    """A point where no kink lies exactly on the spot, close enough for the cost to be finite."""
    cost = task.cost
    for share in MOVED_BY:
        leaves = []
        for i, leaf in enumerate(cost.start):
            spread = math.sqrt(float(np.mean(leaf**2))) or 1.0
            by = np.random.default_rng((task.seed, i, 1)).uniform(-share, share, leaf.shape)
            leaves.append(cost.rounded(i, leaf + by * (np.abs(leaf) + spread)))
        if math.isfinite(cost.value(leaves)):
            return share, gradient_lines.point_at(cost, leaves)
    return None, None


def _combined(given: Seen, moved: Seen | None) -> Seen:
    """One result of two points.

    What is wrong at one point and right beside it is no bug of the rule but a kink on the spot: the slopes of the two
    sides differ there, and automatic differentiation, which takes each kink by itself, may even return what is neither
    (`relu(x) − relu(−x)` has the derivative 1 at 0, and it says 0). What is wrong beside is wrong.
    """
    if moved is None or moved.verdict is Verdict.UNDECIDED:
        return given
    if moved.verdict is Verdict.WRONG:
        return given if given.verdict is Verdict.WRONG else moved
    if given.verdict in (Verdict.WRONG, Verdict.KINK) or (given.verdict is Verdict.UNDECIDED and given.kinked):
        return replace(moved, verdict=Verdict.KINK, slope=Slope.KINK)
    if given.verdict is Verdict.UNDECIDED or (given.verdict, moved.verdict) == (Verdict.RIGHT, Verdict.CLOSER):
        return moved
    return given


def _check_leaf(task: Task, given: Point, moved: Point | None, leaf: int, directions: int) -> LeafCheck:
    """The record of one leaf, with the worst of a few components."""
    for point in (given, moved):
        if point is not None and not np.isfinite(point.gradient[leaf]).all():
            return _not_finite(task, point, leaf, beside=point is moved)
    at_given = gradient_lines.look(task, given, gradient_lines.lines(task, given, leaf, directions))
    beside = None
    if moved is not None:
        beside = gradient_lines.look(task, moved, gradient_lines.lines(task, moved, leaf, MOVED_DIRECTIONS))
    seen = _combined(at_given, beside)
    hint = ""
    if seen.verdict is Verdict.WRONG and at_given.verdict is Verdict.RIGHT:
        hint = OLD
    if seen.verdict is Verdict.KINK and at_given.verdict is Verdict.WRONG:
        hint = HERE_ALONE
    check = LeafCheck(
        name=task.cost.names[leaf],
        shape=task.cost.start[leaf].shape,
        distance=seen.distance,
        resolution=seen.resolution,
        verdict=seen.verdict,
        slope=seen.slope,
        step=seen.step,
        beside=seen is not at_given,
        hint=hint,
    )
    points = _points(check, given, moved)
    return _walk(task, points, check, _probed(task, points[0], leaf), leaf=leaf)[0]


def _points(check: LeafCheck, given: Point, moved: Point | None) -> tuple[Point, Point | None]:
    """Where to walk: at the parameters given, held against the second point; or where it is wrong, if only there."""
    odd = check.verdict in (Verdict.WRONG, Verdict.CLOSER)
    return (moved, None) if check.beside and odd and moved is not None else (given, moved)


def _not_finite(task: Task, point: Point, leaf: int, *, beside: bool) -> LeafCheck:
    """A leaf whose analytic gradient is NaN or infinite although the cost is a number."""
    gradient = point.gradient[leaf].reshape(-1)
    place = int(np.argmin(np.isfinite(gradient)))
    up, down, _ = gradient_lines.differences(task, point, gradient_lines.component(point, leaf, place), task.step)
    size = float(gradient_lines.unit(point.leaves[leaf].reshape(-1)[place]))
    return LeafCheck(
        name=task.cost.names[leaf],
        shape=point.leaves[leaf].shape,
        distance=math.inf,
        resolution=0.0,
        verdict=Verdict.WRONG,
        slope=Slope.FLAT,
        step=task.step,
        index=_index(place, point.leaves[leaf].shape),
        analytic=float(gradient[place]),
        numeric=(up - down) / (2 * task.step * size),
        walked=1,
        beside=beside,
        hint=gradient_reading.hint(gradient[place : place + 1], np.zeros(1), np.zeros(1), 0.0),
    )


def _index(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(place, shape))


def _probed(task: Task, point: Point, leaf: int) -> list[int]:
    """The component with the largest derivative, and random ones."""
    gradient = point.gradient[leaf].reshape(-1)
    rng = np.random.default_rng((task.seed, leaf, 3))
    places = {int(np.argmax(np.abs(gradient))), *map(int, rng.integers(0, gradient.size, PROBED - 1))}
    return sorted(places)


def _with_worst_components(task: Task, given: Point, moved: Point | None, leaves: list[LeafCheck]) -> list[LeafCheck]:
    """Search the wrong leaves, those that want a closer look, and the worst of all for their worst components."""
    order = sorted(range(len(leaves)), key=lambda i: leaves[i].distance, reverse=True)
    finite = [i for i in order if math.isfinite(leaves[i].distance) and leaves[i].verdict is not Verdict.ZERO]
    odd = [i for i in finite if leaves[i].verdict in (Verdict.WRONG, Verdict.CLOSER)]
    searched = list(leaves)
    for i in (odd or finite[:1])[:LOCATED]:
        points = _points(leaves[i], given, moved)
        searched[i], worst = _walk(task, points, leaves[i], _narrowed(task, points[0], i), leaf=i)
        if leaves[i].verdict is Verdict.WRONG and worst is not Verdict.WRONG and moved is not None:
            # A kink hides the wrong component; a little beside there is none.
            again = replace(leaves[i], beside=True)
            searched[i], _ = _walk(task, (moved, None), again, _narrowed(task, moved, i), leaf=i)
    return searched


def _narrowed(task: Task, point: Point, leaf: int) -> list[int]:
    """At most `WALKED` neighbouring components: halving leads there, each time into the half with more difference."""
    begin, end, step = 0, point.leaves[leaf].size, task.step
    while end - begin > WALKED:
        middle = (begin + end) // 2
        halves = ((begin, middle), (middle, end))
        offs = []
        for low, high in halves:
            line = gradient_lines.random_line(task, point, leaf, 0, begin=low, end=high)
            step = gradient_lines.first_step(task, point, [line])
            up, down, analytic = gradient_lines.differences(task, point, line, step)
            # The vectors of both halves are scaled to length one: back to the size of a component's step.
            offs.append(abs((up - down) / (2 * step) - analytic) * math.sqrt(high - low))
        begin, end = halves[int(np.nanargmax(offs)) if np.isfinite(offs).any() else 0]
    return list(range(begin, end))


def _walk(
    task: Task, points: tuple[Point, Point | None], check: LeafCheck, places: list[int], *, leaf: int
) -> tuple[LeafCheck, Verdict]:
    """Check components one by one: the record with the worst, which makes the leaf wrong if it is, and its verdict."""
    point, beside = points
    seen = gradient_lines.look(task, point, [gradient_lines.component(point, leaf, place) for place in places])
    verdict = check.verdict
    if seen.verdict is Verdict.WRONG and verdict not in (Verdict.WRONG, Verdict.KINK):
        worst = places[seen.worst]
        again = None
        if beside is not None:
            again = gradient_lines.look(task, beside, [gradient_lines.component(beside, leaf, worst)])
        verdict = _combined(seen, again).verdict
    theta = point.leaves[leaf].reshape(-1)[places]
    unit = gradient_lines.unit(theta)
    analytic, numeric = seen.analytic / unit, seen.numeric / unit
    hint = check.hint
    if verdict is Verdict.WRONG and hint != OLD:
        error = float(gradient_reading.blur(task.sigma, seen.step))
        hint = gradient_reading.hint(analytic, numeric, theta, error)
    found = replace(
        check,
        verdict=verdict,
        index=_index(places[seen.worst], check.shape),
        analytic=float(analytic[seen.worst]),
        numeric=float(numeric[seen.worst]),
        walked=max(check.walked, len(places)),
        hint=hint,
    )
    return found, seen.verdict

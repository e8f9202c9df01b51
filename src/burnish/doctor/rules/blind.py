"""NU8: inputs that never reach the outputs, or not in full."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from numpy.typing import NDArray

from burnish.data.observation import listed
from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import null as nulls
from burnish.doctor.examination import Examination
from burnish.doctor.lab import quick
from burnish.doctor.rule import Found, Rule
from burnish.units import percent

# Codes a row up to which each place is asked for.
MOST_COLUMNS = 1024
# Draws of the weights for which the outputs have to be the same on all rows.
DRAWS = 3
# Differences of outputs, relative to the largest, that may be float32's rounding, and float64's.
SINGLE, DOUBLE = 1e-5, 1e-13
# How much larger weights are made to see whether anything comes through them.
GROWN = 8
# Share of the inputs' variance that is lost from which it is a fault. A choice.
CUT = 0.1
# What a network may make of its inputs, and lose something by it: how it is told, what to do, and what is made.
CUTS: tuple[tuple[str, str, Callable[[Any], NDArray[Any]]], ...] = (
    (
        "that are cut to whole numbers: what is behind the point",
        "Look for `astype(int)` and the like, and scale inputs before it, or leave it out.",
        np.trunc,
    ),
    (
        "of which those below 0 are 0: what lies there",
        "Leave out the activation before the first layer, or what else clips the inputs.",
        lambda x: np.maximum(x, 0),
    ),
    ("without their signs: which of them are below 0", "Look for `abs` and even powers of the inputs.", np.abs),
)


def _input_ignored(exam: Examination) -> Iterable[Found]:
    """Outputs that are the same on every row, whatever the weights, but not at 1: that is softmax of one unit."""
    x = np.asarray(exam.few.x)
    usual = _of_usual_size(exam, x)
    draws = [nulls.random_draw(exam.gauger, exam.start.params, draw) for draw in range(DRAWS)]
    found = [np.asarray(exam.lab.apply(params, jnp.asarray(rows))) for params in draws for rows in (x, usual)]
    constant = (x != x[:1]).any() and _same_everywhere(exam, draws, found, (x, usual))
    if constant and not all((o == 1).all() for o in found):
        yield NU8.found(f"The outputs are the same on {len(x)} rows, in {DRAWS} draws of the weights.")
        return
    if (columns := _ignored_columns(exam, x)).size and (
        columns := np.intersect1d(columns, _ignored_columns(exam, usual))
    ).size:
        named = listed([f"input {place}" for place in columns])
        yield NU8.found(
            f"The outputs do not change with {len(columns)} of {x.shape[1]} inputs ({named}), in {DRAWS} draws of the "
            "weights.",
            where=named,
            severity=Severity.FAULT if 2 * len(columns) > x.shape[1] else Severity.LIMIT,
        )
        return
    for said, remedy, made in CUTS:
        if lost := _lost(exam, made, (x, usual), [exam.start.params, *draws]):
            yield NU8.found(
                f"The outputs are the same, to the bit, for inputs {said} is lost on the way, {percent(lost)} of their "
                "variance.",
                remedy=remedy,
                severity=Severity.FAULT if lost > CUT else Severity.LIMIT,
            )
            return


def _same_everywhere(
    exam: Examination, draws: list[PyTree], found: list[NDArray[Any]], rows: tuple[NDArray[Any], ...]
) -> bool:
    """Whether outputs are the same on all rows, but for rounding: then in float64 they are so to many more digits."""
    if not all(_spread(one) <= SINGLE for one in found):
        return False
    # Much larger weights: through many layers that squash, usual ones leave less than any float can tell.
    draws = [*draws, *(jax.tree.map(lambda leaf: GROWN * np.asarray(leaf), params) for params in draws)]
    asked = [(params, x) for params in draws for x in rows]
    try:
        with jax.enable_x64(True):
            wide = [
                np.asarray(exam.subject.apply(jax.tree.map(_double, params), jnp.asarray(_double(x))))
                for params, x in asked
            ]
    except Exception:  # noqa: BLE001 - a network that takes its own types alone refuses float64 by errors of its own
        return all(_spread(np.asarray(exam.lab.apply(params, jnp.asarray(x)))) == 0 for params, x in asked)
    return all(_spread(one) <= DOUBLE for one in wide)


def _spread(outputs: NDArray[Any]) -> float:
    """Largest difference between rows, relative to the largest output."""
    most = float(np.abs(outputs).max())
    return float(np.ptp(outputs, axis=0).max()) / most if most else 0.0


def _double(values: Any) -> NDArray[Any]:
    given = np.asarray(values)
    return given.astype(np.float64) if jnp.issubdtype(given.dtype, jnp.floating) else given


def _lost(
    exam: Examination, made: Callable[[Any], NDArray[Any]], rows: tuple[NDArray[Any], ...], draws: list[PyTree]
) -> float:
    """Share of the inputs' variance that no draw of the network sees, as it makes the same of them; 0: it does.

    Args:
        exam: Of the network.
        made: What it makes of them: twice is the same as once.
        rows: Inputs as they are, and of usual size: huge ones may saturate a network that cuts nothing.
        draws: Parameters.
    """
    x = rows[0]
    if not np.issubdtype(x.dtype, np.floating) or not np.isfinite(x).all() or (x == made(x)).all():
        return 0.0
    for params, given in ((params, given) for params in draws for given in rows):
        if (np.asarray(exam.lab.apply(params, made(given))) != np.asarray(exam.lab.apply(params, given))).any():
            return 0.0
    return float(np.var(x - made(x)) / np.var(x))


def _of_usual_size(exam: Examination, x: NDArray[Any]) -> NDArray[Any]:
    """Inputs standardised, if they are numbers: huge ones saturate a network that ignores nothing."""
    if not np.issubdtype(x.dtype, np.floating):
        return x
    return np.asarray(nulls.standardising(exam.subject.train).inputs(x), x.dtype)


def _ignored_columns(exam: Examination, x: NDArray[Any]) -> NDArray[np.integer]:
    """Inputs without a slope in any draw, and whose values, made others, leave the outputs as they were to the bit.

    Of whole numbers, which have no slope, those whose values may go to other rows.
    """
    if x.ndim != 2 or x.shape[1] < 2 or not np.isfinite(x).all():
        return np.empty(0, int)
    if not np.issubdtype(x.dtype, np.floating):
        return _exchangeable_columns(exam, x) if x.shape[1] <= MOST_COLUMNS else np.empty(0, int)
    draws = [nulls.random_draw(exam.gauger, exam.start.params, draw) for draw in range(DRAWS)]
    outputs = [np.asarray(exam.lab.apply(params, x)) for params in draws]
    weights = np.random.default_rng(0).normal(size=outputs[0].shape)  # the sum of some outputs is always 1
    apply = exam.subject.apply
    slopes = exam.lab.programs.of(
        ("slopes of inputs", apply),
        lambda: quick(jax.grad(lambda rows, params, weights: jnp.sum(weights * apply(params, rows)))),
    )
    still = np.all([np.abs(np.asarray(slopes(x, params, weights))).max(axis=0) == 0 for params in draws], axis=0)
    if not still.any():
        return np.empty(0, int)
    changed = np.where(still, 2 * x + 1, x).astype(x.dtype)  # what is rounded has no slope either
    if any((exam.lab.apply(params, changed) != before).any() for params, before in zip(draws, outputs, strict=True)):
        return np.empty(0, int)
    return np.flatnonzero(still)


def _exchangeable_columns(exam: Examination, x: NDArray[Any]) -> NDArray[np.integer]:
    """Columns of codes whose values, given to other rows, leave all outputs as they were, to the bit."""
    draws = [nulls.random_draw(exam.gauger, exam.start.params, draw) for draw in range(DRAWS)]
    before = [np.asarray(exam.lab.apply(params, x)) for params in draws]
    found = []
    for place in range(x.shape[1]):
        moved = x.copy()
        moved[:, place] = np.roll(moved[:, place], 1)
        pairs = zip(draws, before, strict=True)
        if (moved != x).any() and all((exam.lab.apply(params, moved) == outputs).all() for params, outputs in pairs):
            found.append(place)
    return np.array(found, int)


NU8 = Rule(
    "NU8",
    "The inputs are ignored",
    Evidence.PROOF,
    Severity.FAULT,
    "The outputs are the same on all rows, whatever the weights; or they do not change with some of the inputs, or "
    "with what is behind their point.",
    "Follow the inputs through apply: what is computed from them does not reach the outputs.",
    "Outputs differ from row to row.",
    "Definition.",
    look=_input_ignored,
    untrained=_input_ignored,
)
PROOFS = (NU8,)

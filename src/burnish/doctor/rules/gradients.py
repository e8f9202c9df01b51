"""NU1, NU2, NU3, NU5: gradients that are no slopes, updates uphill, parameters that never move, half precision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.diagnosis.gradient_check import check_gradients
from burnish.diagnosis.gradient_reading import Verdict
from burnish.diagnosis.gradient_record import GradientCheck
from burnish.doctor import anatomy, networks, optimisers
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.examination import CHECKED_ROWS, Examination
from burnish.doctor.lab import Change, quick
from burnish.doctor.rule import Found, Rule, Trial
from burnish.errors import ConfigError

# Relative size up to which two float32 evaluations of the same thing differ by rounding alone.
ROUNDING = 1e-3
# Cosine from which two gradients point straight away from each other.
OPPOSITE = -0.999
# Gradients above this are far enough from float32's smallest numbers for a step to be none by rounding.
UNDERFLOW = 1e-20
# Updates of an optimiser that are looked at.
LOOKED_AT = 20
# Leaves that one sentence names.
NAMED = 3

OWN_DERIVATIVES = Arm("JAX's own derivatives", subject=networks.plain)


def _small_cost(exam: Examination) -> tuple[Any, Any]:
    """The cost on a few rows, and the gradient that training uses."""
    subject = exam.subject
    rows = exam.lab.gauge.take(slice(0, CHECKED_ROWS))
    x, y, key = jnp.asarray(rows.x), jnp.asarray(rows.y), jax.random.key(0)

    def cost(params: Any) -> Any:
        return subject.objective(params, x, y, key)

    own = subject.gradient
    # Compiled: JAX would compile each operation by itself.
    return quick(cost), quick(jax.grad(cost) if own is None else lambda params: own(params, x, y, key))


def _true_gradient(exam: Examination, params: Any) -> Any:
    """By JAX's own derivatives, whatever rules of differentiation the person has written."""
    rows = exam.lab.gauge.take(slice(0, CHECKED_ROWS))
    x, y, key = jnp.asarray(rows.x), jnp.asarray(rows.y), jax.random.key(0)
    subject = networks.plain(exam.subject)
    return jax.grad(lambda p: subject.objective(p, x, y, key))(params)


def _reversed(exam: Examination) -> bool:
    """Whether the gradient as a whole has the wrong sign."""
    checked = exam.once("gradient check", lambda: _wrong_leaves(exam))
    if isinstance(checked, GradientCheck) and all(leaf.verdict is not Verdict.WRONG for leaf in checked.leaves):
        return False
    true = quick(lambda params: _true_gradient(exam, params))(exam.start.params)
    return optimisers.cosine(true, exam.gradient) < OPPOSITE


def _wrong_leaves(exam: Examination) -> GradientCheck | ConfigError:
    """The check of each leaf, or why there can be none."""
    cost, gradient = _small_cost(exam)
    try:
        return check_gradients(cost, exam.start.params, gradient=gradient)
    except ConfigError as error:
        return error


def _wrong_gradient(exam: Examination) -> Iterable[Found]:
    """Some leaves, or all in another way than by their sign: that is the next rule's."""
    checked = exam.once("gradient check", lambda: _wrong_leaves(exam))
    if isinstance(checked, ConfigError):
        finding = Finding("NU1", "The gradient could not be checked", Severity.NOTE, str(checked.what), checked.remedy)
        yield Found(finding, Evidence.SIGNAL)
        return
    wrong = [leaf for leaf in checked.leaves if leaf.verdict is Verdict.WRONG]
    if not wrong or exam.once("reversed", lambda: _reversed(exam)):
        return
    leaf = max(wrong, key=lambda one: one.distance)
    at = "" if leaf.index is None else f", {leaf.analytic:.4g} against {leaf.numeric:.4g} at {list(leaf.index)}"
    yield NU1.found(
        f"{len(wrong)} of {len(checked.leaves)} leaves: {_listed([one.name for one in wrong])}. The gradient of "
        f"{leaf.name} is {leaf.distance:.2g} off its differences{at}. {leaf.hint}".strip(),
        where=leaf.name,
        arm=OWN_DERIVATIVES,
    )


def _ascent(exam: Examination) -> Iterable[Found]:
    """Do the first updates go downhill? Of any optimiser the step and the gradient that it is given meet at an angle.

    The gradient is what it is given, so that a wrong one is not the optimiser's fault.
    """
    if exam.once("reversed", lambda: _reversed(exam)):
        yield NU2.found("The gradient points the other way: uphill.", arm=OWN_DERIVATIVES)
        return
    found = optimisers.cosine(exam.gradient, exam.answers.to(exam.gradient)[0])
    if found > ROUNDING:
        yield NU2.found(
            f"The first update goes uphill: the cosine between it and the gradient is {found:+.2f}; a descent has a "
            "negative one.",
            arm=Arm("updates of the other sign", Change(rate=-1.0)),
        )


def _frozen(exam: Examination) -> Iterable[Found]:
    """Leaves that no initialisation gives a gradient, and leaves that the optimiser leaves where they are.

    A gradient may also be zero because every unit before it is dead, or too small to change a float: other causes.
    """
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(exam.start.params)]
    never = np.max([gauge.gradient for gauge in exam.null.gauges], axis=0) == 0
    largest, state = np.zeros(len(names)), exam.start.optimizer
    for _ in range(LOOKED_AT):  # on the same gradient: warm-up may begin with none
        updates, state = exam.answers.to(exam.gradient, state)
        largest = np.maximum(largest, [np.abs(leaf).max() for leaf in jax.device_get(jax.tree.leaves(updates))])
    still = [
        bool((np.abs(g) > UNDERFLOW).any()) and not u > 0
        for g, u in zip(jax.tree.leaves(exam.gradient), largest, strict=True)
    ]
    disconnected = [name for name, found in zip(names, never, strict=True) if found]
    frozen = [name for name, found in zip(names, still, strict=True) if found]
    if disconnected:
        yield NU3.found(
            f"The cost does not depend on {_listed(disconnected)}: no gradient in {nulls.DRAWS} draws of the weights.",
            where=disconnected[0],
        )
    if frozen:
        yield NU3.found(f"The optimiser leaves {_listed(frozen)} alone, whatever the gradient.", where=frozen[0])


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _half_precision(exam: Examination) -> Trial | None:
    params, x = exam.start.params, jnp.asarray(exam.lab.gauge.x[:2])
    types = {str(leaf.dtype) for leaf in jax.tree.leaves(params)} | anatomy.primitives(exam.subject.apply, params, x)
    halves = [name for name in anatomy.HALVES if name in types]
    if not halves:
        return None
    return Trial(f"The network computes in {' and '.join(halves)}.", (Arm("float32", subject=networks.in_single),))


NU1 = Rule(
    "NU1",
    "A gradient is wrong",
    Evidence.PROOF,
    Severity.FAULT,
    "In float64, the gradient of a leaf is off the cost's central differences, at several steps and two points.",
    "Replace the own rule of differentiation by JAX's, or mend it.",
    "The check passes.",
    "Dennis and Schnabel, 1983, section 5.6.",
    look=_wrong_gradient,
)
NU2 = Rule(
    "NU2",
    "Updates go uphill",
    Evidence.PROOF,
    Severity.FAULT,
    "The first update and the gradient of the cost, or what the optimiser was given, point the same way.",
    "Mind the sign: updates are added, gradients subtracted.",
    "The cosine is negative.",
    "Definition of a descent direction: Nocedal and Wright, Numerical Optimization, 2006, section 2.2.",
    look=_ascent,
)
NU3 = Rule(
    "NU3",
    "Parameters never move",
    Evidence.PROOF,
    Severity.FAULT,
    "No initialisation gives a leaf a gradient, or the optimiser does not move it where it has one.",
    "Connect it to the output, unfreeze it, or leave it out of the parameters.",
    "It moves.",
    "Definition.",
    look=_frozen,
    unless=("NU8",),
)
NU5 = Rule(
    "NU5",
    "Half precision loses what is learned",
    Evidence.PROBE,
    Severity.FAULT,
    "The network computes in half precision, and in float32 it reaches a lower dev error.",
    "Parameters and sums in float32, a scaled loss, or bfloat16 in the place of float16.",
    "The dev error of the whole training is lower.",
    "Micikevicius et al., 2018.",
    trial=_half_precision,
)
PROOFS = (NU2, NU1)

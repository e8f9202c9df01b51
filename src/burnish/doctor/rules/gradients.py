"""NU1, NU2, NU3, NU5: gradients that are no slopes, updates uphill, parameters that never move, half precision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from burnish.data.observation import listed
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.diagnosis.gradient_check import check_gradients
from burnish.diagnosis.gradient_reading import Verdict
from burnish.diagnosis.gradient_record import GradientCheck, LeafCheck
from burnish.doctor import equations, networks, optimisers
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.examination import CHECKED_ROWS, Examination
from burnish.doctor.lab import Change, quick
from burnish.doctor.rule import ROUNDING, Found, Rule, Trial
from burnish.errors import ConfigError

# Cosine from which two gradients point straight away from each other.
OPPOSITE = -0.999
# Gradients above this are far enough from float32's smallest numbers for a step to be none by rounding.
UNDERFLOW = 1e-20
# What the examination knows the check of all leaves by.
CHECKED = "gradient check"
# Updates of an optimiser that are looked at.
LOOKED_AT = 20
# Primitives whose derivative in JAX is not the slope of what they compute.
HOLDING = {"stop_gradient", "round", "sign", "floor", "ceil", "argmax", "argmin"}

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
    checked = exam.once(CHECKED, lambda: wrong_leaves(exam))
    if isinstance(checked, GradientCheck) and all(leaf.verdict is not Verdict.WRONG for leaf in checked.leaves):
        return False
    true = quick(lambda params: _true_gradient(exam, params))(exam.start.params)
    return optimisers.cosine(true, exam.gradient) < OPPOSITE


def wrong_leaves(exam: Examination) -> GradientCheck | ConfigError:
    """The check of each leaf, or why there can be none."""
    cost, gradient = _small_cost(exam)
    try:
        return check_gradients(cost, exam.start.params, gradient=gradient)
    except ConfigError as error:
        return error


def _wrong_gradient(exam: Examination) -> Iterable[Found]:
    """Some leaves, or all in another way than by their sign: that is the next rule's.

    A fault where a rule of differentiation is wrong, or a gradient that was handed over. What JAX's own derivatives
    make of `stop_gradient` and rounding differs from the cost's slopes too, and is often meant to.
    """
    checked = exam.once(CHECKED, lambda: wrong_leaves(exam))
    if isinstance(checked, ConfigError):
        finding = Finding("NU1", "The gradient could not be checked", Severity.NOTE, str(checked.what), checked.remedy)
        yield Found(finding, Evidence.SIGNAL)
        return
    wrong = [leaf for leaf in checked.leaves if leaf.verdict is Verdict.WRONG]
    if not wrong or exam.once("reversed", lambda: _reversed(exam)):
        return
    mended, hidden = _mended(exam), _hidden(exam)
    faulty = [
        leaf
        for leaf in wrong
        if not np.isfinite(leaf.distance) or ((leaf.name in mended or hidden) and not _stands_in(leaf))
    ]
    if faulty:
        curable = any(leaf.name in mended for leaf in faulty)
        yield NU1.found(_off(faulty, checked), where=_worst(faulty).name, arm=OWN_DERIVATIVES if curable else None)
    if meant := [leaf for leaf in wrong if leaf not in faulty]:
        yield _meant(meant, checked, ruled=_worst(meant).name in mended)


def _worst(leaves: Sequence[LeafCheck]) -> LeafCheck:
    return max(leaves, key=lambda one: one.distance)


def _off(leaves: Sequence[LeafCheck], checked: GradientCheck) -> str:
    """Which leaves, and how far the worst of them is off."""
    leaf = _worst(leaves)
    at = "" if leaf.index is None else f", {leaf.analytic:.4g} against {leaf.numeric:.4g} at {list(leaf.index)}"
    return (
        f"{len(leaves)} of {len(checked.leaves)} leaves: {listed([one.name for one in leaves])}. The gradient of "
        f"{leaf.name} is {leaf.distance:.2g} off its differences{at}. {leaf.hint}".strip()
    )


def _stands_in(leaf: LeafCheck) -> bool:
    """Whether there is a gradient where the cost has none: nobody could learn through rounding without one."""
    return leaf.distance > 1 - ROUNDING and abs(leaf.numeric) < ROUNDING * abs(leaf.analytic)


def _mended(exam: Examination) -> set[str]:
    """Leaves whose gradient is another by JAX's own derivatives, at the start or at rightly drawn weights."""
    _, gradient = _small_cost(exam)
    plain = quick(lambda params: _true_gradient(exam, params))
    found = set()
    for params in (exam.start.params, nulls.right_draw(exam.gauger, exam.start.params, 0)):
        used, true = (jax.device_get(jax.tree_util.tree_leaves_with_path(one(params))) for one in (gradient, plain))
        for (path, one), (_, other) in zip(used, true, strict=True):
            size = np.linalg.norm(one) + np.linalg.norm(other)
            if not np.linalg.norm(one - other) <= ROUNDING * size:  # true of nan
                found.add(jax.tree_util.keystr(path))
    return found


def _hidden(exam: Examination) -> bool:
    """Whether the network has a rule of the person's own where it cannot be taken out, and nothing else could be why.

    The loss is not looked at: a cross-entropy holds the largest of its logits.
    """
    outputs = networks.plain(exam.subject).outputs
    arguments = (exam.start.params, jnp.asarray(exam.lab.gauge.x[:2]), jax.random.key(0))
    return equations.own_rules(outputs, *arguments) and not equations.primitives(outputs, *arguments) & HOLDING


def _meant(leaves: Sequence[LeafCheck], checked: GradientCheck, *, ruled: bool) -> Found:
    """A note on what is probably meant so."""
    why = "Rounding or `stop_gradient` is probably why, as no rule of differentiation is known to be wrong."
    if ruled:
        why = "A gradient of its own stands in where the cost is flat, as a straight-through estimator does."
    finding = Finding(
        "NU1",
        "A gradient is not the cost's slope",
        Severity.NOTE,
        f"{_off(leaves, checked)} {why}",
        "Nothing where it is meant so; else look for `stop_gradient`, rounding or argmax behind the leaf.",
        where=_worst(leaves).name,
    )
    return Found(finding, Evidence.SIGNAL)


def _ascent(exam: Examination) -> Iterable[Found]:
    """Do the first updates go downhill? Of any optimiser the step and the gradient that it is given meet at an angle.

    The gradient is what it is given, so that a wrong one is not the optimiser's fault. What weight decay adds is the
    same for a gradient and its opposite, and may be more than what is left of the gradient where a training goes on.
    """
    if exam.once("reversed", lambda: _reversed(exam)):
        yield NU2.found("The gradient points the other way: uphill.", arm=OWN_DERIVATIVES)
        return
    there, back = (exam.answers.to(jax.tree.map(lambda g, s=sign: s * g, exam.gradient))[0] for sign in (1, -1))
    there, back = jax.device_get((there, back))  # JAX would compile a difference of each shape
    made = jax.tree.map(lambda one, other: one - other, there, back)
    cosines = [optimisers.cosine(*pair) for pair in zip(*map(jax.tree.leaves, (exam.gradient, made)), strict=True)]
    uphill, downhill = ([sign * one > ROUNDING for one in cosines] for sign in (1, -1))
    if any(uphill) and any(downhill):
        yield from _uphill_in_part(exam, made, uphill, downhill)
    elif (found := optimisers.cosine(exam.gradient, made)) > ROUNDING:
        yield NU2.found(
            f"The first update goes uphill: the cosine between it and the gradient is {found:+.2f}; a descent has a "
            "negative one.",
            arm=Arm("updates of the other sign", Change(rate=-1.0)),
        )


def _uphill_in_part(exam: Examination, made: Any, uphill: Sequence[bool], downhill: Sequence[bool]) -> Iterable[Found]:
    """Some leaves go uphill and others down, as where a mask hands the bare gradients of the rest on."""
    sizes = [float(np.sqrt(np.mean(np.square(leaf, dtype=np.float64)))) for leaf in jax.tree.leaves(made)]
    usual = float(np.median([size for size, down in zip(sizes, downhill, strict=True) if down]))
    factors = [-usual / size if up else 1.0 for size, up in zip(sizes, uphill, strict=True)]
    turned = optimisers.evened(exam.subject.optimizer, jax.tree.unflatten(jax.tree.structure(made), factors))
    names = _named(exam, np.array(uphill))
    yield NU2.found(
        f"The first update of {listed(names)} goes uphill, and that of {sum(downhill)} others down: what the "
        "optimiser leaves out of a mask is handed on as it is, the bare gradient.",
        where=names[0],
        remedy="Set the updates of what is to stay to zero, as `optax.set_to_zero()` in `optax.multi_transform` does: "
        "`optax.masked` does not.",
        arm=Arm(
            "updates of the other sign for these, of the size of the others",
            subject=lambda given: replace(given, optimizer=turned),
        ),
    )


def _frozen(exam: Examination) -> Iterable[Found]:
    """Leaves that no draw of the parameters gives a gradient, and leaves that the optimiser leaves where they are.

    A gradient may also be zero because every unit before it is dead, or too small to change a float: other causes.
    """
    meant = exam.subject.frozen + exam.subject.state
    disconnected, alone = (
        [name for name in names if not name.startswith(meant)] for names in (_disconnected(exam), left_alone(exam))
    )
    if disconnected and exam.original is not exam:  # what one of our own cures has left unused is no fault
        before = _disconnected(exam.original)
        disconnected = [name for name in disconnected if name in before]
    if disconnected:
        yield NU3.found(
            f"The cost does not depend on {listed(disconnected)}, or not so that it can be learned: the gradient is 0 "
            f"in {nulls.DRAWS} random draws of all parameters, and all through the training.",
            where=disconnected[0],
        )
    if alone:
        yield NU3.found(
            f"The optimiser leaves {listed(alone)} alone: with a gradient they did not change by a single bit in "
            f"{exam.subject.steps:,} steps.",
            where=alone[0],
        )
    carried = [name for name in _uncarried(exam) if not name.startswith(exam.subject.frozen)]
    if carried:
        yield NU3.found(
            f"The state {listed(carried)} is after {exam.subject.steps:,} steps what it was before the first one, to "
            "the last bit.",
            where=carried[0],
            remedy="Return from apply_training the params with the state as the network left it; if it is meant to "
            "stay, name it in `frozen`.",
        )


def _uncarried(exam: Examination) -> list[str]:
    """Names of state that no step of the training has changed."""
    if not (exam.subject.state and exam.followed.finite):
        return []
    begin, end = (jax.tree.leaves(training.params) for training in (exam.start, exam.followed.end))
    still = _named(
        exam, np.array([bool((np.asarray(a) == np.asarray(b)).all()) for a, b in zip(begin, end, strict=True)])
    )
    return [name for name in still if name.startswith(exam.subject.state)]


def _disconnected(exam: Examination) -> list[str]:
    """Names of leaves without any gradient but that of a penalty."""
    subject = exam.subject
    gauges = (*exam.null.gauges, *exam.followed.gauges)
    silent = np.max([gauge.gradient for gauge in gauges], axis=0) == 0
    if subject.gradient is not None:
        silent &= [not np.any(leaf) for leaf in jax.tree.leaves(exam.gradient)]
    if silent.any():
        # Weights alone were drawn above, and a branch times a scale of 0 had no gradient whatever they were.
        rows, key = exam.lab.gauge, jax.random.key(0)
        x, y = jnp.asarray(rows.x), jnp.asarray(rows.y)
        gradient = quick(jax.grad(lambda params: subject.objective(params, x, y, key, 0.0)))
        for number in range(nulls.DRAWS):
            drawn = jax.device_get(gradient(nulls.random_draw(exam.gauger, exam.start.params, number)))
            silent &= [not np.any(leaf) for leaf in jax.tree.leaves(drawn)]
    return _named(exam, silent)


def left_alone(exam: Examination) -> list[str]:
    """Names of leaves with a gradient that nothing comes of in the whole training.

    It may gather gradients over many steps, or begin with a learning rate of 0: the first updates say little.
    """
    if not exam.followed.finite:
        return []
    largest, state = np.zeros(len(jax.tree.leaves(exam.gradient))), exam.start.optimizer
    for _ in range(LOOKED_AT):
        updates, state = exam.answers.to(exam.gradient, state)
        largest = np.maximum(largest, [np.abs(leaf).max() for leaf in jax.device_get(jax.tree.leaves(updates))])
    given = [bool((np.abs(leaf) > UNDERFLOW).any()) for leaf in jax.tree.leaves(exam.gradient)]
    ends = (jax.device_get(jax.tree.leaves(params)) for params in (exam.start.params, exam.followed.end.params))
    same = [bool((one == other).all()) for one, other in zip(*ends, strict=True)]
    return _named(exam, np.array(given) & ~(largest > 0) & np.array(same))


def _named(exam: Examination, chosen: NDArray[np.bool_]) -> list[str]:
    paths = jax.tree_util.tree_leaves_with_path(exam.start.params)
    return [jax.tree_util.keystr(path) for (path, _), one in zip(paths, chosen, strict=True) if one]


def _half_precision(exam: Examination) -> Trial | None:
    params, x = exam.start.params, jnp.asarray(exam.lab.gauge.x[:2])
    types = {str(leaf.dtype) for leaf in jax.tree.leaves(params)} | equations.primitives(exam.subject.apply, params, x)
    halves = [name for name in equations.HALVES if name in types]
    if not halves:
        return None
    return Trial(f"The network computes in {' and '.join(halves)}.", (Arm("float32", subject=networks.in_single),))


NU1 = Rule(
    "NU1",
    "A gradient is wrong",
    Evidence.PROOF,
    Severity.FAULT,
    "In float64, the gradient of a leaf is off the cost's central differences, at several steps and two points, by a "
    "rule of differentiation or a gradient of the person's own. Without one it is a note: `stop_gradient` or rounding.",
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
    "No draw of the parameters gives a leaf a gradient, or the whole training does not move it where it has one.",
    "Connect it to the output, unfreeze it, or leave it out of the parameters; if it is meant to stay, name it in "
    "`frozen`.",
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

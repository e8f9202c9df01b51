"""NU: values that are not finite, gradients that are no slopes, evaluation that is not repeatable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from burnish.diagnosis.finding import Finding, Severity
from burnish.diagnosis.gradient_check import check_gradients
from burnish.diagnosis.gradient_reading import Verdict
from burnish.doctor import null as nulls
from burnish.doctor.examination import Examination
from burnish.doctor.rule import Evidence, Rule
from burnish.errors import ConfigError

# Rows of a gradient check: the cost is a mean, so that a few rows have the same bugs as many.
CHECKED_ROWS = 16
# Rows for tests of structure: exact answers, which need no more.
FEW = 8
# Relative size up to which two float32 evaluations of the same thing differ by rounding alone.
ROUNDING = 1e-3
# Gradients above this are far enough from float32's smallest numbers for a step to be none by rounding.
UNDERFLOW = 1e-20
# Updates of an optimiser that are looked at.
LOOKED_AT = 20
# Leaves that one sentence names.
NAMED = 3
# A cost over twice the same rows against one over them once: a mean stays, a sum doubles.
DOUBLED = 2.0


def _not_finite(exam: Examination) -> Iterable[Finding]:
    x, y = exam.subject.train.x, exam.subject.train.y
    for name, values in (("input", x), ("target", y)):
        if not np.issubdtype(values.dtype, np.floating):
            continue
        bad = ~np.isfinite(values)
        if bad.any():
            rows = np.flatnonzero(bad.reshape(len(values), -1).any(axis=1))
            yield NU4.finding(
                f"{len(rows)} of {len(values):,} training rows hold {name}s that are no finite numbers; "
                f"the first is row {rows[0]}.",
                where=f"row {rows[0]}",
                remedy="Drop or impute these rows.",
            )
            return
    if not exam.first.finite:
        yield NU4.finding("The cost, or a scale of the network, is not finite before the first step.")
        return
    loss = exam.followed.trace.loss
    if not np.isfinite(loss).all():
        step = int(np.flatnonzero(~np.isfinite(loss))[0])
        norms = exam.followed.trace.gradient_norm[:step]
        reached = f" The gradient's norm had reached {np.nanmax(norms):.3g}." if len(norms) else ""
        yield NU4.finding(f"The cost stopped being finite at step {step + 1} of {exam.subject.steps:,}.{reached}")


def _small_cost(exam: Examination) -> tuple[Any, Any]:
    """The cost on a few rows, and the gradient that training uses."""
    subject = exam.subject
    rows = exam.lab.gauge.take(slice(0, CHECKED_ROWS))
    x, y, key = jnp.asarray(rows.x), jnp.asarray(rows.y), jax.random.key(0)

    def cost(params: Any) -> Any:
        return subject.objective(params, x, y, key)

    if subject.gradient is None:
        return cost, jax.grad(cost)
    own = subject.gradient
    return cost, lambda params: own(params, x, y, key)


def _wrong_gradient(exam: Examination) -> Iterable[Finding]:
    cost, gradient = _small_cost(exam)
    try:
        checked = check_gradients(cost, exam.start.params, gradient=gradient)
    except ConfigError as error:
        yield from _cannot_check(error)
        return
    wrong = [leaf for leaf in checked.leaves if leaf.verdict is Verdict.WRONG]
    if not wrong:
        return
    leaf = max(wrong, key=lambda one: one.distance)
    at = "" if leaf.index is None else f", {leaf.analytic:.4g} against {leaf.numeric:.4g} at {list(leaf.index)}"
    yield NU1.finding(
        f"{len(wrong)} of {len(checked.leaves)} leaves: {_listed([one.name for one in wrong])}. The gradient of "
        f"{leaf.name} is {leaf.distance:.2g} off its differences{at}. {leaf.hint}".strip(),
        where=leaf.name,
    )


def _cannot_check(error: ConfigError) -> Iterable[Finding]:
    yield Finding("NU1", "The gradient could not be checked", Severity.NOTE, str(error.what), str(error.remedy))


def _ascent(exam: Examination) -> Iterable[Finding]:
    """Do the first updates go downhill? Of any optimiser the step and the gradient of the cost meet at an angle."""
    cost, gradient = _small_cost(exam)

    @jax.jit
    def cosine(params: Any, state: Any) -> Any:
        true = jax.grad(cost)(params)
        updates, _ = exam.subject.optimizer.update(gradient(params), state, params)
        size = optax.tree.norm(true) * optax.tree.norm(updates)
        return jnp.where(size > 0, optax.tree.vdot(true, updates) / size, 0)

    found = float(cosine(exam.start.params, exam.start.optimizer))
    if found > ROUNDING:
        yield NU2.finding(
            f"The first update goes uphill: the cosine between it and the cost's gradient is {found:+.2f}; a descent "
            "has a negative one."
        )


def _frozen(exam: Examination) -> Iterable[Finding]:
    """Leaves that no initialisation gives a gradient, and leaves that the optimiser leaves where they are.

    A gradient may also be zero because every unit before it is dead, or too small to change a float: other causes.
    """
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(exam.start.params)]
    never = np.max([gauge.gradient for gauge in exam.null.gauges], axis=0) == 0
    kept = exam.subject.optimizer
    _, gradient = _small_cost(exam)
    params, gradients = exam.start.params, jax.jit(gradient)(exam.start.params)

    @jax.jit
    def largest_updates(state: Any) -> Any:
        """Of each leaf over some steps on the same gradient: warm-up may begin with none."""

        def step(_: Any, carry: Any) -> Any:
            state, largest = carry
            updates, state = kept.update(gradients, state, params)
            return state, jax.tree.map(lambda m, u: jnp.maximum(m, jnp.max(jnp.abs(u))), largest, updates)

        return lax.fori_loop(0, LOOKED_AT, step, (state, jax.tree.map(lambda _: jnp.float32(0), gradients)))[1]

    largest = jax.tree.leaves(largest_updates(exam.start.optimizer))
    still = [
        bool(jnp.any(jnp.abs(g) > UNDERFLOW)) and not float(u) > 0
        for g, u in zip(jax.tree.leaves(gradients), largest, strict=True)
    ]
    disconnected = [name for name, found in zip(names, never, strict=True) if found]
    frozen = [name for name, found in zip(names, still, strict=True) if found]
    if disconnected:
        yield NU3.finding(
            f"The cost does not depend on {_listed(disconnected)}: no gradient in {nulls.DRAWS} draws of the weights.",
            where=disconnected[0],
        )
    if frozen:
        yield NU3.finding(f"The optimiser leaves {_listed(frozen)} alone, whatever the gradient.", where=frozen[0])


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _not_repeatable(exam: Examination) -> Iterable[Finding]:
    rows = exam.lab.gauge.take(slice(0, FEW * 8))
    one, other = (exam.subject.apply(exam.start.params, jnp.asarray(rows.x)) for _ in range(2))
    if bool(jnp.any(one != other)):
        yield NU6.finding("Two evaluations of the same parameters on the same rows differ.")


def _contaminated(exam: Examination) -> Iterable[Finding]:
    """Does the output of a row depend on the other rows of its batch, in evaluation?"""
    x = jnp.asarray(exam.lab.gauge.x[:FEW])
    if len(x) < 2 or not jnp.issubdtype(x.dtype, jnp.floating):
        return
    params = exam.followed.end.params if exam.first.finite else exam.start.params
    together = exam.subject.apply(params, x)
    changed = exam.subject.apply(params, x.at[1:].set(x[1:][::-1] * 1.5 + 0.1))
    scale = float(jnp.max(jnp.abs(together))) or 1.0
    if float(jnp.max(jnp.abs(together[0] - changed[0]))) > ROUNDING * scale:
        yield NU7.finding("The output of a row changes with the other rows of its batch, in evaluation mode.")


def _sum(exam: Examination) -> Iterable[Finding]:
    rows = exam.lab.gauge.take(slice(0, FEW))
    outputs, y = exam.subject.apply(exam.start.params, jnp.asarray(rows.x)), jnp.asarray(rows.y)
    once, twice = (
        exam.subject.loss(outputs, y),
        exam.subject.loss(jnp.concatenate([outputs, outputs]), jnp.concatenate([y, y])),
    )
    if once.shape == () and float(once) != 0 and abs(float(twice) / float(once) - DOUBLED) < 2 * ROUNDING:
        yield NU10.finding("The loss of the same rows taken twice is twice as large: a sum over the batch, not a mean.")


NU4 = Rule(
    "NU4",
    "The numbers are not finite",
    Evidence.PROOF,
    Severity.FAULT,
    "An input, a target, the cost or the gradient is NaN or infinite.",
    "Clean the rows; guard logarithms and divisions; a lower learning rate or gradient clipping.",
    "The same batch again is finite.",
    "Definition.",
    _not_finite,
)
NU1 = Rule(
    "NU1",
    "A gradient is wrong",
    Evidence.PROOF,
    Severity.FAULT,
    "In float64, the gradient of a leaf is off the cost's central differences, at several steps and two points.",
    "Replace the own rule of differentiation by JAX's, or mend it.",
    "The check passes.",
    "Dennis and Schnabel, 1983, section 5.6.",
    _wrong_gradient,
)
NU2 = Rule(
    "NU2",
    "Updates go uphill",
    Evidence.PROOF,
    Severity.FAULT,
    "The first update and the gradient of the cost point the same way.",
    "Mind the sign: updates are added, gradients subtracted.",
    "The cosine is negative.",
    "Definition of a descent direction: Nocedal and Wright, Numerical Optimization, 2006, section 2.2.",
    _ascent,
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
    _frozen,
)
NU6 = Rule(
    "NU6",
    "Evaluation is not repeatable",
    Evidence.PROOF,
    Severity.FAULT,
    "Two evaluations of the same rows differ in a bit.",
    "Switch off dropout, augmentation and batch statistics in evaluation.",
    "Two evaluations are identical.",
    "Definition.",
    _not_repeatable,
)
NU7 = Rule(
    "NU7",
    "Rows of a batch touch each other",
    Evidence.PROOF,
    Severity.FAULT,
    "In evaluation, the output of a row changes with the others.",
    "Look for an axis that is the batch's: softmax, a reshape, a mean; batch norm needs its running averages.",
    "It does not change.",
    "Definition.",
    _contaminated,
)
NU10 = Rule(
    "NU10",
    "The loss is a sum over the batch",
    Evidence.PROOF,
    Severity.NOTE,
    "The loss of a batch taken twice is 2.00 times that of the batch.",
    "Take the mean, or divide the learning rate by the batch size, so that both can be changed one at a time.",
    "The ratio is 1.",
    "Definition.",
    _sum,
)
RULES = (NU2, NU1, NU6, NU7, NU10)

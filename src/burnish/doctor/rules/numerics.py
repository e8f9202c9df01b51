"""NU4, NU6, NU7, NU10: values that are not finite, evaluation that is not repeatable, rows that touch each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from numpy.typing import NDArray

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import answers, equations, reach
from burnish.doctor.arms import Arm
from burnish.doctor.examination import Examination
from burnish.doctor.gauges import Gauger
from burnish.doctor.lab import Lab, quick
from burnish.doctor.rule import ROUNDING, Found, Rule
from burnish.doctor.rules.initialisation import right_start
from burnish.doctor.rules.outputs import BY_ROWS, beyond
from burnish.doctor.subject import Rows, Subject

# The same for two costs of 64 rows, of which the same numbers are summed in another order.
DEALT = 1e-5
# Random outputs and orders of the targets for which they have to be.
DEALS = 4
# A cost over twice the same rows against one over them once: a mean stays, a sum doubles.
DOUBLED = 2.0
# Outputs that a loss of logits has to bear: the exponential of 100 is beyond float32.
LARGE = (100.0, 1000.0)


def _not_finite(exam: Examination) -> Iterable[Found]:
    """Rows first, then the cost at the start, then a training on the way: that one is a symptom, and no cause yet.

    A network that fills in what is missing has finite outputs and losses of these rows: nothing is wrong with them.
    """
    well = exam.first.finite and exam.followed.finite
    for part, rows in (("training", exam.subject.train), ("dev", exam.subject.dev)):
        learned = part == "training"
        for name, values in (("input", rows.x), ("target", rows.y)):
            places = _bad_rows(values)
            if places.size and (_lost(exam, rows.take(places)) or (learned and not well)):
                yield NU4.found(
                    f"{len(places)} of {len(rows):,} {part} rows hold {name}s that are no finite numbers; "
                    f"the first is row {places[0]}.",
                    where=f"row {places[0]}" if learned else f"dev row {places[0]}",
                    remedy="Drop or impute these rows.",
                    arm=Arm("the rows that are finite", subject=_finite_rows) if learned else None,
                )
                return
    if well:
        return
    when = "in training" if exam.first.finite else "before the first step"
    if told := beyond(exam):
        yield NU4.found(f"The cost is not finite {when}. {told}", remedy="Number the classes from 0.")
    elif (far := _unguarded(exam)) is not None:
        yield NU4.found(
            f"The cost is not finite {when}: outputs {far} can be, and the loss of {far.low:g} and {far.high:g} is "
            "not finite.",
            remedy="A loss without a logarithm of 0 and without exponentials of large numbers, such as softmax "
            "cross-entropy of logits.",
            arm=_stable(exam),
        )
    elif not exam.first.finite:
        yield NU4.found("The cost, or a scale of the network, is not finite before the first step.", arm=_redrawn(exam))
    else:
        yield _diverged(exam)


def _lost(exam: Examination, rows: Rows) -> bool:
    """Whether some of these rows have no finite outputs, or no finite loss."""
    found = (exam.lab.outputs(exam.start.params, rows), exam.lab.losses(exam.start.params, rows))
    return not all(np.isfinite(values).all() for values in found)


def _bad_rows(values: np.ndarray) -> np.ndarray:
    if not jnp.issubdtype(values.dtype, jnp.floating):
        return np.array([], int)
    return np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))


def _finite_rows(subject: Subject) -> Subject:
    x, y = subject.train.x, subject.train.y
    bad = np.unique(np.concatenate([_bad_rows(values) for values in (x, y)]))
    return replace(subject, train=subject.train.take(np.setdiff1d(np.arange(len(y)), bad)))


def _unguarded(exam: Examination) -> reach.Reach | None:
    """Outputs that the network can give, and whose loss is not finite; None: it always is, or they are no classes."""
    y, shape = jnp.asarray(exam.few.y), exam.shape
    far = reach.of(exam)
    if exam.subject.kind != "classification" or len(shape) != 2 or y.ndim != 1 or far is None:
        return None
    own = jnp.arange(shape[1]) == y[:, None] if shape[1] > 1 else y[:, None] > 0
    for size in LARGE:
        low, high = max(far.low, -size), min(far.high, size)
        for ends in ((low, high), (high, low)):
            z = jnp.where(own, *ends).astype(jnp.float32)
            if not bool(jnp.isfinite(exam.subject.row_losses(z, y)).all()):
                return reach.Reach(low, high)
    return None


def _stable(exam: Examination) -> Arm | None:
    """The same loss as a library computes it, if it is cross-entropy of logits: told on outputs that are small."""
    y, shape = jnp.asarray(exam.few.y), exam.shape
    z = jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
    own, same = exam.subject.row_losses(z, y), answers.cross_entropy(z, y)
    if float(jnp.max(jnp.abs(own - same))) > ROUNDING:
        return None
    return Arm(
        "the same loss computed from logits at once", subject=lambda given: given.rewritten(loss=answers.cross_entropy)
    )


def _redrawn(exam: Examination) -> Arm | None:
    """Rightly drawn weights, if the cost is finite with them."""
    right = right_start(exam)
    again = Gauger(Lab(right.program(exam.subject), exam.lab.programs))
    return right if again.read(again.lab.start().params).finite else None


def _diverged(exam: Examination) -> Found:
    trace = exam.followed.trace
    step = int(np.flatnonzero(~np.isfinite(trace.loss))[0])
    norms = trace.gradient_norm[:step]
    reached = f" The gradient's norm had reached {np.nanmax(norms):.3g}." if len(norms) else ""
    found = NU4.found(f"The cost stopped being finite at step {step + 1} of {exam.subject.steps:,}.{reached}")
    return replace(found, by=Evidence.SIGNAL)


def _not_repeatable(exam: Examination) -> Iterable[Found]:
    params, x = exam.start.params, jnp.asarray(exam.few.x)
    one, other = (np.asarray(exam.lab.apply(params, x)) for _ in range(2))
    if not equations.repeatable(exam.subject.apply, params, x) or (one != other).any():
        yield NU6.found("Two evaluations of the same parameters on the same rows differ.")


def _contaminated(exam: Examination, params: PyTree) -> Iterable[Found]:
    """Does the output of a row depend on the other rows of its batch, or on its place among them, in evaluation?"""
    x = exam.few.x
    if len(x) < 2:
        return
    others = x[1:][::-1] * 1.5 + 0.1 if jnp.issubdtype(x.dtype, jnp.floating) else np.repeat(x[:1], len(x) - 1, axis=0)
    parts = (x, np.concatenate([x[:1], others]).astype(x.dtype), x[::-1])
    together, changed, turned = (np.asarray(exam.lab.apply(params, jnp.asarray(rows))) for rows in parts)
    same = ROUNDING * (float(np.abs(together).max()) or 1.0)
    if float(np.abs(together[0] - changed[0]).max()) > same:
        yield NU7.found("The output of a row changes with the other rows of its batch, in evaluation mode.")
    elif float(np.abs(together - turned[::-1]).max()) > same:
        yield NU7.found(
            "The output of a row changes with its place in the batch, in evaluation mode.",
            remedy="Look for random numbers in the batch's shape, as of dropout by a key that stays, or for a reshape.",
        )


def _mixed(exam: Examination) -> Iterable[Found]:
    """Is the cost of a batch the same whichever of its rows has which of its targets? By random outputs, several: two
    costs of the same rows and targets agree to five digits by accident as well, once in some thousand batches.
    """
    rows, shape = exam.few, exam.shape
    if len(rows) < 2 or (rows.y == rows.y[:1]).all():
        return
    z = np.random.default_rng(0).normal(size=(DEALS, *shape))
    if exam.subject.kind == "regression":
        z = np.mean(rows.y, dtype=np.float64) + np.std(rows.y, dtype=np.float64) * z
    cost = quick(lambda outputs, y: jnp.mean(exam.subject.loss(outputs, y)))
    dealt = (np.roll(rows.y, by, axis=0) for by in range(1, 1 + DEALS))
    pairs = [
        [float(cost(one.astype(np.float32), y)) for y in (rows.y, other)] for one, other in zip(z, dealt, strict=True)
    ]
    here, there = np.array(pairs).T
    same = DEALT * np.abs(here)
    if not np.isfinite(pairs).all() or (np.abs(here - there) > same).any() or np.ptp(here) <= same.max():
        return  # where it is the same for any outputs, too, it does not hang on them at all: another fault
    said = f"The cost is {here[0]:.6g} whichever row of a batch has which target"
    if shape == rows.y.shape:
        yield NU7.found(
            f"{said}: it is made of sums over the batch, before outputs and targets of a row have met.",
            remedy="Let the loss compare each row's outputs with its own targets, and take the mean last.",
            arm=BY_ROWS,
        )
        return
    yield NU7.found(
        f"{said}: outputs of shape {shape} and targets of shape {rows.y.shape} are compared all with all.",
        remedy="Give both one shape: an axis of one output spreads over the rows (broadcasting).",
        arm=Arm("outputs in the shape of the targets", subject=_reshaped) if _fits(exam, shape, rows.y) else None,
    )


def _fits(exam: Examination, shape: tuple[int, ...], y: NDArray[Any]) -> bool:
    """Whether the loss bears outputs in the shape of the targets."""
    if shape == y.shape or np.prod(shape) != np.prod(y.shape):
        return False
    found = jax.eval_shape(exam.subject.loss, jax.ShapeDtypeStruct(y.shape, np.float32), y)
    return found.shape in ((), y.shape[:1])


def _reshaped(subject: Subject) -> Subject:
    return subject.rewritten(loss=lambda outputs, y: subject.loss(outputs.reshape(y.shape), y))


def _touching_losses(exam: Examination) -> Iterable[Found]:
    """Does the loss of a row, where there is one for each, change with the outputs of others?"""
    rows, shape = exam.few, exam.shape
    z = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    others = np.concatenate([z[:1], z[1:][::-1] * 1.5 + 0.1]).astype(np.float32)
    loss = quick(exam.subject.loss)
    if len(rows) < 2 or jax.eval_shape(loss, z, rows.y).shape != (len(rows),):
        return
    own, beside = (float(loss(one, rows.y)[0]) for one in (z, others))
    if abs(own - beside) > ROUNDING * max(abs(own), abs(beside)):
        yield NU7.found("The loss of a row changes with the outputs of the other rows of its batch.")


def _touching_at_first(exam: Examination) -> Iterable[Found]:
    yield from _touching_losses(exam)
    yield from _mixed(exam)
    yield from _contaminated(exam, exam.start.params)


def _touching(exam: Examination) -> Iterable[Found]:
    yield from _touching_losses(exam)
    yield from _mixed(exam)
    yield from _contaminated(exam, exam.followed.end.params if exam.first.finite else exam.start.params)


def _sum(exam: Examination) -> Iterable[Found]:
    rows = exam.few
    z = np.asarray(exam.lab.apply(exam.start.params, jnp.asarray(rows.x)))
    if jax.eval_shape(exam.subject.loss, z, rows.y).shape != ():
        return
    loss = quick(exam.subject.loss)
    once, twice = (float(loss(np.concatenate([z] * n), np.concatenate([rows.y] * n))) for n in (1, 2))
    if once != 0 and abs(twice / once - DOUBLED) < 2 * ROUNDING:
        yield NU10.found("The loss of the same rows taken twice is twice as large: a sum over the batch, not a mean.")


NU4 = Rule(
    "NU4",
    "The numbers are not finite",
    Evidence.PROOF,
    Severity.FAULT,
    "An input, also of dev, that the network does not fill in, a target, the cost or the gradient is not finite.",
    "Clean the rows; guard logarithms and divisions; a lower learning rate or gradient clipping.",
    "The same batch again is finite.",
    "Definition.",
    look=_not_finite,
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
    look=_not_repeatable,
    untrained=_not_repeatable,
)
NU7 = Rule(
    "NU7",
    "Rows of a batch touch each other",
    Evidence.PROOF,
    Severity.FAULT,
    "In evaluation, the output of a row changes with the others, or its loss does; or the cost of a batch is the same "
    "whichever of its rows has which target.",
    "Look for an axis that is the batch's: softmax, a reshape, a mean, outputs and targets of unlike shapes; batch "
    "norm needs its running averages.",
    "It does not change.",
    "Definition.",
    look=_touching,
    untrained=_touching_at_first,
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
    look=_sum,
    untrained=_sum,
)
PROOFS = (NU4, NU6, NU7)

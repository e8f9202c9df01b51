"""What a probe changes: one thing about a training, for as long as it is tried or for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Array, PyTree
from numpy.typing import NDArray

from burnish.doctor.lab import NOTHING, Change
from burnish.doctor.subject import Rows, Subject

# Random numbers of a new start come from the training's own, by this fold.
START_FOLD = 7


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing changed. What is a number costs no compilation; what is another subject costs one."""

    name: str  # as in "With …", and what tells it from other arms of an examination
    change: Change = NOTHING
    begin: Callable[[PyTree, Array], PyTree] | None = None  # other initial parameters, from those and a key
    subject: Callable[[Subject], Subject] | None = None
    telling: bool = False  # it shows a cause and is no cure: nothing is repaired with it
    average: float = 0.0  # share of the training, at its end, whose parameters are averaged: no part of a subject
    inputs: Callable[[Any], Any] | None = None  # what is made of the inputs of any rows; twice is the same as once
    quarantines: bool = False  # it takes away what no new row will have: the dev error rises, and is honest then

    def program(self, subject: Subject) -> Subject:
        """The subject that is trained, with `begin` and `inputs` in it; the change is left to the lab."""
        made = subject if self.subject is None else self.subject(subject)
        made = made if self.begin is None else replace(made, init=_begun(made.init, self.begin))
        return made if self.inputs is None else _rows(made, self.inputs)

    def cured(self, subject: Subject) -> Subject:
        """The subject with all of it for good: in its functions, numbers and rows."""
        return changed(self.program(subject), self.change)

    def borne(self, subject: Subject) -> bool:
        """Whether the subject's network, which somebody else wrote, can be run with it at all."""
        made, few = self.program(subject), subject.train.take(slice(0, 2))
        if (made.apply, made.init, made.loss) == (subject.apply, subject.init, subject.loss):
            return True
        try:
            params = jax.eval_shape(made.init, jax.random.key(0))
            jax.eval_shape(made.loss, jax.eval_shape(made.apply, params, few.x), few.y)
        except Exception:  # noqa: BLE001 - the person's code, or a library's, refuses it by errors of its own
            return False
        return True

    @property
    def cures(self) -> bool:
        """Whether a training can be repaired with it: what it does is part of a subject."""
        return not (self.telling or self.average)

    @property
    def moves_inputs(self) -> bool:
        """Whether inputs become others."""
        return self.inputs is not None or _moves(self.change)

    def made_of_inputs(self, x: Any) -> Any:
        """Inputs as the cured training sees them."""
        x = x if self.inputs is None else self.inputs(x)
        return self.change.inputs(x) if _moves(self.change) else x

    @property
    def without_inputs(self) -> Arm:
        """All that it does besides."""
        return replace(self, inputs=None, change=self.change._replace(shift=0.0, scale=1.0))


def of_part(rows: Rows, drawn: NDArray[np.integer], name: str) -> Arm:
    """Some training rows, in their order, as it may be trained in; some again, so that there are as many as before."""
    kept = np.sort(drawn)
    part = rows.take(kept[np.arange(len(rows)) * len(kept) // len(rows)])
    return Arm(name, subject=lambda subject: replace(subject, train=part))


def combined(arms: Sequence[Arm]) -> Arm:
    """All of them at once; of two that say the same number, the later one counts."""
    change = NOTHING._replace(
        **{
            name: value
            for arm in arms
            for name, value, usual in zip(Change._fields, arm.change, NOTHING, strict=True)
            if not _is(value, usual)
        }
    )

    def begin(params: PyTree, key: Array) -> PyTree:
        for arm in arms:
            params = params if arm.begin is None else arm.begin(params, key)
        return params

    def subject(given: Subject) -> Subject:
        for arm in arms:
            given = given if arm.subject is None else arm.subject(given)
        return given

    def inputs(x: Any) -> Any:
        for arm in arms:
            x = x if arm.inputs is None else arm.inputs(x)
        return x

    return Arm(
        " and ".join(arm.name for arm in arms),
        change,
        begin if any(arm.begin for arm in arms) else None,
        subject if any(arm.subject for arm in arms) else None,
        any(arm.telling for arm in arms),
        max(arm.average for arm in arms),
        inputs if any(arm.inputs for arm in arms) else None,
        any(arm.quarantines for arm in arms),
    )


def _begun(init: Callable[[Array], PyTree], begin: Callable[[PyTree, Array], PyTree]) -> Callable[[Array], PyTree]:
    return lambda key: begin(init(key), jax.random.fold_in(key, START_FOLD))


def together(arms: Sequence[Arm], subject: Subject) -> Subject:
    """One after the other."""
    for arm in arms:
        subject = arm.cured(subject)
    return subject


def for_rows_as_they_were(first: Subject, arms: Sequence[Arm], cured: Subject) -> Subject:
    """The cured training in functions alone, so that a person can use them and the network takes rows as they were.

    Args:
        first: Before any cure.
        arms: That cured it, in order.
        cured: What they made of it.
    """
    rows = together([arm.without_inputs for arm in arms], first)
    made = replace(cured, train=rows.train, dev=rows.dev, augment=rows.augment)
    moving = [arm for arm in arms if arm.moves_inputs]
    return _inputs_inside(_numbers_inside(made), moving) if moving else _numbers_inside(made)


def changed(subject: Subject, change: Change) -> Subject:
    """The subject with what a change says in it, in its numbers and rows where it can be."""
    made = _steps(subject, change)
    if subject.penalty is not None:
        made = replace(made, penalised=subject.penalised * change.penalty)
    same = _is(change.target_shift, 0.0) and _is(change.target_scale, 1.0)
    scaled = made if same else _targets(made, change)
    return _inputs(scaled, change) if _moves(change) else scaled


def _moves(change: Change) -> bool:
    return not (_is(change.shift, 0.0) and _is(change.scale, 1.0))


def _is(value: object, usual: float | None) -> bool:
    return value is usual or (isinstance(value, float) and value == usual)


def _steps(subject: Subject, change: Change) -> Subject:
    """Learning rate, warm-up and decay, after whatever the optimiser makes of a gradient; then what weights lose."""
    if change.shrink is not None:
        made, less = (
            _steps(subject, change._replace(shrink=None)),
            optax.stateless(partial(_less, subject, change.shrink)),
        )
        return replace(made, optimizer=optax.chain(made.optimizer, optax.scale(made.rate), less), rate=1.0)
    if (change.rate, change.warm_up, change.decay) == (1.0, 0.0, 0.0):
        return subject
    if change.rate > 0 and (change.warm_up, change.decay) == (0.0, 0.0):
        return replace(subject, rate=subject.rate * change.rate)
    total = subject.steps
    factor = optax.scale_by_schedule(lambda step: change.factor(step, total))
    return replace(subject, optimizer=optax.chain(subject.optimizer, factor))


def _less(subject: Subject, part: float, updates: PyTree, params: PyTree) -> PyTree:
    return subject.shrunk(updates, params, part)


def _numbers_inside(subject: Subject) -> Subject:
    """The rate in the optimiser, and what the penalty is times in the penalty."""
    own, factor = subject.penalty, subject.penalised
    made = subject
    if subject.rate != 1.0:
        made = replace(made, optimizer=optax.chain(subject.optimizer, optax.scale(subject.rate)), rate=1.0)
    if own is not None and factor != 1.0:
        made = replace(made, penalty=(lambda params: factor * own(params)) if factor else None, penalised=1.0)
    return made


def _targets(subject: Subject, change: Change) -> Subject:
    """Learned in units of their own; told, and judged, in the old ones."""

    def outward(outputs: Array) -> Array:
        return outputs / change.target_scale + change.target_shift

    def inward(values: Array) -> Array:
        return (values - change.target_shift) * change.target_scale

    return subject.with_outputs(outward).rewritten(loss=lambda outputs, y: subject.loss(inward(outputs), inward(y)))


def _inputs(subject: Subject, change: Change) -> Subject:
    """The rows themselves, and augmentation as it was of them."""

    augment = subject.augment
    return replace(
        subject,
        train=replace(subject.train, x=change.inputs(subject.train.x)),
        dev=replace(subject.dev, x=change.inputs(subject.dev.x)),
        augment=None
        if augment is None
        else lambda x, key: change.inputs(augment(x / change.scale + change.shift, key)),
    )


def _inputs_inside(subject: Subject, arms: Sequence[Arm]) -> Subject:
    def inputs(x: Any) -> Any:
        for arm in arms:
            x = arm.made_of_inputs(x)
        return x

    training, gradient = subject.apply_training, subject.gradient
    return replace(
        subject,
        apply=lambda params, x: subject.apply(params, inputs(x)),
        apply_training=None if training is None else lambda params, x, key: training(params, inputs(x), key),
        gradient=None if gradient is None else lambda params, x, y, key: gradient(params, inputs(x), y, key),
    )


def _rows(subject: Subject, inputs: Callable[[Any], Any]) -> Subject:
    """The rows themselves: the functions, and so the compiled programs, stay."""
    train, dev = (replace(rows, x=np.asarray(inputs(rows.x), rows.x.dtype)) for rows in (subject.train, subject.dev))
    return replace(subject, train=train, dev=dev)

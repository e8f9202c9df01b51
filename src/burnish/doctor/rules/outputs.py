"""NN8, NN14: outputs that do not go together with the loss, or with the size of the targets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray
from scipy import optimize

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import anatomy, answers, networks, reach
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.examination import PRACTICAL_SHARE, Examination
from burnish.doctor.lab import quick
from burnish.doctor.rule import ROUNDING, Found, Rule, Trial
from burnish.doctor.subject import Subject
from burnish.stats import interval
from burnish.units import percent

Floats = NDArray[np.float64]

# An output beyond which any loss of logits is as near to 0 as it can be: exp(−30) is 1e-13.
FREE = 30.0
# A loss that cannot fall below this share of what is reached without a look at the inputs, where free outputs reach
# less than half of that.
STUCK, HALF = 0.05, 0.5
# A standard deviation, or a distance of the mean from 0 in those of the network's first outputs, beyond which a target
# asks the network to grow first; or how much smaller it is than they, so that the network has to shrink. The probe
# decides.
FAR = 10.0


# How many times as large as what the last layer gives logits are where a probe asks for the reason.
SCALED = 5.0


def _by_rows(subject: Subject) -> Subject:
    return subject.rewritten(loss=lambda outputs, y: subject.row_losses(outputs, y))


BY_ROWS = Arm("the loss of each row, and their mean", subject=_by_rows)
CROSS_ENTROPY = Arm("cross-entropy of the outputs", subject=lambda given: given.rewritten(loss=answers.cross_entropy))


def _made_up(exam: Examination) -> Iterable[Found]:
    turned = list(_turned(exam))
    if not turned and (why := answers.indifferent(exam)):
        yield NN8.found(why, arm=CROSS_ENTROPY)
        return
    yield from turned
    idle, most = answers.idle_rows(exam)
    if idle:
        yield NN8.found(
            idle,
            remedy="Let the loss have one value for each row, or their mean, in which every row counts.",
            arm=CROSS_ENTROPY if exam.subject.kind == "classification" else BY_ROWS,
            severity=Severity.FAULT if most else Severity.LIMIT,
        )
    if unasked := answers.unasked(exam):
        yield NN8.found(unasked, severity=Severity.LIMIT)
    counted, remedy = answers.unequal(exam)
    if counted:
        yield NN8.found(counted, remedy=remedy, arm=CROSS_ENTROPY, severity=Severity.LIMIT)
    yield from _bounds(exam)


def _mismatch(exam: Examination) -> Iterable[Found]:
    found = list(_made_up(exam))
    yield from found or _other_names(exam)


def _turned(exam: Examination) -> Iterable[Found]:
    """Is the loss of right answers higher than that of wrong ones? Asked by made-up answers: no training is."""
    asked = answers.right_and_wrong(exam)
    if asked is None:
        return
    right, wrong = asked
    if not (np.isfinite(right).all() and np.isfinite(wrong).all() and (right > wrong.max(axis=1)).all()):
        return
    ends = answers.unsure_and_sure(exam)
    if ends is not None and ends[1] < ends[0]:
        yield NN8.found(
            f"The loss of answers that favour no class is {ends[0]:.3g}, of right ones {right.mean():.3g} and of wrong "
            f"ones {wrong.mean():.3g}, and of surely right ones {ends[1]:.3g}: it falls to either side.",
            remedy="A loss that falls the more probable the right class is: look at what its factors are powers of.",
            arm=CROSS_ENTROPY,
        )
        return
    yield NN8.found(
        f"The loss of right answers is {right.mean():.3g}, that of wrong ones {wrong.mean():.3g}: what lowers it makes "
        "the answers worse.",
        remedy="Turn its sign.",
        arm=Arm("the loss with its sign turned", subject=_turned_round),
    )


def _turned_round(subject: Subject) -> Subject:
    return subject.rewritten(loss=lambda outputs, y: -subject.loss(outputs, y))


def _other_names(exam: Examination) -> Iterable[Found]:
    """Does the trained network give its answers, which the loss approves of, under other names of classes?

    Worse than knowing nothing by the error, better by the loss, and right with classes renamed: no training that fails
    looks so.
    """
    if exam.subject.kind != "classification" or not exam.followed.finite or exam.subject.train.y.ndim != 1:
        return
    rows, params = exam.lab.gauge, exam.followed.end.params
    loss, wrong = float(exam.lab.losses(params, rows).mean()), exam.lab.errors(params, rows)
    error = interval.proportion(float(wrong.sum()), float(len(wrong)))
    if not loss <= HALF * exam.uninformed or error.low <= exam.uninformed_error:
        return
    outputs = exam.lab.outputs(params, rows).reshape(len(rows), -1)
    single = outputs.shape[1] == 1
    said = (outputs[:, 0] > exam.subject.parting).astype(int) if single else outputs.argmax(axis=1)
    table = np.zeros((2, 2) if single else (outputs.shape[1],) * 2, int)
    np.add.at(table, (rows.y, said), 1)
    _, names = optimize.linear_sum_assignment(-table)
    left = float(np.mean(said != names[rows.y]))
    if left > HALF * error.value:
        return
    pairs = ", ".join(f"{code} → {name}" for code, name in enumerate(names) if code != name)
    yield NN8.found(
        f"On rows that it learned from the loss is {loss:.2g}, where knowing nothing has {exam.uninformed:.2g}, and "
        f"{percent(error.value)} of the answers are wrong; {percent(left, 1)} are if classes go by other "
        f"names ({pairs}).",
        remedy="Let the loss and whoever reads the outputs number the classes alike.",
        arm=Arm("outputs under the names of the targets", subject=partial(_renamed, names=names, single=single)),
    )


def _renamed(subject: Subject, names: np.ndarray, single: bool) -> Subject:
    """Output c is what was output names[c], for all but the loss; a single logit has its sign turned."""
    own = np.argsort(names)

    def outward(outputs: Array) -> Array:
        return -outputs if single else outputs[:, names]

    return subject.with_outputs(outward).rewritten(
        loss=lambda outputs, y: subject.loss(-outputs if single else outputs[:, own], y)
    )


def _last_layer(exam: Examination) -> Arm | None:
    """Its values as outputs; None where they are not as many, as where distances or thresholds follow."""
    rows = jnp.asarray(exam.few.x)
    outputs = jax.eval_shape(exam.subject.apply, exam.start.params, rows)
    layers = jax.eval_shape(partial(anatomy.empty_taps, exam.subject.apply), exam.start.params, rows)
    if not layers or layers[-1].size != outputs.size:
        return None
    return Arm("the last layer's values as outputs", subject=networks.bare)


def _bounds(exam: Examination) -> Iterable[Found]:
    far = reach.known(exam)
    if exam.subject.kind == "classification":
        yield from _class_outputs(exam, far)
    elif far is not None:
        yield from _number_outputs(exam, far)


def _class_outputs(exam: Examination, far: reach.Reach | None) -> Iterable[Found]:
    y = np.asarray(exam.subject.train.y)
    shape = exam.shape
    width, classes = int(np.prod(shape[1:])), len(np.unique(y))
    if exam.subject.several:
        if told := beyond(exam):
            yield NN8.found(told, remedy="Number the classes from 0.")
        elif far is not None:
            yield from _bounded(exam, far, shape)
        return
    if far is not None and width == 1 and far.low == far.high:
        yield NN8.found(
            f"The single output is {far.low:.3g} on every row, whatever the weights: softmax over one unit can say "
            "nothing else.",
            remedy="Sigmoid cross-entropy of the unit itself, or two units.",
            arm=_last_layer(exam),
        )
    elif (width == 1 and classes > 2) or 1 < width < classes:
        yield NN8.found(f"There {'is 1 output' if width == 1 else f'are {width} outputs'} for {classes} classes.")
    elif told := beyond(exam):
        yield NN8.found(told, remedy="Number the classes from 0.")
    elif far is not None:
        yield from _bounded(exam, far, shape)


def beyond(exam: Examination) -> str:
    """What is wrong with classes that have no output, as a sentence; "": all have one."""
    y = exam.subject.train.y
    shape = exam.shape
    if exam.subject.several and len(shape) == y.ndim:
        return ""  # yes or no for each output
    width = shape[-1] if exam.subject.several else int(np.prod(shape[1:]))
    if exam.subject.kind != "classification" or width == 1 or int(y.max()) < width:
        return ""
    return f"A target says class {int(y.max())}, and there are {width} outputs, from 0 on."


def _bounded(exam: Examination, far: reach.Reach, shape: tuple[int, ...]) -> Iterable[Found]:
    """The loss of the best outputs that the network can give, against that of free ones."""
    y = exam.few.y
    loss = quick(exam.subject.row_losses)

    def best(low: float, high: float) -> float:
        return float(np.mean(loss(answers.saying(y, shape, low, high), y)))

    bound, free = best(max(far.low, -FREE), min(far.high, FREE)), best(-FREE, FREE)
    if bound > STUCK * exam.uninformed and np.isfinite(free) and free < HALF * bound:
        yield NN8.found(
            f"The outputs stay {far}, whatever the weights, and the loss takes them for logits: it can never fall "
            f"below {bound:.2g}, where free outputs reach {max(free, 0):.1g}.",
            remedy="Give the loss the last layer's values as they are: it normalises them itself.",
            arm=_last_layer(exam),
        )


def _number_outputs(exam: Examination, far: reach.Reach) -> Iterable[Found]:
    """Targets beyond the outputs' reach: a fault where the least error that they leave matters, else a limit."""
    y = np.asarray(exam.subject.train.y, np.float64).reshape(len(exam.subject.train), -1)
    beyond = np.abs(y - np.clip(y, far.low, far.high))
    outside = int((beyond > ROUNDING * np.abs(y).max()).any(axis=1).sum())
    if not outside:
        return
    deviation, least = float(y.std()), float(np.sqrt(np.mean(beyond**2)))
    matters = least > PRACTICAL_SHARE * deviation
    yield NN8.found(
        f"The outputs stay {far}, whatever the weights, and {outside:,} of {len(y):,} targets lie outside: the RMSE "
        f"cannot fall below {least:.3g}, where knowing nothing has {deviation:.3g}.",
        remedy="No activation on the output, or targets scaled into its range.",
        arm=_last_layer(exam) if matters else None,
        severity=Severity.FAULT if matters else Severity.LIMIT,
    )


def _one_sided(exam: Examination) -> Trial | None:
    """An activation on the output whose bound the loss can live with: ReLU before softmax, say."""
    far = reach.known(exam)
    if far is None or np.isinf([far.low, far.high]).all() or far.low == far.high:
        return None
    arm = _last_layer(exam)
    return None if arm is None else Trial(f"The outputs stay {far}, whatever the weights.", (arm,))


def _temperature(exam: Examination) -> Trial | None:
    """Logits that are not of the size that the last layer gives them, as by a temperature."""
    layers, subject = exam.gauger.layers, exam.subject
    if subject.kind != "classification" or not layers:
        return None
    outputs = np.asarray(exam.lab.outputs(exam.start.params, exam.lab.gauge), np.float64)
    size, given = float(np.sqrt(np.mean(np.square(outputs)))), float(exam.first.z[-1])
    if outputs.shape[-1] != layers[-1].units or not size > 0 or not given > 0 or 1 / SCALED < size / given < SCALED:
        return None
    factor = given / size
    arm = Arm(f"{factor:.3g} times the logits", subject=lambda subject: subject.with_outputs(lambda z: factor * z))
    return Trial(f"The last layer gives values of size {given:.3g}, and the logits have {size:.3g}.", (arm,))


def _target_scale(exam: Examination) -> Trial | None:
    subject = exam.subject
    if subject.kind != "regression" or not np.issubdtype(subject.train.y.dtype, np.floating):
        return None
    y = np.asarray(subject.train.y, np.float64)
    outputs = exam.lab.outputs(exam.start.params, exam.lab.gauge).astype(np.float64)
    spread = max(float(outputs.std()), 1.0)
    far = max(abs(float(y.mean())), float(y.std())) >= FAR * spread
    if not np.isfinite(y).all() or not (far or 0 < FAR * float(y.std()) <= float(outputs.std())):
        return None
    change = nulls.standardising(subject.train, targets=True)
    return Trial(
        f"Targets have mean {y.mean():.4g} and standard deviation {y.std():.4g}, the first outputs one of "
        f"{outputs.std():.2g}.",
        (Arm("standardised targets", change._replace(shift=0.0, scale=1.0)),),
    )


NN8 = Rule(
    "NN8",
    "Output and loss do not go together",
    Evidence.PROOF,
    Severity.FAULT,
    "The outputs are too few, or stay within bounds in which the loss cannot come near 0, or the targets do not lie; "
    "or the loss falls, and the answers are those of other classes, or wrong ones are cheaper, or some labels or rows "
    "are no concern of it, or rows of a rarer class count for less, or for twice what makes up for how rare they are. "
    "Or the outputs are bounded, and the dev error is lower without the bound.",
    "Pair them: softmax cross-entropy of logits, sigmoid cross-entropy of one logit, squared error of a free number.",
    "The first loss is near the entropy of the targets, and the last one lower.",
    "Definition of the losses.",
    look=_mismatch,
    untrained=_made_up,
    trial=_one_sided,
)
NN19 = Rule(
    "NN19",
    "The logits are scaled",
    Evidence.PROBE,
    Severity.FAULT,
    "Logits are some times as large, or as small, as what the last layer gives, and without that the dev error is "
    "lower.",
    "No temperature in training, or one near 1.",
    "The dev error of the whole training is lower.",
    "Guo et al., 2017 (temperatures are for trained networks).",
    trial=_temperature,
)
NN14 = Rule(
    "NN14",
    "The target is not scaled",
    Evidence.PROBE,
    Severity.FAULT,
    "Targets far from the network's first outputs, or far smaller, and a lower error after as many steps on "
    "standardised targets.",
    "Standardise the targets on the training rows, and undo it for predictions.",
    "The error in the target's own unit is lower.",
    "LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998, section 4.5.",
    trial=_target_scale,
)
PROOFS = (NN8,)

"""NN1, NN7, NN8, NN14: what is wrong with the network as it is built, whatever it is trained on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from burnish.diagnosis.finding import Finding, Severity
from burnish.doctor import null as nulls
from burnish.doctor.examination import Examination
from burnish.doctor.probes import Arm
from burnish.doctor.rule import Evidence, Rule

# Share of a layer's units that may say the same on every row: two equal ones alone are harmless duplicates.
TWINS = 0.5
# Rows of an exact test, and the relative size up to which float32 sums differ by rounding alone.
FEW, ROUNDING = 64, 1e-3
# Outputs whose rows sum to 1 within this are probabilities already: float32 sums of up to thousands of terms.
SUMS_TO_ONE = 1e-4
# A standard deviation, or a distance of the mean from 0 in those of the network's first outputs, beyond which a target
# asks the network to grow first. The probe decides.
FAR = 10.0


def _twins(exam: Examination) -> Iterable[Finding]:
    hidden = list(zip(exam.gauger.layers, exam.first.twins, strict=True))[:-1]
    equal = [(layer, share) for layer, share in hidden if layer.units > 1 and share > TWINS]
    if equal:
        layer, share = equal[0]
        others = f", and so it is in {len(equal) - 1} more" if len(equal) > 1 else ""
        yield NN1.finding(
            f"{share:.0%} of the {layer.units} units of {layer.name} say the same on every row before the first step"
            f"{others}; they get the same updates, and stay one unit.",
            where=layer.name,
        )


def _linear(exam: Examination) -> Iterable[Finding]:
    """Whether the last layer's outputs are an affine function of the inputs: f(a) + f(b) = f(c) + f(a + b − c)."""
    layers = exam.gauger.layers
    x = jnp.asarray(exam.lab.gauge.x[: 3 * FEW])
    if len(layers) < 2 or not jnp.issubdtype(x.dtype, jnp.floating) or len(x) < 3:
        return
    third = len(x) // 3
    a, b, c = x[:third], x[third : 2 * third], x[2 * third : 3 * third]

    # Rightly drawn: a network whose units are all dead or saturated would be linear too.
    params = nulls.rightly_initialised(layers, exam.start.params, jax.random.key(0))

    def last(rows: Any) -> Any:
        return exam.gauger.pre_outputs(params, rows)

    left, right = last(a) + last(b), last(c) + last(a + b - c)
    varies, size = float(jnp.max(jnp.abs(last(a) - last(b)))), float(jnp.max(jnp.abs(left)))
    if varies < ROUNDING * size:
        return  # rounding is all that could be seen
    if bool(jnp.isfinite(left).all()) and float(jnp.max(jnp.abs(left - right))) < ROUNDING * varies:
        yield NN7.finding(
            f"All {len(layers)} layers together are one linear map: outputs at sums of rows are the sums of outputs."
        )


def _mismatch(exam: Examination) -> Iterable[Finding]:
    subject = exam.subject
    rows = exam.lab.gauge.take(slice(0, FEW))
    outputs = np.asarray(subject.apply(exam.start.params, jnp.asarray(rows.x)), np.float64)
    flat = outputs.reshape(len(rows), -1)
    if subject.kind == "classification":
        yield from _class_outputs(exam, flat)
    else:
        yield from _number_outputs(exam, flat)


def _class_outputs(exam: Examination, outputs: np.ndarray) -> Iterable[Finding]:
    y = exam.subject.train.y
    classes = len(np.unique(y))
    width = outputs.shape[1]
    if width == 1 and float(np.ptp(outputs)) == 0 and abs(outputs[0, 0] - 1) < SUMS_TO_ONE:
        yield NN8.finding("The single output is 1 on every row: softmax over one unit can say nothing else.")
        return
    if width > 1 and width < classes:
        yield NN8.finding(f"There are {width} outputs for {classes} classes.")
    if np.ndim(y) == 1 and width > 1 and int(np.max(y)) >= width:
        yield NN8.finding(f"A target says class {int(np.max(y))}, and there are {width} outputs, from 0 on.")
    probabilities = width > 1 and (outputs >= 0).all() and (np.abs(outputs.sum(axis=1) - 1) < SUMS_TO_ONE).all()
    if probabilities and _wants_logits(exam, outputs):
        yield NN8.finding(
            "The outputs are probabilities already (each row sums to 1), and the loss takes them for logits: it "
            "normalises them once more, and can never come near 0.",
            remedy="Give the loss the values before softmax.",
        )


def _wants_logits(exam: Examination, outputs: np.ndarray) -> bool:
    """Whether adding 1 to all outputs leaves the loss what it is: so it is with logits, and not with probabilities."""
    rows = exam.lab.gauge.take(slice(0, len(outputs)))
    shape = np.asarray(exam.subject.apply(exam.start.params, jnp.asarray(rows.x))).shape
    z, y = jnp.asarray(outputs.reshape(shape), jnp.float32), jnp.asarray(rows.y)
    here, there = (float(jnp.mean(exam.subject.row_losses(z + by, y))) for by in (0.0, 1.0))
    return bool(np.isfinite(here) and abs(here - there) < ROUNDING * max(abs(here), 1e-6))


def _number_outputs(exam: Examination, outputs: np.ndarray) -> Iterable[Finding]:
    """A bounded output cannot reach targets outside its range, which is seen with weights a hundred times as large."""
    y = np.asarray(exam.subject.train.y, np.float64).reshape(len(exam.subject.train), -1)
    x = jnp.asarray(exam.lab.gauge.x[:FEW])
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return
    scaled = jax.tree.map(lambda leaf: leaf * 100.0, exam.start.params)
    reached = [outputs, *(np.asarray(exam.subject.apply(p, x), np.float64).reshape(len(x), -1)
                          for p in (scaled, jax.tree.map(lambda leaf: -leaf, scaled)))]  # fmt: skip
    low, high = min(float(r.min()) for r in reached), max(float(r.max()) for r in reached)
    bounded_below = low >= -1 - ROUNDING and float(y.min()) < low
    bounded_above = high <= 1 + ROUNDING and float(y.max()) > high
    outside = int(((y < low) if bounded_below else np.zeros_like(y, bool)).any(axis=1).sum())
    outside += int(((y > high) if bounded_above else np.zeros_like(y, bool)).any(axis=1).sum())
    if outside:
        yield NN8.finding(
            f"The output stays within {low:.3g} to {high:.3g} even with weights a hundred times as large, and "
            f"{outside:,} of {len(y):,} targets lie outside.",
            remedy="No activation on the output, or standardised targets.",
        )


def _target_scale(exam: Examination) -> Iterable[Finding]:
    subject = exam.subject
    if subject.kind != "regression" or not np.issubdtype(subject.train.y.dtype, np.floating):
        return
    y = np.asarray(subject.train.y, np.float64)
    outputs = np.asarray(subject.apply(exam.start.params, jnp.asarray(exam.lab.gauge.x)), np.float64)
    spread = max(float(outputs.std()), 1.0)
    if not np.isfinite(y).all() or max(abs(float(y.mean())), float(y.std())) < FAR * spread:
        return
    change = nulls.standardising(subject.train, targets=True)
    probed = exam.probe({"standardised targets": Arm(change=change._replace(shift=0.0, scale=1.0))})
    found = probed["standardised targets"]
    if exam.matters(found):
        yield NN14.finding(
            f"Targets have mean {y.mean():.4g} and standard deviation {y.std():.4g}; standardised, {exam.said(found)}"
        )


NN1 = Rule(
    "NN1",
    "Units are equal from the start",
    Evidence.PROOF,
    Severity.FAULT,
    "More than half of a hidden layer's units give the same pre-activation on every row before the first step.",
    "Draw the initial weights at random: He before rectifiers, LeCun or Glorot otherwise.",
    "As many distinct units as the layer is wide.",
    "Rumelhart, Hinton and Williams, 1986 (symmetry breaking).",
    _twins,
)
NN7 = Rule(
    "NN7",
    "The network is linear",
    Evidence.PROOF,
    Severity.FAULT,
    "The last layer's outputs at sums of rows are the sums of its outputs.",
    "Put an activation (ReLU, GELU) between the layers.",
    "The train loss falls.",
    "Definition of an affine map.",
    _linear,
)
NN8 = Rule(
    "NN8",
    "Output and loss do not go together",
    Evidence.PROOF,
    Severity.FAULT,
    "The outputs are probabilities where the loss takes logits, are constant, too few, or cannot reach the targets.",
    "Pair them: softmax cross-entropy of logits, sigmoid cross-entropy of one logit, squared error of a free number.",
    "The first loss is near the entropy of the targets, and the last one lower.",
    "Definition of the losses.",
    _mismatch,
)
NN14 = Rule(
    "NN14",
    "The target is not scaled",
    Evidence.PROBE,
    Severity.FAULT,
    "Targets far from the network's first outputs, and a lower error after as many steps on standardised targets.",
    "Standardise the targets on the training rows, and undo it for predictions.",
    "The error in the target's own unit is lower.",
    "LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998, section 4.5.",
    _target_scale,
)
RULES = (NN1, NN7, NN8, NN14)

"""NN1, NN7, NN10, NN16, NN20, NN21: what is wrong with the network as it is built."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import anatomy, counting, equations, networks, widths
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.examination import CHEAP, FEW, Examination
from burnish.doctor.lab import CHUNK, quick
from burnish.doctor.rule import ROUNDING, Found, Rule, Trial
from burnish.doctor.rules.initialisation import right_start
from burnish.doctor.subject import Subject
from burnish.units import percent

# Share of a layer's units that may say the same on every row: two equal ones alone are harmless duplicates.
TWINS = 0.5
# Standard deviations from 0, on either side, to which a network is looked at for a bend: beyond where biases of 1 lie.
FAR = 10.0
# Units of a layer below which a network may be too small, and channels of a convolution, which has each of them at many
# places; how much wider it is tried, and how wide at least. Choices.
NARROW, NARROW_CHANNELS, WIDER, WIDE = 16, 4, 4, 32
# Channels that images have at most, and points of a side at least; and shufflings of a side, all of which have to be
# rougher than the side is for its points to be neighbours: a chance of 0.5 % where they are none. Points that are
# looked at, which takes a second.
COLOURS, SIDE, SHUFFLED, LOOKED_AT = 4, 8, 199, 2_000_000


def _twins(exam: Examination) -> Iterable[Found]:
    """Units that are one before the first step and after the last.

    What only begins alike parts within a few steps: a branch whose last matrix is zero, beside a way through.
    """
    later = [gauge for gauge in exam.followed.gauges[1:] if gauge.finite]
    if not later:
        return
    twins, dead = np.minimum(exam.first.twins, later[-1].twins), exam.first.dead
    # A layer that is dead throughout hands on zeros, on which all units of the next one say the same.
    hidden = [(layer, twins[k]) for k, layer in enumerate(exam.gauger.layers[:-1]) if not (k and dead[k - 1] == 1)]
    equal = [(layer, share) for layer, share in hidden if layer.units > 1 and share > TWINS]
    if equal:
        layer, share = equal[0]
        others = f", and so it is in {len(equal) - 1} more" if len(equal) > 1 else ""
        yield NN1.found(
            f"{percent(share)} of the {layer.units} units of {layer.name} say the same on every row, "
            "before the first step "
            f"and when they have been trained{others}; they get the same updates, and stay one unit.",
            where=layer.name,
            arm=right_start(exam),
        )


def _linear(exam: Examination) -> Iterable[Found]:
    """Whether every layer's pre-activations are affine in the inputs, near the rows and far from them.

    Rows far from 0 on one side, such as years, may lie where no unit changes its sign, and tiny ones where tanh is a
    line. So rows are made too that lie on all sides of 0, and parameters are drawn at random, biases included.
    """
    layers = exam.gauger.layers
    x = exam.lab.gauge.x[: 3 * FEW]
    if not any(layer.follows for layer in layers) or not jnp.issubdtype(x.dtype, jnp.floating) or len(x) < 3:
        return
    sides = np.where(np.arange(len(x)) % 2, FAR, -FAR).astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
    wide = sides * nulls.standardising(exam.subject.train).inputs(x)
    # At random: a network whose units are all dead or saturated would be linear too.
    params = nulls.random_draw(exam.gauger, exam.start.params, 0)
    if _affine(exam, params, x) and _affine(exam, params, wide):
        yield NN7.found(
            f"All {len(layers)} layers together are one linear map: outputs at sums of rows are the sums of outputs.",
            arm=Arm("max(0, ·) between the layers", subject=_activated),
        )


def _affine(exam: Examination, params: Any, x: Any) -> bool:
    """Whether f(a) + f(b) = f(c) + f(a + b − c) for each layer's pre-activations; False where rounding hides it."""
    third = len(x) // 3
    a, b, c = x[:third], x[third : 2 * third], x[2 * third : 3 * third]
    for at_a, at_b, at_c, at_sum in zip(
        *(jax.device_get(exam.gauger.pre_activations(params, rows)) for rows in (a, b, c, a + b - c)), strict=True
    ):
        left, right = at_a + at_b, at_c + at_sum
        varies, size = float(np.abs(at_a - at_b).max()), float(np.abs(left).max())
        seen = np.isfinite(left).all() and varies >= ROUNDING * size
        if not (seen and float(np.abs(left - right).max()) < ROUNDING * varies):
            return False
    return True


def _beyond_tables(exam: Examination) -> Iterable[Found]:
    """Indices that a table has no row for: JAX reads the last one in their place, and says nothing."""
    subject, params = exam.subject, exam.start.params
    if "gather" not in equations.primitives(subject.apply, params, subject.train.x[:1]):
        return
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    look_up = quick(lambda params, x: anatomy.follow(subject.apply, params, x)[1].lookups)
    for part, rows in (("training", subject.train), ("dev", subject.dev)):
        chunks = [look_up(params, rows.x[first : first + CHUNK]) for first in range(0, len(rows), CHUNK)]
        for table in zip(*chunks, strict=True):
            beyond = np.concatenate([one.beyond for one in table])
            if beyond.any() and len(beyond) == len(rows):
                name, asked = names[int(table[0].leaf)], max(int(one.largest) for one in table)
                yield NN16.found(
                    f"{beyond.sum():,} of {len(rows):,} {part} rows, the first of them row {beyond.argmax()}, look up "
                    f"places that {name} has not: it has {int(table[0].rows)}, counted from 0, and the largest asked "
                    f"for is {asked}. The nearest one is read instead.",
                    where=name,
                )


def _activated(subject: Subject) -> Subject:
    return networks.edited(subject, anatomy.Edit(activate=True))


def _too_small(exam: Examination) -> Trial | None:
    """Rightly drawn, all of it: a network of another width has other parameters altogether."""
    layers, train = exam.gauger.layers, exam.subject.train
    if train.x.shape == train.y.shape and bool((train.x == train.y).all()):
        return None  # what has to come out is what went in: a narrow layer is what such a network is for
    outputs = layers[-1].units if layers else 0
    narrow = min((one for one in layers[:-1] if _is_narrow(one, outputs)), key=lambda one: one.units, default=None)
    if narrow is None:
        return None
    least = narrow.units
    has = f"has {least} unit{'s' if least > 1 else ''}"
    wide = widths.resized(exam.subject, layers, exam.start.params, WIDER, WIDE)
    if wide is None:
        exam.unable["NN10"] = f"{narrow.name} {has}, and the network cannot be widened from outside: try it by hand"
        return None
    if counting.operations(wide, wide.init(jax.random.key(0))) > CHEAP:
        exam.unable["NN10"] = f"{narrow.name} {has}, and wider layers would take too long: try them by hand"
        return None
    init = wide.init
    return Trial(
        f"Its narrowest layer, {narrow.name}, {has}.",
        (Arm("hidden layers four times as wide", subject=lambda subject: replace(subject, init=init)),),
        narrow.name,
    )


def _is_narrow(layer: anatomy.Layer, outputs: int) -> bool:
    return layer.units < (NARROW_CHANNELS if layer.convolution else max(NARROW, outputs))


def _taken_apart(exam: Examination) -> Trial | None:
    """A reshape keeps the order of entries: where an axis seems to have been moved by it, places are mixed."""
    reshaped = _seen(exam).reshaped
    if not reshaped:
        return None
    given, made = reshaped[0]
    return Trial(f"The network reshapes {given} to {made}, which mixes entries of different places.", (MOVED,))


def _seen(exam: Examination) -> anatomy.Seen:
    """What a trace of the network shows; nothing is computed."""
    kept: list[anatomy.Seen] = []
    apply = exam.subject.apply
    jax.eval_shape(lambda params, x: kept.append(anatomy.follow(apply, params, x)[1]), exam.start.params, exam.few.x)
    return kept[0]


def _side_for_channels(exam: Examination) -> Iterable[Found]:
    """Of square images a convolution takes a side for the channels, and the few colours for a side."""
    x = exam.lab.gauge.x
    x = x[: max(1, LOOKED_AT // x[0].size)]
    for shape, axis in _seen(exam).convolved:
        sides = sorted(size for place, size in enumerate(shape[1:], 1) if place != axis)
        if shape[1:] != x.shape[1:] or len(sides) != 2 or not (sides[0] <= COLOURS and SIDE <= sides[1] == shape[axis]):
            continue
        if _neighbours(x, axis):
            colours, asked = shape.index(sides[0], 1), ", ".join(map(str, shape[1:]))
            yield NN21.found(
                f"Images of shape ({asked}) meet a convolution that takes axis {axis} for the channels (of rows, which "
                f"are axis 0): it is a side, whose neighbours resemble each other more than in {SHUFFLED} shufflings. "
                f"Axis {colours}, of {sides[0]}, is taken for a side.",
            )
            return


def _neighbours(x: NDArray[Any], axis: int) -> bool:
    """Whether entries next to each other along an axis are more alike than in any of many other orders."""
    rng = np.random.default_rng(0)
    moved = np.moveaxis(np.asarray(x, np.float32), axis, 0)

    def rough(values: NDArray[Any]) -> float:
        return float(np.square(np.diff(values, axis=0)).mean())

    own = rough(moved)
    return all(own < rough(rng.permutation(moved)) for _ in range(SHUFFLED))


MOVED = Arm("axes moved in the place of a reshape", subject=partial(networks.edited, edit=anatomy.Edit(moved=True)))
NN1 = Rule(
    "NN1",
    "Units are equal from the start",
    Evidence.PROOF,
    Severity.FAULT,
    "More than half of a hidden layer's units give the same pre-activation and get the same gradient on every row, "
    "before the first step and after the last.",
    "Draw the initial weights at random: He before rectifiers, LeCun or Glorot otherwise.",
    "As many distinct units as the layer is wide.",
    "Rumelhart, Hinton and Williams, 1986 (symmetry breaking).",
    look=_twins,
    unless=("NU8",),
)
NN7 = Rule(
    "NN7",
    "The network is linear",
    Evidence.PROOF,
    Severity.FAULT,
    "Each layer's outputs at sums of rows are the sums of its outputs, at the rows and on all sides of 0.",
    "Put an activation (ReLU, GELU) between the layers.",
    "The train loss falls.",
    "Definition of an affine map.",
    look=_linear,
    untrained=_linear,
)
NN10 = Rule(
    "NN10",
    "The network is too small",
    Evidence.PROBE,
    Severity.FAULT,
    "A hidden layer has fewer than 16 units, or fewer than there are outputs, or a convolution fewer than 4 channels; "
    "and layers four times as wide, of 32 units at least, reach a lower dev error and a lower loss on rows that were "
    "learned from.",
    "Wider layers, or more of them.",
    "The dev error of the whole training is lower.",
    "Geman, Bienenstock and Doursat, 1992.",
    trial=_too_small,
    to_the_end=True,
)
NN16 = Rule(
    "NN16",
    "Codes lie beyond the table that they are looked up in",
    Evidence.PROOF,
    Severity.FAULT,
    "An index that is made of the inputs is as large as its table has rows, or larger, and nobody said what is to be "
    "read then.",
    "A row for each code, one of them for codes that are not known.",
    "No index lies beyond its table.",
    "JAX's documentation of indexing: what lies out of bounds reads the nearest row, without an error.",
    look=_beyond_tables,
    untrained=_beyond_tables,
)
NN20 = Rule(
    "NN20",
    "A reshape stands where axes were to be moved",
    Evidence.PROBE,
    Severity.FAULT,
    "An axis has another place after a reshape, such as the channels of images, or the heads of an attention, which "
    "reshaping cannot do: it keeps the order of all entries. With the axis moved the dev error is lower.",
    "`transpose` or `moveaxis`, before the reshape or in its place.",
    "The dev error of the whole training is lower.",
    "NumPy's documentation of `reshape`: entries keep their order, and axes are not moved.",
    trial=_taken_apart,
)
NN21 = Rule(
    "NN21",
    "A side of the images is taken for their channels",
    Evidence.TEST,
    Severity.FAULT,
    "A convolution of square images with four channels at most sums over one of the two sides, along which neighbours "
    "are more alike than in 199 random orders.",
    'Move the channels to where the convolution has them: `x.transpose(0, 2, 3, 1)`, or "NCHW" as its dimensions.',
    "The convolution sums over the channels.",
    "Definition of a convolution; a permutation test (Phipson and Smyth, 2010).",
    look=_side_for_channels,
    untrained=_side_for_channels,
)
PROOFS = (NN16, NN21, NN1, NN7)

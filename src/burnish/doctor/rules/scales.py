"""NN5 and NN6: units that died or saturated, on the way or from the start.

Notes as a rule, not faults: nothing here shows that the units are missed. Sparse networks are healthy with a fifth of
them dead.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor.examination import Examination
from burnish.doctor.gauges import DEAD, SATURATED
from burnish.doctor.rule import Found, Rule, Trial
from burnish.doctor.rules.initialisation import CALLED_FOR, rectified, right_start
from burnish.units import percent


def _excess(exam: Examination, name: str) -> np.ndarray:
    """Share at the end above the largest that twenty right draws have, for each layer; nan where it has no meaning."""
    end = getattr(exam.followed.gauges[-1], name)
    normal = np.max([getattr(gauge, name) for gauge in exam.null.gauges], axis=0)
    return np.asarray(end - normal)


def _dead(exam: Examination) -> Iterable[Found]:
    yield from _units(exam, "dead", DEAD, NN5, "have no gradient on any of {rows:,} rows")


def _saturated(exam: Examination) -> Iterable[Found]:
    yield from _units(exam, "saturated", SATURATED, NN6, "have lost 99 % of their slope on nearly all of {rows:,} rows")


def _units(exam: Examination, name: str, least: float, rule: Rule, said: str) -> Iterable[Found]:
    if not exam.gauger.layers or not exam.followed.gauges[-1].finite:
        return
    excess = _excess(exam, name)
    if not (excess > least).any():
        return
    place = int(np.nanargmax(excess))
    layer, share = exam.gauger.layers[place], getattr(exam.followed.gauges[-1], name)[place]
    shares = [getattr(gauge, name)[place] for gauge in exam.followed.gauges]
    when = int(exam.followed.steps[int(np.argmax(np.asarray(shares) > least))])
    yield rule.found(
        f"{percent(share)} of the {layer.units} units of {layer.name} "
        f"{said.format(rows=len(exam.lab.gauge))}, from about step {when} on.",
        where=layer.name,
        severity=Severity.NOTE,
    )


def _born_dead(exam: Examination) -> Trial | None:
    """Dead before the first step, by their biases, say: weights of the wrong scale leave units alive."""
    if not exam.gauger.layers:
        return None
    usual = np.mean([gauge.dead for gauge in exam.null.gauges], axis=0)
    excess = exam.first.dead - usual
    if not (excess > DEAD).any():
        return None
    # Of many layers some have more dead units than usual: so the most that a right draw has in any layer counts.
    draws = [float(np.nanmax(gauge.dead - usual)) for gauge in exam.null.gauges]
    if exam.null.p_value(float(np.nanmax(excess)), draws) >= CALLED_FOR:
        return None
    place = int(np.nanargmax(excess))
    layer = exam.gauger.layers[place]
    return Trial(
        f"{percent(exam.first.dead[place])} of the {layer.units} units of {layer.name} have no gradient on "
        "any row before the first step.",
        (right_start(exam),),
        layer.name,
        optimises=False,
    )


def _born_saturated(exam: Examination) -> Trial | None:
    """However the weights are drawn, as where something enlarges what is squashed."""
    if not exam.gauger.layers:
        return None
    usual = np.min([exam.first.saturated, *(gauge.saturated for gauge in exam.null.gauges)], axis=0)
    if not (usual > SATURATED).any():
        return None
    place = int(np.nanargmax(usual))
    layer = exam.gauger.layers[place]
    return Trial(
        f"{percent(usual[place])} of the {layer.units} units of {layer.name} and more have lost 99 % of their slope on "
        "nearly all rows before the first step, and with rightly drawn weights too.",
        rectified(exam),
        layer.name,
    )


NN5 = Rule(
    "NN5",
    "Units are dead",
    Evidence.TEST,
    Severity.FAULT,
    "Over 10 % more of a layer's rectified units than right initialisation leaves are without gradient on every row: a "
    "note, and a fault where it is so before the first step and a right start reaches a lower dev error.",
    "A lower learning rate, He's initialisation, leaky ReLU or GELU, batch norm.",
    "Fewer dead units and a lower dev loss.",
    "Maas, Hannun and Ng, 2013; Lu et al., 2020.",
    look=_dead,
    trial=_born_dead,
)
NN6 = Rule(
    "NN6",
    "Units are saturated",
    Evidence.TEST,
    Severity.FAULT,
    "Over 30 % more of a layer's squashed units than right initialisation leaves have lost their slope: a note, and a "
    "fault where over 30 % have before the first step, however the weights are drawn, and ReLU in the place of what "
    "squashes reaches a lower dev error.",
    "Normalised inputs, smaller initial weights, ReLU or GELU, batch norm.",
    "Fewer saturated units and a lower dev loss.",
    "Glorot and Bengio, 2010.",
    look=_saturated,
    trial=_born_saturated,
)
UNITS = (NN5, NN6)

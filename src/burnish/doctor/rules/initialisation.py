"""NN2, NN3, NN4, NN23: scales before the first step, against those of the same network rightly initialised."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import anatomy, networks
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.examination import PRACTICAL_SHARE, Examination
from burnish.doctor.gauges import DEEP
from burnish.doctor.rule import Rule, Trial

# A first layer that is told to change less than a thousandth of what the last one is, relative to its weights.
VANISHING = 1e-3
# Sizes of what meets a layer that are far from 1, as those of inputs that are not normalised. Choices: sums over ten
# places or 0.02 in a table of codes are usual.
LARGE, SMALL = 10.0, 0.01
# Chance with which a right start calls for a probe, which then decides: of the three scales together.
CALLED_FOR = 0.01


def right_start(exam: Examination) -> Arm:
    """Weights drawn anew."""
    layers = exam.gauger.layers
    return Arm("rightly drawn weights", begin=lambda params, key: nulls.rightly_initialised(layers, params, key))


def _signals(exam: Examination) -> dict[str, tuple[float, float]]:
    """What is read off the start, and its p-value against right initialisation."""
    null = exam.null

    def against(read: Any) -> tuple[float, float]:
        statistic = read(exam.first)
        return statistic, null.p_value(statistic, [read(gauge) for gauge in null.gauges])

    return {
        "forward": against(lambda gauge: nulls.depth_slope(gauge.z[:-1])),
        "backward": against(lambda gauge: -nulls.depth_slope(gauge.delta[:-1])),  # towards the inputs
        "scale": against(lambda gauge: float(np.log(max(gauge.z[-1], 1e-30)))),
    }


def _vanishing(exam: Examination) -> Trial | None:
    layers, delta = exam.gauger.layers, exam.first.delta
    if len(layers) < DEEP:
        return None
    updates = exam.first.update
    if updates[0] >= VANISHING * updates[-1] or delta[0] >= VANISHING * delta[-2]:
        return None

    return Trial(
        f"The gradient's scale is {delta[0] / delta[-2]:.1e} times as large at {layers[0].name} as at "
        f"{layers[-2].name}.",
        rectified(exam),
        layers[0].name,
    )


def rectified(exam: Examination) -> tuple[Arm, ...]:
    """ReLU in the place of what squashes, rightly initialised, with batch norm or without."""
    layers = exam.gauger.layers

    def begin(params: Any, key: Any) -> Any:
        return nulls.rightly_initialised(layers, params, key, rectified=True)

    def with_network(apply: Any) -> Any:
        return lambda subject: subject.rewritten(apply=apply, apply_training=None, state=())

    made = {
        "ReLU and He's weights": exam.gauger.rectified_apply,
        "batch norm, ReLU and He's weights": exam.gauger.normalised_apply,
    }
    return tuple(Arm(name, begin=begin, subject=with_network(apply)) for name, apply in made.items())


def _exploding(exam: Examination) -> Trial | None:
    if len(exam.gauger.layers) < DEEP:
        return None
    signals = _signals(exam)
    grown = max(signals[name][0] for name in ("forward", "backward"))
    p_value = min(signals[name][1] for name in ("forward", "backward"))
    if p_value >= CALLED_FOR / len(signals) or np.exp(grown) <= 1 + PRACTICAL_SHARE:
        return None
    why = f"From layer to layer scales grow by a factor of {np.exp(grown):.2g}."
    return Trial(why, (right_start(exam),), optimises=False)


def _scale(exam: Examination) -> Trial | None:
    """Weights too large or too small, at any depth."""
    if not exam.gauger.layers:
        return None
    signals = _signals(exam)
    worst = min(signals, key=lambda name: signals[name][1])
    p_value = signals[worst][1]
    if p_value >= CALLED_FOR / len(signals):
        return None
    normal = float(np.mean([gauge.z[-1] for gauge in exam.null.gauges]))
    large = exam.first.z[-1] > normal
    return Trial(
        f"The outputs before the first step are {exam.first.z[-1]:.3g} in size, where right initialisation gives "
        f"{normal:.3g} (p = {p_value:.1g}): the weights are too {'large' if large else 'small'}.",
        (right_start(exam),),
        optimises=False,  # large ones learn the rows by heart, and little of what they have in common
    )


def _meets(exam: Examination) -> Trial | None:
    """Sizes that right draws of the weights leave as they are, from a sum over many places or a table of codes.

    Those of the inputs themselves are another rule's.
    """
    layers, sizes = exam.gauger.layers, exam.first.inputs
    codes = not np.issubdtype(exam.subject.train.x.dtype, np.floating)
    for place, layer in enumerate(layers):
        usual = [gauge.inputs[place] for gauge in exam.null.gauges]
        if (layer.follows or codes) and (min(usual) > LARGE or max(usual) < SMALL) and sizes[place] > 0:
            edit = anatomy.Edit(scaled=(place, 1 / float(sizes[place])))
            return Trial(
                f"What meets {layer.name} has a size of {sizes[place]:.3g} before the first step, and of "
                f"{np.mean(usual):.3g} with rightly drawn weights.",
                (Arm(f"what meets {layer.name} at a size of 1", subject=partial(networks.edited, edit=edit)),),
                layer.name,
                optimises=False,
            )
    return None


NN2 = Rule(
    "NN2",
    "Initial weights have the wrong scale",
    Evidence.PROBE,
    Severity.FAULT,
    "Scales that twenty right draws do not have, and a lower dev error from a right draw.",
    "Weights with variance 2/fan-in before rectifiers (He), 1/fan-in otherwise (LeCun).",
    "The dev error of the whole training is lower from a right draw.",
    "He et al., 2015; LeCun et al., 1998, section 4.6.",
    trial=_scale,
)
NN3 = Rule(
    "NN3",
    "Gradients vanish with depth",
    Evidence.PROBE,
    Severity.FAULT,
    "The first layer's gradient and relative update are below a thousandth of the last one's, and ReLU with He's "
    "initialisation reaches a lower dev error.",
    "ReLU or GELU with He's initialisation, batch norm, skip connections, or fewer layers.",
    "The dev error of the whole training is lower.",
    "Hochreiter, 1991; Glorot and Bengio, 2010.",
    trial=_vanishing,
)
NN4 = Rule(
    "NN4",
    "Scales explode with depth",
    Evidence.PROBE,
    Severity.FAULT,
    "Activations or gradients grow from layer to layer as right initialisation does not let them.",
    "He's initialisation, gradient clipping, batch norm, a lower learning rate.",
    "The dev error of the whole training is lower.",
    "He et al., 2015; Pascanu, Mikolov and Bengio, 2013.",
    trial=_exploding,
)
NN23 = Rule(
    "NN23",
    "A layer's inputs are far from 1 in size",
    Evidence.PROBE,
    Severity.FAULT,
    "What meets a layer's weights is over ten times as large as 1, or under a hundredth, however the weights are "
    "drawn; and at a size of 1 the dev error is lower.",
    "A mean in the place of a sum, tables of codes that begin with a deviation of 1, or a layer norm.",
    "The dev error of the whole training is lower.",
    "LeCun et al., 1998, section 4.3; Mishkin and Matas, 2016 (layers brought to unit variance).",
    trial=_meets,
)
RULES = (NN4, NN2, NN23, NN3)

"""NN2, NN3, NN4: scales before the first step, against those of the same network rightly initialised."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from burnish.diagnosis.finding import Finding, Severity
from burnish.doctor import null as nulls
from burnish.doctor.examination import PRACTICAL_SHARE, Examination
from burnish.doctor.gauges import Gauge
from burnish.doctor.rule import Evidence, Rule

# Depth from which gradients can be said to vanish or explode with it.
DEEP = 4
# A first layer that is told to change less than a thousandth of what the last one is, relative to its weights.
VANISHING = 1e-3


def _signals(exam: Examination) -> dict[str, tuple[float, float]]:
    """What is read off the start, and its p-value against right initialisation."""
    null = exam.null

    def against(read: object) -> tuple[float, float]:
        statistic = read(exam.first)  # type: ignore[operator]
        return statistic, null.p_value(statistic, [read(gauge) for gauge in null.gauges])  # type: ignore[operator]

    return {
        "forward": against(lambda gauge: nulls.depth_slope(gauge.z[:-1])),
        "backward": against(lambda gauge: -nulls.depth_slope(gauge.delta[:-1])),  # towards the inputs
        "scale": against(lambda gauge: float(np.log(max(gauge.z[-1], 1e-30)))),
    }


def _relative_updates(gauge: Gauge) -> np.ndarray:
    """Gradient over weight, of each layer's weights."""
    leaves = [layer.leaf for layer in gauge.layers]
    return gauge.gradient[leaves] / np.maximum(gauge.weight[leaves], 1e-30)


def _vanishing(exam: Examination) -> Iterable[Finding]:
    layers, delta = exam.gauger.layers, exam.first.delta
    if len(layers) < DEEP:
        return
    updates = _relative_updates(exam.first)
    if updates[0] >= VANISHING * updates[-1] or delta[0] >= VANISHING * delta[-2]:
        return
    by, probed = exam.rescued
    if exam.matters(probed):
        yield NN3.finding(
            f"The gradient's scale is {delta[0] / delta[-2]:.1e} times as large at {layers[0].name} as at "
            f"{layers[-2].name}. With {by} {exam.said(probed)}",
            where=layers[0].name,
        )


def _exploding(exam: Examination) -> Iterable[Finding]:
    if len(exam.gauger.layers) < DEEP:
        return
    signals = _signals(exam)
    grown = max(signals[name][0] for name in ("forward", "backward"))
    p_value = min(signals[name][1] for name in ("forward", "backward"))
    if p_value < exam.alpha and np.exp(grown) > 1 + PRACTICAL_SHARE and exam.matters(exam.reinitialised):
        yield NN4.finding(
            f"From layer to layer scales grow by a factor of {np.exp(grown):.2g}. Rightly initialised, "
            + exam.said(exam.reinitialised)
        )


def _scale(exam: Examination) -> Iterable[Finding]:
    """Weights too large or too small, at any depth."""
    if not exam.gauger.layers:
        return
    signals = _signals(exam)
    worst = min(signals, key=lambda name: signals[name][1])
    p_value = signals[worst][1]
    if p_value >= exam.alpha / len(signals):
        return
    probed = exam.reinitialised
    if not exam.matters(probed):
        return
    normal = float(np.mean([gauge.z[-1] for gauge in exam.null.gauges]))
    large = exam.first.z[-1] > normal
    yield NN2.finding(
        f"The outputs before the first step are {exam.first.z[-1]:.3g} in size, where right initialisation gives "
        f"{normal:.3g} (p = {p_value:.1g}): the weights are too {'large' if large else 'small'}. Drawn rightly, "
        + exam.said(probed)
    )


NN2 = Rule(
    "NN2",
    "Initial weights have the wrong scale",
    Evidence.PROBE,
    Severity.FAULT,
    "Scales that twenty right draws do not have, and a lower dev loss from a right draw.",
    "Weights with variance 2/fan-in before rectifiers (He), 1/fan-in otherwise (LeCun).",
    "The dev loss after as many steps is lower from a right draw.",
    "He et al., 2015; LeCun et al., 1998, section 4.6.",
    _scale,
)
NN3 = Rule(
    "NN3",
    "Gradients vanish with depth",
    Evidence.PROBE,
    Severity.FAULT,
    "The first layer's gradient and relative update are below a thousandth of the last one's, and ReLU with He's "
    "initialisation reaches a lower dev loss.",
    "ReLU or GELU with He's initialisation, batch norm, skip connections, or fewer layers.",
    "The dev loss after as many steps is lower.",
    "Hochreiter, 1991; Glorot and Bengio, 2010.",
    _vanishing,
)
NN4 = Rule(
    "NN4",
    "Scales explode with depth",
    Evidence.PROBE,
    Severity.FAULT,
    "Activations or gradients grow from layer to layer as right initialisation does not let them.",
    "He's initialisation, gradient clipping, batch norm, a lower learning rate.",
    "The dev loss after as many steps is lower.",
    "He et al., 2015; Pascanu, Mikolov and Bengio, 2013.",
    _exploding,
)
RULES = (NN3, NN4, NN2)

"""What the layers of a watched network give reason to suspect, against right draws of the same network.

Tests alone, as nothing was changed to see whether it helps: what they find are limits and notes. Right draws are made
only where a size that matters has been seen, so that a healthy network costs two readings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.finding import Finding, Severity
from burnish.doctor import null as nulls
from burnish.doctor.gauges import DEAD, DEEP, SATURATED, Gauge
from burnish.doctor.lab import Change
from burnish.doctor.watched import Watched
from burnish.stats import interval
from burnish.units import percent

# Tests among which the chance of a false alarm is divided: gradients, activations, first loss, dead, saturated.
TESTS = 5
# From the last hidden layer to the first a gradient falls to less than a thousandth, or scales grow a thousandfold: a
# choice, far beyond what right draws of networks that can be trained have.
VANISHED = EXPLODED = 1e3
# A first loss so many times that of knowing nothing. Logits of standard deviation 2 have 1.6 times for ten classes and
# twice for four, and He's weights in the last layer too, on inputs of deviation 1.6, give them and do no harm.
TOO_LARGE = 3.0
# A share of a layer's units beyond which what is left is another network than was asked for: a limit, below it a note,
# as they may be spare. A choice.
MOST = 0.5
# What may have become of units: the gauge's name for it, its least share, and how it is told.
UNITS = (
    ("dead", DEAD, "NN5", "Units have died", "have no gradient on any", "A lower learning rate, leaky ReLU or GELU."),
    (
        *("saturated", SATURATED, "NN6", "Units are saturated", "have lost 99 % of their slope on nearly all"),
        "Normalised inputs, smaller initial weights, ReLU or GELU, batch norm.",
    ),
)


def look(seen: Watched, alpha: float) -> Iterator[Finding]:
    """All findings on the layers.

    Args:
        seen: The network.
        alpha: Chance of a false alarm that each of `TESTS` tests may spend.
    """
    if seen.layers and seen.first.finite:
        yield from _depth(seen, alpha)
        yield from _first_loss(seen, alpha)
        yield from _units(seen, alpha)


def dead(seen: Watched) -> tuple[str, ...]:
    """Rectified layers none of whose units lets anything through, by the name of their weights.

    No gradient is not enough: a `stop_gradient` behind a layer that is alive takes it, too.
    """
    params, gauge = (seen.end, seen.last) if seen.last is not None and seen.last.finite else (seen.start, seen.first)
    if not (gauge.dead == 1.0).any():
        return ()
    values = seen.gauger.pre_activations(params, jnp.asarray(seen.gauger.lab.gauge.x))
    return tuple(
        layer.name
        for layer, share, z in zip(seen.layers, gauge.dead, values, strict=True)
        if share == 1.0 and not (np.asarray(z) > 0).any()
    )


def _depth(seen: Watched, alpha: float) -> Iterable[Finding]:
    """NN3, NN4: the scales of the layers at the start, against right draws.

    Gradients vanish in right draws of a deep sigmoid network too: that counts where nothing was learned.
    """
    if len(seen.layers) < DEEP:
        return
    first, hidden = seen.first, slice(0, len(seen.layers) - 1)
    far = len(seen.layers) - 2
    # Branches that begin at zero have no gradient behind them at the first step, and have one later.
    last = seen.last
    waits = last is not None and last.finite and last.delta[0] * VANISHED >= last.delta[far] > 0
    ratio = first.delta[0] / max(first.delta[far], 1e-30)
    names = seen.layers[0].name, seen.layers[far].name
    if ratio * VANISHED < 1 and not waits:
        usual = float(np.mean([gauge.delta[0] / max(gauge.delta[far], 1e-30) for gauge in seen.null.gauges]))
        _, p_value = _against(lambda gauge: _slope(gauge.delta[hidden]), seen)
        drawn = p_value < alpha and ratio * VANISHED < usual
        if drawn or (seen.stuck and usual * VANISHED < 1):
            why = (
                f"(p = {p_value:.1g})" if drawn else "too: it is the activations, not the draw, and nothing was learned"
            )
            yield Finding(
                "NN3",
                "Gradients probably vanish with depth",
                Severity.LIMIT,
                f"The gradient at {names[0]} is {ratio:.1e} times that at {names[1]}; right draws of the same network "
                f"have {usual:.1e} {why}.",
                "ReLU or GELU with He's initialisation, batch norm, skip connections, or fewer layers.",
                where=names[0],
            )
    for what, whither, read in (
        ("gradients", "towards the inputs", lambda gauge: -_slope(gauge.delta[hidden])),
        ("activations", "towards the outputs", lambda gauge: _slope(gauge.z[hidden])),
    ):
        if read(first) * far <= math.log(EXPLODED):
            continue
        slope, p_value = _against(read, seen)
        if p_value < alpha:
            yield Finding(
                "NN4",
                "Scales probably explode with depth",
                Severity.LIMIT,
                f"The scale of {what} grows {math.exp(slope):.2g} times from layer to layer {whither}, as right draws "
                f"of the same network do not (p = {p_value:.1g}).",
                "He's initialisation, batch norm, gradient clipping.",
                where=names[0],
            )
            return


def _slope(scales: NDArray[np.float64]) -> float:
    """Change of ln(scale) from layer to layer; a scale of exactly 0 counts as float32's least, not as missing."""
    return nulls.depth_slope(np.maximum(scales, float(np.finfo(np.float32).tiny)))


def _first_loss(seen: Watched, alpha: float) -> Iterable[Finding]:
    """NN2, NN14, DA1: a first loss far above that of knowing nothing, and what brings it down."""
    uninformed, loss = seen.uninformed(), seen.first.loss
    if not (math.isfinite(uninformed) and uninformed > 0 and math.isfinite(loss)):
        return
    if loss < TOO_LARGE * uninformed:
        return
    standard = nulls.standardising(seen.subject.train, targets=True)
    usual = seen.uninformed(standard)
    draws = [math.log(max(gauge.loss / usual, 1e-30)) for gauge in seen.null.gauges if math.isfinite(gauge.loss)]
    if len(draws) < nulls.DRAWS or seen.null.p_value(math.log(loss / uninformed), draws) >= alpha:
        return
    normal = math.exp(float(np.mean(draws)))
    if loss < TOO_LARGE * uninformed * max(1.0, normal):
        return
    code, title, remedy = _too_large(seen, standard, normal)
    yield Finding(
        code,
        title,
        Severity.LIMIT,
        f"The first loss is {loss:.4g}, {loss / uninformed:.3g} times what knowing nothing costs ({uninformed:.3g}); "
        f"right draws on standardised data have {normal:.2g} times.",
        remedy,
    )


def _too_large(seen: Watched, standard: Change, normal: float) -> tuple[str, str, str]:
    """Which of inputs, targets and weights it is: what brings the loss half the way to the usual one, or neither.

    Half the way in logarithms, as scales multiply.
    """
    targets_alone = standard._replace(shift=0.0, scale=1.0)
    inputs = seen.loss(_inputs_alone(standard)) / seen.uninformed()
    targets = math.inf
    if seen.subject.kind == "regression":
        targets = seen.loss(targets_alone) / seen.uninformed(targets_alone)
    if min(inputs, targets) ** 2 > normal * seen.first.loss / seen.uninformed():
        return "NN2", "Initial weights are probably too large", "Weights with variance 2/fan-in before rectifiers (He)."
    if inputs <= targets:
        return "DA1", "Inputs are probably not scaled", "Standardise the inputs on the training rows."
    return "NN14", "The target is probably not scaled", "Standardise the targets on the training rows."


def _inputs_alone(change: Change) -> Change:
    """The same change of the inputs, with targets left as they are."""
    return change._replace(target_shift=0.0, target_scale=1.0)


def _units(seen: Watched, alpha: float) -> Iterable[Finding]:
    """NN5, NN6: dead and saturated units after the latest step, beyond right draws'."""
    end = seen.last
    if end is None or not end.finite:
        return
    rows = len(seen.gauger.lab.gauge)
    for name, least, code, title, said, remedy in UNITS:
        shares = getattr(end, name)
        if not (shares > least).any():
            continue
        usual = np.max([getattr(gauge, name) for gauge in seen.null.gauges], axis=0)
        for layer, share, normal in zip(seen.layers, shares, usual, strict=True):
            if not np.isfinite(share):
                continue
            low = interval.proportion(share * layer.units, layer.units, level=1 - 2 * alpha / len(shares)).low
            if low > normal + least:
                yield Finding(
                    code,
                    title,
                    Severity.LIMIT if low > normal + MOST else Severity.NOTE,
                    f"{percent(share)} of the {layer.units} units of {layer.name} {said} of {rows:,} rows; "
                    f"of right draws at most {percent(normal)}.",
                    remedy,
                    where=layer.name,
                )


def _against(read: Callable[[Gauge], float], seen: Watched) -> tuple[float, float]:
    """A statistic of the start, and its p-value against right draws."""
    statistic = read(seen.first)
    return statistic, seen.null.p_value(statistic, [read(gauge) for gauge in seen.null.gauges])

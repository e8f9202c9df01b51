"""What some steps of a training show from inside: vanishing and exploding scales, dead and saturated units, by layer.

Signals, not proofs: a healthy network may have a layer that hardly moves, or units to spare. Only numbers that are not
finite are a fault. Bounds are far from what healthy trainings show (`bench/telemetry_healthy.py`), and the remedy's
experiment decides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.finding import Finding, Severity
from burnish.train.work import Telemetry
from burnish.units import percent

Floats = NDArray[np.float64]

# The numbers below are choices, made so that trainings in good order stay clear of them (`bench/telemetry_healthy.py`
# counts): one training tells nothing of how far others like it would lie apart.
# Steps that have to be seen before a layer is judged: 1, 8, 64 and a further one.
FEWEST = 4
# ‖Δw‖ / ‖w‖ of the first layer over that of the last: below, the first hardly learns. Relative updates and not
# gradients, as Adam gives small gradients steps of the same size.
STANDS_STILL = 1e-3
# Growth over all layers together, or one over it where they shrink, of outputs or of gradients on their way back: wide,
# as what is usual for a network takes further draws of it, which one training does not have.
EXPLODES = 1e3
# Share of a layer's units that are dead, or saturated, in every mini-batch seen in the later half of the steps. A unit
# of narrow taste is seldom woken by few rows, so the bound of dead ones is the wider.
DEAD = 0.5
SATURATED = 0.3


def read(seen: Telemetry | None) -> tuple[Finding, ...]:
    """What the steps seen of one training show; () where that is healthy, or too little was seen."""
    if seen is None:
        return ()
    broken = _not_finite(seen)
    if broken is not None:
        return (broken,)
    if len(seen.step) < FEWEST:
        return ()
    found = [_shrinking(seen) or _standing_still(seen), _exploding(seen)]
    found += [_dead(seen, place) for place in range(len(seen.layers))]
    found += [_saturated(seen, place) for place in range(len(seen.layers))]
    return tuple(one for one in found if one is not None)


def backward(seen: Telemetry) -> Floats:
    """Gradient norm of each layer's weights over that of the layer behind it; shape (steps, layers − 1)."""
    scale = seen.gradient[:, list(seen.depth)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return scale[:, :-1] / scale[:, 1:]


def forward(seen: Telemetry) -> Floats:
    """Scale of each hidden layer's outputs over that of the layer before it; shape (steps, hidden layers − 1)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return seen.rms[:, 1:] / seen.rms[:, :-1]


def _not_finite(seen: Telemetry) -> Finding | None:
    """The first step and the arrays whose gradient held what is not a number."""
    steps = np.flatnonzero(seen.not_finite.sum(axis=1) > 0)
    if not len(steps):
        return None
    at = int(steps[0])
    names = [layer_name(name) for place, name in enumerate(seen.leaves) if seen.not_finite[at, place] > 0]
    count = int(seen.not_finite[at].sum())
    shown = ", ".join(dict.fromkeys(names))
    return Finding(
        "NU4",
        "A gradient stopped being finite",
        Severity.FAULT,
        f"At step {seen.step[at]:.0f}, {count} of its numbers, in {shown}.",
        "A lower learning rate, warm-up, or gradient clipping.",
        where=shown,
    )


def _shrinking(seen: Telemetry) -> Finding | None:
    """Whether outputs shrink from layer to layer, so that neither they nor gradients get through."""
    factors = forward(seen)
    if not factors.shape[1]:
        return None
    whole, each = float(np.median(factors.prod(axis=1))), np.median(factors, axis=0)
    if not whole < 1 / EXPLODES:
        return None
    worst = int(np.argmin(each))
    name = seen.layers[worst + 1]
    return Finding(
        "NN3",
        "Signals probably vanish on their way through the layers",
        Severity.LIMIT,
        f"From the first hidden layer to the last the size of outputs falls to {whole:.2g} of what it was, most at "
        f"{name} (to {each[worst]:.2g}); gradients on their way back fall alike.",
        "He's starting weights, batch normalisation, skip connections, or fewer layers.",
        where=name,
    )


def _standing_still(seen: Telemetry) -> Finding | None:
    """Whether the first layer hardly moves, beside the last one."""
    depth = list(seen.depth)
    moved = seen.update[:, depth].sum(axis=1) > 0  # a rate of 0 moves nothing
    if len(depth) < 2 or moved.sum() < FEWEST:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = seen.update[moved][:, depth] / seen.weight[moved][:, depth]
    typical = np.median(ratios, axis=0)
    still = np.flatnonzero(typical < STANDS_STILL * typical[-1])
    if not len(still) or still[0] != 0:
        return None
    first, name = (layer_name(seen.leaves[depth[int(place)]]) for place in (0, still[-1]))
    each = float(np.median(backward(seen)[moved]))
    way = f"; from layer to layer towards the inputs their gradient is {each:.2g} times as large" if each > 0 else ""
    upto = "It hardly learns." if first == name else f"Up to {name} the network hardly learns."
    return Finding(
        "NN3",
        "The gradient probably vanishes on its way back",
        Severity.LIMIT,
        f"A step moves the weights of {first} by {typical[0]:.2g} of their size, those of the last layer by "
        f"{typical[-1]:.2g}{way}. {upto}",
        "Skip connections, batch normalisation, ReLU or GELU with He's starting weights, or fewer layers.",
        where=name,
    )


def _exploding(seen: Telemetry) -> Finding | None:
    """Whether outputs grow from layer to layer, or gradients on their way back."""
    for factors, names, what in (
        (forward(seen), seen.layers[1:], "outputs grow {:.2g} times from the first hidden layer to the last"),
        (backward(seen), seen.layers, "gradients of weights grow {:.2g} times from the last layer to the first"),
    ):
        if not factors.shape[1]:
            continue
        with np.errstate(invalid="ignore", over="ignore"):
            whole = float(np.median(factors.prod(axis=1)))
        if whole > EXPLODES:
            each = np.median(factors, axis=0)
            worst = int(np.argmax(each))
            return Finding(
                "NN4",
                "Scales probably explode with depth",
                Severity.LIMIT,
                f"The {what.format(whole)}, most at {names[worst]} ({each[worst]:.2g} times).",
                "He's starting weights, batch normalisation, gradient clipping, or a lower learning rate.",
                where=names[worst],
            )
    return None


def _later(values: Floats) -> float:
    """The least of the later half of the steps: units that stay so need not be the same ones, so this is no more."""
    return float(values[len(values) // 2 :].min())


def _dead(seen: Telemetry, layer: int) -> Finding | None:
    share = _later(seen.dead[:, layer])
    if not share > DEAD:
        return None
    name = seen.layers[layer]
    return Finding(
        "NN5",
        f"Many units of {name} are dead",
        Severity.NOTE,
        f"{percent(share)} or more of its units gave 0 on every row of each mini-batch seen in the later "
        "half of training, and learned nothing there. The others may be enough.",
        "A lower learning rate, GELU or SiLU in the place of ReLU, or batch normalisation.",
        where=name,
    )


def _saturated(seen: Telemetry, layer: int) -> Finding | None:
    share = _later(seen.saturated[:, layer])
    if not share > SATURATED:
        return None
    name = seen.layers[layer]
    return Finding(
        "NN6",
        f"Many units of {name} are saturated",
        Severity.NOTE,
        f"{percent(share)} or more of its units were so near to ±1 on nearly every row seen in the later "
        "half of training that hardly any gradient passes them.",
        "Smaller starting weights, ReLU or GELU in the place of tanh, or batch normalisation.",
        where=name,
    )


def layer_name(leaf: str) -> str:
    """How a person calls the layer that an array belongs to.

    >>> layer_name("hidden.0.w"), layer_name("output.b"), layer_name("block.scale")
    ('hidden layer 1', 'the output layer', 'block.scale')
    """
    first, _, rest = leaf.partition(".")
    if first == "hidden" and rest.partition(".")[0].isdigit():
        return f"hidden layer {int(rest.partition('.')[0]) + 1}"
    return "the output layer" if first == "output" else leaf

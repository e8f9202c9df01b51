"""What a watched loop's traces prove, and what they give reason to suspect.

A proof makes a fault: a number that is not finite, parameters without a gradient, updates that nothing comes of. Tests
compare with right draws of the same network, and nothing was changed to see whether it helps: they make suspicious, and
are called limits. All tests together raise a false alarm in 1 % of healthy loops.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from burnish.data.observation import listed
from burnish.diagnosis import training
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.doctor import layer_rules
from burnish.doctor.rules import UNTRAINED
from burnish.doctor.rules.outputs import beyond
from burnish.doctor.traces import Traces
from burnish.doctor.watched import Watched
from burnish.stats import multiplicity
from burnish.train.work import Curve, Ending

# Chance of any false alarm of all tests together.
FALSE_ALARMS = 0.01
# Steps over which exactly nothing is no accident.
IDLE = 20
# Steps in which no parameter at all moves. More, as gradients may be gathered over many steps before one is taken.
STILL = 100
# Stretches between two readings in which others have to change before a leaf that does not is called still.
AGREEING = 3
# Readings that have to agree that updates go uphill, and the cosine from which it is not rounding.
READINGS, UPHILL = 4, 1e-3
# A loss so much above the first one has risen, which is more than having learned nothing.
RISEN = 0.10
# Evenly spaced stretches into which the losses of all steps are averaged to be read as a curve.
STRETCHES = 24


def look(
    traces: Traces,
    seen: Watched | None,
    *,
    frozen: Sequence[str] = (),
    looks: int = 1,
    stopped_early: bool = False,
) -> Iterator[tuple[Finding, Evidence]]:
    """All findings, proofs first, each with the rung of the ladder that it stands on.

    Args:
        traces: Of the loop.
        seen: Its network; None: not handed over.
        frozen: Beginnings of names of leaves that are meant to stay.
        looks: How many diagnoses there have been, this one included.
        stopped_early: Whether the loop ended because the dev loss no longer fell.
    """
    alpha = multiplicity.spend(FALSE_ALARMS, looks) / layer_rules.TESTS
    dead = () if seen is None else layer_rules.dead(seen)
    for proofs in (_unfinite(traces, seen), _idle(traces, frozen, dead), _unapplied(traces), _uphill(traces)):
        yield from ((one, Evidence.PROOF) for one in proofs)
    if seen is not None and seen.exam is not None and seen.first.finite:
        yield from ((one.finding, one.by) for ask in UNTRAINED for one in ask(seen.exam))
    if seen is not None:
        yield from ((one, Evidence.TEST) for one in layer_rules.look(seen, alpha))
    if traces.unfinite is None:
        yield from ((one, Evidence.SIGNAL) for one in _curve(traces, seen, stopped_early))


def left_out(traces: Traces, seen: Watched | None, *, network: bool) -> Iterator[str]:
    """What is not looked for, and what it would take.

    Args:
        traces: Of the loop.
        seen: Its network; None: none to look at.
        network: Whether the network and its loss were handed over.
    """
    if seen is None:
        missing = "no batch (x, y) of one array each was recorded" if network else "apply and loss were not handed over"
        yield f"layers, and how the outputs go with the loss: {missing}"
    else:
        if seen.exam is None:
            yield "how the outputs go with the loss: targets and outputs are in no form that is understood"
        if not seen.layers:
            yield "layers: none could be seen in the network's trace"
        elif seen.end is None:
            yield "layers at the end: the step took the parameters away (donated buffers)"
    if not traces.batches:
        yield "parameters without a gradient: no grads were recorded"
    elif not any(math.isfinite(one.cosine) for one in traces.readings):
        yield "whether updates go downhill: no updates were recorded"
    known = int(np.isfinite(traces.losses).sum())
    if known < STRETCHES:
        yield f"the shape of the loss: {known} were recorded, and it takes {STRETCHES}"
    if not traces.dev:
        yield "learning by heart, and when to stop: no dev loss was handed over"


def _unfinite(traces: Traces, seen: Watched | None) -> Iterable[Finding]:
    """NU4: where the first number that is not finite was seen, and what that tells of its cause."""
    found = traces.unfinite
    if found is None:
        return
    told = "" if seen is None or seen.exam is None or found.what != "loss" else beyond(seen.exam)
    if told:
        evidence = f"At step {found.step} the loss is not finite, for the first time. {told}"
        yield _not_finite(evidence, "Number the classes from 0.", f"step {found.step}")
        return
    before = ", and the gradients of the step before" if math.isfinite(found.before) else ""
    where = f" of {listed(found.leaves)}" if found.leaves else ""
    remedy = {
        "input": "Drop or impute the row, and look at what prepares the batch.",
        "target": "Drop the row, and look at what prepares the batch.",
        "loss": "A lower learning rate, warm-up, gradient clipping; or a loss of logits, without log(0) or x/0.",
        "gradient": "Guard what has no derivative there, such as sqrt(0), norm(0) or 0/0: `jnp.where` has to guard its "
        "argument, too.",
        "parameter": "Look at the optimiser: a division by 0 or a root of a negative number, or too high a rate.",
    }[found.what]
    others = {
        "input": "It came with the batch.",
        "target": "It came with the batch.",
        "loss": f"The batch was finite{before}.",
        "gradient": "The loss was finite still: its derivative is not.",
        "parameter": "Loss and gradients were finite: the last update is not.",
    }[found.what]
    reached = f" The largest gradient of the step before was {found.before:.3g}." if math.isfinite(found.before) else ""
    yield _not_finite(
        f"At step {found.step} the {found.what}{where} is not finite, for the first time. {others}{reached}",
        remedy,
        found.leaves[0] if found.leaves else f"step {found.step}",
    )


def _not_finite(evidence: str, remedy: str, where: str) -> Finding:
    return Finding("NU4", "Numbers stopped being finite", Severity.FAULT, evidence, remedy, where=where)


def _idle(traces: Traces, frozen: Sequence[str], dead: Sequence[str]) -> Iterable[Finding]:
    """NU3: leaves without any gradient, and leaves that never move; NN5 where a whole layer is dead."""
    if traces.unfinite is not None:
        return
    asked = np.array([not name.startswith(tuple(frozen)) for name in traces.names])
    never: NDArray[np.bool_] = np.zeros(len(asked), bool)
    if traces.batches >= IDLE:
        never = (traces.some == 0) & asked
        yield from _without_gradient(traces, never, dead)
    still, steps = _still(traces)
    if traces.batches:
        still &= traces.some >= IDLE
    still &= asked & ~never
    if still.any():
        names = _names(traces, still)
        had = ", and had a gradient" if traces.batches else ""
        yield _frozen(
            f"{listed(names)} did not change by a single bit in {steps:,} steps, in which others did{had}.",
            names,
            "Look at the optimiser's masks and labels, which may leave these parameters out, and at the size of their "
            "updates. If they are meant to stay, name them in `frozen`.",
        )


def _still(traces: Traces) -> tuple[NDArray[np.bool_], int]:
    """Leaves that stayed to the last bit from the first reading on, while others changed, and over how many steps.

    Gradients that are gathered over some steps move nothing between some readings, and something between more.
    """
    readings = traces.readings
    changed = np.array([now.prints != then.prints for then, now in itertools.pairwise(readings)])
    moving = np.flatnonzero(changed.any(axis=1)) if len(changed) else np.zeros(0, np.int64)
    if len(moving) < AGREEING or readings[-1].count - readings[moving[0]].count < IDLE:
        return np.zeros(len(traces.names), bool), 0
    return np.asarray(~changed.any(axis=0), bool), readings[-1].count - readings[0].count


def _without_gradient(traces: Traces, never: NDArray[np.bool_], dead: Sequence[str]) -> Iterable[Finding]:
    names = _names(traces, never)
    if not names:
        return
    if dead:
        first = dead[0]  # what comes behind it is given nothing
        yield Finding(
            "NN5",
            "A whole layer is dead",
            Severity.FAULT,
            f"No unit of {first} lets anything through on any row seen, and {listed(names)} had no gradient in "
            f"{traces.batches:,} batches.",
            "A lower learning rate, He's initialisation and biases of 0, leaky ReLU or GELU, standardised inputs.",
            where=first,
        )
        return
    if never.all():
        evidence = f"No parameter had a gradient in {traces.batches:,} batches: the loss does not depend on them."
    else:
        evidence = f"{listed(names)} had a gradient of exactly 0 in all of {traces.batches:,} batches."
    yield _frozen(
        evidence,
        names,
        "Connect it to the loss: look for `stop_gradient`, rounding, argmax, or a result that is not used. If it is "
        "meant to stay, name it in `frozen`.",
    )


def _frozen(evidence: str, names: Sequence[str], remedy: str) -> Finding:
    return Finding("NU3", "Parameters are not trained", Severity.FAULT, evidence, remedy, where=names[0])


def _unapplied(traces: Traces) -> Iterable[Finding]:
    """NU3: the parameters of the loop stay what they are, to the last bit, although there is something to change."""
    readings = traces.readings
    if len(readings) < 2 or traces.unfinite is not None:
        return
    first, last = readings[0], readings[-1]
    if last.count - first.count < STILL or any((one.prints != first.prints).any() for one in readings):
        return
    if not traces.some.any():
        return
    if any(one.cosine != 0 for one in readings if math.isfinite(one.cosine)):
        why = "Updates were computed, and are not 0: they are not added to the parameters, or too small to change them."
    else:
        why = "There were gradients: nothing is made of them."
    yield _frozen(
        f"From step {first.step} to {last.step} no parameter changed by a single bit. {why}",
        traces.names,
        "Hand the result of `optax.apply_updates` to the next step; a learning rate above 0.",
    )


def _uphill(traces: Traces) -> Iterable[Finding]:
    """NU2: updates point along the gradient from the first step on. Momentum may carry some of them so, never all."""
    cosines = [one.cosine for one in traces.readings]
    if len(cosines) < READINGS or not all(cosine > UPHILL for cosine in cosines[:READINGS]):
        return
    yield Finding(
        "NU2",
        "Updates go uphill",
        Severity.FAULT,
        f"In each of the first {READINGS} steps looked at, update and gradient point the same way (their cosine is "
        f"{cosines[0]:+.2f} in the first); a descent has a negative one.",
        "Look for a sign: optax's updates are added to the parameters, and `optax.scale` takes a negative rate.",
    )


def _curve(traces: Traces, seen: Watched | None, stopped_early: bool) -> Iterable[Finding]:
    """OP1, OP12, OP14, BV10, BV11: the losses of all steps, and of the dev rows, read as curves."""
    known = np.isfinite(traces.losses)  # of steps that recorded one
    if known.sum() < STRETCHES:
        return
    losses, steps = np.asarray(traces.losses)[known], np.asarray(traces.steps, np.float64)[known]
    ends = np.linspace(0, len(losses), STRETCHES + 1).astype(int)[1:]
    train = np.array([part.mean() for part in np.split(losses, ends[:-1])])
    flat = train[-1] < (1 + RISEN) * train[0]
    ignorant = seen.uninformed() if seen is not None and seen.stuck and flat else None
    curve = _as_curve(steps[ends - 1], train, train)
    found = training.read(curve, Ending.COMPLETED, uninformed=ignorant, best_kept=False, unit="step")
    yield from (one for one in found if one.code in ("OP1", "OP14"))
    if traces.dev:
        yield from _dev_curve(traces, steps, losses, Ending.STOPPED_EARLY if stopped_early else Ending.COMPLETED)


def _dev_curve(
    traces: Traces, steps: NDArray[np.float64], losses: NDArray[np.float64], ending: Ending
) -> Iterable[Finding]:
    at, dev = np.array(traces.dev).T
    places = np.searchsorted(steps, at, side="right")
    train = np.array([losses[before:now].mean() for before, now in _spans(places)])
    if not np.isfinite(train).all():
        return
    found = training.read(_as_curve(at, train, dev), ending, best_kept=False, unit="step")
    yield from (one for one in found if one.code in ("BV10", "BV11", "OP12"))


def _spans(places: NDArray[np.int64]) -> list[tuple[int, int]]:
    """From one evaluation to the next; at least one step."""
    before = np.concatenate([[0], places[:-1]])
    return [(int(min(a, b - 1)), int(b)) for a, b in zip(before, np.maximum(places, 1), strict=True)]


def _as_curve(at: NDArray[np.float64], train: NDArray[np.float64], dev: NDArray[np.float64]) -> Curve:
    nothing = np.full(len(at), np.nan)
    return Curve(at, train, dev, nothing, nothing)


def _names(traces: Traces, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, one in zip(traces.names, chosen, strict=True) if one)

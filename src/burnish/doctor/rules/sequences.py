"""NN17 and NN22: a sequence whose network is shown what it is to predict, or cannot tell its places apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import null as nulls
from burnish.doctor import simple
from burnish.doctor.examination import PROBE_ALARMS, PROBE_FAMILIES, Examination
from burnish.doctor.rule import Found, Rule
from burnish.stats import interval, paired
from burnish.units import percent

# Places after its own at which a target is looked for among the inputs: what is foretold is mostly the next one. A
# choice.
FARTHEST = 4
# Share of the places at which the target is the input there: some hold a code for what is unknown or fills up.
NEARLY_ALL = 0.99
# Different targets from which it is no accident that they are the inputs, and share of the commonest from which it is.
KINDS, ONE_KIND = 3, 0.9
# Part by which a correlation may miss 1: float32 leaves some 1e-15.
EXACT = 1e-10
# Change of an output, relative to the largest one, that is none by rounding.
ROUNDED = 1e-5
# Draws of all parameters, as what is nothing at the start on purpose may be something later; and places looked at.
DRAWS, PLACES = 3, 4


def _foreseen(exam: Examination) -> Iterable[Found]:
    """Where targets are inputs of later places: does an output change with the very input that it is to tell?"""
    train = exam.subject.train
    found = _target_among_inputs(train.x, train.y)
    if found is None:
        yield from _its_own(exam)
        return
    ahead, channel = found
    x = np.asarray(exam.few.x)
    last = x.shape[1] - ahead
    places = np.unique(np.linspace(0, last - 1, PLACES).astype(int))
    params = [nulls.random_draw(exam.gauger, exam.start.params, draw) for draw in range(DRAWS)]
    before = [np.asarray(exam.lab.apply(one, x)) for one in params]
    if before[0].shape[:2] != x.shape[:2]:
        return
    for place in places:
        changed = x.copy()
        told = (slice(None), place + ahead, *channel)
        changed[told] = np.roll(x[told], 1, axis=0)
        for one, outputs in zip(params, before, strict=True):
            off = np.abs(np.asarray(exam.lab.apply(one, changed))[:, place] - outputs[:, place])
            if float(off.max()) > ROUNDED * float(np.abs(outputs).max()):
                yield NN17.found(
                    f"The target of place {place} is the input of place {place + ahead}, and the output of place "
                    f"{place} changes with that input: nothing has to be foretold, on dev rows neither, and where what "
                    "comes next is not known yet the network will not know it.",
                )
                return


def _its_own(exam: Examination) -> Iterable[Found]:
    """Targets that are the codes of their own places: an autoencoder's, or those of a model of what comes next that
    were not moved on.
    """
    x, y = exam.subject.train.x, exam.subject.train.y
    if not exam.subject.several or y.ndim != 2 or x.ndim not in (2, 3) or x.shape[:2] != y.shape:
        return
    if np.isfinite(x).all() and any(_same(values, y) for channel, values in _channels(x) if not channel):
        yield NN17.found(
            "The target of each place is the input of that very place: nothing has to be foretold.",
            remedy="If the next one is to be told, move the targets by one place; an autoencoder is meant to be so.",
            severity=Severity.LIMIT,
        )


def _target_among_inputs(x: NDArray[np.generic], y: NDArray[np.generic]) -> tuple[int, tuple[int, ...]] | None:
    """How many places ahead of its own each target stands among the inputs, and in which channel; None: nowhere.

    Channels of one-hot codes are one.
    """
    if y.ndim != 2 or x.ndim not in (2, 3) or x.shape[:2] != y.shape or not np.isfinite(x).all():
        return None
    for ahead in range(1, min(FARTHEST, y.shape[1] - 1) + 1):
        for channel, values in _channels(x):
            if _same(values[:, ahead:], y[:, :-ahead]):
                return ahead, channel
    return None


def _channels(x: NDArray[np.generic]) -> Iterator[tuple[tuple[int, ...], NDArray[np.generic]]]:
    """Each number of a place by itself, by its place among them."""
    if x.ndim == 2:
        yield (), x
    elif np.isin(x, (0, 1)).all() and (x.sum(axis=2) == 1).all():
        yield (), x.argmax(axis=2)
    else:
        yield from (((channel,), x[:, :, channel]) for channel in range(x.shape[2]))


def _same(values: NDArray[Any], y: NDArray[Any]) -> bool:
    """Whether targets are these inputs: the same codes, or numbers of which one is the other in some unit."""
    if np.issubdtype(y.dtype, np.integer):
        known = y >= 0  # below it is no label
        codes, counts = np.unique(y[known], return_counts=True)
        varied = len(codes) >= KINDS and counts.max() < ONE_KIND * counts.sum()
        return bool(varied and (values[known] == y[known]).mean() >= NEARLY_ALL)
    one, other = (np.asarray(part, np.float64).ravel() for part in (values, y))
    if not (np.isfinite(other).all() and np.ptp(one) > 0 and np.ptp(other) > 0):
        return False
    return bool(np.corrcoef(one, other)[0, 1] > 1 - EXACT)


def _order_unseen(exam: Examination) -> Iterable[Found]:
    """Outputs stay when places are exchanged: no harm where nothing hangs on their order. Linear models tell."""
    subject = exam.subject
    if not _exchangeable(exam) or not exam.followed.finite or (found := simple.with_places(subject)) is None:
        return
    placed, unplaced = found
    own = exam.lab.errors(exam.followed.end.params, subject.dev)
    statistic: interval.Statistic = "error" if subject.kind == "classification" else "rmse"
    alpha = PROBE_ALARMS / PROBE_FAMILIES
    gains = [paired.gain(other, placed, statistic=statistic, alpha=alpha) for other in (own, unplaced)]
    errors = [float(np.mean(one)) for one in (placed, own, unplaced)]
    errors = errors if subject.kind == "classification" else [one**0.5 for one in errors]
    if all(gain.low > 0 and gain.value > exam.matters(errors[1]) for gain in gains):
        sizes = [percent(one, 1) if subject.kind == "classification" else f"{one:.4g}" for one in errors]
        yield NN22.found(
            f"The outputs stay the same when places of a row are exchanged, and the order tells: a linear model that "
            f"knows the places has a dev error of {sizes[0]}, the network {sizes[1]}, and a linear model that does not "
            f"know them {sizes[2]}.",
        )


def _exchangeable(exam: Examination) -> bool:
    """Whether the output of each row is the same in any order of its places: codes, or several numbers each."""
    x = np.asarray(exam.few.x)
    places = 2 if np.issubdtype(x.dtype, np.integer) else 3
    if exam.subject.several or x.ndim != places or x.shape[1] < 2:
        return False
    moved = np.random.default_rng(0).permuted(x, axis=1) if x.ndim == 2 else x[:, ::-1]
    for draw in range(DRAWS):
        params = nulls.random_draw(exam.gauger, exam.start.params, draw)
        before, after = (np.asarray(exam.lab.apply(params, rows)) for rows in (x, moved))
        same = ROUNDED * float(np.abs(before).max())
        if not float(np.abs(after - before).max()) <= same < float(np.ptp(before, axis=0).max()):
            return False
    return True


NN17 = Rule(
    "NN17",
    "The network is shown what it is to predict",
    Evidence.PROOF,
    Severity.FAULT,
    "In a sequence the targets are the inputs of later places, and the output of a place changes with the very input "
    "that it is to tell; a limit where they are codes of their own places.",
    "A causal mask, from each place to itself and earlier ones; or shift the inputs by one place more. Look for means, "
    "norms and convolutions over places, too.",
    "No output changes with later inputs.",
    "Vaswani et al., 2017, section 3.2.3 (masking out illegal connections).",
    look=_foreseen,
    untrained=_foreseen,
)
NN22 = Rule(
    "NN22",
    "The network cannot tell places apart",
    Evidence.TEST,
    Severity.FAULT,
    "The outputs stay the same when the places of a sequence are exchanged, and a linear model that knows the places "
    "has a lower dev error than the network, and than one that does not.",
    "Add a vector of each place to what stands there, learned or of sines; or let convolutions or recurrence see it.",
    "The outputs change with the order, and the dev error is lower.",
    "Vaswani et al., 2017, section 3.5 (attention alone sees no order).",
    look=_order_unseen,
)
PROOFS = (NN17, NN22)

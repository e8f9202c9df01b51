"""What one training curve shows: divergence, too few or too many epochs, steps too large or too small.

A curve is a signal, not a proof: only divergence is certain. All else is called suspected, and the remedy's
experiment decides. The delivered weights are always those of the best dev cost, so that training on too long costs
time, not error; of a training elsewhere nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from burnish.diagnosis.finding import Finding, Severity
from burnish.train.work import Curve, Ending
from burnish.units import percent

Floats = NDArray[np.float64]

# Evaluations below which a curve has no shape: three for each third.
MIN_EVALUATIONS = 9
# A change of the cost that matters, as a share of the present cost: the practical size of every verdict here (10 %).
PRACTICAL_SHARE = 0.10
# Confidence of the slope of the last third, two-sided.
LEVEL = 0.95
# Evaluations that have to agree before a rise is called one; a single high value is noise.
PERSISTENT = 3
# A cost that settles like 1/t falls on average at a half of its present pace while t doubles, one like 1/t² at a
# quarter.
SETTLING_PACE = 1 / 3
# A training cost within this share of what is reached without looking at the inputs has learned nothing.
NOTHING_LEARNED = 0.02
# Share of the present cost from which on a straight line foretells no more.
MOST_FORETOLD = 0.5
# A straight fall: the last third falls at least this share of what the middle third did. A curve that is settling like
# exp(−t) with one time constant per third has 0.37, a straight line 1.
STRAIGHT = 0.8


@dataclass(frozen=True, slots=True)
class _Rise:
    """A lasting rise after the lowest point of a smoothed curve."""

    place: int  # evaluation of the lowest point
    share: float  # how much higher the end is than the lowest point, as a share of it


def read(
    curve: Curve, ending: Ending, *, uninformed: float | None = None, best_kept: bool = True, unit: str = "epoch"
) -> tuple[Finding, ...]:
    """What the curve of one training shows; () where it is healthy or too short to tell.

    Args:
        curve: One entry for each evaluation.
        ending: How the training ended.
        uninformed: Training cost without looking at the inputs (the entropy of the class shares, or the target's
            variance, in the curve's unit); None: not known.
        best_kept: Whether the weights of the best dev cost are what the training gave.
        unit: What `curve.epoch` counts, in the singular.
    """
    if ending is Ending.DIVERGED:
        return (_diverged(curve, unit),)
    finite = np.isfinite(curve.dev_loss) & np.isfinite(curve.train_loss)
    if finite.sum() < MIN_EVALUATIONS or not finite.all():
        return ()
    if uninformed is not None and np.median(curve.train_loss[-PERSISTENT:]) > (1 - NOTHING_LEARNED) * uninformed:
        return (_stuck(curve, uninformed, unit),)
    training_rises = _rise(curve.train_loss)
    if training_rises is not None:
        return (_steps_too_large(curve, training_rises, unit),)
    dev_rises = _rise(curve.dev_loss)
    if dev_rises is not None:
        fell = _smooth(curve.train_loss)[-1] < _smooth(curve.train_loss)[dev_rises.place]
        return (_too_many_epochs(curve, dev_rises, unit, best_kept=best_kept),) if fell else ()
    if ending is Ending.STOPPED_EARLY:
        return _stopped_too_early(curve, unit)
    straight = _straight(curve)
    gain = _gain_of_doubling(curve, pace=1.0 if straight else SETTLING_PACE)
    if gain <= PRACTICAL_SHARE:
        return ()
    return (_too_few_epochs(curve, gain, unit), *((_steps_too_small(curve, unit),) if straight else ()))


def _smooth(values: Floats) -> Floats:
    """Running median over three evaluations: one odd evaluation leaves no trace, and the ends keep their level."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)


def _rise(values: Floats) -> _Rise | None:
    """The rise from the smoothed minimum, if all later ends agree that it is above noise and above the practical size.

    The noise is taken from successive differences (Rice, 1984), which a trend hardly touches. The lowest of some tens
    of medians of three lies about 1.5 standard deviations low by chance; the threefold one leaves as much for the
    end.
    """
    smooth = _smooth(values)
    place = int(np.argmin(smooth))
    last = smooth[-PERSISTENT:]
    if len(values) - 1 - place < PERSISTENT or smooth[place] <= 0:
        return None
    noise = float(distributions.median_abs_deviation(np.diff(values), scale="normal")) / np.sqrt(2)
    least = smooth[place] + max(3 * noise, PRACTICAL_SHARE * smooth[place])
    if not np.all(last > least):
        return None
    return _Rise(place, float(np.median(last) / smooth[place] - 1))


def _time(curve: Curve) -> Floats:
    """How far the steps could have led by each evaluation, as a share of the end: the sum of the learning rates.

    In epochs, a decaying rate would make every training look settled.
    """
    rates = np.where(np.isfinite(curve.learning_rate), curve.learning_rate, 0.0)
    time = np.cumsum(rates) if rates.any() else np.arange(1.0, 1 + len(rates))
    return time / time[-1]


def _gain_of_doubling(curve: Curve, *, pace: float) -> float:
    """The least fall of the dev cost if all the way so far were gone again at this share of the present pace.

    As a share of the present cost; 0 where the lowest cost was met before the last third: the fall at the end is then
    the decaying rate's coming to rest. The present pace is the slope of the last third by Theil and Sen (1968), at
    the flatter end of its interval.
    """
    time = _time(curve)
    last = time >= 2 / 3
    if last.sum() < PERSISTENT or not last[np.argmin(_smooth(curve.dev_loss))]:
        return 0.0
    flattest = distributions.theilslopes(curve.dev_loss[last], time[last], alpha=LEVEL).high_slope
    present = float(np.median(curve.dev_loss[-PERSISTENT:]))
    return float(-flattest * pace / present) if present > 0 else 0.0


def _straight(curve: Curve) -> bool:
    """Whether the training cost falls as steeply in the last third as in the middle one."""
    first, second = np.interp([1 / 3, 2 / 3], _time(curve), smooth := _smooth(curve.train_loss))
    return bool(second - smooth[-1] >= STRAIGHT * (first - second) > 0)


def _diverged(curve: Curve, unit: str) -> Finding:
    when = f"{unit} {curve.epoch[-1]:g}" if len(curve.epoch) else f"the first {unit}"
    finite = curve.gradient_norm[np.isfinite(curve.gradient_norm)]
    norm = f" The gradient's norm had reached {finite.max():.3g}." if len(finite) else ""
    return Finding(
        "NU4",
        "The training diverged",
        Severity.FAULT,
        f"The loss stopped being finite by {when}.{norm}",
        "A lower learning rate, warm-up, or gradient clipping.",
    )


def _stuck(curve: Curve, uninformed: float, unit: str) -> Finding:
    return Finding(
        "OP14",
        "The training never got under way",
        Severity.LIMIT,
        f"After {curve.epoch[-1]:g} {unit}s the training cost is {np.median(curve.train_loss[-PERSISTENT:]):.3g}; "
        f"without a look at the inputs it would be {uninformed:.3g}.",
        "Another learning rate, warm-up, or batch normalisation; if none helps, the inputs may hold nothing to learn.",
    )


def _steps_too_large(curve: Curve, rise: _Rise, unit: str) -> Finding:
    return Finding(
        "OP1",
        "The learning rate is probably too high",
        Severity.LIMIT,
        f"The training cost itself rose again by {percent(rise.share)} after {unit} {curve.epoch[rise.place]:g}, "
        "which learning by heart cannot do.",
        "A lower learning rate, warm-up, or gradient clipping.",
    )


def _too_many_epochs(curve: Curve, rise: _Rise, unit: str, *, best_kept: bool) -> Finding:
    kept = f"The weights of the best {unit} were kept." if best_kept else "The last weights are not the best ones."
    stop = "saves the time" if best_kept else f"with the weights of the best {unit} kept saves time and error"
    return Finding(
        "BV11",
        f"It was trained for too many {unit}s",
        Severity.NOTE,
        f"After {unit} {curve.epoch[rise.place]:g} the dev cost rose by {percent(rise.share)} while the "
        "training cost fell. " + kept,
        f"Early stopping {stop}; regularisation may turn it into a gain.",
    )


def _too_few_epochs(curve: Curve, gain: float, unit: str) -> Finding:
    decayed = curve.learning_rate[-1] < curve.learning_rate.max() / 2
    caution = " The decay of the learning rate may have caused part of the fall." if decayed else ""
    return Finding(
        "BV10",
        f"It was probably trained for too few {unit}s",
        Severity.LIMIT,
        "The dev cost was still falling in the last third; "
        f"twice the {unit}s might lower it by {_by(gain)} or more.{caution}",
        "Longer training, or another learning rate: a higher one where the cost falls smoothly, a lower one where it "
        "jumps about.",
    )


def _by(gain: float) -> str:
    """A gain that a straight line foretells, in words: the line may lead below 0, the cost does not."""
    return percent(gain) if gain < MOST_FORETOLD else "half of it"


def _stopped_too_early(curve: Curve, unit: str) -> tuple[Finding, ...]:
    """Whether noise has stopped it: the trend still falls, and no evaluation since the lowest one is above noise."""
    values, smooth = curve.dev_loss, _smooth(curve.dev_loss)
    noise = float(distributions.median_abs_deviation(np.diff(values), scale="normal")) / np.sqrt(2)
    lowest = int(np.argmin(values))
    since = values[lowest + 1 :]
    gain = _gain_of_doubling(curve, pace=SETTLING_PACE)
    if not len(since) or gain <= PRACTICAL_SHARE or (since > smooth[lowest] + 3 * noise).any():
        return ()
    return (
        Finding(
            "OP12",
            "Early stopping probably came too early",
            Severity.LIMIT,
            f"It was stopped {len(since)} evaluation{'s' if len(since) > 1 else ''} after the lowest dev cost, none of "
            f"them above the noise of one ({noise:.2g}), while the trend still fell: twice the {unit}s might lower it "
            f"by {_by(gain)} or more.",
            "More patience, or an average of several evaluations before they are compared.",
        ),
    )


def _steps_too_small(curve: Curve, unit: str) -> Finding:
    return Finding(
        "OP2",
        "The learning rate is probably too low",
        Severity.LIMIT,
        f"After {curve.epoch[-1]:g} {unit}s the training cost still falls in a straight line, without settling.",
        "A higher learning rate.",
    )

"""Successive halving: many trials start, the better part goes on (technique E4; Jamieson and Talwalkar 2016).

Synchronous: a rung is judged when all of its trials are in, so the answer does not depend on the order of arrival.
What it costs: a trial that starts slowly and would have ended first may be stopped, so trials stopped early are no
evidence about the whole of the space (`guarantee.statement` leaves them out).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from burnish.errors import ConfigError

# One in three goes on: cost is flat near e, and 3 is the customary choice (Li et al. 2018, Hyperband, section 3).
ETA = 3


@dataclass(frozen=True, slots=True)
class Rung:
    """A stop on the way: so many trials train until they have had so many epochs each, then the best go on."""

    trials: int
    epochs: int


def plan(trials: int, epochs: int, *, eta: int = ETA, rungs: int = 3) -> tuple[Rung, ...]:
    """Rungs that start with `trials` and train the last survivors for all `epochs`.

    Each rung keeps one in `eta` (rounded up) and trains up to `eta` times as many epochs (rounded up) as the one
    before, so that all cost about the same. There are fewer rungs where trials or epochs do not last for so many.

    Args:
        trials: Networks that start.
        epochs: Of a full training.
        eta: One in so many goes on.
        rungs: At most so many.

    Raises:
        ConfigError: There is no trial, epoch or rung, or `eta` is below 2.

    Reference: Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization, 2016.

    >>> plan(27, 90)
    (Rung(trials=27, epochs=10), Rung(trials=9, epochs=30), Rung(trials=3, epochs=90))
    """
    if min(trials, epochs, rungs) < 1 or eta < 2:
        raise ConfigError(
            f"Successive halving cannot be planned with {trials} trials, {epochs} epochs, eta={eta}, rungs={rungs}.",
            "It needs at least one trial, one epoch and one rung, and must keep at most one in two.",
            "Use numbers of at least 1, and eta of at least 2.",
        )
    steps = 0
    while steps + 1 < rungs and eta ** (steps + 1) <= min(trials, epochs):
        steps += 1
    return tuple(Rung(-(-trials // eta**step), -(-epochs // eta ** (steps - step))) for step in range(steps + 1))


def cost(rungs: tuple[Rung, ...]) -> int:
    """Epochs that a plan trains in all: a trial that goes on starts from where it paused.

    >>> cost(plan(27, 90)), 27 * 90
    (630, 2430)
    """
    reached = (0, *(rung.epochs for rung in rungs[:-1]))
    return sum(rung.trials * (rung.epochs - before) for rung, before in zip(rungs, reached, strict=True))


def survivors(scores: Mapping[str, float], keep: int) -> tuple[str, ...]:
    """The best `keep` trials by dev cost, smallest first, ties by id.

    A score that is not finite never survives, so fewer may come back than asked for.

    >>> survivors({"a": 0.3, "b": 0.1, "c": float("nan")}, 2)
    ('b', 'a')
    """
    finite = sorted((score, trial) for trial, score in scores.items() if math.isfinite(score))
    return tuple(trial for _, trial in finite[:keep])

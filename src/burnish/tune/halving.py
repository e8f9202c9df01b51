"""Successive halving: many trials start, the better part goes on (technique E4; Jamieson and Talwalkar 2016).

Synchronous: a rung is judged when all of its trials are in, so the answer does not depend on the order of arrival.
    What it
costs: a trial that starts slowly and would have ended first may be stopped, so trials stopped early are no evidence
    about
the whole of the space (`guarantee.statement` leaves them out).
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
    """A stop on the way: how many trials train up to it, and to which share of their epochs."""

    survivors: int
    fraction: float  # of a trial's epochs, in (0, 1]

    def until(self, epochs: int) -> int:
        """The epoch at which a trial of so many epochs is judged on this rung; at least one."""
        return max(1, math.ceil(self.fraction * epochs - 1e-9))


def plan(n: int, *, eta: int = ETA, rungs: int = 3) -> tuple[Rung, ...]:
    """Rungs that start with `n` trials and train the last survivors in full.

    Each rung keeps one in `eta` (rounded up) and trains `eta` times as long as the one before, so that all rungs cost
    about the same. Fewer rungs where there are not trials enough for so many.

    Raises:
        ConfigError: n < 1, eta < 2 or rungs < 1.
    """
    if n < 1 or eta < 2 or rungs < 1:
        raise ConfigError(
            f"Successive halving cannot be planned with n={n}, eta={eta}, rungs={rungs}.",
            "It needs at least one trial, one rung, and must keep at most one in two.",
            "Use n >= 1, eta >= 2, rungs >= 1.",
        )
    steps = 0
    while steps + 1 < rungs and eta ** (steps + 1) <= n:
        steps += 1
    return tuple(Rung(math.ceil(n / eta**step), eta ** (step - steps)) for step in range(steps + 1))


def cost(rungs: tuple[Rung, ...]) -> float:
    """What a plan costs, in trainings from start to end: a trial that goes on starts from where it paused."""
    reached = (0.0, *(rung.fraction for rung in rungs[:-1]))
    return sum(rung.survivors * (rung.fraction - before) for rung, before in zip(rungs, reached, strict=True))


def survivors(scores: Mapping[str, float], keep: int) -> tuple[str, ...]:
    """The best `keep` trials by dev cost, smallest first, ties by id.

    A score that is not finite never survives, so fewer may come back than asked for.
    """
    finite = sorted((score, trial) for trial, score in scores.items() if math.isfinite(score))
    return tuple(trial for _, trial in finite[:keep])

"""Successive halving: many trials start, the better part goes on (technique E4; Jamieson and Talwalkar 2016).

Synchronous: a rung is judged when all of its trials are in, so the answer does not depend on the order of arrival.
What it costs: a trial that starts slowly and would have ended first may be stopped, so trials stopped early are no
evidence about the whole of the space (`guarantee.statement` leaves them out).
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def survivors(scores: Mapping[str, float], keep: int) -> tuple[str, ...]:
    """The best `keep` trials by dev cost, smallest first, ties by id.

    A score that is not finite never survives, so fewer may come back than asked for.
    """
    finite = sorted((score, trial) for trial, score in scores.items() if math.isfinite(score))
    return tuple(trial for _, trial in finite[:keep])

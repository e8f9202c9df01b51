"""What a search does and does not promise (technique E2)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from burnish.errors import DataError

TOP = 0.05  # the share of the sampling distribution called "the best"; a one-in-twenty configuration
SURE = 0.95  # the probability that the text compares with; the convention for intervals, too

RESAMPLES = 2_000  # Monte Carlo error of a probability: at most 0.011
CELLS_AT_ONCE = 4_000_000  # weights held in memory at a time: 32 MB


def probability(n_independent_full: int, q: float = TOP) -> float:
    """1 − (1 − q)^n: the chance that at least one of n independent draws lies in the top q of the distribution.

    >>> round(probability(59), 3)
    0.952
    """
    return -math.expm1(n_independent_full * math.log1p(-q))


def statement(n_independent_full: int, q: float = TOP) -> str:
    """What the search guarantees, in plain words.

    Args:
        n_independent_full: Random draws that were trained in full. Draws that were stopped early, or proposed from the
            results of others, do not count.
        q: The share that counts as the top.

    >>> statement(0).split(". ")[0]
    'No random draw was trained in full, so nothing is guaranteed about the top 5 %'
    """
    needed = math.ceil(math.log(1 - SURE) / math.log1p(-q))
    top = f"{q * 100:g} %"
    limits = (
        "Draws that were stopped early, or proposed from the results of others, do not count here. Whether the best "
        "draw was also the one picked depends on the noise of the dev error, and nothing guarantees that the best "
        "architecture is among those that can be drawn."
    )
    if n_independent_full < 1:
        return f"No random draw was trained in full, so nothing is guaranteed about the top {top}. {limits}"
    draws = "1 random draw was" if n_independent_full == 1 else f"{n_independent_full} independent random draws were"
    more = "" if n_independent_full >= needed else f" ({needed} draws would make it {SURE * 100:g} %)"
    chance = _percent(probability(n_independent_full, q))
    return (
        f"{draws} trained in full: with probability {chance} at least one of them lies in the top {top} "
        f"of what the sampling distribution holds{more}. {limits}"
    )


def _percent(share: float) -> str:
    """A probability that is rounded down, so that it is never overstated and never called certain."""
    return f"{min(math.floor(share * 1000), 999) / 10:g} %"


def rank_stability(losses: ArrayLike, seed: int) -> float:
    """The probability that the trial with the smallest mean dev loss is truly the best of the survivors.

    The naive answer "the best dev score is the best trial" ignores that dev is a sample. Here the rows are reweighted
    by the Bayesian bootstrap (Rubin 1981), which draws the trials' true mean losses from their posterior under a flat
    prior; all trials share the weights, so what their rows have in common cancels. The noise of training is not in
    it: another seed could change the order too.

    Args:
        losses: Per-row dev losses of the survivors, shape (trials, rows).
        seed: Where the random weights start.

    Raises:
        DataError: there is no trial or no row, or a loss is not finite.
    """
    matrix = np.asarray(losses, np.float64)
    if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
        raise DataError(
            "The stability of the ranking cannot be estimated.",
            f"It needs one finite loss for each trial and row; the losses have shape {matrix.shape}.",
            "Leave out trials that diverged.",
        )
    rows = matrix.shape[1]
    picked = int(np.argmin(matrix.mean(axis=1)))
    rng = np.random.default_rng(seed)
    won, drawn = 0.0, 0
    while drawn < RESAMPLES:
        count = min(RESAMPLES - drawn, max(1, CELLS_AT_ONCE // rows))
        means = (
            rng.standard_exponential((count, rows)) @ (matrix - matrix[picked]).T
        ).T  # differences to the picked one
        best = means <= means.min(axis=0)
        won += float(np.sum(best[picked] / best.sum(axis=0)))  # trials that tie share the win
        drawn += count
    return won / RESAMPLES

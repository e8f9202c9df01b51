"""Which networks to average: greedy selection, and what the average is honestly worth.

Selection with replacement by dev cost (Caruana et al. 2004, Ensemble Selection from Libraries of Models). Its own
dev cost is
too good, as it chose; so the selection is repeated on random halves of the dev rows and scored on the other halves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Per-row losses (rows,) of predictions (rows, outputs) for the rows at these places.
RowLosses = Callable[[Floats, NDArray[np.intp]], Floats]

# Picks of the greedy selection, repeats included: shares are multiples of 1/PICKS. Caruana et al. saw no gain beyond
# some tens.
PICKS = 24
# Random halvings of dev, each used both ways: the standard error of the average they leave is far below that of dev
# itself.
HALVINGS = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """What was selected and what it is worth."""

    shares: Floats  # of each candidate, shape (candidates,), sums to 1
    raw: Floats  # per-row losses of the selection on all dev rows
    honest: Floats  # per-row losses of selections that the row had no part in, averaged over the halvings
    honest_single: Floats  # the same, choosing one candidate instead of an average

    @property
    def members(self) -> tuple[int, ...]:
        """Candidates with a share, largest share first; ties in order."""
        return tuple(int(i) for i in np.argsort(-self.shares, kind="stable") if self.shares[i] > 0)


def greedy(predictions: Floats, losses: RowLosses, rows: NDArray[np.intp]) -> Floats:
    """Shares of the candidates: at each pick the one that lowers the mean loss of the average most; ties to the first.

    Args:
        predictions: Of each candidate, shape (candidates, all dev rows, outputs).
        losses: What is minimised.
        rows: Places of the dev rows that choose.
    """
    chosen = predictions[:, rows]
    counts = np.zeros(len(predictions))
    total = np.zeros(chosen.shape[1:])
    best_counts, best_cost = counts, np.inf
    for pick in range(1, PICKS + 1):
        costs = [losses((total + candidate) / pick, rows).mean() for candidate in chosen]
        winner = int(np.argmin(costs))
        total = total + chosen[winner]
        counts = counts.copy()
        counts[winner] += 1
        if costs[winner] < best_cost:
            best_counts, best_cost = counts, costs[winner]
    return best_counts / best_counts.sum()


def select(predictions: Floats, losses: RowLosses, *, seed: int) -> Selection:
    """Select on all dev rows, and say what selecting is worth on rows that did not choose.

    Args:
        predictions: Cross-fitted dev predictions, shape (candidates, dev rows, outputs).
        losses: Per-row losses of some predictions.
        seed: Of the halvings.
    """
    count = predictions.shape[1]
    everything = np.arange(count)
    shares = greedy(predictions, losses, everything)
    singles = np.stack([losses(candidate, everything) for candidate in predictions])
    honest, honest_single = np.zeros(count), np.zeros(count)
    rng = np.random.default_rng(seed)
    for _ in range(HALVINGS):
        order = rng.permutation(count)
        first, second = np.sort(order[: count // 2]), np.sort(order[count // 2 :])
        for choosing, scored in ((first, second), (second, first)):
            if len(choosing) == 0 or len(scored) == 0:
                choosing = scored = everything
            half_shares = greedy(predictions, losses, choosing)
            honest[scored] += losses(mixture(predictions[:, scored], half_shares), scored) / HALVINGS
            honest_single[scored] += singles[int(np.argmin(singles[:, choosing].mean(1)))][scored] / HALVINGS
    return Selection(shares, losses(mixture(predictions, shares), everything), honest, honest_single)


def mixture(predictions: Floats, shares: Floats) -> Floats:
    """The weighted average of the candidates' predictions; shape (rows, outputs)."""
    return np.tensordot(shares, predictions, axes=1)

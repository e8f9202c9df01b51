"""Which networks to average: greedy selection, and what the average is honestly worth.

Selection with replacement by dev cost (Caruana et al. 2004, Ensemble Selection from Libraries of Models). Its own dev
cost is too good, as it chose; so the selection is repeated on parts of the dev rows and scored on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Of each candidate, shape (dev rows, outputs): in a list, or stacked.
Predictions = Sequence[Floats] | Floats
# Per-row losses (rows,) of predictions (rows, outputs) for the rows at these places.
RowLosses = Callable[[Floats, NDArray[np.intp]], Floats]

# Picks of the greedy selection, repeats included: shares are multiples of 1/PICKS. Caruana et al. saw no gain beyond
# some tens.
PICKS = 24
# Dev is dealt into PARTS at random, DEALS times; each part is judged by a choice that the other parts made. Halves have
# so few rows to choose by that the promise came out 3 to 60 % too high, on simulated candidates of independent errors.
PARTS, DEALS = 5, 3


@dataclass(frozen=True, slots=True)
class Choice:
    """What some dev rows would choose, to be judged on the others."""

    deal: int  # number of the deal of rows to parts
    scored: NDArray[np.intp]  # places of the others
    shares: Floats  # of each candidate in the average
    best: int  # the one candidate chosen where it has to be one


@dataclass(frozen=True, slots=True)
class Selection:
    """What was selected, and what parts of the dev rows would have selected."""

    shares: Floats  # of each candidate, shape (candidates,), sums to 1
    choices: tuple[Choice, ...]

    def honest(self, predictions: Predictions, losses: RowLosses, *, single: bool) -> Floats:
        """Per-row losses under choices that the row had no part in, averaged over the deals; shape (dev rows,).

        Args:
            predictions: Of each candidate, shape (dev rows, outputs).
            losses: Per-row losses of some predictions: those that chose, or any others.
            single: Of the one candidate chosen instead of an average.
        """
        return self.dealt(predictions, losses, single=single).mean(axis=0)

    def dealt(self, predictions: Predictions, losses: RowLosses, *, single: bool) -> Floats:
        """The same, deal by deal; shape (deals, dev rows)."""
        found = np.empty((DEALS, len(predictions[0])))
        for choice in self.choices:
            shares = np.eye(len(predictions))[choice.best] if single else choice.shares
            found[choice.deal, choice.scored] = losses(mixture(predictions, shares, choice.scored), choice.scored)
        return found

    def by_all(self, predictions: Predictions, losses: RowLosses, *, single: bool) -> Floats:
        """Per-row losses averaged over all choices by parts, also those that the row had a part in; (dev rows,)."""
        rows, total = np.arange(len(predictions[0])), np.zeros(len(predictions[0]))
        for choice in self.choices:
            shares = np.eye(len(predictions))[choice.best] if single else choice.shares
            total += losses(mixture(predictions, shares), rows)
        return total / len(self.choices)


def greedy(predictions: Floats, losses: RowLosses, rows: NDArray[np.intp]) -> Floats:
    """Shares of the candidates: at each pick the one that lowers the mean loss most; ties to the first.

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


def select(
    predictions: Floats, losses: RowLosses, *, most: int, seed: int, groups: NDArray[np.integer] | None = None
) -> Selection:
    """Select on all dev rows, and again on parts of them, to learn what selecting is worth.

    Whatever looks at the dev rows is part of the choice, so each part ranks all candidates for itself. A list that all
    rows had cut down to the luckiest beforehand would make the honest losses too good.

    Args:
        predictions: Cross-fitted dev predictions, shape (candidates, dev rows, outputs).
        losses: Per-row losses of some predictions.
        most: How many of the candidates, the best ones, an average is made from.
        seed: Of the deals.
        groups: Labels of rows that are dealt together, at least two; shape (dev rows,). None: each row by itself.
    """
    count = predictions.shape[1]
    everything = np.arange(count)
    singles = np.stack([losses(candidate, everything) for candidate in predictions])

    def chosen(rows: NDArray[np.intp]) -> tuple[Floats, int]:
        ranked = np.argsort(singles[:, rows].mean(1), kind="stable")[:most]
        shares = np.zeros(len(predictions))
        shares[ranked] = greedy(predictions[ranked], losses, rows)
        return shares, int(ranked[0])

    choices = []
    rng = np.random.default_rng(seed)
    for deal in range(DEALS):
        for scored in _dealt(count, groups, rng):
            choosing = np.setdiff1d(everything, scored) if count > 1 else everything
            choices.append(Choice(deal, np.sort(scored), *chosen(choosing)))
    return Selection(chosen(everything)[0], tuple(choices))


def _dealt(count: int, groups: NDArray[np.integer] | None, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """The places of the dev rows, dealt into parts; rows of one group into the same."""
    if groups is None:
        return np.array_split(rng.permutation(count), min(PARTS, count))
    _, units = np.unique(groups, return_inverse=True)
    dealt = np.array_split(rng.permutation(int(units.max()) + 1), min(PARTS, int(units.max()) + 1))
    return [np.flatnonzero(np.isin(units, part)) for part in dealt]


def mixture(predictions: Predictions, shares: Floats, rows: NDArray[np.intp] | slice = slice(None)) -> Floats:
    """The weighted average of the candidates' predictions for these rows; shape (rows, outputs)."""
    used = np.flatnonzero(shares)
    return sum((shares[i] * predictions[i][rows] for i in used[1:]), start=shares[used[0]] * predictions[used[0]][rows])

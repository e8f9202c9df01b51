"""BV14: another threshold than one half serves the score better."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from burnish.diagnosis.described import Described
from burnish.diagnosis.finding import Evidence, Finding, Severity

Floats = NDArray[np.float64]

# Choices: each half of the rows judges the threshold that the other found, and has about 15 of the rarer class.
FEWEST_ROWS, FEWEST_POSITIVE = 200, 30
MATTERS = 0.02  # of F1, which lies between 0 and 1


def shifted(
    share: Floats,
    positive: NDArray[np.bool_],
    *,
    name: str,
    alpha: float,
    groups: NDArray[np.integer] | None = None,
    seed: int = 0,
) -> Iterator[Finding]:
    """Whether a threshold that half of the rows chose gives the other half a larger F1 than one half does.

    Each half is called by the threshold of the other. The interval is that of the difference's row influences (delta
    method).

    Args:
        share: Probability of the positive class on rows that did not train the network, shape (rows,).
        positive: Whether each row is of it, shape (rows,).
        name: What the class is called.
        alpha: Chance of a false alarm.
        groups: Rows that belong together share a number; they stay in one half.
        seed: Of the halves.
    """
    if len(share) < FEWEST_ROWS or min(positive.sum(), (~positive).sum()) < FEWEST_POSITIVE:
        return
    units = np.arange(len(share)) if groups is None else np.unique(groups, return_inverse=True)[1]
    half = (np.random.default_rng([seed, 14]).permutation(int(units.max()) + 1) % 2 == 0)[units]
    called, chosen = np.empty(len(share), bool), []
    for fit in (half, ~half):
        if not positive[fit].any():
            return
        chosen.append(best(share[fit], positive[fit]))
        called[~fit] = share[~fit] > chosen[-1]
    before, after, always = (_f1(one, positive) for one in (share > 0.5, called, np.ones(len(share), bool)))
    gain, reach = _gain(before, after, units, alpha)
    more, by = _gain(always, after, units, alpha)
    if gain - reach > MATTERS and more - by > 0:  # of a network that knows nothing every row is best called positive
        yield BV14.finding(
            f"Calling a row {name!r} from a probability of {np.mean(chosen):.2f} on, instead of 0.50, F1 is "
            f"{after[0]:.3f} instead of {before[0]:.3f} (gain {gain - reach:.3f} to {gain + reach:.3f}), on rows that "
            "did not choose the threshold.",
            where=name,
        )


def best(share: Floats, positive: NDArray[np.bool_]) -> float:
    """The threshold with the largest F1 on these rows."""
    order = np.argsort(-share, kind="stable")
    hits = np.cumsum(positive[order])
    scores = 2 * hits / (np.arange(1, len(share) + 1) + positive.sum())
    # Only where the next row has a lower probability can a threshold part them.
    ordered = share[order]
    scores[:-1][ordered[:-1] == ordered[1:]] = -1
    place = int(scores.argmax())
    following = ordered[place + 1] if place + 1 < len(ordered) else 0.0
    return float((ordered[place] + following) / 2)


def _f1(called: NDArray[np.bool_], positive: NDArray[np.bool_]) -> tuple[float, Floats]:
    """F1, and each row's influence on it; shape (rows,)."""
    over = 2.0 * (called & positive)
    under = called.astype(np.float64) + positive
    total = float(under.mean())
    if total == 0:
        return 0.0, np.zeros(len(called))
    score = float(over.mean()) / total
    return score, (over - score * under) / total


def _gain(
    before: tuple[float, Floats], after: tuple[float, Floats], units: NDArray[np.integer], alpha: float
) -> tuple[float, float]:
    """By how much F1 is larger, and how far that may be off."""
    pulls = np.bincount(units, weights=after[1] - before[1])
    error = float(np.sqrt((pulls**2).sum() * len(pulls) / max(1, len(pulls) - 1))) / len(units)
    return after[0] - before[0], float(special.stdtrit(max(1, len(pulls) - 1), 1 - alpha)) * error


BV14 = Described(
    "BV14",
    "Another threshold would serve F1 better",
    Evidence.TEST,
    Severity.NOTE,
    "The threshold that half of the rows chose gives the other half a surely larger F1 than one half does, and than "
    "calling all rows positive.",
    "If F1 is what counts, call rows positive from this probability on; if each error has a price, from the ratio of "
    "the prices on.",
    "F1 on fresh rows.",
    "Lipton, Elkan and Naryanaswamy, 2014 (thresholds for F1).",
)

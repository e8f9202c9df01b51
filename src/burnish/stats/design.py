"""What rows are worth that do not stand for themselves alike: some belong together, some weigh more than others.

Rows of one group (a patient, a copy) are one piece of evidence, and a row of little weight adds little. Taken for as
many independent rows, they give intervals that are too narrow. The variance of an estimate is here that of the groups
(Liang and Zeger 1986), in its jackknife form, which is not too small for few or unequal ones (MacKinnon, Nielsen and
Webb, "Cluster-robust inference: a guide to empirical practice", Journal of Econometrics 232, 2023), and its degrees of
freedom are those of the groups, fewer where they are unequal (Imbens and Kolesár, "Robust standard errors in small
samples: some practical advice", Review of Economics and Statistics 98, 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from burnish import errors

Floats = NDArray[np.float64]

# Pseudo-rows of the rarer outcome, in which the rows of a group say all the same: with no error at all nothing tells
# how errors clump, so the worst is taken, and with some tens of them it does not matter any more.
PSEUDO_ROWS = 1.0
# With less than this above one group's worth of evidence, nothing tells how groups differ.
ALONE = 1e-9
# Fewest degrees of freedom that are told apart: t's quantile at 97.5 % is 71 there, and the interval says nothing.
LEAST_DEGREES = 0.5


@dataclass(frozen=True, slots=True)
class Worth:
    """What the rows say about one estimate."""

    variance: float
    degrees: float  # of freedom, of the variance
    effect: float  # design effect (Kish 1965): the variance over that of as many rows each for itself


@dataclass(frozen=True, slots=True)
class Design:
    """How the rows of a sample count."""

    shares: Floats  # of each row in the estimate, sum 1; shape (rows,)
    units: NDArray[np.int64] | None  # number of each row's group; None: each row is one

    @property
    def rows(self) -> int:
        """Rows of any weight."""
        return int(np.count_nonzero(self.shares))

    @property
    def groups(self) -> float:
        """Groups of equal weight that would say as much: (Σw)² / Σw² over groups (Kish 1965)."""
        return float(1 / np.sum(self.gathered(self.shares) ** 2))

    @property
    def alone(self) -> bool:
        """Whether there is only one group, which cannot tell how others differ."""
        return self.groups <= 1 + ALONE

    @property
    def clumping(self) -> float:
        """By what factor the variance of a mean would grow if rows of one group said all the same."""
        return self.rows / self.groups

    def gathered(self, values: Floats) -> Floats:
        """Sum over the rows of each group; shape (groups,)."""
        return values if self.units is None else np.bincount(self.units, weights=values).astype(np.float64, copy=False)

    def mean(self, values: Floats) -> float:
        """The weighted mean of one value a row."""
        return float(values @ self.shares)

    def pulls(self, values: Floats) -> Floats:
        """What each row adds to the weighted mean's deviation from itself; shape (rows,), sum 0."""
        return self.shares * (values - self.mean(values))

    def left_out(self, pulls: Floats) -> Floats:
        """By how much an estimate is higher for each group being there, from what its rows add; shape (groups,)."""
        return self.gathered(pulls) / np.maximum(1 - self.gathered(self.shares), ALONE)

    def of_pulls(self, pulls: Floats) -> Worth:
        """What the rows say about an estimate, from what each adds to its deviation: no more than independent ones."""
        alone = float(pulls @ pulls)
        variance = max(self._variance(pulls), alone)
        ratio = variance / alone if alone > 0 else 1.0
        return Worth(variance, self._degrees(ratio), ratio)

    def of_mean(self, values: Floats) -> Worth:
        """What the rows say about a weighted mean: no more than if weights had nothing to do with the values."""
        spread = self._spread(values)
        alone = spread * float(self.shares @ self.shares)
        variance = max(self._variance(self.pulls(values)), alone)
        if alone == 0:
            return Worth(0.0, self._degrees(1.0), 1.0)
        return Worth(variance, self._degrees(variance / alone), variance * self.rows / spread)

    def of_rate(self, wrong: Floats) -> Worth:
        """What the rows say about an error rate; few wrong ones say little about how they clump.

        Args:
            wrong: Between 0 and 1 for each row, shape (rows,).
        """
        rate, spread = float(np.clip(self.mean(wrong), 0, 1)), self._spread(wrong)
        told = self.rows * min(rate, 1 - rate)
        seen = self._variance(self.pulls(wrong)) * self.rows / spread if spread > 0 else 0.0
        effect = max(1.0, (told * seen + PSEUDO_ROWS * self.clumping) / (told + PSEUDO_ROWS))
        ratio = effect / (self.rows * float(self.shares @ self.shares))
        return Worth(effect * spread / self.rows, self._degrees(ratio), effect)

    def effective_rows(self, wrong: Floats, *, level: float) -> float:
        """Rows each for itself that know an error rate as well, for an exact interval.

        Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated
        from survey data", Survey Methodology 24, 1998: rows over the design effect, and fewer where few groups tell
        that effect; never more than there are.
        """
        rows, worth, tail = self.rows, self.of_rate(wrong), (1 - level) / 2
        few = special.stdtrit(rows - 1, tail) / special.stdtrit(worth.degrees, tail)
        return float(min(rows, rows / worth.effect * few**2))

    def _spread(self, values: Floats) -> float:
        """Variance of a row's value, by weight."""
        deviations = values - self.mean(values)
        return float(deviations**2 @ self.shares) * self.rows / max(self.rows - 1, 1)

    def _variance(self, pulls: Floats) -> float:
        """Of an estimate, by leaving out one group at a time."""
        groups = int(np.count_nonzero(self.gathered(self.shares)))
        changes = self.left_out(pulls)
        return float(changes @ changes) * (groups - 1) / groups

    def _degrees(self, ratio: float) -> float:
        """Degrees of freedom: Satterthwaite's, for groups whose rows agree as far as the data show.

        Args:
            ratio: The variance over that of rows of these weights, each for itself.
        """
        rows, groups = self.gathered(self.shares**2), self.gathered(self.shares) ** 2
        agreeing = float(groups.sum() / rows.sum()) - 1  # what the ratio would be, less 1, if rows of a group agreed
        correlation = float(np.clip((ratio - 1) / agreeing, 0, 1)) if agreeing > ALONE else 1.0
        variances = correlation * groups + (1 - correlation) * rows
        return max(LEAST_DEGREES, float(variances.sum() ** 2 / (variances @ variances)) - 1)


def of(rows: int, weights: ArrayLike | None, groups: ArrayLike | None) -> Design | None:
    """The design of a sample; None where every row stands for itself and weighs like every other.

    Args:
        rows: How many there are.
        weights: Of each row, not negative, of any scale, shape (rows,); None: all alike.
        groups: Labels of rows that belong together, shape (rows,); None: each row is its own.

    Raises:
        DataError: There is not one weight or label for each row.
    """
    units = None if groups is None else numbered(groups, rows)
    if units is not None and int(units.max()) + 1 == rows:
        units = None
    shares = shares_of(weights, rows)
    if units is None and (weights is None or shares.min() == shares.max()):
        return None
    return Design(shares, units)


def numbered(groups: ArrayLike, rows: int) -> NDArray[np.int64]:
    """The number of each row's group, 0, 1, …, from labels of any kind; shape (rows,)."""
    labels = np.asarray(groups).ravel()
    if len(labels) != rows or rows == 0:
        raise errors.DataError(
            f"{len(labels)} group labels do not fit {rows} rows.",
            "There must be one label for each row, and at least one row.",
            "Check the group column.",
        )
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def shares_of(weights: ArrayLike | None, rows: int) -> Floats:
    """Weights scaled to sum 1; all alike without any."""
    if weights is None:
        return np.full(rows, 1 / rows)
    numbers = np.asarray(weights, dtype=np.float64).ravel()
    fit = len(numbers) == rows and bool(np.isfinite(numbers).all())
    if not fit or (numbers < 0).any() or numbers.sum() <= 0:
        raise errors.DataError(
            f"{len(numbers)} weights do not fit {rows} rows.",
            "There must be one finite weight for each row, none negative, and not all 0.",
            "Check the weight column.",
        )
    return numbers / numbers.sum()

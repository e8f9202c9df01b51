"""Is the treatment better than the control? The gain over seeds and rows, which cross each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from burnish import errors
from burnish.stats import interval

# One-sided chance of calling a useless treatment better, so that low and high are the ends of a 95 % interval.
ALPHA = 0.025

# Chance of seeing a gain as large as the one that `detectable` names; the convention for planning (Cohen 1988).
POWER = 0.8

# Conditional power below which more seeds are not worth training: a choice.
HOPE = 0.1

# Agresti and Min (2005): two pseudo-rows, one for each side, keep the paired difference of rates from being called
# certain when only a handful of rows tell the two apart.
PSEUDO_ROWS = 2

# Where the search for a p-value ends; anything smaller is given as 0.
SMALLEST_P = 1e-250


@dataclass(frozen=True, slots=True)
class Component:
    """One source of variance of the mean gain."""

    variance: float
    degrees: int


@dataclass(frozen=True, slots=True)
class Gain:
    """How much smaller the treatment's error is than the control's, in units of the error; positive is better.

    `low` and `high` are the ends of the interval at level 1 − 2α, so `low` > 0 exactly where `p_value` < α.
    """

    value: float
    low: float
    high: float
    p_value: float  # one-sided, of no gain
    seeds: int
    rows: int
    components: tuple[Component, ...]  # of the rows, then of the seeds, unless there is only one

    @property
    def standard_error(self) -> float:
        """Of the value, in its unit."""
        return float(np.sqrt(sum(part.variance for part in self.components)))

    @property
    def positive(self) -> bool:
        """Whether the gain lies above zero at the α it was computed for."""
        return self.low > 0

    @property
    def one_seed(self) -> bool:
        """Whether the noise of training is missing from the interval, as nothing measured it."""
        return self.seeds == 1

    def hopeless(self, seeds: int, *, alpha: float) -> bool:
        """Whether with so many seeds, these among them, the gain would lie above zero at most once in ten times.

        Conditional power where the rows stay and rows and seeds vary as they do (stochastic curtailment: Lan, Simon
        and Halperin, 1982). To give up early for it cannot make a useless treatment look better.

        Args:
            seeds: More than there were, which were two or more.
            alpha: One-sided chance of a false gain.
        """
        of_rows, of_seeds = self.components
        then = Component(of_seeds.variance * self.seeds / seeds, seeds - 1)
        moves = float(np.sqrt(of_seeds.variance - then.variance))
        return self.value + float(special.ndtri(1 - HOPE)) * moves < _reach((of_rows, then), alpha)


def gain(
    control: ArrayLike,
    treatment: ArrayLike,
    *,
    statistic: interval.Statistic = "mean",
    alpha: float = ALPHA,
    groups: ArrayLike | None = None,
) -> Gain:
    """Gain of a treatment over a control; both ran with the same seeds and were scored on the same rows.

    With D = control − treatment = μ + seed + row + residual, six seeds alone would ignore that dev is a sample, and
    rows alone would ignore the noise of training. The variance of the mean gain is V_seed + V_row. V_seed is
    var(seed means) / S, which holds the seeds and all of the residual; V_row is var(row means) / n less the residual's
    part (not below 0), and so the rows. The interval reaches √(t²_{S−1} V_seed + t²_{n−1} V_row) each way, each part
    at its own quantile of t. Satterthwaite's pooled degrees of freedom would keep up to 3.7 times too many useless
    treatments at S = 3, α = 0.006, where the seeds' variance happens to come out small; this is exact where one part
    stands alone, and cautious between.

    Args:
        control: Per-row losses, shape (seeds, rows) or (rows,): 0 or 1 for "error", squared errors for "rmse".
        treatment: The same for the treatment.
        statistic: What the losses are. For "rmse" the gain is the mean over seeds of the difference of RMSEs, in the
            target's unit, its spread over rows by the delta method.
        alpha: One-sided chance of a false gain.
        groups: Labels of rows that belong together (a patient, a copy), shape (rows,); None: every row on its own.

    Returns:
        The gain. With one seed it covers the sampling of rows only, and says so by `one_seed`.

    Raises:
        DataError: shapes differ, a loss is missing or infinite, or there are fewer than two rows or groups.
    """
    before, after = _matrix(control), _matrix(treatment)
    _check(before, after)
    seeds, rows = before.shape
    per_seed, influence = _effects(before, after, statistic)
    value = float(per_seed.mean())
    components = [_rows(_gathered(influence, groups), pseudo=rows if statistic == "error" else 0)]
    if seeds > 1:
        components.append(Component(float(per_seed.var(ddof=1)) / seeds, seeds - 1))
    reach = _reach(components, alpha)
    return Gain(value, value - reach, value + reach, _p_value(value, components), seeds, rows, tuple(components))


def detectable(result: Gain, *, power: float = POWER, practical: float = 0.0) -> float:
    """The smallest true gain that this experiment would most likely have found: practical + (t_α + z_power)·SE.

    What "nothing found" has to come with, in units of the error. `practical` is the size below which a gain is not of
    interest.
    """
    return practical + (result.value - result.low) + float(special.ndtri(power)) * result.standard_error


def _effects(
    before: NDArray[np.float64], after: NDArray[np.float64], statistic: interval.Statistic
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gain of each seed, shape (seeds,), and the rows' deviations from it, shape (seeds, rows), zero on average."""
    if statistic != "rmse":
        gains = before - after
        means = gains.mean(axis=1)
        return means, gains - means[:, None]
    old, old_rows = _root(before)
    new, new_rows = _root(after)
    return old - new, old_rows - new_rows


def _root(squares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """RMSE of each seed, shape (seeds,), and the rows' influences on it by d√x = dx / 2√x, shape (seeds, rows)."""
    root = np.sqrt(squares.mean(axis=1))
    scale = np.where(root > 0, 2 * root, 1.0)  # no error at all: no row has an influence
    return root, (squares - root[:, None] ** 2) / scale[:, None]


def _gathered(influence: NDArray[np.float64], groups: ArrayLike | None) -> NDArray[np.float64]:
    """Rows of one group summed into one (Liang and Zeger 1986), scaled so that means stay; shape (seeds, groups)."""
    rows = influence.shape[1]
    if groups is not None:
        _, ids = np.unique(np.asarray(groups).ravel(), return_inverse=True)
        if len(ids) != rows:
            raise _refuse(f"{len(ids)} group labels were given for {rows} rows.")
        sums = np.stack([np.bincount(ids, weights=one) for one in influence])
        influence = sums * (sums.shape[1] / rows)
    if influence.shape[1] < 2:
        raise _refuse(f"There are {rows} rows in {influence.shape[1]} groups.")
    return influence


def _rows(influence: NDArray[np.float64], *, pseudo: int) -> Component:
    """Variance that the sampling of rows brings; `pseudo` is the number of rows that pseudo-rows are added to, or 0."""
    seeds, units = influence.shape
    per_unit = influence.mean(axis=0)
    variance = float(per_unit @ per_unit) / (units * (units - 1))
    if seeds > 1:
        residual = float(np.sum((influence - per_unit) ** 2)) / ((seeds - 1) * (units - 1))
        variance = max(variance - residual / (seeds * units), 0.0)
    return Component(variance + (PSEUDO_ROWS / (pseudo * (pseudo - 1)) if pseudo else 0.0), units - 1)


def _reach(components: Sequence[Component], alpha: float) -> float:
    """Half-width of the interval: each component at its own quantile of t."""
    squares = [part.variance * special.stdtrit(part.degrees, alpha) ** 2 for part in components if part.variance > 0]
    return float(np.sqrt(sum(squares)))


def _p_value(value: float, components: Sequence[Component]) -> float:
    """The α at which the interval's end touches 0; one-sided."""
    if value <= 0:
        return (
            1 - _p_value(-value, components) if value < 0 and any(p.variance for p in components) else _no_gain(value)
        )
    if value >= _reach(components, SMALLEST_P):
        return 0.0
    log_p = optimize.brentq(lambda x: _reach(components, float(np.exp(x))) - value, np.log(SMALLEST_P), np.log(0.5))
    return float(np.exp(log_p))


def _no_gain(value: float) -> float:
    """P-value where nothing varies, or where there is exactly no gain: one half in the middle, else certain."""
    return 0.5 if value == 0 else 1.0


def _matrix(losses: ArrayLike) -> NDArray[np.float64]:
    return np.atleast_2d(np.asarray(losses, dtype=np.float64))


def _check(before: NDArray[np.float64], after: NDArray[np.float64]) -> None:
    if before.shape != after.shape or before.ndim != 2:
        raise _refuse(f"The control's losses have shape {before.shape}, the treatment's {after.shape}.")
    bad = ~(np.isfinite(before) & np.isfinite(after))
    if bad.any():
        raise _refuse(
            f"{int(bad.any(axis=0).sum())} of {before.shape[1]} rows have a loss that is missing or infinite."
        )


def _refuse(why: str) -> errors.DataError:
    return errors.DataError(
        "Control and treatment cannot be compared row by row.",
        why,
        "Give both the same seeds and at least two rows or groups, with one finite loss for each seed and row.",
    )

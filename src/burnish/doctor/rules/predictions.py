"""BV12 to BV15: what the trained network says of the dev rows, and how much of it is the luck of the start."""

from __future__ import annotations

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats
from sklearn.tree import DecisionTreeRegressor

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor.examination import (
    AT_ONCE,
    FALSE_ALARMS,
    FRESH,
    LOOKS,
    NOTHING_CHANGED,
    PRACTICAL_SHARE,
    PROBE_ALARMS,
    Examination,
)
from burnish.doctor.rule import Found, Rule
from burnish.stats import false_alarms, interval, multiplicity, paired

Floats = NDArray[np.float64]

# Rows of dev below which halves of it say nothing.
FEWEST = 100
# Leaves of a tree that look for rows with more errors, the share of rows of each, and columns that it looks at.
LEAVES, LEAF_SHARE, MOST_COLUMNS = 4, 0.1, 200
# Rows of a group on which it is judged: a mean of fewer zeros and ones is far from normal.
FEWEST_OF_SLICE = 20
# Temperatures that are tried: a network sure four times too much, or too little, is at the ends.
TEMPERATURES = (0.25, 4.0)
# Relative size up to which two float32 sums are the same.
ROUNDING = 1e-3


def _alpha(code: str) -> float:
    return false_alarms.share(code, total=FALSE_ALARMS - PROBE_ALARMS)


def _halves(exam: Examination) -> NDArray[np.bool_]:
    """Half of the dev rows, at random."""
    rows = len(exam.subject.dev)
    return np.random.default_rng(0).permutation(rows) < rows // 2


def _logits(exam: Examination) -> Floats | None:
    """Dev outputs, (rows, classes), where the loss is the cross-entropy of their softmax or sigmoid; else None."""
    subject = exam.subject
    if subject.kind != "classification" or len(subject.dev) < FEWEST or not exam.followed.finite:
        return None
    outputs = exam.lab.outputs(exam.followed.end.params, subject.dev).astype(np.float64).reshape(len(subject.dev), -1)
    if outputs.shape[1] == 1:
        outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
    y = np.asarray(subject.dev.y)
    if y.ndim != 1 or int(y.max()) >= outputs.shape[1] or not np.isfinite(outputs).all():
        return None
    own = exam.lab.losses(exam.followed.end.params, subject.dev)
    return outputs if np.abs(own - _entropies(outputs, y)).max() < ROUNDING * max(1.0, float(own.max())) else None


def _entropies(logits: Floats, y: NDArray[np.integer]) -> Floats:
    """Cross-entropy of each row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y])


def _scale(logits: Floats, y: NDArray[np.integer]) -> float:
    """What logits are to be times for the lowest loss on these rows."""

    def cost(log_scale: float) -> float:
        return float(_entropies(np.exp(log_scale) * logits, y).mean())

    return float(np.exp(optimize.minimize_scalar(cost, bounds=np.log(TEMPERATURES), method="bounded").x))


def _overconfident(exam: Examination) -> Iterable[Found]:
    """A temperature from one half of the dev rows, judged on the other (Guo et al. 2017)."""
    logits = _logits(exam)
    if logits is None:
        return
    y, half = np.asarray(exam.subject.dev.y), _halves(exam)
    before, after, scales = _entropies(logits, y), np.empty(len(y)), []
    for fit in (half, ~half):
        scales.append(_scale(logits[fit], y[fit]))
        after[~fit] = _entropies(scales[-1] * logits[~fit], y[~fit])
    gain, scale = paired.gain(before, after, alpha=_alpha("BV13")), float(np.mean(scales))
    if gain.low > 0 and gain.value > PRACTICAL_SHARE * before.mean():
        yield BV13.finding(
            f"Its outputs times {scale:.2g} have a dev loss of {after.mean():.3g} in place of {before.mean():.3g}: it "
            f"is {'too sure' if scale < 1 else 'not sure enough'} of what it says."
        )


def _threshold(exam: Examination) -> Iterable[Found]:
    """A threshold from one half of the dev rows, judged on the other."""
    logits = _logits(exam)
    if logits is None or logits.shape[1] != 2:
        return
    y, half, score = np.asarray(exam.subject.dev.y), _halves(exam), logits[:, 1] - logits[:, 0]
    before, after, found = ((score > 0) != y).astype(np.float64), np.empty(len(y)), []
    for fit in (half, ~half):
        tried = np.quantile(score[fit], np.linspace(0.02, 0.98, 49))
        errors = [float(((score[fit] > one) != y[fit]).mean()) for one in tried]
        found.append(float(tried[int(np.argmin(errors))]))
        after[~fit] = (score[~fit] > found[-1]) != y[~fit]
    gain = paired.gain(before, after, statistic="error", alpha=_alpha("BV14"))
    if gain.low > 0 and gain.value > exam.practical:
        at = float(jax.nn.sigmoid(jnp.float32(np.mean(found))))
        yield BV14.finding(
            f"With the second class from a probability of {at:.2f} on, in place of 0.50, the dev error is "
            f"{after.mean():.1%} in place of {before.mean():.1%}."
        )


def _weak_slice(exam: Examination) -> Iterable[Found]:
    """Leaves of a tree on half of the dev rows, tested on the other: more errors than the network itself expects there.

    Near the border between two classes any network errs more often, and says so; that is no weakness.
    """
    dev, logits = exam.subject.dev, _logits(exam)
    x = np.asarray(dev.x)
    if logits is None or x.ndim != 2 or x.shape[1] > MOST_COLUMNS or not np.isfinite(x).all():
        return
    y, half = np.asarray(dev.y), _halves(exam)
    errors = (logits.argmax(axis=1) != y).astype(np.float64)
    shares = special.softmax(_scale(logits[half], y[half]) * logits, axis=1)
    excess = errors - (1 - shares.max(axis=1))
    tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_SHARE, random_state=0)
    leaves = tree.fit(x[half], excess[half]).apply(x[~half])
    parts = [part for leaf in np.unique(leaves) if FEWEST_OF_SLICE <= (part := leaves == leaf).sum() < len(leaves)]
    if not parts:
        return
    judged = excess[~half]
    p_values = [
        float(stats.ttest_ind(judged[p], judged[~p], equal_var=False, alternative="greater").pvalue) for p in parts
    ]
    beyond = multiplicity.holm(np.nan_to_num(p_values, nan=1.0).tolist(), _alpha("BV12"))
    worst = max(range(len(parts)), key=lambda place: judged[parts[place]].mean())
    part, wrong = parts[worst], errors[~half]
    if beyond[worst] and judged[part].mean() > judged[~part].mean() + exam.practical:
        here = interval.proportion(float(wrong[part].sum()), float(part.sum()))
        yield BV12.finding(
            f"{part.mean():.0%} of the dev rows, where {_where(tree, x[~half][part][0])}, have an error of "
            f"{here.value:.1%} ({here.low:.1%} to {here.high:.1%}), where {here.value - judged[part].mean():.1%} "
            f"would be expected by what the network says; the others have {wrong[~part].mean():.1%}."
        )


def _where(tree: DecisionTreeRegressor, row: Floats) -> str:
    """The conditions on the way to a row's leaf."""
    made, said, node = tree.tree_, [], 0
    while made.children_left[node] >= 0:
        column, limit = int(made.feature[node]), float(made.threshold[node])
        below = row[column] <= limit
        said.append(f"input {column} is {'at most' if below else 'above'} {limit:.3g}")
        node = int(made.children_left[node] if below else made.children_right[node])
    return " and ".join(said)


def _fragile(exam: Examination) -> Iterable[Found]:
    """The spread of the dev error over starts, on the same dev rows; for cheap trainings only."""
    if exam.operations > AT_ONCE:
        return
    seeds = range(FRESH, FRESH + LOOKS[0])
    errors = np.array([exam.trained(NOTHING_CHANGED, seed).errors.mean() for seed in seeds])
    if exam.subject.kind == "regression":
        errors = np.sqrt(errors)
    degrees = len(errors) - 1
    least = float(errors.std(ddof=1) * np.sqrt(degrees / stats.chi2.isf(_alpha("BV15"), degrees)))
    if least > exam.practical:
        yield BV15.finding(
            f"Over {len(errors)} starts the dev error lies between {errors.min():.3g} and {errors.max():.3g}, with a "
            f"standard deviation of at least {least:.2g}."
        )


BV12 = Rule(
    "BV12",
    "Some rows have far more errors than others",
    Evidence.TEST,
    Severity.LIMIT,
    "A group of dev rows, found on one half of them, has more errors on the other half than the network's own "
    "probabilities, once they are made right, let expect.",
    "More rows like these, a feature that tells them apart, or more weight for them.",
    "Their error falls, and that of the others does not rise.",
    "Welch, 1947, with Holm's correction, on rows that did not find the group.",
    look=_weak_slice,
)
BV13 = Rule(
    "BV13",
    "Its probabilities are not what they say",
    Evidence.TEST,
    Severity.LIMIT,
    "A temperature fitted on half of the dev rows lowers the loss of the other half by a tenth.",
    "Divide the outputs by a temperature fitted on dev; label smoothing.",
    "The loss of fresh rows is lower.",
    "Guo, Pleiss, Sun and Weinberger, 2017.",
    look=_overconfident,
)
BV14 = Rule(
    "BV14",
    "Another threshold makes fewer errors",
    Evidence.TEST,
    Severity.LIMIT,
    "A threshold chosen on half of the dev rows lowers the error of the other half.",
    "Move the threshold, or find why the outputs are off: rows of training with other shares of the classes.",
    "The error of fresh rows is lower.",
    "Elkan, 2001.",
    look=_threshold,
)
BV15 = Rule(
    "BV15",
    "The result depends on the start",
    Evidence.TEST,
    Severity.LIMIT,
    "The dev error's standard deviation over ten starts lies above the practical size for sure.",
    "Warm-up, a lower learning rate, right initialisation or normalisation; or the average of several networks.",
    "The standard deviation over starts falls.",
    "Bouthillier et al., 2021.",
    look=_fragile,
)
LIMITS = (BV12, BV13, BV14, BV15)

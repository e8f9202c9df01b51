"""The documented rules of four rivals, written anew on the same traces: what each would have said.

Each symptom is given the codes of the catalogue that it means, generously. Thresholds are those of the rivals' papers
and manuals: AutoTrainer (Zhang et al., 2021), Amazon SageMaker Debugger's built-in rules at their defaults, UMLAUT
(Schoop, Huang and Hartmann, 2021), DeepDiagnosis (Wardat et al., 2022).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from recorder import Floats, LayerRecord, Record

Symptom = tuple[str, tuple[str, ...]]  # what it is called, and the codes that it means

VANISHING: Symptom = ("vanishing gradient", ("NN3", "NN2", "NN6"))
EXPLODING: Symptom = ("exploding gradient", ("NN4", "NN2", "OP1", "NU4"))
DEAD: Symptom = ("dead ReLU", ("NN5",))
SATURATED: Symptom = ("saturated activation", ("NN6",))
OSCILLATING: Symptom = ("oscillating loss", ("OP1", "OP5"))
SLOW: Symptom = ("slow convergence", ("OP2", "OP8", "BV10", "OP7"))
DATA: Symptom = ("abnormal data", ("DA1",))
INPUTS: Symptom = ("inputs out of range", ("DA1",))
POOR_INIT: Symptom = ("poor initialisation", ("NN2", "NN1", "NN4"))
OVERFIT: Symptom = ("overfitting", ("BV2", "DA21", "BV11"))
STALLED: Symptom = ("loss not decreasing", ("OP1", "OP2", "OP14", "NN1", "NN3"))
UPDATES: Symptom = ("update ratio out of range", ("OP1", "OP2"))
IMBALANCE: Symptom = ("class imbalance", ("DA20",))
LINEAR: Symptom = ("linear hidden layer", ("NN7", "BV1"))
MISMATCH: Symptom = ("output and loss do not match", ("NN8",))
DROPOUT: Symptom = ("dropout too high", ("OP11", "NN12"))
RATE: Symptom = ("learning rate out of range", ("OP1", "OP2"))
SUSPICIOUS: Symptom = ("suspiciously good", ("DA7", "DA10"))
WEIGHTS: Symptom = ("weight variance out of range", ("NN1", "NN2"))


def autotrainer(record: Record) -> Iterator[Symptom]:
    """AutoTrainer: five symptoms, layers checked at half of the epoch budget."""
    first, last = (np.linalg.norm(record.half[place].kernel_gradient) for place in (0, -1))
    ratio = first / last if last > 0 else np.inf
    if ratio < 1e-3 and first < 1e-4:
        yield VANISHING
    bad_loss = not np.isfinite(record.step_loss).all() or (record.train_loss >= 1e3).any()
    if ratio > 70 or not record.gradients_finite or bad_loss:
        yield EXPLODING
    if record.recipe.activation == "relu" and max(np.mean(one.kernel_gradient == 0) for one in record.half) >= 0.7:
        yield DEAD
    accuracy = record.train_accuracy
    if np.isfinite(accuracy).all() and _swings(accuracy) >= 0.2:
        yield OSCILLATING
    gains = [np.max(np.diff(curve), initial=-np.inf) for curve in (accuracy, record.dev_accuracy)]
    if np.isfinite(accuracy).all() and max(gains) < 0.01:
        yield SLOW
    if any(np.mean(np.abs(one.activation)) >= 10 for one in record.half[:-1]):
        yield DATA


def _swings(accuracy: Floats) -> float:
    """Share of the epochs at which a local maximum lies at least 0.03 above the next local minimum."""
    inner = accuracy[1:-1]
    turns = (inner - accuracy[:-2]) * (accuracy[2:] - inner) < 0
    extremes = accuracy[1:-1][turns]
    return float(np.sum(np.abs(np.diff(extremes)) >= 0.03) / len(accuracy)) if len(extremes) > 1 else 0.0


def sagemaker(record: Record) -> Iterator[Symptom]:
    """SageMaker Debugger's built-in rules at their defaults."""
    if any(np.mean(np.abs(one.kernel_gradient)) < 1e-7 for one in record.half):
        yield VANISHING
    if not record.gradients_finite:
        yield EXPLODING
    if record.recipe.activation == "relu" and any(_idle(one) > 0.5 for one in record.half[:-1]):
        yield DEAD
    if record.recipe.activation == "tanh" and any((np.abs(one.z) > 9.4999).mean() > 0.5 for one in record.half[:-1]):
        yield SATURATED
    variances = [one.kernel.var() for one in record.start]
    if max(variances) > 10 * min(variances):
        yield POOR_INIT
    ratios = [_ratio(one) for one in record.half]
    if max(ratios) > 10 or min(ratios) < 1e-8:
        yield UPDATES
    losses = record.step_loss[: len(record.step_loss) // 10 * 10].reshape(-1, 10).mean(axis=1)
    if len(losses) > 1 and not np.all(np.diff(losses) < -0.001 * np.abs(losses[:-1])):
        yield STALLED
    if ((record.dev_loss - record.train_loss) > 0.1 * record.train_loss).any():
        yield OVERFIT
    if record.recipe.loss != "squared":
        counts = np.unique(record.recipe.train.y, return_counts=True)[1]
        if counts.max() > 10 * counts.min():
            yield IMBALANCE


def _idle(layer: LayerRecord) -> float:
    """Share of units that are active on less than 1 % of the rows."""
    return float(((layer.activation > 0).mean(axis=0) < 0.01).mean())


def _ratio(layer: LayerRecord) -> float:
    """Mean size of an update over that of the weights."""
    return float(np.abs(layer.updated - layer.kernel).mean() / max(np.abs(layer.kernel).mean(), 1e-300))


def umlaut(record: Record) -> Iterator[Symptom]:
    """UMLAUT: reads the program and the curves."""
    recipe = record.recipe
    if recipe.activation == "linear":
        yield LINEAR
    if recipe.outputs is not None:
        yield MISMATCH
    if recipe.dropout > 0.5:
        yield DROPOUT
    if np.abs(recipe.train.x).max() > 1 or not np.isfinite(recipe.train.x).all():
        yield INPUTS
    if not 1e-7 <= recipe.rate <= 1e-2:
        yield RATE
    if ((np.diff(record.dev_loss) > 0) & (np.diff(record.train_loss) < 0)).any():
        yield OVERFIT
    better = record.dev_accuracy[3:] - record.train_accuracy[3:] > 0.05
    if (record.dev_accuracy > 0.95).any() or better.any():
        yield SUSPICIOUS


def deepdiagnosis(record: Record) -> Iterator[Symptom]:
    """DeepDiagnosis: eight symptoms."""
    hidden = record.half[:-1]
    if record.recipe.activation == "relu" and any((one.activation <= 0).mean() >= 0.7 for one in hidden):
        yield DEAD
    if record.recipe.activation in ("tanh", "sigmoid") and any((np.abs(one.z) >= 5).mean() > 0.5 for one in hidden):
        yield SATURATED
    if any(np.mean(np.abs(one.kernel_gradient)) < 1e-7 for one in record.half):
        yield VANISHING
    if not record.gradients_finite:
        yield EXPLODING
    if any(not 1e-5 <= one.kernel.var() <= 10 for one in record.half):
        yield WEIGHTS
    if _same(record.train_loss, 5) or _same(record.train_accuracy, 20):
        yield STALLED
    if any(not 1e-5 <= _ratio(one) <= 1e-1 for one in record.half):
        yield UPDATES
    if np.abs(record.recipe.train.x).max() > 1 or not np.isfinite(record.recipe.train.x).all():
        yield INPUTS


def _same(curve: Floats, times: int) -> bool:
    """Whether so many values in a row are the same."""
    run = 1
    for before, after in itertools.pairwise(curve):
        run = run + 1 if before == after else 1
        if run >= times:
            return True
    return False


RIVALS: dict[str, Callable[[Record], Iterator[Symptom]]] = {
    "AutoTrainer": autotrainer,
    "SageMaker Debugger": sagemaker,
    "UMLAUT": umlaut,
    "DeepDiagnosis": deepdiagnosis,
}

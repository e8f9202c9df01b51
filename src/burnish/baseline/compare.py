"""All baselines on the same folds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.baseline import boosting, fitted, linear
from burnish.baseline.fitted import Fitted, Targets, Weights
from burnish.data.inputs import Prepared

# Several folds share the work of boosting, down to a third each: less, and it would be no yardstick.
MOST_SHARES = 3
STOPPED = "It was stopped."  # the error of a baseline that was not to go on


@dataclass(frozen=True, slots=True)
class FoldData:
    """What a baseline needs of one fold."""

    train: Prepared
    y: Targets  # of the training rows: class codes, or numbers in units
    dev: Prepared
    w: Weights = None  # of the training rows


@dataclass(frozen=True, slots=True)
class BaselineResult:
    """One baseline on all folds. Where it failed, `error` says why and the tuples are empty."""

    name: str
    dev: tuple[NDArray[np.float64], ...]  # one for each fold: probabilities (rows, classes) or units (rows, 1)
    fitted: tuple[Fitted, ...]  # one for each fold
    seconds: float  # fitting and predicting, all folds
    error: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the fits, each sentence once."""
        return tuple(dict.fromkeys(item.note for item in self.fitted if item.note))


def compare(
    folds: Sequence[FoldData], *, classes: int | None, seed: int, yardstick: bool = True
) -> Iterator[BaselineResult]:
    """Fits majority or mean, linear and boosting on each fold; yields each as soon as it is done, the simplest first.

    A baseline that fails (out of memory, numbers that cannot be decomposed) takes no other with it.

    Args:
        folds: Training and dev rows of each fold.
        classes: How many classes; None for a number.
        seed: Draws rows where there are too many.
        yardstick: Whether boosting, which is never delivered, is fitted too.
    """

    def simplest(fold: FoldData) -> Fitted:
        return fitted.mean(fold.y, fold.w) if classes is None else fitted.majority(fold.y, fold.w, classes)

    def line(fold: FoldData) -> Fitted:
        return linear.linear(fold.train, fold.y, fold.w, classes=classes, seed=seed)

    yield _run("mean" if classes is None else "majority", simplest, folds)
    yield _run("linear", line, folds)
    if yardstick:
        yield trees(folds, classes=classes, seed=seed)


def trees(
    folds: Sequence[FoldData], *, classes: int | None, seed: int, go_on: Callable[[], bool] = lambda: True
) -> BaselineResult:
    """Fits boosting alone on each fold, as long as `go_on`, asked before each, says so; else its error is `STOPPED`."""

    def fit(fold: FoldData) -> Fitted:
        share = 1 / min(len(folds), MOST_SHARES)
        return boosting.boosting(fold.train, fold.y, fold.w, classes=classes, seed=seed, share=share)

    return _run("boosting", fit, folds, go_on)


def _run(
    name: str, fit: Callable[[FoldData], Fitted], folds: Sequence[FoldData], go_on: Callable[[], bool] = lambda: True
) -> BaselineResult:
    start = time.perf_counter()
    models: list[Fitted] = []
    try:
        for fold in folds:
            if not go_on():
                return BaselineResult(name, (), (), time.perf_counter() - start, STOPPED)
            models.append(fit(fold))
        dev = tuple(model.predict(fold.dev) for model, fold in zip(models, folds, strict=True))
    except (ValueError, MemoryError, np.linalg.LinAlgError) as error:
        return BaselineResult(name, (), (), time.perf_counter() - start, f"{type(error).__name__}: {error}")
    return BaselineResult(name, dev, tuple(models), time.perf_counter() - start)

"""Gradient-boosted trees as a yardstick: always shown, never delivered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from burnish.baseline import pixels, sample
from burnish.baseline.fitted import Fitted, Targets, Weights, majority
from burnish.data.inputs import Prepared

ITERATIONS = 100  # scikit-learn's default
WORTHWHILE_ITERATIONS = 20  # rows are left out until so many are possible: at rate 0.1 they go 0.88 of the way
FEWEST_ITERATIONS = 10  # however many trees an iteration has
MOST_ROWS = 50_000
FEWEST_ROWS = 10_000  # likewise
# Trees × ((rows + TREE_ROWS) × inputs + TREE_WORK) of one fit: about three seconds on one core, at 7 ns for each.
# Measured from 1,000 to 50,000 rows and 5 to 1,000 inputs, within a third.
MOST_WORK = 4e8
TREE_ROWS = 6_000  # what the histograms of a tree cost, as so many rows
TREE_WORK = 2e5  # what a tree costs beside, as so many rows × inputs
# Above so many rows a tenth of them says when to stop (scikit-learn's own rule).
EARLY_STOPPING_ROWS = 10_000
VALIDATION_SHARE = 0.1
# Threads wait for each other busily: on two cores that others wanted too, 50,000 rows took 37 s on two and 14 s on one.
# All that a second one can save on a quiet machine is a second.
THREADS = 1
MOST_PIXELS = 256  # numbers of an image; larger ones are shrunk, as trees find the same in coarser images
MOST_CODES = 255  # scikit-learn's limit; codes are numbered by frequency, so that only rare levels are merged


@dataclass(frozen=True, slots=True)
class Boosted:
    """Trees on the inputs and codes."""

    trees: HistGradientBoostingClassifier | HistGradientBoostingRegressor
    classes: int | None
    rows: int  # training rows

    def predict(self, prepared: Prepared) -> NDArray[np.float64]:
        """Probabilities (rows, classes), or numbers in units (rows, 1)."""
        with threadpool_limits(limits=THREADS):
            if self.classes is None:
                return np.asarray(self.trees.predict(_inputs(prepared)), dtype=np.float64)[:, None]
            seen = self.trees.predict_proba(_inputs(prepared))
        # Classes without a training row share one row's weight among all, as in `majority`.
        unseen = 1 / (self.rows * self.classes)
        out = np.full((len(seen), self.classes), unseen)
        out[:, self.trees.classes_.astype(np.int64)] = seen
        return out / out.sum(axis=1, keepdims=True)


def boosting(
    prepared: Prepared,
    y: Targets,
    w: Weights = None,
    *,
    classes: int | None,
    seed: int,
    share: float = 1.0,
) -> Fitted:
    """scikit-learn's histogram gradient boosting with its default settings, within a fixed amount of work.

    Args:
        prepared: Training rows.
        y: Class codes, or numbers in units; shape (rows,).
        w: Weights of the rows.
        classes: How many classes; None for a number.
        seed: Draws the rows that are fitted, where there are too many, and those that say when to stop.
        share: Of `MOST_WORK`, where the time has to do for several fits; 0 to 1.
    """
    if classes is not None and len(np.unique(y)) < 2:
        return Fitted(
            "boosting", majority(y, w, classes).model, "All training rows have one class; nothing was fitted."
        )
    trees = classes if classes and classes > 2 else 1  # in each iteration
    inputs = pixels.width(prepared, MOST_PIXELS)
    most, iterations = _size(len(y), inputs + prepared.codes.shape[1], work=share * MOST_WORK / trees)
    rows = sample.rows(len(y), most, seed=seed)
    x = _inputs(prepared.take(rows))
    options = {
        "max_iter": iterations,
        "random_state": seed,
        "categorical_features": np.arange(x.shape[1]) >= inputs,
        "validation_fraction": VALIDATION_SHARE,
        "early_stopping": _can_hold_out(y[rows], classes),
    }
    kind = HistGradientBoostingRegressor if classes is None else HistGradientBoostingClassifier
    with threadpool_limits(limits=THREADS):
        model = kind(**options).fit(x, y[rows], sample_weight=None if w is None else w[rows])
    return Fitted("boosting", Boosted(model, classes, len(rows)), _note(len(rows), len(y), iterations))


def _size(rows: int, inputs: int, *, work: float) -> tuple[int, int]:
    """How many rows and iterations are worth it for so much work per tree of an iteration (rows × inputs)."""
    enough = (work / WORTHWHILE_ITERATIONS - TREE_WORK) / inputs - TREE_ROWS
    rows = min(rows, MOST_ROWS, max(int(enough), FEWEST_ROWS))
    iterations = int(work / ((rows + TREE_ROWS) * inputs + TREE_WORK))
    return rows, min(max(iterations, FEWEST_ITERATIONS), ITERATIONS)


def _inputs(prepared: Prepared) -> NDArray[np.float32]:
    """Inputs, then codes; the rarest codes beyond the limit count as code 0."""
    codes = np.where(prepared.codes < MOST_CODES, prepared.codes, 0)
    return np.hstack([pixels.flat(prepared, MOST_PIXELS).x, codes.astype(np.float32)])


def _can_hold_out(y: Targets, classes: int | None) -> bool:
    """Whether rows for early stopping can be held out: enough of them, and of each class one for either side."""
    if len(y) <= EARLY_STOPPING_ROWS:
        return False
    if classes is None:
        return True
    counts = np.bincount(y)
    return int(counts[counts > 0].min()) >= 2 and VALIDATION_SHARE * len(y) >= classes


def _note(rows: int, of: int, iterations: int) -> str:
    parts = []
    if rows < of:
        parts.append(f"Fitted on {rows} of {of} rows, drawn at random.")
    if iterations < ITERATIONS:
        parts.append(f"Cut to {iterations} iterations to save time; more might fit better.")
    return " ".join(parts)

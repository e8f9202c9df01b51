"""Linear and logistic regression on the prepared inputs: small enough to be delivered, should they win."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from threadpoolctl import threadpool_limits

from burnish.baseline import pixels, sample
from burnish.baseline.fitted import Constant, Fitted, Targets, Weights, majority
from burnish.data.inputs import Prepared

# At most so many rows are fitted: with 50 inputs the excess error of a linear model, about inputs/rows, is then 0.1 %.
MOST_ROWS = 50_000
# Rows × inputs × outputs of one logistic fit (multiply-adds of one product): a gradient takes about 20 ms on one core.
MOST_WORK = 5e7
# Rows × inputs² of one ridge fit, whose normal equations grow so: about half a second on one core.
MOST_RIDGE_WORK = 1e10
FEWEST_ROWS = 2_000  # however many inputs and classes there are
# Together the coded categories get at most so many columns, for their most frequent levels; rarer ones share the
# intercept.
MOST_LEVEL_COLUMNS = 300
# Both penalties stand beside the sum (not the mean) of the losses, so the best one hardly depends on the number of
# rows, and may be chosen on some of them. α of ridge regression, from almost none to 10⁴ rows' worth of pull towards 0:
RIDGE_PENALTIES = tuple(float(a) for a in np.logspace(-2, 4, 13))
RIDGE_CHOICE_WORK = 2e8  # rows × inputs² on which α is chosen, by a singular value decomposition
# C of logistic regression, the inverse penalty, from strong to weak:
LOGISTIC_PENALTIES = (0.01, 0.1, 1.0, 10.0)
CHOICE_WORK = 1e6  # rows × inputs × outputs on which C is chosen
CHOICE_FOLDS = 3
CHOICE_ITERATIONS = 60  # enough to rank the penalties; the final fit has more
ITERATIONS = 200
# Many short products gain little from threads, which wait for each other busily: where another process had one of two
# cores, a fit of 11,000 rows and ten classes took 39 s on two threads and 0.8 s on one.
THREADS = 1
BLOCK, IMAGE_BLOCK = 65_536, 4_096  # rows predicted at a time
MOST_PIXELS = 1_024  # numbers of an image; larger ones are shrunk


@dataclass(frozen=True, slots=True)
class Linear:
    """x · weights + the row of each category's table + intercept; for classes then softmax."""

    weights: NDArray[np.float64]  # (inputs, outputs)
    tables: tuple[NDArray[np.float64], ...]  # for each coded category (codes, outputs)
    intercept: NDArray[np.float64]  # (outputs,)
    softmax: bool

    def predict(self, prepared: Prepared) -> NDArray[np.float64]:
        """Probabilities (rows, classes), or numbers in units (rows, 1)."""
        out = np.empty((len(prepared.x), len(self.intercept)))
        block = BLOCK if prepared.x.ndim == 2 else IMAGE_BLOCK
        for start in range(0, len(out), block):  # the product with float64 weights copies its rows to float64
            rows = slice(start, start + block)
            x = pixels.flat(Prepared(prepared.x[rows], prepared.codes[rows]), MOST_PIXELS).x
            out[rows] = x @ self.weights + self.intercept
        for slot, table in enumerate(self.tables):
            codes = prepared.codes[:, slot]
            out += table[np.where(codes < len(table), codes, 0)]  # a code that training rows did not have is unseen
        return special.softmax(out, axis=1) if self.softmax else out

    def to_json(self) -> dict[str, Any]:
        return {
            "weights": self.weights.tolist(),
            "tables": [table.tolist() for table in self.tables],
            "intercept": self.intercept.tolist(),
            "softmax": self.softmax,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Linear:
        intercept = np.array(values["intercept"], dtype=np.float64)
        weights = np.array(values["weights"], dtype=np.float64).reshape(-1, len(intercept))
        tables = tuple(np.array(table, dtype=np.float64) for table in values["tables"])
        return cls(weights, tables, intercept, values["softmax"])


def linear(prepared: Prepared, y: Targets, w: Weights = None, *, classes: int | None, seed: int) -> Fitted:
    """Ridge regression, or logistic regression with an L2 penalty; the penalty is chosen by cross-validation.

    Args:
        prepared: Training rows.
        y: Class codes, or numbers in units; shape (rows,).
        w: Weights of the rows.
        classes: How many classes; None for a number.
        seed: Draws the rows that are fitted, where there are too many, and the folds.
    """
    if classes is not None and len(np.unique(y)) < 2:
        return Fitted(
            "linear", majority(y, w, classes).model, "All training rows have one class, so nothing was fitted."
        )
    levels = _levels(prepared)
    inputs = pixels.width(prepared, MOST_PIXELS) + sum(levels)
    work = MOST_RIDGE_WORK / inputs**2 if classes is None else MOST_WORK / (inputs * _outputs(classes))
    most = min(MOST_ROWS, work)
    rows = sample.rows(len(y), max(int(most), FEWEST_ROWS), seed=seed)
    x = _design(pixels.flat(prepared.take(rows), MOST_PIXELS), levels)
    weights = None if w is None else w[rows]
    note = f"Fitted on {len(rows)} of {len(y)} rows, drawn at random." if len(rows) < len(y) else ""
    with threadpool_limits(limits=THREADS):
        if classes is None:
            coefficients, intercept = _ridge(x, y[rows], weights, seed=seed)
        else:
            coefficients, intercept, converged = _logistic(x, y[rows], weights, classes=classes, seed=seed)
            if not converged:
                note = f"{note} Stopped after {ITERATIONS} iterations, before it had converged.".strip()
    return Fitted("linear", _model(coefficients, intercept, prepared, levels, softmax=classes is not None), note)


def _outputs(classes: int) -> int:
    """How many linear functions are fitted; two classes need one."""
    return classes if classes > 2 else 1


def _levels(prepared: Prepared) -> tuple[int, ...]:
    """How many of each coded category's levels get a column; codes are numbered from the most frequent level down."""
    codes = prepared.codes.shape[1]
    return tuple(min(int(prepared.codes[:, c].max(initial=0)), MOST_LEVEL_COLUMNS // codes) for c in range(codes))


def _design(prepared: Prepared, levels: tuple[int, ...]) -> NDArray[np.float32]:
    """The inputs, then one 0/1 column for each level that has one; shape (rows, inputs + Σ levels)."""
    width = prepared.x.shape[1]
    x = np.zeros((len(prepared.x), width + sum(levels)), dtype=np.float32)
    x[:, :width] = prepared.x
    for slot, count in enumerate(levels):
        code = prepared.codes[:, slot]
        rows = np.flatnonzero((code > 0) & (code <= count))
        x[rows, width + code[rows] - 1] = 1.0
        width += count
    return x


def _model(
    coefficients: NDArray[np.float64],
    intercept: NDArray[np.float64],
    prepared: Prepared,
    levels: tuple[int, ...],
    *,
    softmax: bool,
) -> Linear:
    """Takes the coefficients (inputs + Σ levels, outputs) apart; a table row without a column of its own is 0."""
    first = width = pixels.width(prepared, MOST_PIXELS)
    tables = []
    for slot, count in enumerate(levels):
        size = int(prepared.codes[:, slot].max(initial=0)) + 1
        table = np.zeros((size, coefficients.shape[1]))
        table[1 : count + 1] = coefficients[width : width + count]
        tables.append(table)
        width += count
    return Linear(coefficients[:first], tuple(tables), intercept, softmax)


def _ridge(
    x: NDArray[np.float32], y: Targets, w: Weights, *, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (inputs, 1) and intercept (1,); α by leave-one-out error, known in closed form."""
    few = sample.rows(len(y), max(int(RIDGE_CHOICE_WORK / x.shape[1] ** 2), FEWEST_ROWS), seed=seed + 1)
    wide = x.astype(np.float64)
    chosen = RidgeCV(alphas=RIDGE_PENALTIES).fit(wide[few], y[few], sample_weight=None if w is None else w[few])
    model = Ridge(alpha=float(chosen.alpha_)).fit(wide, y, sample_weight=w)
    return model.coef_.reshape(-1, 1), np.array([float(model.intercept_)])


def _logistic(
    x: NDArray[np.float32], y: Targets, w: Weights, *, classes: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Coefficients (inputs, classes), intercept (classes,), and whether the last fit converged."""
    few = sample.rows(len(y), max(int(CHOICE_WORK / (x.shape[1] * _outputs(classes))), FEWEST_ROWS), seed=seed + 1)
    chosen = _choose_penalty(x[few], y[few], None if w is None else w[few], classes=classes, seed=seed)
    model = LogisticRegression(C=chosen, max_iter=ITERATIONS)
    converged = _fit_quietly(model, x, y, w)
    coefficients, intercept = _all_classes(model, len(y), classes)
    return coefficients, intercept, converged


def _choose_penalty(x: NDArray[np.float32], y: Targets, w: Weights, *, classes: int, seed: int) -> float:
    """The C with the lowest cross-validated cross-entropy; of equals the stronger penalty."""
    fold = sample.stratified_folds(y, CHOICE_FOLDS, seed=seed)
    cost = np.zeros(len(LOGISTIC_PENALTIES))
    for held in range(CHOICE_FOLDS):
        train, test = fold != held, fold == held
        if len(np.unique(y[train])) < 2:
            continue
        model = LogisticRegression(max_iter=CHOICE_ITERATIONS, warm_start=True)
        for slot, penalty in enumerate(LOGISTIC_PENALTIES):
            model.set_params(C=penalty)
            _fit_quietly(model, x[train], y[train], None if w is None else w[train])
            coefficients, intercept = _all_classes(model, int(train.sum()), classes)
            logits = special.log_softmax(x[test] @ coefficients + intercept, axis=1)
            loss = -logits[np.arange(len(logits)), y[test]]
            cost[slot] += float(loss.sum() if w is None else loss @ w[test])
    return LOGISTIC_PENALTIES[int(cost.argmin())]


def _fit_quietly(model: LogisticRegression, x: NDArray[np.float32], y: Targets, w: Weights) -> bool:
    """Fits, and says whether it converged (scikit-learn says so by a warning)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, y, sample_weight=w)
    return not any(issubclass(item.category, ConvergenceWarning) for item in caught)


def _all_classes(model: LogisticRegression, rows: int, classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One output for each class; two classes have the outputs (0, z).

    A class without a training row has the weight of a 1/classes share of one row, as in `majority`.
    """
    seen = model.classes_.astype(np.int64)
    coef, bias = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    if len(seen) == 2:
        coef, bias = np.vstack([np.zeros_like(coef), coef]), np.concatenate([[0.0], bias])
    coefficients = np.zeros((coef.shape[1], classes))
    intercept = np.full(classes, special.logsumexp(bias) - np.log(rows * classes))
    coefficients[:, seen] = coef.T
    intercept[seen] = bias
    return coefficients, intercept


def to_json(fitted: Fitted) -> dict[str, Any]:
    """A baseline that can be delivered, as a dictionary of JSON values.

    Raises:
        TypeError: it is a yardstick only.
    """
    if not isinstance(fitted.model, Constant | Linear):
        raise TypeError(f"{fitted.name} is a yardstick and is never delivered")
    form = "constant" if isinstance(fitted.model, Constant) else "linear"
    return {"name": fitted.name, "note": fitted.note, "form": form, **fitted.model.to_json()}


def from_json(values: dict[str, Any]) -> Fitted:
    """The baseline that `to_json` wrote; it predicts the same to the bit."""
    model = Constant.from_json(values) if values["form"] == "constant" else Linear.from_json(values)
    return Fitted(values["name"], model, values["note"])

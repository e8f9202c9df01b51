"""scikit-learn estimators: the main job behind `fit` and `predict`."""

from __future__ import annotations

import signal
import tempfile
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from burnish import errors, load
from burnish.data import kinds
from burnish.data.table import Column, Kind, Physical, Table
from burnish.preprocess.target import Task
from burnish.report import document, render
from burnish.report.summary import Summary
from burnish.train.configuration import Configuration
from burnish.workflow import improve, reading, settings
from burnish.workflow.leaving import Result
from burnish.workflow.reading import Loaded, Sources
from burnish.workflow.session import Interrupted
from burnish.workflow.settings import Settings

# Rows below which nothing is fitted: with fewer than two rows in each of five folds no error can be told at all.
LEAST_ROWS = 10
# Rows below which a fit warns: the 95 % interval of an error rate of 10 % is then wider than ± 11 points.
FEW_ROWS = 30


class FewRowsWarning(UserWarning):
    """So few rows that neither the model nor its promised error can be relied on."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a fit found out, for a notebook, a program or a file."""

    summary: Summary

    def document(self) -> dict[str, Any]:
        """As the JSON document of `burnish improve --json`."""
        return document.document(self.summary)

    def save(self, path: Path | str) -> None:
        """Write it as one self-contained page."""
        Path(path).write_text(render.render(self.summary), "utf-8")

    def _repr_html_(self) -> str:
        return render.render(self.summary)


class _Estimator(BaseEstimator):
    """What both estimators share. `__init__` only stores; `fit` checks."""

    def __init__(
        self,
        *,
        time_limit: float | str | None = None,
        max_epochs: int | None = None,
        metric: str | None = None,
        folds: int | None = None,
        start: Configuration | dict[str, Any] | None = None,
        model: Any = None,
        jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        out: str | Path | None = None,
    ) -> None:
        self.time_limit = time_limit
        self.max_epochs = max_epochs
        self.metric = metric
        self.folds = folds
        self.start = start
        self.model = model
        self.jobs = jobs
        self.random_state = random_state
        self.out = out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _rows(self, X: Any, *, reset: bool) -> Table:
        """The inputs as a table, its columns named as in `fit`; checks names, number and values of the columns."""
        if _is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            table = self._read(X, reset=reset)
        else:
            X = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan")
            columns = tuple(Column(f"x{i}", Physical.NUMBER, values) for i, values in enumerate(X.T.copy()))
            table = Table("data", columns, np.arange(len(X)))
        if reset:
            self._columns = table.names
        renamed = (replace(column, name=name) for column, name in zip(table.columns, self._columns, strict=True))
        return replace(table, columns=tuple(renamed))

    def _read(self, X: Any, *, reset: bool) -> Table:
        """The rows of a data frame, each column typed as in `fit`."""
        types = {}
        if not reset:
            schema = self.model_.schema
            own = map(str, nw.from_native(X, eager_only=True).columns)
            types = {name: schema[of] for name, of in zip(own, self._columns, strict=True) if of in schema}
        table = load.read(X, types=types)
        if table.rejects:
            first = table.rejects[0]
            raise errors.DataError(
                f"Row {first.line} of X holds {first.text!r} in column {first.column!r}.",
                f"It cannot be used: {first.reason}.",
                "Correct the value, or leave it out (missing values are allowed).",
            )
        return table

    def _fit(self, table: Table, target: Column, weights: NDArray[np.float64] | None) -> Result:
        """Do the main job on rows in memory and keep what it found."""
        task: Task = "regression" if target.physical is Physical.NUMBER else "classification"
        columns = (*table.columns, target)
        if weights is not None:
            columns = (*columns, Column(_free("weight", table.names), Physical.NUMBER, weights))
        table = replace(table, columns=columns)
        asked = self._settings(task, target.name, None if weights is None else columns[-1].name)
        numeric = {c.name: Kind.NUMBER for c in columns if c.physical is Physical.NUMBER and c.name != target.name}
        loaded = Loaded(
            table=table,
            target=target.name,
            origin=np.zeros(table.rows, np.int8),
            profiles=kinds.profile(table, target=target.name, overrides=numeric),
            task=task,
            metric=reading.metric_for(asked, task),
            without_target=0,
            records=table.rows,
        )
        result = self._run(loaded, asked)
        self.model_ = result.predictor
        self.report_ = Report(result.summary)
        self.findings_, self.history_ = result.findings, result.history
        return result

    def _settings(self, task: Task, target: str, weight: str | None) -> Settings:
        return settings.make(
            target=target,
            task=task,
            weight=weight,
            test=False,  # the caller keeps the rows that judge
            metric=self.metric,
            folds=self.folds,
            start=self.start,
            model=self.model,
            jobs=self.jobs,
            time_limit=self.time_limit,
            max_epochs=self.max_epochs,
            seed=int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max)),
        )

    def _run(self, loaded: Loaded, asked: Settings) -> Result:
        began = time.monotonic()
        manner = improve.Manner(
            in_process=self.jobs is None and self.time_limit is None,
            yardstick=self.out is not None,
            files=self.out is not None,
            # Such a fit does not depend on the clock and takes a second or two on a thousand rows.
            first_only=self.max_epochs is None and self.time_limit is None,
        )
        with tempfile.TemporaryDirectory(prefix="burnish-") as home:
            out = Path(home, "run") if self.out is None else Path(self.out)
            request = improve.Request(Sources(None), asked, out, loaded=loaded, manner=manner)
            try:
                return improve.run(request, began=began)
            except Interrupted as stopped:
                signal.raise_signal(stopped.signal_number)  # whose handlers are the caller's own again
                raise


class BurnishClassifier(ClassifierMixin, _Estimator):
    """A diagnosed and improved network for classes.

    By default a fit trains one network on each fold and averages them: quick, and independent of the clock. With
    `time_limit` or `max_epochs` it does the whole job: it tries remedies as paired experiments, searches, and averages
    the best. Where the class shares or a linear model do better, they are the model.

    Args:
        time_limit: Wall time of a fit, as seconds or "2m".
        max_epochs: At most so many epochs over all trainings instead: the answer does not depend on the clock.
        metric: What choices are made by: log_loss (the default), accuracy, balanced_accuracy or auc.
        folds: Folds of the rows that choose; None: what the number of rows calls for.
        start: The first network's configuration; None: one that suits the table.
        model: Your own JAX model in place of burnish's network: a pair of functions (init, apply), or "FILE.py:NAME" of
            such a pair; None: burnish's network.
        jobs: Worker processes, whose number does not change the model; None: this process, or with a time limit one
            worker for each core.
        random_state: The same number gives the same model on the same machine.
        out: A new folder for model, report and every trial; None: nothing is written.

    Attributes:
        classes_: The labels, sorted.
        model_: What predicts.
        report_: What the fit found out; a notebook shows it as a page.
        findings_: What is wrong with the data and what holds the network back.
        history_: Training curves of the delivered networks.
        n_features_in_, feature_names_in_: As in every scikit-learn estimator.

    A data frame's text, categories, dates and booleans are encoded; missing values are allowed everywhere.
    """

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train on rows `X` with labels `y`.

        Raises:
            ValueError: X, y or sample_weight cannot be used.
        """
        y = validate_data(self, X="no_validation", y=y)
        check_classification_targets(y)
        table = self._rows(X, reset=True)
        check_consistent_length(table.row_ids, y)
        table, y, weights = _weighted(table, y, sample_weight)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise errors.DataError(
                f"y has one class only: {self.classes_.tolist()[0]!r}.",
                "A classifier learns to tell classes apart.",
                "Bring rows of another class, with a sample_weight above 0.",
            )
        _refuse_few(table.rows)
        labels = tuple(map(str, self.classes_))
        self._fit(table, Column(_free("target", table.names), Physical.TEXT, codes.astype(np.int32), labels), weights)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probability of each class, in the order of `classes_`; shape (rows, classes)."""
        check_is_fitted(self)
        places = [self.model_.target.classes.index(str(label)) for label in self.classes_]
        return self.model_.predict(self._rows(X, reset=False))[:, places]

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class BurnishRegressor(RegressorMixin, _Estimator):
    """A diagnosed and improved network for a number.

    Parameters and attributes are those of `BurnishClassifier`, but for `classes_`, and `metric` is rmse (the default),
    mae or r2.
    """

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train on rows `X` with numbers `y`.

        Raises:
            ValueError: X, y or sample_weight cannot be used.
        """
        y = validate_data(self, X="no_validation", y=y, y_numeric=True)
        table = self._rows(X, reset=True)
        check_consistent_length(table.row_ids, y)
        table, y, weights = _weighted(table, y, sample_weight)
        _refuse_few(table.rows)
        self._fit(table, Column(_free("target", table.names), Physical.NUMBER, y.astype(np.float64)), weights)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The number for each row; shape (rows,)."""
        check_is_fitted(self)
        return self.model_.predict(self._rows(X, reset=False))[:, 0]


def _is_frame(X: Any) -> bool:
    return isinstance(nw.from_native(X, pass_through=True, eager_only=True), nw.DataFrame)


def _weighted(
    table: Table, y: NDArray[Any], sample_weight: ArrayLike | None
) -> tuple[Table, NDArray[Any], NDArray[np.float64] | None]:
    """Rows, targets and weights; a row of weight 0 is as if it were not there."""
    if sample_weight is None:
        return table, y, None
    weights = _check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
    counted = np.flatnonzero(weights > 0)
    return table.take(counted), y[counted], weights[counted]


def _refuse_few(rows: int) -> None:
    if rows < LEAST_ROWS:
        raise errors.DataError(
            f"There are too few rows: n_samples = {rows}.",
            f"A fit needs {LEAST_ROWS}, to train on some and to choose by others.",
            "Bring more rows.",
        )
    if rows < FEW_ROWS:
        warnings.warn(
            f"{rows} rows are very few: what is learned from them may not hold.", FewRowsWarning, stacklevel=3
        )


def _free(name: str, taken: tuple[str, ...]) -> str:
    """The name, lengthened until no column has it."""
    while name in taken:
        name += "_"
    return name

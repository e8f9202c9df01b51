"""What the estimators do beyond scikit-learn's rules: frames, gaps, weights, seeds, few rows, folders."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from burnish import BurnishClassifier, BurnishRegressor, ConfigError, Configuration, DataError, FewRowsWarning

SMALL = Configuration(widths=(16,), batch_size=16, epochs=60, learning_rate=1e-2)
ROWS = 60


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A number with gaps, a category and a date; the target depends on the first two."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=ROWS)
    kind = rng.choice(["oak", "elm", "ash"], ROWS)
    size[::7] = np.nan
    return pd.DataFrame({"size": size, "kind": kind, "day": pd.date_range("2020-01-01", periods=ROWS, freq="D")})


@pytest.fixture(scope="module")
def heights(table) -> np.ndarray:
    return 3.0 * table["size"].fillna(0).to_numpy() + (table["kind"] == "oak").to_numpy() * 5.0


@pytest.fixture(scope="module")
def fitted(table, heights) -> BurnishRegressor:
    return BurnishRegressor(start=SMALL, random_state=0).fit(table, heights)


def test_frames_with_text_dates_and_gaps_are_prepared(fitted, table, heights):
    """A frame's columns are encoded by their kinds, and what they say is learned."""
    assert fitted.feature_names_in_.tolist() == ["size", "kind", "day"]
    assert fitted.score(table, heights) > 0.8


@pytest.mark.parametrize("library", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "pyarrow"])
def test_frames_of_any_library_give_the_same_predictions(fitted, table, library):
    """A model fitted on pandas predicts the same rows alike from polars and pyarrow."""
    np.testing.assert_array_equal(fitted.predict(library(table)), fitted.predict(table))


@pytest.mark.parametrize("label", [0, "oak"])
def test_a_single_class_is_named_as_a_person_writes_it(label):
    with pytest.raises(DataError) as refused:
        BurnishClassifier().fit(np.zeros((20, 2)), np.array([label] * 20))

    assert refused.value.what == f"y has one class only: {label!r}."


def test_a_level_that_was_never_seen_and_gaps_are_predicted(fitted, table):
    """New levels and missing values have their place."""
    rows = table.head(4).assign(kind=["yew", None, "oak", "elm"], size=[np.nan, 0.0, 0.0, 0.0])

    assert np.isfinite(fitted.predict(rows)).all()


def test_columns_in_another_order_are_refused(fitted, table):
    """Columns are checked by name, as scikit-learn does."""
    with pytest.raises(ValueError, match="same order"):
        fitted.predict(table[["kind", "size", "day"]])


def test_infinite_values_of_a_frame_are_refused(table, heights):
    """An infinite value is named with its row and column."""
    broken = table.assign(size=table["size"].where(table.index != 5, np.inf))

    with pytest.raises(DataError, match=r"Row 5 of X.*'size'"):
        BurnishRegressor(start=SMALL).fit(broken, heights)


def test_one_row_is_predicted_as_in_a_batch(fitted, table):
    """No row changes another's prediction."""
    one_by_one = [fitted.predict(table.iloc[[i]])[0] for i in range(5)]

    np.testing.assert_allclose(one_by_one, fitted.predict(table)[:5], rtol=1e-6)


def test_pickle_and_clone(fitted, table, heights):
    """A fitted estimator goes through pickle; a clone is unfitted and fits to the same."""
    again = pickle.loads(pickle.dumps(fitted))
    cloned = clone(fitted)

    np.testing.assert_array_equal(again.predict(table), fitted.predict(table))
    assert not hasattr(cloned, "model_")
    np.testing.assert_array_equal(cloned.fit(table, heights).predict(table), fitted.predict(table))


def test_what_a_fit_found_out(fitted, tmp_path):
    """Report, findings and training curves are kept with the model; nothing is left on disk."""
    fitted.report_.save(tmp_path / "report.html")

    assert (tmp_path / "report.html").read_text() == fitted.report_._repr_html_()
    assert fitted.report_.document()["task"] == "regression"
    assert all(len(curve.epoch) for curve in fitted.history_)
    assert all(finding.code for finding in fitted.findings_)


def test_probabilities_follow_classes():
    """Columns of predict_proba are in the order of classes_, also where text sorts otherwise than numbers."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(ROWS, 2))
    y = np.where(X[:, 0] > 0.5, 10, np.where(X[:, 0] < -0.5, 2, -1))
    model = BurnishClassifier(start=SMALL, random_state=0).fit(X, y)
    probabilities = model.predict_proba(X)

    assert model.classes_.tolist() == [-1, 2, 10]
    assert model.predict(X).dtype == y.dtype
    np.testing.assert_allclose(probabilities.sum(1), 1.0)
    np.testing.assert_array_equal(model.classes_[probabilities.argmax(1)], model.predict(X))
    assert model.score(X, y) > 0.8


def test_rows_of_weight_zero_are_as_if_they_were_not_there():
    """A wrong label of weight 0 changes nothing."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(ROWS, 2))
    y = (X[:, 0] > 0).astype(int)
    weight = np.ones(ROWS)
    weight[40:] = 0
    wrong = np.where(weight > 0, y, 1 - y)
    model = BurnishClassifier(start=SMALL, random_state=0)
    probabilities = clone(model).fit(X, wrong, sample_weight=weight).predict_proba(X)

    np.testing.assert_array_equal(clone(model).fit(X[:40], y[:40], weight[:40]).predict_proba(X), probabilities)


def test_weights_move_the_fit():
    """Where two labels disagree, the heavier one wins."""
    X = np.tile([[0.0], [1.0]], (30, 1))
    y = np.arange(ROWS) % 3 == 0
    heavy = np.where(y, 10.0, 1.0)
    model = BurnishClassifier(start=SMALL, random_state=0)

    assert clone(model).fit(X, y).predict_proba(X)[:, 1].mean() < 0.45
    assert clone(model).fit(X, y, sample_weight=heavy).predict_proba(X)[:, 1].mean() > 0.7


def test_ten_rows_are_fitted_with_a_warning():
    """From ten rows there is a fit, and a warning; below, an error that names the number."""
    X = np.arange(20.0).reshape(10, 2)
    y = X[:, 0] * 2

    with pytest.warns(FewRowsWarning, match="10 rows"):
        BurnishRegressor(start=SMALL).fit(X, y)
    with pytest.raises(DataError, match="n_samples = 9"):
        BurnishRegressor(start=SMALL).fit(X[:9], y[:9])


def test_the_same_seed_gives_the_same_model_and_another_seed_another():
    """random_state decides."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(ROWS, 3))
    y = np.sin(3 * X[:, 0])
    one, same, other = (BurnishRegressor(start=SMALL, random_state=seed).fit(X, y).predict(X) for seed in (5, 5, 6))

    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


@pytest.mark.slow
def test_fits_of_like_size_share_their_program(compilations):
    """Folds of a cross-validation and a table some rows longer compile nothing new."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(120, 3))
    y = np.abs(X[:, 0]) + np.abs(X[:, 1])  # which no line follows
    model = BurnishRegressor(start=SMALL, random_state=0).fit(X[:80], y[:80])
    model.predict(X[:30])
    before = compilations()
    cross_val_score(model, X, y, cv=4)

    assert compilations() == before


def test_a_folder_is_left_where_one_is_named(tmp_path: Path, table, heights):
    """With `out` the run is kept whole; it is never written over."""
    model = BurnishRegressor(start=SMALL, random_state=0, out=tmp_path / "run").fit(table, heights)

    assert (tmp_path / "run" / "report.html").exists()
    assert (tmp_path / "run" / "model" / "model.json").exists()
    with pytest.raises(ConfigError, match="not empty"):
        model.fit(table, heights)


def test_settings_are_checked_in_fit():
    """`__init__` stores what it is given; `fit` refuses what makes no sense."""
    X, y = np.random.default_rng(0).normal(size=(ROWS, 2)), np.arange(ROWS) % 2

    with pytest.raises(ConfigError, match="metric"):
        BurnishClassifier(metric="rmse").fit(X, y)
    with pytest.raises(ConfigError, match="cannot both be given"):
        BurnishClassifier(time_limit=1, max_epochs=3).fit(X, y)
    with pytest.raises(DataError, match="one class"):
        BurnishClassifier().fit(X, np.zeros(ROWS))


@pytest.mark.slow
def test_more_epochs_do_the_whole_job(table, heights):
    """With `max_epochs` remedies are tried, and a fit does not depend on the clock."""
    model = BurnishRegressor(start=SMALL, random_state=0, max_epochs=8_000)
    first, second = (clone(model).fit(table, heights) for _ in range(2))

    assert first.report_.summary.experiments
    np.testing.assert_array_equal(first.predict(table), second.predict(table))


@pytest.mark.slow
def test_the_number_of_workers_does_not_change_the_model():
    """One worker process or two: the same network, to the bit."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(ROWS, 2))
    y = np.abs(X[:, 0]) + np.abs(X[:, 1])
    one, two = (BurnishRegressor(start=SMALL, random_state=0, jobs=jobs).fit(X, y) for jobs in (1, 2))

    assert one.report_.summary.delivered.what == "network"
    np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_an_interrupt_reaches_the_caller():
    """Ctrl+C in a fit is a KeyboardInterrupt, as anywhere in Python."""
    X = np.random.default_rng(6).normal(size=(ROWS, 2))
    endless = Configuration(widths=(16,), batch_size=16, epochs=10**7)
    timer = threading.Timer(5.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        BurnishRegressor(start=endless, random_state=0).fit(X, X[:, 0])
    timer.cancel()

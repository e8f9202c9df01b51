"""Piecewise-linear encoding from quantiles to the delivered model, against a plain NumPy twin; bins do not learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from burnish.executors import fold_files, trainer
from burnish.model import layers
from burnish.predictor import weights
from burnish.train.work import Work
from reference import tiny


def twin(x: NDArray[np.floating], train: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """Row by row, column by column, bin by bin, in float64; shape (rows, numbers · count)."""
    out = np.zeros((len(x), x.shape[1] * count))
    for j in range(x.shape[1]):
        edges: list[float] = []
        for t in range(count + 1):
            edge = float(np.quantile(train[:, j].astype(np.float64), t / count))
            if not edges or edge > edges[-1]:
                edges.append(edge)
        for i in range(len(x)):
            for t in range(len(edges) - 1):
                width = max(edges[t + 1] - edges[t], layers.NARROWEST_BIN)
                out[i, j * count + t] = min(max((float(x[i, j]) - edges[t]) / width, 0.0), 1.0)
    return out


COLUMNS = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "heavy tail": lambda rng, rows: rng.standard_cauchy(size=rows),
    "two values": lambda rng, rows: rng.integers(0, 2, rows).astype(float),
    "five values": lambda rng, rows: rng.integers(0, 5, rows).astype(float),
    "mostly one value": lambda rng, rows: np.where(rng.random(rows) < 0.97, 0.0, rng.normal(size=rows)),
    "constant": lambda rng, rows: np.full(rows, 2.5),
    "narrow": lambda rng, rows: 1e-5 * rng.normal(size=rows),
}


@pytest.mark.parametrize("count", [1, 4, 16])
@pytest.mark.parametrize("name", COLUMNS)
def test_features_equal_their_twin(name, count):
    """On rows that placed the bins and on others, beyond both ends too; distributions that quantiles find hard."""
    rng = np.random.default_rng(0)
    train = np.stack([COLUMNS[name](rng, 200), rng.normal(size=200)], 1).astype(np.float32)
    other = np.concatenate([train[:20], rng.uniform(-8, 8, (30, 2))]).astype(np.float32)
    found = layers.piecewise(jnp.asarray(other), layers.quantile_bins(train, count))

    np.testing.assert_allclose(found, twin(other, train, count), atol=1e-4)


def test_a_column_of_two_values_becomes_steps_that_tell_them_apart():
    """The bins that are used rise from 0 to 1 between the two; the others are 0 for every row."""
    x = np.repeat([[-1.0], [1.0]], 50, axis=0).astype(np.float32)
    features = np.asarray(layers.piecewise(jnp.asarray(x), layers.quantile_bins(x, 8)))
    used = np.flatnonzero(features.any(axis=0))

    assert 1 <= len(used) < 8
    np.testing.assert_array_equal(features[:50], 0)
    np.testing.assert_array_equal(features[50:][:, used], 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("folds")
    fold_files.write(path, 0, tiny.fold("regression"))
    return path


def test_training_leaves_the_bins_where_they_were(folder, tmp_path):
    """Not even L2, weight decay, noise, clipping and momentum together move what the quantiles placed."""
    configuration = replace(
        tiny.SMALL, bins=5, norm="batch", l2=10.0, weight_decay=1.0, input_noise=0.3, clip_norm=0.1, dropout=0.2
    )
    outcome = trainer.Trainer(folder, tmp_path).run(Work("bins", configuration, 0, 1, 6))
    learned = weights.load(Path(outcome.weights))
    placed = layers.quantile_bins(tiny.fold("regression").train.inputs.x, 5)

    np.testing.assert_array_equal(learned["bins.low"], placed["low"])
    np.testing.assert_array_equal(learned["bins.inverse"], placed["inverse"])


def test_bins_are_placed_by_the_rows_that_train_and_no_others(folder, tmp_path):
    """On a part of the rows, as for a learning curve, by that part; dev rows have no say."""
    configuration = replace(tiny.SMALL, bins=5)
    run = trainer.Trainer(folder, tmp_path).run
    part, whole = (
        weights.load(Path(run(Work(f"rows {rows}", configuration, 0, 1, 1, rows=rows)).weights)) for rows in (40, None)
    )
    x = tiny.fold("regression").train.inputs.x

    np.testing.assert_array_equal(part["bins.low"], layers.quantile_bins(x[:40], 5)["low"])
    np.testing.assert_array_equal(whole["bins.low"], layers.quantile_bins(x, 5)["low"])
    assert np.abs(part["bins.low"] - whole["bins.low"]).max() > 0.01

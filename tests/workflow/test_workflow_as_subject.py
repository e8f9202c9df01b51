"""A run's network as the doctor's subject: the same functions, on one array of inputs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.data.inputs import InputSpec, Prepared
from burnish.doctor.lab import Lab
from burnish.model import ewa, kinds, layers
from burnish.train import hyperparameters
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.workflow import as_subject


def fold(task="classification", rows=40, vocabularies=(5, 3)):
    rng = np.random.default_rng(0)

    def part():
        codes = np.stack([rng.integers(0, size, rows) for size in vocabularies], axis=1).astype(np.int32)
        x = rng.normal(size=(rows, 4)).astype(np.float32)
        y = rng.integers(0, 3, rows).astype(np.int32) if task == "classification" else x[:, 0]
        return Part(Prepared(x, codes), y, np.ones(rows, np.float32))

    spec = InputSpec(numbers=3, flags=1, vocabularies=vocabularies)
    train, outputs = part(), 3 if task == "classification" else 1
    return FoldData(spec, task, outputs, TargetScale(), train, part(), np.arange(rows) % 2 == 0, train.inputs, rows)


def made(data, **changes):
    configuration = Configuration(widths=(8, 8), batch_size=16, epochs=2, **changes)
    shape = hyperparameters.architecture(configuration, data.inputs, outputs=data.outputs, task=data.task)
    return as_subject.subject(data, configuration, shape), shape


def test_categories_are_columns_and_read_back_also_where_they_are_standardised():
    data = fold()
    x = as_subject.packed(data.train.inputs, data.inputs.vocabularies)
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1)

    assert x.shape == (40, 4 + 5 + 3)
    for given in (x, (x - x.mean(axis=0)) / spread):
        _, codes = as_subject.unpacked(jnp.asarray(given), data)
        np.testing.assert_array_equal(codes, data.train.inputs.codes)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("changes", [{}, {"bins": 4}, {"dropout": 0.5, "input_noise": 0.3}])
def test_the_subject_says_what_the_engine_says(task, changes):
    data = fold(task)
    subject, shape = made(data, **changes)
    params = subject.init(jax.random.key(0))
    said = subject.apply(params, jnp.asarray(subject.train.x))
    whole = dict(params)
    if "bins" in changes:
        whole["bins"] = layers.quantile_bins(data.train.inputs.x[:, :3], changes["bins"])
        assert "bins" not in params, "bins are made of the rows, and not learned"
    given = data.train.inputs
    engine = kinds.of(shape).evaluation(shape, whole, (), jnp.asarray(given.x), jnp.asarray(given.codes))

    np.testing.assert_allclose(said, engine if task == "classification" else engine[:, 0], rtol=1e-6)
    subject.check()


def test_starts_differ_by_order_alone():
    """Each weight matrix holds the numbers that the engine would draw; biases stay 0."""
    subject, _ = made(fold())
    one, other = (subject.init(jax.random.key(seed)) for seed in (0, 1))

    assert float(jnp.abs(one["output"]["w"] - other["output"]["w"]).max()) > 1e-3
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(np.sort(np.ravel(a)), np.sort(np.ravel(b)))


def test_the_optimiser_is_the_engines():
    """Adam's first step is the learning rate, of whatever gradient; the decay and the clipping are in it."""
    subject, _ = made(fold(), learning_rate=0.01, decay="none", epsilon=0.0)
    params = subject.init(jax.random.key(0))
    updates, state = subject.optimizer.update(
        jax.tree.map(jnp.ones_like, params), subject.optimizer.init(params), params
    )

    for leaf in jax.tree.leaves(updates):
        np.testing.assert_allclose(leaf, -0.01, rtol=1e-3)
    assert int(state.step) == 1


def test_penalty_is_the_engines():
    subject, _ = made(fold(), l2=3.0)
    params = subject.init(jax.random.key(0))
    weights = [params["hidden"][0]["w"], params["hidden"][1]["w"], params["output"]["w"], *params["embedding"]]

    assert float(subject.penalty(params)) == pytest.approx(
        0.5 * 3.0 / 40 * sum(float(np.square(w).sum()) for w in weights), rel=1e-5
    )


def test_batch_norm_evaluates_by_the_averages_of_its_training():
    """As the engine does: corrected for how few mini-batches were seen, and no row hanging on another."""
    data = fold("regression")
    subject, shape = made(data, norm="batch", dropout=0.5)
    subject.check()
    lab = Lab(subject)
    x = jnp.asarray(subject.train.x)
    start = lab.start()
    params = lab.train(start, 3)[0].params

    averages = params["averages"]
    assert averages["steps"] == 3
    correction = ewa.correction(hyperparameters.BATCH_NORM_AVERAGE_DECAY, 3)
    statistics = jax.tree.map(lambda moment: moment * correction, averages["moments"])
    network = {name: part for name, part in params.items() if name != "averages"}
    given = data.train.inputs
    engine = kinds.of(shape).evaluation(shape, network, statistics, jnp.asarray(given.x), jnp.asarray(given.codes))
    np.testing.assert_allclose(subject.apply(params, x), engine[:, 0], rtol=1e-4, atol=1e-5)
    assert float(statistics[0]["variance"].min()) > 0
    assert subject.apply(start.params, x).shape == (40,)

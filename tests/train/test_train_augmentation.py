"""Mixup inside the step: what is mixed with what, that a program without it has nothing of it, and trainings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from burnish.data.inputs import InputSpec
from burnish.executors import trials
from burnish.model import kinds, noise, own_network
from burnish.model.noise import Noise
from burnish.model.own_model import OwnModel
from burnish.train import augmentation, hyperparameters, packing, slice
from burnish.train.augmentation import Batch
from reference import tiny

START = np.uint32(7)
mixup = jax.jit(augmentation.mixup)  # step by step each of its parts would be compiled
SEED = 3
MIXED = replace(tiny.SMALL, mixup=0.4)


def a_batch(rows: int = 6, used: int = 4, *, numbers: bool = False, weight=None) -> Batch:
    """Rows that say who they are: x is 2^row, and padding is far away."""
    counted = (np.arange(rows) < used).astype(np.float32)
    x = np.where(counted > 0, 2.0 ** (np.arange(rows) % 16), 1e6)[:, None].astype(np.float32)
    y = np.arange(rows).astype(np.float32 if numbers else np.int32)
    codes = np.arange(rows, dtype=np.int32)[:, None]
    return Batch(x, codes, y, (counted if weight is None else counted * weight).astype(np.float32), counted)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 3.0, 20.0])
def test_shares_are_the_upper_half_of_beta(alpha):
    """Against SciPy's quantiles; without α nothing is mixed."""
    expected = stats.beta(alpha, alpha).ppf(0.5 + np.linspace(0, 1, augmentation.PARTS + 1) / 2)

    np.testing.assert_allclose(augmentation.shares(alpha), expected, atol=2e-3)
    np.testing.assert_array_equal(augmentation.shares(0.0), 1)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_drawn_shares_are_distributed_as_beta(alpha):
    """Shares of 20,000 rows above some bounds, within four standard errors; float32 rounds the largest to 1."""
    batch = a_batch(20_000, 20_000)
    share = np.asarray(mixup(START, batch, augmentation.shares(alpha)).mixed.share)

    assert share.min() >= 0.5
    for bound in (0.52, 0.6, 0.75, 0.9, 0.99, 0.9999):
        expected = 2 * stats.beta(alpha, alpha).sf(bound)
        error = np.sqrt(expected * (1 - expected) / len(share))
        assert abs((share > bound).mean() - expected) < 4 * error


def test_each_row_is_mixed_with_the_next_that_counts_and_padding_with_none():
    """The last row takes the first; what is mixed can be told from powers of two."""
    batch = a_batch()
    made = mixup(START, batch, augmentation.shares(1.0))
    share = np.asarray(made.mixed.share)[:4]

    np.testing.assert_array_equal(made.mixed.codes[:4, 0], [1, 2, 3, 0])
    np.testing.assert_array_equal(made.mixed.y[:4], [1, 2, 3, 0])
    np.testing.assert_allclose(made.x[:4, 0], share * [1, 2, 4, 8] + (1 - share) * [2, 4, 8, 1], rtol=1e-6)
    np.testing.assert_array_equal(made.y, batch.y)  # classes stay: their losses are mixed
    np.testing.assert_array_equal(made.weight, [1, 1, 1, 1, 0, 0])
    assert len(np.unique(share)) == 4


def test_numbers_are_mixed_as_targets():
    """In the shares of the inputs."""
    made = mixup(START, a_batch(numbers=True), augmentation.shares(1.0))
    share = np.asarray(made.mixed.share)[:4]

    np.testing.assert_allclose(made.y[:4], share * [0, 1, 2, 3] + (1 - share) * [1, 2, 3, 0], atol=1e-6)


def test_a_row_of_no_weight_is_mixed_into_nothing():
    """A mixture counts for the product of its rows' weights, as if each stood in the table so often."""
    made = mixup(START, a_batch(weight=np.array([2, 0, 3, 1, 1, 1])), augmentation.shares(1.0))

    np.testing.assert_array_equal(made.weight, [0, 0, 3, 2, 0, 0])


def test_a_mini_batch_of_one_row_stays_as_it_is():
    """Its partner is itself."""
    batch = a_batch(3, 1, numbers=True)
    made = mixup(START, batch, augmentation.shares(1.0))

    np.testing.assert_allclose(made.x[0], batch.x[0])
    np.testing.assert_array_equal(made.y[0], batch.y[0])


def begin(configuration, fold):
    shape = hyperparameters.architecture(configuration, fold.inputs, outputs=fold.outputs, task=fold.task)
    data = packing.pack(fold)
    state = slice.start(shape, trials.start_parameters(configuration, shape, SEED), len(data.dev.y))
    return shape, hyperparameters.hyperparameters(configuration, SEED), state, data


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_gradient_is_that_of_mixed_inputs_and_targets(task):
    """Written out with shares of classes, of categories and of numbers; smoothed, weighted, and with padding."""
    fold = tiny.fold(task, rows=11, weighted=True)
    codes = np.random.default_rng(4).integers(0, 3, (11, 1)).astype(np.int32)
    train = replace(fold.train, inputs=replace(fold.train.inputs, codes=codes))
    fold = replace(fold, inputs=InputSpec(tiny.COLUMNS, 0, (3,)), train=train)
    smoothing = 0.1 if task == "classification" else 0.0
    shape, hp, state, data = begin(replace(MIXED, mixup=1.0, label_smoothing=smoothing), fold)

    @jax.jit
    def step(hp, state, data):
        batch = slice.mini_batch(shape, hp, state.step, data, order=jnp.arange(32), per_epoch=jnp.int32(1))
        return batch, *slice.gradient(shape, hp, state, batch, data.rows)

    batch, found, (mean, _) = step(hp, state, data)

    share = np.asarray(batch.mixed.share)[:11, None]
    following = np.roll(np.arange(11), -1)

    def mixed(values):
        return share * values + (1 - share) * values[following]

    x, weight = mixed(train.inputs.x), train.weight * train.weight[following]
    levels = mixed(np.eye(3)[codes[:, 0]])

    def cost(params):
        h = jnp.concatenate([x, levels @ params["embedding"][0]], axis=1)
        for layer in params["hidden"]:
            h = jax.nn.relu(h @ layer["w"] + layer["b"])
        z = h @ params["output"]["w"] + params["output"]["b"]
        if task == "regression":
            return (jnp.square(z - mixed(train.y[:, None])).sum(1) * weight).mean()
        target = mixed(np.eye(3)[train.y]) * (1 - smoothing) + smoothing / 3
        return -((jax.nn.log_softmax(z) * target).sum(1) * weight).mean()

    expected, gradient = jax.jit(jax.value_and_grad(cost))(state.params)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, gradient)


def test_an_own_model_reads_shares_of_levels():
    """Its columns of a category hold both levels, in the shares of the rows."""
    inputs = InputSpec(1, 0, (3,))
    model = OwnModel(lambda key, inputs, outputs: {"w": jnp.zeros(1)}, lambda params, x: x, "test:model")
    shape = own_network.architecture(
        model, inputs, outputs=4, task="classification", batch_size=2, augmentations=("mixup",)
    )
    mixed = noise.Mixed(jnp.array([0.75, 1.0]), np.array([[2], [0]], np.int32), np.zeros(2, np.int32))
    silent = Noise(START, jnp.zeros(0), jnp.float32(0), jnp.float32(0), mixed)
    codes = np.array([[0], [1]], np.int32)

    train = jax.jit(partial(kinds.of(shape).training, shape))
    z, _ = train({"w": np.zeros(1)}, np.ones((2, 1), np.float32), codes, np.ones(2, np.float32), silent)

    np.testing.assert_allclose(z, [[1, 0.75, 0, 0.25], [1, 0, 1, 0]])


def test_the_program_without_it_never_comes_near_it(monkeypatch):
    """Where no row is mixed, nothing of augmentation is traced, and nothing of it is handed over."""
    monkeypatch.setattr(augmentation, "apply", None)
    shape, hp, state, data = begin(tiny.SMALL, tiny.fold())

    assert hp.augmentation == {}
    jax.jit(partial(slice.train_slice, shape)).lower(hp, state, data, np.int32(0), np.bool_(True))
    with pytest.raises(TypeError):
        jax.eval_shape(partial(slice.train_slice, begin(MIXED, tiny.fold())[0]), hp, state, data, np.int32(0))


def test_mixup_trains_from_any_alpha_with_one_program(compilations):
    """Cut anywhere it is the same to the bit; with shares of 1 it is training without; α is traced."""
    fold = tiny.fold(weighted=True)
    shape, hp, state, data = begin(MIXED, fold)
    program = jax.jit(partial(slice.train_slice, shape))
    whole = program(hp, state, data, np.int32(36)).state
    pieces = program(hp, program(hp, state, data, np.int32(8)).state, data, np.int32(36)).state
    before = compilations()
    stronger = program(hyperparameters.hyperparameters(replace(MIXED, mixup=1.0), SEED), state, data, np.int32(36))
    assert compilations() == before

    jax.tree.map(np.testing.assert_array_equal, pieces, whole)
    far = [
        np.abs(a - b).max() for a, b in zip(*map(jax.tree.leaves, (stronger.state.params, whole.params)), strict=True)
    ]
    assert min(far) > 1e-3


@pytest.mark.slow
def test_shares_of_one_give_the_step_without_mixup():
    """Nothing of the partner is left in inputs, targets or gradients; rows weigh alike here."""
    fold = tiny.fold()
    plain_shape, plain_hp, state, data = begin(tiny.SMALL, fold)
    shape, hp, *_ = begin(MIXED, fold)
    unmixed = hp._replace(augmentation={"mixup": augmentation.shares(0.0)})
    order = np.arange(len(data.train.y), dtype=np.int32)
    one, other = (
        jax.jit(partial(slice.train_step, made))(values, state, data, order).params
        for made, values in ((plain_shape, plain_hp), (shape, unmixed))
    )

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), one, other)
    assert np.abs(one["output"]["w"] - state.params["output"]["w"]).max() > 0

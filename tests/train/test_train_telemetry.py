"""Steps of training seen from inside, against the steps themselves, closed forms, and layers made sick on purpose."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from burnish.data.inputs import InputSpec
from burnish.executors import trials
from burnish.model.own_model import OwnModel
from burnish.train import hyperparameters, packing, slice, telemetry
from burnish.train.configuration import Configuration
from reference import tiny

SEED = 3
# All that changes a step: clipping, dropout, noise, decay, a penalty, smoothing, mixed rows.
ALL = replace(
    tiny.SMALL, clip_norm=0.5, dropout=0.2, input_noise=0.1, weight_decay=0.1, l2=1.0, label_smoothing=0.1, mixup=0.4
)


def begin(configuration, fold):
    shape = hyperparameters.architecture(configuration, fold.inputs, outputs=fold.outputs, task=fold.task)
    data = packing.pack(fold)
    state = slice.start(shape, trials.start_parameters(configuration, shape, SEED), len(data.dev.y))
    return shape, hyperparameters.hyperparameters(configuration, SEED), state, data


def norms(tree) -> list[float]:
    return [float(np.linalg.norm(np.asarray(leaf))) for leaf in jax.tree.leaves(tree)]


def test_a_step_is_seen_as_it_is_made():
    """Loss, norms of gradients, weights and updates are those by which the next step changes the state."""
    shape, hp, state, data = begin(ALL, tiny.fold(weighted=True))
    train, see = jax.jit(partial(slice.train_slice, shape)), jax.jit(partial(telemetry.see, shape))
    before = train(hp, state, data, np.int32(9)).state
    after = train(hp, before, data, np.int32(10)).state
    seen = see(hp, before, data)
    moved = jax.tree.map(lambda a, b: np.asarray(a) - np.asarray(b), after.params, before.params)
    # Adam's average tells the clipped gradient.
    kept = jax.tree.map(lambda v, u: (np.asarray(v) - 0.9 * np.asarray(u)) / 0.1, after.averages[0], before.averages[0])

    assert int(seen.step) == 10
    np.testing.assert_allclose(seen.loss * 16, after.epoch_loss - before.epoch_loss, rtol=1e-4)
    np.testing.assert_allclose(seen.norm, after.epoch_norm - before.epoch_norm, rtol=1e-4)
    np.testing.assert_allclose(seen.weight, norms(before.params), rtol=1e-5)
    np.testing.assert_allclose(seen.update, norms(moved), rtol=1e-3)
    np.testing.assert_allclose(seen.gradient * (1 - seen.clipped), norms(kept), rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(seen.gradient), seen.norm, rtol=1e-5)
    assert 0 < float(seen.clipped) < 1
    assert not np.asarray(seen.not_finite).any()


def seen_of(params, activation, x, widths):
    """The first step of a network with these weights on these rows."""
    fold = tiny.fold("regression", rows=len(x))
    train = replace(fold.train, inputs=replace(fold.train.inputs, x=x.astype(np.float32)))
    fold = replace(fold, inputs=InputSpec(x.shape[1]), train=train)
    fold = replace(fold, dev=fold.train, half=np.arange(len(x)) % 2 == 0, probe=fold.train.inputs, probe_train=len(x))
    configuration = Configuration(widths=widths, activation=activation, batch_size=64)
    shape, hp, state, data = begin(configuration, fold)
    return jax.jit(partial(telemetry.see, shape))(hp, state._replace(params=params), data)


def layer(w, b=0.0):
    return {"w": np.asarray(w, np.float32), "b": np.full(len(w[0]), b, np.float32)}


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_scales_of_linear_layers_are_powers(factor):
    """Layers of `factor · I` give factor^l times the inputs; rows of padding do not count."""
    x = np.random.default_rng(0).normal(size=(40, 4))
    params = {"hidden": tuple(layer(factor * np.eye(4)) for _ in range(3)), "output": layer(np.ones((4, 1)))}
    seen = seen_of(params, "identity", x, (4, 4, 4))

    np.testing.assert_allclose(seen.rms, np.sqrt(np.mean(x**2)) * factor ** np.arange(1, 4), rtol=1e-5)
    assert np.isnan(seen.dead).all()
    assert np.isnan(seen.saturated).all()


def test_dead_and_saturated_units_are_counted():
    """Three of four ReLUs that no row reaches; two of four tanhs driven to ±1 by every row."""
    x = np.random.default_rng(0).uniform(0.5, 1, size=(40, 4))
    dying = {"hidden": (layer(np.diag([1, -1, -1, -1.0])),), "output": layer(np.ones((4, 1)))}
    driven = {"hidden": (layer(np.diag([0.1, 0.1, 50, -50.0])),), "output": layer(np.ones((4, 1)))}

    assert seen_of(dying, "relu", x, (4,)).dead.tolist() == [0.75]
    assert seen_of(driven, "tanh", x, (4,)).saturated.tolist() == [0.5]


def test_steps_are_powers_of_eight_and_the_last_within_the_capacity():
    """Also of the longest training that a step counter of 32 bits allows."""
    for total, expected in ((1, [1]), (6, [1, 6]), (12, [1, 8, 12]), (64, [1, 8, 64])):
        assert [done + 1 for done in range(total) if telemetry.next_step(done, total) == done + 1] == expected
    steps, done = 0, 0
    while done < 2**31 - 1:
        done, steps = telemetry.next_step(done, 2**31 - 1), steps + 1
    assert done == 2**31 - 1
    assert steps < telemetry.CAPACITY


def test_of_an_own_model_leaves_are_seen_and_no_layers():
    """Traced alone: nobody knows its layers."""
    model = OwnModel(
        lambda key, inputs, outputs: {"block": {"w": jax.numpy.ones((inputs, outputs))}, "scale": jax.numpy.ones(())},
        lambda params, x: x @ params["block"]["w"] * params["scale"],
        "test:model",
    )
    fold, c = tiny.fold(), Configuration(widths=(), model="test:model", batch_size=16, mixup=0.2)
    shape = hyperparameters.architecture(c, fold.inputs, outputs=fold.outputs, task=fold.task, own=model)
    data = packing.pack(fold)
    state = slice.start(shape, trials.start_parameters(c, shape, SEED), len(data.dev.y))
    seen = jax.eval_shape(partial(telemetry.see, shape), hyperparameters.hyperparameters(c, SEED), state, data)
    found = telemetry.joined(state.params, [jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), seen)])

    assert found is not None
    assert (found.leaves, found.layers, found.depth) == (("block.w", "scale"), (), ())
    assert (found.gradient.shape, found.rms.shape) == ((1, 2), (1, 0))

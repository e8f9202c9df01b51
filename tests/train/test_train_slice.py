"""Training against a NumPy network with its backward pass and optimiser written out; and what it must not depend on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import jax
import numpy as np
import pytest

from burnish.executors import trials
from burnish.model import random_bits
from burnish.train import batches, hyperparameters, packing, slice
from burnish.train.configuration import LEAST_WITH_BATCH_NORM, Configuration
from burnish.train.fold_data import FoldData
from burnish.train.work import Ending
from reference import tiny, training_twin

SEED, EPOCHS = 11, 3
# Adam with this ε is smooth where a gradient is nearly 0, so that float32 and float64 stay side by side.
TWIN = Configuration(widths=(8, 6), batch_size=16, epochs=EPOCHS, learning_rate=0.02, epsilon=1e-3, decay="inverse")


@cache
def program(shape):
    return jax.jit(partial(slice.train_slice, shape))


def shape_of(configuration: Configuration, fold: FoldData):
    return hyperparameters.architecture(configuration, fold.inputs, outputs=fold.outputs, task=fold.task)


def begin(configuration: Configuration, fold: FoldData, *, rows: int | None = None):
    """(program, hyperparameters, first state, data)."""
    shape = shape_of(configuration, fold)
    data = packing.pack(fold)
    data = data._replace(rows=np.int32(rows or data.rows))
    state = slice.start(shape, trials.start_parameters(configuration, shape, SEED), len(data.dev.y))
    return program(shape), hyperparameters.hyperparameters(configuration, SEED), state, data


def run(configuration: Configuration, fold: FoldData, *, cuts: tuple[int, ...] = (10**6,), rows: int | None = None):
    """The last result and all lines of the record, after slices that end at `cuts`."""
    call, hp, state, data = begin(configuration, fold, rows=rows)
    lines = []
    for cut in cuts:
        result = call(hp, state, data, np.int32(cut))
        state = result.state
        lines.append(np.asarray(result.record.values)[: int(result.record.length)])
    return result, np.concatenate(lines)


def orders(capacity: int, rows: int) -> list[np.ndarray]:
    """The order of rows of each epoch, which has tests of its own."""
    return [
        np.asarray(
            random_bits.sorted_order(
                random_bits.stream(np.uint32(SEED), slice.ORDER_STREAM, epoch), np.int32(rows), capacity
            )
        )[:rows]
        for epoch in range(EPOCHS)
    ]


def twin(configuration: Configuration, fold: FoldData, *, rows: int | None = None) -> training_twin.Trace:
    c = configuration
    used = rows or len(fold.train.y)
    params = begin(c, fold)[2].params
    tables = [
        training_twin.Table(p.inputs.x[:n].astype(np.float64), p.y[:n], p.weight[:n].astype(np.float64))
        for p, n in ((fold.train, used), (fold.dev, None))
    ]
    settings = training_twin.Settings(
        task=fold.task,
        batch_size=c.batch_size,
        optimizer=c.optimizer,
        rate=lambda step, epoch: c.learning_rate / (1 + c.decay_rate * epoch),
        epsilon=c.epsilon,
        l2=c.l2,
        weight_decay=c.weight_decay,
        clip_norm=c.clip_norm or np.inf,
        smoothing=c.label_smoothing,
        norm=c.norm,
    )
    return training_twin.train(params, *tables, settings, orders(packing.capacity(len(fold.train.y)), used))


CASES = {
    "plain": (TWIN, {}),
    "batch norm": (replace(TWIN, norm="batch"), {}),
    "l2": (replace(TWIN, l2=3.0), {}),
    "decoupled decay": (replace(TWIN, weight_decay=0.5), {}),
    "clipped": (replace(TWIN, clip_norm=0.3), {}),
    "smoothed": (replace(TWIN, label_smoothing=0.2), {}),
    "weighted rows": (TWIN, {"weighted": True}),
    "weighted rows under batch norm": (replace(TWIN, norm="batch"), {"weighted": True}),
    "momentum": (replace(TWIN, optimizer="momentum", learning_rate=0.3), {}),
    "last mini-batch of one row": (replace(TWIN, norm="batch"), {"used": 81}),
    "last mini-batch full": (replace(TWIN, norm="batch"), {"used": 80}),
    "fewer rows than a mini-batch": (replace(TWIN, norm="batch"), {"used": 12}),
    "one row": (TWIN, {"used": 1}),
    "half of the rows, for a learning curve": (replace(TWIN, l2=2.0), {"used": 37}),
    "regression": (TWIN, {"task": "regression"}),
}


@pytest.mark.parametrize("name", CASES)
def test_training_equals_the_numpy_twin(name):
    """Three epochs: weights, train and dev cost, gradient norm, epoch by epoch; of 83 rows, or of the first `used`."""
    configuration, settings = CASES[name]
    used = settings.get("used")
    fold = tiny.fold(**{key: value for key, value in settings.items() if key != "used"})
    result, record = run(configuration, fold, rows=used)
    trace = twin(configuration, fold, rows=used)
    actual, expected = result.state.params, trace.params[-1]

    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-3, atol=1e-4), actual, expected)
    np.testing.assert_array_equal(record[:, 0], [1, 2, 3])
    np.testing.assert_allclose(record[:, 1], trace.train_loss, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(record[:, 2], trace.dev_loss, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(record[:, 3], trace.gradient_norm, rtol=1e-3, atol=1e-6)
    best = int(np.argmin(trace.dev_loss))
    assert int(result.state.best_epoch) == best + 1
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-3, atol=1e-4),
        result.state.best_params,
        trace.params[best],
    )


LONG = replace(tiny.SMALL, dropout=0.2, input_noise=0.1, input_dropout=0.1)


@pytest.mark.parametrize(
    "cuts", [tuple(range(1, 37)), (5, 6, 7, 30, 36), (12, 36)], ids=["each step", "uneven", "epochs"]
)
def test_results_do_not_depend_on_where_slices_end(cuts):
    """State, record and predictions are the same to the bit, with dropout and noise on."""
    fold = tiny.fold()
    whole, record = run(LONG, fold)
    pieces, joined = run(LONG, fold, cuts=cuts)

    jax.tree.map(np.testing.assert_array_equal, pieces.state, whole.state)
    np.testing.assert_array_equal(joined, record)


def test_padding_does_not_change_what_is_learned():
    """The same rows in arrays twice as large: the order is another, so a full batch shows that nothing else is."""
    call, hp, state, data = begin(TWIN, tiny.fold(), rows=14)

    def doubled(rows: slice.Rows) -> slice.Rows:
        return slice.Rows(*(np.concatenate([a, np.zeros_like(a)]) for a in rows))

    wide = data._replace(train=doubled(data.train))
    few, many = (call(hp, state, d, np.int32(10**6)).state for d in (data, wide))

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), few.best_params, many.best_params)


def test_full_batch_cost_falls_at_every_step():
    """Plain gradient descent with a small learning rate on all rows at once (D1)."""
    configuration = replace(TWIN, optimizer="sgd", learning_rate=0.05, decay="none", epochs=40)
    _, record = run(configuration, tiny.fold(), rows=16)

    assert (np.diff(record[:, 1]) < 0).all()


def test_plain_descent_under_l2_shrinks_by_the_textbook_factor():
    """With no loss (weights of rows 0) each step multiplies W by (1 − αλ/m) and leaves biases alone."""
    fold = tiny.fold()
    silent = replace(fold, train=replace(fold.train, weight=np.zeros(83, np.float32)))
    configuration = replace(TWIN, optimizer="sgd", learning_rate=0.1, decay="none", l2=50.0)
    _, _, state, _ = begin(configuration, silent)
    result, _ = run(configuration, silent)
    factor = (1 - 0.1 * 50.0 / 83) ** (EPOCHS * 6)

    np.testing.assert_allclose(result.state.params["output"]["w"], state.params["output"]["w"] * factor, rtol=1e-5)
    np.testing.assert_array_equal(result.state.params["hidden"][0]["b"], 0)


def test_early_stopping_keeps_the_best_weights_and_stops_after_patience():
    """Labels that are noise: training ends `patience` epochs after the best dev cost, whose weights are kept."""
    fold = tiny.fold()
    noisy = replace(fold, dev=replace(fold.dev, y=np.random.default_rng(5).permutation(fold.dev.y)))
    configuration = replace(tiny.SMALL, epochs=60, patience=4, learning_rate=0.03, decay="none")
    result, record = run(configuration, noisy)
    best = int(np.argmin(record[:, 2])) + 1
    stopped = run(replace(configuration, patience=0), noisy, cuts=(best * 6,))[0]

    assert int(result.state.ending) == Ending.STOPPED_EARLY
    assert len(record) == best + 4 < 60
    assert int(result.state.best_epoch) == best
    np.testing.assert_array_equal(result.state.best_loss, record[:, 2].min())
    jax.tree.map(np.testing.assert_array_equal, result.state.best_params, stopped.state.params)


@pytest.mark.parametrize("rate", [1e30, np.inf])
def test_a_diverged_trial_says_so_and_keeps_finite_weights(rate):
    """The ending is a value, not an exception; the best weights so far stay usable."""
    result, record = run(replace(tiny.SMALL, learning_rate=rate, optimizer="sgd"), tiny.fold())

    assert int(result.state.ending) == Ending.DIVERGED
    assert len(record) <= 2
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.state.best_params))
    assert np.isfinite(result.probe_output).all()
    assert np.isfinite(result.state.dev_output).all()


def test_one_row_that_is_not_finite_ends_the_trial_at_once():
    """A NaN that slipped through preparation is a divergence in the first epoch, not a silent loss."""
    fold = tiny.fold()
    x = fold.train.inputs.x.copy()
    x[7, 2] = np.nan
    broken = replace(fold, train=replace(fold.train, inputs=replace(fold.train.inputs, x=x)))
    result, record = run(tiny.SMALL, broken)

    assert int(result.state.ending) == Ending.DIVERGED
    assert len(record) == 1


def test_dev_outputs_of_each_half_come_from_the_best_epoch_of_the_other():
    """No dev row helps to choose the weights that predict it (checked against outputs recorded epoch by epoch)."""
    fold = tiny.fold()
    # Half A likes early epochs and half B late ones, since A's labels are noise.
    y = fold.dev.y.copy()
    y[fold.half] = np.random.default_rng(1).permutation(y[fold.half])
    fold = replace(fold, dev=replace(fold.dev, y=y))
    configuration = replace(TWIN, decay="none", epochs=12, learning_rate=0.05)
    call, hp, state, data = begin(configuration, fold)
    outputs, halves = [], []
    for epoch in range(1, 13):
        state = call(hp, state, data, np.int32(epoch * 6)).state
        fresh = call(hp, state._replace(best_params=state.params), data, np.int32(0))
        assert int(fresh.state.step) == epoch * 6
        z = np.asarray(_evaluate(configuration, fold, state))
        loss = training_twin.row_losses(z.astype(np.float64), y, training_twin.Settings(fold.task, 16, "adam", float))
        outputs.append(z)
        halves.append([loss[fold.half].mean(), loss[~fold.half].mean()])
    best_a, best_b = np.argmin(halves, axis=0)
    final = np.asarray(state.dev_output)[: len(y)]

    assert best_a != best_b
    np.testing.assert_allclose(final[fold.half], outputs[best_b][fold.half], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(final[~fold.half], outputs[best_a][~fold.half], rtol=1e-5, atol=1e-6)


def _evaluate(configuration: Configuration, fold: FoldData, state: slice.State):
    """Outputs of the present weights on the dev rows, in NumPy."""
    settings = training_twin.Settings(fold.task, configuration.batch_size, configuration.optimizer, float)
    return training_twin.evaluate(training_twin.copy(state.params), [], fold.dev.inputs.x.astype(np.float64), settings)


def test_the_record_may_be_longer_than_one_slice_can_hold():
    """A slice ends when its record is full; the next one goes on, and no epoch is lost."""
    epochs = slice.RECORD_LENGTH + 10
    configuration = replace(tiny.SMALL, epochs=epochs)
    result, record = run(configuration, tiny.fold(), cuts=(10**6, 10**6), rows=16)

    assert int(result.state.ending) == Ending.COMPLETED
    np.testing.assert_array_equal(record[:, 0], np.arange(1, epochs + 1))


def test_new_hyperparameters_reuse_the_program(compilations):
    """Every traced value may change, and so may the number of rows: one compilation serves all."""
    fold = tiny.fold()
    run(tiny.SMALL, fold)
    before = compilations()
    changed = replace(
        tiny.SMALL,
        optimizer="nesterov",
        learning_rate=0.5,
        beta1=0.3,
        beta2=0.9,
        epsilon=1e-4,
        l2=1.0,
        weight_decay=0.1,
        dropout=(0.1, 0.4),
        input_dropout=0.1,
        label_smoothing=0.1,
        input_noise=0.2,
        initializer="glorot",
        init_scale=2.0,
        decay="one_cycle",
        decay_rate=0.3,
        warmup=0.1,
        clip_norm=1.0,
        epochs=4,
        patience=2,
    )
    run(changed, fold)
    run(tiny.SMALL, tiny.fold(rows=86))
    run(tiny.SMALL, fold, rows=40)

    assert compilations() == before
    # The counter counts: a program that has never been is one more.
    jax.jit(lambda x: x * 0.12345)(1.0)
    assert compilations() == before + 1


@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 18, 31, 32, 33, 49, 83])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 16, 128])
def test_each_row_is_in_exactly_one_mini_batch(rows, batch_size):
    """The places of an epoch are covered once; no mini-batch has a single row unless there is but one."""
    taken, sizes = [], []
    for index in range(-(-rows // batch_size)):
        places, counted = batches.positions(batch_size, np.int32(index), np.int32(rows))
        taken += list(np.asarray(places)[np.asarray(counted) > 0])
        sizes.append(int(counted.sum()))

    assert taken == list(range(rows))
    assert batch_size < LEAST_WITH_BATCH_NORM or rows == 1 or min(sizes) > 1
    assert float(counted[0]) == 1.0


def test_many_classes_and_tiny_folds_train():
    """300 classes on 83 rows, some never seen: finite all the way."""
    fold = tiny.fold()
    rng = np.random.default_rng(0)
    fold = replace(
        fold,
        outputs=300,
        train=replace(fold.train, y=rng.integers(0, 300, 83).astype(np.int32)),
        dev=replace(fold.dev, y=rng.integers(0, 300, 40).astype(np.int32)),
    )
    result, record = run(replace(tiny.SMALL, norm="batch", batch_size=128), fold)

    assert int(result.state.ending) == Ending.COMPLETED
    assert np.isfinite(record).all()

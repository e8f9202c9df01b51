"""E5 to E8: batch norm in training and at prediction, softmax, files; and a whole training made of the pieces."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import special

from burnish import errors, techniques
from reference import layers_twin, training_twin

LOGITS = arrays.arrays(np.float64, (4, 5), elements=st.floats(-1e4, 1e4))


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (100.0, 1e-2), (-3.0, 50.0)])
def test_batch_norm_and_its_gradients_equal_their_numpy_twins(mean, spread):
    rng = np.random.default_rng(0)
    z, out = rng.normal(mean, spread, (32, 4)), rng.normal(size=(32, 4))
    gamma, beta = rng.normal(1, 0.2, 4), rng.normal(size=4)
    expected, mu, variance, normed = layers_twin.batch_norm(z, gamma, beta)
    with jax.enable_x64(True):
        found, moments = techniques.batch_norm(jnp.asarray(z), gamma, beta)
        slopes = jax.grad(lambda *a: (techniques.batch_norm(*a)[0] * out).sum(), argnums=(0, 1, 2))(
            jnp.asarray(z), jnp.asarray(gamma), jnp.asarray(beta)
        )

    np.testing.assert_allclose(found, expected, atol=1e-8)
    np.testing.assert_allclose(moments.mean, mu, rtol=1e-9)
    np.testing.assert_allclose(moments.variance, variance * 32 / 31, rtol=1e-8)
    for slope, twin in zip(slopes, layers_twin.batch_norm_gradient(out, normed, variance, gamma), strict=True):
        np.testing.assert_allclose(slope, twin, rtol=1e-6, atol=1e-8)


def test_batch_norm_takes_a_bias_out_again_and_does_not_count_padding():
    """Why the layer has no b; and rows that only fill the mini-batch up change nothing."""
    z = jnp.asarray(np.random.default_rng(0).normal(size=(10, 3)))
    one = jnp.ones(3)
    plain, moments = techniques.batch_norm(z, one, one)
    shifted, _ = techniques.batch_norm(z + 7.0, one, one)
    padded, counted = techniques.batch_norm(
        jnp.concatenate([z, jnp.full((4, 3), 99.0)]), one, one, counted=jnp.array([1.0] * 10 + [0.0] * 4)
    )

    np.testing.assert_allclose(shifted, plain, atol=1e-4)
    np.testing.assert_allclose(padded[:10], plain, atol=1e-5)
    np.testing.assert_allclose(counted.variance, moments.variance, rtol=1e-5)


def test_running_moments_are_corrected_averages_of_unbiased_ones():
    """By hand in float64: v = 0.9 v + 0.1 θ over ten mini-batches and a smaller last one, over 1 − 0.9^t."""
    rng = np.random.default_rng(0)
    cuts = [rng.normal(2, 3, (rows, 2)) for rows in [8] * 10 + [2]]
    mean, variance, weight = np.zeros(2), np.zeros(2), 1.0
    with jax.enable_x64(True):
        state = techniques.running_moments_start(2)
        for z in cuts:
            _, moments = techniques.batch_norm(jnp.asarray(z), jnp.ones(2), jnp.zeros(2))
            state = techniques.running_moments_step(state, moments, share=len(z) / 8)
            keep = 0.9 ** (len(z) / 8)
            mean, variance = keep * mean + (1 - keep) * z.mean(0), keep * variance + (1 - keep) * z.var(0, ddof=1)
            weight *= keep
        found = techniques.running_moments_read(state)

    np.testing.assert_allclose(found.mean, mean / (1 - weight), rtol=1e-6)
    np.testing.assert_allclose(found.variance, variance / (1 - weight), rtol=1e-6)


def test_the_first_mini_batch_alone_gives_its_own_moments():
    z = jnp.asarray(np.random.default_rng(0).normal(5, 2, (16, 3)))
    _, moments = techniques.batch_norm(z, jnp.ones(3), jnp.zeros(3))
    found = techniques.running_moments_read(
        techniques.running_moments_step(techniques.running_moments_start(3), moments)
    )

    np.testing.assert_allclose(found.mean, z.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.variance, z.var(axis=0, ddof=1), rtol=1e-4)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(
    z=arrays.arrays(np.float32, (6, 3), elements=st.floats(-100, 100, width=32)),
    variance=arrays.arrays(np.float32, 3, elements=st.floats(0, 100, width=32)),
    place=st.integers(0, 5),
)
def test_one_row_alone_gets_the_answer_it_gets_in_a_batch(z, variance, place):
    moments = techniques.Moments(jnp.array([1.0, -2.0, 0.0]), jnp.asarray(variance))
    gamma, beta = jnp.array([1.0, 2.0, -1.0]), jnp.array([0.0, 1.0, 5.0])
    batch = techniques.batch_norm_prediction(jnp.asarray(z), gamma, beta, moments)
    alone = techniques.batch_norm_prediction(jnp.asarray(z[place : place + 1]), gamma, beta, moments)

    np.testing.assert_array_equal(alone[0], batch[place])
    expected = (z - [1, -2, 0]) / np.sqrt(variance + np.float64(1e-5)) * [1, 2, -1] + [0, 1, 5]
    np.testing.assert_allclose(batch, expected, rtol=1e-4, atol=1e-3)


def test_a_process_that_raises_where_ranks_are_promoted_can_use_every_piece():
    """One value a column goes with every row: mean, deviation, γ, β, the noise's scale."""
    x, one = jnp.asarray(np.random.default_rng(0).normal(size=(8, 3))), jnp.ones(3)
    with jax.numpy_rank_promotion("raise"):
        normed = jax.jit(techniques.fit_normaliser(np.asarray(x)))(x)
        out, moments = jax.jit(techniques.batch_norm)(normed, one, one)
        again = techniques.batch_norm_prediction(out, one, one, moments)
        noisy = techniques.feature_noise(jax.random.key(0), again, 0.1 * one)
        mixed, _ = techniques.mixup(jax.random.key(0), noisy, jnp.ones(8))
        loss = techniques.cross_entropy(techniques.inverted_dropout(jax.random.key(0), mixed, 0.9), jnp.zeros(8, int))
        averages = techniques.exponentially_weighted_average(loss[:, None] * one[None], 0.9, bias_correction=True)

    assert np.isfinite(averages).all()


@settings(derandomize=True, max_examples=60, deadline=None)
@given(z=LOGITS)
def test_softmax_sums_to_one_and_is_scipys_for_logits_of_ten_thousand(z):
    a = np.asarray(techniques.softmax(jnp.asarray(z, jnp.float32)))

    np.testing.assert_allclose(a.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(a, special.softmax(z.astype(np.float32), axis=1), rtol=1e-4, atol=1e-30)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(z=LOGITS, y=arrays.arrays(np.int32, 4, elements=st.integers(0, 4)))
def test_its_loss_is_scipys_and_the_gradient_is_softmax_less_target(z, y):
    logits, classes = jnp.asarray(z, jnp.float32), jnp.asarray(y)
    losses = np.asarray(techniques.cross_entropy(logits, classes))
    slope = np.asarray(jax.grad(lambda z: techniques.cross_entropy(z, classes).sum())(logits))
    given_z = z.astype(np.float32).astype(np.float64)

    np.testing.assert_allclose(losses, -special.log_softmax(given_z, axis=1)[np.arange(4), y], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(slope, special.softmax(given_z, axis=1) - np.eye(5)[y], atol=1e-5)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(z=st.floats(-1e4, 1e4))
def test_two_classes_are_a_sigmoid_in_value_and_in_gradient(z):
    def second(z):
        return techniques.softmax(jnp.stack([jnp.zeros_like(z), z]))[1]

    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(second)(jnp.asarray(z, jnp.float64))

    assert float(value) == pytest.approx(special.expit(z), rel=1e-12, abs=1e-300)
    assert float(slope) == pytest.approx(special.expit(z) * special.expit(-z), rel=1e-9, abs=1e-15)


def test_under_l2_two_outputs_carry_half_the_penalty_of_one():
    """w shared as −w/2 and w/2 has half the squares: the same function costs less."""
    w = jnp.array([[3.0], [-1.0]])

    one = techniques.l2_penalty([w], l2=1.0, rows=10)
    two = techniques.l2_penalty([jnp.concatenate([-w / 2, w / 2], axis=1)], l2=1.0, rows=10)
    assert float(two) == pytest.approx(float(one) / 2)


def trained(rows, classes, params, orders, *, decay: float):
    """Two layers, batch norm, Adam, L2 and a decaying rate: a person's own loop, made of the pieces alone."""
    x, y = rows
    m, size = len(y), 16
    rate = techniques.inverse_time_decay(0.05, 1.0, steps_per_epoch=-(-m // size))
    l2 = techniques.coupled_l2(l2=2.0, rows=m, mask=techniques.weights_only)
    tx = optax.chain(l2, techniques.adam(rate), techniques.decoupled_decay(rate, decay, mask=techniques.weights_only))
    state, moments = tx.init(params), techniques.running_moments_start(params["hidden"][0]["w"].shape[1])

    @jax.jit
    def step(params, state, moments, chosen, counted):
        def cost(p):
            layer = p["hidden"][0]
            z, seen = techniques.batch_norm(x[chosen] @ layer["w"], layer["gamma"], layer["beta"], counted=counted)
            out = jax.nn.relu(z) @ p["output"]["w"] + p["output"]["b"]
            return (techniques.cross_entropy(out, y[chosen]) * counted).sum() / counted.sum(), seen

        (loss, seen), gradients = jax.value_and_grad(cost, has_aux=True)(params)
        updates, state = tx.update(gradients, state, params)
        moments = techniques.running_moments_step(moments, seen, share=counted.sum() / size)
        return optax.apply_updates(params, updates), state, moments, loss

    epochs = []
    for order in orders:
        costs, counts = [], []
        for chosen, counted in zip(order.rows, order.counted, strict=True):
            params, state, moments, loss = step(params, state, moments, chosen, counted)
            costs.append(loss)
            counts.append(counted.sum())
        epochs.append(float(techniques.epoch_cost(jnp.stack(costs), jnp.stack(counts))))
    return params, techniques.running_moments_read(moments), epochs


def test_a_training_made_of_the_pieces_equals_the_plain_numpy_twin():
    """D1, D6, D7, B2, C3, E5 to E7 together, for five epochs of 83 rows: parameters, averages and costs."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 83)
    x = rng.normal(size=(3, 5))[y] + rng.normal(size=(83, 5))
    keys = jax.random.split(jax.random.key(0), 2)
    hidden = {"w": techniques.he(keys[0], (5, 8)), "gamma": jnp.ones(8), "beta": jnp.zeros(8)}
    params = {"hidden": (hidden,), "output": {"w": techniques.lecun(keys[1], (8, 3)), "b": jnp.zeros(3)}}
    orders = [techniques.mini_batches(jax.random.key(epoch), 83, batch_size=16) for epoch in range(5)]
    plain = [np.asarray(order.rows)[np.asarray(order.counted) > 0] for order in orders]
    twin = training_twin.train(
        params,
        training_twin.Table(x, y, np.ones(83)),
        training_twin.Table(x, y, np.ones(83)),
        training_twin.Settings(
            "classification",
            16,
            "adam",
            rate=lambda step, epoch: 0.05 / (1 + epoch),
            l2=2.0,
            weight_decay=0.3,
            norm="batch",
        ),
        plain,
    )
    with jax.enable_x64(True):
        params = jax.tree.map(lambda p: jnp.asarray(p, jnp.float64), params)
        found, moments, costs = trained((jnp.asarray(x), jnp.asarray(y)), 3, params, orders, decay=0.3)
        z = techniques.batch_norm_prediction(
            x @ found["hidden"][0]["w"], found["hidden"][0]["gamma"], found["hidden"][0]["beta"], moments
        )
        outputs = jax.nn.relu(z) @ found["output"]["w"] + found["output"]["b"]

    np.testing.assert_allclose(costs, twin.train_loss, rtol=1e-6)
    np.testing.assert_allclose(found["hidden"][0]["w"], twin.params[-1]["hidden"][0]["w"], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found["hidden"][0]["gamma"], twin.params[-1]["hidden"][0]["gamma"], rtol=1e-6)
    np.testing.assert_allclose(outputs, twin.dev_output[-1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimiser", ["momentum", "rmsprop", "adam"])
def test_batch_norm_learns_gamma_and_beta_under_each_optimiser(optimiser):
    """To put out 2 z_norm + 5, γ has to become 2 and β 5."""
    z = jnp.asarray(np.random.default_rng(0).normal(3, 4, (64, 1)))
    wanted = 2 * (z - z.mean()) / z.std() + 5
    tx = getattr(techniques, optimiser)(techniques.cosine_decay(0.3 if optimiser == "momentum" else 0.1, 400))

    def cost(p):
        return jnp.mean(jnp.square(techniques.batch_norm(z, p["gamma"], p["beta"])[0] - wanted))

    def step(carry, _):
        params, state = carry
        updates, state = tx.update(jax.grad(cost)(params), state)
        return (optax.apply_updates(params, updates), state), None

    start = {"gamma": jnp.ones(1), "beta": jnp.zeros(1)}
    params = jax.lax.scan(step, (start, tx.init(start)), length=400)[0][0]

    np.testing.assert_allclose([*params["gamma"], *params["beta"]], [2, 5], rtol=1e-2)


TREE = {
    "layers": [{"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.zeros(3, jnp.bfloat16)}],
    "counts": np.array([1, 2**40]),
    "scale": jnp.float16(0.5),
    "none": np.zeros((0, 3), np.float32),
}


def test_parameters_come_back_as_they_were(tmp_path):
    techniques.save_parameters(tmp_path / "net.safetensors", TREE)
    found = techniques.load_parameters(tmp_path / "net.safetensors", like=TREE)

    assert jax.tree.structure(found) == jax.tree.structure(TREE)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(TREE), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)


def test_the_file_is_read_by_the_formats_own_library_and_is_data(tmp_path):
    """Its header is JSON behind eight bytes of its length: nothing in it can run."""
    path = tmp_path / "net.safetensors"
    techniques.save_parameters(path, TREE)
    with safetensors.safe_open(path, "numpy") as file:
        names = set(file.keys())
        w = file.get_tensor("layers.0.w")
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])

    assert names == {"layers.0.w", "layers.0.b", "counts", "scale", "none"}
    np.testing.assert_array_equal(w, np.arange(6.0).reshape(2, 3))
    assert header["layers.0.b"]["dtype"] == "BF16"


@pytest.mark.parametrize(
    ("like", "said"),
    [
        ({"w": np.zeros((2, 2))}, "has shape"),
        ({"w": np.zeros((2, 3), np.float32)}, "has shape"),
        ({"v": np.zeros((2, 3))}, "is missing"),
        ({}, "does not have: w"),
    ],
    ids=["other shape", "other type", "other name", "too few"],
)
def test_a_file_of_another_network_is_refused(tmp_path, like, said):
    techniques.save_parameters(tmp_path / "net.safetensors", {"w": np.zeros((2, 3))})
    with pytest.raises(errors.DataError, match=said):
        techniques.load_parameters(tmp_path / "net.safetensors", like=like)


def test_files_that_cannot_be_used_are_refused(tmp_path):
    (tmp_path / "damaged").write_bytes(b"no weights")
    with pytest.raises(errors.StoreError):
        techniques.load_parameters(tmp_path / "damaged", like={})
    with pytest.raises(errors.StoreError):
        techniques.load_parameters(tmp_path / "missing", like={})
    with pytest.raises(errors.StoreError):
        techniques.save_parameters(tmp_path / "no folder" / "net", {"w": np.zeros(2)})
    with pytest.raises(errors.DataError, match=r"named 'a\.b'"):
        techniques.save_parameters(tmp_path / "net", {"a": {"b": np.zeros(2)}, "a.b": np.zeros(2)})

"""The monitor of a loop written by hand: sick loops are named, well ones raise no alarm."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from loops import codes, faults, loop, made
from subjects import clusters, perceptron

from burnish.diagnosis.finding import Severity
from burnish.doctor.monitor import Monitor


def test_a_well_loop_has_no_finding():
    found = loop(*made()).diagnosis()

    assert codes(found) == []
    assert found.ok
    assert len(found.layers) == 3
    assert found.document()["dev_error"] is None
    assert "nan" not in str(found)


@pytest.mark.parametrize("network", [True, False])
def test_not_a_number_is_told_with_its_step_and_its_place(network):
    """Division by a norm that becomes 0 has no derivative: the loss is finite, the gradient is not."""
    apply, params = made()
    params = {"net": params, "gate": jnp.ones(8)}

    def gated(params, x):
        return apply(params["net"], x + 0.0 * jnp.linalg.norm(params["gate"] * x[:1]))

    def vanish(batch, step):
        return (np.zeros_like(batch[0]) if step == 57 else batch[0], batch[1])

    [finding] = loop(gated, params, change=vanish, steps=80, network=network).diagnosis().findings

    assert finding.code == "NU4"
    assert "At step 57 the gradient of ['gate']" in finding.evidence
    assert "The loss was finite still" in finding.evidence
    assert finding.where == "['gate']"


def test_a_row_that_is_not_finite_is_what_is_named():
    def spoil(batch, step):
        if step == 13:
            batch[0][3, 2] = np.inf
        return batch

    [finding] = loop(*made(), change=spoil, steps=70).diagnosis().findings

    assert finding.code == "NU4"
    assert "At step 13 the input is not finite" in finding.evidence


def test_a_loop_that_diverges_is_told_where_it_did():
    one = made((8, 16, 16, 1))
    found = loop(*one, optimizer=optax.sgd(1e4), steps=70, loss=lambda z, y: jnp.square(z[:, 0] - y)).diagnosis()

    assert faults(found) == ["NU4"]


def test_a_leaf_without_a_gradient_is_named():
    apply, params = made()

    def cut(params, x):
        return apply([jax.tree.map(jax.lax.stop_gradient, params[0]), *params[1:]], x)

    found = loop(cut, params, network=False, steps=40).diagnosis()

    assert faults(found) == ["NU3"]
    assert "[0]['b'], [0]['w'] had a gradient of exactly 0 in all of 40 batches" in found.findings[0].evidence
    assert loop(cut, params, network=False, steps=40, frozen=["[0]"]).diagnosis().ok
    assert loop(cut, params, network=False, steps=19).diagnosis().ok, "19 batches prove nothing"


def test_a_leaf_that_the_optimiser_leaves_out_is_named():
    apply, params = made()
    labels = [jax.tree.map(lambda _: "still", params[0]), *jax.tree.map(lambda _: "moves", params[1:])]
    frozen = optax.multi_transform({"moves": optax.adam(3e-3), "still": optax.set_to_zero()}, labels)
    found = loop(apply, params, optimizer=frozen, network=False, steps=40).diagnosis()

    assert faults(found) == ["NU3"]
    assert "did not change by a single bit in 31 steps, in which others did, and had a gradient" in str(found)


def test_updates_that_are_not_applied_are_seen():
    found = loop(*made(), applied=False, network=False, steps=140).diagnosis()

    assert "NU3" in faults(found)
    assert (
        "not changed by a single bit" in found.findings[0].evidence or "by a single bit" in found.findings[0].evidence
    )


def test_gathered_gradients_and_warm_up_are_no_fault():
    """Updates of 0 in most steps, and in all of the first ones."""
    gathered = optax.MultiSteps(optax.adam(3e-3), every_k_schedule=25)
    warmed = optax.adam(optax.linear_schedule(0.0, 3e-3, 50, transition_begin=30))
    for optimizer in (gathered, warmed):
        assert faults(loop(*made(), optimizer=optimizer, network=False, steps=140).diagnosis()) == []


@pytest.mark.slow
def test_gradients_that_vanish_are_suspected():
    apply, params = made((8, *(16,) * 8, 4), activation=jax.nn.sigmoid, scale=0.3)
    found = loop(apply, params, optimizer=optax.sgd(0.1), steps=60).diagnosis()

    assert "NN3" in codes(found)
    assert faults(found) == []


@pytest.mark.slow
def test_scales_that_explode_are_suspected():
    apply, params = made((8, *(32,) * 8, 4), scale=1.0)
    found = loop(apply, params, optimizer=optax.sgd(1e-12), steps=60).diagnosis()

    assert "NN4" in codes(found)


def test_a_layer_that_is_dead_is_named():
    apply, params = made()
    params[1]["b"] = jnp.full_like(params[1]["b"], -1e3)
    found = loop(apply, params, steps=60).diagnosis()

    assert faults(found) == ["NN5"]
    assert found.findings[0].where == "[1]['w']"


@pytest.mark.slow
def test_saturated_units_are_a_note():
    apply, params = made((8, 16, 16, 4), activation=jnp.tanh)
    params[0]["w"] = params[0]["w"] * 200
    found = loop(apply, params, steps=60).diagnosis()

    assert "NN6" in codes(found)
    assert faults(found) == []


@pytest.mark.slow
def test_most_of_a_layer_dead_is_more_than_a_note():
    apply, params = made((8, 32, 32, 4))
    found = loop(apply, params, optimizer=optax.sgd(30.0), steps=60).diagnosis()

    assert {("NN5", Severity.LIMIT)} <= {(one.code, one.severity) for one in found.findings}


@pytest.mark.slow
def test_raw_inputs_and_raw_targets_are_told_apart():
    rows = clusters(600)
    raw = type(rows)(rows.x * 100 + 500, rows.y)
    far = type(rows)(rows.x, (rows.x @ np.arange(8) + 1e4).astype(np.float32)[:, None])
    inputs = loop(*made(), rows=raw, optimizer=optax.sgd(1e-7), steps=60).diagnosis()
    targets = loop(
        *made((8, 16, 1)), rows=far, optimizer=optax.sgd(1e-12), steps=60, loss=lambda z, y: jnp.square(z - y)[:, 0]
    ).diagnosis()

    assert "DA1" in codes(inputs), inputs.findings
    assert "NN14" in codes(targets)


@pytest.mark.slow
def test_a_loss_that_rises_and_one_that_stays_are_told_apart():
    apply, params = made()
    rises = loop(apply, params, optimizer=optax.chain(optax.scale(1e-3)), steps=240).diagnosis()  # uphill
    stays = loop(apply, params, optimizer=optax.sgd(1e-9), steps=240).diagnosis()

    assert faults(rises) == ["NU2"]
    assert "OP1" in codes(rises)
    assert "OP14" in codes(stays)


@pytest.mark.slow
def test_learning_by_heart_has_a_best_step():
    rows, dev = clusters(48), clusters(400, seed=2)
    found = loop(*made((8, 128, 4)), rows=rows, dev=dev, optimizer=optax.adam(1e-2), steps=480).diagnosis()

    [finding] = [one for one in found.findings if one.code == "BV11"]
    assert "After step" in finding.evidence
    assert found.ok


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_well_loops_raise_no_alarm(seed):
    """Networks, rates, activations and data of many kinds; notes on units may be, nothing else."""
    rng = np.random.default_rng(seed)
    activation = (jax.nn.relu, jnp.tanh, jax.nn.gelu)[seed % 3]
    sizes = (8, *(int(rng.integers(8, 65)),) * int(rng.integers(1, 5)), 4)
    gain = 2 if activation is jax.nn.relu else 1
    init, apply = perceptron(sizes, activation)
    params = jax.tree.map(lambda leaf: leaf * np.sqrt(gain / 2) if leaf.ndim == 2 else leaf, init(jax.random.key(seed)))
    rate = float(10 ** rng.uniform(-3, -2))
    found = loop(apply, params, rows=clusters(900, seed), dev=clusters(300, 77), optimizer=optax.adam(rate)).diagnosis()

    assert {*codes(found)} <= {"NN5", "NN6", "BV10", "BV11"}
    assert found.ok


@pytest.mark.slow
def test_a_small_convolutional_network_raises_no_alarm():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 600).astype(np.int32)
    patterns = rng.normal(size=(4, 8, 8, 1))
    x = (patterns[y] + rng.normal(size=(600, 8, 8, 1))).astype(np.float32)
    keys = jax.random.split(jax.random.key(0), 3)
    params = {
        "conv1": jax.random.normal(keys[0], (3, 3, 1, 8)) * np.sqrt(2 / 9),
        "conv2": jax.random.normal(keys[1], (3, 3, 8, 8)) * np.sqrt(2 / 72),
        "out": {"w": jax.random.normal(keys[2], (8, 4)) * np.sqrt(1 / 8), "b": jnp.zeros(4)},
    }

    def apply(params, x):
        for name in ("conv1", "conv2"):
            x = jax.lax.conv_general_dilated(
                x, params[name], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            x = jax.nn.relu(x)
        return x.mean(axis=(1, 2)) @ params["out"]["w"] + params["out"]["b"]

    found = loop(apply, params, rows=type(clusters(8))(x, y), steps=300).diagnosis()

    assert found.ok
    assert {*codes(found)} <= {"NN5"}
    assert len(found.layers) == 3


def test_how_outputs_go_with_the_loss_is_asked_without_a_training():
    """Softmax twice; (n, 1) against (n,), where each row is compared with the targets of all."""
    apply, params = made()
    twice = loop(lambda p, x: jax.nn.softmax(apply(p, x)), params, steps=30).diagnosis()
    rows = clusters(200)
    number = type(rows)(rows.x, rows.x[:, 0] + rows.x[:, 1])
    spread = loop(*made((8, 16, 1)), rows=number, loss=lambda z, y: jnp.mean(jnp.square(z - y)), steps=30).diagnosis()

    across = loop(lambda p, x: jax.nn.softmax(apply(p, x), axis=0), params, steps=30).diagnosis()

    assert "NU7" in faults(across)
    assert faults(twice) == ["NN8"]
    assert "takes them for logits" in twice.findings[0].evidence
    assert "NU7" in faults(spread)


def test_features_that_are_cut_off_are_no_dead_layer():
    """A `stop_gradient` behind layers that are alive; and a layer that is dead, with one behind it that is given 0."""
    apply, params = made()

    def cut(p, x):
        h = x
        for layer in p[:2]:
            h = jax.nn.relu(h @ layer["w"] + layer["b"])
        return jax.lax.stop_gradient(h) @ p[2]["w"] + p[2]["b"]

    detached = loop(cut, params, steps=30).diagnosis()
    params[0]["b"] = jnp.full_like(params[0]["b"], -1e3)
    died = loop(apply, params, steps=30).diagnosis()

    assert faults(detached) == ["NU3"]
    assert faults(died) == ["NN5"]
    assert died.findings[0].where == "[0]['w']"


def test_what_is_missing_and_left_out_of_the_loss_is_no_fault():
    x, y = np.ones((32, 3), np.float32), np.where(np.arange(32) % 4, 1.0, np.nan).astype(np.float32)
    monitor = Monitor()
    for step in range(3):
        monitor.record(step, params=jnp.ones(3), grads=jnp.ones(3), loss=1.0, batch=(x, y))
    assert monitor.diagnosis().ok
    monitor.record(3, params=jnp.ones(3), grads=jnp.ones(3), loss=np.nan, batch=(x, y))

    assert "At step 3 the target is not finite" in monitor.diagnosis().findings[0].evidence


def test_classes_numbered_from_one_are_told_of_a_loop_too():
    rows = clusters(64)
    found = loop(*made(), rows=type(rows)(rows.x, rows.y + 1), steps=3).diagnosis()

    assert "A target says class 4, and there are 4 outputs" in found.findings[0].evidence


@pytest.mark.slow
def test_branches_that_begin_at_zero_do_not_vanish():
    def apply(p, x):
        h = x @ p["in"]
        for a, b in p["branches"]:
            h = h + jax.nn.gelu(h @ a) @ b
        return h @ p["out"]

    keys = jax.random.split(jax.random.key(0), 6)
    branches = [(0.3 * jax.random.normal(key, (16, 16)), jnp.zeros((16, 16))) for key in keys[:5]]
    params = {"in": 0.3 * jax.random.normal(keys[5], (8, 16)), "branches": branches, "out": jnp.zeros((16, 4))}

    assert "NN3" not in codes(loop(apply, params).diagnosis())

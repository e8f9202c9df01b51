"""What a monitor may be given, what it refuses, and what it says of what is missing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from loops import faults, loop, made
from subjects import clusters, cross_entropy

from burnish import errors
from burnish.doctor import watched
from burnish.doctor.monitor import Monitor


def test_batches_of_other_forms_are_watched_without_layers():
    """Inputs in a dictionary, losses by row, parameters that are whole numbers among the others."""
    monitor = Monitor(lambda params, x: x["a"] @ params["w"], lambda z, y: jnp.square(z - y))
    params = {"w": jnp.ones((3, 1)), "count": jnp.int32(3)}
    for step in range(70):
        batch = ({"a": np.ones((8, 3), np.float32)}, np.ones((8, 1), np.float32))
        monitor.record(step, params=params, loss=np.full(8, np.nan if step == 66 else 1.0), batch=batch)
    found = monitor.diagnosis()

    assert [one.code for one in found.findings] == ["NU4"]
    assert "At step 66 the loss" in found.findings[0].evidence
    assert found.layers == ()


def test_a_call_inside_jit_is_refused():
    monitor = Monitor()

    with pytest.raises(errors.ConfigError, match="inside a function that JAX traces"):
        jax.jit(lambda w: monitor.record(0, params=w))(jnp.ones(3))


def test_trees_that_are_not_alike_and_steps_that_fall_are_refused():
    monitor = Monitor()
    monitor.record(5, params={"a": jnp.ones(3)})

    with pytest.raises(errors.ConfigError, match="has 2 arrays, and the parameters of the first step had 1"):
        monitor.record(6, params={"a": jnp.ones(3)}, grads={"a": jnp.ones(3), "b": jnp.ones(3)})
    with pytest.raises(errors.ConfigError, match="was recorded after step"):
        monitor.record(4, params={"a": jnp.ones(3)})


def test_gradients_of_other_parameters_are_refused():
    monitor = Monitor()
    monitor.record(0, params={"w": jnp.ones((3, 2))}, grads={"w": jnp.ones((3, 2))})

    with pytest.raises(errors.ConfigError, match=r"grads has an array of shape \(2, 3\) where .*'w'.* has \(3, 2\)"):
        monitor.record(1, params={"w": jnp.ones((3, 2))}, grads={"w": jnp.ones((2, 3))})


def test_what_was_not_looked_for_is_said_with_what_was_missing():
    apply, params = made()
    bare = Monitor()
    bare.record(0, params=params)
    whole = loop(apply, params, steps=30, dev=clusters(100)).diagnosis()

    assert whole.left_out == ()
    assert "Not looked at" not in str(whole)
    said = str(bare.diagnosis())
    for part in (
        "apply and loss were not handed over",
        "no grads were",
        "0 were recorded, and it takes 24",
        "no dev loss",
    ):
        assert part in said
    assert len(bare.diagnosis().document()["left_out"]) == 4


def test_parameters_may_have_counters_and_functions_among_them():
    """As modules have them that carry their activation: a leaf that no gradient is taken of."""
    apply, params = made()
    x, y = clusters(64).x, clusters(64).y
    monitor = Monitor(lambda p, x: p["last"](apply(p["net"], x)), cross_entropy)
    for step in range(2):
        tree = {"net": params, "step": jnp.int32(step), "last": jax.nn.softmax, "dropout": 0.1}
        grads = {"net": params, "step": None, "last": None, "dropout": None}  # as a filtered gradient has them
        monitor.record(step, params=tree, grads=grads, updates=grads, loss=1.0, batch=(x, y))
    found = monitor.diagnosis()

    assert faults(found) == ["NN8"]
    assert found.layers == ("['net'][0]['w']", "['net'][1]['w']", "['net'][2]['w']")


def test_parameters_that_were_given_away_are_missed_and_nothing_else():
    """A step that donates its arguments deletes what the monitor saw last: the layers after it are then not read."""
    monitor = Monitor(lambda w, x: x @ w, lambda z, y: jnp.square(z - y)[:, 0])
    step = jax.jit(lambda w: w * 0.9, donate_argnums=0)
    w, x = jnp.ones((3, 1)), np.ones((8, 3), np.float32)
    for number in range(3):
        monitor.record(number, params=w, loss=1.0, batch=(x, x[:, :1]))
        w = step(w)

    assert monitor.diagnosis().ok


@pytest.mark.slow
def test_batches_that_are_padded_to_their_own_longest_row_are_watched():
    """Layers are looked at on those as long as the first ones."""
    params = {"e": 0.3 * jax.random.normal(jax.random.key(0), (50, 8)), "w": jnp.ones((8, 3))}
    rng = np.random.default_rng(0)
    monitor = Monitor(lambda p, x: p["e"][x].mean(axis=1) @ p["w"], cross_entropy, params=params)
    for step, length in enumerate((10, 12, 10, 9)):
        batch = (rng.integers(0, 50, (8, length)), rng.integers(0, 3, 8))
        monitor.record(step, params=params, loss=1.0, batch=batch)

    assert monitor.diagnosis().ok


@pytest.mark.parametrize(
    ("form", "loss", "judged", "options"),
    [
        (lambda y: (y > 1) * 1.0, optax.sigmoid_binary_cross_entropy, True, {"task": "classification"}),
        (lambda y: (y > 1) * 1.0, optax.sigmoid_binary_cross_entropy, True, {}),
        (lambda y: y > 1, optax.sigmoid_binary_cross_entropy, True, {}),
        (lambda y: np.stack([y, y], axis=1), lambda z, y: jnp.square(z[:, None] - y).mean(axis=1), False, {}),
    ],
)
def test_targets_of_all_forms_are_watched(form, loss, judged, options):
    """What knowing nothing costs is known where one can tell what the targets are, and missed elsewhere."""
    apply, params = made((8, 1))
    rows = clusters(64)
    seen = watched.of(
        lambda p, x: apply(p, x)[:, 0], loss, [(rows.x, form(rows.y))], (params, params), **{"task": None} | options
    )

    assert (seen.exam is not None) is judged
    assert np.isfinite(seen.uninformed()) == judged

"""What an optimiser does, told from its answers."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.doctor import optimisers

PARAMS = {"w": jnp.arange(1.0, 7.0).reshape(2, 3), "b": jnp.ones(3)}
GRADIENTS = {"w": jnp.full((2, 3), 2.0), "b": jnp.full(3, -1.0)}
NORM = float(optax.tree.norm(GRADIENTS))


def updates(optimizer, params=PARAMS, gradients=GRADIENTS):
    return optimizer.update(gradients, optimizer.init(params), params)[0]


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (optax.sgd(0.1), 0),
        (optax.adam(0.1), 0),
        (optax.adamw(0.1, weight_decay=0.5), 1),
        (optax.adamw(0.1, weight_decay=-0.5), -1),
        (optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1)), 1),
        (optax.chain(optax.sgd(0.1), optax.add_decayed_weights(0.1)), -1),
        (optax.adamw(optax.linear_schedule(0.0, 0.1, 50), weight_decay=0.5), 1),
        (optax.adam(optax.linear_schedule(0.0, 0.1, 50)), 0),
        (optax.set_to_zero(), 0),
    ],
)
def test_decay_is_what_shrinks_parameters_without_a_gradient_or_lets_them_grow(optimizer, expected):
    assert optimisers.decays(optimisers.of(optimizer, PARAMS)) == expected


def test_without_decay_the_rest_is_the_same():
    found = updates(optimisers.without_decay(optax.adamw(0.1, weight_decay=0.5)))

    np.testing.assert_allclose(found["w"], updates(optax.adam(0.1))["w"], rtol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (optax.sgd(0.1), None),
        (optax.sgd(0.1, momentum=0.9), None),
        (optax.adam(0.1), None),
        (optax.chain(optax.clip_by_global_norm(100.0), optax.sgd(0.1)), None),
        (optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1)), 0.5),
        (optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1, momentum=0.9)), 0.5),
    ],
)
def test_the_norm_of_a_clip_is_told(optimizer, expected):
    """Of Adam it cannot be, as its first step does not depend on the gradient's size."""
    found = optimisers.clipping(optimisers.of(optimizer, PARAMS), GRADIENTS)

    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-3))


def test_unclipped_is_the_optimiser_without_its_clip():
    clipped = optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1))
    found = updates(optimisers.unclipped(clipped, 0.1 / NORM))

    np.testing.assert_allclose(found["w"], updates(optax.sgd(0.1))["w"], rtol=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (optax.sgd(0.1), (0.1, 0.0)),
        (optax.sgd(0.1, momentum=0.9), (0.1, 0.9)),
        (optax.sgd(0.1, momentum=0.99), (0.1, 0.99)),
        (optax.sgd(0.1, momentum=-0.9), (0.1, -0.9)),
        (optax.adam(0.1), None),
        (optax.adamw(0.1), None),
    ],
)
def test_momentum_is_what_is_left_of_an_answer(optimizer, expected):
    found = optimisers.momentum(optimisers.of(optimizer, PARAMS), GRADIENTS)

    assert found == (expected if expected is None else pytest.approx(expected, abs=1e-3))


ADAM = optax.adam(1e-3)
MANY = {"w": jnp.asarray(np.random.default_rng(0).normal(size=(20, 30)), jnp.float32), "b": jnp.zeros(30)}


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (optax.adam(1e-5), True),
        (optax.adamw(0.1, weight_decay=0.01), True),
        (optax.chain(optax.clip_by_global_norm(0.01), ADAM), True),
        (optax.adam(optax.linear_schedule(0.0, 0.1, 50)), True),
        (optax.sgd(0.1), False),
        (optax.sgd(0.1, momentum=0.9), False),
        (optax.rmsprop(1e-3), False),
        (optax.adadelta(1e-3), False),
        (optax.lion(1e-3), False),
        (optax.set_to_zero(), False),
    ],
)
def test_an_optimiser_is_known_by_the_way_it_takes(optimizer, expected):
    rng = np.random.default_rng(1)
    gradients = {"w": jnp.asarray(10.0 ** rng.uniform(-3, 0, (20, 30)), jnp.float32), "b": jnp.full(30, -0.1)}
    asked, adam = optimisers.of(optimizer, MANY), optimisers.of(ADAM, MANY)

    assert optimisers.alike(asked, adam, gradients) is expected

"""Every optimiser against the public optax transformations, or against its formula where optax has none."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.data.inputs import InputSpec
from burnish.model import initialise
from burnish.model.architecture import Perceptron
from burnish.train import optimizer
from burnish.train.configuration import Configuration
from burnish.train.hyperparameters import OPTIMIZERS, Hyperparameters, hyperparameters
from reference import optimizers_twin

STEPS = 50
RATE, BETA1, BETA2, EPSILON, DECAY = (np.float32(v) for v in (3e-3, 0.85, 0.98, 1e-6, 0.02))
ARCHITECTURE = Perceptron(
    inputs=InputSpec(numbers=3, flags=1, vocabularies=(6,)),
    outputs=2,
    task="classification",
    widths=(5, 4),
    activation="relu",
    norm="batch",
    bins=0,
    frequencies=2,
    residual=False,
    batch_size=8,
)
PARAMS = initialise.parameters(ARCHITECTURE, 7)
# Float32 rounding, gathered over fifty steps of about the learning rate each.
TOLERANCE = {"rtol": 2e-5, "atol": 2e-6}


def pull(params):
    """Gradient of a bent, badly scaled bowl: all gradients differ and turn their signs on the way."""
    return jax.tree.map(
        lambda p: 3.0 * p + jnp.sin(40.0 * p) * jnp.arange(1, p.size + 1).reshape(p.shape) / p.size, params
    )


def ours(configuration: Configuration, gradient: Callable = pull):
    hp = hyperparameters(configuration, 0)

    @jax.jit
    def step(hp: Hyperparameters, params, averages, t):
        return optimizer.update(params, gradient(params), averages, hp, step=t, rate=hp.learning_rate)

    params, zeros = PARAMS, jax.tree.map(np.zeros_like, PARAMS)
    averages = zeros, zeros
    for t in range(1, STEPS + 1):
        params, averages = step(hp, params, averages, np.int32(t))
    return params


def theirs(transformation: optax.GradientTransformation, gradient: Callable = pull):
    @jax.jit
    def step(params, state):
        updates, state = transformation.update(gradient(params), state, params)
        return optax.apply_updates(params, updates), state

    params, state = PARAMS, transformation.init(PARAMS)
    for _ in range(STEPS):
        params, state = step(params, state)
    return params


def decayed(params):
    """Which leaves are weights, said by name here so that the product's own answer is tested."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: any(getattr(key, "key", None) in ("w", "embedding") for key in path), params
    )


ORACLES = {
    "sgd": optax.sgd(RATE),
    "momentum": optax.chain(optax.ema(BETA1, debias=False), optax.scale(-RATE)),
    "rmsprop": optax.chain(optax.scale_by_rms(BETA2, EPSILON, eps_in_sqrt=False), optax.scale(-RATE)),
    "adam": optax.adam(RATE, BETA1, BETA2, EPSILON),
}


def configuration(name: str, **more) -> Configuration:
    return Configuration(
        widths=(5, 4),
        optimizer=name,
        learning_rate=float(RATE),
        beta1=float(BETA1),
        beta2=float(BETA2),
        epsilon=float(EPSILON),
        **more,
    )


def assert_trees_close(actual, expected) -> None:
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, **TOLERANCE), actual, expected)


def test_every_optimizer_has_an_oracle():
    """A new name in the registry must be compared with something here."""

    assert set(ORACLES) | {"nesterov"} == set(OPTIMIZERS)


@pytest.mark.parametrize("name", ORACLES)
def test_optimizer_equals_optax(name):
    """Fifty steps of ours end where fifty steps of optax end."""
    moved = ours(configuration(name))

    assert_trees_close(moved, theirs(ORACLES[name]))
    assert np.abs(moved["output"]["w"] - PARAMS["output"]["w"]).max() > 0.005


def test_nesterov_equals_its_formula():
    """Nesterov in the form of momentum's average: one step of it ahead, β v + (1 − β) g."""
    moved, expected = ours(configuration("nesterov")), jax.tree.map(np.asarray, PARAMS)
    memories = jax.tree.map(optimizers_twin.Memory.like, PARAMS)
    pulled = jax.jit(pull)
    for _ in range(STEPS):
        gradients = pulled(expected)
        expected = jax.tree.map(
            lambda p, g, memory: (
                p
                - RATE
                * optimizers_twin.direction(
                    "nesterov", np.asarray(g, np.float64), memory, beta1=BETA1, beta2=BETA2, epsilon=EPSILON
                )
            ).astype(np.float32),
            expected,
            gradients,
            memories,
        )

    assert_trees_close(moved, expected)


def test_nesterov_is_not_momentum():
    """The two differ, so that the oracle of one could not pass the other."""
    a, b = ours(configuration("nesterov")), ours(configuration("momentum"))

    assert np.abs(a["output"]["w"] - b["output"]["w"]).max() > 1e-4


def test_decoupled_decay_equals_adamw_on_weights_only():
    """AdamW shrinks weights and embeddings; biases, γ, β and frequencies feel no decay."""
    expected = theirs(optax.adamw(RATE, BETA1, BETA2, EPSILON, weight_decay=DECAY, mask=decayed))

    assert_trees_close(ours(configuration("adam", weight_decay=float(DECAY))), expected)


def test_plain_descent_with_decay_shrinks_weights_by_its_factor():
    """Under SGD and a gradient of zero, weights shrink by (1 − α·decay) a step and nothing else moves."""
    moved = ours(configuration("sgd", weight_decay=5.0), lambda params: jax.tree.map(jnp.zeros_like, params))
    shrunk = (1 - float(RATE) * 5.0) ** STEPS
    expected = jax.tree.map(lambda p, weight: p * shrunk if weight else p, PARAMS, decayed(PARAMS))

    assert_trees_close(moved, expected)


def test_coupled_l2_equals_optax_added_decayed_weights():
    """The gradient of (λ/2m) Σ‖W‖² is (λ/m) W on weights: the same as optax's decay before Adam."""
    share = 0.7

    def gradient(params):
        penalty = jax.grad(lambda p: 0.5 * share * optimizer.squared_weights(p))(params)
        return jax.tree.map(jnp.add, pull(params), penalty)

    expected = theirs(
        optax.chain(optax.add_decayed_weights(share, mask=decayed), optax.adam(RATE, BETA1, BETA2, EPSILON))
    )

    assert_trees_close(ours(configuration("adam"), gradient), expected)


def test_bias_correction_gives_the_textbook_series():
    """θ = 40, 49, 45 at β = 0.9: averages 4.0, 8.5, 12.15 without correction; 40, 44.74, 44.83 with it."""
    memory = np.float32(0)
    plain, corrected = [], []
    hp = hyperparameters(Configuration(optimizer="momentum", beta1=0.9, learning_rate=1.0), 0)
    unbiased = hp._replace(corrected=np.float32(1))
    for t, theta in enumerate((40.0, 49.0, 45.0), start=1):
        for kind, kept in ((hp, plain), (unbiased, corrected)):
            tree, averages = optimizer.update(
                {"b": jnp.float32(0)},
                {"b": jnp.float32(theta)},
                ({"b": memory}, {"b": jnp.float32(0)}),
                kind,
                step=jnp.int32(t),
                rate=jnp.float32(1),
            )
            kept.append(-float(tree["b"]))
        memory = averages[0]["b"]

    np.testing.assert_allclose(plain, [4.0, 8.5, 12.15], rtol=1e-5)
    np.testing.assert_allclose(corrected, [40.0, 44.7368, 44.8339], rtol=1e-5)


@pytest.mark.parametrize("beta2", [0.9, 0.999, 0.9999])
def test_first_steps_of_adam_are_accurate(beta2):
    """With a constant gradient v̂ = g and ŝ = g², so every step is α g/(|g| + ε), from the very first one on."""
    hp = hyperparameters(Configuration(beta2=beta2), 0)
    tree, averages = {"b": jnp.float32(0)}, ({"b": jnp.float32(0)}, {"b": jnp.float32(0)})
    for t in (1, 2, 3, 4):
        moved, averages = optimizer.update(
            tree, {"b": jnp.float32(0.5)}, averages, hp, step=jnp.int32(t), rate=jnp.float32(1)
        )

        np.testing.assert_allclose(moved["b"], -1.0, rtol=1e-4)


def test_global_norm_is_the_norm_of_all_leaves_together():
    """Equal to optax's."""

    np.testing.assert_allclose(optimizer.global_norm(PARAMS), optax.tree.norm(PARAMS), rtol=1e-6)

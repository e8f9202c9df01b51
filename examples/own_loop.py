"""A training loop written by hand on concrete.csv, with a monitor in it: well, and with three faults.

burnish diagnose examples/own_loop.py:well
burnish diagnose examples/own_loop.py:too_fast
burnish diagnose examples/own_loop.py:forgotten_layer
burnish diagnose examples/own_loop.py:deep_sigmoid
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

TABLE = np.loadtxt(Path(__file__).with_name("concrete.csv"), delimiter=",", skiprows=1, dtype=np.float32)
STANDARDISED = (TABLE - TABLE.mean(axis=0)) / TABLE.std(axis=0)
TRAIN, DEV = np.split(np.random.default_rng(0).permutation(STANDARDISED), [700])


def network(sizes=(8, 64, 64, 1), activation=jax.nn.relu, gain=2.0):
    keys = jax.random.split(jax.random.key(0), len(sizes) - 1)
    params = [
        {"w": jax.random.normal(key, (a, b)) * jnp.sqrt(gain / a), "b": jnp.zeros(b)}
        for key, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]

    def apply(params, x):
        for layer in params[:-1]:
            x = activation(x @ layer["w"] + layer["b"])
        return (x @ params[-1]["w"] + params[-1]["b"])[:, 0]

    return apply, params


def squared_error(outputs, y):
    return jnp.square(outputs - y)


def train(monitor, apply, params, optimizer, epochs=30):
    def cost(params, x, y):
        return jnp.mean(squared_error(apply(params, x), y))

    @jax.jit
    def update(params, state, x, y):
        loss, grads = jax.value_and_grad(cost)(params, x, y)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss, grads, updates

    rng, state, step = np.random.default_rng(0), optimizer.init(params), 0
    monitor.watch(apply, squared_error, params=params)
    for _ in range(epochs):
        for rows in np.split(rng.permutation(len(TRAIN)), range(32, len(TRAIN), 32)):
            x, y = TRAIN[rows, :-1], TRAIN[rows, -1]
            params, state, loss, grads, updates = update(params, state, x, y)
            monitor.record(step, params=params, grads=grads, loss=loss, updates=updates, batch=(x, y))
            step += 1
        monitor.dev(step, cost(params, DEV[:, :-1], DEV[:, -1]))


def well(monitor):
    train(monitor, *network(), optax.adam(3e-3))


def too_fast(monitor):
    train(monitor, *network(), optax.sgd(3.0))


def forgotten_layer(monitor):
    apply, params = network()
    train(monitor, lambda p, x: apply([p[0], jax.lax.stop_gradient(p[1]), p[2]], x), params, optax.adam(3e-3))


def deep_sigmoid(monitor):
    train(monitor, *network((8, *(32,) * 8, 1), jax.nn.sigmoid, gain=1.0), optax.sgd(0.03))

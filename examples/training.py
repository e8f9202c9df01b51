"""A training of one's own on concrete.csv, as somebody might have written it: well, and with three faults.

burnish diagnose examples/training.py:well
burnish diagnose examples/training.py:raw_inputs
burnish diagnose examples/training.py:hasty
burnish diagnose examples/training.py:equal_weights
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

MEASURED = np.loadtxt(Path(__file__).with_name("concrete.csv"), delimiter=",", skiprows=1, dtype=np.float32)
# Some mixtures were measured twice: in training and in dev their error would not be that of a new one.
TABLE = MEASURED[np.unique(MEASURED[:, :-1], axis=0, return_index=True)[1]]
X, Y = TABLE[:, :-1], TABLE[:, -1]
STANDARDISED = (X - X.mean(axis=0)) / X.std(axis=0)
SIZES = (X.shape[1], 64, 64, 1)


def init(key):
    keys = jax.random.split(key, len(SIZES) - 1)
    return [
        {"w": jax.random.normal(k, (a, b)) * jnp.sqrt(2 / a), "b": jnp.zeros(b)}
        for k, a, b in zip(keys, SIZES[:-1], SIZES[1:], strict=True)
    ]


def apply(params, x):
    for layer in params[:-1]:
        x = jax.nn.relu(x @ layer["w"] + layer["b"])
    return (x @ params[-1]["w"] + params[-1]["b"])[:, 0]


def squared_error(outputs, y):
    return jnp.square(outputs - y)


def well(x=STANDARDISED, **changes):
    order = np.random.default_rng(0).permutation(len(Y))
    train, dev = order[:670], order[670:]
    y = (Y - Y.mean()) / Y.std()
    return {
        "init": init,
        "apply": apply,
        "loss": squared_error,
        "optimizer": optax.adam(3e-3),
        "train": (x[train], y[train]),
        "dev": (x[dev], y[dev]),
        "batch_size": 32,
        "epochs": 30,
    } | changes


def raw_inputs():
    return well(x=X, optimizer=optax.sgd(1e-3))


def hasty():
    return well(optimizer=optax.adam(1.0))


def equal_weights():
    return well(init=lambda key: jax.tree.map(lambda leaf: jnp.full_like(leaf, 0.1), init(key)))

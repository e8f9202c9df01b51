"""A network with a hand-written rule of differentiation: `burnish check examples/gradients.py:cost`.

`broken_cost` has a fault that training would hide: its bias learns at a sixteenth of the rate that it should.
"""

import jax
import jax.numpy as jnp
import numpy as np


@jax.custom_vjp
def linear(h, w, b):
    return h @ w + b


def forward(h, w, b):
    return linear(h, w, b), (h, w)


def backward(kept, g):
    h, w = kept
    return g @ w.T, h.T @ g, g.sum(axis=0)


linear.defvjp(forward, backward)


@jax.custom_vjp
def broken(h, w, b):
    return h @ w + b


broken.defvjp(forward, lambda kept, g: (*backward(kept, g)[:2], g.mean(axis=0)))  # the mean, and not the sum


def network(params, x, y, layer):
    h = jax.nn.relu(layer(x, params["hidden"]["w"], params["hidden"]["b"]))
    z = h @ params["output"]["w"] + params["output"]["b"]
    penalty = sum(jnp.square(part["w"]).sum() for part in params.values())
    return jnp.square(z[:, 0] - y).mean() + 0.01 / 2 * penalty


def cost(params, x, y):
    """The whole cost: the mean over the rows, and the L2 penalty."""
    return network(params, x, y, linear)


def broken_cost(params, x, y):
    return network(params, x, y, broken)


def example():
    """What to check at: the parameters, and then the further arguments. A few rows are enough."""
    rng = np.random.default_rng(0)
    params = {
        "hidden": {"w": rng.normal(size=(5, 32)) / np.sqrt(5), "b": np.zeros(32)},
        "output": {"w": rng.normal(size=(32, 1)) / np.sqrt(32), "b": np.zeros(1)},
    }
    return params, rng.normal(size=(16, 5)), rng.normal(size=16)

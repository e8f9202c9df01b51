"""A model of one's own, for `burnish improve DATA --target COL --model examples/own_model.py:model`.

Products of columns beside a small network: what an engineer might know about mixtures, written in plain JAX.
"""

import jax
import jax.numpy as jnp

WIDTH = 64


def init(key, inputs, outputs):
    """Starting parameters for tables of so many prepared columns; any tree of arrays."""
    keys = jax.random.split(key, 4)

    def weights(key, fan_in, fan_out):
        return jax.random.normal(key, (fan_in, fan_out)) / jnp.sqrt(fan_in)

    return {
        "left": weights(keys[0], inputs, WIDTH),
        "right": weights(keys[1], inputs, WIDTH),
        "hidden": {"w": weights(keys[2], 2 * WIDTH, WIDTH), "b": jnp.zeros(WIDTH)},
        "output": {"w": weights(keys[3], WIDTH, outputs), "b": jnp.zeros(outputs)},
    }


def apply(params, x, *, key=None):
    """A mini-batch (rows, inputs) to (rows, outputs): logits, or standardised numbers. In training there is a key."""
    left, right = x @ params["left"], x @ params["right"]
    h = jnp.concatenate([jnp.tanh(left), jnp.tanh(left * right)], axis=1)
    if key is not None:  # dropout, in training alone
        h = jnp.where(jax.random.bernoulli(key, 0.9, h.shape), h / 0.9, 0.0)
    h = jax.nn.silu(h @ params["hidden"]["w"] + params["hidden"]["b"])
    return h @ params["output"]["w"] + params["output"]["b"]


model = (init, apply)

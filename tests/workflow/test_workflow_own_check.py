"""What is refused of a person's own model before anything is trained, and what is not."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.data.inputs import InputSpec
from burnish.errors import ConfigError
from burnish.model.own_model import OwnModel
from burnish.workflow import own_check

INPUTS = InputSpec(3)


def init(key, inputs, outputs):
    return {"w": jax.random.normal(key, (inputs, outputs)), "b": jnp.zeros(outputs)}


def apply(params, x, *, key=None):
    h = x if key is None else jnp.where(jax.random.bernoulli(key, 0.9, x.shape), x / 0.9, 0.0)
    return h @ params["w"] + params["b"]


def checked(init=init, apply=apply, outputs=2):
    task = "classification" if outputs > 1 else "regression"
    return own_check.check(OwnModel(init, apply, "mine.py:model"), INPUTS, outputs=outputs, task=task)


@pytest.mark.parametrize("outputs", [1, 2])
def test_sound_model_passes(outputs):
    """Dropout by the key mixes no rows; what passes is described."""
    assert checked(outputs=outputs).parameters == 3 * outputs + outputs


def batch_norm(params, x):
    return (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-5) @ params["w"]


def batch_norm_in_training(params, x, *, key=None):
    return x @ params["w"] if key is None else batch_norm(params, x)


def branching(params, x):
    return x @ params["w"] if x.sum() > 0 else x @ -params["w"]


def by_numpy(params, x):
    return np.tanh(np.asarray(x)) @ params["w"]


@pytest.mark.parametrize(
    ("fault", "what", "remedy"),
    [
        ({"apply": batch_norm}, "mixes rows", "layer norm"),
        ({"apply": batch_norm_in_training}, "mixes rows", "layer norm"),
        ({"apply": lambda params, x: x[::-1] @ params["w"]}, "mixes rows", "layer norm"),
        ({"apply": lambda params, x: (x @ params["w"])[:, 0]}, r"shape \(8,\)", "both axes"),
        ({"apply": lambda params, x: x}, r"shape \(8, 3\)", "`outputs` units"),
        ({"apply": branching}, r"cannot be compiled \(line \d+\)", "jnp.where"),
        ({"apply": by_numpy}, r"cannot be compiled \(line \d+\)", "jax.numpy for numpy"),
        ({"apply": lambda params, x: x @ params["v"]}, r"apply of mine.py:model fails \(line \d+\)", "mini-batch"),
        ({"apply": lambda params, x: jnp.log(-jnp.square(x @ params["w"]))}, "output that is not finite", "logarithms"),
        ({"apply": lambda params, x: jnp.sqrt(x @ params["w"] * 0.0)}, "gradient of w .* not finite", "roots of 0"),
        ({"apply": lambda params: params}, "apply of mine.py:model fails", "mini-batch"),
        ({"init": lambda key, inputs, outputs: {"w": 1.0}}, "nothing that can be learned", "tree"),
        ({"init": lambda key, inputs: {}}, "init of mine.py:model fails", "two whole numbers"),
        ({"init": lambda key, i, o: {"w": jnp.full((i, o), jnp.inf)}}, "makes w is not finite", "starting weights"),
        ({"init": lambda key, i, o: {"w": jnp.ones((i, o)), "key": key}}, "hold a random key", "a new key each step"),
        ({"init": lambda key, i, o: {"w": jnp.ones((i, o), complex)}}, "is complex", "two arrays"),
    ],
)
def test_fault_is_refused_in_three_lines(fault, what, remedy):
    """Each rule of the contract, broken: what and where, why, and what to do."""
    with pytest.raises(ConfigError, match=what) as caught:
        checked(**fault)
    assert "mine.py:model" in caught.value.what
    assert caught.value.why
    assert remedy in caught.value.remedy


def test_rounding_is_not_taken_for_mixed_rows():
    """Sums over thousands of units in another order for another number of rows move outputs a little."""

    def wide(key, inputs, outputs):
        one, other = jax.random.split(key)
        return jax.random.normal(one, (inputs, 4096)), jax.random.normal(other, (4096, outputs))

    assert checked(wide, lambda params, x: jnp.tanh(x @ params[0]) @ params[1]).parameters == 5 * 4096

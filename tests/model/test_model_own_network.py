"""A person's own model as one kind of network among others."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.data.inputs import InputSpec
from burnish.errors import ConfigError
from burnish.model import kinds, own_network
from burnish.model.architecture import Own
from burnish.model.noise import Noise
from burnish.model.own_model import OwnModel

INPUTS = InputSpec(2, 1, (3,))  # with the one-hot code: six columns
X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
CODES = np.array([[0], [2], [1], [2]], np.int32)


def init(key, inputs, outputs):
    """A linear model whose tree also holds what is not learned."""
    return {
        "w": jax.random.normal(key, (inputs, outputs)),
        "b": np.zeros(outputs),
        "scale": jnp.float32(2.0),
        "power": 3.0,
        "order": jnp.arange(inputs),
        "activation": jnp.tanh,
    }


def apply(params, x):
    h = x[:, params["order"]] @ params["w"] + params["b"]
    return params["activation"](h * params["scale"]) ** params["power"]


def made(apply=apply, init=init, inputs=INPUTS, outputs=2) -> Own:
    model = OwnModel(init, apply, "test:model")
    return own_network.architecture(model, inputs, outputs=outputs, task="classification", batch_size=4)


def noise(start: int = 0, rate: float = 0.0, deviation: float = 0.0) -> Noise:
    return Noise(jnp.uint32(start), jnp.zeros(0), jnp.float32(rate), jnp.float32(deviation))


def test_float_arrays_are_learned_and_all_else_stays():
    """Arrays of floats are parameters, by their paths; numbers, integer arrays and functions are the model's own."""
    shape = made()

    assert dict(shape.leaves) == {"w": (6, 2), "b": (2,), "scale": ()}
    assert shape.parameters == 6 * 2 + 2 + 1
    assert {name: a.dtype for name, a in own_network.parameters(shape, 1).items()} == dict.fromkeys(
        ("w", "b", "scale"), np.float32
    )


def test_evaluation_is_the_persons_apply_on_prepared_columns():
    """Numbers, flags, then a column for each level of a code; the outputs are those of the functions by themselves."""
    shape = made()
    params = own_network.parameters(shape, 5)
    columns = np.concatenate([X, np.eye(3, dtype=np.float32)[CODES[:, 0]]], axis=1)
    expected = apply({**init(jax.random.key(5), 6, 2), **params}, columns)

    found = kinds.of(shape).evaluation(shape, params, (), X, CODES)

    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_parameters_are_those_of_the_seed():
    """One seed, one start; `like` has the same names and shapes."""
    shape = made()
    one, again, other = (own_network.parameters(shape, seed)["w"] for seed in (1, 1, 2))

    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.1
    like = kinds.of(shape).like(shape)
    assert {name: a.shape for name, a in like.items()} == dict(shape.leaves)


def test_apply_gets_a_key_of_its_own_in_each_training_step_and_none_in_evaluation():
    """Keys differ from step to step, are the same for the same step, and evaluation has none."""
    seen = []

    def noisy(params, x, *, key=None):
        seen.append(key is None)
        drawn = 0.0 if key is None else jax.random.normal(key, (len(x), 1))
        return x @ params["w"] + drawn

    shape = made(noisy)
    params = own_network.parameters(shape, 0)

    def train(step: int) -> np.ndarray:
        return np.asarray(own_network.apply_training(shape, params, X, CODES, jnp.ones(4), noise(step))[0])

    np.testing.assert_array_equal(train(1), train(1))
    assert np.abs(train(1) - train(2)).max() > 0.1
    own_network.apply_evaluation(shape, params, (), X, CODES)
    assert seen == [False] * 4 + [True]


def test_input_noise_and_input_dropout_act_before_the_model():
    """They are burnish's: continuous columns take the noise, any column may be left out."""
    shape = made(lambda params, x: x, outputs=6)
    params = own_network.parameters(shape, 0)
    clean = own_network.apply_evaluation(shape, params, (), X, CODES)

    loud, _ = own_network.apply_training(shape, params, X, CODES, jnp.ones(4), noise(deviation=0.5))
    thin, _ = own_network.apply_training(shape, params, X, CODES, jnp.ones(4), noise(rate=0.5))

    assert (np.abs(loud - clean) > 0).any(axis=0).tolist() == [True, True, False, False, False, False]
    assert set(np.unique(np.round(thin / np.where(clean == 0, 1, clean), 4))) == {0.0, 2.0}


def test_matrices_are_decayed_and_vectors_are_not():
    """Whether a leaf is a weight goes by its number of axes, whatever it is called."""
    is_weight = kinds.of(made()).is_weight

    assert [is_weight((), np.zeros(shape)) for shape in ((2, 3), (2, 3, 4), (3,), ())] == [True, True, False, False]


def test_two_leaves_of_one_name_stay_two():
    """Names that paths would share are numbered, so that no array takes the place of another."""

    class Pair(NamedTuple):
        a: object

    def twice(key, inputs, outputs):
        return {"x.a": jnp.ones((inputs, outputs)), "x": Pair(jnp.zeros((inputs, outputs)))}

    shape = made(lambda params, x: x @ params["x.a"] + x @ params["x"].a, twice)

    assert len(dict(shape.leaves)) == 2
    found = own_network.apply_evaluation(shape, own_network.parameters(shape, 0), (), X, CODES)
    np.testing.assert_allclose(found[:, 0], X.sum(axis=1) + 1, rtol=1e-5)


def test_parameters_that_change_their_shape_with_the_key_are_refused():
    """What shapes a program depends on columns and outputs alone."""

    def moody(key, inputs, outputs):
        return jnp.zeros((int(jax.random.randint(key, (), 1, 1000)), outputs))

    shape = made(lambda params, x: x, moody)
    with pytest.raises(ConfigError, match="other parameters each time"):
        own_network.parameters(shape, 7)


def test_a_model_is_another_one_where_its_functions_are():
    """Two architectures are equal if their functions are the same objects: no program is taken for another's."""
    assert made() == made()
    assert hash(made()) == hash(made())
    assert made() != made(lambda params, x: apply(params, x))
    assert "0x" not in repr(made())  # the same text in every process

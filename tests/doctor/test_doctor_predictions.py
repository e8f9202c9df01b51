"""Rules on what a trained network says, on networks that are never trained and say what they are told to."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.doctor.examination import Examination
from burnish.doctor.rules import RULES
from burnish.doctor.subject import Rows, Subject

RULE = {rule.code: rule for rule in RULES}


def rows(count, seed, *, confused=0.0):
    """Two classes with log-odds of 3·x₀; where x₁ > 1 so many labels are changed."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3))
    y = rng.random(count) < 1 / (1 + np.exp(-3 * x[:, 0]))
    y ^= (x[:, 1] > 1) & (rng.random(count) < confused)
    return Rows(x.astype(np.float32), y.astype(np.int32))


def says(logit, **changes):
    """A network whose logit is this function of parameters and inputs, whatever it is taught."""
    given = Subject(
        init=lambda key: jax.random.normal(key, (1, 1)),
        apply=lambda p, x: logit(p, x)[:, None] + 0.0 * (x[:, :1] @ p),
        loss=lambda z, y: optax.sigmoid_binary_cross_entropy(z[:, 0], y),
        optimizer=optax.sgd(0.0),
        train=rows(200, 0),
        dev=rows(1000, 1),
        epochs=2,
        batch_size=100,
    )
    return replace(given, **changes)


def found(code, subject):
    return [one.finding.code for one in RULE[code].look(Examination(subject))]


def right(params, x):
    return 3 * x[:, 0]


SICK = {
    "BV12": says(right, dev=rows(1000, 1, confused=0.8)),
    "BV13": says(lambda p, x: 15 * x[:, 0]),
    "BV14": says(lambda p, x: 3 * x[:, 0] + 3),
    "BV15": says(lambda p, x: 3 * x[:, 0] * jnp.sign(p[0, 0])),
    "NN9": says(lambda p, x: 0 * x[:, 0]),
    "NN13": says(lambda p, x: -x[:, 0], apply_training=lambda p, x, key: right(p, x)[:, None]),
}


@pytest.mark.parametrize("code", SICK)
def test_it_is_found_where_it_is_so(code):
    assert found(code, SICK[code]) == [code]


@pytest.mark.parametrize("code", [*(code for code in SICK if code != "BV12"), "OP16"])
def test_it_is_not_found_where_all_is_well(code):
    """Dropout, which makes evaluation better than training, included."""
    subject = says(right, apply_training=lambda p, x, key: right(p, x)[:, None] * 0.5)

    assert found(code, subject) == []


def test_errors_that_are_as_many_everywhere_make_no_slice():
    """One label of ten is wrong, wherever it lies."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1000, 3)).astype(np.float32)
    even = Rows(x, ((x[:, 0] > 0) ^ (rng.random(1000) < 0.1)).astype(np.int32))

    assert found("BV12", says(lambda p, x: 2.2 * jnp.sign(x[:, 0]), dev=even)) == []


def test_a_training_that_was_done_early_is_told():
    """The weight grows to where the loss is lowest in a few of the steps."""
    subject = says(lambda p, x: 3 * x[:, 0], epochs=60)
    learns = replace(subject, apply=lambda p, x: x[:, :1] @ p, optimizer=optax.sgd(3.0))

    assert found("OP16", learns) == ["OP16"]


def test_a_slice_is_told_by_the_inputs_that_make_it():
    (one,) = RULE["BV12"].look(Examination(SICK["BV12"]))

    assert one.finding.where.startswith("input 1 > ")

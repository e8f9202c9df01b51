"""Sizes inside a network that no draw of its weights mends: what meets a layer (NN23), and what is squashed (NN6)."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.doctor.examination import Examination
from burnish.doctor.rules import initialisation, scales
from burnish.doctor.subject import Rows
from doctor.subjects import HEALTHY, found, perceptron, subject


def words(rows, seed=0):
    """Whether a code below 6 is more often there."""
    x = np.random.default_rng(seed).integers(0, 12, (rows, 7))
    return Rows(x.astype(np.int32), ((x < 6).sum(axis=1) > 3).astype(np.int32))


def looked_up(deviation):
    """Embeddings of this deviation, each through a layer, and their mean."""

    def init(key):
        keys = jax.random.split(key, 3)
        return {
            "table": deviation * jax.random.normal(keys[0], (12, 16)),
            "hidden": jax.random.normal(keys[1], (16, 32)) / 3,
            "out": jax.random.normal(keys[2], (32, 2)) / 6,
        }

    def apply(params, x):
        return jax.nn.relu(params["table"][x] @ params["hidden"]).mean(axis=1) @ params["out"]

    return subject(init=init, apply=apply, train=words(600), dev=words(400, 1))


def summed(places, mean=False):
    """Hidden units of each of several equal places, and their sum."""
    init, apply = perceptron((16, 16, 4))

    def pooled(params, x):
        wide = jnp.broadcast_to(x[:, None], (len(x), places, x.shape[1]))
        seen = jax.nn.relu(wide @ params["first"]).mean(axis=1)
        return apply(params["rest"], seen if mean else places * seen)

    def both(key):
        return {"first": jax.random.normal(key, (8, 16)) / 2, "rest": init(key)}

    return replace(HEALTHY, init=both, apply=pooled)


@pytest.mark.parametrize(
    ("sick", "said"),
    [(looked_up(100.0), "['hidden'] has a size of 1"), (summed(60), "['rest'][0]['w'] has a size of ")],
    ids=["table", "sum"],
)
def test_what_meets_a_layer_far_too_large_is_brought_to_one(sick, said):
    exam = Examination(sick)
    trial = initialisation.NN23.trial(exam)
    cured = Examination(trial.arms[0].program(sick))

    assert said in trial.why
    assert initialisation.NN23.trial(cured) is None


def test_a_sum_over_many_places_is_named_by_what_it_costs():
    assert "NN23" in found(summed(60), "NN23")


@pytest.mark.parametrize("well", [looked_up(1.0), looked_up(0.02), summed(60, mean=True), HEALTHY])
def test_usual_sizes_are_left_alone(well):
    assert initialisation.NN23.trial(Examination(well)) is None


def steep(factor):
    return replace(HEALTHY, apply=perceptron((8, 16, 16, 4), lambda z: jnp.tanh(factor * z))[1])


def test_what_is_squashed_far_too_large_however_weights_are_drawn_calls_for_another_activation():
    trial = scales.NN6.trial(Examination(steep(100.0)))

    assert "have lost 99 % of their slope on nearly all rows before the first step" in trial.why
    assert scales.NN6.trial(Examination(steep(1.0))) is None
    assert "NN6" in found(steep(100.0), "NN6")

"""Networks that do not bear what would be tried with them, and what only looks like a fault of theirs."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from burnish.doctor import ignorance, reach
from burnish.doctor.arms import Arm
from burnish.doctor.course import Course
from burnish.doctor.examination import Examination
from burnish.doctor.rule import Trial
from burnish.doctor.rules import RULES
from burnish.doctor.subject import Rows
from doctor import subjects

HEALTHY = subjects.subject(epochs=3)
RULE = {rule.code: rule for rule in RULES}


def looked(code, subject):
    return [one.finding for one in RULE[code].look(Examination(subject))]


def drawn(key, **shapes):
    keys = jax.random.split(key, len(shapes))
    return {name: jax.random.normal(k, shape) * 0.3 for k, (name, shape) in zip(keys, shapes.items(), strict=True)}


def features(params, x):
    return jnp.tanh(x @ params["w"] + params["b"])


def thresholds():
    """One score and three thresholds make four outputs, of a last layer that gives one number."""

    def init(key):
        return drawn(key, w=(8, 16), b=(16,), v=(16, 1)) | {"at": jnp.array([-1.0, 0.0, 1.0])}

    def apply(p, x):
        above = jax.nn.sigmoid(features(p, x) @ p["v"] - p["at"])
        edges = jnp.concatenate([jnp.ones_like(above[:, :1]), above, jnp.zeros_like(above[:, :1])], axis=1)
        return jnp.log(jnp.maximum(edges[:, :-1] - edges[:, 1:], 1e-6))

    return replace(HEALTHY, init=init, apply=apply)


def distances():
    """The nearest of four points: outputs of 0 at most, and the further away the larger the weights."""

    def apply(p, x):
        return -jnp.square((features(p, x) @ p["v"])[:, None] - p["at"]).sum(axis=2)

    return replace(HEALTHY, init=lambda key: drawn(key, w=(8, 16), b=(16,), v=(16, 2), at=(4, 2)), apply=apply)


@pytest.mark.parametrize("subject", [thresholds(), distances()], ids=["thresholds", "distances"])
def test_outputs_that_are_no_values_of_the_last_layer_are_not_replaced_by_them(subject):
    exam = Examination(subject)
    assert RULE["NN8"].tried(exam) is None
    assert [cause.finding.severity for cause in Course(exam).run().causes if cause.finding.code == "NN8"] == []


def test_what_moves_inwards_while_weights_grow_is_no_bound():
    assert reach.of(Examination(distances())) == reach.Reach(-np.inf, np.inf)


def test_an_output_that_overflows_above_keeps_its_bound_below():
    positive = subjects.regression(apply=lambda p, x: jnp.exp(subjects.regression().apply(p, x)))
    assert reach.of(Examination(positive)) == reach.Reach(0.0, np.inf)
    [found] = looked("NN8", positive)
    assert "above 0" in found.evidence
    assert "targets lie outside" in found.evidence


def seven_inputs(subject):
    return replace(subject, apply=lambda params, x: HEALTHY.apply(params, x[:, :7]))


def test_what_a_network_does_not_bear_is_named_and_not_tried():
    arms = Arm("seven inputs", subject=seven_inputs), Arm("half the rate")
    rule, exam = replace(RULE["OP11"], trial=lambda exam: Trial("", arms)), Examination(HEALTHY)
    assert rule.tried(exam).arms == arms[1:]
    assert exam.unable == {"OP11": "the network does not run with seven inputs"}


def test_a_proof_stands_without_a_cure_that_the_network_does_not_bear():
    found = RULE["NU2"].found("Updates go uphill.", arm=Arm("seven inputs", subject=seven_inputs))
    assert found.able(HEALTHY) == replace(found, arm=None)


def test_huge_inputs_that_saturate_a_network_are_not_ignored_by_it():
    """Seconds since 1970."""
    _, apply = subjects.perceptron((8, 16, 16, 4), jnp.tanh)
    huge = [Rows((1.7e9 + 1e6 * rows.x).astype(np.float32), rows.y) for rows in (HEALTHY.train, HEALTHY.dev)]
    saturated = replace(HEALTHY, apply=apply, train=huge[0], dev=huge[1])
    assert looked("NU8", saturated) == []
    assert len(looked("NU8", replace(saturated, apply=lambda p, x: apply(p, jnp.zeros_like(x))))) == 1


def test_a_mean_before_the_square_is_told_as_one_and_compared_row_by_row():
    subject = subjects.regression(loss=lambda z, y: jnp.square(jnp.mean(z - y)))
    [found] = RULE["NU7"].look(Examination(subject))
    assert "before outputs and targets of a row have met" in found.finding.evidence
    z, y = jnp.array([1.0, 3.0]), jnp.array([0.0, 0.0])
    assert_allclose(jnp.mean(found.arm.program(subject).loss(z, y)), 5.0)


def test_a_penalty_that_rewards_large_parameters_is_said_to():
    exam = Examination(replace(HEALTHY, penalty=lambda params: -0.1 * optax.tree.norm(params, squared=True)))
    assert "paid for" in RULE["OP9"].trial(exam).why
    exam = Examination(replace(HEALTHY, penalty=lambda params: 0.1 * optax.tree.norm(params, squared=True)))
    assert RULE["OP9"].trial(exam).why == "Large parameters cost something."


def test_units_with_biases_of_minus_ten_are_dead_and_not_equal():
    def init(key):
        return [{"w": layer["w"] * 0.1, "b": layer["b"] - 10.0} for layer in HEALTHY.init(key)]

    assert looked("NN1", replace(HEALTHY, init=init)) == []


def test_of_several_labels_a_constant_answer_is_what_can_be_reached_at_least():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8)).astype(np.float32)
    y = (rng.random((400, 3)) < [0.1, 0.9, 0.5]).astype(np.int32)
    answers = subjects.subject(
        (8, 16, 3),
        loss=lambda z, y: (optax.sigmoid_binary_cross_entropy(z, y) * jnp.where(y == 1, 50.0, 1.0)).mean(axis=1),
        train=Rows(x[:300], y[:300]),
        dev=Rows(x[300:], y[300:]),
    ).understood()
    always = ignorance.constant_errors(answers)
    assert always.mean() == pytest.approx(ignorance.error(answers), abs=0.03)
    exam = Examination(answers)
    budget = exam.budget(exam.measured)
    assert budget.floor.high < exam.measured.train.low  # answering no and yes alone would be better


@pytest.mark.parametrize(
    ("train", "dev", "expected"),
    [
        (np.array([0, 1, 1]), np.array([1, 0]), [0, 1]),
        (np.array([[0, 1, 1], [1, -1, 2]]), np.array([[1, 1, 0], [1, -1, -1]]), [1 / 3, 0]),
        (np.array([1.0, 3.0]), np.array([2.0, 4.0]), [0, 4]),
    ],
    ids=["classes", "a class at each place", "numbers"],
)
def test_errors_of_a_constant_answer(train, dev, expected):
    task = "regression" if train.dtype.kind == "f" else "classification"
    rows = (Rows(np.zeros((len(y), 2), np.float32), y) for y in (train, dev))
    subject = replace(HEALTHY, task=task, **dict(zip(("train", "dev"), rows, strict=True)))
    assert_allclose(ignorance.constant_errors(subject), expected)

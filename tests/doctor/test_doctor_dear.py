"""Dear trainings: what can be said after their first steps is not kept back until they have ended."""

from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

from burnish.doctor import examination, following
from burnish.doctor.course import Course
from burnish.doctor.diagnosis import examine
from burnish.doctor.examination import Examination
from doctor import subjects

HEALTHY = subjects.subject(epochs=20)
TO_THE_END = "Following the training to its end."


@pytest.fixture(autouse=True)
def dear(monkeypatch):
    """Any training of more than fifty steps."""
    monkeypatch.setattr(examination, "CHEAP", 0)
    monkeypatch.setattr(examination, "PROBE_STEPS", 50)


def told(subject):
    heard = []
    exam = Examination(subject)
    return exam, examine(exam, 0.0, heard.append), heard


def test_a_training_that_is_followed_in_two_parts_is_the_same_to_the_bit():
    exam, other = Examination(HEALTHY), Examination(HEALTHY)
    first = exam.followed
    exam.finish()
    whole = following.follow(other.lab, other.gauger, following._begun(other.lab, other.first), HEALTHY.steps)

    assert (len(first.trace.loss), first.steps[-1]) == (50, 50)
    assert exam.followed.trace.loss.tolist() == whole.trace.loss.tolist()
    assert set(whole.steps) <= set(exam.followed.steps)
    for one, two in zip(jax.tree.leaves(exam.followed.end), jax.tree.leaves(whole.end), strict=True):
        np.testing.assert_array_equal(one, two)


def test_one_that_diverges_at_once_has_ended():
    exam = Examination(replace(HEALTHY, optimizer=optax.sgd(1e30)))
    early = exam.followed
    exam.finish()

    assert exam.followed is early
    assert not early.finite


def test_a_proof_is_told_and_cured_before_the_training_has_ended():
    faulty = replace(HEALTHY, loss=lambda z, y: -subjects.cross_entropy(z, y))
    exam, found, heard = told(faulty)

    assert heard[1].startswith("Proved: NN8")
    assert not exam.following.ended, "it was the cured one that was followed"
    assert heard.count(TO_THE_END) == 1
    assert np.isnan(found.dev_error)
    assert found.repaired_error < 0.3
    assert found.document()["dev_error"] is None


def test_a_cause_that_a_probe_finds_is_confirmed_before_that():
    _, found, heard = told(replace(HEALTHY, optimizer=optax.adam(3.0)))
    confirmed = next(place for place, said in enumerate(heard) if said.startswith("Confirmed"))

    assert next(one.code for one in found.findings) == "OP1"
    assert confirmed < heard.index(TO_THE_END)


def test_what_is_read_off_the_end_is_read_there():
    exam, found, heard = told(HEALTHY)

    assert TO_THE_END in heard
    assert exam.followed.steps[-1] == HEALTHY.steps
    assert found.ok
    assert found.dev_error == exam.measured.dev.value
    assert "BV6" in [one.code for one in found.findings]


def test_what_only_the_end_shows_is_proved_there():
    """A leaf with a gradient that the optimiser never moves: nobody knows that after a few steps."""
    _, tree = jax.tree.flatten(HEALTHY.init(jax.random.key(0)))
    labels = jax.tree.unflatten(tree, ["still"] + ["moves"] * (tree.num_leaves - 1))
    optimizer = optax.multi_transform({"moves": optax.adam(3e-3), "still": optax.set_to_zero()}, labels)
    run = Course(Examination(replace(HEALTHY, optimizer=optimizer))).run()
    heard = []
    again = Course(Examination(replace(HEALTHY, optimizer=optimizer)), heard.append).run()

    assert "NU3" in [cause.finding.code for cause in run.causes]
    assert [cause.finding.code for cause in run.causes] == [cause.finding.code for cause in again.causes]
    assert heard.index(TO_THE_END) < next(place for place, said in enumerate(heard) if "NU3" in said)

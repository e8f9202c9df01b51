"""Inputs and targets that go together otherwise in dev than in training, or that training alone has together."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.diagnosis.finding import Severity
from burnish.doctor.course import Course
from burnish.doctor.examination import Examination
from burnish.doctor.rules import relations
from burnish.doctor.subject import Rows
from doctor import subjects

HEALTHY = subjects.subject(train=subjects.clusters(900), dev=subjects.clusters(600, seed=2))


def told(rule, subject):
    return [(one.finding.severity, one.finding.evidence) for one in rule.look(Examination(subject))]


def with_dev(change, subject=HEALTHY):
    return replace(subject, dev=change(subject.dev))


def rolled(rows):
    return Rows(np.roll(rows.x, -1, axis=1), rows.y)


def shuffled(rows):
    """As no few places would have it, of columns of unlike scales."""
    return Rows(rows.x[:, [3, 1, 7, 0, 2, 6, 5, 4]], rows.y)


def unlike(rows):
    return Rows((rows.x * 3.0 ** np.arange(8)).astype(np.float32), rows.y)


def test_columns_of_dev_that_moved_are_found_by_the_trained_network_and_moved_back():
    exam = Examination(with_dev(rolled))
    [found] = relations.DA33.look(exam)

    assert "input 0 stands at 7" in found.finding.evidence
    np.testing.assert_array_equal(found.arm.program(exam.subject).dev.x, HEALTHY.dev.x)


def test_columns_in_any_order_are_matched_by_their_values():
    subject = replace(HEALTHY, train=unlike(HEALTHY.train), dev=shuffled(unlike(HEALTHY.dev)))
    [found] = relations.DA33.look(Examination(subject))

    np.testing.assert_array_equal(found.arm.program(subject).dev.x, unlike(HEALTHY.dev).x)


@pytest.mark.slow
def test_moved_columns_are_the_only_cause_and_the_training_is_mended():
    course = Course(Examination(with_dev(rolled))).run()

    assert [cause.finding.code for cause in course.causes if cause.finding.severity is Severity.FAULT] == ["DA33"]
    assert course.repaired_error < 0.2


def test_an_input_whose_sign_is_turned_in_dev_goes_otherwise_with_the_classes():
    def turned(rows):
        return Rows(rows.x * np.where(np.arange(8) == 2, -1, 1).astype(np.float32), rows.y)

    [(severity, evidence)] = told(relations.DA5, with_dev(turned))
    assert severity is Severity.FAULT
    assert "input 2 most of all" in evidence


def test_an_input_that_is_mostly_one_value_says_nothing_of_it():
    """A point at the edge of images: in training the few rows that have ink are all of one class, in dev of another."""

    def inked(rows, code):
        x = rows.x.copy()
        x[:, 3] = 0
        x[np.flatnonzero(rows.y == code)[:25], 3] = 1
        return Rows(x, rows.y)

    assert told(relations.DA5, replace(HEALTHY, train=inked(HEALTHY.train, 1), dev=inked(HEALTHY.dev, 2))) == []


def test_so_does_one_of_numbers():
    subject = subjects.regression()
    tied = [abs(np.corrcoef(column, subject.train.y)[0, 1]) for column in subject.train.x.T]
    place = int(np.argmax(tied))

    def turned(rows):
        return Rows(rows.x * np.where(np.arange(8) == place, -1, 1).astype(np.float32), rows.y)

    [(severity, evidence)] = told(relations.DA5, with_dev(turned, subject))
    assert severity is Severity.FAULT
    assert f"input {place} most of all: its rank correlation is" in evidence


def test_codes_that_mean_something_else_in_dev_are_told():
    def words(rows, seed, named):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 2, rows).astype(np.int32)
        x = np.where(rng.random((rows, 6)) < 0.5, rng.integers(2, 12, (rows, 6)), y[:, None])
        return Rows(named[x].astype(np.int32), y)

    def init(key):
        one, two = jax.random.split(key)
        return {"table": jax.random.normal(one, (12, 8)), "out": jax.random.normal(two, (8, 2)) / 3}

    def apply(params, x):
        return jnp.tanh(params["table"][x].mean(axis=1)) @ params["out"]

    same, other = np.arange(12), np.roll(np.arange(12), 5)
    subject = subjects.subject(
        init=init,
        apply=apply,
        optimizer=optax.adam(1e-2),
        train=words(600, 0, same),
        dev=words(400, 1, other),
        epochs=5,
    )

    [(severity, evidence)] = told(relations.DA5, subject)
    assert severity is Severity.FAULT
    assert "code " in evidence
    assert told(relations.DA5, replace(subject, dev=words(400, 1, same))) == []


def scaled_class_by_class(rows):
    x = rows.x.copy()
    for code in np.unique(rows.y):
        own = rows.y == code
        x[own] = (x[own] - x[own].mean(axis=0)) / x[own].std(axis=0)
    return Rows(x, rows.y)


def filled_by_class(rows, seed=0):
    """A tenth of the cells is missing."""
    x, gaps = rows.x.astype(np.float64), np.random.default_rng(seed).random(rows.x.shape) < 0.1
    for code in np.unique(rows.y):
        own = rows.y == code
        means = np.nanmean(np.where(gaps[own], np.nan, x[own]), axis=0)
        x[own] = np.where(gaps[own], means, x[own])
    return Rows(x.astype(np.float32), rows.y)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (scaled_class_by_class, "8 of 8 inputs have the same mean in all 4 classes"),
        (filled_by_class, "gaps were filled"),
    ],
)
def test_what_only_targets_can_have_prepared_is_proved(change, said):
    [(severity, evidence)] = told(relations.DA34, replace(HEALTHY, train=change(HEALTHY.train)))

    assert severity is Severity.FAULT
    assert said in evidence


def every_corner(rows):
    """All of a cube's corners as often in each class: means of classes are the same by design."""
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * 8), axis=-1).reshape(-1, 8)
    x = np.tile(corners, (4, 1))
    return Rows(x.astype(np.float32), np.repeat(np.arange(4), 256).astype(np.int32))


def filled_for_all(rows):
    x = np.where(np.random.default_rng(0).random(rows.x.shape) < 0.1, rows.x.mean(axis=0), rows.x)
    return Rows(x.astype(np.float32), rows.y)


@pytest.mark.parametrize("well", [lambda rows: rows, every_corner, filled_for_all, unlike])
def test_what_needs_no_target_is_not(well):
    assert told(relations.DA34, replace(HEALTHY, train=well(HEALTHY.train))) == []


@pytest.mark.parametrize("rule", [relations.DA5, relations.DA33], ids=["DA5", "DA33"])
@pytest.mark.parametrize(
    "well",
    [
        HEALTHY,
        replace(subjects.subject((8, 128, 4)), train=subjects.clusters(120), epochs=80),  # learned by heart
        with_dev(
            lambda rows: rows.take(np.flatnonzero((rows.y > 0) | (np.arange(len(rows)) % 5 == 0)))
        ),  # other shares
        subjects.regression(),
        with_dev(lambda rows: Rows(rows.x + 1, rows.y)),  # another fault: DA2
        with_dev(lambda rows: Rows(3 * rows.x + 9, rows.y)),  # so far away that any change is for the better
    ],
    ids=["healthy", "variance", "shares", "numbers", "moved", "far"],
)
def test_dev_rows_that_are_like_training_rows_are_not_nor_other_faults(rule, well):
    assert told(rule, well) == []

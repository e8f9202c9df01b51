"""What knowing nothing costs, by losses of all kinds; and rows that are not finite."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.doctor import ignorance, probes
from burnish.doctor.course import Course
from burnish.doctor.examination import NOTHING_CHANGED, Examination
from burnish.doctor.lab import Lab
from burnish.doctor.rules import RULES
from burnish.doctor.subject import Rows
from doctor import subjects

RULE = {rule.code: rule for rule in RULES}


def knowing_nothing(train, loss, shape, **changes):
    """Of a network with outputs of this shape for each row."""
    subject = subjects.subject(
        init=lambda key: jnp.zeros(()), apply=lambda p, x: jnp.zeros((len(x), *shape)) + p, loss=loss, train=train,
        dev=train, **changes,
    )  # fmt: skip
    lab = Lab(subject.understood())
    return ignorance.uninformed(lab, jnp.zeros(()))


def rows(y):
    return Rows(np.zeros((len(y), 2), np.float32), y)


REAL = np.exp(np.random.default_rng(0).normal(size=(500,))).astype(np.float32)
CODES = (np.arange(500) % 10 == 0).astype(np.int32)
ENTROPY = -(0.1 * np.log(0.1) + 0.9 * np.log(0.9))


def of_shares(p, y):
    return -jnp.log(jnp.take_along_axis(p, y[:, None], axis=1)[:, 0])


def of_share(p, y):
    return -jnp.log(jnp.where(y == 1, p, 1 - p))


@pytest.mark.parametrize(
    ("y", "loss", "shape", "expected"),
    [
        (REAL, lambda z, y: jnp.square(z - y), (), REAL.var()),
        (REAL, lambda z, y: jnp.abs(z - y), (), np.abs(REAL - np.median(REAL)).mean()),
        (np.stack([REAL, 1000 + REAL], 1), lambda z, y: jnp.square(z - y).mean(axis=1), (2,), REAL.var()),
        (CODES, lambda z, y: 3 * subjects.cross_entropy(z, y), (2,), 3 * ENTROPY),
        (CODES, of_shares, (2,), ENTROPY),
        (CODES, lambda z, y: -jnp.take_along_axis(z, y[:, None], axis=1)[:, 0], (2,), ENTROPY),
        (CODES, lambda z, y: optax.sigmoid_binary_cross_entropy(z[:, 0], y), (1,), ENTROPY),
        (CODES, of_share, (), ENTROPY),
        (CODES, lambda z, y: jnp.square(z - y), (), 0.09),
        (CODES, lambda z, y: jnp.full(len(y), jnp.nan), (2,), np.nan),
    ],
)  # fmt: skip
def test_knowing_nothing_is_the_best_constant_by_ones_own_loss(y, loss, shape, expected):
    assert knowing_nothing(rows(y), loss, shape) == pytest.approx(expected, rel=0.02, nan_ok=True)


def test_the_error_of_a_constant_is_that_of_each_target_by_itself():
    both = rows(np.stack([REAL, 1000 + REAL], axis=1))
    init, apply = subjects.perceptron((2, 2))
    subject = subjects.subject(
        init=init, apply=apply, loss=lambda z, y: jnp.square(z - y).mean(axis=1), train=both, dev=both
    )

    assert Examination(subject).uninformed_error == pytest.approx(REAL.std(), rel=1e-4)


def small(x):
    return (0.1 * (np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2])).astype(np.float32)


def numbers(loss, **changes):
    init, apply = subjects.perceptron((8, 16, 1))
    x, x_dev = subjects.clusters(600).x, subjects.clusters(400, seed=2).x
    return subjects.subject(
        init=init, apply=lambda p, x: apply(p, x)[:, 0], loss=loss, train=Rows(x, small(x)),
        dev=Rows(x_dev, small(x_dev)), **changes,
    )  # fmt: skip


def of_one_class(given):
    return given.take(np.flatnonzero(given.y == 1))


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject",
    [
        numbers(lambda z, y: jnp.abs(z - y), epochs=40),
        subjects.subject(dev=of_one_class(subjects.clusters(1600, seed=2))),
    ],
    ids=["absolute error of small targets", "dev rows of one class"],
)
def test_what_learns_has_got_under_way(subject):
    exam = Examination(subject)

    assert [one for code in ("OP14", "NN9") for one in RULE[code].look(exam)] == []
    trained = probes.train(exam.lab, NOTHING_CHANGED, 0, steps=2, uninformed=exam.uninformed)
    assert len(np.unique(trained.losses)) > 9, "losses that tell arms apart"


def test_a_loss_has_a_bound_whatever_knowing_nothing_costs():
    lab = Lab(subjects.subject().understood())

    for uninformed in (0.0, -3.0, np.nan):
        trained = probes.train(lab, NOTHING_CHANGED, 0, steps=2, uninformed=uninformed)
        assert len(np.unique(trained.losses)) > 9


def with_a_hole(given, row=5):
    x = given.x.copy()
    x[row, 2] = np.nan
    return Rows(x, given.y)


def without_a_target(given, row):
    return Rows(given.x, np.where(np.arange(len(given)) == row, np.float32(np.nan), given.y))


CLASSES, NUMBERS = subjects.subject(epochs=3), numbers(lambda z, y: jnp.square(z - y), epochs=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "sick",
    [
        replace(CLASSES, dev=with_a_hole(CLASSES.dev, 7)),
        replace(NUMBERS, dev=with_a_hole(NUMBERS.dev, 7)),
        replace(NUMBERS, dev=without_a_target(NUMBERS.dev, 7)),
    ],
    ids=["classes", "numbers", "target"],
)
def test_a_dev_row_that_is_not_finite_is_named_and_nothing_breaks(sick):
    course = Course(Examination(sick)).run()
    told = [cause.finding for cause in course.causes]
    assert isinstance(course.readings, tuple)

    assert [one.where for one in told if one.code == "NU4"] == ["dev row 7"]
    assert "1 of 400 dev rows hold" in next(one.evidence for one in told if one.code == "NU4")


@pytest.mark.slow
def test_what_a_network_fills_in_itself_is_no_fault():
    init, apply = subjects.perceptron((16, 16, 4))

    def filling(params, x):
        known = jnp.isfinite(x)
        return apply(params, jnp.concatenate([jnp.where(known, x, 0), known.astype(x.dtype)], axis=1))

    subject = subjects.subject(
        init=init, apply=filling, train=with_a_hole(subjects.clusters(600)), dev=with_a_hole(subjects.clusters(400)),
        epochs=1,
    )  # fmt: skip

    assert list(RULE["NU4"].look(Examination(subject))) == []


@pytest.mark.slow
def test_a_loss_below_0_that_still_falls_was_not_done_early():
    subject = numbers(lambda z, y: 20 * jnp.square(z - y) - 3, epochs=2, optimizer=optax.sgd(1e-4))
    exam = Examination(subject)
    exam.followed.dev_loss[:] = np.linspace(1, -2, len(exam.followed.dev_loss))

    assert list(RULE["OP16"].look(exam)) == []

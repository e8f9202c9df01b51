"""Losses that aim at something else than the error, or take outputs for something else than targets."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.doctor.examination import Examination
from burnish.doctor.rules import fitting, losses
from burnish.doctor.subject import Rows
from doctor.subjects import HEALTHY, found, regression

TRIAL = losses.NN18.trial
POSITIVE = regression()
POSITIVE = replace(POSITIVE, train=Rows(POSITIVE.train.x, np.exp(POSITIVE.train.y / 10)))


def cross_entropy(z, y):
    return optax.softmax_cross_entropy_with_integer_labels(z, y)


def focal(sharpness):
    """Rows that are right already count for less (Lin et al. 2017)."""

    def loss(z, y):
        right = -cross_entropy(z, y)
        return -((1 - jnp.exp(right)) ** sharpness) * right

    return loss


def smoothed(part):
    return lambda z, y: optax.softmax_cross_entropy(z, optax.smooth_labels(jax.nn.one_hot(y, 4), part))


def quantile(share):
    return lambda z, y: jnp.maximum(share * (y - z), (share - 1) * (y - z))


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject",
    [
        replace(HEALTHY, loss=focal(20.0)),
        regression(loss=quantile(0.97)),
        regression(loss=lambda z, y: optax.huber_loss(z, y, delta=1e-4), optimizer=optax.sgd(0.03)),
    ],
    ids=["focal", "quantile", "huber"],
)
def test_a_loss_that_aims_elsewhere_is_named_and_what_it_costs(subject):
    assert "NN18" in found(subject, "NN18")


def shrunken(z, y):
    """Outputs are paid for: it is lowest at twice the target."""
    return jnp.square(z - y) - 0.5 * jnp.square(z)


def test_a_loss_that_is_not_lowest_at_the_target_of_a_row_says_so():
    why = TRIAL(Examination(regression(loss=shrunken))).why

    assert "of the rows its loss is not lowest where the output is the target" in why


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: jnp.abs(z - y),
        lambda z, y: optax.huber_loss(z, y, delta=0.1),
        lambda z, y: jnp.abs(z - y) / (jnp.abs(y) + 0.1),
        lambda z, y: optax.log_cosh(z, y),
        lambda z, y: jnp.maximum(0.0, jnp.abs(z - y) - 0.3),
    ],
    ids=["absolute", "huber", "relative", "log cosh", "insensitive"],
)
def test_usual_losses_are_lowest_there(loss):
    assert TRIAL(Examination(regression(loss=loss))).why == ""


@pytest.mark.parametrize(
    ("loss", "tried"),
    [
        (cross_entropy, False),
        (lambda z, y: 3 * cross_entropy(z, y) + 1, False),
        (lambda z, y: cross_entropy(z, y) * jnp.array([1.0, 5.0, 1.0, 1.0])[y], False),  # classes may weigh as is meant
        (focal(2.0), True),
        (smoothed(0.5), True),
    ],
)
def test_cross_entropy_is_tried_where_the_loss_is_another_and_treats_all_classes_alike(loss, tried):
    assert (TRIAL(Examination(replace(HEALTHY, loss=loss))) is not None) == tried


@pytest.mark.parametrize(
    ("loss", "tried"),
    [
        (lambda z, y: 2 * jnp.square(z - y), False),
        (lambda z, y: jnp.mean(jnp.square(z - y)), False),
        (lambda z, y: jnp.abs(z - y), True),
        (quantile(0.9), True),
    ],
)
def test_the_squared_error_is_tried_where_the_loss_is_another(loss, tried):
    assert (TRIAL(Examination(regression(loss=loss))) is not None) == tried


@pytest.mark.parametrize(
    ("loss", "taken"),
    [
        (lambda z, y: jnp.exp(z) - y * z, "the logarithms of the targets,"),
        (lambda z, y: jnp.square(z - jnp.log1p(y)), "the logarithms of 1 and the targets,"),
        (lambda z, y: jnp.square(z - jnp.sqrt(y)), "the square roots of the targets,"),
        (lambda z, y: jnp.square(z - y), ""),
        (lambda z, y: jnp.abs(z - y) / y, ""),
    ],
)
def test_outputs_that_the_loss_takes_for_something_else_are_told_and_no_other_loss_is_tried(loss, taken):
    exam = Examination(replace(POSITIVE, loss=loss))
    told = list(losses.NN18.look(exam))

    assert [taken in one.finding.evidence for one in told] == ([True] if taken else [])
    assert not (taken and TRIAL(exam))


def test_a_few_rows_are_learned_by_heart_whatever_the_loss_is_then():
    """The logarithm of a density has no least value: the targets are met, and that counts."""
    shifted = regression(loss=lambda z, y: jnp.square(z - y) + 100.0, optimizer=optax.adam(1e-6))

    assert list(fitting.NN9.look(Examination(shifted))) == []

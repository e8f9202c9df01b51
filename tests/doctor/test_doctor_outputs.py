"""What outputs can reach, and what a loss asks of them: NN8 on networks that mean it so, and on those that do not."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.diagnosis.finding import Severity
from burnish.doctor import answers, reach
from burnish.doctor.course import Course
from burnish.doctor.examination import Examination
from burnish.doctor.lab import Lab
from burnish.doctor.rules import RULES
from burnish.doctor.subject import Rows
from doctor import subjects

RULE = {rule.code: rule for rule in RULES}


HEALTHY = subjects.subject(epochs=3)


def told(code, subject):
    return [(one.finding.code, one.finding.severity) for one in RULE[code].look(Examination(subject))]


def numbers(rows, seed, *, most=1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 8)).astype(np.float32)
    y = (1 / (1 + np.exp(-x[:, :1]))).astype(np.float64)
    y[0] = most
    return Rows(x, y)


@pytest.mark.parametrize(
    ("most", "high", "expected"),
    [(1.0, 1.0, []), (1.02, 1.0, [Severity.LIMIT]), (1.0, 0.5, [Severity.FAULT])],
    ids=["its own bound", "one beyond it", "half of them beyond it"],
)
def test_targets_beyond_the_outputs_are_a_fault_where_they_cost_something(most, high, expected):
    subject = replace(subjects.bounded(0.0, high), train=numbers(300, 0, most=most), dev=numbers(100, 1))

    assert [severity for _, severity in told("NN8", subject)] == expected


def class_number(z, y):
    return jnp.square(z - y[:, None]).mean(axis=1)


def without_others(z, y):
    """The logarithm of a logit, as if it were a probability: nothing pulls the others down."""
    return -jnp.log(jnp.clip(jnp.take_along_axis(z, y[:, None], axis=1)[:, 0], 1e-6, 1))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"loss": class_number}, [Severity.FAULT]),
        ({"loss": without_others}, [Severity.FAULT]),
        ({"loss": lambda z, y: jnp.square(z - jax.nn.one_hot(y, 4)).mean(axis=1)}, []),
        ({"loss": subjects.cross_entropy}, []),
        (
            {
                "loss": lambda p, y: -jnp.log(jnp.take_along_axis(p, y[:, None], axis=1)[:, 0] + 1e-6),
                "apply": lambda params, x: jax.nn.softmax(HEALTHY.apply(params, x)),
            },
            [],
        ),
    ],
    ids=["against the class number", "the right one alone", "one-hot", "logits", "probabilities"],
)
def test_a_loss_has_to_tell_classes_apart(changes, expected):
    assert [severity for _, severity in told("NN8", replace(HEALTHY, **changes))] == expected


@pytest.mark.slow
@pytest.mark.parametrize("loss", [class_number, without_others])
def test_a_loss_that_tells_no_classes_apart_is_cured_by_cross_entropy(loss):
    course = Course(Examination(subjects.subject(loss=loss))).run()
    lab = Lab(course.repaired)
    end, _ = lab.train(lab.start(), lab.subject.steps)

    assert [(cause.finding.code, cause.confirmed) for cause in course.causes][:1] == [("NN8", True)]
    assert lab.errors(end.params, lab.subject.dev).mean() < 0.1


@pytest.mark.parametrize("activation", [jnp.tanh, jax.nn.relu, jax.nn.gelu])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_free_output_has_no_bounds(activation, seed):
    """Whatever its biases are drawn to be: they may be larger than all that the weights add."""
    init, apply = subjects.perceptron((8, 16, 1), activation)
    subject = subjects.subject(
        init=init,
        apply=lambda params, x: apply(params, x)[:, 0],
        loss=lambda z, y: jnp.square(z - y),
        train=numbers(200, seed),
        dev=numbers(100, seed + 10),
        seed=seed,
    )
    flat = replace(
        subject, train=Rows(subject.train.x, subject.train.y[:, 0]), dev=Rows(subject.dev.x, subject.dev.y[:, 0])
    )
    far = reach.of(Examination(flat))

    assert np.isinf([far.low, far.high]).all()
    assert told("NN8", flat) == []


def hinge_of_zero_and_one(z, y):
    """As of classes −1 and 1."""
    return jnp.maximum(0.0, 1.0 - y * z[:, 0])


def two_classes():
    init, apply = subjects.perceptron((8, 16, 1))
    parts = [Rows(rows.x, (rows.y > 1).astype(np.int32)) for rows in (HEALTHY.train, HEALTHY.dev)]
    return replace(HEALTHY, init=init, apply=apply, train=parts[0], dev=parts[1])


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (replace(HEALTHY, loss=lambda z, y: subjects.cross_entropy(z, y)[0]), "63 of 64 rows: they teach nothing"),
        (replace(two_classes(), loss=hinge_of_zero_and_one), "rows, all of class 0: they teach nothing"),
    ],
    ids=["the first row alone", "half a margin"],
)
def test_rows_that_are_no_concern_of_the_loss_are_told(subject, said):
    found = [one.finding.evidence for one in RULE["NN8"].look(Examination(subject))]

    assert any(said in one for one in found)


def test_a_loss_that_clips_probabilities_is_well():
    """Numbers that are none would have no slope there."""

    def loss(p, y):
        inside = jnp.clip(p[:, 0], 1e-6, 1 - 1e-6)
        return -jnp.log(jnp.where(y > 0, inside, 1 - inside))

    network = two_classes()
    assert answers.idle_rows(
        Examination(replace(network, apply=lambda p, x: jax.nn.sigmoid(network.apply(p, x)), loss=loss))
    ) == ("", False)


def test_a_margin_that_some_rows_have_is_well():
    def hinge(z, y):
        return jnp.maximum(0.0, 1.0 - (2 * y - 1) * z[:, 0])

    assert told("NN8", replace(two_classes(), loss=hinge)) == []


def weighted(rare):
    """Cross-entropy in which a row of class 0 counts so many times as much as one of the others."""
    return lambda z, y: jnp.where(y == 0, rare, 1.0) * subjects.cross_entropy(z, y)


def unbalanced(**changes):
    """One row in seven of those of class 0."""

    def fewer(rows):
        kept = np.flatnonzero((rows.y > 0) | (np.arange(len(rows)) % 7 == 0))
        return rows.take(kept)

    return replace(HEALTHY, train=fewer(HEALTHY.train), dev=fewer(HEALTHY.dev), **changes)


def test_a_loss_that_counts_a_rare_class_for_less_is_told():
    [found] = RULE["NN8"].look(Examination(unbalanced(loss=weighted(0.02))))
    assert "counts a row of class 0" in found.finding.evidence
    assert "0.02 times as much" in found.finding.evidence
    assert found.finding.severity is Severity.LIMIT


def test_a_loss_that_counts_a_rare_class_for_more_than_all_of_a_common_one_is_told():
    [found] = RULE["NN8"].look(Examination(unbalanced(loss=weighted(60.0))))
    assert "The loss counts all rows of class 0" in found.finding.evidence
    assert found.finding.severity is Severity.LIMIT


@pytest.mark.parametrize("loss", [weighted(7.0), weighted(0.8), subjects.cross_entropy])
def test_a_loss_that_counts_a_rare_class_for_more_or_hardly_less_is_not(loss):
    assert told("NN8", unbalanced(loss=loss)) == []


def test_of_one_logit_without_an_axis_of_its_own_the_weights_are_told_too():
    init, apply = subjects.perceptron((8, 16, 1))
    two = [Rows(rows.x, (rows.y == 0).astype(np.int32)) for rows in (unbalanced().train, unbalanced().dev)]

    def loss(z, y):
        return jnp.where(y == 1, 0.02, 1.0) * optax.sigmoid_binary_cross_entropy(z, y)

    flat = replace(HEALTHY, init=init, apply=lambda p, x: apply(p, x)[:, 0], loss=loss, train=two[0], dev=two[1])
    assert told("NN8", flat) == [("NN8", Severity.LIMIT)]

"""Which targets and outputs are understood, that errors are those of whoever reads the outputs, and what is refused."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.doctor.diagnosis import diagnose
from burnish.doctor.lab import Lab
from burnish.doctor.subject import Rows, Subject
from burnish.errors import ConfigError
from doctor import subjects

SINGLE, PAIR = subjects.perceptron((4, 8, 1)), subjects.perceptron((4, 8, 2))


def rows(count, seed, form):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, count)
    return Rows((rng.normal(size=(count, 4)) + y[:, None]).astype(np.float32), form(y))


def training(form, loss, *, network=SINGLE, outputs=lambda z: z[:, 0], **changes):
    init, apply = network
    return Subject(
        init, lambda params, x: outputs(apply(params, x)), loss, optax.adam(1e-2), rows(200, 0, form),
        rows(300, 1, form), epochs=3, **changes,
    )  # fmt: skip


def logit_loss(z, y):
    return optax.sigmoid_binary_cross_entropy(z, y.astype(jnp.float32))


def naive(z, y):
    """Of logits, by probabilities."""
    return by_probability(jax.nn.sigmoid(z), y)


def by_probability(p, y):
    return -(y * jnp.log(p + 1e-6) + (1 - y) * jnp.log(1 - p + 1e-6))


def clipped(p, y):
    p = jnp.clip(p, 1e-6, 1 - 1e-6)
    return jnp.mean(jnp.where(y == 1, -jnp.log(p), -jnp.log(1 - p)))


def weighted(z, y):
    return jnp.where(y == 1, 9.0, 1.0) * logit_loss(z, y)


def smoothed(z, y):
    return optax.sigmoid_binary_cross_entropy(z, 0.8 * y + 0.1)


def hinge(z, y):
    return jnp.maximum(0, 1 - (2 * y - 1) * z)


def squared(z, y):
    return jnp.square(z - y)


def whole(y):
    return y.astype(np.int32)


def real(y):
    return y.astype(np.float32)


def truth(y):
    return y.astype(bool)


def signs(y):
    return (2 * y - 1).astype(np.int32)


def probability(z):
    return jax.nn.sigmoid(z[:, 0])


def column(y):
    return y[:, None].astype(np.float32)


CLASSES = {
    "logit": (training(whole, logit_loss), 0),
    "logit, weighted": (training(whole, weighted), 0),
    "logit, smoothed": (training(whole, smoothed), 0),
    "logit, naive": (training(whole, naive), 0),
    "logit, mean": (training(whole, lambda z, y: logit_loss(z, y).mean()), 0),
    "margin": (training(whole, hinge), 0),
    "margin, signs": (training(signs, lambda z, y: jnp.log1p(jnp.exp(-y * z))), 0),
    "signs as numbers": (training(signs, squared), 0),
    "probability": (training(whole, by_probability, outputs=probability), 0.5),
    "probability, mean": (training(whole, clipped, outputs=probability), 0.5),
    "probability, real": (training(real, by_probability, outputs=probability), 0.5),
    "number": (training(whole, squared), 0.5),
    "1 and 2": (training(lambda y: y + 1, lambda z, y: logit_loss(z, y - 1)), 0),
    "truth": (training(truth, logit_loss), 0),
    "real": (training(real, optax.sigmoid_binary_cross_entropy), 0),
    "real, named": (training(real, squared, task="classification"), 0.5),
    "column": (training(column, lambda z, y: logit_loss(z, y).mean(), outputs=lambda z: z), 0),
}


@pytest.mark.parametrize("name", CLASSES)
def test_one_output_tells_two_classes_where_its_loss_parts_them(name):
    subject, threshold = CLASSES[name]
    subject.check()
    found = subject.understood()
    lab = Lab(found)
    params = lab.start().params
    wrong = (np.asarray(subject.apply(params, subject.dev.x)).ravel() > threshold) != (
        subject.dev.y.ravel() == subject.dev.y.max()
    )

    assert (found.kind, found.threshold) == ("classification", threshold)
    assert np.issubdtype(found.dev.y.dtype, np.integer)
    np.testing.assert_array_equal(lab.errors(params, found.dev), wrong)
    np.testing.assert_allclose(
        lab.losses(params, found.dev).mean(), subject.loss(subject.apply(params, subject.dev.x), subject.dev.y).mean(),
        rtol=1e-4,
    )  # fmt: skip
    assert found.understood() is found


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_one_hot_rows_are_their_classes(kind):
    subject = training(
        lambda y: np.eye(2, dtype=kind)[y], lambda z, y: optax.softmax_cross_entropy(z, y.astype(jnp.float32)),
        network=PAIR, outputs=lambda z: z,
    )  # fmt: skip
    found = subject.understood()
    codes = subject.dev.y.argmax(axis=1)
    lab = Lab(found)
    params = lab.start().params
    outputs = subject.apply(params, subject.dev.x)

    np.testing.assert_array_equal(found.dev.y, codes)
    np.testing.assert_array_equal(lab.errors(params, found.dev), outputs.argmax(axis=1) != codes)
    np.testing.assert_allclose(lab.losses(params, found.dev), subjects.cross_entropy(outputs, codes), rtol=1e-3)


def test_a_gradient_of_ones_own_is_given_its_own_targets():
    seen = []
    subject = training(signs, hinge, gradient=lambda params, x, y, key: seen.append(np.asarray(y)) or params)
    found = subject.understood()
    found.gradient(None, found.train.x, found.train.y, None)

    np.testing.assert_array_equal(seen[0], subject.train.y)


@pytest.mark.parametrize("loss", [squared, lambda z, y: jnp.abs(z - y), optax.huber_loss])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_0_and_1_may_be_numbers(loss, shape):
    """Outputs of (rows, 1) with targets of (rows,) included: a rule names what goes wrong there."""
    found = training(real, lambda z, y: jnp.mean(loss(z, y)), outputs=lambda z: z.reshape(shape)).understood()

    assert found.kind == "regression"
    assert found.train.y.dtype == np.float32


def test_numbers_are_left_as_they_are():
    subject = training(lambda y: y + 0.5, squared)
    found = subject.understood()

    assert found.kind == "regression"
    assert found.train is subject.train
    assert found.loss is subject.loss


def test_a_class_beyond_the_outputs_is_for_a_rule_to_name():
    subject = training(lambda y: 2 * y, subjects.cross_entropy, network=PAIR, outputs=lambda z: z)

    assert subject.understood().train is subject.train


def row_sum(loss):
    return lambda z, y: loss(z, y).reshape(len(y), -1).sum(axis=1)


def gaussian(z, y):
    return jnp.square(z[:, 0] - y) * jnp.exp(-z[:, 1]) + z[:, 1]


def wide(form, loss, **changes):
    return training(form, loss, network=PAIR, outputs=lambda z: z, **changes)


def text(y):
    return np.array(["no", "yes"])[y]


def yes_or_no(y):
    return np.stack([y, np.ones_like(y)], axis=1).astype(np.float32)


def sequence(y):
    return np.stack([y, y, 1 - y], axis=1)


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (wide(lambda y: y + 0.5, gaussian), "There are 2 outputs and 1 target(s) for each row"),
        (wide(text, subjects.cross_entropy), "targets are an array of type <U3"),
        (wide(sequence, lambda z, y: z.sum(axis=1)), "Targets have the shape (3,) for each row"),
        (wide(lambda y: y - 1, subjects.cross_entropy), "A target says class -1"),
        (wide(lambda y: y + 0.5, lambda z, y: z.sum(axis=1), task="classification"), "no whole number"),
        (wide(lambda y: np.eye(2)[y] * 0.8 + 0.1, optax.softmax_cross_entropy), "shares that sum to 1 in each row"),
        (wide(real, gaussian), "0 and 1 of a floating type, 1 a row, with 2 output(s)"),
        (wide(yes_or_no, optax.softmax_cross_entropy), "the loss does not take them one by one"),
        (training(lambda y: np.arange(len(y)), squared), "takes the one output for a number"),
        (training(real, lambda z, y: 0 * z), "0 and 1 of a floating type"),
    ],
)  # fmt: skip
def test_what_no_error_can_be_told_of_is_refused(subject, words):
    with pytest.raises(ConfigError) as refused:
        subject.check()

    assert words in str(refused.value)
    assert len(str(refused.value).splitlines()) == 3


def test_inputs_that_are_no_array_are_refused():
    subject = training(whole, logit_loss)
    both = Rows(np.asarray({"a": subject.dev.x}), subject.dev.y)

    with pytest.raises(ConfigError, match="dev inputs are an array of type object"):
        replace(subject, dev=both).check()


HEALTHY = {
    "probability": (by_probability, probability, SINGLE, real),
    "signs": (lambda z, y: jnp.log1p(jnp.exp(-y * z)), lambda z: z[:, 0], SINGLE, signs),
    "one-hot": (optax.softmax_cross_entropy, lambda z: z, PAIR, lambda y: np.eye(2, dtype=np.float32)[y]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_training_has_no_fault_whatever_form_its_targets_have(name):
    loss, outputs, network, form = HEALTHY[name]
    given = training(form, loss, network=network, outputs=outputs)
    found = diagnose(
        given.init, given.apply, given.loss, given.optimizer,
        *((part.x, part.y) for part in (rows(600, 0, form), rows(600, 1, form))),
        batch_size=32, epochs=15,
    )  # fmt: skip

    assert found.ok, str(found)
    assert found.dev_error == pytest.approx(0.16, abs=0.03), "that of the best border between the two"

"""Networks of Flax and Equinox as they are written: a state that is carried along, and trees with more than numbers."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pytest
from flax import linen, nnx
from numpy.testing import assert_allclose, assert_array_equal

from burnish import errors
from burnish.doctor import anatomy, modules, widths
from burnish.doctor.course import Course
from burnish.doctor.examination import Examination
from burnish.doctor.lab import Lab
from burnish.doctor.rules import RULES
from doctor import subjects

RULE = {rule.code: rule for rule in RULES}
STATE = ("['batch_stats']",)
MOMENTUM = 0.9


class Normalised(linen.Module):
    """Two layers with batch norm between them."""

    momentum: float = MOMENTUM

    @linen.compact
    def __call__(self, x, train):
        x = linen.Dense(16)(x)
        x = linen.BatchNorm(use_running_average=not train, momentum=self.momentum)(x)
        return linen.Dense(4)(linen.relu(x))


def normalised(*, momentum=MOMENTUM, forgets=False, **changes):
    """A training with running averages; one that forgets them hands its params back as they came."""
    network = Normalised(momentum)

    def trained(variables, x, key):
        outputs, after = network.apply(variables, x, True, mutable=["batch_stats"])
        return outputs, variables if forgets else {**variables, **after}

    given = {
        "init": lambda key: network.init(key, jnp.zeros((1, 8)), False),
        "apply": lambda variables, x: network.apply(variables, x, False),
        "apply_training": trained,
        "state": STATE,
    }
    return subjects.subject(**{**given, **changes})


def codes(found):
    return [one.finding.code for one in found]


def test_a_step_learns_the_parameters_and_carries_the_state():
    """Against a loop by hand; weight decay and clipping have nothing to do with the state."""
    decayed = optax.chain(optax.clip_by_global_norm(0.1), optax.add_decayed_weights(0.1), optax.sgd(0.1))
    subject = normalised(optimizer=decayed)
    lab = Lab(subject)
    start = lab.start()

    found = lab.train(start, 3)[0].params

    params, stats = start.params["params"], start.params["batch_stats"]
    optimizer = subject.optimizer.init(params)
    chosen, _ = lab.order(range(3))
    for rows in chosen:
        x, y = subject.train.x[rows], subject.train.y[rows]

        def cost(params, stats=stats, x=x, y=y):
            outputs, after = subject.apply_training({"params": params, "batch_stats": stats}, x, None)
            return subject.loss(outputs, y).mean(), after["batch_stats"]

        gradients, stats = jax.grad(cost, has_aux=True)(params)
        updates, optimizer = subject.optimizer.update(gradients, optimizer, params)
        params = optax.apply_updates(params, updates)
    jax.tree.map(lambda one, other: assert_allclose(one, other, rtol=1e-4, atol=1e-6), found["params"], params)
    jax.tree.map(lambda one, other: assert_allclose(one, other, rtol=1e-5), found["batch_stats"], stats)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"apply_training": None}, "no apply_training"),
        ({"apply_training": lambda v, x, key: jnp.zeros((len(x), 4))}, "returns no pair"),
        ({"apply_training": lambda v, x, key: (jnp.zeros((len(x), 4)), v["params"])}, "another tree than params"),
        ({"state": ("['stats']",)}, r"No parameter has a name that begins with \"\['stats'\]\""),
    ],
)
def test_a_training_that_cannot_carry_its_state_is_refused(changes, said):
    with pytest.raises(errors.ConfigError, match=said):
        normalised(**changes).check()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, []), ({"forgets": True}, ["NU3"]), ({"forgets": True, "frozen": STATE}, [])],
    ids=["carried", "forgotten", "meant to stay"],
)
def test_a_state_that_never_changes_is_told(changes, expected):
    assert codes(RULE["NU3"].look(Examination(normalised(**changes, epochs=2)))) == expected


@pytest.mark.slow
def test_averages_that_never_arrive_are_the_cause_of_errors_in_evaluation():
    healthy = normalised()
    train, dev = (replace(rows, x=3 * rows.x + 2) for rows in (healthy.train, healthy.dev))
    course = Course(Examination(normalised(momentum=0.9999, train=train, dev=dev))).run()

    first = course.causes[0].finding
    assert (first.code, first.severity.value) == ("NN13", "fault")
    assert "NN13" not in codes(course.readings)


@pytest.mark.slow
def test_running_averages_are_no_fault():
    """Neither by proof, such as rows that touch each other, nor by trial."""
    course = Course(Examination(normalised())).run()

    assert all(one.finding.severity.value != "fault" for one in (*course.causes, *course.readings))
    assert "NN13" not in codes(course.readings)


@pytest.mark.slow
def test_evaluation_by_other_moments_is_no_dropout():
    """What evaluation lacks makes it worse than training; noise would make it better."""
    init, _ = subjects.perceptron((8, 16, 4))

    def run(params, x, moments):
        z = x @ params[0]["w"] + params[0]["b"]
        mean, deviation = moments(z)
        return jax.nn.relu((z - mean) / deviation) @ params[1]["w"] + params[1]["b"]

    subject = subjects.subject(
        init=init,
        apply=lambda params, x: run(params, x, lambda z: (2.0, 3.0)),
        apply_training=lambda params, x, key: run(params, x, lambda z: (z.mean(axis=0), z.std(axis=0) + 1e-3)),
    )

    assert "NN13" in [one.finding.code for one in Course(Examination(subject)).run().causes]
    assert RULE["OP11"].trial(Examination(subject)) is None


def test_a_network_that_refuses_other_widths_is_not_resized():
    """Flax does by an error of its own."""
    network = linen.Sequential([linen.Dense(16), linen.relu, linen.Dense(4)])
    subject = subjects.subject(init=lambda key: network.init(key, jnp.zeros((1, 8))), apply=network.apply)
    params = subject.init(jax.random.key(0))
    layers = anatomy.layers(subject.apply, params, jnp.asarray(subject.train.x[:2]))

    assert len(layers) == 2
    assert widths.resized(subject, layers, params, 0.5, 1) is None


def test_a_module_is_trained_in_its_numbers_alone():
    def init(key):
        return eqx.nn.MLP(8, 4, 16, 1, key=key)

    def apply(module, x):
        return jax.vmap(module)(x)

    subject = modules.parted(subjects.subject(init=init, apply=apply, penalty=lambda module: module.layers[0].bias[0]))
    subject.check()
    params, x = subject.init(jax.random.key(0)), jnp.asarray(subject.train.x[:3])

    assert all(hasattr(leaf, "dtype") for leaf in jax.tree.leaves(params))
    assert_array_equal(subject.apply(params, x), apply(init(jax.random.key(0)), x))
    assert subject.penalty(params) == params.layers[0].bias[0]
    assert Lab(subject).train(Lab(subject).start(), 2)[0].step == 2


def test_parameters_that_are_numbers_are_left_as_they_are():
    subject = subjects.subject()

    assert modules.parted(subject) is subject


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.one, self.norm = nnx.Linear(8, 16, rngs=rngs), nnx.BatchNorm(16, momentum=MOMENTUM, rngs=rngs)
        self.two = nnx.Linear(16, 4, rngs=rngs)

    def __call__(self, x):
        return self.two(nnx.relu(self.norm(self.one(x))))


def test_a_module_of_nnx_carries_its_state():
    graph, _ = nnx.split(Nnx(nnx.Rngs(0)))

    def run(params, x, *, train):
        module = nnx.merge(graph, params)
        _ = module.train() if train else module.eval()
        return module(x), nnx.split(module)[1]

    subject = subjects.subject(
        init=lambda key: nnx.split(Nnx(nnx.Rngs(key)))[1],
        apply=lambda params, x: run(params, x, train=False)[0],
        apply_training=lambda params, x, key: run(params, x, train=True),
        state=("['norm']['mean']", "['norm']['var']"),
        epochs=2,
    )

    exam = Examination(subject)
    assert codes(RULE["NU3"].look(exam)) == []
    assert codes(RULE["NN13"].look(exam)) == []

"""Rules that try something: each finds what is planted for it."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.doctor.examination import PROBE_FAMILIES, Examination
from burnish.doctor.rules import TRIALS, scales, steps
from burnish.doctor.subject import Rows
from doctor import subjects
from doctor.subjects import HEALTHY, dropped, found, in_order, regression, scaled

DEEP = (8, *(16,) * 20, 4)


def mislabelled(rows):
    rng = np.random.default_rng(7)
    wrong = (rows.y + rng.integers(1, 4, len(rows))) % 4
    return Rows(rows.x, np.where(rng.random(len(rows)) < 0.4, wrong, rows.y).astype(np.int32))


def half(params):
    """bfloat16 has three digits: updates of less than a thousandth of a parameter are none."""
    return jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)


def coded(rows):
    """-999 where two inputs are not known."""
    x = rows.x.copy()
    for place in (1, 3):
        x[np.random.default_rng(place).random(len(x)) < 0.05, place] = -999
    return Rows(x, rows.y)


def swapped(rate, least):
    """Adam with the rate of the biases for the weights, and the other way round."""
    parts = {"1": optax.adam(rate), "2": optax.adam(least)}
    return optax.multi_transform(parts, lambda params: jax.tree.map(lambda leaf: str(leaf.ndim), params))


def slipped(rows):
    """One row in a hundred in another unit."""
    x = rows.x.copy()
    x[np.random.default_rng(5).random(len(x)) < 0.01] *= 1e4
    return Rows(x, rows.y)


def towns(rows, seed):
    """Two thousand houses of twelve towns, by number, each town with a level of its own."""
    rng = np.random.default_rng(seed)
    town = rng.integers(0, 12, rows)
    levels = np.array([3, -2, 2, -3, 0, 3, -3, 1, -1, 2, -2, 0])
    x = np.column_stack([town, rng.normal(size=rows)]).astype(np.float32)
    return Rows(x, (levels[town] + x[:, 1] + 0.3 * rng.normal(size=rows)).astype(np.float32))


def with_noise(rows):
    """Nine times as many inputs, of which eight ninths say nothing."""
    noise = np.random.default_rng(len(rows)).normal(size=(len(rows), 72))
    return Rows(np.concatenate([rows.x, noise], axis=1).astype(np.float32), rows.y)


PROBED = {
    "NN15": regression(
        init=subjects.perceptron((2, 16, 1))[0],
        apply=lambda p, x: subjects.perceptron((2, 16, 1))[1](p, x)[:, 0],
        train=towns(2000, 0),
        dev=towns(1000, 1),
    ),
    "NN8": replace(HEALTHY, apply=lambda p, x: jax.nn.relu(HEALTHY.apply(p, x) - 3.0)),
    "DA15": replace(HEALTHY, train=coded(HEALTHY.train), dev=coded(HEALTHY.dev)),
    "DA16": replace(HEALTHY, train=slipped(HEALTHY.train)),
    "OP1": replace(HEALTHY, optimizer=optax.adam(1.0)),
    "OP2": replace(HEALTHY, optimizer=optax.adam(3e-5)),
    "OP17": replace(HEALTHY, optimizer=swapped(3e-3, 3e-6)),
    "DA1": replace(HEALTHY, optimizer=optax.sgd(0.1), train=scaled(HEALTHY.train, 100), dev=scaled(HEALTHY.dev, 100)),
    "DA13": replace(HEALTHY, optimizer=optax.sgd(0.3), epochs=3, train=in_order(HEALTHY.train), shuffle=False),
    "NN14": regression(1000.0, epochs=30),
    "NN2": subjects.subject(init=subjects.perceptron((8, 16, 16, 4), scale=0.01)[0], optimizer=optax.sgd(0.03)),
    "NN3": replace(
        HEALTHY,
        init=subjects.perceptron(DEEP, scale=0.01)[0],
        apply=subjects.perceptron(DEEP, jax.nn.sigmoid)[1],
    ),
    "NN4": replace(
        HEALTHY,
        init=lambda key: jax.tree.map(lambda leaf: 3 * leaf, subjects.perceptron(DEEP)[0](key)),
        apply=subjects.perceptron(DEEP)[1],
    ),
    "NN5": replace(HEALTHY, optimizer=optax.sgd(30.0)),
    "NN6": subjects.subject(
        init=subjects.perceptron((8, 16, 16, 4), scale=60.0)[0],
        apply=subjects.perceptron((8, 16, 16, 4), jnp.tanh)[1],
        optimizer=optax.sgd(0.01),
    ),
    "BV10": replace(HEALTHY, epochs=1),
    # Labels of which four in ten are wrong, learned by heart.
    "BV11": subjects.subject((8, 64, 64, 4), train=mislabelled(subjects.clusters(200)), epochs=60),
    # A cost whose slope far from the targets is much steeper than near them.
    "OP4": regression(
        init=lambda key: [*(p := subjects.perceptron((8, 16, 1))[0](key))[:-1], {**p[-1], "b": p[-1]["b"] + 5}],
        loss=lambda z, y: (z - y) ** 4,
        optimizer=optax.sgd(0.002),
    ),
    "OP6": replace(HEALTHY, batch_size=1, epochs=2, optimizer=optax.sgd(0.3)),
    "OP7": replace(HEALTHY, batch_size=600, epochs=10),
    "OP8": replace(HEALTHY, optimizer=optax.adadelta(1e-3)),
    "OP9": replace(HEALTHY, penalty=lambda p: sum(jnp.sum(jnp.square(layer["w"])) for layer in p)),
    "BV2": subjects.subject(
        (80, 32, 4), train=with_noise(subjects.clusters(300)), dev=with_noise(subjects.clusters(400, seed=2)), epochs=20
    ),
    "OP10": replace(HEALTHY, optimizer=optax.chain(optax.clip_by_global_norm(1e-3), optax.sgd(0.1))),
    "OP11": replace(HEALTHY, apply_training=lambda p, x, key: dropped(p, x, key, 0.9)),
    "OP13": replace(HEALTHY, optimizer=optax.sgd(0.03, momentum=0.999)),
    "DA22": replace(HEALTHY, augment=lambda x, key: x * jax.random.rademacher(key, x.shape, x.dtype)),
    "NN10": subjects.subject((8, 1, 1, 4)),
    "BV7": replace(
        HEALTHY,
        penalty=lambda p: 0.3 * sum(jnp.sum(jnp.square(layer["w"])) for layer in p),
        apply_training=lambda p, x, key: dropped(p, x, key, 0.9),
    ),
    "NU5": replace(HEALTHY, init=lambda key: half(HEALTHY.init(key)), optimizer=optax.sgd(3e-3), epochs=60),
}


@pytest.mark.slow
@pytest.mark.parametrize("code", PROBED)
def test_what_has_to_be_probed_is_found_where_it_is_planted(code):
    assert code in found(PROBED[code], code)


@pytest.mark.slow
def test_of_many_layers_one_may_have_more_dead_units_than_usual():
    """Weights three times too large leave as many units dead as right ones; not so biases far below zero."""
    first = Examination(PROBED["NN4"])
    assert len(first.null.gauges)  # the others have it from this one
    exams = [first, *(Examination(replace(PROBED["NN4"], seed=seed), after=first) for seed in range(1, 12))]
    sunk = jax.tree.map(lambda leaf: leaf - 10 if leaf.ndim == 1 else leaf, HEALTHY.init(jax.random.key(0)))

    assert sum(scales._born_dead(exam) is not None for exam in exams) <= 1
    assert scales._born_dead(Examination(replace(HEALTHY, init=lambda key: sunk))) is not None


def test_adam_is_not_advised_to_who_has_it():
    exams = [Examination(replace(HEALTHY, optimizer=one)) for one in (optax.adamw(1e-5), PROBED["OP8"].optimizer)]

    assert [steps.OP8.trial(exam) is None for exam in exams] == [True, False]


def test_the_chance_of_a_false_alarm_is_divided_among_all_families_of_probes():
    """NN2, NN4 and NN5 try one and the same arm, as do NN3 and NN6, of NN13 and OP11 one at most. Cures are tried
    together, too, and NN22, DA5 and DA33 ask at the same level.
    """
    assert len(TRIALS) - 3 - 1 + 1 + 3 == PROBE_FAMILIES


@pytest.mark.slow
def test_a_schedule_that_ends_at_once_is_too_low_a_rate_and_cured_by_one_that_stays():
    """A higher rate times nothing is nothing."""
    ended = replace(HEALTHY, optimizer=optax.adam(optax.exponential_decay(3e-3, 1, 0.8)))
    assert found(ended, "OP2") == ["OP2"]
    trial = steps.OP2.trial(Examination(ended))
    assert "In the second half of the training" in trial.why
    assert next(arm.name for arm in trial.arms if arm.subject is not None) == "Adam at a constant rate of 0.0003"


def test_a_code_for_missing_values_is_seen_in_rows_of_several_axes():
    def padded(rows):
        x = rows.x.reshape(len(rows), 4, 2).copy()
        x[np.random.default_rng(0).random(len(x)) < 0.1, 2:] = -999
        return Rows(x, rows.y)

    def apply(params, x):
        return HEALTHY.apply(params, x.reshape(len(x), 8))

    trial = next(rule for rule in TRIALS if rule.code == "DA15").trial(
        Examination(replace(HEALTHY, apply=apply, train=padded(HEALTHY.train), dev=padded(HEALTHY.dev)))
    )
    assert trial.where == "input (2, 0), input (2, 1), input (3, 0), input (3, 1)"
    filled = trial.arms[0].inputs(np.full((1, 4, 2), -999, np.float32))
    assert (filled[0, :2] == -999).all()
    assert (np.abs(filled[0, 2:]) < 1).all()


def test_steps_are_uneven_where_the_optimiser_makes_them_so_and_not_where_gradients_or_scales_differ():
    """A tenth for layers that were trained before, a decay, clipping and what is to stay are no cause."""
    well = [
        optax.adamw(1e-3, weight_decay=1.0),
        optax.chain(optax.clip_by_global_norm(1e-3), optax.sgd(0.1)),
        swapped(3e-3, 3e-4),
        optax.lamb(1e-3),
        optax.adam(optax.linear_schedule(0.0, 1e-3, 20)),
    ]
    slow = replace(HEALTHY, optimizer=swapped(3e-3, 3e-6))

    assert [steps.OP17.trial(Examination(replace(HEALTHY, optimizer=one))) for one in well] == [None] * len(well)
    assert steps.OP17.trial(Examination(slow)).where == "[0]['w']"
    assert steps.OP17.trial(Examination(replace(slow, frozen=("[0]['w']",)))).where == "[1]['w']"


def optimised(optimizer):
    return Examination(replace(HEALTHY, optimizer=optimizer))


def test_updates_of_one_norm_are_told_from_those_that_the_gradient_makes():
    behind = optax.chain(optax.adam(3e-3), optax.clip_by_global_norm(1e-3))
    before = optax.chain(optax.clip_by_global_norm(1e3), optax.adam(3e-3))

    trials = [steps.OP10.trial(optimised(one)) for one in (behind, before, optax.lion(1e-3), optax.sgd(0.1))]
    assert [trial is not None for trial in trials] == [True, False, False, False]
    assert "a norm of 0.001" in trials[0].why


def test_two_memories_of_adam_that_are_swapped_are_a_long_one():
    swapped_memories = optax.adam(3e-3, b1=0.999, b2=0.9)
    gathered = optax.MultiSteps(optax.adam(3e-3), 128).gradient_transformation()
    trials = [steps.OP13.trial(optimised(one)) for one in (swapped_memories, optax.adam(3e-3), gathered)]

    assert [trial is not None for trial in trials] == [True, False, False]
    assert "gathered" in steps.OP8.trial(optimised(gathered)).why

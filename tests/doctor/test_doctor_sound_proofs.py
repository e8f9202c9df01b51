"""What is so by proof has to be so for every network: designs that were taken for faults, and faults that were not."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from burnish.diagnosis.finding import Severity
from burnish.doctor import diagnosis, examination, optimisers
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.examination import Examination
from burnish.doctor.lab import Change, Lab
from burnish.doctor.monitor import Monitor
from burnish.doctor.rules import RULES, TRIALS
from burnish.doctor.subject import Rows
from burnish.errors import ConfigError
from doctor import subjects

RULE = {rule.code: rule for rule in RULES}


HEALTHY = subjects.subject(epochs=3)


def told(code, subject):
    return [(one.finding.code, one.finding.severity) for one in RULE[code].look(Examination(subject))]


def two_blocks(params, x):
    """One linear map, written as the sum of two: there is nothing between them."""
    return x[:, :3] @ params["a"] + x[:, 3:] @ params["b"]


def test_a_sum_of_products_is_no_chain_of_layers():
    init = {"a": jnp.zeros((3, 4)), "b": jnp.zeros((5, 4))}

    assert told("NN7", replace(HEALTHY, init=lambda key: init, apply=two_blocks)) == []


def chain(params, x):
    return x @ params["a"] @ params["b"]


def test_a_chain_of_products_is_one_map():
    drawn = {"a": (8, 6), "b": (6, 4)}
    subject = replace(
        HEALTHY,
        init=lambda key: {name: jax.random.normal(key, shape) * 0.3 for name, shape in drawn.items()},
        apply=chain,
    )

    assert told("NN7", subject) == [("NN7", Severity.FAULT)]


def gained(subject):
    """The network times a number that begins at 0."""
    init, apply = subject.init, subject.apply
    return replace(
        subject,
        init=lambda key: {"gain": jnp.zeros(()), "net": init(key)},
        apply=lambda params, x: params["gain"] * apply(params["net"], x),
    )


def test_what_a_cure_leaves_unused_is_no_frozen_parameter():
    """The gain behind a last layer that a cure has taken for the outputs; what was unused before is told."""
    sick = gained(HEALTHY)
    sick = replace(sick, init=lambda key, init=sick.init: {**init(key), "idle": jnp.ones(2)})
    cured = replace(sick, apply=lambda params, x: HEALTHY.apply(params["net"], x))

    assert [one.finding.where for one in RULE["NU3"].look(Examination(cured))] == ["['gain']"]
    [left] = RULE["NU3"].look(Examination(cured, after=Examination(sick)))
    assert "gain" not in left.finding.evidence
    assert left.finding.where == "['idle']"


@pytest.mark.parametrize("code", ["NU8", "NN8"])
def test_outputs_that_are_nothing_at_the_start_are_no_constant(code):
    assert told(code, gained(HEALTHY)) == []


def warm(rate, decay):
    """A linear training that goes on where another one had come to its end."""
    x = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    y = x @ np.array([[1.0], [2.0], [0.0], [-1.0], [3.0]], np.float32)
    fitted = jnp.asarray(np.linalg.lstsq(x, y, rcond=None)[0]) + 1e-5
    return subjects.subject(
        init=lambda key: [fitted],
        apply=lambda params, x: x @ params[0],
        loss=lambda z, y: jnp.square(z - y)[:, 0],
        optimizer=optax.chain(optax.add_decayed_weights(decay), optax.sgd(rate)),
        train=Rows(x, y),
        dev=Rows(x[:100], y[:100]),
        epochs=2,
    )


def test_weight_decay_that_outweighs_the_gradient_goes_downhill():
    assert told("NU2", warm(0.05, 0.1)) == []
    assert told("NU2", warm(-0.05, 0.1)) == [("NU2", Severity.FAULT)]


@pytest.mark.parametrize(("rate", "expected"), [(0.05, []), (-0.05, ["NU2"])])
def test_a_monitor_tells_decay_from_ascent(rate, expected):
    subject = warm(rate, 0.1)
    lab, params = Lab(subject), subject.init(None)
    state, monitor = subject.optimizer.init(params), Monitor()
    for step in range(64):
        x, y = subject.train.x[:32], subject.train.y[:32]
        value, grads = jax.value_and_grad(lambda p, x=x, y=y: subject.objective(p, x, y, None))(params)
        updates, state = lab.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        monitor.record(step, params=params, grads=grads, loss=value, updates=updates)

    assert [one.code for one in monitor.diagnosis().findings if one.code == "NU2"] == expected


def rounded(params, x, key):
    """Weights of few digits, the same at each step, with gradients as if they had all of them."""
    coarse = jax.tree.map(lambda leaf: leaf + jax.lax.stop_gradient(jnp.round(leaf * 8) / 8 - leaf), params)
    return HEALTHY.apply(coarse, x)


def held(params, x, key):
    return HEALTHY.apply(params, jnp.where(jax.random.bernoulli(jax.random.key(0), 0.8, x.shape), x, 0))


def noisy(x, key):
    return x + 0.1 * jax.random.normal(jax.random.key(1), x.shape)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"apply_training": rounded}, []),
        ({"apply_training": held}, ["NU9"]),
        ({"augment": noisy}, ["NU9"]),
        ({"augment": lambda x, key: x + 0.1 * jax.random.normal(key, x.shape)}, []),
        ({"augment": lambda x, key: x * 0.9}, []),
    ],
    ids=["rounding", "one mask", "one noise", "noise", "a scale"],
)
def test_random_numbers_that_do_not_follow_their_key(changes, expected):
    assert [code for code, _ in told("NU9", replace(HEALTHY, **changes))] == expected


def test_a_gradient_of_ones_own_is_not_used_for_another_cost():
    own = jax.grad(lambda params, x, y, key: HEALTHY.objective(params, x, y, key))
    subject = replace(HEALTHY, gradient=own, penalty=lambda params: sum(jnp.square(leaf["w"]).sum() for leaf in params))
    exam = Examination(subject)

    for arm in RULE["OP9"].trial(exam).arms:
        assert arm.program(subject).gradient is None
    assert Arm("other targets", Change(target_scale=2.0)).cured(subject).gradient is None
    assert Arm("another rate", Change(rate=2.0)).cured(subject).gradient is own


MASKED = optax.adamw(1e-3, weight_decay=0.1, mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params))


@pytest.mark.parametrize(
    ("optimizer", "expected"), [(MASKED, True), (optax.adamw(1e-3), True), (optax.lamb(1e-3, weight_decay=0.1), False)]
)
def test_a_decay_is_seen_though_scales_are_spared(optimizer, expected):
    """What asks for the size of the parameters besides cannot be undone by telling it another one."""
    params = {"w": np.ones((4, 4), np.float32) * 0.1, "scale": np.ones(4, np.float32) * 10}

    assert optimisers.decays(optimisers.of(optimizer, params)) == expected


def test_a_schedule_is_drawn_out_over_a_longer_training():
    def rate(optimizer, steps):
        state, params = optimizer.init(jnp.ones(())), jnp.ones(())
        found = []
        for _ in range(steps):
            update, state = optimizer.update(jnp.ones(()), state, params)
            found.append(float(-update))
        return np.array(found)

    schedule = optax.cosine_decay_schedule(1.0, 20)
    for optimizer in (optax.sgd(schedule), optax.inject_hyperparams(optax.sgd)(learning_rate=schedule)):
        assert optimisers.scheduled(optimizer, jnp.ones(()))
        assert_allclose(rate(optimisers.over(optimizer, 4), 80)[::4], rate(optimizer, 20), rtol=1e-6)
    assert not optimisers.scheduled(optax.adam(1e-3), jnp.ones(()))
    longer = RULE["BV10"].trial(Examination(subjects.subject(optimizer=optax.sgd(schedule)))).arms[0]
    assert optimisers.scheduled(longer.program(HEALTHY).optimizer, HEALTHY.init(jax.random.key(0))) is False
    made = longer.program(subjects.subject(optimizer=optax.sgd(schedule)))
    assert made.optimizer.init(jnp.ones(()))[1].shape == ()


def test_a_loss_of_exactly_nothing_kills_no_unit():
    """A hinge that every row has passed has no gradient, wherever units are."""

    def hinge(z, y):
        return jnp.maximum(0, 1 - jnp.where(y == 0, -1, 1) * z[:, 0])

    rows = Rows(np.r_[-np.ones((50, 8)), np.ones((50, 8))].astype(np.float32), np.repeat([0, 1], 50).astype(np.int32))
    init, apply = subjects.perceptron((8, 16, 1))
    subject = subjects.subject(init=init, apply=apply, loss=hinge, train=rows, dev=rows, epochs=30)

    assert [code for code, _ in told("NN5", subject)] == []


def test_nothing_is_known_of_draws_that_are_not_finite():
    null = nulls.Null(())

    assert null.p_value(1.0, [np.nan, 1.0]) == 1.0
    assert np.isnan(nulls.depth_slope(np.array([1.0, np.inf])))


def test_a_layer_of_a_direction_and_a_length_is_its_direction():
    """Weight norm: the weights are v·g/|v|, and v has the most numbers, whatever comes first."""

    def apply(params, x):
        return x @ (params["a"] * params["b"] / jnp.linalg.norm(params["b"], axis=0))

    subject = replace(HEALTHY, init=lambda key: {"a": jnp.ones(4), "b": jax.random.normal(key, (8, 4))}, apply=apply)

    assert [layer.name for layer in Examination(subject).gauger.layers] == ["['b']"]


def test_an_empty_leaf_is_read():
    subject = replace(HEALTHY, init=lambda key: {"net": HEALTHY.init(key), "none": jnp.zeros((0, 3))})
    subject = replace(subject, apply=lambda params, x: HEALTHY.apply(params["net"], x))

    assert Examination(subject).first.finite


def test_a_column_of_classes_is_read_as_classes():
    """(n, 1), as frames give it; the loss gets its own form."""

    def column(rows):
        return Rows(rows.x, rows.y[:, None])

    seen = []

    def loss(z, y):
        seen.append(y.shape[1:])
        return subjects.cross_entropy(z, y[:, 0])

    subject = replace(HEALTHY, train=column(HEALTHY.train), dev=column(HEALTHY.dev), loss=loss).understood()

    assert_array_equal(subject.train.y, HEALTHY.train.y)
    subject.row_losses(jnp.zeros((3, 4)), subject.train.y[:3])
    assert set(seen) == {(1,)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer": optax.lbfgs()}, "optimizer.update failed"),
        ({"seed": -1}, "seed is -1"),
        ({"dev": HEALTHY.dev.take(slice(0, 1))}, "There are 1 dev rows"),
    ],
)
def test_what_would_fail_on_the_way_is_refused_before_it(changes, said):
    with pytest.raises(ConfigError, match=said):
        replace(HEALTHY, **changes).check()


def test_rows_are_put_on_the_device_once():
    exam = Examination(HEALTHY)
    other = Lab(Arm("another", begin=lambda params, key: params).program(HEALTHY), exam.lab.programs)

    assert exam.lab.programs.on_device(HEALTHY.train) is other.programs.on_device(HEALTHY.train)


def test_wide_images_are_read_on_fewer_rows():
    """By what their layers give out, not by their number."""

    rows = Rows(np.zeros((3000, 600, 2), np.float32), np.zeros(3000, np.float32))
    subject = subjects.subject(
        init=lambda key: jnp.ones((2, 1000)),
        apply=lambda params, x: (x @ params).sum(axis=(1, 2))[:, None],
        loss=lambda z, y: jnp.square(z[:, 0] - y),
        train=rows,
        dev=rows.take(slice(0, 10)),
    )

    assert len(Lab(subject).gauge) == (1 << 30) // (600 * 1000 * 4)


def test_losses_of_every_second_step_are_a_curve():
    params, monitor = [jnp.ones(3)], Monitor()
    for step in range(200):
        monitor.record(step, params=params, loss=float(1 + step / 20) if step % 2 == 0 else None)

    assert "OP1" in [one.code for one in monitor.diagnosis().findings]


def test_a_last_update_that_is_not_finite_is_told():
    monitor = Monitor()
    for step in range(5):
        monitor.record(step, params=[jnp.full(3, np.nan if step == 4 else 1.0)], grads=[jnp.ones(3)], loss=1.0)

    (found,) = [one for one in monitor.diagnosis().findings if one.code == "NU4"]
    assert "parameter" in found.evidence


def test_a_mask_that_stays_makes_the_place_in_a_batch_matter():
    def apply(params, x):
        return HEALTHY.apply(params, jnp.where(jax.random.bernoulli(jax.random.key(0), 0.8, x.shape), x, 0))

    assert told("NU7", replace(HEALTHY, apply=apply)) == [("NU7", Severity.FAULT)]


def test_a_decay_that_ends_within_the_first_steps_is_seen():
    ends = optax.linear_schedule(3e-3, 0.0, 9)
    exams = [Examination(subjects.subject(optimizer=optax.adam(rate))) for rate in (ends, 3e-3)]

    assert [bool(RULE["OP2"].trial(exam).why) for exam in exams] == [True, False]


def test_what_is_too_dear_to_try_is_named(monkeypatch):
    monkeypatch.setattr(examination, "CHEAP", 0)
    subject = subjects.subject(epochs=12)
    exam = Examination(subject)
    exam.until = 0.0  # nothing is tried at all
    found = diagnosis.examine(exam, 0.0)

    dear = [rule.code for rule in RULES if rule.to_the_end]
    assert {"BV10", "OP2", "DA21", "NN10"} < set(dear)
    assert any(one.startswith(", ".join(dear)) and "too dear" in one for one in found.left_out)
    assert not any(rule.code in dear for rule in TRIALS if rule.asked(exam))


def test_a_narrow_layer_that_cannot_be_widened_from_outside_is_named():
    bears_it = subjects.subject((8, 6, 4))
    network = bears_it.apply
    fixed = Examination(replace(bears_it, apply=lambda p, x: network(p, x) + 0 * p[0]["b"].reshape(6).sum()))

    assert RULE["NN10"].trial(Examination(bears_it)) is not None
    assert RULE["NN10"].trial(fixed) is None
    fixed.until = 0.0  # nothing else is tried
    assert any("[0]['w'] has 6 units" in one for one in diagnosis.examine(fixed, 0.0).left_out)

"""Each rule on a sick training and on a well one."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.diagnosis.finding import Severity
from burnish.doctor import null as nulls
from burnish.doctor.diagnosis import diagnose
from burnish.doctor.examination import Examination
from burnish.doctor.rules import RULES, numerics, outputs
from burnish.doctor.subject import Rows
from doctor import subjects
from doctor.subjects import HEALTHY, dropped, found, regression

DEEP = (8, *(16,) * 20, 4)


def sign_flipped(params, x, y, key):
    return jax.tree.map(jnp.negative, jax.grad(lambda p: HEALTHY.objective(p, x, y, key))(params))


def with_a_hole(rows):
    x = rows.x.copy()
    x[5, 2] = np.nan
    return Rows(x, rows.y)


def halved(params, x, y, key):
    """The gradient of the first layer's weights is half of what it should be."""
    found = jax.grad(lambda p: HEALTHY.objective(p, x, y, key))(params)
    return [{**found[0], "w": found[0]["w"] / 2}, *found[1:]]


COUNT = itertools.count()
RULE = {rule.code: rule for rule in RULES}


STATIC = {
    "NU2": replace(HEALTHY, gradient=sign_flipped),
    "NU1": replace(HEALTHY, gradient=halved),
    "NU4": replace(HEALTHY, train=with_a_hole(HEALTHY.train)),
    "NU8": replace(HEALTHY, apply=lambda p, x: HEALTHY.apply(p, jnp.zeros_like(x))),
    "NU9": replace(HEALTHY, apply_training=lambda p, x, key: dropped(p, x, jax.random.key(0))),
    "NU11": replace(HEALTHY, init=lambda key: HEALTHY.init(jax.random.key(next(COUNT)))),
    # The optimiser that leaves a leaf alone.
    "NU3": replace(
        HEALTHY,
        optimizer=optax.multi_transform(
            {"moves": optax.adam(3e-3), "stays": optax.set_to_zero()},
            lambda params: [{"w": "moves", "b": "stays" if place == 1 else "moves"} for place, _ in enumerate(params)],
        ),
    ),
    "NU7": replace(HEALTHY, apply=lambda p, x: (z := subjects.perceptron((8, 16, 16, 4))[1](p, x)) - z.mean(axis=0)),
    "NU10": replace(HEALTHY, loss=lambda z, y: subjects.cross_entropy(z, y).sum()),
    "NN1": replace(HEALTHY, init=lambda key: jax.tree.map(lambda leaf: jnp.full_like(leaf, 0.5), HEALTHY.init(key))),
    "NN7": subjects.subject(apply=subjects.perceptron((8, 16, 16, 4), lambda z: z)[1]),
    "NN8": replace(HEALTHY, apply=lambda p, x: jax.nn.softmax(HEALTHY.apply(p, x))),
}


# Whose rules train or draw twenty networks.
DEAR = ("NU1", "NU2", "NU3", "NU4", "NU7")


@pytest.mark.parametrize(
    "code", [pytest.param(code, marks=pytest.mark.slow) if code in DEAR else code for code in STATIC]
)
def test_proofs_are_found_where_they_are_planted(code):
    assert code in found(STATIC[code], code)


@pytest.mark.slow
def test_proofs_and_structure_are_silent_on_a_healthy_training():
    assert found(HEALTHY, *STATIC) == []


@pytest.mark.slow
def test_a_first_update_of_nothing_is_warm_up_and_no_frozen_leaf():
    schedule = optax.warmup_cosine_decay_schedule(0.0, 3e-3, 20, 190)

    assert found(replace(HEALTHY, optimizer=optax.adam(schedule)), "NU3") == []


@pytest.mark.slow
def test_a_disconnected_leaf_is_named():
    init = HEALTHY.init

    def with_more(key):
        return {"net": init(key), "unused": jnp.ones(3)}

    subject = replace(HEALTHY, init=with_more, apply=lambda p, x: HEALTHY.apply(p["net"], x))
    exam = Examination(subject)
    (rule,) = [rule for rule in RULES if rule.code == "NU3"]

    (finding,) = rule.look(exam)

    assert finding.finding.where == "['unused']"
    assert "does not depend on ['unused']" in finding.finding.evidence


def gaussian(rows, seed):
    """One row in two of the second class, which nothing but a curved border tells apart."""
    x = np.random.default_rng(seed).normal(size=(rows, 2)).astype(np.float32)
    return Rows(x, (np.square(x).sum(axis=1) > 1.4).astype(np.int32))


@pytest.mark.slow
def test_bias_is_found_without_a_baseline_where_a_simple_model_does_better():
    """Boosted trees find the border that two units cannot: the least possible error is no larger than theirs."""
    few, enough = (
        subjects.subject(sizes, train=gaussian(600, 0), dev=gaussian(600, 1), epochs=40)
        for sizes in ((2, 2, 2), (2, 32, 2))
    )

    assert set(found(few, "BV")) & {"BV1", "BV3"}
    assert not set(found(enough, "BV")) & {"BV1", "BV3"}


@pytest.mark.slow
@pytest.mark.parametrize(("share", "expected"), [(0.9, ["NN12"]), (0.2, [])])
def test_dropout_that_takes_most_of_what_is_known_is_a_harmful_block(share, expected):
    assert found(replace(HEALTHY, apply_training=lambda p, x, key: dropped(p, x, key, share)), "NN12") == expected


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "expected"), [(4.0, ["OP5"]), (0.1, [])])
def test_a_loss_that_steps_undo_bounces(rate, expected):
    whole = replace(HEALTHY, optimizer=optax.sgd(rate), batch_size=600, epochs=200)

    assert found(whole, "OP5") == expected


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "expected"), [(40, ["DA21"]), (4000, [])])
def test_more_rows_are_asked_for_where_half_of_them_taught_less(rows, expected):
    assert found(subjects.subject(train=subjects.clusters(rows), epochs=2400 // rows + 4), "DA21") == expected


@pytest.mark.slow
@pytest.mark.parametrize(("units", "expected"), [(128, ["NN11"]), (16, [])])
def test_half_of_a_wide_network_would_do(units, expected):
    """Which takes many dev rows to know."""
    wide = subjects.subject((8, units, units, 4), dev=subjects.clusters(4000, seed=2))

    assert found(wide, "NN11") == expected


def by_hand(outputs, y):
    """Cross-entropy whose exponentials overflow."""
    shares = jnp.exp(outputs) / jnp.exp(outputs).sum(axis=1, keepdims=True)
    return -jnp.log(jnp.take_along_axis(shares, y[:, None], axis=1)[:, 0])


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "expected"), [(by_hand, ["NU4"]), (subjects.cross_entropy, [])])
def test_a_loss_that_overflows_is_told_where_it_does(loss, expected):
    """Large weights alone bring no finding of numbers that are not finite."""
    large = replace(HEALTHY, loss=loss, init=lambda key: jax.tree.map(lambda leaf: 20 * leaf, HEALTHY.init(key)))

    assert found(large, "NU4") == expected


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "expected"), [((-1, 1), ["NU7"]), ((-1,), [])])
def test_outputs_that_are_compared_with_the_targets_of_all_rows(shape, expected):
    """(64, 1) less (64,) is (64, 64), and its mean is the same whichever row has which target."""
    wide = regression(
        apply=lambda p, x: regression().apply(p, x).reshape(shape), loss=lambda z, y: jnp.mean(jnp.square(z - y))
    )

    assert found(wide, "NU7") == expected


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "expected"), [(1, ["NN8"]), (0, [])])
def test_a_loss_that_numbers_the_classes_otherwise(shift, expected):
    """It falls, and all answers are wrong, until classes are renamed."""
    assert found(replace(HEALTHY, loss=lambda z, y: subjects.cross_entropy(z, (y + shift) % 4)), "NN8") == expected


def test_a_loss_over_the_axis_of_the_rows():
    """Softmax of a column in the place of softmax of a row."""
    wrong = replace(HEALTHY, loss=lambda z, y: -jnp.take_along_axis(jax.nn.log_softmax(z, axis=0), y[:, None], 1)[:, 0])
    (rule,) = [rule for rule in RULES if rule.code == "NU7"]

    assert next(iter(rule.look(Examination(wrong)))).finding.evidence.startswith("The loss of a row changes")


@pytest.mark.slow
def test_a_target_far_smaller_than_the_first_outputs_is_not_scaled():
    assert found(regression(1e-4, epochs=3), "NN14") == ["NN14"]


@pytest.mark.parametrize(
    ("apply", "expected"),
    [
        (lambda p, x: HEALTHY.apply(p, x * jnp.eye(8)[0]), ["NU8"]),
        (lambda p, x: HEALTHY.apply(p, jnp.round(x)), []),  # no slope, and the outputs change
        (lambda p, x: jax.nn.softmax(HEALTHY.apply(p, x)), []),
    ],
)
def test_inputs_that_never_reach_the_outputs(apply, expected):
    assert found(replace(HEALTHY, apply=apply), "NU8") == expected


@pytest.mark.parametrize(
    "subject",
    [
        replace(HEALTHY, loss=lambda z, y: -subjects.cross_entropy(z, y)),
        regression(loss=lambda z, y: -jnp.mean(jnp.square(z - y))),
    ],
)
def test_a_loss_that_is_lower_where_answers_are_wrong(subject):
    (rule,) = [rule for rule in RULES if rule.code == "NN8"]
    found = next(iter(rule.look(Examination(subject))))

    assert "makes the answers worse" in found.finding.evidence
    assert not list(outputs._turned(Examination(found.arm.cured(subject))))


def test_bounded_outputs_that_cannot_reach_their_targets():
    assert "NN8" in found(regression(5.0, apply=lambda p, x: jnp.tanh(regression().apply(p, x))), "NN8")
    assert found(regression(5.0), "NN8") == []


def test_a_single_softmax_is_constant():
    two = Rows(HEALTHY.train.x, (HEALTHY.train.y > 1).astype(np.int32))
    init, apply = subjects.perceptron((8, 16, 1))
    subject = replace(
        HEALTHY, init=init, apply=lambda p, x: jax.nn.softmax(apply(p, x)), train=two, dev=two,
        loss=lambda z, y: -jnp.log(jnp.where(y == 1, z[:, 0], 1 - z[:, 0]) + 1e-6),
    )  # fmt: skip

    assert found(subject, "NN8") == ["NN8"]


def test_right_weights_have_the_variance_of_their_layer_and_break_symmetry():
    exam = Examination(STATIC["NN1"])
    drawn = nulls.rightly_initialised(exam.gauger.layers, exam.start.params, jax.random.key(0))

    assert float(drawn[1]["w"].var()) == pytest.approx(2 / 16, rel=0.3)
    np.testing.assert_array_equal(drawn[0]["b"], 0)


def test_the_slope_with_depth_is_that_of_a_geometric_series():
    assert nulls.depth_slope(np.array([1.0, 2.0, 4.0, 8.0])) == pytest.approx(np.log(2))
    assert nulls.depth_slope(np.array([3.0])) == 0.0


@pytest.mark.slow
def test_a_healthy_training_has_no_fault_and_says_so():
    healthy = subjects.subject()
    diagnosis = diagnose(
        healthy.init, healthy.apply, healthy.loss, healthy.optimizer,
        (healthy.train.x, healthy.train.y), (healthy.dev.x, healthy.dev.y), batch_size=32, epochs=10,
    )  # fmt: skip

    assert diagnosis.ok, str(diagnosis)
    assert diagnosis.layers == ("[0]['w']", "[1]['w']", "[2]['w']")
    assert diagnosis.document()["ok"] is True


def test_every_rule_says_what_it_is():
    assert all(text.endswith(".") for rule in RULES for text in (rule.when, rule.remedy, rule.proven, rule.source))
    assert all(a.code != b.code for a, b in itertools.combinations(RULES, 2))
    assert {rule.severity for rule in RULES} <= set(Severity)
    assert all(rule.look or rule.trial for rule in RULES)


def test_one_deal_of_the_targets_that_costs_as_much_by_accident_proves_nothing():
    """Costs of few digits, as of half precision, agree so at times: here the first of several deals does."""

    def rough(z, y):
        return jnp.round(20 * subjects.cross_entropy(z, y).mean()) / 20

    for seed in range(100):
        exam = Examination(subjects.subject((8, 4, 4), train=subjects.clusters(64, seed=seed), epochs=1, loss=rough))
        y = exam.few.y
        z = np.random.default_rng(0).normal(size=(numerics.DEALS, len(y), 4)).astype(np.float32)[0]
        if float(rough(z, y)) == float(rough(z, np.roll(y, 1))):
            break
    else:
        raise AssertionError("no accident was found")

    assert list(numerics._mixed(exam)) == []


def told_of(subject, code):
    """Evidence of what one rule finds by itself."""
    return [one.finding.evidence for one in RULE[code].look(Examination(subject))]


def test_updates_that_go_uphill_in_part_are_turned_round_there_alone():
    """`optax.masked` hands the bare gradients of what it leaves out on."""
    masked = optax.masked(optax.adam(3e-3), lambda params: [place > 0 for place, _ in enumerate(params)])
    sick = replace(HEALTHY, optimizer=masked)
    [found] = RULE["NU2"].look(Examination(sick))

    assert found.finding.where == "[0]['b']"
    assert "that of 4 others down" in found.finding.evidence
    assert told_of(found.arm.cured(sick), "NU2") == []


def test_a_loss_with_a_margin_for_each_class_by_itself_tells_classes_apart():
    def hinge(z, y):
        return jnp.square(jnp.maximum(0, 1 - (2 * jax.nn.one_hot(y, 4) - 1) * z)).sum(axis=-1)

    assert told_of(replace(HEALTHY, loss=hinge), "NN8") == []


def test_a_loss_that_is_lowest_for_the_surely_wrong_is_not_turned_round():
    """The right class's probability, squared, in the place of what is left of it: neither sign is right."""

    def humped(z, y):
        right = -subjects.cross_entropy(z, y)
        return -jnp.exp(2 * right) * right

    [found] = RULE["NN8"].look(Examination(replace(HEALTHY, loss=humped)))
    assert "falls to either side" in found.finding.evidence
    assert found.arm is outputs.CROSS_ENTROPY


def test_inputs_cut_to_whole_numbers_are_told_where_there_is_something_behind_the_point():
    def cut(p, x):
        return HEALTHY.apply(p, x.astype(jnp.int32).astype(jnp.float32))

    whole = [Rows(np.round(4 * rows.x), rows.y) for rows in (HEALTHY.train, HEALTHY.dev)]
    large = [Rows(5000.0 * rows.x, rows.y) for rows in (HEALTHY.train, HEALTHY.dev)]
    saturated = subjects.subject(apply=subjects.perceptron((8, 16, 4), jnp.tanh)[1], train=large[0], dev=large[1])
    assert "behind the point" in told_of(replace(HEALTHY, apply=cut), "NU8")[0]
    assert told_of(saturated, "NU8") == []
    assert told_of(replace(HEALTHY, apply=cut, train=whole[0], dev=whole[1]), "NU8") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [(jax.nn.relu, "those below 0 are 0"), (jnp.square, "without their signs")],
    ids=["relu", "square"],
)
def test_what_else_a_network_makes_of_its_inputs_is_told_where_it_loses_something(change, said):
    positive = [Rows(np.abs(rows.x), rows.y) for rows in (HEALTHY.train, HEALTHY.dev)]
    changed = replace(HEALTHY, apply=lambda p, x: HEALTHY.apply(p, change(x)))

    assert said in told_of(changed, "NU8")[0]
    assert told_of(replace(changed, train=positive[0], dev=positive[1]), "NU8") == []


def test_outputs_that_differ_by_rounding_alone_are_the_same():
    """Normalised over places, and their mean taken; not so thirty layers that squash, which hand little on."""

    def normalised(p, x):
        places = x[:, :, None] * p["w"]
        centred = places - places.mean(axis=1, keepdims=True)
        return (centred / jnp.sqrt(centred.var(axis=1, keepdims=True) + 1e-5)).mean(axis=1) + p["b"]

    def init(key):
        return {"w": jax.random.normal(key, (8, 4)), "b": jnp.ones(4)}

    deep = (8, *(16,) * 30, 4)
    squashed = subjects.subject(init=subjects.perceptron(deep)[0], apply=subjects.perceptron(deep, jax.nn.sigmoid)[1])
    assert "the same on 64 rows" in told_of(replace(HEALTHY, init=init, apply=normalised), "NU8")[0]
    assert told_of(squashed, "NU8") == []


def test_a_training_that_ends_worse_than_a_constant_answer_is_a_fault():
    def apart(p, x):
        return HEALTHY.apply(p, x) * 1e3

    found = list(RULE["OP14"].look(Examination(replace(HEALTHY, apply=apart, optimizer=optax.sgd(0.0)))))
    assert [one.finding.severity for one in found] == [Severity.FAULT]
    shifted = replace(HEALTHY, loss=lambda z, y: subjects.cross_entropy(z, y) - 100.0)
    assert told_of(shifted, "OP14") == []


def test_a_training_that_ends_before_it_is_better_than_a_constant_answer_is_no_fault():
    def apart(p, x):
        return HEALTHY.apply(p, x) * 3

    slow = replace(HEALTHY, apply=apart, optimizer=optax.sgd(1e-5))
    (found,) = RULE["OP14"].look(Examination(slow))
    assert found.finding.severity is Severity.LIMIT
    assert "falls still" in found.finding.evidence
    (short,) = RULE["OP14"].look(Examination(replace(slow, epochs=1, batch_size=len(slow.train))))
    assert short.finding.severity is Severity.FAULT, "one reading falls nowhere"


@pytest.mark.parametrize(("times", "tried"), [(0.01, "100 times the logits"), (100.0, "0.01 times"), (1.0, "")])
def test_logits_that_are_scaled_are_tried_without(times, tried):
    trial = outputs.NN19.trial(Examination(replace(HEALTHY, apply=lambda p, x: times * HEALTHY.apply(p, x))))

    assert trial.arms[0].name.startswith(tried) if tried else trial is None


@pytest.mark.parametrize(("divided", "arms"), [(1.0, None), (255.0, 2)])
def test_inputs_that_the_network_scales_itself_are_tried_enlarged(divided, arms):
    trial = RULE["DA1"].trial(Examination(replace(HEALTHY, apply=lambda p, x: HEALTHY.apply(p, x / divided))))

    assert (trial and len(trial.arms)) == arms

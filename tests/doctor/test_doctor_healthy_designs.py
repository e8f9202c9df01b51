"""Designs that are meant so and learn well: no rule that speaks by proof calls them a fault."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.diagnosis.finding import Severity
from burnish.doctor import equations, networks
from burnish.doctor.examination import Examination
from burnish.doctor.rules import RULES
from burnish.doctor.subject import Rows
from doctor import subjects

HEALTHY = subjects.subject()
WIDTH = 24


def looked(subject, *codes):
    """What the rules of these codes find."""
    exam = Examination(subject)
    return [found for rule in RULES if rule.code in codes and rule.look for found in rule.look(exam)]


def faults(subject, *codes):
    return [one.finding.code for one in looked(subject, *codes) if one.finding.severity is Severity.FAULT]


def residual(zero):
    """Two branches beside the way through, of which something is 0 at the start: "scale", "last" or "all last"."""

    def init(key):
        keys = jax.random.split(key, 6)
        params = {"in": subjects.perceptron((8, WIDTH))[0](keys[0])[0]["w"]}
        for place in (1, 2):
            first, second = subjects.perceptron((WIDTH, WIDTH, WIDTH))[0](keys[place])
            branch = {"w1": first["w"], "w2": second["w"] * (zero == "scale")}
            params[f"branch {place}"] = {**branch, "scale": jnp.full(WIDTH, float(zero != "scale"))}
        return params | {"out": subjects.perceptron((WIDTH, 4))[0](keys[3])[0]["w"] * (zero != "all last")}

    def apply(params, x):
        x = x @ params["in"]
        for place in (1, 2):
            branch = params[f"branch {place}"]
            x = x + branch["scale"] * (jax.nn.relu(x @ branch["w1"]) @ branch["w2"])
        return jax.nn.relu(x) @ params["out"]

    return replace(HEALTHY, init=init, apply=apply)


@pytest.mark.slow
@pytest.mark.parametrize("zero", ["scale", "last", "all last"])
def test_branches_that_begin_as_nothing_are_connected_and_their_units_part(zero):
    """ReZero and LayerScale; Fixup and zero-initialised projections; and these with outputs of 0 as well."""
    assert looked(residual(zero), "NU3", "NN1") == []


def constant(**changes):
    init = HEALTHY.init
    return replace(HEALTHY, init=lambda key: jax.tree.map(lambda leaf: jnp.full_like(leaf, 0.5), init(key)), **changes)


@pytest.mark.slow
def test_equal_units_that_stay_equal_are_one():
    """To the last step, whatever the activation; and what is zero before and behind a layer keeps it so."""
    tanh = subjects.perceptron((8, 16, 16, 4), jnp.tanh)[1]
    zero = replace(HEALTHY, init=lambda key: jax.tree.map(jnp.zeros_like, HEALTHY.init(key)))

    assert [faults(one, "NN1") for one in (constant(), constant(apply=tanh), zero)] == [["NN1"]] * 3


def stays(params):
    return [{"w": "moves", "b": "stays" if place == 1 else "moves"} for place, _ in enumerate(params)]


LATE = optax.adam(optax.join_schedules([optax.constant_schedule(0.0), optax.constant_schedule(3e-3)], [25]))
GATHERED = optax.MultiSteps(optax.adam(3e-3), 32).gradient_transformation()


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [LATE, GATHERED], ids=["late", "gathered"])
def test_an_optimiser_that_begins_late_leaves_nothing_alone(optimizer):
    assert looked(replace(HEALTHY, optimizer=optimizer), "NU3") == []


@pytest.mark.slow
def test_a_leaf_that_a_late_optimiser_leaves_alone_is_named():
    partly = optax.multi_transform({"moves": GATHERED, "stays": optax.set_to_zero()}, stays)

    (found,) = looked(replace(HEALTHY, optimizer=partly), "NU3")

    assert found.finding.where == "[1]['b']"
    assert "not change by a single bit in 190 steps" in found.finding.evidence
    assert looked(replace(HEALTHY, optimizer=partly, frozen=("[1]['b']",)), "NU3") == []


def far(rows, mean, spread):
    x = (mean + spread * np.random.default_rng(3).normal(size=(rows, 1))).astype(np.float32)
    return Rows(x, np.sin((x[:, 0] - mean) / spread).astype(np.float32))


def bent(mean, spread, apply):
    """One number told by another, by a network that bends where its inputs do not lie."""
    rows = far(600, mean, spread)
    init, _ = subjects.perceptron((1, 16, 16, 1))
    return replace(
        HEALTHY, init=init, apply=lambda p, x: apply(p, x)[:, 0], loss=lambda z, y: (z - y) ** 2, train=rows, dev=rows
    )


RECTIFIED = subjects.perceptron((1, 16, 16, 1))[1]
SQUASHED = subjects.perceptron((1, 16, 16, 1), jnp.tanh)[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject",
    [
        bent(2010.0, 6.0, RECTIFIED),
        bent(2010.0, 6.0, lambda p, x: RECTIFIED(p, (x - 2010) / 6)),
        bent(0.0, 1e-6, SQUASHED),
        bent(0.0, 1.0, lambda p, x: RECTIFIED(p, x) + x @ p[0]["w"][:, :1]),
    ],
    ids=["years", "years less 2010", "tiny", "a linear way beside"],
)
def test_a_network_that_bends_anywhere_is_not_linear(subject):
    assert looked(subject, "NN7") == []


def straight_through(params, x):
    """The second half of the hidden units has a sign instead of a number, and the derivative of the number."""
    h = jnp.tanh(x @ params[0]["w"] + params[0]["b"])
    h = h + jax.lax.stop_gradient(jnp.sign(h) - h)
    return jax.nn.relu(h @ params[1]["w"] + params[1]["b"]) @ params[2]["w"] + params[2]["b"]


def partly_stopped(params, x):
    h = jax.nn.relu(x @ params[0]["w"] + params[0]["b"])
    h = 0.9 * h + jax.lax.stop_gradient(0.1 * h)
    return jax.nn.relu(h @ params[1]["w"] + params[1]["b"]) @ params[2]["w"] + params[2]["b"]


@jax.custom_vjp
def rounded(h):
    """Rounding whose derivative is said to be 1."""
    return jnp.round(h)


rounded.defvjp(lambda h: (jnp.round(h), None), lambda _, g: (g,))


def by_a_rule(params, x):
    h = rounded(4 * jnp.tanh(x @ params[0]["w"] + params[0]["b"])) / 4
    return jax.nn.relu(h @ params[1]["w"] + params[1]["b"]) @ params[2]["w"] + params[2]["b"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("apply", "why"),
    [(straight_through, "`stop_gradient`"), (partly_stopped, "`stop_gradient`"), (by_a_rule, "straight-through")],
)
def test_a_gradient_that_is_meant_so_is_a_note(apply, why):
    (found,) = looked(replace(HEALTHY, apply=apply), "NU1", "NU2")

    assert (found.finding.code, found.finding.severity, found.arm) == ("NU1", Severity.NOTE, None)
    assert "[0]['w']" in found.finding.evidence
    assert why in found.finding.evidence


@jax.custom_jvp
def halving(z):
    """As it is, with half its derivative."""
    return z * 1.0


halving.defjvp(lambda given, along: (halving(*given), 0.5 * along[0]))


@jax.custom_vjp
def turning(z):
    """As it is, with its derivative of the other sign."""
    return z * 1.0


turning.defvjp(lambda z: (z * 1.0, None), lambda _, g: (-g,))


def with_rule(rule, *, inside=False):
    """A rule of its own behind the first layer, in a loop or not."""

    def apply(params, x):
        h = jax.nn.relu(x @ params[0]["w"] + params[0]["b"])
        h = jax.lax.scan(lambda kept, _: (rule(kept), None), h, None, length=1)[0] if inside else rule(h)
        return jax.nn.relu(h @ params[1]["w"] + params[1]["b"]) @ params[2]["w"] + params[2]["b"]

    return replace(HEALTHY, apply=apply)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [halving, turning])
def test_a_wrong_rule_is_a_fault_with_jaxs_own_derivatives_as_its_cure(rule):
    sick = with_rule(rule)
    (found,) = looked(sick, "NU1", "NU2")

    assert (found.finding.code, found.finding.severity) == ("NU1", Severity.FAULT)
    assert faults(found.arm.cured(sick), "NU1", "NU2") == []


@pytest.mark.slow
def test_a_wrong_rule_in_a_loop_is_a_fault_that_has_no_cure_from_here():
    (found,) = looked(with_rule(turning, inside=True), "NU1")

    assert (found.finding.severity, found.arm) == (Severity.FAULT, None)


@pytest.mark.slow
def test_a_wrong_gradient_of_a_network_with_held_values_is_a_fault():
    """Of the leaves that the person's own gradient halves; the others are held on purpose."""
    stopped = replace(HEALTHY, apply=partly_stopped)

    def gradient(params, x, y, key):
        found = jax.grad(lambda p: stopped.objective(p, x, y, key))(params)
        return [*found[:2], {**found[2], "w": found[2]["w"] / 2}]

    found = looked(replace(stopped, gradient=gradient), "NU1")

    assert {one.finding.severity: one.finding.where for one in found} == {
        Severity.FAULT: "[2]['w']",
        Severity.NOTE: found[1].finding.where,
    }
    assert found[1].finding.where.startswith("[0]")


def test_rules_of_jax_itself_are_not_the_persons_own():
    x = jnp.ones((2, 8))
    params = HEALTHY.init(jax.random.key(0))

    assert not equations.own_rules(HEALTHY.apply, params, x)
    assert equations.own_rules(with_rule(halving).apply, params, x)
    assert equations.own_rules(with_rule(turning, inside=True).apply, params, x)
    assert networks.plain(HEALTHY).apply is HEALTHY.apply

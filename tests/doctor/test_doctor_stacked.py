"""Layers whose parameters are stacked, and that a loop goes over (`lax.scan`)."""

import jax
import jax.numpy as jnp
import optax
import pytest
from jax import lax
from numpy.testing import assert_allclose

from burnish import diagnose
from burnish.diagnosis.finding import Severity
from burnish.doctor import anatomy, widths
from burnish.doctor.examination import Examination
from burnish.doctor.gauges import Gauger
from burnish.doctor.lab import Lab
from burnish.doctor.rules import RULES
from doctor import subjects

DEPTH, WIDTH = 6, 16
RULE = {rule.code: rule for rule in RULES}


def written_out(activation):
    """First layer, six hidden ones, outputs: in a list, as it is written without a loop."""
    return subjects.perceptron((8, *[WIDTH] * (DEPTH + 1), 4), activation)


def stacked(params):
    return {
        "in": params[0],
        "blocks": jax.tree.map(lambda *leaves: jnp.stack(leaves), *params[1:-1]),
        "out": params[-1],
    }


def looped(activation, *, reverse=False, again=False):
    """The same network with its hidden layers in a loop, recomputed for the gradient or not."""

    def block(h, layer):
        h = activation(h @ layer["w"] + layer["b"])
        return h, h.mean()

    def apply(params, x):
        h = activation(x @ params["in"]["w"] + params["in"]["b"])
        h, means = lax.scan(jax.checkpoint(block) if again else block, h, params["blocks"], reverse=reverse)
        return h @ params["out"]["w"] + params["out"]["b"] + 0 * means.sum()

    return apply


def in_a_loop(activation=jax.nn.relu, scale=None, depth=DEPTH, **changes):
    init, _ = subjects.perceptron((8, *[WIDTH] * (depth + 1), 4), activation, scale)
    return subjects.subject(init=lambda key: stacked(init(key)), apply=looped(activation), **changes)


@pytest.mark.parametrize("again", [False, True])
def test_the_layers_are_those_of_the_network_written_out(again):
    init, apply = written_out(jnp.tanh)
    params, x = init(jax.random.key(0)), subjects.HEALTHY.train.x[:50]
    loop = looped(jnp.tanh, again=again)

    plain, found = anatomy.layers(apply, params, x), anatomy.layers(loop, stacked(params), x)

    def told(layers):
        return [(one.fan_in, one.units, one.squashing, one.follows) for one in layers]

    assert told(found) == told(plain)
    assert [one.name for one in found] == [
        "['in']['w']",
        *[f"['blocks']['w'][{place}]" for place in range(DEPTH)],
        "['out']['w']",
    ]


def test_a_reversed_loop_begins_at_the_last_layer():
    init, _ = written_out(jnp.tanh)
    params, x, loop = stacked(init(jax.random.key(0))), subjects.HEALTHY.train.x[:50], looped(jnp.tanh, reverse=True)

    assert [one.at for one in anatomy.layers(loop, params, x)[1:-1]] == [*reversed(range(DEPTH))]
    assert_allclose(anatomy.follow(loop, params, x)[0], loop(params, x), atol=1e-5)


def test_scales_are_those_of_the_network_written_out():
    init, apply = written_out(jnp.tanh)
    plain = subjects.subject(init=init, apply=apply)
    loop = subjects.subject(init=lambda key: stacked(init(key)), apply=looped(jnp.tanh))
    one, other = (gauger.read(gauger.lab.start().params) for gauger in (Gauger(Lab(plain)), Gauger(Lab(loop))))

    for name in ("inputs", "z", "delta", "update", "twins", "saturated"):
        assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-4, atol=1e-6, err_msg=name)


def test_what_squashes_in_a_loop_can_be_replaced():
    init, _ = written_out(jnp.tanh)
    params, x = stacked(init(jax.random.key(0))), subjects.HEALTHY.train.x[:50]
    replaced = anatomy.follow(looped(jnp.tanh), params, x, edit=anatomy.Edit(lambda _, value: jax.nn.relu(value)))[0]

    assert_allclose(replaced, looped(jax.nn.relu)(params, x), rtol=1e-4, atol=1e-5)


def test_weights_made_of_stacked_ones_and_others_are_named_by_the_stacked():
    """A direction of its own and a length that all layers share."""

    def apply(params, x):
        def block(h, direction):
            return jnp.tanh(h @ (params["length"] * direction)), None

        return lax.scan(block, x, params["directions"])[0]

    params = {"directions": jnp.ones((3, 8, 8)), "length": jnp.ones((8,))}
    found = anatomy.layers(apply, params, subjects.HEALTHY.train.x[:5])

    assert [one.name for one in found] == [f"['directions'][{place}]" for place in range(3)]


def test_a_loop_of_many_rounds_is_opaque():
    def apply(params, x):
        return lax.scan(lambda h, w: (jnp.tanh(h @ w), None), x, params)[0]

    assert anatomy.layers(apply, jnp.ones((anatomy.UNROLLED, 8, 8)), subjects.HEALTHY.train.x[:5]) == ()


def test_stacked_layers_are_not_widened_from_outside():
    exam = Examination(in_a_loop())

    assert widths.resized(exam.subject, exam.gauger.layers, exam.start.params, 4, 32) is None


@pytest.mark.slow
def test_gradients_that_vanish_in_a_loop_are_found_and_cured():
    sick = in_a_loop(jax.nn.sigmoid, 0.01, depth=14, epochs=20)
    found = diagnose(
        sick.init, sick.apply, sick.loss, sick.optimizer, (sick.train.x, sick.train.y), (sick.dev.x, sick.dev.y),
        epochs=sick.epochs,
    )  # fmt: skip

    faults = [one.code for one in found.findings if one.severity is Severity.FAULT]
    assert faults[:1] in (["NN3"], ["NN2"], ["NN6"]), found
    assert found.repaired_error < 0.5 * found.dev_error


@pytest.mark.slow
def test_a_healthy_network_in_a_loop_has_no_fault():
    well = in_a_loop(optimizer=optax.adam(1e-3), epochs=20)
    found = diagnose(
        well.init, well.apply, well.loss, well.optimizer, (well.train.x, well.train.y), (well.dev.x, well.dev.y),
        epochs=well.epochs,
    )  # fmt: skip

    assert len(found.layers) == DEPTH + 2
    assert found.ok, found


def test_layers_without_an_activation_in_a_loop_are_one_linear_map():
    (found,) = RULE["NN7"].look(Examination(in_a_loop(lambda value: value)))

    assert "All 8 layers together are one linear map" in found.finding.evidence

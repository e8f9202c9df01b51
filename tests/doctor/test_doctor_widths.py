"""Networks of all kinds are made wider from outside, and those whose code does not bear it are left alone."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.doctor import modules, widths
from burnish.doctor.examination import Examination
from burnish.doctor.gauges import Gauger
from burnish.doctor.lab import Lab
from burnish.doctor.rules import RULES
from burnish.doctor.subject import Rows
from doctor import subjects

RULE = {rule.code: rule for rule in RULES}
SIDE, TIMES, LEAST = 6, 4, 8
LAST = ("NHWC", "HWIO", "NHWC")  # where images, kernels and outputs have their channels
FIRST = ("NCHW", "OIHW", "NCHW")


def draw(key, **shapes):
    keys = jax.random.split(key, len(shapes))
    return {name: jax.random.normal(k, shape) * 0.1 for k, (name, shape) in zip(keys, shapes.items(), strict=True)}


def convolved(x, kernel, form, stride=1):
    return jax.lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=form)


def pictures(channels, form=LAST):
    """Two convolutions with a scale between them, flattened, and four classes."""
    first = form == FIRST
    kernels = [(3, 3, 1, channels), (3, 3, channels, channels)]
    kernels = [(o, i, h, w) for h, w, i, o in kernels] if first else kernels

    def init(key):
        made = draw(key, k0=kernels[0], k1=kernels[1], w=(channels * (SIDE // 2) ** 2, 4))
        return made | {"scale": jnp.full(channels, 1.5), "bias": jnp.zeros(4)}

    def apply(p, x):
        x = x.reshape(-1, 1, SIDE, SIDE) if first else x.reshape(-1, SIDE, SIDE, 1)
        x = jax.nn.relu(convolved(x, p["k0"], form))
        x = x * (p["scale"][:, None, None] if first else p["scale"])
        x = jax.nn.relu(convolved(x, p["k1"], form, stride=2))
        return x.reshape(len(x), -1) @ p["w"] + p["bias"]

    rng = np.random.default_rng(0)
    sheets = [rng.normal(size=(rows, SIDE * SIDE)).astype(np.float32) for rows in (200, 100)]
    train, dev = (Rows(x, (x[:, :2] > 0) @ np.array([1, 2], np.int32)) for x in sheets)
    return subjects.subject(init=init, apply=apply, train=train, dev=dev)


def residual(width):
    """A block that is added to what goes in, and classes as many as the block is wide."""

    def init(key):
        made = draw(key, a=(8, width), b=(width, width), c=(width, 4))
        return made | {"bias_a": jnp.zeros(width), "bias_c": jnp.zeros(4)}

    def apply(p, x):
        x = jax.nn.relu(x @ p["a"] + p["bias_a"])
        return (x + jax.nn.relu(x @ p["b"])) @ p["c"] + p["bias_c"]

    return subjects.subject(init=init, apply=apply)


def outputs_first():
    """Weights of (units, inputs), as Equinox has them."""

    def init(key):
        return eqx.nn.MLP(8, 4, 3, 2, key=key)

    return modules.parted(subjects.subject(init=init, apply=lambda network, x: jax.vmap(network)(x)))


def biases_before_weights():
    """Leaves in alphabetical order: b0, b1, w0, w1; the hidden layer is as wide as the outputs."""

    def init(key):
        return draw(key, w0=(8, 4), w1=(4, 4)) | {"b0": jnp.zeros(4), "b1": jnp.zeros(4)}

    return subjects.subject(init=init, apply=lambda p, x: jax.nn.relu(x @ p["w0"] + p["b0"]) @ p["w1"] + p["b1"])


def resized(subject, times=TIMES):
    layers, params = Gauger(Lab(subject)).layers, subject.init(jax.random.key(0))
    return widths.resized(subject, layers, params, times, LEAST)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pictures(2), {(3, 3, 1, 8), (3, 3, 8, 8), (72, 4), (8,), (4,)}),
        (pictures(2, FIRST), {(8, 1, 3, 3), (8, 8, 3, 3), (72, 4), (8,), (4,)}),
        (residual(4), {(8, 16), (16, 16), (16, 4), (16,), (4,)}),
        (outputs_first(), {(12, 8), (12, 12), (4, 12), (12,), (4,)}),
        (biases_before_weights(), {(8, 16), (16, 4), (16,), (4,)}),
    ],
    ids=["convolutions", "channels first", "a residual block", "outputs first", "as many outputs as units"],
)
def test_a_network_is_made_wider_whatever_its_form(subject, expected):
    wide = resized(subject)
    params = wide.init(jax.random.key(1))
    assert {leaf.shape for leaf in jax.tree.leaves(params)} == expected
    outputs = wide.apply(params, subject.dev.x)
    assert outputs.shape == (len(subject.dev), 4)
    assert bool(jnp.isfinite(outputs).all())


def test_wider_weights_are_drawn_by_what_goes_into_a_unit_and_the_rest_is_as_it_was():
    params = resized(pictures(8)).init(jax.random.key(0))
    assert float(params["k1"].std()) == pytest.approx(np.sqrt(2 / (9 * 32)), rel=0.05)
    assert float(params["w"].std()) == pytest.approx(np.sqrt(1 / (32 * 9)), rel=0.1)
    np.testing.assert_array_equal(params["scale"], 1.5)


def test_code_with_sizes_in_it_is_left_alone():
    held = pictures(2)
    fixed = subjects.subject(
        init=held.init,
        apply=lambda p, x: held.apply(p, x) + p["scale"].reshape(2).sum(),
        train=held.train,
        dev=held.dev,
    )
    assert resized(fixed) is None


def test_a_convolution_of_few_channels_is_tried_wider():
    trial = RULE["NN10"].trial(Examination(pictures(1)))
    assert trial.where == "['k0']"
    assert "1 unit" in trial.why


def test_a_convolution_of_as_many_channels_as_are_usual_is_not():
    assert RULE["NN10"].trial(Examination(pictures(8))) is None


def test_wider_layers_that_would_take_too_long_are_named_and_not_tried(monkeypatch):
    exam = Examination(pictures(2))
    monkeypatch.setattr("burnish.doctor.rules.structure.CHEAP", exam.operations)
    assert RULE["NN10"].trial(exam) is None
    assert "too long" in exam.unable["NN10"]


def test_parameters_that_only_the_training_reads_have_to_be_as_wide():
    """Averages are evaluated, and what is averaged is another tree, whose width nothing in `apply` tells."""
    net, given = subjects.HEALTHY, subjects.HEALTHY.apply

    def init(key):
        return {"net": net.init(key), "mean": net.init(key)}

    def apply_training(params, x, key):
        mean = jax.tree.map(lambda m, p: 0.9 * m + 0.1 * p, params["mean"], params["net"])
        return given(params["net"], x), {**params, "mean": mean}

    subject = subjects.subject(
        init=init,
        apply=lambda params, x: given(params["mean"], x),
        apply_training=apply_training,
        state=("['mean']",),
    )
    exam = Examination(subject)
    assert widths.resized(exam.subject, exam.gauger.layers, exam.start.params, 0.5, 1) is None

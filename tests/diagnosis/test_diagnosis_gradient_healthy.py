"""Healthy functions, which a gradient check has to leave alone: kinks, float32 inside, extreme scales, loops."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradient_costs as costs
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.data.inputs import InputSpec
from burnish.diagnosis.gradient_check import check_gradients
from burnish.diagnosis.gradient_reading import Verdict
from burnish.diagnosis.gradient_record import GradientCheck
from burnish.model import initialise, layers, network
from burnish.train import hyperparameters, optimizer, slice
from burnish.train.configuration import Configuration
from reference import tiny

pytestmark = pytest.mark.slow  # each function compiles anew; faults are quick

X, Y = costs.rows()
PARAMS = costs.parameters()


def verdicts(check: GradientCheck) -> set[Verdict]:
    return {leaf.verdict for leaf in check.leaves}


HEALTHY: dict[str, tuple[Any, Any]] = {
    "a number": (lambda p: p**2, 1.5),
    "a Python float in a dict": (lambda p: jnp.exp(p["a"]), {"a": 0.5}),
    "nested trees": (lambda p: sum(jnp.sin(leaf).sum() for leaf in jax.tree.leaves(p)), {"a": [1.0, (2.0, None)]}),
    "half precision leaves": (lambda p: jnp.square(p).sum(), jnp.ones(3, jnp.bfloat16)),
    "relu at 0": (lambda p: jax.nn.relu(p).sum(), jnp.zeros(8)),
    "abs at 0": (lambda p: jnp.abs(p).sum(), jnp.zeros(8)),
    "max of equals": (lambda p: jnp.max(p) + jnp.maximum(p[0], p[1]), jnp.ones(8)),
    "sort of equals": (lambda p: jnp.sort(p)[:3] @ jnp.arange(3.0), jnp.ones(8)),
    "clip at its edge": (lambda p: jnp.clip(p, 0, 1).sum(), jnp.array([0.0, 1.0, 0.5])),
    "a kink 1e-9 away": (lambda p: jnp.abs(p).sum(), jnp.full(8, 1e-9)),
    "kinks on both sides": (lambda p: jnp.abs(p - 1e-8).sum() + jnp.abs(p + 1e-7).sum(), jnp.zeros(8)),
    "a leaf without effect": (lambda p: p["a"] ** 2 + 0 * p["b"], {"a": 1.0, "b": 2.0}),
    "at a minimum": (lambda p: jnp.square(p).sum(), jnp.zeros(8)),
    "a tiny gradient": (lambda p: 1e-10 * jnp.sin(p).sum(), jnp.ones(8)),
    "a tiny gradient beside 1": (lambda p: 1 + 1e-9 * jnp.sin(p).sum(), jnp.ones(8)),
    "a cost of 1e8": (lambda p: 1e8 * jnp.sin(p).sum(), jnp.ones(8)),
    "a cost of 1e-8": (lambda p: 1e-8 * jnp.sin(p).sum(), jnp.ones(8)),
    "parameters of 1e8": (lambda p: jnp.sin(1e-8 * p).sum(), jnp.full(8, 1e8)),
    "parameters of 1e-8": (lambda p: jnp.sin(1e8 * p).sum(), jnp.full(8, 1e-8)),
    "leaves of both": (lambda p: jnp.sin(1e8 * p[0] + 1e-8 * p[1]), [1e-8, 1e8]),
    "steep": (lambda p: jnp.exp(20 * p).sum(), jnp.ones(8)),
    "near the edge of its domain": (lambda p: jnp.log(p).sum(), jnp.full(8, 1e-7)),
    "flat to the third order": (lambda p: (p**4).sum(), jnp.full(8, 1e-2)),
    "cancelling": (lambda p: jnp.square((1e6 + p) - 1e6).sum(), jnp.ones(8)),
    "while": (lambda p: jax.lax.fori_loop(0, 20, lambda i, c: jnp.sin(c) + p, p).sum(), jnp.ones(8)),
    "scan": (lambda p: jax.lax.scan(lambda c, a: (jnp.tanh(c + a), c), p[0], p)[1].sum(), jnp.ones(8)),
    "cond": (lambda p: jax.lax.cond(p.sum() > 0, jnp.sin, jnp.cos, p).sum(), jnp.ones(8)),
    "switch": (lambda p: jax.lax.switch(jnp.int32(p[0]), [jnp.sin, jnp.cos], p).sum(), jnp.full(8, 1.3)),
    "Python's if": (lambda p: jnp.sin(p).sum() if p[0] > 0 else p.sum(), jnp.ones(8)),
    "where": (lambda p: jnp.where(p > 0.5, p**2, p).sum(), jnp.linspace(0, 1, 8)),
    "gather": (lambda p: jnp.square(p[jnp.array([1, 1, 4])]).sum(), jnp.arange(8.0)),
    "scatter": (lambda p: jnp.square(jnp.zeros(4).at[jnp.array([0, 0, 3])].add(p[:3])).sum(), jnp.arange(8.0)),
    "fft": (lambda p: jnp.abs(jnp.fft.rfft(p)).sum(), jnp.arange(8.0) ** 2),
    "cholesky": (lambda p: jnp.linalg.cholesky(p @ p.T + 3 * jnp.eye(4)).sum(), jnp.asarray(X[:4])),
    "checkpoint": (lambda p: jax.checkpoint(lambda q: jnp.sin(jnp.sin(q)))(p).sum(), jnp.ones(8)),
    "vmap and jit": (lambda p: jax.jit(jax.vmap(lambda q: jnp.sin(q) * q))(p).sum(), jnp.ones(8)),
    "implicit differentiation": (
        lambda p: jax.lax.custom_root(lambda x: x**2 - p, 1.0 * p, lambda f, x: _newton(f, x), lambda g, y: y / g(1.0)),
        2.0,
    ),
}


def _newton(f: Any, x: Any) -> Any:
    return jax.lax.fori_loop(0, 20, lambda i, c: c - f(c) / jax.grad(f)(c), x)


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_functions_are_right(name):
    fun, params = HEALTHY[name]
    check = check_gradients(fun, params)

    assert verdicts(check) <= {Verdict.RIGHT, Verdict.KINK, Verdict.ZERO}, str(check)


def test_gradients_that_are_both_zero_are_reported_as_zero():
    """Below 1e-12 in norm, or lost in the rounding of the cost: distance 0, and a verdict of their own."""
    check = check_gradients(lambda p: p["a"] ** 2 + 0 * p["b"].sum(), {"a": 1.0, "b": jnp.ones(9)})
    a, b = check.leaves

    assert (a.verdict, b.verdict) == (Verdict.RIGHT, Verdict.ZERO)
    assert b.distance == 0
    assert "that of ['b'] is zero" in check.headline()
    # Scaled to below 1e-12, a right gradient is zero, and so is a wrong one; just above, it is not.
    tiny_one = [check_gradients(lambda p, s=s: s * jnp.sin(p).sum(), jnp.ones(3)).worst.verdict for s in (1e-13, 1e-11)]
    assert tiny_one == [Verdict.ZERO, Verdict.RIGHT]


@pytest.mark.parametrize("bias", [0.0, 0.1])
def test_a_relu_network_with_kinks_on_the_spot_is_right(bias):
    """Zero biases and rows of zeros: every unit of these rows stands on its kink."""
    x = X.copy()
    x[:5] = 0
    check = check_gradients(costs.cost, costs.parameters(bias=bias), x, Y)

    assert check.ok
    assert verdicts(check) <= {Verdict.RIGHT, Verdict.KINK}
    assert (Verdict.KINK in verdicts(check)) == (bias == 0)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_function_that_casts_is_checked_as_well_as_its_dtype_allows(dtype):
    """And that is said."""

    def cast(params: Any, x: Any, y: Any) -> Any:
        return costs.cost(jax.tree.map(lambda a: jnp.asarray(a).astype(dtype), params), x.astype(dtype), y)

    check = check_gradients(cast, PARAMS, X, Y)

    assert check.ok
    assert check.precision == jnp.dtype(dtype).name
    assert f"partly in {jnp.dtype(dtype).name}" in str(check)
    assert all(leaf.resolution > 1e-7 for leaf in check.leaves)


def test_a_function_that_refuses_float64_is_checked_in_its_own_dtype():
    """A loop whose carry is float32: in float64 it does not even trace."""

    def single(params: Any, x: Any, y: Any) -> Any:
        return jax.lax.fori_loop(0, 2, lambda i, c: c + costs.cost(params, x, y, 0.0, jnp.tanh), jnp.float32(0))

    check = check_gradients(single, PARAMS, X, Y)

    assert check.ok
    assert not check.double
    assert check.precision == "float32"
    assert "in float64 the function fails" in str(check)
    doubled = check_gradients(
        single, PARAMS, X, Y, gradient=lambda *a: jax.tree.map(lambda g: 2 * g, jax.grad(single)(*a))
    )
    assert not doubled.ok


def test_parts_in_float32_do_not_hide_behind_parts_in_float64():
    """Small steps see the penalty in float64 alone, exact and wrong: they are left out because of what is inside."""

    def mixed(params: Any, x: Any, y: Any) -> Any:
        inner = jax.tree.map(lambda a: jnp.asarray(a).astype(jnp.float32), params)
        penalty = sum(jnp.square(layer["w"]).sum() for layer in params)
        return costs.cost(inner, x.astype(jnp.float32), y.astype(jnp.float32)) + 0.1 * penalty

    check = check_gradients(mixed, PARAMS, X, Y)

    assert check.ok
    assert check.precision == "float32"


def counts_false_alarms(seeds: range) -> list[str]:
    alarms = []
    for seed in seeds:
        drawn = costs.healthy(seed)
        check = check_gradients(drawn.fun, drawn.params, *drawn.args)
        if not check.ok:
            alarms.append(f"{seed}: {drawn.what}\n{check}")
    return alarms


def test_no_false_alarm_on_random_healthy_functions():
    assert counts_false_alarms(range(2)) == []


@pytest.mark.slow
def test_no_false_alarm_on_hundreds_of_random_healthy_functions():
    """300 without an alarm: at most 1 % have one, with a confidence of 95 %."""
    assert counts_false_alarms(range(300)) == []


# --- burnish's own training cost.

PLAIN = Configuration(widths=(8, 6), batch_size=16, l2=2.0)
OPTIONS: dict[str, Configuration] = {
    **{name: replace(PLAIN, activation=name) for name in layers.ACTIVATIONS},
    "batch norm": replace(PLAIN, norm="batch"),
    "dropout": replace(PLAIN, dropout=(0.3, 0.5)),
    "input dropout and noise": replace(PLAIN, input_dropout=0.2, input_noise=0.3),
    "label smoothing": replace(PLAIN, label_smoothing=0.2),
    "bins": replace(PLAIN, bins=4),
    "periodic": replace(PLAIN, frequencies=3),
    "residual": replace(PLAIN, widths=(6, 6), residual=True),
    "everything": Configuration(
        (6, 6), "silu", "batch", 4, 3, True, 16, l2=2.0, dropout=0.3, input_dropout=0.2, input_noise=0.1
    ),
}


def training_cost(configuration: Configuration, task: str) -> tuple[Any, Any, Any]:
    """The cost of a mini-batch as a training step has it, its parameters, and its hyperparameters.

    With two embedded categories beside the numbers; the last two of 16 places of the mini-batch are padding.
    """
    outputs = 3 if task == "classification" else 1
    inputs = InputSpec(tiny.COLUMNS, vocabularies=(4, 7))
    shape = hyperparameters.architecture(configuration, inputs, outputs=outputs, task=task)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, tiny.COLUMNS)).astype(np.float32)
    codes = np.stack([rng.integers(0, size, 16) for size in (4, 7)], 1).astype(np.int32)
    y = rng.integers(0, 3, 16).astype(np.int32) if task == "classification" else x[:, 0] ** 2
    counted = (np.arange(16) < 14).astype(np.float32)
    weight = rng.uniform(0.5, 1.5, 16).astype(np.float32) * counted
    bins = layers.quantile_bins(x, configuration.bins) if configuration.bins else None
    params = initialise.parameters(shape, 0, bins=bins)

    def cost(params: Any, hp: hyperparameters.Hyperparameters, x: Any, weight: Any) -> Any:
        noise = network.Noise(np.uint32(7), hp.dropout, hp.input_dropout, hp.input_noise)
        z, _ = network.apply_training(shape, params, x, codes, counted, noise)
        mean = (slice.row_losses(shape, z, y, hp.label_smoothing) * weight).sum() / counted.sum()
        return mean + 0.5 * hp.l2 / 83 * optimizer.squared_weights(params)

    hp = jax.tree.map(np.asarray, hyperparameters.hyperparameters(configuration, 0))
    return cost, params, (hp, x, weight)


QUICK = ("everything",)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in OPTIONS])
def test_burnishs_own_cost_is_right_under_every_option(name, task):
    """Activations, batch norm, dropout with its mask, L2, embeddings, bins, periodic features; in float64 throughout.

    Bins do not learn, and are left alone. Periodic features come from short polynomials for sine and cosine, which are
    each other's derivatives to 1e-7 and no better.
    """
    cost, params, args = training_cost(OPTIONS[name], task)
    check = check_gradients(cost, params, *args, skip=["['bins']"] if "bins" in params else [])

    assert verdicts(check) <= {Verdict.RIGHT, Verdict.KINK, Verdict.ZERO, Verdict.CLOSER}, str(check)
    closer = [leaf for leaf in check.leaves if leaf.verdict is Verdict.CLOSER]
    assert all("frequency" in leaf.name and leaf.distance < 1e-5 for leaf in closer)
    assert check.double


def test_the_step_of_training_goes_down_that_gradient():
    """Plain descent with α = 1 on a full mini-batch: the weights before less those after are the cost's own slope."""
    configuration = replace(PLAIN, optimizer="sgd", learning_rate=1.0, decay="none", activation="tanh", epochs=1)
    fold = tiny.fold(rows=16)
    shape = hyperparameters.architecture(configuration, fold.inputs, outputs=fold.outputs, task=fold.task)
    params = initialise.parameters(shape, 0)
    hp = hyperparameters.hyperparameters(configuration, 0)
    rows = slice.Rows(fold.train.inputs.x, fold.train.inputs.codes, fold.train.y, fold.train.weight, np.ones(16))
    data = jax.tree.map(jnp.asarray, slice.Data(rows, np.int32(16), rows, np.ones(16), rows.x, rows.codes))
    start = jax.tree.map(jnp.asarray, slice.start(shape, params, 16))

    def cost(params: Any, x: Any) -> Any:
        noise = network.Noise(np.uint32(7), np.zeros(2), 0.0, 0.0)
        z, _ = network.apply_training(shape, params, x, rows.codes, np.ones(16), noise)
        return slice.row_losses(shape, z, rows.y).mean() + 0.5 * 2.0 / 16 * optimizer.squared_weights(params)

    def step(params: Any, x: Any) -> Any:
        state = start._replace(params=params)
        after = slice.train_step(shape, hp, state, data, jnp.arange(16))
        return jax.tree.map(lambda before, now: before - now, params, after.params)

    check = check_gradients(cost, params, rows.x, gradient=jax.jit(step))

    assert verdicts(check) == {Verdict.RIGHT}, str(check)

"""Faults that a gradient check has to find and name; and the one that ships with JAX misses, side by side."""

from __future__ import annotations

import time
from typing import Any

import gradient_costs as costs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from burnish.diagnosis.gradient_check import HERE_ALONE, OLD, check_gradients
from burnish.diagnosis.gradient_reading import Slope, Verdict
from burnish.diagnosis.gradient_record import GradientCheck

X, Y = costs.rows()
PARAMS = costs.parameters()
# What the large network's leaves are called.
HIDDEN_W, HIDDEN_B = "[1]['w']", "[1]['b']"


def wrong(check: GradientCheck) -> set[str]:
    return {leaf.name for leaf in check.leaves if leaf.verdict is Verdict.WRONG}


def leaf(check: GradientCheck, name: str) -> Any:
    return next(leaf for leaf in check.leaves if leaf.name == name)


def true_gradient(params: Any, x: Any, y: Any, l2: float = 0.0) -> Any:
    return jax.grad(costs.cost)(params, x, y, l2)


def test_a_right_rule_is_right_in_every_leaf():
    """The control of the faults below: the same layer with its rule written rightly."""
    check = check_gradients(costs.with_rule(costs.faulty_rule(costs.right)), PARAMS, X, Y)

    assert check.ok
    assert {leaf.verdict for leaf in check.leaves} == {Verdict.RIGHT}
    assert max(leaf.distance for leaf in check.leaves) < 1e-7
    assert max(leaf.resolution for leaf in check.leaves) <= 1e-4


RULES = {
    "flipped": (costs.flipped, HIDDEN_W, "sign is flipped"),
    "doubled": (costs.doubled, HIDDEN_W, "2 times"),
    "mean for sum": (costs.mean_for_sum, HIDDEN_B, "0.0625 times"),
    "zero bias": (costs.no_bias, HIDDEN_B, "zero although the cost depends"),
}


@pytest.mark.parametrize("name", RULES)
def test_a_faulty_rule_is_found_in_its_leaf_and_described(name):
    """One leaf of six is wrong, and its difference does not depend on the step."""
    backward, where, words = RULES[name]
    check = check_gradients(costs.with_rule(costs.faulty_rule(backward)), PARAMS, X, Y)
    found = leaf(check, where)

    assert wrong(check) == {where}
    assert check.worst is found
    assert found.slope is Slope.FLAT
    assert words in found.hint
    assert abs(found.analytic - found.numeric) > 0.1 * abs(found.numeric)
    assert found.numeric == pytest.approx(component(found, true_of_rule()), rel=1e-5)


def true_of_rule() -> Any:
    with jax.enable_x64(True):
        doubles = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), (PARAMS, X, Y))
        right = jax.grad(costs.with_rule(lambda h, w, b: h @ w + b))(*doubles)
        return {jax.tree_util.keystr(path): np.asarray(value) for path, value in jax.tree.leaves_with_path(right)}


def component(found: Any, gradient: Any) -> float:
    return float(gradient[found.name][found.index])


def test_a_wrong_custom_jvp_is_found():
    """tanh with the derivative of the sigmoid."""

    @jax.custom_jvp
    def tanh(z: Any) -> Any:
        return jnp.tanh(z)

    tanh.defjvp(lambda primals, tangents: (tanh(primals[0]), tanh(primals[0]) * (1 - tanh(primals[0])) * tangents[0]))

    check = check_gradients(costs.cost, PARAMS, X, Y, 0.0, tanh)

    # The last layer stands behind the activations and is right.
    assert wrong(check) == {"[0]['b']", "[0]['w']", HIDDEN_B, HIDDEN_W}


@pytest.mark.parametrize("size", [0.1, 1e-3])
def test_a_missing_penalty_is_found_and_measured(size):
    """The gradient of the mean loss alone, where the cost has L2: weights are wrong, biases are right."""
    check = check_gradients(costs.cost, PARAMS, X, Y, size, gradient=lambda p, x, y, l2: true_gradient(p, x, y))

    assert wrong(check) == {"[0]['w']", HIDDEN_W, "[2]['w']"}
    assert f"L2 penalty of {size:g}/2 · Σθ² were missing" in leaf(check, HIDDEN_W).hint


def large() -> Any:
    return costs.parameters((costs.COLUMNS, 300, 300, 1))


def wrong_small_bias(params: Any, x: Any, y: Any) -> Any:
    return costs.changed(true_gradient(params, x, y), 2, "b", lambda g: 1.01 * g)


def test_one_small_leaf_among_large_ones_is_found():
    """1 % of the derivative of one bias, beside 90,000 weights."""
    check = check_gradients(costs.cost, large(), X, Y, gradient=wrong_small_bias)

    assert wrong(check) == {"[2]['b']"}
    assert "1.01 times" in leaf(check, "[2]['b']").hint


def with_gradient(cost: Any, gradient: Any) -> Any:
    """The cost with another gradient, as one function, for checkers that take no gradient."""
    own = jax.custom_vjp(lambda params, x, y: cost(params, x, y))
    own.defvjp(
        lambda params, x, y: (cost(params, x, y), (params, x, y)),
        lambda kept, g: (jax.tree.map(lambda leaf: g * leaf, gradient(*kept)), None, None),
    )
    return own


def passes_jax(own: Any, params: Any) -> bool:
    """Whether `jax.test_util.check_grads` is content."""
    try:
        check_grads(lambda p: own(p, X, Y), (params,), order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


def smooth(params: Any, x: Any, y: Any) -> Any:
    return costs.cost(params, x, y, 0.0, jnp.tanh)


# A fault of the gradient of `smooth`, and whether check_grads finds it in float32, and in a session of float64.
SIDE_BY_SIDE = {
    "none": (lambda g: g, False, False),
    "detached": (lambda g: costs.changed(g, 1, "w", jnp.zeros_like), True, True),
    "1 % of a small bias": (lambda g: costs.changed(g, 2, "b", lambda b: 1.01 * b), False, True),
    "one component's sign": (lambda g: costs.changed(g, 1, "w", lambda w: w.at[3, 4].multiply(-1)), False, True),
    "remembered": (None, False, False),
}


@pytest.mark.parametrize("fault", SIDE_BY_SIDE)
def test_what_jax_test_util_check_grads_misses(fault):
    """It moves all leaves at once, in one direction, at the parameters given, with a tolerance for the session's dtype.

    So a small leaf and a single component are lost among the others in float32, and a gradient that remembers the
    parameters it is checked at passes in float64 too. Here all four are found, and the right gradient is right.
    """
    change, in_float32, in_float64 = SIDE_BY_SIDE[fault]
    params = large()

    def gradient(p: Any, x: Any, y: Any) -> Any:
        return jax.grad(smooth)(params, x, y) if change is None else change(jax.grad(smooth)(p, x, y))

    own = with_gradient(smooth, gradient)
    assert passes_jax(own, params) == (not in_float32)
    with jax.enable_x64(True):
        assert passes_jax(own, jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), params)) == (not in_float64)

    assert check_gradients(own, params, X, Y).ok == (fault == "none")


def test_what_jax_test_util_check_grads_calls_wrong_and_is_right():
    """300 ReLU units: its step of 1e-4 along all weights at once crosses kinks. It then passes a doubled bias, too."""
    healthy = with_gradient(costs.cost, true_gradient)
    doubled = with_gradient(costs.cost, lambda p, x, y: costs.changed(true_gradient(p, x, y), 2, "b", lambda b: 2 * b))

    assert (passes_jax(healthy, large()), passes_jax(doubled, large())) == (False, True)
    assert (check_gradients(healthy, large(), X, Y).ok, check_gradients(doubled, large(), X, Y).ok) == (True, False)


def test_a_gradient_that_reuses_an_old_value_is_found():
    """Right at the parameters given, where it was remembered, and wrong beside them: found in all leaves, and said."""
    check = check_gradients(costs.cost, PARAMS, X, Y, gradient=lambda p, x, y: true_gradient(PARAMS, x, y))

    assert wrong(check) == {leaf.name for leaf in check.leaves}
    assert all(leaf.hint == OLD and leaf.beside for leaf in check.leaves)


def test_a_rule_that_keeps_the_first_value_it_saw_is_found():
    """The same fault as Python state in a custom rule: the forward pass keeps what the first call gave."""
    kept: list[Any] = []

    def forward(h: Any, w: Any, b: Any) -> Any:
        kept.append((h, w, b))
        return h @ w + b, None

    linear = jax.custom_vjp(lambda h, w, b: h @ w + b)
    linear.defvjp(forward, lambda _, g: costs.right(kept[0], g))

    assert HIDDEN_W in wrong(check_gradients(costs.with_rule(linear), PARAMS, X, Y))


def test_a_detached_leaf_is_found():
    """stop_gradient on one layer: the analytic gradient is 0, the numeric is not."""

    def detached(params: Any, x: Any, y: Any) -> Any:
        return costs.cost(costs.changed(params, 1, "w", jax.lax.stop_gradient), x, y)

    check = check_gradients(detached, PARAMS, X, Y)
    found = leaf(check, HIDDEN_W)

    assert wrong(check) == {HIDDEN_W}
    assert found.analytic == 0
    assert abs(found.numeric) > 1e-6
    assert "stop_gradient" in found.hint


def one_wrong(place: tuple[int, int], factor: float) -> Any:
    """The gradient with one component of the large matrix changed by so many root mean squares of it."""

    def gradient(params: Any, x: Any, y: Any) -> Any:
        def change(g: Any) -> Any:
            return g.at[place].add(factor * jnp.sqrt(jnp.square(g).mean()))

        return costs.changed(true_gradient(params, x, y), 1, "w", change)

    return gradient


@pytest.mark.parametrize("seed", range(3))
def test_one_wrong_component_of_a_large_leaf_is_found_and_named(seed):
    """Of 90,000 components one is off by the size of a usual one.

    Every random direction moves every component, so each of them shows it, with probability 1 and not 100/90,000 as a
    walk over a sample of 100 would: the distance is the error over 2√n root mean squares. Halving the leaf leads there.
    """
    place = (123 + seed, 45)
    check = check_gradients(costs.cost, large(), X, Y, gradient=one_wrong(place, 1.0), seed=seed)
    found = leaf(check, HIDDEN_W)

    assert wrong(check) == {HIDDEN_W}
    assert found.index == place
    assert found.distance == pytest.approx(1 / (2 * 300), rel=1)
    assert found.hint == f"Of the {found.walked} components that were walked only this one is wrong."


def test_how_small_an_error_of_one_component_is_found():
    """A hundredth of a usual component among 90,000: too little to condemn the leaf, enough to lead there."""
    check = check_gradients(costs.cost, large(), X, Y, gradient=one_wrong((7, 8), 0.01))

    assert leaf(check, HIDDEN_W).distance < 1e-4
    assert wrong(check) == {HIDDEN_W}
    assert leaf(check, HIDDEN_W).index == (7, 8)


def test_a_wrong_component_beside_kinks_is_named_and_not_the_kinks():
    """|w| at w = 0 has larger differences than the wrong component, but beside the point it has none."""

    def fun(w: Any) -> Any:
        return jnp.abs(w).sum() + jnp.sin(w).sum()

    def gradient(w: Any) -> Any:
        return jax.grad(fun)(w).at[60].multiply(1.3)

    check = check_gradients(fun, jnp.zeros(100).at[60].set(0.5), gradient=gradient)

    assert not check.ok
    assert check.worst.index == (60,)


def test_a_gradient_that_is_not_finite_is_wrong_where_the_cost_is_finite():
    """A root at 0: the cost is 0, and the gradient NaN, which a step would spread over all weights."""
    check = check_gradients(lambda p: jnp.sqrt(jnp.square(p["w"]).sum()), {"w": jnp.zeros(3)})

    assert not check.ok
    assert "not finite" in check.worst.hint
    assert "not finite" in str(check)
    assert check.document()["leaves"][0]["distance"] is None


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("factor", [-1.0, 1.01])
def test_faults_are_found_at_any_scale_of_the_cost(scale, factor):
    check = check_gradients(
        lambda p, x, y: scale * costs.cost(p, x, y),
        PARAMS,
        X,
        Y,
        gradient=lambda p, x, y: jax.tree.map(lambda g: factor * scale * g, true_gradient(p, x, y)),
    )

    assert len(wrong(check)) == len(check.leaves)


def test_a_fault_in_a_tiny_gradient_beside_a_large_constant_is_found():
    """1 + 1e-10 · Σ sin w with a flipped sign: wide steps lift it out of the rounding."""
    check = check_gradients(lambda w: 1 + 1e-10 * jnp.sin(w).sum(), jnp.ones(8), gradient=lambda w: -1e-10 * jnp.cos(w))

    assert not check.ok
    assert check.worst.step > 1e-4


@pytest.mark.parametrize("factor", [-1.0, 2.0])
def test_faults_are_found_where_the_function_computes_in_float32(factor):
    """Sign and factor are coarse enough; the parts of the cost in float64 do not hide them."""

    def single(params: Any, x: Any, y: Any) -> Any:
        inner = jax.tree.map(lambda a: jnp.asarray(a).astype(jnp.float32), params)
        penalty = sum(jnp.square(layer["w"]).sum() for layer in params)
        return costs.cost(inner, x.astype(jnp.float32), y.astype(jnp.float32)) + 0.01 * penalty

    def gradient(params: Any, x: Any, y: Any) -> Any:
        return jax.tree.map(lambda g: factor * g, jax.grad(single)(params, x, y))

    check = check_gradients(single, PARAMS, X, Y, gradient=gradient)

    assert check.precision == "float32"
    assert len(wrong(check)) >= len(check.leaves) - 1
    assert check_gradients(single, PARAMS, X, Y).ok


def test_wrong_on_the_spot_and_right_beside_is_said_and_no_fault():
    """relu(x) − relu(−x) is x; automatic differentiation says 0 at 0."""
    check = check_gradients(lambda p: (jax.nn.relu(p) - jax.nn.relu(-p)).sum(), jnp.zeros(3))

    assert check.ok
    assert check.worst.verdict is Verdict.KINK
    assert check.worst.hint == HERE_ALONE


@pytest.mark.slow
def test_ten_million_parameters_take_less_than_a_minute():
    """Three hidden layers of 2048 units, 64 rows: right, and with one wrong component that is named."""
    params = costs.parameters((784, 2048, 2048, 2048, 1))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 784)).astype(np.float32), rng.normal(size=64).astype(np.float32)
    began = time.monotonic()

    check = check_gradients(costs.cost, params, x, y)

    took = time.monotonic() - began
    assert check.ok
    assert check.parameters > 10_000_000
    assert took < 60
    found = check_gradients(costs.cost, params, x, y, gradient=one_wrong((1234, 567), 1.0)).worst
    assert (found.verdict, found.name, found.index) == (Verdict.WRONG, HIDDEN_W, (1234, 567))

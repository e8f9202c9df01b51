"""`burnish.check_gradients`: what it takes, what it refuses, what it gives back, and what it leaves alone."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

import gradient_costs as costs
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import burnish
from burnish import errors
from burnish.diagnosis.gradient_check import check_gradients
from burnish.diagnosis.gradient_reading import Slope, Verdict
from burnish.diagnosis.gradient_record import GradientCheck, LeafCheck

X, Y = costs.rows()
PARAMS = costs.parameters((costs.COLUMNS, 6, 1))


def square(params: Any, *args: Any) -> Any:
    return jnp.square(params["w"]).sum()


W = {"w": jnp.ones(3)}

# What is asked, and words of the three lines.
REFUSED: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
    "rows of losses": (lambda p: jnp.square(p["w"]), W, ("shape (3,)", "the cost", "mean or the sum")),
    "one loss in an array": (lambda p: jnp.square(p["w"][:1]), W, ("shape (1,)",)),
    "cost and more": (lambda p: (square(p), p), W, ("a tuple", "fun(*a)[0]")),
    "nothing": (lambda p: None, W, ("nothing (None)",)),
    "a count": (lambda p: (p["w"] > 0).sum(), W, ("dtype int",)),
    "a complex number": (lambda p: p["w"].sum() * 1j, W, ("dtype complex",)),
    "NaN": (lambda p: jnp.log(-p["w"].sum()), W, ("not finite: nan", "debug_nans")),
    "infinity": (lambda p: jnp.exp(1e9 * p["w"].sum()), W, ("not finite: inf",)),
    "no leaves": (lambda p: 1.0, {}, ("no floating-point leaf", "as the first argument")),
    "empty leaves": (square, {"w": jnp.zeros((0, 3))}, ("no floating-point leaf",)),
    "an integer leaf": (square, {"w": jnp.ones(3), "n": 3}, ("['n']", "integer", "skip=")),
    "an array of integers": (square, {"w": np.arange(3)}, ("['w']", "of integers (int64)", "floating-point")),
    "a flag": (square, {"w": jnp.ones(3), "on": True}, ("['on']", "an integer")),
    "a complex leaf": (square, {"w": jnp.ones(3) * 1j}, ("['w']", "complex")),
    "a function as a leaf": (square, {"w": jnp.ones(3), "act": lambda z: z}, ("['act']", "no array but function")),
    "a random key": (square, {"w": jnp.ones(3), "key": jax.random.key(0)}, ("['key']", "key<fry>")),
    "what it raises": (lambda p: p["v"], W, ("cannot be evaluated", "KeyError: 'v'", "Call it yourself")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_checked_is_refused_in_three_lines(case):
    fun, params, words = REFUSED[case]
    with pytest.raises(errors.ConfigError) as refused:
        check_gradients(fun, params)
    lines = str(refused.value).splitlines()

    assert len(lines) == 3
    for word in words:
        assert word in str(refused.value)


def test_a_function_that_draws_anew_at_each_call_is_told_to_fix_its_key():
    """A dropout mask from a generator that moves on; with the key as an argument it is right."""
    rng = np.random.default_rng(0)

    def drop(params: Any, key: Any = None) -> Any:
        mask = rng.integers(0, 2, 3) if key is None else jax.random.bernoulli(key, 0.5, (3,))
        return jnp.square(params["w"] * mask).sum() + params["w"].sum()

    with pytest.raises(errors.ConfigError, match=r"Two evaluations .* differ[\s\S]*Fix the key") as refused:
        check_gradients(drop, W)

    assert len(str(refused.value).splitlines()) == 3
    assert check_gradients(drop, W, jax.random.key(0)).ok


def test_a_gradient_that_does_not_fit_is_refused():
    """Another tree, another shape, and none at all."""
    with pytest.raises(errors.ConfigError, match="no tree like the parameters"):
        check_gradients(square, W, gradient=lambda p: p["w"])
    with pytest.raises(errors.ConfigError, match=r"\['w'\] has another shape[\s\S]*\(3,\), its gradient \(3, 1\)"):
        check_gradients(square, W, gradient=lambda p: {"w": p["w"][:, None]})
    with pytest.raises(errors.ConfigError, match=r"No gradient[\s\S]*while_loop[\s\S]*gradient="):
        check_gradients(lambda p: jax.lax.while_loop(lambda c: c < 9, lambda c: 2 * c, p["w"].sum()), W)


def test_skipped_names_have_to_be_there():
    with pytest.raises(errors.ConfigError, match=r"begins with 'v'[\s\S]*\['w'\]"):
        check_gradients(square, W, skip=["v"])
    with pytest.raises(errors.ConfigError, match="directions"):
        check_gradients(square, W, directions=0)


def test_leaves_that_do_not_learn_are_skipped():
    """By the beginning of their names; integers among them do not matter then, and are still given to the function."""
    params = {"w": jnp.ones(3), "table": {"n": 2, "edges": jnp.ones(2)}}
    check = check_gradients(lambda p: square(p) * p["table"]["n"], params, skip=["['table']"])

    assert check.ok
    assert [leaf.name for leaf in check.leaves] == ["['w']"]
    assert check.skipped == ("['table']['edges']", "['table']['n']")
    assert "Left alone" in str(check)


def test_a_gradient_by_hand_in_numpy_is_checked():
    """Neither the cost nor the gradient knows JAX: the course's own exercise, forward and backward."""

    def forward(params: Any, x: Any, y: Any) -> Any:
        h = np.maximum(np.asarray(x) @ np.asarray(params["w"]) + np.asarray(params["b"]), 0)
        return np.mean((h.sum(1) - np.asarray(y)) ** 2)

    def backward(params: Any, x: Any, y: Any) -> Any:
        x, y, w, b = (np.asarray(a) for a in (x, y, params["w"], params["b"]))
        z = x @ w + b
        out = 2 * (np.maximum(z, 0).sum(1) - y) / len(y)
        dz = out[:, None] * (z > 0)
        return {"w": x.T @ dz, "b": dz.sum(0)}

    params = {"w": np.random.default_rng(0).normal(size=(4, 5)), "b": np.full(5, 0.1)}
    x, y = X.astype(float), Y.astype(float)
    assert check_gradients(forward, params, x, y, gradient=backward).ok
    wrong = check_gradients(forward, params, x, y, gradient=lambda *a: {**backward(*a), "b": 16 * backward(*a)["b"]})
    assert (wrong.worst.name, wrong.worst.verdict) == ("['b']", Verdict.WRONG)
    assert "16 times" in wrong.worst.hint


def test_any_tree_is_taken_and_leaves_are_named_as_jax_names_them():
    class Layer(NamedTuple):
        w: Any
        b: Any

    params = {"layers": [Layer(jnp.ones((2, 3)), 1.0), (None, np.float32(2.0))]}
    check = check_gradients(lambda p: sum((leaf**2).sum() for leaf in map(jnp.asarray, jax.tree.leaves(p))), params)

    assert check.ok
    assert [leaf.name for leaf in check.leaves] == ["['layers'][0].w", "['layers'][0].b", "['layers'][1][1]"]
    assert [leaf.shape for leaf in check.leaves] == [(2, 3), (), ()]
    assert check_gradients(lambda p: p**2, 3.0).worst.name == "params"


def test_arguments_that_are_no_arrays_stay_what_they_are():
    """Sizes, names and flags steer Python; arrays become float64 with the parameters."""

    def fun(params: Any, depth: int, mode: str, x: Any, *, flag: bool = False) -> Any:
        assert (type(depth), mode, flag) == (int, "sum", False)
        assert x.dtype == jnp.float64
        return sum(jax.lax.dot(params["w"], x) for _ in range(depth))

    assert check_gradients(fun, W, 2, "sum", jnp.ones(3, jnp.float32)).ok


@pytest.mark.parametrize("wide", [False, True])
def test_the_session_keeps_its_precision(wide):
    """Before, after, and after a failure; and in a function that was compiled before."""
    compiled = jax.jit(lambda p: jnp.sin(p["w"]).sum())
    with jax.enable_x64(wide):
        before = compiled(W).dtype
        assert check_gradients(compiled, W).ok
        with pytest.raises(errors.ConfigError):
            check_gradients(lambda p: p["w"], W)
        assert jax.config.jax_enable_x64 is wide
        assert jnp.asarray(np.ones(2)).dtype == (jnp.float64 if wide else jnp.float32)
        assert compiled(W).dtype == before


def test_parameters_are_not_changed():
    params = costs.parameters()
    kept = jax.tree.map(np.array, params)
    check_gradients(costs.cost, params, X, Y)

    jax.tree.map(np.testing.assert_array_equal, params, kept)


def test_the_same_seed_gives_the_same_answer():
    first, again, other = (check_gradients(costs.cost, PARAMS, X, Y, seed=seed) for seed in (1, 1, 2))

    assert first == again
    assert first.document() == again.document()
    assert first.leaves[0].distance != other.leaves[0].distance


def test_steps_of_a_component_are_those_of_the_technique():
    """6e-6 · max(1, |θ|): seen from inside the cost."""
    seen: set[float] = set()

    def fun(params: Any) -> Any:
        seen.add(float(params[1]) - 100.0)
        return float(np.asarray(params) @ np.asarray(params))

    check_gradients(fun, np.array([0.5, 100.0]), gradient=lambda p: 2 * p)

    assert any(step == pytest.approx(6e-4, rel=1e-6) for step in seen)
    assert any(step == pytest.approx(-6e-4, rel=1e-6) for step in seen)


def test_small_leaves_are_walked_whole():
    """A leaf of no more components than directions is checked by each of them."""
    check = check_gradients(
        lambda p: jnp.sin(p).sum(), jnp.arange(5.0), gradient=lambda p: jnp.cos(p).at[3].multiply(1.01)
    )

    assert not check.ok
    assert check.worst.index == (3,)
    assert check.worst.walked == 5


def record() -> GradientCheck:
    wrong = LeafCheck(
        name="['<b>'][0]",
        shape=(3, 4),
        distance=0.5,
        resolution=1e-9,
        verdict=Verdict.WRONG,
        slope=Slope.FLAT,
        step=6e-6,
        index=(2, 1),
        analytic=1.0,
        numeric=-1.0,
        walked=12,
        hint="Its sign is flipped.",
    )
    rest = [
        LeafCheck(f"['{i}']", (), 1e-9 * i, 1e-7, Verdict.RIGHT, Slope.AGREES, 6e-6, (), 1.0, 1.0, 1) for i in range(40)
    ]
    return GradientCheck((*rest, wrong), 52, 5, 1e-16, "float64", True, 0.01, 1234)


def test_the_record_shows_the_worst_leaves_first():
    """On paper: headline, table, hints, and what was done; the many that are right are counted."""
    lines = record().lines()

    assert lines[0] == "The gradient is wrong in 1 of 41 leaves: ['<b>'][0]."
    assert lines[3].startswith("['<b>'][0]")
    assert lines[3].endswith("independent of the step  [2, 1]           1       -1")
    assert "… and 21 more, no worse than the last" in lines
    assert "['<b>'][0]: Its sign is flipped." in lines
    assert "about 1e-7 is great, 1e-5 wants a closer look, 1e-3 is wrong" in str(record())
    assert max(map(len, lines[:25])) <= 120


def test_the_record_is_a_table_in_a_notebook():
    page = record()._repr_html_()

    assert page.count("<tr>") == 21
    assert "['<b>']" not in page
    assert "[&#x27;&lt;b&gt;&#x27;][0]" in page


def test_the_record_is_a_document():
    """Plain JSON, with no number that is not finite."""
    check = check_gradients(lambda p: jnp.sqrt(jnp.square(p["w"]).sum()) + p["b"], {"w": jnp.zeros((2, 2)), "b": 1.0})
    document = json.loads(json.dumps(check.document(), allow_nan=False))

    assert (document["ok"], document["verdict"], document["precision"]) == (False, "wrong", "float64")
    b, w = document["leaves"]
    assert (b["name"], b["shape"], b["verdict"], b["level"]) == ("['b']", [], "right", "great")
    assert b["worst"]["index"] == []
    assert b["worst"]["analytic"] == pytest.approx(1)
    assert (w["distance"], w["worst"]["analytic"], w["worst"]["index"]) == (None, None, [0, 0])


@pytest.mark.parametrize(
    ("distance", "level"),
    [
        (1e-9, "great"),
        (2e-7, "great"),
        (5e-6, "look closer"),
        (5e-5, "look closer"),
        (1e-3, "wrong"),
        (math.inf, "wrong"),
    ],
)
def test_the_courses_levels(distance, level):
    leaf = LeafCheck("w", (), distance, 0.0, Verdict.RIGHT, Slope.AGREES, 6e-6)

    assert leaf.level.startswith(level)


def test_the_check_is_a_public_name():
    assert burnish.check_gradients is check_gradients
    assert burnish.GradientCheck is GradientCheck

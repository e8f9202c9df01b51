"""Costs to check the gradients of: a small network, healthy functions drawn at random, and what goes wrong in them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Params = list[dict[str, Any]]

ROWS, COLUMNS = 16, 4


def rows(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (16, 4) and targets (16,), in float32 as in training."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ROWS, COLUMNS)).astype(np.float32), rng.normal(size=ROWS).astype(np.float32)


def parameters(sizes: tuple[int, ...] = (COLUMNS, 24, 12, 1), *, seed: int = 0, bias: float = 0.1) -> Params:
    """Weights with variance 1/n[l−1] and biases of standard deviation `bias`; float32, as in training."""
    rng = np.random.default_rng(seed)
    return [
        {
            "w": (rng.normal(size=(a, b)) / np.sqrt(a)).astype(np.float32),
            "b": (bias * rng.normal(size=b)).astype(np.float32),
        }
        for a, b in itertools.pairwise(sizes)
    ]


def cost(params: Params, x: Any, y: Any, l2: float = 0.0, activation: Callable[..., Any] = jax.nn.relu) -> jax.Array:
    """Mean squared error of a multi-layer perceptron, and `l2/2 · Σ‖W‖²`."""
    h = x
    for layer in params[:-1]:
        h = activation(h @ layer["w"] + layer["b"])
    z = h @ params[-1]["w"] + params[-1]["b"]
    penalty = sum(jnp.square(layer["w"]).sum() for layer in params)
    return jnp.square(z[:, 0] - y).mean() + l2 / 2 * penalty


def changed(params: Params, layer: int, name: str, change: Callable[[Any], Any]) -> Params:
    """The tree with one leaf changed."""
    return [{**item, name: change(item[name])} if i == layer else item for i, item in enumerate(params)]


# --- Rules of differentiation with a fault each, as people write them.


def faulty_rule(backward: Callable[[Any, Any], tuple[Any, Any, Any]]) -> Callable[..., Any]:
    """A linear layer `h @ w + b` whose hand-written rule is `backward((h, w, b), cotangent)`."""

    @jax.custom_vjp
    def linear(h: Any, w: Any, b: Any) -> Any:
        return h @ w + b

    linear.defvjp(lambda h, w, b: (linear(h, w, b), (h, w, b)), backward)
    return linear


def right(kept: Any, g: Any) -> tuple[Any, Any, Any]:
    h, w, _ = kept
    return g @ w.T, h.T @ g, g.sum(0)


def flipped(kept: Any, g: Any) -> tuple[Any, Any, Any]:
    h, w, b = right(kept, g)
    return h, -w, b


def doubled(kept: Any, g: Any) -> tuple[Any, Any, Any]:
    h, w, b = right(kept, g)
    return h, 2 * w, b


def mean_for_sum(kept: Any, g: Any) -> tuple[Any, Any, Any]:
    h, w, _ = right(kept, g)
    return h, w, g.mean(0)


def no_bias(kept: Any, g: Any) -> tuple[Any, Any, Any]:
    h, w, b = right(kept, g)
    return h, w, jnp.zeros_like(b)


def with_rule(linear: Callable[..., Any], *, layer: int = 1) -> Callable[..., Any]:
    """The network's cost with one layer through this rule."""

    def own_cost(params: Params, x: Any, y: Any) -> jax.Array:
        h = x
        for i, item in enumerate(params[:-1]):
            apply = linear if i == layer else lambda h, w, b: h @ w + b
            h = jnp.tanh(apply(h, item["w"], item["b"]))
        z = h @ params[-1]["w"] + params[-1]["b"]
        return jnp.square(z[:, 0] - y).mean()

    return own_cost


# --- Healthy functions at random.

ACTIVATIONS: tuple[Callable[..., Any], ...] = (
    jax.nn.relu,
    jnp.abs,
    jnp.tanh,
    jax.nn.gelu,
    jnp.sin,
    jax.nn.softplus,
    jax.nn.leaky_relu,
    jax.nn.relu6,
    jax.nn.elu,
    jax.nn.hard_tanh,
    lambda z: jnp.clip(z, -0.5, 0.5),
    lambda z: jnp.sort(z, -1),
    lambda z: jax.nn.softmax(z, -1),
    lambda z: jnp.maximum(z, 0.3 * jnp.flip(z, -1)),
    lambda z: jnp.cumsum(z, -1),
    lambda z: z / jnp.sqrt(1e-6 + jnp.square(z).sum(-1, keepdims=True)),
    lambda z: jnp.where(z > 0, z**2, -(z**2)),
    lambda z: jnp.maximum(z, 0),
    lambda z: z * jax.nn.sigmoid(z),
)

LOSSES: tuple[Callable[..., Any], ...] = (
    lambda z, y: jnp.square(z - y),
    lambda z, y: jnp.abs(z - y),
    lambda z, y: jnp.where(jnp.abs(z - y) < 1, 0.5 * (z - y) ** 2, jnp.abs(z - y) - 0.5),
    lambda z, y: jnp.maximum(0, 1 - z * jnp.sign(y)),
    lambda z, y: jnp.logaddexp(0, -z * jnp.sign(y)),
)

LOOPS: tuple[Callable[..., Any], ...] = (
    lambda h: h,
    lambda h: jax.lax.fori_loop(0, 3, lambda i, c: 0.9 * jnp.tanh(c) + 0.05 * c, h),
    lambda h: jax.lax.scan(lambda c, _: (jax.nn.relu(c) - 0.1 * c, None), h, None, length=3)[0],
    lambda h: jax.lax.cond(h.sum() > 0, lambda h: 2 * h, jnp.abs, h),
)

PENALTIES: tuple[Callable[..., Any], ...] = (
    lambda w: 0.0,
    lambda w: 0.01 * jnp.square(w).sum(),
    lambda w: 0.01 * jnp.abs(w).sum(),
)


@dataclass(frozen=True)
class Healthy:
    """A cost whose gradient is right, with its arguments."""

    fun: Callable[..., Any]
    params: Any
    args: tuple[Any, ...]
    what: str


def healthy(seed: int) -> Healthy:
    """A network drawn at random, with kinks on the spot, dead units, extreme scales, loops, and float32 inside.

    Zero biases and zero rows put ReLU's kinks on the spot; zero weights put those of |w| there. The cost is scaled from
    1e-8 to 1e8. Where float32 is inside, the penalty may still be in float64, so that small steps see it alone.
    """
    rng = np.random.default_rng(seed)
    depth, width = int(rng.integers(1, 4)), int(rng.choice([2, 8]))
    chosen = [int(i) for i in rng.integers(0, len(ACTIVATIONS), depth)]
    loss, loop, penalty = (int(rng.integers(0, len(table))) for table in (LOSSES, LOOPS, PENALTIES))
    scale, size = 10.0 ** rng.choice([-8, -4, 0, 0, 0, 0, 3, 8]), 10.0 ** rng.choice([-2, 0, 0, 0, 1])
    bias, weight = (0.0 if rng.random() < 0.5 else 0.1), (0.0 if rng.random() < 0.1 else float(size))
    single, all_single = rng.random() < 0.2, rng.random() < 0.5
    x, y = rng.normal(size=(8, COLUMNS)), rng.normal(size=8)
    if rng.random() < 0.3:
        x[rng.integers(0, 8, 3)] = 0.0
    sizes = [COLUMNS] + [width] * depth
    params = {
        "layers": [
            {"w": weight * rng.normal(size=(a, b)) / np.sqrt(a), "b": bias * rng.normal(size=b)}
            for a, b in itertools.pairwise(sizes)
        ],
        "out": size * rng.normal(size=width) / np.sqrt(width),
        "bias": float(bias * rng.normal()),
    }

    def fun(params: Any, x: Any, y: Any) -> jax.Array:
        cast = jax.tree.map(lambda a: jnp.asarray(a).astype(jnp.float32), (params, x, y)) if single else (params, x, y)
        inner, h, target = cast
        for layer, index in zip(inner["layers"], chosen, strict=True):
            h = ACTIVATIONS[index](h @ layer["w"] + layer["b"])
        z = LOOPS[loop](h) @ inner["out"] + inner["bias"]
        penalised = inner if all_single else params
        return scale * (LOSSES[loss](z, target).mean() + sum(PENALTIES[penalty](p["w"]) for p in penalised["layers"]))

    what = f"activations {chosen}, loss {loss}, loop {loop}, penalty {penalty}, cost ×{scale:g}, weights ×{weight:g}"
    return Healthy(fun, params, (x, y), f"{what}, biases ×{bias:g}{', float32 inside' if single else ''}")

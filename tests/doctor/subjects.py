"""Small trainings, well and sick, that are over in a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from burnish.doctor.subject import Rows, Subject


def perceptron(
    sizes: Sequence[int], activation: Callable[[Any], Any] = jax.nn.relu, scale: float | None = None
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`init` and `apply` of a plain network; weights by He, or normal with this standard deviation."""

    def init(key: Any) -> Any:
        keys = jax.random.split(key, len(sizes) - 1)
        return [
            {"w": jax.random.normal(k, (a, b)) * (np.sqrt(2 / a) if scale is None else scale), "b": jnp.zeros(b)}
            for k, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
        ]

    def apply(params: Any, x: Any) -> Any:
        for layer in params[:-1]:
            x = activation(x @ layer["w"] + layer["b"])
        return x @ params[-1]["w"] + params[-1]["b"]

    return init, apply


def cross_entropy(z: Any, y: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(z, y)


def clusters(rows: int, seed: int = 0) -> Rows:
    """Four classes in eight standardised inputs, a few in a hundred of them not to be told apart."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(4, 8)) * 1.3
    y = rng.integers(0, 4, rows)
    return Rows((centres[y] + rng.normal(size=(rows, 8))).astype(np.float32), y.astype(np.int32))


def subject(sizes: Sequence[int] = (8, 16, 16, 4), **changes: Any) -> Subject:
    """A healthy training, with changes."""
    init, apply = perceptron(sizes)
    given: dict[str, Any] = {
        "init": init,
        "apply": apply,
        "loss": cross_entropy,
        "optimizer": optax.adam(3e-3),
        "train": clusters(600),
        "dev": clusters(400, seed=2),
        "batch_size": 32,
        "epochs": 10,
    }
    return Subject(**{**given, **changes})

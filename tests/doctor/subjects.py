"""Small trainings, well and sick, that are over in a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from burnish.doctor import screening
from burnish.doctor.examination import Examination
from burnish.doctor.rules import RULES
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


def bounded(low: float, high: float) -> Subject:
    """One number for each row, between these."""
    return subject(
        init=lambda key: [jax.random.normal(key, (8, 1))],
        apply=lambda params, x: low + (high - low) * jax.nn.sigmoid(x @ params[0]),
        loss=lambda z, y: jnp.square(z - y)[:, 0],
        epochs=3,
    )


# A healthy training, from which others differ in one thing.
HEALTHY = subject()


def found(subject, *codes):
    """Codes of what the rules of these codes find; of all rules, if none is named."""
    exam = Examination(subject)
    looked = [rule for rule in RULES if not codes or rule.code in codes]
    seen = [one.finding.code for rule in looked if rule.look for one in rule.look(exam)]
    tried = [
        one
        for rule in looked
        if rule.trial and (trial := rule.trial(exam))
        for one in screening.screened(exam, rule, trial)
    ]
    return seen + [one.rule.code for one in tried if exam.confirm(one.probed, one.arms)[1]]


def scaled(rows, factor):
    return Rows(rows.x * factor, rows.y)


def in_order(rows):
    order = np.argsort(rows.y, kind="stable")
    return Rows(rows.x[order], rows.y[order])


def numbers(rows, factor=1.0, shift=0.0):
    y = np.random.default_rng(len(rows)).normal(size=len(rows)) * 0.2 + np.sin(rows.x[:, 0])
    return Rows(rows.x, (factor * y + shift).astype(np.float32))


def regression(factor=1.0, **changes):
    init, apply = perceptron((8, 16, 1))
    given = {
        "init": init,
        "apply": lambda p, x: apply(p, x)[:, 0],
        "loss": lambda z, y: jnp.square(z - y),
        "train": numbers(HEALTHY.train, factor),
        "dev": numbers(HEALTHY.dev, factor),
    }
    return replace(HEALTHY, **{**given, **changes})


def dropped(params, x, key, share=0.2):
    """HEALTHY with dropout in its hidden layers."""
    for place, layer in enumerate(params[:-1]):
        kept = jax.random.bernoulli(jax.random.fold_in(key, place), 1 - share, (len(x), len(layer["b"])))
        x = jnp.where(kept, jax.nn.relu(x @ layer["w"] + layer["b"]) / (1 - share), 0)
    return x @ params[-1]["w"] + params[-1]["b"]

"""NU9 and NU11: random numbers that do not come from the key that is passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import equations
from burnish.doctor.examination import Examination
from burnish.doctor.lab import quick
from burnish.doctor.rule import ROUNDING, Found, Rule

# Primitives that draw; others split a key or fold a number into it.
DRAWING = ("random_bits", "random_gamma", "threefry2x32", "rng_")


def _key_ignored(exam: Examination) -> Iterable[Found]:
    """Training outputs that differ from those of evaluation by chance, and by the same chance in each step.

    Batch norm differs too, and rightly: of it a row's output changes with the other rows.
    """
    params = exam.start.params
    x = exam.few.x
    if exam.subject.apply_training is None or len(x) < 2 or not jnp.issubdtype(x.dtype, jnp.floating):
        return
    if not _draws(exam.subject.outputs, params, jnp.asarray(x), jax.random.key(0)):
        return
    own = quick(exam.subject.outputs)
    once, again = (np.asarray(own(params, jnp.asarray(x), jax.random.key(seed))) for seed in (1, 2))
    others = np.concatenate([x[:1], 2 * x[1:]]).astype(x.dtype)
    alone = np.asarray(own(params, jnp.asarray(others), jax.random.key(1)))
    evaluated = np.asarray(exam.lab.apply(params, jnp.asarray(x)))
    if (once == again).all() and (once[0] == alone[0]).all() and np.abs(once - evaluated).max() > ROUNDING:
        yield NU9.found("Two keys give the same outputs in training, which are not those of evaluation.")


def _augmentation_ignores_key(exam: Examination) -> Iterable[Found]:
    """Random numbers that change the inputs, and the same ones in each step."""
    augment, x = exam.subject.augment, jnp.asarray(exam.few.x)
    if augment is None or not _draws(augment, x, jax.random.key(0)):
        return
    own = quick(augment)
    once, again = (np.asarray(own(x, jax.random.key(seed))) for seed in (1, 2))
    if (once == again).all() and (once != x).any():
        yield NU9.found(
            "Two keys give the same augmented inputs.", remedy="Draw what augmentation does from the key it is given."
        )


def _draws(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether a function draws random numbers, by JAX or outside it."""
    drawn = any(name.startswith(DRAWING) for name in equations.primitives(function, *arguments))
    return drawn or not equations.repeatable(function, *arguments)


def _same_numbers(exam: Examination) -> Iterable[Found]:
    yield from _key_ignored(exam)
    yield from _augmentation_ignores_key(exam)


def _not_from_key(exam: Examination) -> Iterable[Found]:
    if not equations.repeatable(exam.subject.init, jax.random.key(0)):
        yield NU11.found("Two calls of init with the same key give different parameters.")


NU9 = Rule(
    "NU9",
    "Random numbers are used again",
    Evidence.PROOF,
    Severity.FAULT,
    "What training draws at random, in the network or in augmentation, is the same whatever the key.",
    "Draw each mask from the key that is passed in.",
    "Two keys give different outputs in training.",
    "Definition; Srivastava et al., 2014 (a new mask for each row and step).",
    look=_same_numbers,
)
NU11 = Rule(
    "NU11",
    "Initial parameters do not follow their key",
    Evidence.PROOF,
    Severity.FAULT,
    "Two calls of init with the same key differ.",
    "Draw all random numbers from the key.",
    "Two calls are identical.",
    "Definition.",
    look=_not_from_key,
)

"""What a function is made of, by its trace: its equations, the names of what it does, rules of differentiation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.extend.core as core
import numpy as np

# Primitives that carry a rule of differentiation, and where the files are whose rules are JAX's own.
OWN_RULES = ("custom_vjp_call", "custom_jvp_call")
JAX_FILES = str(Path(jax.__file__).parent) + os.sep
# Types with too few digits, or too small a range, to train in throughout.
HALVES = ("float16", "bfloat16")


def primitives(function: Callable[..., Any], *arguments: Any) -> set[str]:
    """Names of all that a function does, and the types that its values have: "custom_vjp_call", "float16"."""
    return names(jax.make_jaxpr(function)(*arguments).jaxpr)


def own_rules(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether a function holds a `custom_vjp` or `custom_jvp` that is not one of JAX's own, such as that of ReLU."""
    return any(own_rule(equation) for equation in each(jax.make_jaxpr(function)(*arguments).jaxpr))


def repeatable(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether two traces of a function are the same to the last bit: it draws no random numbers outside JAX."""
    # Two functions, as JAX would not trace one of them again.
    one, other = (jax.make_jaxpr(lambda *given: function(*given))(*arguments) for _ in range(2))
    constants, others = ([np.asarray(value).tobytes() for value in traced.consts] for traced in (one, other))
    return str(one.jaxpr) == str(other.jaxpr) and constants == others


def names(jaxpr: Any) -> set[str]:
    """Names of all that a jaxpr does, and of its values' types, inner ones included."""
    found = set()
    for equation in each(jaxpr):
        found.add(equation.primitive.name)
        found.update(str(variable.aval.dtype) for variable in equation.outvars if hasattr(variable.aval, "dtype"))
    return found


def each(jaxpr: Any) -> Iterator[Any]:
    """All equations of a jaxpr, those of loops, branches and inner functions included."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in equation.params.values():
            for one in inner if isinstance(inner, tuple | list) else (inner,):
                if isinstance(one, core.ClosedJaxpr | core.Jaxpr):
                    yield from each(getattr(one, "jaxpr", one))


def own_rule(equation: Any) -> bool:
    """Whether an equation has a rule of differentiation that somebody wrote outside JAX."""
    if equation.primitive.name not in OWN_RULES:
        return False
    return not str(equation.params["call_jaxpr"].jaxpr.debug_info.func_filename).startswith(JAX_FILES)

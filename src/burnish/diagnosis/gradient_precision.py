"""In what precision a function computes what depends on its parameters: read off its traced program, not guessed.

A cast to float32 somewhere inside makes steps: differences over less than its last digit see the rest of the cost
alone, exact and wrong. No measurement of noise finds that where the rest is in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend import core

# Their bodies run again on what they gave, so that each of their operands counts.
_LOOPS = ("scan", "while")


def coarsest(cost: Callable[..., Any], leaves: list[Any], *others: Any) -> np.dtype[Any]:
    """The coarsest floating-point dtype of what `cost(leaves, *others)` computes from `leaves`.

    Raises:
        Exception: Whatever the function raises when it is traced.
    """
    traced = jax.make_jaxpr(cost)(leaves, *others)
    count = len(jax.tree.leaves(leaves))
    depends = [i < count for i in range(len(traced.jaxpr.invars))]
    found: set[Any] = {leaf.dtype for leaf in leaves}
    _visit(traced.jaxpr, depends, found)
    return max(found, key=lambda dtype: float(jax.numpy.finfo(dtype).eps))


def _visit(jaxpr: Any, depends: list[bool], found: set[Any]) -> list[bool]:
    """Add the dtypes of all that depends on the marked inputs; returns which outputs do."""
    marked = {var for var, on in zip(jaxpr.invars, depends, strict=True) if on}
    for equation in jaxpr.eqns:
        inputs = [not isinstance(var, core.Literal) and var in marked for var in equation.invars]
        if not any(inputs):
            continue
        outputs = [True] * len(equation.outvars)
        inner = list(core.jaxprs_in_params(equation.params))
        if inner and equation.primitive.name not in _LOOPS:
            # The operands of a call stand last: `cond` has its predicate before them.
            seen = [_visit(sub, _last(inputs, len(sub.invars)), found) for sub in inner]
            if all(len(one) == len(outputs) for one in seen):
                outputs = [any(ones) for ones in zip(*seen, strict=True)]
        else:
            for sub in inner:
                _visit(sub, [True] * len(sub.invars), found)
        for var, on in zip(equation.outvars, outputs, strict=True):
            dtype = getattr(var.aval, "dtype", None)
            if on:
                marked.add(var)
                if dtype is not None and jax.numpy.issubdtype(dtype, jax.numpy.floating):
                    found.add(dtype)
    return [not isinstance(var, core.Literal) and var in marked for var in jaxpr.outvars]


def _last(marks: list[bool], count: int) -> list[bool]:
    return marks[-count:] if 0 < count <= len(marks) else [True] * count

"""Where the output of a matrix product or a convolution has its units, and how it is read with these last."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array


class Form(NamedTuple):
    """Where a value after a layer has its units: a kernel on the left puts them first, an image's are often second."""

    order: tuple[int, ...]  # the axes, those of the weights' outputs last
    places: int  # how many are none of these: rows, positions

    def usual(self, value: Array) -> Array:
        """The value as (rows, …, units)."""
        moved = jnp.transpose(value, self.order)
        return moved.reshape(*moved.shape[: self.places], -1)

    def own(self, usual: Array, shape: tuple[int, ...]) -> Array:
        """Back in the network's own order."""
        moved = usual.reshape([shape[axis] for axis in self.order])
        return jnp.transpose(moved, [self.order.index(axis) for axis in range(len(self.order))])

    def after(self, equation: Any) -> Form | None:
        """Of what one operation makes of the value; None: it cannot be told."""
        given, made = (variable.aval.shape for variable in (equation.invars[0], equation.outvars[0]))
        if equation.primitive.name == "transpose":
            moved = equation.params["permutation"]
            return Form(tuple(moved.index(axis) for axis in self.order), self.places)
        last = self.order == tuple(range(len(self.order))) and given[-1:] == made[-1:]
        return self if given == made else Form(tuple(range(len(made))), len(made) - 1) if last else None


def of_product(equation: Any, weights: int) -> Form:
    """Of what a product gives: where its output has the axes of the weights."""
    dimensions = equation.params["dimension_numbers"]
    axes = len(equation.outvars[0].aval.shape)
    if equation.primitive.name != "dot_general":
        rows, units, *positions = dimensions.out_spec
        return Form((rows, *positions, units), axes - 1)
    _, batches = dimensions
    shared = len(batches[0])
    ranks = [len(variable.aval.shape) for variable in equation.invars]
    free = [rank - len(one) - shared for rank, one in zip(ranks, dimensions[0], strict=True)]
    first = [*range(shared, shared + free[0])]
    second = [*range(shared + free[0], axes)]
    of_weights, of_inputs = (first, second) if weights == 0 else (second, first)
    return Form((*of_inputs, *range(shared), *of_weights), len(of_inputs))

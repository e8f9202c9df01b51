"""Where the output of a product has its units, how it is read with these last, and axes that a reshape takes apart."""

from __future__ import annotations

from itertools import accumulate
from operator import mul
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


def units(equation: Any, weights: int, kernel: Array) -> int:
    """How many outputs the kernel makes of its fan-in."""
    if equation.primitive.name != "dot_general":
        return int(kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]])
    contracted, _ = equation.params["dimension_numbers"]
    summed = 1
    for axis in contracted[weights]:
        summed *= kernel.shape[axis]
    return max(1, kernel.size // max(1, summed))


class Move(NamedTuple):
    """An axis of a value that has another place after a reshape, which keeps the order of entries and moves none."""

    of: int
    to: int

    def made(self, value: Array, shape: tuple[int, ...]) -> Array:
        """The value in this shape, its axis moved and not taken apart."""
        beside = [size for axis, size in enumerate(shape) if axis != self.to]
        return jnp.moveaxis(jnp.moveaxis(value, self.of, 0).reshape(shape[self.to], *beside), 0, self.to)


def moved(given: tuple[int, ...], made: tuple[int, ...]) -> Move | None:
    """The axis that was to be moved, by the looks of both shapes, where a reshape mixes entries of its places.

    Beside it axes are the same, or one is split or several are joined. The first axis, of rows, is none to be moved.
    None: the reshape splits and joins axes, as it should, or no such axis is to be seen.

    >>> moved((64, 3, 12, 12), (64, 12, 12, 3)), moved((64, 10, 32), (64, 4, 10, 8)), moved((64, 12, 12), (64, 144))
    (Move(of=1, to=3), Move(of=1, to=2), None)
    """
    if _splits(given, made):
        return None
    for of, to in ((of, to) for of in range(1, len(given)) for to in range(1, len(made))):
        if 1 < given[of] == made[to] and _splits(_without(given, of), _without(made, to)):
            return Move(of, to)
    return None


def _splits(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether either shape is the other one with axes split, joined or of size 1."""
    ends, others = (set(accumulate(shape, mul)) for shape in (one, other))
    return ends | {1} >= others or others | {1} >= ends


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])

"""Somebody else's network, wider or narrower: its layers' weights, and what stands beside them, in other shapes.

Which axis of which array counts units is nowhere written. It is guessed, by the conventions that frameworks have and by
the sizes themselves, and the person's own code says whether the guess is right: traced with arrays of the new shapes,
it gives outputs of the old one, or refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from burnish.doctor.anatomy import Layer
from burnish.doctor.subject import Subject

Shape = tuple[int, ...]

# For matrices and for kernels of convolutions: the axes of what goes in and of what comes out.
Conventions = tuple[tuple[int, int], tuple[int, int]]
# JAX and Flax have what comes out last, Equinox and PyTorch first; some mix the two.
CONVENTIONS: tuple[Conventions, ...] = tuple(product(((0, 1), (1, 0)), ((-2, -1), (1, 0))))


def resized(subject: Subject, layers: Sequence[Layer], params: PyTree, times: float, least: int) -> Subject | None:
    """All hidden layers so many times as wide, rightly drawn; None where the network's code does not bear it.

    Args:
        subject: Whose network.
        layers: Its layers.
        params: Of its start.
        times: How many times as wide; below 1: narrower.
        least: Units of a hidden layer, at least.
    """
    if any(layer.at is not None for layer in layers):  # of stacked layers all have to be of one width
        return None
    leaves, tree = jax.tree.flatten(params)
    shapes = [jnp.shape(leaf) for leaf in leaves]
    few = jnp.asarray(subject.train.x[:2])
    outputs = jax.eval_shape(subject.apply, params, few)
    new = {one.units: max(round(times * one.units), least) for one in layers[:-1]}
    for conventions, by_size, beside in product(CONVENTIONS, (True, False), _beside(layers, shapes, new)):
        weights = _weights(layers, shapes, new, conventions, by_size=by_size)
        if weights is None:
            continue
        made = [weights.get(place, beside.get(place, shape)) for place, shape in enumerate(shapes)]
        structs = [jax.ShapeDtypeStruct(shape, jnp.result_type(leaf)) for shape, leaf in zip(made, leaves, strict=True)]
        try:
            other = jax.tree.unflatten(tree, structs)
            found = jax.eval_shape(subject.apply, other, few)
            trained, after = jax.eval_shape(subject.trained, other, few, jax.random.key(0))
        except Exception:  # noqa: BLE001 - the person's code, or a library's, refuses other shapes by errors of its own
            continue
        same = [leaf.shape for leaf in jax.tree.leaves(after)] == made
        if found.shape == trained.shape == outputs.shape and same:
            return replace(subject, init=_drawn(subject.init, layers, made, conventions))
    return None


def _weights(
    layers: Sequence[Layer], shapes: Sequence[Shape], new: dict[int, int], conventions: Conventions, *, by_size: bool
) -> dict[int, Shape] | None:
    """New shapes of the layers' weights by these conventions; None: they do not go so.

    With `by_size` what goes in as many as a hidden layer has units comes from such a layer, whichever it is, as where
    the input is added to the output of a block; else from the layer before.
    """
    made = {}
    for place, layer in enumerate(layers):
        shape = list(shapes[layer.leaf])
        given, gives = conventions[layer.convolution]
        if len(shape) < 2 or shape[gives] != layer.units:
            return None
        if place < len(layers) - 1:
            shape[gives] = new[layer.units]
        if layer.follows and place:
            units = shape[given] if by_size and shape[given] in new else layers[place - 1].units
            # Several times as many as the layer before gives: one for each place of a picture that was flattened.
            if shape[given] % units:
                return None
            shape[given] = shape[given] // units * new[units]
        made[layer.leaf] = tuple(shape)
    return made


def _beside(layers: Sequence[Layer], shapes: Sequence[Shape], new: dict[int, int]) -> Iterator[dict[int, Shape]]:
    """New shapes of biases, scales and the like: vectors as long as a hidden layer has units.

    Where the outputs are as many, one of them may be the outputs' own: each in turn is left as it is.
    """
    weights = {layer.leaf for layer in layers}
    vectors = {
        place: tuple(new.get(size, size) for size in shape)
        for place, shape in enumerate(shapes)
        if place not in weights and shape and max(shape) == np.prod(shape) and max(shape) in new
    }
    yield vectors
    for place in vectors:
        if max(shapes[place]) == layers[-1].units:
            yield {one: shape for one, shape in vectors.items() if one != place}


def _drawn(
    init: Callable[[Array], PyTree], layers: Sequence[Layer], shapes: Sequence[Shape], conventions: Conventions
) -> Callable[[Array], PyTree]:
    """Starts of these shapes: weights by He before rectifiers and by LeCun otherwise, all else as the person has it."""
    spread = {}  # standard deviation of a layer's weights
    for layer in layers:
        shape = shapes[layer.leaf]
        fan_in = np.prod(shape) / shape[conventions[layer.convolution][1]]
        spread[layer.leaf] = np.sqrt((2.0 if layer.rectified else 1.0) / fan_in)

    def start(key: Array) -> PyTree:
        leaves, tree = jax.tree.flatten(init(key))
        drawn = []
        for place, (leaf, shape) in enumerate(zip(leaves, shapes, strict=True)):
            one = jnp.asarray(leaf)
            if place in spread:
                one = (spread[place] * jax.random.normal(jax.random.fold_in(key, place), shape)).astype(one.dtype)
            elif one.shape != shape:
                one = jnp.full(shape, one.mean(), one.dtype)
            drawn.append(one)
        return jax.tree.unflatten(tree, drawn)

    return start

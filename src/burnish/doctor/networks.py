"""Somebody else's network with one thing done otherwise, as another subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from burnish.doctor import anatomy
from burnish.doctor.anatomy import Layer
from burnish.doctor.subject import Subject

Follow = Callable[[Callable[[PyTree, Array], Any], PyTree, Array], Any]


def _with(subject: Subject, follow: Follow) -> Subject:
    """The subject whose outputs are what `follow` makes of its network, in training too."""
    training = subject.apply_training
    return subject.rewritten(
        apply=lambda params, x: follow(subject.apply, params, x),
        apply_training=None
        if training is None
        else lambda params, x, key: follow(lambda p, rows: training(p, rows, key), params, x),
    )


def edited(subject: Subject, edit: anatomy.Edit) -> Subject:
    """The network with an edit."""
    return _with(subject, lambda apply, params, x: anatomy.follow(apply, params, x, edit=edit)[0])


def bare(subject: Subject) -> Subject:
    """The last layer's pre-activations as outputs, in the outputs' shape."""

    def last(apply: Callable[[PyTree, Array], Any], params: PyTree, x: Array) -> Any:
        outputs, seen = anatomy.follow(apply, params, x)
        if isinstance(outputs, tuple):  # in training, where there is a state
            return seen.z[-1].reshape(outputs[0].shape), outputs[1]
        return seen.z[-1].reshape(outputs.shape)

    return _with(subject, last)


def plain(subject: Subject) -> Subject:
    """JAX's own derivatives everywhere, and no gradient of the person's own.

    Functions without a rule of their own stay what they are, with the programs that were made of them.
    """
    key, few = jax.random.key(subject.seed), subject.train.take(slice(0, 2))
    params, training = jax.eval_shape(subject.init, key), subject.apply_training
    outputs = jax.eval_shape(subject.apply, params, few.x)
    return replace(
        subject,
        apply=_without_own_rules(subject.apply, params, few.x),
        apply_training=None if training is None else _without_own_rules(training, params, few.x, key),
        loss=_without_own_rules(subject.loss, outputs, few.y),
        gradient=None,
    )


def _without_own_rules(function: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    if not anatomy.own_rules(function, *arguments):
        return function
    return anatomy.edited(function, anatomy.Edit(plain=True))


def in_single(subject: Subject) -> Subject:
    """float32 where half precision was: parameters, what the network does, and outputs."""
    made = edited(subject, anatomy.Edit(single=True))
    return replace(made, init=lambda key: jax.tree.map(_single, subject.init(key)))


def _single(leaf: Any) -> Array:
    leaf = jnp.asarray(leaf)
    return leaf.astype(jnp.float32) if str(leaf.dtype) in anatomy.HALVES else leaf


def resized(subject: Subject, layers: tuple[Layer, ...], params: PyTree, times: float, least: int) -> Subject | None:
    """All hidden layers so many times as wide, rightly drawn; None where the network's code does not bear it.

    Only a chain of plain products can be resized from outside: the last axis of one layer's weights is the first of the
    next one's, and vectors between them are as long. Whether the person's code goes along is found by tracing it.

    Args:
        subject: Whose network.
        layers: Its layers.
        params: Of its start.
        times: How many times as wide; below 1: narrower.
        least: Units of a hidden layer, at least.
    """
    leaves, tree = jax.tree.flatten(params)
    shapes = [leaf.shape for leaf in leaves]
    if len(layers) < 2 or any(one.convolution or len(shapes[one.leaf]) != 2 for one in layers):
        return None
    for layer, after in pairwise(layers):
        wide = max(round(times * layer.units), least)
        if shapes[layer.leaf][1] != layer.units or shapes[after.leaf][0] != layer.units:
            return None
        shapes[layer.leaf] = (shapes[layer.leaf][0], wide)
        shapes[after.leaf] = (wide, shapes[after.leaf][1])
        beside = {layer.leaf - 1, layer.leaf + 1}
        for place in beside:
            if 0 <= place < len(leaves) and leaves[place].shape == (layer.units,) and shapes[place] == (layer.units,):
                shapes[place] = (wide,)
                break
    made = [jnp.zeros(shape, leaf.dtype) for shape, leaf in zip(shapes, leaves, strict=True)]
    few = jnp.asarray(subject.train.x[:2])
    try:
        outputs = jax.eval_shape(subject.apply, jax.tree.unflatten(tree, made), few)
    except Exception:  # noqa: BLE001 - the person's code, or a library's, refuses other shapes by errors of its own
        return None
    if outputs.shape != jax.eval_shape(subject.apply, params, few).shape:
        return None
    rectified = {layer.leaf: layer.rectified for layer in layers}

    def init(key: Array) -> PyTree:
        drawn = []
        for place, one in enumerate(made):
            gain = 2.0 if rectified.get(place) else 1.0
            weights = jax.random.normal(jax.random.fold_in(key, place), one.shape) * np.sqrt(gain / one.shape[0])
            drawn.append(weights.astype(one.dtype) if place in rectified else one)
        return jax.tree.unflatten(tree, drawn)

    return replace(subject, init=init)

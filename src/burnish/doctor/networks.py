"""Somebody else's network with one thing done otherwise, as another subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from burnish.doctor import anatomy, equations
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
    if not equations.own_rules(function, *arguments):
        return function
    return anatomy.edited(function, anatomy.Edit(plain=True))


def in_single(subject: Subject) -> Subject:
    """float32 where half precision was: parameters, what the network does, and outputs."""
    made = edited(subject, anatomy.Edit(single=True))
    return replace(made, init=lambda key: jax.tree.map(_single, subject.init(key)))


def _single(leaf: Any) -> Array:
    leaf = jnp.asarray(leaf)
    return leaf.astype(jnp.float32) if str(leaf.dtype) in equations.HALVES else leaf

"""Parameters that come in a tree with more than numbers in it, such as an Equinox module with its activation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from numbers import Number
from typing import Any

import jax
from jaxtyping import Array, PyTree

from burnish.doctor.subject import Subject


def parted(subject: Subject) -> Subject:
    """The same training of the numbers alone; what is none, such as a function, is put back where it is called.

    It is taken from one call of `init`, so that it has to be the same in all. A subject whose parameters are all
    numbers stays what it is; so does one whose `init` fails, which is refused where it is checked.
    """
    seen: list[PyTree] = []

    def init(key: Array) -> PyTree:
        tree = subject.init(key)
        seen.append(jax.tree.map(lambda leaf: None if _is_number(leaf) else leaf, tree))
        return _numbers(tree)

    try:
        jax.eval_shape(init, jax.random.key(subject.seed))
    except Exception:  # noqa: BLE001 - a person's function; it is called again, and then its error is told
        return subject
    others = seen[-1]
    return _around(subject, others) if jax.tree.leaves(others) else subject


def _around(subject: Subject, others: PyTree) -> Subject:
    def whole(params: PyTree) -> PyTree:
        return jax.tree.map(
            lambda other, number: number if other is None else other, others, params, is_leaf=lambda leaf: leaf is None
        )

    def trained(params: PyTree, x: Array, key: Array) -> Any:
        outputs, after = subject.trained(whole(params), x, key)
        return (outputs, _numbers(after)) if subject.state else outputs

    penalty, gradient = subject.penalty, subject.gradient
    return replace(
        subject,
        init=lambda key: _numbers(subject.init(key)),
        apply=_of_whole(subject.apply, whole),
        apply_training=None if subject.apply_training is None else trained,
        penalty=None if penalty is None else _of_whole(penalty, whole),
        gradient=None if gradient is None else lambda params, x, y, key: _numbers(gradient(whole(params), x, y, key)),
    )


def _of_whole(function: Callable[..., Any], whole: Callable[[PyTree], PyTree]) -> Callable[..., Any]:
    return lambda params, *arguments: function(whole(params), *arguments)


def _numbers(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: leaf if _is_number(leaf) else None, tree)


def _is_number(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") or isinstance(leaf, Number)

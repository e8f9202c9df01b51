"""What a training costs, by counting its operations."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from burnish.doctor.subject import Subject

# A layer's product with a row costs a multiplication and an addition a parameter; backward costs twice as much.
OF_A_PARAMETER, BACKWARD = 2.0, 2.0


def operations(subject: Subject, params: PyTree) -> float:
    """Of one whole training.

    Those of the network on a mini-batch, as the compiler counts them, forward and backward. It counts what is in a loop
    once, so that each parameter's product with each row is the least.
    """
    size = min(subject.batch_size, len(subject.train))
    rows = jax.ShapeDtypeStruct((size, *subject.train.x.shape[1:]), jnp.asarray(subject.train.x[:0]).dtype)
    counted = jax.jit(lambda params, x: subject.apply(params, x)).lower(params, rows).cost_analysis() or {}
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params))
    forward = max(OF_A_PARAMETER * parameters * size, float(counted.get("flops", 0.0)))
    return (1 + BACKWARD) * forward * subject.steps

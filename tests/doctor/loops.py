"""Training loops as somebody would write them, watched by a monitor."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from subjects import clusters, cross_entropy, perceptron

from burnish.diagnosis.finding import Severity
from burnish.doctor.monitor import Monitor


def loop(
    apply,
    params,
    *,
    loss=cross_entropy,
    optimizer=None,
    rows=None,
    steps=300,
    batch_size=32,
    dev=None,
    change=lambda batch, step: batch,
    applied=True,
    network=True,
    **options,
):
    """A training loop as somebody would write it, watched; the monitor after it."""
    rows = clusters(600) if rows is None else rows
    optimizer = optax.adam(3e-3) if optimizer is None else optimizer
    monitor = Monitor(apply, loss, params=params, **options) if network else Monitor(**options)

    def cost(params, x, y):
        return jnp.mean(loss(apply(params, x), y))

    @jax.jit
    def step(params, state, x, y):
        value, grads = jax.value_and_grad(cost)(params, x, y)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value, grads, updates

    measured = jax.jit(cost)
    state, rng = optimizer.init(params), np.random.default_rng(0)
    for number in range(steps):
        places = rng.integers(0, len(rows), batch_size)
        x, y = change((rows.x[places], rows.y[places]), number)
        new, state, value, grads, updates = step(params, state, x, y)
        params = new if applied else params
        monitor.record(
            number,
            params=params,
            grads=grads,
            loss=value,
            updates=updates,
            batch=(x, y),
        )
        if dev is not None and number % (steps // 24) == 0:
            monitor.dev(number, measured(params, dev.x, dev.y))
    return monitor


def faults(found):
    return [one.code for one in found.findings if one.severity is Severity.FAULT]


def codes(found):
    return [one.code for one in found.findings]


def made(sizes=(8, 16, 16, 4), **how):
    init, apply = perceptron(sizes, **how)
    return apply, init(jax.random.key(0))

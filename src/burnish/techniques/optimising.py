"""Optimisation: mini-batches, exponentially weighted averages, momentum, RMSprop, Adam, decay of the learning rate.

Techniques D1 to D7. Optimisers are optax transformations and decays optax schedules, so that they go with everything
else that optax has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, Int32
from numpy.typing import ArrayLike

from burnish import errors
from burnish.model import ewa
from burnish.train import batches, hyperparameters, optimizer, schedule
from burnish.tune import space

Tree = Any


class MiniBatches(NamedTuple):
    """An epoch's mini-batches, all of one shape, so that one compiled step serves them all."""

    rows: Int32[Array, "batch place"]  # which rows; padding repeats some row
    counted: Float[Array, "batch place"]  # 1 for a row, 0 for padding


def mini_batches(key: Array, rows: int, *, batch_size: int) -> MiniBatches:
    """D1: the rows in a new order, cut into mini-batches: each row once an epoch.

    The last mini-batch may be smaller and counts for its rows: weigh the losses by `counted` and divide by its sum. If
    a single row were left for it, it takes one from the mini-batch before: batch norm has no variance of one row. (In
    batches of two an odd number of rows leaves one row alone in any case.) `batch_size = m` is batch gradient descent,
    1 is stochastic.

    Args:
        key: JAX random key; a new one for each epoch.
        rows: m.
        batch_size: Rows of a mini-batch; more than m counts as m. 5,000,000 rows in batches of 1,000 are 5,000.

    Reference: Bottou, Curtis and Nocedal, Optimization methods for large-scale machine learning, 2018.

    >>> found = mini_batches(jax.random.key(0), rows=9, batch_size=4)
    >>> found.counted.sum(axis=1).tolist()  # not 4, 4, 1
    [4.0, 3.0, 2.0]
    >>> sorted(found.rows[found.counted > 0].tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
    """
    if min(rows, batch_size) < 1:
        raise errors.ConfigError(
            f"{rows} rows cannot be cut into mini-batches of {batch_size}.", "Both are at least 1.", ""
        )
    return _mini_batches(key, rows, min(batch_size, rows))


@partial(jax.jit, static_argnums=(1, 2))
def _mini_batches(key: Array, rows: int, size: int) -> MiniBatches:
    order = jax.random.permutation(key, rows)
    index = jnp.arange(-(-rows // size), dtype=jnp.int32)
    places, counted = jax.vmap(lambda number: batches.positions(size, number, jnp.int32(rows)))(index)
    return MiniBatches(order[jnp.minimum(places, rows - 1)].astype(jnp.int32), counted)


def epoch_cost(costs: Float[Array, " batch"], rows: Float[Array, " batch"]) -> Float[Array, ""]:
    """D1: the cost of an epoch from those of its mini-batches, `Σ n_b J_b / Σ n_b`: each row weighs the same.

    Args:
        costs: Mean loss of each mini-batch.
        rows: n_b, its rows (`counted.sum(axis=1)`).

    >>> float(epoch_cost(jnp.array([1.0, 4.0]), jnp.array([3.0, 1.0])))
    1.75
    """
    return (costs * rows).sum() / rows.sum()


def batch_sizes(rows: int) -> tuple[int, ...]:
    """D1: sizes worth trying. Below 2,000 rows full batch is one of them; beyond, powers of two from 64 to 512.

    The full batch is rounded up to a multiple of 64, for which `mini_batches` takes m.

    >>> batch_sizes(1_000), batch_sizes(100_000)
    ((16, 32, 64, 128, 1024), (64, 128, 256, 512))
    """
    return space.batch_sizes(rows)


def exponentially_weighted_average(
    values: ArrayLike, beta: float, *, bias_correction: bool = False
) -> Float[Array, "step ..."]:
    """D2 and D3: `v_t = β v_{t−1} + (1 − β) θ_t` with v_0 = 0, an average over about 1/(1 − β) steps.

    It starts too low; `bias_correction` reads `v_t / (1 − β^t)` instead. The recursion itself stays uncorrected. (In a
    training loop `optax.ema(beta, debias=bias_correction)` does it step by step.)

    Args:
        values: θ, shape (steps, …).
        beta: β in [0, 1): 0.9 averages about 10 steps, 0.98 about 50.
        bias_correction: Whether to divide by 1 − β^t, t from 1.

    Reference: Kingma and Ba, Adam, 2015, section 3.

    >>> [round(float(v), 2) for v in exponentially_weighted_average([40.0, 49.0, 45.0], 0.9)]
    [4.0, 8.5, 12.15]
    >>> [round(float(v), 2) for v in exponentially_weighted_average([40.0, 49.0, 45.0], 0.9, bias_correction=True)]
    [40.0, 44.74, 44.83]
    """
    if not 0 <= beta < 1:
        raise errors.ConfigError(f"β = {beta} averages nothing.", "It lies in [0, 1).", "Give 0.9, for one.")
    series = jnp.asarray(values, jnp.result_type(float, jnp.asarray(values)))

    def step(v: Array, theta: Array) -> tuple[Array, Array]:
        v = ewa.step(v, theta, beta)
        return v, v

    _, averages = lax.scan(step, jnp.zeros_like(series[0]), series)
    if not bias_correction:
        return averages
    t = jnp.arange(1, len(series) + 1, dtype=series.dtype).reshape(-1, *(1,) * (series.ndim - 1))
    return averages * ewa.correction(beta, t)


@dataclass(frozen=True, slots=True)
class _Rule:
    """The coefficients by which the main job's one update rule is one optimiser."""

    first_decay: float
    first_gain: float
    second_decay: float
    corrected: float
    adaptive: float
    nesterov: float
    epsilon: float


class OptimizerState(NamedTuple):
    """Averages of an optimiser, uncorrected; () where it has none."""

    steps: Int32[Array, ""]  # done so far
    v: Tree  # of the gradients
    s: Tree  # of the squared gradients


def momentum(
    learning_rate: optax.ScalarOrSchedule, beta: float = 0.9, *, nesterov: bool = False
) -> optax.GradientTransformation:
    """D4: `v ← β v + (1 − β) dW; W ← W − α v`.

    `optax.sgd(α, momentum=β)` has no factor (1 − β): it takes steps 1/(1 − β) times as large, so
    `momentum(α, β)` equals `optax.sgd((1 − β) α, momentum=β)`.

    Args:
        learning_rate: α, or an optax schedule.
        beta: β; 0.9 averages about 10 gradients.
        nesterov: Look one step ahead: `W ← W − α (β v + (1 − β) dW)`.

    Reference: Polyak 1964; Nesterov 1983.

    >>> tx = momentum(0.1, beta=0.9)
    >>> updates, _ = tx.update(jnp.array([10.0]), tx.init(jnp.array([0.0])))
    >>> round(float(updates[0]), 6)  # −α (1 − β) dW
    -0.1
    """
    return _transformation(_rule("nesterov" if nesterov else "momentum", beta1=beta), learning_rate)


def rmsprop(
    learning_rate: optax.ScalarOrSchedule, beta2: float = 0.999, *, epsilon: float = 1e-8
) -> optax.GradientTransformation:
    """D5: `s ← β₂ s + (1 − β₂) dW²; W ← W − α dW / (√s + ε)`, with ε outside the root.

    Equals `optax.rmsprop(α, decay=β₂, eps=ε, eps_in_sqrt=False)`; optax's default has ε inside the root, and
    decay 0.9. There is no bias correction: the first steps are larger by up to 1/√(1 − β₂).

    Args:
        learning_rate: α, or an optax schedule.
        beta2: β₂.
        epsilon: ε, in the gradient's unit.

    Reference: Tieleman and Hinton, Lecture 6.5, 2012.

    >>> tx = rmsprop(0.1, beta2=0.75)
    >>> updates, _ = tx.update(jnp.array([10.0]), tx.init(jnp.array([0.0])))
    >>> round(float(updates[0]), 6)  # −α dW / √(0.25 dW²)
    -0.2
    """
    return _transformation(_rule("rmsprop", beta2=beta2, epsilon=epsilon), learning_rate)


def adam(
    learning_rate: optax.ScalarOrSchedule, *, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
) -> optax.GradientTransformation:
    """D6: momentum and RMSprop, both bias-corrected: `W ← W − α v̂ / (√ŝ + ε)`.

    `v̂ = v/(1 − β₁^t)`, `ŝ = s/(1 − β₂^t)`. Equals `optax.adam`. With `decoupled_decay` behind it, it is AdamW.

    Args:
        learning_rate: α, or an optax schedule.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε, in the gradient's unit.

    Reference: Kingma and Ba, Adam: a method for stochastic optimization, 2015.

    >>> tx = adam(0.1)
    >>> updates, _ = tx.update(jnp.array([10.0, -0.01]), tx.init(jnp.zeros(2)))
    >>> [round(float(u), 4) for u in updates]  # the first step is α, whatever the gradient
    [-0.1, 0.1]
    """
    return _transformation(_rule("adam", beta1=beta1, beta2=beta2, epsilon=epsilon), learning_rate)


def _rule(name: str, *, beta1: float = 0.0, beta2: float = 0.0, epsilon: float = 0.0) -> _Rule:
    kept, averaged, corrected, adaptive, nesterov = hyperparameters.OPTIMIZERS[name]
    if not (0 <= beta1 < 1 and 0 <= beta2 < 1 and epsilon >= 0):
        raise errors.ConfigError(
            f"{name} cannot run with β₁ = {beta1}, β₂ = {beta2}, ε = {epsilon}.",
            "Both β lie in [0, 1), and ε is at least 0.",
            "Give 0.9, 0.999 and 1e-8, for one.",
        )
    first = beta1 if kept else 0.0
    return _Rule(first, 1.0 - first if averaged else 1.0, beta2, float(corrected), float(adaptive), nesterov, epsilon)


def _transformation(rule: _Rule, learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """The main job's direction as an optax transformation; averages that the rule does not read are not kept."""
    keeps_first, keeps_second = rule.first_decay > 0, rule.adaptive > 0

    def zeros(tree: Tree, kept: bool) -> Tree:
        return jax.tree.map(jnp.zeros_like, tree) if kept else ()

    def init(params: Tree) -> OptimizerState:
        return OptimizerState(jnp.zeros((), jnp.int32), zeros(params, keeps_first), zeros(params, keeps_second))

    def update(updates: Tree, state: OptimizerState, params: Tree | None = None) -> tuple[Tree, OptimizerState]:
        count = optax.safe_increment(state.steps)
        at = optimizer.reading(rule, count.astype(jnp.result_type(float)))
        v = state.v if keeps_first else zeros(updates, True)
        s = state.s if keeps_second else zeros(updates, True)
        found = jax.tree.map(lambda g, *averages: optimizer.direction(rule, at, g, *averages), updates, v, s)
        moved, v, s = (jax.tree.map(lambda g, of, i=i: of[i].astype(g.dtype), updates, found) for i in range(3))
        return moved, OptimizerState(count, v if keeps_first else (), s if keeps_second else ())

    return optax.chain(optax.GradientTransformation(init, update), optax.scale_by_learning_rate(learning_rate))


def inverse_time_decay(initial: float, decay_rate: float = 1.0, *, steps_per_epoch: int) -> optax.Schedule:
    """D7: `α = α₀ / (1 + decay_rate · epoch)`; epochs count from 1, so already the first trains below α₀.

    Args:
        initial: α₀.
        decay_rate: Per epoch.
        steps_per_epoch: Mini-batches of an epoch. As all optax schedules it is called with the steps done so far.

    Reference: Robbins and Monro, A stochastic approximation method, 1951.

    >>> rate = inverse_time_decay(0.2, 1.0, steps_per_epoch=1)
    >>> [round(float(rate(step)), 3) for step in range(4)]
    [0.1, 0.067, 0.05, 0.04]
    """
    return lambda count: schedule.inverse(initial, _epoch(count, steps_per_epoch), decay_rate)


def exponential_decay(initial: float, base: float = 0.95, *, steps_per_epoch: int) -> optax.Schedule:
    """D7: `α = base^epoch · α₀`, constant within an epoch; the epoch counts from 1.

    `optax.exponential_decay(α₀ · base, steps_per_epoch, base, staircase=True)` is the same: its epoch counts from 0.

    Reference: Senior et al., An empirical study of learning rates in deep neural networks for speech recognition, 2013.

    >>> [round(float(exponential_decay(0.2, 0.95, steps_per_epoch=2)(step)), 4) for step in range(4)]
    [0.19, 0.19, 0.1805, 0.1805]
    """
    return lambda count: schedule.exponential(initial, _epoch(count, steps_per_epoch), base)


def sqrt_epoch_decay(initial: float, k: float = 1.0, *, steps_per_epoch: int) -> optax.Schedule:
    """D7: `α = k/√epoch · α₀`, constant within an epoch; the epoch counts from 1.

    Reference: Ng, Improving deep neural networks, 2017.

    >>> [round(float(sqrt_epoch_decay(0.2, steps_per_epoch=1)(step)), 4) for step in range(4)]
    [0.2, 0.1414, 0.1155, 0.1]
    """
    return lambda count: schedule.power(k * initial, _epoch(count, steps_per_epoch), 0.5)


def sqrt_step_decay(initial: float, k: float = 1.0) -> optax.Schedule:
    """D7: `α = k/√t · α₀`, t the number of the mini-batch, from 1 (Zinkevich 2003).

    >>> [round(float(sqrt_step_decay(0.2)(step)), 4) for step in range(4)]
    [0.2, 0.1414, 0.1155, 0.1]
    """
    return lambda count: schedule.power(k * initial, _step(count), 0.5)


def staircase_decay(initial: float, factor: float = 0.5, *, every: int, steps_per_epoch: int) -> optax.Schedule:
    """D7: `α = factor^⌊(epoch − 1)/every⌋ · α₀`: a drop after every so many epochs (as in He et al. 2016).

    >>> [round(float(staircase_decay(0.2, every=2, steps_per_epoch=1)(step)), 4) for step in range(5)]
    [0.2, 0.2, 0.1, 0.1, 0.05]
    """
    return lambda count: schedule.staircase(initial, _epoch(count, steps_per_epoch), factor, float(every))


def warm_up(rate: optax.ScalarOrSchedule, steps: int) -> optax.Schedule:
    """D7: `min(t/steps, 1)` times a rate or a schedule, t from 1: no step is lost at a rate of 0 (Goyal et al. 2017).

    >>> [round(float(warm_up(0.2, 4)(step)), 4) for step in range(5)]
    [0.05, 0.1, 0.15, 0.2, 0.2]
    """
    return lambda count: schedule.warm_up(rate(count) if callable(rate) else rate, _step(count), float(steps))


def cosine_decay(initial: float, total_steps: int, *, warm_up_steps: int = 0) -> optax.Schedule:
    """D7: half a cosine from α₀ to 0, `α₀ (1 + cos(π (t − 1)/T))/2`, after an optional linear warm-up.

    Without warm-up it equals `optax.cosine_decay_schedule`.

    Reference: Loshchilov and Hutter, SGDR, 2017.

    >>> [round(float(cosine_decay(0.2, 4)(step)), 4) for step in range(5)]
    [0.2, 0.1707, 0.1, 0.0293, 0.0]
    """

    def rate(count: Any) -> Array:
        t, warm = _step(count), float(warm_up_steps)
        return schedule.cosine(schedule.warm_up(initial, t, warm), t, warm, float(total_steps))

    return rate


def one_cycle(
    peak: float, total_steps: int, *, warm_up_share: float = hyperparameters.ONE_CYCLE_WARMUP
) -> optax.Schedule:
    """D7: up in a straight line over the first 30 % of the steps, down to 0 along half a cosine.

    `optax.cosine_onecycle_schedule` rises along a cosine too, from peak/25, and ends at peak/10,000.

    Reference: Smith and Topin, Super-convergence, 2018.

    >>> [round(float(one_cycle(1.0, 10)(step)), 3) for step in (0, 2, 3, 9, 10)]
    [0.333, 1.0, 1.0, 0.05, 0.0]
    """
    return cosine_decay(peak, total_steps, warm_up_steps=round(warm_up_share * total_steps))


def _step(count: Any) -> Array:
    """t, from 1: optax counts the steps that are done."""
    return jnp.asarray(count, jnp.result_type(float)) + 1.0


def _epoch(count: Any, steps_per_epoch: int) -> Array:
    return schedule.epoch_of(_step(count), float(steps_per_epoch))

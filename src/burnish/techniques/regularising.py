"""Regularisation: L2 and decay, dropout, augmentation of tables, early stopping. Techniques B1 to B6."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int32

from burnish import errors
from burnish.model import layers, noise, rules
from burnish.train import optimizer, stopping

Tree = Any  # parameters: arrays in dictionaries, lists, tuples or any other tree that JAX knows
Mask = Any  # a tree of booleans like the parameters, or a function from parameters to one; None: all leaves

# A tanh unit is in its linear part where tanh(z) is within this share of z, that is for |z| up to 0.58.
LINEAR_WITHIN = 0.10


def weights_only(params: Tree) -> Tree:
    """B2: a mask that is true for weights (two or more axes) and false for biases, γ and β, which no decay touches.

    A weight vector of a logistic regression has one axis: give it as a column, or a mask of your own.

    >>> weights_only({"w": jnp.ones((3, 2)), "b": jnp.ones(2)})
    {'b': False, 'w': True}
    """
    return jax.tree.map(lambda p: jnp.ndim(p) >= 2, params)


def l2_penalty(weights: Tree, *, l2: float, rows: int) -> Float[Array, ""]:
    """B1 and B2: what L2 adds to the cost, `(λ/2m) Σ_l ‖W[l]‖²_F`; for logistic regression `(λ/2m) ‖w‖²`.

    All leaves given count, so give the weights alone: biases and batch norm's parameters are left out. Under plain
    gradient descent each step first shrinks W by (1 − αλ/m), which is weight decay; under Adam it does not
    (`decoupled_decay` does).

    Args:
        weights: The weights, in any tree.
        l2: λ, in units of the loss.
        rows: m, all training rows, in the cost of a mini-batch too. A learning curve holds λ/m fixed or tunes it anew.

    Reference: Krogh and Hertz, A simple weight decay can improve generalization, 1992.

    >>> float(l2_penalty([jnp.array([[3.0, 4.0]])], l2=2.0, rows=10))
    2.5
    """
    return 0.5 * l2 / rows * jnp.asarray(optimizer.squares(jax.tree.leaves(weights)))


def l2_gradient(weights: Tree, *, l2: float, rows: int) -> Tree:
    """B2: what L2 adds to the gradient, `dW[l] += (λ/m) W[l]`; the same tree as `weights`.

    Args: as of `l2_penalty`.

    >>> l2_gradient({"w": jnp.array([3.0, 4.0])}, l2=2.0, rows=10)["w"].tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    return jax.tree.map(lambda w: l2 / rows * w, weights)


def coupled_l2(*, l2: float, rows: int, mask: Mask = None) -> optax.GradientTransformation:
    """B2: L2 for an optax chain: adds `(λ/m) W` to the gradient, so it stands *before* the optimiser.

    The optimiser's averages then see it too: under Adam weights with large gradients are shrunk less.

    Args:
        l2: λ.
        rows: m, all training rows.
        mask: Which leaves, such as `weights_only`; None: all.

    >>> tx = optax.chain(coupled_l2(l2=2.0, rows=10, mask=weights_only), optax.sgd(0.5))
    >>> params = {"w": jnp.ones((1, 1)), "b": jnp.ones(1)}
    >>> updates, _ = tx.update(jax.tree.map(jnp.zeros_like, params), tx.init(params), params)
    >>> jax.tree.map(lambda p: round(p.item(), 6), optax.apply_updates(params, updates))  # (1 − αλ/m) = 0.9
    {'b': 1.0, 'w': 0.9}
    """
    return optax.add_decayed_weights(l2 / rows, mask)


def decoupled_decay(
    learning_rate: optax.ScalarOrSchedule, weight_decay: float, *, mask: Mask = None
) -> optax.GradientTransformation:
    """B2: decoupled weight decay for an optax chain: it stands *after* the optimiser, and shrinks W by a fixed factor.

    `W ← (1 − α · decay) W + update`, whatever the optimiser: Adam with it is AdamW. With plain gradient descent it is
    L2 with decay = λ/m.

    Args:
        learning_rate: α of the optimiser, or its schedule.
        weight_decay: The decay, a share a step in units of 1/α.
        mask: Which leaves, such as `weights_only`; None: all.

    Reference: Loshchilov and Hutter, Decoupled weight decay regularization, 2019.

    >>> tx = optax.chain(optax.adam(0.1), decoupled_decay(0.1, 0.5, mask=weights_only))
    >>> params = {"w": jnp.ones((1, 1)), "b": jnp.ones(1)}
    >>> updates, _ = tx.update(jax.tree.map(jnp.zeros_like, params), tx.init(params), params)
    >>> jax.tree.map(lambda p: round(p.item(), 6), optax.apply_updates(params, updates))
    {'b': 1.0, 'w': 0.95}
    """

    def init(params: Tree) -> optax.ScaleByScheduleState:
        return optax.ScaleByScheduleState(count=jnp.zeros((), jnp.int32))

    def update(updates: Tree, state: Any, params: Tree | None = None) -> tuple[Tree, optax.ScaleByScheduleState]:
        if params is None:
            raise ValueError("decoupled_decay shrinks parameters: call update(gradients, state, params)")
        rate = learning_rate(state.count) if callable(learning_rate) else learning_rate
        moved = jax.tree.map(lambda u, p: u - rate * weight_decay * p, updates, params)
        return moved, optax.ScaleByScheduleState(count=state.count + 1)

    plain = optax.GradientTransformation(init, update)
    return plain if mask is None else optax.masked(plain, mask)


def weight_norms(params: Tree) -> dict[str, float]:
    """B3: the Frobenius norm of each array by its name; L2 works where they fall.

    >>> weight_norms({"layer1": {"w": jnp.array([[3.0, 4.0]])}})
    {'layer1.w': 5.0}
    """
    found = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path, simple=True, separator="."): float(jnp.linalg.norm(p)) for path, p in found}


def linear_share(z: Float[Array, "row unit"], *, within: float = LINEAR_WITHIN) -> Float[Array, ""]:
    """B3: the share of tanh units in their linear part, `tanh(z) ≥ (1 − within) z` in size: why L2 helps.

    Small weights make small z, where tanh(z) ≈ z: the network is then nearly linear and cannot bend to the noise of
    single rows.

    Args:
        z: Pre-activations of a layer, any shape.
        within: By how much tanh(z) may lie below z, as a share of it; 0.1 is |z| ≤ 0.58.

    Reference: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd edition 2009, section 11.5.1.

    >>> float(linear_share(jnp.array([0.0, 0.5, -0.5, 2.0])))
    0.75
    """
    return jnp.mean(jnp.abs(jnp.tanh(z)) >= (1.0 - within) * jnp.abs(z))


def inverted_dropout(key: Array, a: Float[Array, "row unit"], keep_prob: float | Array) -> Float[Array, "row unit"]:
    """B4: `d = uniform(shape(a)) < keep_prob; a ← a · d / keep_prob`: each unit of each row is kept or not by itself.

    E[a] is unchanged, so nothing is scaled at prediction: leave the call out there, and predictions are exact and
    repeatable. Of 50 units at 0.8, 10 are left out on average, not exactly.

    Args:
        key: JAX random key; a new one for each step and layer, or the masks are the same.
        a: Activations, any shape.
        keep_prob: In (0, 1], each layer its own; burnish's public name is `dropout_rate` = 1 − keep_prob.

    Reference: Srivastava et al., Dropout, 2014; the mask's random numbers are burnish's own (a hash of a counter, since
    JAX's make a small network's step up to three times as long).

    >>> a = inverted_dropout(jax.random.key(0), jnp.ones((1_000, 50)), 0.8)
    >>> sorted(set(a.ravel().tolist())), abs(float(a.mean()) - 1) < 0.01
    ([0.0, 1.25], True)
    """
    if isinstance(keep_prob, int | float) and not 0 < keep_prob <= 1:
        raise errors.ConfigError(
            f"Units cannot be kept with probability {keep_prob}.", "It lies in (0, 1].", "Give 1 − dropout_rate."
        )
    return layers.dropout(a, 1.0 - keep_prob, jax.random.bits(key, (), jnp.uint32))  # type: ignore[arg-type]


def mixup(
    key: Array, x: Float[Array, "row d"], y: Float[Array, "row ..."], *, alpha: float = 0.2
) -> tuple[Float[Array, "row d"], Float[Array, "row ..."]]:
    """B5: each row is mixed with another: `x ← λ x_i + (1 − λ) x_j`, `y ← λ y_i + (1 − λ) y_j`, λ ~ Beta(α, α).

    For mini-batches of the training part only. λ is drawn for each row by itself. Augmentation of images (flip, crop,
    rotate) is to come; this and `feature_noise` are for tables.

    Args:
        key: JAX random key; a new one for each step.
        x: Inputs, standardised or flags.
        y: Targets: one-hot rows, or numbers.
        alpha: α, above 0: small values mix little.

    Reference: Zhang et al., mixup: beyond empirical risk minimization, 2018.

    >>> x, y = mixup(jax.random.key(0), jnp.eye(4), jnp.eye(4))
    >>> x.sum(axis=1).tolist(), bool((x == y).all())
    ([1.0, 1.0, 1.0, 1.0], True)
    """
    if not jnp.issubdtype(jnp.result_type(y), jnp.floating):
        raise errors.ConfigError(
            "Class numbers cannot be mixed.", f"y holds {jnp.result_type(y)}.", "Give jax.nn.one_hot(y, classes)."
        )
    of_share, of_order = jax.random.split(key)
    rows = x.shape[0]
    share = jax.random.beta(of_share, alpha, alpha, (rows,)).astype(x.dtype)
    other = jax.random.permutation(of_order, rows)

    return noise.blended(share, x, x[other]), noise.blended(share, y, y[other])


def feature_noise(key: Array, x: Float[Array, "row d"], scale: float | Float[Array, " d"]) -> Float[Array, "row d"]:
    """B5: `x ← x + scale · ε`, ε standard normal and new each time: neighbouring rows get similar predictions.

    For continuous columns of the training part only.

    Args:
        key: JAX random key; a new one for each step.
        x: Inputs.
        scale: Standard deviation of the noise, in units of x: one, or one a column (0 leaves it alone).

    Reference: Bishop, Training with noise is equivalent to Tikhonov regularization, 1995.

    >>> x = feature_noise(jax.random.key(0), jnp.zeros((10_000, 2)), jnp.array([0.1, 0.0]))
    >>> [round(float(deviation), 2) for deviation in x.std(axis=0)]
    [0.1, 0.0]
    """
    with rules.rows():
        return x + scale * jax.random.normal(key, x.shape, x.dtype)


class EarlyStopping(NamedTuple):
    """Where early stopping stands: all that its next step needs."""

    best_cost: Float[Array, ""]  # lowest dev cost so far
    best_params: Tree  # the weights then: what to restore
    best_epoch: Int32[Array, ""]
    epoch: Int32[Array, ""]  # epochs seen
    stopped: Bool[Array, ""]


def early_stopping_start(params: Tree) -> EarlyStopping:
    """B6: the state before the first epoch; an example is at `early_stopping_step`.

    >>> float(early_stopping_start({"w": jnp.ones(2)}).best_cost)
    inf
    """
    start = jnp.zeros((), jnp.int32)
    return EarlyStopping(jnp.asarray(jnp.inf, jnp.result_type(float)), params, start, start, jnp.asarray(False))


def early_stopping_step(
    state: EarlyStopping, dev_cost: Float[Array, ""] | float, params: Tree, *, patience: int | Array
) -> EarlyStopping:
    """B6: watch the dev cost of each epoch, keep the best weights, stop after `patience` epochs without a better one.

    A pure function: it runs inside `jax.jit`, and under `jax.vmap` each member of a population stops by itself. Once
    `stopped`, nothing changes any more, and `best_params` is what to restore. A cost that is not a number is never
    better.

    Args:
        state: Of `early_stopping_start`, then of the step before.
        dev_cost: On dev, in evaluation mode, after this epoch.
        params: The weights after this epoch.
        patience: Epochs; 0 never stops, and still keeps the best weights.

    Reference: Prechelt, Early stopping, but when?, 1998.

    >>> state = early_stopping_start(jnp.array(0.0))
    >>> for epoch, cost in enumerate([0.9, 0.5, 0.6, 0.7, 0.1], start=1):
    ...     state = early_stopping_step(state, cost, jnp.array(float(epoch)), patience=2)
    >>> bool(state.stopped), float(state.best_params), int(state.epoch)
    (True, 2.0, 4)
    """
    epoch = state.epoch + 1
    better = stopping.improves(jnp.asarray(dev_cost, state.best_cost.dtype), state.best_cost) & ~state.stopped

    def chosen(new: Any, old: Any) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(better, a, b), new, old)

    best_epoch = chosen(epoch, state.best_epoch)
    return EarlyStopping(
        best_cost=chosen(jnp.asarray(dev_cost, state.best_cost.dtype), state.best_cost),
        best_params=chosen(params, state.best_params),
        best_epoch=best_epoch,
        epoch=jnp.where(state.stopped, state.epoch, epoch),
        stopped=state.stopped | stopping.waited(epoch, best_epoch, patience),
    )

"""What an optax optimiser does, told from its answers to made-up gradients: it is a pair of functions, and opaque."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree
from numpy.typing import NDArray

# Parts of a gradient, from one so small that nothing clips it, to itself.
PARTS = (1e-6, 1e-5, 1.0)
# Relative size up to which two answers are the same: float32 through some divisions.
ROUNDING = 1e-2
# A clipped update is at most this share of what it would have been.
CLIPPED = 0.5
# Updates of nothing at the start of a training after which an optimiser is taken to do nothing at all.
WAITED = 200
# States of a schedule, whose count says how far it has come: alone, and of a hyperparameter that is injected.
SCHEDULED = (optax.ScaleByScheduleState, type(optax.WrappedSchedule(lambda count: count).init()))
# Leaves from which a part of them can be asked about, and steps of one gradient before it is turned round.
FEWEST_LEAVES, REMEMBERED = 3, 100
# Updates of which a memory is told: a momentum of 0.99 still has 0.9 of its first answer after ten.
ANSWERS = 4


class Answers(NamedTuple):
    """An optimiser that can be asked: its update, compiled, and what it begins with."""

    update: Callable[[PyTree, Any, PyTree], tuple[PyTree, Any]]
    state: Any
    params: PyTree

    def to(self, gradients: PyTree, state: Any = None) -> tuple[PyTree, Any]:
        """The updates that it answers these gradients with, and its state after them; None: at the start."""
        return self.update(gradients, self.state if state is None else state, self.params)


def of(optimizer: optax.GradientTransformation, params: PyTree) -> Answers:
    """An optimiser that nobody has asked anything yet."""
    return Answers(jax.jit(partial(update, optimizer)), optimizer.init(params), params)


def update(
    optimizer: optax.GradientTransformation, gradients: PyTree, state: Any, params: PyTree, value: Array | float = 1.0
) -> tuple[PyTree, Any]:
    """One update by an optimiser, which may want the loss of the mini-batch: `optax.contrib.reduce_on_plateau` does.

    Args:
        optimizer: To update by.
        gradients: A tree like the parameters.
        state: Of the optimiser.
        params: Before the update.
        value: That loss; of a made-up gradient any number.
    """
    return optax.with_extra_args_support(optimizer).update(gradients, state, params, value=value)


def norm(tree: PyTree) -> float:
    """Euclidean length, over all leaves; on the host."""
    return float(np.sqrt(sum(np.square(leaf).sum() for leaf in _wide(tree))))


def cosine(one: PyTree, other: PyTree) -> float:
    """Between two trees, over all leaves; 0 where either is 0."""
    size = norm(one) * norm(other)
    return float(sum((a * b).sum() for a, b in zip(_wide(one), _wide(other), strict=True)) / size) if size > 0 else 0.0


def _wide(tree: PyTree) -> list[NDArray[np.float64]]:
    return [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(tree)]


def _still(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), tree)


def decays(optimizer: Answers) -> int:
    """Whether parameters shrink without any gradient, by decoupled weight decay (Loshchilov and Hutter 2019): 1.

    −1 where they grow instead, as by a decay whose sign is turned, and 0 where neither is so. Some of them are enough,
    as biases and scales are often spared; and by so much for each unit of their size, else something other than a decay
    asks for their size (You et al. 2020, LARS and LAMB).
    """
    state, ones = optimizer.state, jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), optimizer.params)
    for _ in range(WAITED):
        if norm(optimizer.to(ones, state)[0]) > 0:
            break
        _, state = optimizer.to(_still(optimizer.params), state)  # warm-up from 0, or gradients that are gathered
    updates, _ = optimizer.to(_still(optimizer.params), state)
    cosines = [cosine(*pair) for pair in zip(*map(jax.tree.leaves, (updates, optimizer.params)), strict=True)]
    most = max(cosines, key=abs, default=0.0)
    moved = abs(most) > 1 - ROUNDING and _linear_in_parameters(optimizer, state)
    return -int(np.sign(most)) if moved else 0


def _linear_in_parameters(optimizer: Answers, state: Any) -> bool:
    """Whether the answer to one gradient changes with the parameters as much from 0 to 1 as from 1 to 2 times them."""
    ones = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), optimizer.params)
    params = jax.device_get(optimizer.params)  # what follows is on the host: JAX would compile it for each shape
    zero, once, twice = (
        jax.device_get(
            optimizer.update(ones, state, jax.tree.map(lambda leaf, t=times: leaf * leaf.dtype.type(t), params))[0]
        )
        for times in (0, 1, 2)
    )
    first, second = (jax.tree.map(lambda b, a: b - a, later, sooner) for later, sooner in ((once, zero), (twice, once)))
    off = norm(jax.tree.map(lambda b, a: b - a, second, first))
    return off <= ROUNDING * max(norm(first), norm(second))


def sizes(optimizer: Answers) -> NDArray[np.float64]:
    """Root mean square of the first answer that is not 0 to gradients of one size in all leaves, an entry a leaf.

    Half of the difference from the answer to their opposite: what a decay takes away is the same in both. The gradients
    are so small that nothing clips them.
    """
    state = optimizer.state
    given = jax.tree.map(lambda leaf: np.full(leaf.shape, PARTS[0], leaf.dtype), optimizer.params)
    for _ in range(WAITED):
        there, after = optimizer.to(given, state)
        back, _ = optimizer.to(jax.tree.map(np.negative, given), state)
        halves = ((a - b) / 2 for a, b in zip(_wide(there), _wide(back), strict=True))
        found = np.array([float(np.sqrt(np.mean(np.square(one)))) if one.size else 0.0 for one in halves])
        if found.any():
            break
        state = after
    return found


def evened(optimizer: optax.GradientTransformation, factors: PyTree) -> optax.GradientTransformation:
    """The same optimiser, its updates of each leaf times a number."""

    def even(updates: PyTree, params: PyTree | None) -> PyTree:
        del params
        return jax.tree.map(lambda u, factor: (u * factor).astype(u.dtype), updates, factors)

    return optax.chain(optimizer, optax.stateless(even))


def without_decay(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """The same optimiser, told that all parameters are 0: nothing to decay."""
    wide = optax.with_extra_args_support(optimizer)

    def update(gradients: PyTree, state: Any, params: PyTree | None = None, **more: Any) -> tuple[PyTree, Any]:
        zeros = None if params is None else jax.tree.map(jnp.zeros_like, params)
        return wide.update(gradients, state, zeros, **more)

    return optax.GradientTransformationExtraArgs(wide.init, update)


def over(optimizer: optax.GradientTransformation, times: float) -> optax.GradientTransformation:
    """The same optimiser, its schedules drawn out so that they end with a training of so many times the steps.

    What else counts steps, such as Adam's correction of its first averages, counts them as ever.
    """
    wide = optax.with_extra_args_support(optimizer)

    def init(params: PyTree) -> tuple[Any, Array]:
        return wide.init(params), jnp.zeros((), jnp.int32)

    def update(gradients: PyTree, state: Any, params: PyTree | None = None, **more: Any) -> tuple[PyTree, Any]:
        inner, step = state
        told = jax.tree.map(partial(_at, step=step, times=times), inner, is_leaf=_is_scheduled)
        updates, inner = wide.update(gradients, told, params, **more)
        return updates, (inner, step + 1)

    return optax.GradientTransformationExtraArgs(init, update)


def scheduled(optimizer: optax.GradientTransformation, params: PyTree) -> bool:
    """Whether a schedule of optax's is in it, for parameters of these shapes."""
    state = jax.eval_shape(optimizer.init, params)
    return any(_is_scheduled(one) for one in jax.tree.leaves(state, is_leaf=_is_scheduled))


def _is_scheduled(state: Any) -> bool:
    return isinstance(state, SCHEDULED)


def _at(state: Any, step: Array, times: float) -> Any:
    return state._replace(count=jnp.floor(step / times).astype(jnp.int32)) if _is_scheduled(state) else state


def clipping(optimizer: Answers, gradients: PyTree) -> float | None:
    """The norm at which gradients are clipped, where these are; None: they are not, or it cannot be told.

    The answer to a small part of a gradient is that part of the answer to all of it, unless something clips. Optimisers
    that divide by the size of the gradient, such as Adam, answer small parts with large updates: of them it is not
    told.
    """
    answers = [norm(optimizer.to(jax.tree.map(lambda g, p=part: g * p, gradients))[0]) / part for part in PARTS]
    small, less_small, whole = answers
    if not np.isfinite(answers).all() or small <= 0 or abs(less_small / small - 1) > ROUNDING:
        return None
    return norm(gradients) * whole / small if whole < CLIPPED * small else None


def unclipped(optimizer: optax.GradientTransformation, part: float) -> optax.GradientTransformation:
    """The same optimiser, given so small a part of each gradient that nothing clips it, and its updates enlarged."""
    wide = optax.with_extra_args_support(optimizer)

    def update(gradients: PyTree, state: Any, params: PyTree | None = None, **more: Any) -> tuple[PyTree, Any]:
        updates, state = wide.update(jax.tree.map(lambda g: g * part, gradients), state, params, **more)
        return jax.tree.map(lambda u: u / part, updates), state

    return optax.GradientTransformationExtraArgs(wide.init, update)


def alike(one: Answers, other: Answers, gradients: PyTree) -> bool:
    """Whether two optimisers take one way, if in steps of another size: they answer several gradients, whose parts turn
    round at different times, by updates of one direction. What a decay of the parameters adds is small beside them.
    """
    ours, theirs, given, told = one.state, other.state, gradients, 0
    for step in range(WAITED):
        (first, ours), (second, theirs) = one.to(given, ours), other.to(given, theirs)
        if norm(first) > 0:  # else it warms up from 0
            if cosine(first, second) < 1 - ROUNDING:
                return False
            told += 1
        if told == ANSWERS:
            return True
        given = jax.tree.map(partial(_turned, step=step), gradients)
    return False


def _turned(gradient: Any, step: int) -> NDArray[Any]:
    """Every other number turned round, every third, and so on; the rest halved: what is remembered shows."""
    places = np.arange(gradient.size).reshape(gradient.shape)
    return np.where(places % (step + 2) == 0, -gradient, gradient / 2)


def pinned(optimizer: Answers) -> float | None:
    """The norm that all of its updates have, as where they are clipped behind the optimiser; None: they have several.

    A gradient in some leaves alone moves fewer numbers, and so makes a shorter update, of whatever normalises each.
    """
    leaves, tree = jax.tree.flatten(optimizer.params)
    if len(leaves) < FEWEST_LEAVES:
        return None
    norms = []
    for asked in (range(len(leaves)), range(0, len(leaves), 2), range(1)):
        given = [np.full(leaf.shape, float(place in asked), leaf.dtype) for place, leaf in enumerate(leaves)]
        norms.append(norm(optimizer.to(jax.tree.unflatten(tree, given))[0]))
    same = norms[0] > 0 and np.ptp(norms) <= ROUNDING * norms[0]
    return norms[0] if same else None


def turning(optimizer: Answers, gradients: PyTree) -> int:
    """Steps that its updates take to turn round, once the gradient has, after `REMEMBERED` steps of one gradient.

    0: there was no update then, as where gradients are gathered.
    """
    state, first = optimizer.state, None
    for _ in range(REMEMBERED):
        first, state = optimizer.to(gradients, state)
    if norm(first) == 0:
        return 0
    back = jax.tree.map(np.negative, jax.device_get(gradients))
    for step in range(1, WAITED):
        updates, state = optimizer.to(back, state)
        if cosine(updates, first) < 0:
            return step
    return WAITED


def momentum(optimizer: Answers, gradients: PyTree) -> tuple[float, float] | None:
    """First answer to a gradient, as a learning rate, and how much of it is left in the next one without a gradient;
    below 0, if that goes back.

    None: the optimiser is not linear in the gradient, or its answers do not shrink by one and the same factor.
    """
    if decays(optimizer):
        return None
    double, _ = optimizer.to(jax.tree.map(lambda g: 2 * g, gradients))
    said, given, state = [], gradients, optimizer.state
    for _ in range(ANSWERS):
        updates, state = optimizer.to(given, state)
        said.append(updates)
        given = _still(gradients)
    answers = [norm(one) for one in said]
    if not answers[0] > 0 or abs(norm(double) / (2 * answers[0]) - 1) > ROUNDING:
        return None
    left = [b / a if a > 0 else 0.0 for a, b in pairwise(answers)]
    sign = -1 if cosine(said[0], said[1]) < 0 else 1
    return (answers[0] / norm(gradients), sign * left[0]) if np.ptp(left) < ROUNDING else None

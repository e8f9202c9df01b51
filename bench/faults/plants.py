"""How faults are put into a recipe: functions from a recipe, or a subject, to a changed one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from cases import Plant

from burnish.doctor.subject import Rows, Subject
from recipe import Recipe


def settings(**changes: Any) -> Plant:
    """Other fields."""
    return lambda recipe: replace(recipe, **changes)


def rate(factor: float) -> Plant:
    """Learning rate times a factor."""
    return lambda recipe: replace(recipe, rate=recipe.rate * factor)


def both(*plants: Plant) -> Plant:
    """One after the other."""

    def plant(recipe: Recipe) -> Recipe:
        for one in plants:
            recipe = one(recipe)
        return recipe

    return plant


def subject(change: Callable[[Subject], Subject]) -> Plant:
    """A change of the subject itself."""
    return lambda recipe: replace(recipe, after=(*recipe.after, change))


def normal(deviation: float) -> Plant:
    """Initial weights with this standard deviation, whatever the fan-in."""
    return settings(init=lambda key, fan_in, units: jax.random.normal(key, (fan_in, units)) * deviation)


def he_times(factor: float) -> Plant:
    """He's initial weights times a factor."""
    return lambda recipe: replace(recipe, init=lambda key, a, b, drawn=recipe.init: factor * drawn(key, a, b))


def constant(value: float) -> Plant:
    """All initial weights the same."""
    return settings(init=lambda key, fan_in, units: jnp.full((fan_in, units), value))


def scaled_inputs(factor: float) -> Plant:
    """Inputs times a factor, train and dev alike."""
    return lambda r: replace(r, train=Rows(r.train.x * factor, r.train.y), dev=Rows(r.dev.x * factor, r.dev.y))


def scaled_inputs_unlike(largest: float) -> Plant:
    """Each input times its own factor, from 1 to the largest."""

    def plant(recipe: Recipe) -> Recipe:
        factors = np.geomspace(1, largest, recipe.train.x.shape[1]).astype(np.float32)
        return replace(
            recipe,
            train=Rows(recipe.train.x * factors, recipe.train.y),
            dev=Rows(recipe.dev.x * factors, recipe.dev.y),
        )

    return plant


def scaled_targets(factor: float, shift: float = 0.0) -> Plant:
    """Targets times a factor, plus a number."""

    def rows(given: Rows) -> Rows:
        return Rows(given.x, (factor * given.y + shift).astype(np.float32))

    return lambda recipe: replace(recipe, train=rows(recipe.train), dev=rows(recipe.dev))


def few_rows(count: int) -> Plant:
    """So many training rows only."""
    return lambda recipe: replace(recipe, train=recipe.train.take(slice(0, count)))


def full_batch(epochs: int) -> Plant:
    """One update an epoch."""
    return lambda recipe: replace(recipe, batch_size=len(recipe.train), epochs=epochs)


def in_order(recipe: Recipe) -> Recipe:
    """Rows sorted by class, and never shuffled."""
    order = np.argsort(recipe.train.y, kind="stable")
    return replace(recipe, train=recipe.train.take(order), shuffle=False)


def label_noise(share: float, *, pair: tuple[int, int] | None = None) -> Plant:
    """Wrong classes for a share of the rows, of train and dev; harm is judged on right ones.

    Args:
        share: Of the rows, or of those of the first class of the pair.
        pair: Rows of the first class said to be of the second. None: any other class.
    """

    def flipped(rows: Rows, rng: np.random.Generator) -> Rows:
        classes = int(rows.y.max()) + 1
        chosen = rng.random(len(rows)) < share
        wrong = (rows.y + rng.integers(1, classes, len(rows))) % classes
        if pair is not None:
            chosen, wrong = chosen & (rows.y == pair[0]), np.full(len(rows), pair[1])
        return Rows(rows.x, np.where(chosen, wrong, rows.y).astype(np.int32))

    def plant(recipe: Recipe) -> Recipe:
        rng = np.random.default_rng([17, recipe.seed])
        return replace(recipe, train=flipped(recipe.train, rng), dev=flipped(recipe.dev, rng), honest=recipe.judged)

    return plant


def copied_dev(share: float) -> Plant:
    """So large a share of the dev rows are copies of training rows; the true error is that of the others."""

    def plant(recipe: Recipe) -> Recipe:
        rng = np.random.default_rng([45, recipe.seed])
        count = round(share * len(recipe.dev))
        copies = recipe.train.take(rng.permutation(len(recipe.train))[:count])
        kept = recipe.dev.take(slice(count, None))
        dev = Rows(np.concatenate([kept.x, copies.x]), np.concatenate([kept.y, copies.y]))
        return replace(recipe, dev=dev, honest=kept)

    return plant


def shifted_dev(deviations: float) -> Plant:
    """Dev inputs moved along one direction, by so many of its standard deviations."""

    def plant(recipe: Recipe) -> Recipe:
        direction = np.random.default_rng([43, recipe.seed]).normal(size=recipe.dev.x.shape[1])
        direction /= np.linalg.norm(direction)
        size = deviations * float((recipe.train.x @ direction).std())
        return replace(recipe, dev=Rows((recipe.dev.x + size * direction).astype(np.float32), recipe.dev.y))

    return plant


def other_preprocessing(recipe: Recipe) -> Recipe:
    """Dev inputs in another unit, and from another zero."""
    return replace(recipe, dev=Rows(2 * recipe.dev.x + 1.5, recipe.dev.y))


def shuffled_targets(recipe: Recipe) -> Recipe:
    """Training targets that belong to other rows."""
    order = np.random.default_rng([18, recipe.seed]).permutation(len(recipe.train))
    return replace(recipe, train=Rows(recipe.train.x, recipe.train.y[order]))


def holes(share: float) -> Plant:
    """NaN in one input of a share of the training rows."""

    def plant(recipe: Recipe) -> Recipe:
        x = recipe.train.x.copy()
        rng = np.random.default_rng([39, recipe.seed])
        x[rng.permutation(len(x))[: max(1, round(share * len(x)))], 0] = np.nan
        return replace(recipe, train=Rows(x, recipe.train.y))

    return plant


def leaked_target(recipe: Recipe) -> Recipe:
    """One more input that is the target, with a little noise; at use it is not known, and then is 0."""

    def more(rows: Rows, rng: np.random.Generator, known: bool) -> Rows:
        column = (rows.y + 0.1 * rng.normal(size=len(rows))) * known
        return Rows(np.concatenate([rows.x, column[:, None]], axis=1).astype(np.float32), rows.y)

    rng = np.random.default_rng([10, recipe.seed])
    return replace(
        recipe,
        train=more(recipe.train, rng, True),
        dev=more(recipe.dev, rng, True),
        honest=more(recipe.judged, rng, False),
        sizes=(recipe.sizes[0] + 1, *recipe.sizes[1:]),
    )


def own_gradient(change: Callable[[Any], Any]) -> Plant:
    """Training goes by the gradient as it comes out of a function."""

    def changed(given: Subject) -> Subject:
        def gradient(params: Any, x: Any, y: Any, key: Any) -> Any:
            return change(jax.grad(lambda p: given.objective(p, x, y, key))(params))

        return replace(given, gradient=gradient)

    return subject(changed)


def uphill(gradients: Any) -> Any:
    """The sign forgotten."""
    return jax.tree.map(jnp.negative, gradients)


def frozen(place: int) -> Plant:
    """The optimiser leaves one layer alone."""

    def changed(given: Subject) -> Subject:
        def labels(params: Any) -> Any:
            return [jax.tree.map(lambda _, p=p: "stays" if p == place else "moves", layer)
                    for p, layer in enumerate(params)]  # fmt: skip

        parts = {"moves": given.optimizer, "stays": optax.set_to_zero()}
        return replace(given, optimizer=optax.multi_transform(parts, labels))

    return subject(changed)


def bias_layer(factor: float) -> Plant:
    """A layer whose own rule of differentiation gives the bias its gradient times a factor."""

    @jax.custom_vjp
    def add(z: Any, b: Any) -> Any:
        return z + b

    add.defvjp(lambda z, b: (z + b, None), lambda _, g: (g, factor * g.sum(axis=0)))
    return settings(layer=lambda x, w, b: add(x @ w, b))


def weight_layer(factor: float) -> Plant:
    """A layer whose own rule gives the weights their gradient times a factor."""

    @jax.custom_vjp
    def product(x: Any, w: Any) -> Any:
        return x @ w

    product.defvjp(lambda x, w: (x @ w, (x, w)), lambda kept, g: (g @ kept[1].T, factor * kept[0].T @ g))
    return settings(layer=lambda x, w, b: product(x, w) + b)


def log_of_probability(recipe: Recipe) -> Recipe:
    """Cross-entropy by hand, with a logarithm that meets 0."""

    def changed(given: Subject) -> Subject:
        def loss(outputs: Any, y: Any) -> Any:
            shares = jnp.exp(outputs) / jnp.exp(outputs).sum(axis=1, keepdims=True)
            return -jnp.log(jnp.take_along_axis(shares, y[:, None], axis=1)[:, 0])

        return replace(given, loss=loss)

    return subject(changed)(recipe)


def batch_mean(recipe: Recipe) -> Recipe:
    """Outputs less their mean over the batch, in evaluation too."""
    return replace(recipe, outputs=lambda z: z - z.mean(axis=0))


def flips(x: Any, key: Any) -> Any:
    """Square pictures mirrored left to right and top to bottom, each with an even chance."""
    side = math.isqrt(x.shape[1])
    images = x.reshape(-1, side, side)
    for axis in (1, 2):
        chosen = jax.random.bernoulli(jax.random.fold_in(key, axis), 0.5, (len(x), 1, 1))
        images = jnp.where(chosen, jnp.flip(images, axis), images)
    return images.reshape(x.shape)


def augmented(change: Callable[[Any, Any], Any]) -> Plant:
    """`change(x, key)` on each mini-batch."""
    return subject(lambda given: replace(given, augment=change))


def noise(deviation: float) -> Plant:
    """Normal noise on each mini-batch."""
    return augmented(lambda x, key: x + deviation * jax.random.normal(key, x.shape))


def chained(*parts: optax.GradientTransformation) -> Plant:
    """Transformations of the gradient before the optimiser."""
    return subject(lambda given: replace(given, optimizer=optax.chain(*parts, given.optimizer)))


def optimiser(given: optax.GradientTransformation) -> Plant:
    """Another optimiser, of whatever kind."""
    return subject(lambda found: replace(found, optimizer=given))


def biases(value: float) -> Plant:
    """Hidden units that start with this bias."""

    def changed(given: Subject) -> Subject:
        def init(key: Any) -> Any:
            *hidden, last = given.init(key)
            return [*({**layer, "b": layer["b"] + value} for layer in hidden), last]

        return replace(given, init=init)

    return subject(changed)


def same_mask(given: Subject) -> Subject:
    """Dropout whose key is always the same."""
    training = given.apply_training
    assert training is not None, "There is no dropout whose key could be the same."
    return replace(given, apply_training=lambda params, x, key: training(params, x, jax.random.key(0)))


def in_bfloat16(given: Subject) -> Subject:
    """Parameters of three digits: updates below a thousandth of them are none."""
    return replace(given, init=lambda key: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), given.init(key)))


def inputs_ignored(given: Subject) -> Subject:
    """The network sees zeros."""
    return replace(given, apply=lambda params, x: given.apply(params, jnp.zeros_like(x)))


def standardised_inputs(recipe: Recipe) -> Recipe:
    """Inputs with mean 0 and variance 1 on the training rows."""
    mean, spread = recipe.train.x.mean(axis=0), recipe.train.x.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    train, dev = (Rows((rows.x - mean) / spread, rows.y) for rows in (recipe.train, recipe.dev))
    return replace(recipe, train=train, dev=dev)

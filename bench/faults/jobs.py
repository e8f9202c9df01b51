"""The jobs into which faults are planted: trainings of a second or two, on rows that scikit-learn ships or draws.

J4 (MNIST), J6 (hotel rates) and J7 (flights) need data from further packages, and are left out as yet.

A job is a `Recipe`, whose fields are what a fault changes; `Recipe.subject()` is the training that is examined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray
from sklearn import datasets

from burnish.doctor.subject import Rows, Subject

Loss = Literal["softmax", "logistic", "squared"]
Optimizer = Literal["sgd", "adam", "adadelta"]

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "linear": lambda z: z,
}
OPTIMIZERS: dict[str, Callable[[float], optax.GradientTransformation]] = {
    "sgd": optax.sgd,
    "adam": optax.adam,
    "adadelta": optax.adadelta,
}
# Weights of a network that wastes no scale: variance 2/fan-in (He et al., 2015).
HE_GAIN = 2.0


def he(key: Any, fan_in: int, units: int) -> Any:
    """Normal weights of variance 2/fan-in, shape (fan_in, units)."""
    return jax.random.normal(key, (fan_in, units)) * np.sqrt(HE_GAIN / fan_in)


def product(x: Any, w: Any, b: Any) -> Any:
    """What a layer does before its activation."""
    return x @ w + b


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training of a perceptron, in terms that a fault can change."""

    train: Rows
    dev: Rows
    sizes: tuple[int, ...]  # inputs, hidden units, outputs
    loss: Loss
    optimizer: Optimizer
    rate: float
    epochs: int
    batch_size: int = 32
    activation: str = "relu"
    init: Callable[[Any, int, int], Any] = he
    layer: Callable[[Any, Any, Any], Any] = product
    outputs: Callable[[Any], Any] | None = None  # what the network does to its last layer
    dropout: float = 0.0  # share of hidden units
    shuffle: bool = True
    penalty: float = 0.0  # λ of λ·Σw²
    sum_loss: bool = False
    seed: int = 0
    honest: Rows | None = None  # rows that no leak and no noise has touched; None: dev
    after: tuple[Callable[[Subject], Subject], ...] = ()  # changes of the subject itself

    def subject(self) -> Subject:
        """The training as its writer would describe it."""
        found = Subject(
            init=self._init,
            apply=self._apply,
            loss=self._loss,
            optimizer=OPTIMIZERS[self.optimizer](self.rate),
            train=self.train,
            dev=self.dev,
            batch_size=self.batch_size,
            epochs=self.epochs,
            shuffle=self.shuffle,
            apply_training=self._apply_with_dropout if self.dropout else None,
            penalty=self._penalty if self.penalty else None,
            seed=self.seed,
        )
        for change in self.after:
            found = change(found)
        return found

    @property
    def judged(self) -> Rows:
        """Rows on which harm is judged."""
        return self.dev if self.honest is None else self.honest

    def _init(self, key: Any) -> Any:
        pairs = list(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        keys = jax.random.split(key, len(pairs))
        return [{"w": self.init(k, a, b), "b": jnp.zeros(b)} for k, (a, b) in zip(keys, pairs, strict=True)]

    def _apply(self, params: Any, x: Any) -> Any:
        return self._forward(params, x, None)

    def _apply_with_dropout(self, params: Any, x: Any, key: Any) -> Any:
        return self._forward(params, x, key)

    def _forward(self, params: Any, x: Any, key: Any) -> Any:
        for place, layer in enumerate(params[:-1]):
            x = ACTIVATIONS[self.activation](self.layer(x, layer["w"], layer["b"]))
            if key is not None:
                kept = jax.random.bernoulli(jax.random.fold_in(key, place), 1 - self.dropout, x.shape)
                x = jnp.where(kept, x / (1 - self.dropout), 0)
        z = self.layer(x, params[-1]["w"], params[-1]["b"])
        z = z if self.outputs is None else self.outputs(z)
        return z[:, 0] if self.loss == "squared" else z

    def _loss(self, outputs: Any, y: Any) -> Any:
        if self.loss == "softmax":
            found = optax.softmax_cross_entropy_with_integer_labels(outputs, y)
        elif self.loss == "logistic":
            found = optax.sigmoid_binary_cross_entropy(outputs[:, 0], y)
        else:
            found = jnp.square(outputs - y)
        return found.sum() if self.sum_loss else found

    def _penalty(self, params: Any) -> Any:
        return self.penalty * sum(jnp.sum(jnp.square(layer["w"])) for layer in params)


def split(x: NDArray[Any], y: NDArray[Any], train: int, seed: int) -> tuple[Rows, Rows]:
    """So many rows to learn from, drawn by the seed; the others are dev."""
    order = np.random.default_rng(seed).permutation(len(y))
    kind = np.int32 if np.issubdtype(y.dtype, np.integer) else np.float32
    rows = Rows(np.asarray(x, np.float32), y.astype(kind))
    return rows.take(order[:train]), rows.take(order[train:])


def standardised(train: Rows, dev: Rows) -> tuple[Rows, Rows]:
    """Inputs with mean 0 and variance 1 on the training rows."""
    mean, spread = train.x.mean(axis=0), train.x.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    return Rows((train.x - mean) / spread, train.y), Rows((dev.x - mean) / spread, dev.y)


def blobs(seed: int) -> Recipe:
    """J1: three Gaussian clusters in the plane."""
    x, y = datasets.make_blobs(1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    train, dev = standardised(*split(x, y, 700, seed))
    return Recipe(train, dev, (2, 16, 16, 3), "softmax", "sgd", 0.1, 20, seed=seed)


def blobs_100(seed: int) -> Recipe:
    """J1 × 100: the same clusters as they were drawn, times 100."""
    x, y = datasets.make_blobs(1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    train, dev = split(100 * x, y, 700, seed)
    return replace(blobs(seed), train=train, dev=dev)


def circles(seed: int) -> Recipe:
    """J2: one ring within another, which overlap; one logit."""
    x, y = datasets.make_circles(1000, noise=0.1, random_state=1)
    rows = Rows(x.astype(np.float32), y.astype(np.int32))
    train, dev = rows.take(slice(0, 700)), rows.take(slice(700, None))
    return Recipe(train, dev, (2, 32, 32, 1), "logistic", "adam", 0.005, 60, seed=seed)


def digits(seed: int) -> Recipe:
    """J3: handwritten digits of 8 × 8 points, each between 0 and 1."""
    x, y = datasets.load_digits(return_X_y=True)
    train, dev = split(x / 16, y, 1200, seed)
    return Recipe(train, dev, (64, 128, 64, 10), "softmax", "sgd", 0.1, 30, seed=seed)


def cancer(seed: int) -> Recipe:
    """J5: tumours by thirty measurements, standardised."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    train, dev = standardised(*split(x, y, 380, seed))
    return Recipe(train, dev, (30, 32, 16, 2), "softmax", "adam", 1e-3, 20, seed=seed)


def diabetes(seed: int) -> Recipe:
    """J8: a number with much noise that no model can avoid; standardised."""
    x, y = datasets.load_diabetes(return_X_y=True)
    train, dev = standardised(*split(x, y, 300, seed))
    mean, spread = train.y.mean(), train.y.std()
    scaled = (Rows(rows.x, (rows.y - mean) / spread) for rows in (train, dev))
    return Recipe(*scaled, (10, 16, 1), "squared", "adam", 1e-2, 15, seed=seed)


def mixture_rows(rows: int, seed: int, distance: float = 1.3) -> Rows:
    """J9's rows: four Gaussians of unit variance in eight inputs, whose centres have coordinates of this size."""
    rng = np.random.default_rng([9, seed])
    centres = np.random.default_rng(1).normal(size=(4, 8)) * distance
    y = rng.integers(0, 4, rows)
    return Rows((centres[y] + rng.normal(size=(rows, 8))).astype(np.float32), y.astype(np.int32))


def mixture(seed: int) -> Recipe:
    """J9: a mixture whose best possible error is known: the nearest centre is the best answer."""
    train, dev = mixture_rows(800, 2 * seed), mixture_rows(800, 2 * seed + 1)
    return Recipe(train, dev, (8, 32, 32, 4), "softmax", "adam", 3e-3, 10, seed=seed)


def deep_digits(seed: int) -> Recipe:
    """J10: digits through thirty layers."""
    return replace(digits(seed), sizes=(64, *(64,) * 29, 10), optimizer="adam", rate=3e-4, epochs=20)


JOBS: dict[str, Callable[[int], Recipe]] = {
    "J1": blobs,
    "J1x100": blobs_100,
    "J2": circles,
    "J3": digits,
    "J5": cancer,
    "J8": diabetes,
    "J9": mixture,
    "J10": deep_digits,
}

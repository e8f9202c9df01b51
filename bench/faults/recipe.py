"""What a job is: a training in terms that a fault can change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from burnish.doctor.subject import Rows, Subject

Loss = Literal["softmax", "logistic", "squared"]
Optimizer = Literal["sgd", "adam", "adadelta"]

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "gelu": jax.nn.gelu,
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
        """The training as its writer would describe it, with its outputs read as the doctor reads them."""
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
        return found.understood()

    @property
    def judged(self) -> Rows:
        """Rows on which harm is judged."""
        return self.dev if self.honest is None else self.honest

    def pre_activations(self, layer: dict[str, Any], x: Any) -> Any:
        """What one layer makes of its inputs, before its activation."""
        return self.layer(x, layer["w"], layer["b"])

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
            x = ACTIVATIONS[self.activation](self.pre_activations(layer, x))
            if key is not None:
                kept = jax.random.bernoulli(jax.random.fold_in(key, place), 1 - self.dropout, x.shape)
                x = jnp.where(kept, x / (1 - self.dropout), 0)
        z = self.pre_activations(params[-1], x)
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

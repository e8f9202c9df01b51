"""What flows through a compiled program: one number each, so that another value costs no compilation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int32, UInt32

from burnish.data.inputs import InputSpec
from burnish.model import own_network
from burnish.model.architecture import Architecture, Convolution, Perceptron, Task
from burnish.model.image_augmentation import Strengths
from burnish.model.own_model import OwnModel
from burnish.train import augmentation
from burnish.train.configuration import Configuration


class Hyperparameters(NamedTuple):
    """Every field is traced. Rates and coefficients are dimensionless; steps and epochs are counts."""

    seed: UInt32[Array, ""]
    epochs: Int32[Array, ""]
    patience: Int32[Array, ""]  # 0: never stop early

    learning_rate: Float[Array, ""]
    first_decay: Float[Array, ""]  # β₁: decay of the gradient's average
    first_gain: Float[Array, ""]  # what a new gradient adds to it: 1 − β₁, or 1 without momentum
    second_decay: Float[Array, ""]  # β₂: decay of the squared gradient's average
    corrected: Float[Array, ""]  # 1: bias correction of both averages
    adaptive: Float[Array, ""]  # 1: divide by √s + ε
    nesterov: Float[Array, ""]  # 1: look one step ahead
    epsilon: Float[Array, ""]
    l2: Float[Array, ""]  # λ
    weight_decay: Float[Array, ""]
    clip_norm: Float[Array, ""]  # +inf: no clipping

    warmup: Float[Array, ""]  # share of all steps
    cosine: Float[Array, ""]  # 1: half a cosine to 0
    inverse_rate: Float[Array, ""]  # α / (1 + rate · epoch)
    exponential_rate: Float[Array, ""]  # rate^epoch · α
    epoch_power: Float[Array, ""]  # epoch^−power · α
    step_power: Float[Array, ""]  # t^−power · α
    stair_factor: Float[Array, ""]  # factor^⌊epoch / stair_epochs⌋ · α
    stair_epochs: Float[Array, ""]

    dropout: Float[Array, " layer"]
    input_dropout: Float[Array, ""]
    label_smoothing: Float[Array, ""]
    input_noise: Float[Array, ""]
    average_decay: Float[Array, ""]  # of batch norm's running averages
    augmentation: dict[str, Any]  # strengths of the architecture's augmentations, by name


# Batch norm's averages forget with this factor a full mini-batch, an average over about ten; bias correction makes
# the first steps right. 0.9 is the course's and Keras' older default; 0.99 lags on the short runs that tables need.
BATCH_NORM_AVERAGE_DECAY = 0.9

# Share of the stairs over a run: three equal drops, as in the classic step schedules (He et al. 2016).
STAIRS = 3

# Warm-up share of one-cycle (Smith and Topin 2018: the rise takes under half; 30 % in the common implementations).
ONE_CYCLE_WARMUP = 0.3

# optimizer: (momentum kept, first_gain is 1 − β₁, corrected, adaptive, nesterov)
OPTIMIZERS: dict[str, tuple[bool, bool, bool, bool, bool]] = {
    "sgd": (False, False, False, False, False),
    "momentum": (True, True, False, False, False),
    "nesterov": (True, True, False, False, True),
    "rmsprop": (False, False, False, True, False),
    "adam": (True, True, True, True, False),
}


def hyperparameters(configuration: Configuration, seed: int) -> Hyperparameters:
    """The traced half of a configuration."""
    c = configuration
    # Host scalars stand where the compiled program sees arrays.
    f: Any = np.float32
    i: Any = np.int32
    word: Any = np.uint32
    momentum, averaged, corrected, adaptive, nesterov = OPTIMIZERS[c.optimizer]
    beta1 = c.beta1 if momentum else 0.0
    depth = len(c.widths)
    dropout = c.dropout if isinstance(c.dropout, tuple) else (c.dropout,) * depth
    if len(dropout) != depth:
        raise ValueError(f"dropout has {len(dropout)} rates for {depth} hidden layers")
    rates: Any = np.asarray(dropout, np.float32)
    return Hyperparameters(
        seed=word(seed & 0xFFFFFFFF),
        epochs=i(c.epochs),
        patience=i(c.patience),
        learning_rate=f(c.learning_rate),
        first_decay=f(beta1),
        first_gain=f(1.0 - beta1 if averaged else 1.0),
        second_decay=f(c.beta2),
        corrected=f(corrected and c.bias_correction),
        adaptive=f(adaptive),
        nesterov=f(nesterov),
        epsilon=f(c.epsilon),
        l2=f(c.l2),
        weight_decay=f(c.weight_decay),
        clip_norm=f(c.clip_norm if c.clip_norm > 0 else np.inf),
        warmup=f(max(c.warmup, ONE_CYCLE_WARMUP) if c.decay == "one_cycle" else c.warmup),
        cosine=f(c.decay in ("cosine", "one_cycle")),
        inverse_rate=f(c.decay_rate if c.decay == "inverse" else 0.0),
        exponential_rate=f(c.decay_rate if c.decay == "exponential" else 1.0),
        epoch_power=f(0.5 if c.decay == "sqrt_epoch" else 0.0),
        step_power=f(0.5 if c.decay == "sqrt_step" else 0.0),
        stair_factor=f(c.decay_rate if c.decay == "staircase" else 1.0),
        stair_epochs=f(max(1.0, c.epochs / (STAIRS + 1))),
        dropout=rates,
        input_dropout=f(c.input_dropout),
        label_smoothing=f(c.label_smoothing),
        input_noise=f(c.input_noise),
        average_decay=f(BATCH_NORM_AVERAGE_DECAY),
        augmentation=strengths(c),
    )


def strengths(configuration: Configuration) -> dict[str, Any]:
    """How strong each augmentation is, as its function takes it."""
    f: Any = np.float32
    made: dict[str, Callable[[], Any]] = {
        "images": lambda: Strengths(**{name: f(getattr(configuration, name)) for name in Strengths._fields}),
        "mixup": lambda: augmentation.shares(configuration.mixup),
    }
    return {name: made[name]() for name in configuration.augmentations}


def architecture(
    configuration: Configuration, inputs: InputSpec, *, outputs: int, task: Task, own: OwnModel | None = None
) -> Architecture:
    """The static half of a configuration.

    Args:
        configuration: What was chosen.
        inputs: The prepared columns.
        outputs: Classes, or 1.
        task: What is learned.
        own: The model that the configuration names, if it names one.
    """
    c = configuration
    if c.model:
        if own is None:
            raise ValueError(f"the configuration is of the model {c.model}, which was not given")
        return own_network.architecture(
            own, inputs, outputs=outputs, task=task, batch_size=c.batch_size, augmentations=c.augmentations
        )
    if inputs.image is not None:
        return Convolution(
            inputs=inputs,
            outputs=outputs,
            task=task,
            widths=tuple(c.widths),
            activation=c.activation,
            norm=c.norm,
            residual=c.residual,
            batch_size=c.batch_size,
            augmentations=c.augmentations,
        )
    return Perceptron(
        inputs=inputs,
        outputs=outputs,
        task=task,
        widths=tuple(c.widths),
        activation=c.activation,
        norm=c.norm,
        bins=c.bins if inputs.numbers else 0,
        frequencies=c.frequencies if inputs.numbers else 0,
        residual=c.residual,
        batch_size=c.batch_size,
        augmentations=c.augmentations,
    )

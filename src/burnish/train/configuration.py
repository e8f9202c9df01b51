"""What a person or a search can set about one network and its training: plain values, one line each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Activation = Literal["relu", "gelu", "silu", "tanh", "selu", "leaky_relu", "identity"]
Norm = Literal["none", "batch"]
Optimizer = Literal["sgd", "momentum", "nesterov", "rmsprop", "adam"]
Decay = Literal["none", "cosine", "one_cycle", "inverse", "exponential", "sqrt_epoch", "sqrt_step", "staircase"]
Initializer = Literal["he", "lecun", "glorot", "zeros", "small", "large"]


# Smallest mini-batches for batch norm: the fewest rows that can be cut so that none stands alone, however many.
LEAST_WITH_BATCH_NORM = 3

# What only burnish's own network has: a person's own model settles such things itself.
OF_THE_PERCEPTRON = (
    *("widths", "activation", "norm", "bins", "frequencies", "residual"),
    *("dropout", "initializer", "init_scale", "frequency_scale"),
)

# How images of the training part are changed: tables have nothing of it.
OF_IMAGES = ("flip", "crop", "rotation", "shift", "brightness", "contrast", "cutout")


@dataclass(frozen=True, slots=True)
class Configuration:
    """One network and how to train it. The first seven fields shape the compiled program, and so do the last and
    whether rows are mixed or images changed at all; the rest flow through it."""

    widths: tuple[int, ...] = (128, 128)
    activation: Activation = "relu"
    norm: Norm = "none"
    bins: int = 0  # piecewise-linear encoding of each continuous input: how many bins (0: none)
    frequencies: int = 0  # periodic embedding of each continuous input: how many frequencies (0: none)
    residual: bool = False  # skip connections around hidden layers of equal width
    batch_size: int = 128

    optimizer: Optimizer = "adam"
    learning_rate: float = 1e-3
    beta1: float = 0.9  # momentum's β, Adam's β₁
    beta2: float = 0.999  # RMSprop's and Adam's β₂
    epsilon: float = 1e-8
    bias_correction: bool = True  # of Adam's averages, which start at 0
    l2: float = 0.0  # λ: the cost gains (λ/2m) Σ‖W‖², m the number of training rows
    weight_decay: float = 0.0  # decoupled: each step shrinks W by (1 − α·weight_decay)
    dropout: tuple[float, ...] | float = 0.0  # dropout_rate = 1 − keep_prob, one for all hidden layers or one each
    input_dropout: float = 0.0
    label_smoothing: float = 0.0
    input_noise: float = 0.0  # standard deviation of Gaussian noise on continuous inputs, in training only
    flip: float = 0.0  # images in training: probability of a mirror image, left to right
    crop: float = 0.0  # the largest share of the sides that is cut away
    rotation: float = 0.0  # the largest angle in degrees, to either side
    shift: float = 0.0  # the largest way, as a share of the side
    brightness: float = 0.0  # the largest change of all pixels, as a share of the brightest
    contrast: float = 0.0  # the largest change of the distances from the mean, as a share of them
    cutout: float = 0.0  # side of a square that is blanked out, as a share of the shorter side
    mixup: float = 0.0  # α: each training row is mixed with another, in shares drawn from Beta(α, α) (0: not)
    initializer: Initializer = "he"
    init_scale: float = 1.0
    frequency_scale: float = 1.0  # standard deviation of the periodic embedding's initial frequencies
    decay: Decay = "cosine"
    decay_rate: float = 1.0
    warmup: float = 0.0  # share of all steps over which the learning rate rises linearly from 0
    clip_norm: float = 0.0  # the gradient's norm is clipped to this (0: no clipping)
    epochs: int = 100
    patience: int = 0  # epochs without a better dev cost before training stops (0: never)

    model: str = ""  # a person's own model, by its name: then the fields in OF_THE_PERCEPTRON say nothing

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON values; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Configuration:
        """Raises TypeError for an unknown name."""
        tuples = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
        return cls(**{**values, **tuples})

    @property
    def program(self) -> tuple[Any, ...]:
        """What decides which compiled program runs it: trials that agree here share one compilation."""
        shape = (self.widths, self.activation, self.norm, self.bins, self.frequencies, self.residual, self.batch_size)
        return (*shape, self.augmentations, self.model)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """What is done to mini-batches of the training part."""
        images = any(getattr(self, name) > 0 for name in OF_IMAGES)
        return (*(("images",) if images else ()), *(("mixup",) if self.mixup > 0 else ()))

"""The remedies: for each, what it changes, what it costs, and which findings it answers.

To add one: write a change (a function from a configuration to a changed one, or None where it does not apply), and
give it a row in `REMEDIES`. The contract tests run over the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from burnish.recipe import of_images
from burnish.train.configuration import Configuration
from burnish.units import percent

Cause = Literal["bias", "variance", "mismatch", "optimisation"]
Task = Literal["classification", "regression"]
Of = Literal["tables", "images"]
Change = Callable[[Configuration], Configuration | None]

# Limits of what a remedy asks for, so that repeated rounds stay affordable on one machine.
MAX_WIDTH = 1024  # units; a step at width 1024 costs about 60 times one at 128 on a CPU core
MIN_WIDTH = 16  # units
MAX_DEPTH = 6  # hidden layers; plain tabular networks gain nothing measurable beyond (Gorishniy et al., 2021, table 9)
MAX_EPOCHS = 3200
MIN_EPOCHS = 10
MIN_BATCH, MAX_BATCH = 16, 2048  # rows
MIN_RATE, MAX_RATE = 1e-6, 1.0
# Hidden width where there was no hidden layer at all.
FIRST_WIDTH = 128  # units
# Frequencies of the periodic embedding: wide enough for a few bends per column; Gorishniy et al. (2022) tune over 1
# to 128.
FREQUENCIES = 16
# Share of steps over which the learning rate rises.
WARMUP = 0.05
CLIP_NORM = 1.0
# Adam's shorter memory of squared gradients, as in the tuned defaults of RealMLP (Holzmüller et al., 2024).
SHORT_BETA2 = 0.95
# Decoupled decay: over a schedule of mean rate 5e-4 and 1000 steps, 0.1 shrinks idle weights by 5 %, 1.0 by 40 %.
LIGHT_DECAY, STRONG_DECAY = 0.1, 1.0
L2 = 1.0  # λ; the cost gains λ/2m Σ‖W‖²
LIGHT_DROPOUT, STRONG_DROPOUT = 0.1, 0.3
LABEL_SMOOTHING = 0.1  # Szegedy et al., 2016
INPUT_NOISE = 0.1  # standard deviations of the input
MIXUP = 0.2  # α; Zhang et al. (2018) find 0.1 to 0.4 best on large data, and underfitting with larger ones
PATIENCE_SHARE = 0.1  # of all epochs
MIN_PATIENCE = 10  # epochs


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to try. A promise is a prior, used to order the trying only: what is kept, the experiment decides."""

    name: str
    title: str  # "Twice as wide": a heading in the report
    cause: Cause
    change: Change  # None: does not apply to this configuration
    cost: float  # of training with it, relative to without
    promise: float  # share of the removable error that it takes away where it fits, as a guess in 0..1
    answers: tuple[str, ...]  # codes of the findings that call for it
    note: str  # why it may help, in one plain sentence
    task: Task | None = None  # None: any
    of: Of | None = None  # None: rows of any kind
    trains: bool = True  # False: made from networks already trained

    @property
    def phrase(self) -> str:
        """The title within a sentence: "twice as wide", but "GELU activation" and "Adam"."""
        first = self.title.partition(" ")[0]
        named = first == "Adam" or not first[1:].islower()
        return self.title if named else self.title[:1].lower() + self.title[1:]


def _wider(c: Configuration) -> Configuration | None:
    if not c.widths or 2 * max(c.widths) > MAX_WIDTH:
        return None
    return _with_widths(c, tuple(2 * width for width in c.widths))


def _deeper(c: Configuration) -> Configuration | None:
    if c.model or len(c.widths) >= MAX_DEPTH:
        return None
    return _with_widths(c, (*c.widths, c.widths[-1] if c.widths else FIRST_WIDTH))


def _narrower(c: Configuration) -> Configuration | None:
    if not c.widths or min(c.widths) // 2 < MIN_WIDTH:
        return None
    return _with_widths(c, tuple(width // 2 for width in c.widths))


def _shallower(c: Configuration) -> Configuration | None:
    return _with_widths(c, c.widths[:-1]) if len(c.widths) > 1 else None


def _with_widths(c: Configuration, widths: tuple[int, ...]) -> Configuration:
    """Dropout rates given layer by layer follow the layers: a new layer gets the last one's."""
    rates = c.dropout
    if isinstance(rates, tuple):
        rates = (rates + (rates[-1] if rates else 0.0,) * len(widths))[: len(widths)]
    return replace(c, widths=widths, dropout=rates)


def _longer(c: Configuration) -> Configuration | None:
    return replace(c, epochs=2 * c.epochs) if 2 * c.epochs <= MAX_EPOCHS else None


def _shorter(c: Configuration) -> Configuration | None:
    return replace(c, epochs=c.epochs // 2) if c.epochs // 2 >= MIN_EPOCHS else None


def _rate(factor: float) -> Change:
    def change(c: Configuration) -> Configuration | None:
        rate = c.learning_rate * factor
        return replace(c, learning_rate=rate) if MIN_RATE <= rate <= MAX_RATE else None

    return change


def _batch(factor: float) -> Change:
    def change(c: Configuration) -> Configuration | None:
        size = round(c.batch_size * factor)
        return replace(c, batch_size=size) if MIN_BATCH <= size <= MAX_BATCH else None

    return change


def _gelu(c: Configuration) -> Configuration | None:
    return replace(c, activation="gelu") if c.widths and c.activation != "gelu" else None


def _silu(c: Configuration) -> Configuration | None:
    return replace(c, activation="silu") if c.widths and c.activation != "silu" else None


def _batch_norm(c: Configuration) -> Configuration | None:
    return replace(c, norm="batch") if c.widths and c.norm == "none" else None


def _periodic(c: Configuration) -> Configuration | None:
    return replace(c, frequencies=FREQUENCIES) if c.frequencies == 0 and not c.model else None


def _residual(c: Configuration) -> Configuration | None:
    equal_neighbours = any(a == b for a, b in zip(c.widths, c.widths[1:], strict=False))
    return replace(c, residual=True) if len(c.widths) >= 3 and equal_neighbours and not c.residual else None


def _adam(c: Configuration) -> Configuration | None:
    defaults = Configuration()
    rate = defaults.learning_rate  # a rate chosen for another rule means nothing to Adam
    return None if c.optimizer == "adam" else replace(c, optimizer="adam", learning_rate=rate, beta1=defaults.beta1)


def _short_memory(c: Configuration) -> Configuration | None:
    return replace(c, beta2=SHORT_BETA2) if c.optimizer == "adam" and c.beta2 > SHORT_BETA2 else None


def _other_decay(c: Configuration) -> Configuration | None:
    return replace(c, decay="one_cycle" if c.decay == "cosine" else "cosine")


def _warm_up(c: Configuration) -> Configuration | None:
    return replace(c, warmup=WARMUP) if c.warmup == 0 and c.decay != "one_cycle" else None


def _clip(c: Configuration) -> Configuration | None:
    return replace(c, clip_norm=CLIP_NORM) if c.clip_norm == 0 else None


def _weight_decay(strength: float) -> Change:
    def change(c: Configuration) -> Configuration | None:
        return replace(c, weight_decay=strength) if c.weight_decay < strength else None

    return change


def _l2(c: Configuration) -> Configuration | None:
    return replace(c, l2=L2) if c.l2 < L2 else None


def _dropout(rate: float) -> Change:
    def change(c: Configuration) -> Configuration | None:
        return replace(c, dropout=rate) if c.widths and _mean_dropout(c) < rate else None

    return change


def _mean_dropout(c: Configuration) -> float:
    if isinstance(c.dropout, tuple):
        return sum(c.dropout) / len(c.dropout) if c.dropout else 0.0
    return c.dropout


def _early_stopping(c: Configuration) -> Configuration | None:
    patience = max(MIN_PATIENCE, round(PATIENCE_SHARE * c.epochs))
    return replace(c, patience=patience) if c.patience == 0 and patience < c.epochs else None


def _label_smoothing(c: Configuration) -> Configuration | None:
    return replace(c, label_smoothing=LABEL_SMOOTHING) if c.label_smoothing < LABEL_SMOOTHING else None


def _input_noise(c: Configuration) -> Configuration | None:
    return replace(c, input_noise=INPUT_NOISE) if c.input_noise < INPUT_NOISE else None


def _mixup(c: Configuration) -> Configuration | None:
    return replace(c, mixup=MIXUP) if c.mixup < MIXUP and c.batch_size > 1 else None


def _unregularised(c: Configuration) -> Configuration | None:
    plain = replace(c, dropout=0.0, input_dropout=0.0, weight_decay=0.0, l2=0.0)
    bare = replace(plain, label_smoothing=0.0, input_noise=0.0, mixup=0.0)
    bare = of_images.unchanged(bare)
    return None if replace(c, dropout=_mean_dropout(c)) == bare else bare


def _nothing_to_train(c: Configuration) -> None:
    return None


_BIAS = ("BV1", "BV3")
_VARIANCE = ("BV2", "BV3", "BV11")

# Promises and costs are orders of magnitude from published ablations of networks on tables (Gorishniy et al., 2021
# and 2022; Kadra et al., 2021; Holzmüller et al., 2024), not measurements of this program; ties keep the order of
# this table.
REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        "periodic", "Periodic embedding of numbers", "bias", _periodic, 2.0, 0.30, _BIAS,
        "Sines of each number let the network bend sharply where the target does.", of="tables",
    ),
    Remedy(
        "faster", "Learning rate three times as high", "optimisation", _rate(3.0), 1.0, 0.15,
        (*_BIAS, "BV10", "OP2", "OP14"), "Larger steps get further in the same number of epochs.",
    ),
    Remedy(
        "slower", "Learning rate a third as high", "optimisation", _rate(1 / 3), 1.0, 0.10,
        (*_BIAS, "NU4", "NN4", "OP1", "OP14"), "Smaller steps stop the cost from jumping over the minimum.",
    ),
    Remedy(
        "wider", "Twice as wide", "bias", _wider, 3.0, 0.20, _BIAS,
        "More units per layer can represent more.",
    ),
    Remedy(
        "longer", "Twice as many epochs", "bias", _longer, 2.0, 0.20, (*_BIAS, "BV10", "OP2"),
        "The training cost was perhaps still falling at the end.",
    ),
    Remedy(
        "deeper", "One more hidden layer", "bias", _deeper, 1.5, 0.15, _BIAS,
        "More layers can represent features of features.",
    ),
    Remedy(
        "unregularised", "Without regularisation", "bias", _unregularised, 1.0, 0.15, (*_BIAS, "BV7"),
        "Regularisation that is too strong keeps the network from fitting even the training rows.",
    ),
    Remedy(
        "gelu", "GELU activation", "bias", _gelu, 1.2, 0.10, (*_BIAS, "NN5", "NN6"),
        "A smooth activation gives a smooth function and has no units that die.",
    ),
    Remedy(
        "silu", "SiLU activation", "bias", _silu, 1.2, 0.10, (*_BIAS, "NN5", "NN6"),
        "A smooth activation gives a smooth function and has no units that die.",
    ),
    Remedy(
        "batch-norm", "Batch normalisation", "bias", _batch_norm, 1.4, 0.10, (*_BIAS, "BV2", "OP14", "NN3", "NN6"),
        "Normalised layers train faster and at higher rates; the batch's noise also regularises a little.",
    ),
    Remedy(
        "smaller-batch", "Batches half as large", "optimisation", _batch(0.5), 1.6, 0.12, (*_BIAS, "BV10", "OP7"),
        "More steps for each epoch; their noise also regularises a little.",
    ),
    Remedy(
        "larger-batch", "Batches twice as large", "optimisation", _batch(2.0), 0.8, 0.05, ("OP1", "OP6"),
        "Less noise in each step.",
    ),
    Remedy(
        "adam", "Adam", "optimisation", _adam, 1.1, 0.20, (*_BIAS, "BV10", "OP2", "OP8"),
        "Each weight gets steps of its own scale.",
    ),
    Remedy(
        "short-memory", "Adam with β₂ = 0.95", "optimisation", _short_memory, 1.0, 0.05, _BIAS,
        "A shorter memory of squared gradients follows changes in their scale sooner.",
    ),
    Remedy(
        "other-decay", "Another learning-rate schedule", "optimisation", _other_decay, 1.0, 0.08, (*_BIAS, "OP3"),
        "When the steps are large and when small decides where training ends.",
    ),
    Remedy(
        "warm-up", "Warm-up", "optimisation", _warm_up, 1.0, 0.05, ("BV1", "NU4", "OP1", "OP4", "OP14", "BV15"),
        "Small first steps keep the first gradients from spoiling the initial weights.",
    ),
    Remedy(
        "clip", "Gradient clipping", "optimisation", _clip, 1.1, 0.05, ("NU4", "NN4", "OP1"),
        "One odd batch can no longer throw the weights far away.",
    ),
    Remedy(
        "residual", "Skip connections", "bias", _residual, 1.1, 0.10, (*_BIAS, "NN3"),
        "Gradients reach the first layers of a deep network unweakened.", of="tables",
    ),
    Remedy(
        "residual-blocks", "Residual blocks", "bias", of_images.residual_blocks, 3.0, 0.25, (*_BIAS, "NN3"),
        "Two more convolutions in each stage refine what the first one found, and cannot harm it at the start.",
        of="images",
    ),
    Remedy(
        "dropout", f"Dropout {LIGHT_DROPOUT:g}", "variance", _dropout(LIGHT_DROPOUT), 1.1, 0.20, _VARIANCE,
        "Units that may be missing cannot rely on each other's accidents.",
    ),
    Remedy(
        "strong-dropout", f"Dropout {STRONG_DROPOUT:g}", "variance", _dropout(STRONG_DROPOUT), 1.1, 0.18, _VARIANCE,
        "Units that may be missing cannot rely on each other's accidents.",
    ),
    Remedy(
        "weight-decay", f"Weight decay {LIGHT_DECAY:g}", "variance", _weight_decay(LIGHT_DECAY), 1.0, 0.12, _VARIANCE,
        "Small weights make a smoother function.",
    ),
    Remedy(
        "strong-weight-decay", f"Weight decay {STRONG_DECAY:g}", "variance", _weight_decay(STRONG_DECAY), 1.0, 0.15,
        _VARIANCE, "Small weights make a smoother function.",
    ),
    Remedy(
        "l2", f"L2 with λ = {L2:g}", "variance", _l2, 1.0, 0.10, _VARIANCE,
        "Large weights cost something, so that only useful ones become large.",
    ),
    Remedy(
        "input-noise", f"Input noise of {INPUT_NOISE:g} standard deviations", "variance", _input_noise, 1.1, 0.12,
        _VARIANCE, "Neighbouring rows get similar predictions.", of="tables",
    ),
    Remedy(
        "mixup", f"Mixup with α = {MIXUP:g}", "variance", _mixup, 1.1, 0.05, _VARIANCE,
        "Between two training rows the prediction goes evenly from one answer to the other.",
    ),
    Remedy(
        "flip", "Mirror images", "variance", of_images.mirrored, 1.05, 0.15, _VARIANCE,
        "What is seen from the left is seen from the right too, where a mirror does not make another thing of it.",
        of="images",
    ),
    Remedy(
        "shift", f"Images moved by up to {percent(of_images.SHIFT)}", "variance", of_images.moved, 1.05, 0.15,
        _VARIANCE, "Where in the image a thing stands says nothing about what it is.", of="images",
    ),
    Remedy(
        "rotation", f"Images turned by up to {of_images.ROTATION:g}°", "variance", of_images.turned, 1.05, 0.10,
        _VARIANCE, "A thing that stands a little askew is the same thing.", of="images",
    ),
    Remedy(
        "crop", f"Images cropped by up to {percent(of_images.CROP)}", "variance", of_images.cropped, 1.05, 0.10,
        _VARIANCE, "A thing that is nearer, or partly out of sight, is the same thing.", of="images",
    ),
    Remedy(
        "light", f"Brightness and contrast changed by up to {percent(of_images.LIGHT)}", "variance",
        of_images.relit, 1.05, 0.06, _VARIANCE, "The lamp says nothing about the thing.",
        of="images",
    ),
    Remedy(
        "cutout", f"Squares of {percent(of_images.CUTOUT)} of the side blanked out", "variance", of_images.blanked,
        1.05, 0.10, _VARIANCE, "The network has to look at more than one mark of a thing.", of="images",
    ),
    Remedy(
        "label-smoothing", f"Label smoothing {LABEL_SMOOTHING:g}", "variance", _label_smoothing, 1.0, 0.08, _VARIANCE,
        "The network is no longer rewarded for being ever more certain.", task="classification",
    ),
    Remedy(
        "early-stopping", "Early stopping", "variance", _early_stopping, 0.6, 0.05, ("BV2", "BV3", "BV11"),
        "Training ends where the dev cost no longer falls.",
    ),
    Remedy(
        "shorter", "Half as many epochs", "variance", _shorter, 0.5, 0.05, ("BV11",),
        "The learning rate comes to rest before the noise of the training rows is learned.",
    ),
    Remedy(
        "narrower", "Half as wide", "variance", _narrower, 0.5, 0.06, _VARIANCE,
        "Fewer weights can learn less noise by heart.",
    ),
    Remedy(
        "shallower", "One hidden layer less", "variance", _shallower, 0.7, 0.05, _VARIANCE,
        "Fewer weights can learn less noise by heart.",
    ),
    Remedy(
        "ensemble", "The average of the seeds already trained", "variance", _nothing_to_train, 1.0, 0.30, _VARIANCE,
        "What differs from seed to seed is noise, and averages out.", trains=False,
    ),
)  # fmt: skip


def named(name: str) -> Remedy:
    """The remedy of this name.

    Raises:
        KeyError: There is none.
    """
    return _BY_NAME[name]


_BY_NAME = {remedy.name: remedy for remedy in REMEDIES}

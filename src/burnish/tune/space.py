"""What may be tuned, in which order of importance, and where everything else comes from (techniques E1 and E3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from burnish.data import inputs as input_shapes
from burnish.errors import ConfigError
from burnish.train.configuration import OF_THE_PERCEPTRON, Configuration
from burnish.tune.scales import Choice, Log, OneMinusLog, OrZero, Scale, Uniform, window

__all__ = [
    "STRUCTURE",
    "Choice",
    "Log",
    "OneMinusLog",
    "OrZero",
    "Scale",
    "Space",
    "Uniform",
    "default",
    "get",
    "place",
    "window",
]

# What shapes the compiled program; `width` and `depth` stand for `widths`, and `mixup` for whether rows are mixed.
STRUCTURE = ("depth", "width", "batch_size", "activation", "norm", "bins", "frequencies", "residual", "mixup")

# Of these, what is no step from one network to its neighbour: the search puts it to one network by itself.
NO_STEP = ("mixup",)

# What a person's own model settles itself.
OF_OWN_NETWORK = ("depth", "width", *OF_THE_PERCEPTRON)

# What the search leaves as it is where rows are images: programs there are dear, and widths rise from stage to stage.
NOT_OF_IMAGES = ("depth", "width", "norm", "activation", "residual", "mixup", "batch_size", "l2")

# Trainings as long as the centre's, and shorter: classifiers often find their best epoch early.
EPOCH_SHARES = (0.5, 1.0)

# Bins of the piecewise-linear encoding that the search tries.
BINS = (8, 16)

# α of mixup where the search mixes rows: within the 0.1 to 0.4 that Zhang et al. (2018) advise.
MIXUP = 0.2

# Rows of the training part below which full-batch gradient descent is one of the batch sizes (techniques D1).
FULL_BATCH_BELOW = 2_000
BATCH_PADDING = 64  # rows; what the full batch is rounded up to


@dataclass(frozen=True, slots=True)
class Space:
    """Which settings are drawn, most important first, and where everything else comes from.

    With `programs`, depth, width, batch size and so on are not drawn one by one: a draw takes one of the programs
    whole, so that no more of them have to be compiled. Their scales stay, as the coordinates that the importance is
    measured along.
    """

    scales: Mapping[str, Scale]
    centre: Configuration = field(default_factory=Configuration)
    programs: Choice | None = None  # of Configurations

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.scales)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The names whose own scale is drawn from."""
        return self.names if self.programs is None else tuple(name for name in self.scales if name not in STRUCTURE)

    def units(self, configuration: Configuration) -> NDArray[np.float64]:
        """Where a configuration lies in the space; shape (settings,), each in [0, 1]."""
        return np.array([scale.to_unit(get(configuration, name)) for name, scale in self.scales.items()])

    def within(self, programs: Sequence[Configuration]) -> Space:
        """The same space, with these programs and no others, all alike."""
        return replace(self, programs=Choice(tuple(programs)))


def get(configuration: Configuration, name: str) -> Any:
    """One setting by its name in a space. Unequal layers have the mean width, per-layer dropout the mean rate."""
    if name == "depth":
        return len(configuration.widths)
    if name == "width":
        return round(float(np.mean(configuration.widths))) if configuration.widths else 0
    if name == "dropout":
        return float(np.mean(configuration.dropout)) if np.size(configuration.dropout) else 0.0
    return getattr(configuration, name)


def place(configuration: Configuration, values: Mapping[str, Any]) -> Configuration:
    """The configuration with these settings; `depth` and `width` together give `widths`.

    Raises:
        ConfigError: A name that no configuration has.
    """
    rest = {name: value for name, value in values.items() if name not in ("depth", "width")}
    unknown = [name for name in rest if name not in Configuration.__dataclass_fields__]
    if unknown:
        known = ", ".join(Configuration.__dataclass_fields__)
        raise ConfigError(
            f"There is no setting named {unknown[0]!r}.",
            f"A space holds 'depth', 'width', and the fields of a configuration: {known}.",
            "Correct the name.",
        )
    if len(rest) < len(values):
        depth = values.get("depth", get(configuration, "depth"))
        width = values.get("width", get(configuration, "width"))
        # Where neither changes, unequal widths stay as the person gave them.
        if (depth, width) != (get(configuration, "depth"), get(configuration, "width")):
            rest["widths"] = (width,) * depth
    placed = replace(configuration, **rest)
    if isinstance(placed.dropout, tuple) and len(placed.dropout) != len(placed.widths):
        placed = replace(placed, dropout=get(placed, "dropout"))  # rates by layer do not fit another depth
    # Fewer than two hidden layers have nothing to skip around: the flag would only compile the same program twice.
    return replace(placed, residual=placed.residual and len(placed.widths) > 1)


def default(
    task: Literal["classification", "regression"],
    rows: int,
    inputs: input_shapes.InputSpec,
    *,
    centre: Configuration | None = None,
    programs: Sequence[Configuration] = (),
) -> Space:
    """The space that burnish searches, in the order of importance that practice gives (E1): α first.

    Args:
        task: What the network predicts.
        rows: Training rows.
        inputs: The prepared columns.
        centre: Where every setting that is not drawn comes from, the optimiser and the number of epochs among them.
        programs: The only programs to draw from (`sampler.programs` proposes them); none: depth, width and so on are
            free.
    """
    centre = centre or Configuration()
    scales: dict[str, Scale] = {
        "learning_rate": _learning_rates(centre),
        "width": Choice(_widths(rows)),
        "beta1": OneMinusLog(0.85, 0.97),
        "batch_size": Choice(batch_sizes(rows)),
        "depth": Uniform(1, 4, integer=True),
        "decay": Choice(("cosine", "one_cycle", "sqrt_epoch", "none"), (0.7, 0.1, 0.1, 0.1)),
        "epochs": Choice(tuple(sorted({max(1, round(share * centre.epochs)) for share in EPOCH_SHARES}))),
        **_penalties(task, rows, inputs),
        "norm": Choice(("none", "batch")),
        "activation": Choice(("relu", "gelu", "silu", "tanh")),
        "residual": Choice((False, True), (0.8, 0.2)),
        "mixup": Choice((0.0, MIXUP), (0.8, 0.2)),
    }
    if inputs.numbers:
        scales["bins"] = Choice((0, *BINS))
    if inputs.image is not None:
        scales = {name: scale for name, scale in scales.items() if name not in NOT_OF_IMAGES}
        scales["shift"] = Uniform(0.02, 0.15)  # never 0, so that all draws share their program
    if centre.model:
        scales = {name: scale for name, scale in scales.items() if name not in OF_OWN_NETWORK}
    space = Space(scales, centre)
    return space.within(programs) if programs else space


def _learning_rates(centre: Configuration) -> Log:
    # Adam and RMSprop move each weight by about α a step, whatever the gradient; from 0.03 on a unit-variance input
    # is swept away within a few dozen steps. Steps that follow the gradient's size need, and bear, larger rates.
    # Nobody knows how deep a person's own model is: deep ones, transformers above all, want a tenth of a shallow one's.
    if centre.model and centre.optimizer in ("adam", "rmsprop"):
        return Log(1e-4, 1e-2)
    return Log(5e-4, 1e-2) if centre.optimizer in ("adam", "rmsprop") else Log(1e-3, 1.0)


def _widths(rows: int) -> tuple[int, ...]:
    # A coarse grid, since each width is a program of its own; a quadrupling of the rows feeds a doubling of the width.
    return (16, 32, 64, 128, 256) if rows < FULL_BATCH_BELOW else (32, 64, 128, 256, 512)


def batch_sizes(rows: int) -> tuple[int, ...]:
    """D1: full batch is one of the choices for small data; powers of two from 64 to 512 beyond."""
    if rows >= FULL_BATCH_BELOW:
        return (64, 128, 256, 512)
    # The full batch is rounded up, so that folds that differ by a row still are one batch each; the padding has
    # weight 0.
    full = (rows // BATCH_PADDING + 1) * BATCH_PADDING
    return (*(size for size in (16, 32, 64, 128) if 2 * size <= rows), full)


def _penalties(task: str, rows: int, inputs: input_shapes.InputSpec) -> dict[str, Scale]:
    """What holds variance down. Each is exactly zero in a share of the draws: none at all is often best."""
    # On ten tables dropout of 0.2 to 0.4 suited classes and at most 0.25 numbers; decay around 0.1 and no noise on
    # inputs suited both; label smoothing and noise seldom helped, so they are mostly zero.
    penalties: dict[str, Scale] = {
        "dropout": OrZero(Uniform(0.0, 0.5 if task == "classification" else 0.25), 0.15),
        "weight_decay": OrZero(Log(1e-2, 1.0), 0.2),
        # The cost holds λ/2m: drawn so that λ/m, what one row feels, runs from 1e-6 to 1e-2 for any number of rows.
        "l2": OrZero(Log(1e-6 * rows, 1e-2 * rows), 0.8),
    }
    if task == "classification":
        penalties["label_smoothing"] = OrZero(Uniform(0.0, 0.1), 0.85)
    if inputs.numbers:
        penalties["input_noise"] = OrZero(Log(0.01, 0.1), 0.8)  # in standard deviations of the column
    return penalties

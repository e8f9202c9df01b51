"""Where a run starts from when nobody says: a plain network with sound settings, and how long it trains."""

from __future__ import annotations

import math
from dataclasses import replace

from burnish import errors
from burnish.model.own_model import OwnModel
from burnish.train.configuration import OF_IMAGES, OF_THE_PERCEPTRON, Configuration
from burnish.workflow.problem import Problem, Task

# Mini-batches of a training: enough to converge at these learning rates, whatever the number of rows.
STEPS = {"classification": 2000, "regression": 3000}
LEAST_EPOCHS, MOST_EPOCHS = 8, 300

# Epochs without a better dev cost after which a classifier stops, at least: most find their best epoch early.
LEAST_PATIENCE = 10

# Rows up to which a network trains on mini-batches of 32, of 64, of 128; 256 beyond: some 20 steps an epoch at least.
BATCH_ROWS = ((1_000, 32), (4_000, 64), (40_000, 128))
LARGEST_BATCH = 256

# Training rows for each column that the network reads, from which a classifier starts without dropout. Measured on
# eight tables: with up to some 300 rows a column 0.3 was best or nearly so, with 1,270 and 1,330 none was (log-loss
# 0.404 against 0.414, and 0.285 against 0.292).
PLENTY = 1_000
CLASS_DROPOUT, NUMBER_DROPOUT = 0.3, 0.1

# Channels of each stage of a network for images, and the side below which they are not halved again.
CHANNELS, LEAST_SIDE = (32, 64, 128), 2
# Images of a mini-batch: more do not fit into a core's caches (111 ms for 128 images of 28 x 28 at once, 95 ms for four
# times 32), and after three epochs of Fashion-MNIST 32 were ahead of 64 and 128 (91.1, 90.7 and 90.6 % right).
IMAGE_BATCH = 32
SHIFT = 0.08  # of the side: 2 pixels of 28

# Up to so many continuous inputs, so many bins each: the first layer then reads at most about 500 numbers.
BINS = ((24, 16), (64, 8))


def batch_size(rows: int) -> int:
    """The mini-batch size to start from: a power of two, so that small tables of like size share a program."""
    size = next((size for limit, size in BATCH_ROWS if rows <= limit), LARGEST_BATCH)
    return max(2, min(size, 1 << (rows - 1).bit_length()))


def epochs(task: Task, rows: int, batch: int) -> int:
    """How many epochs make about STEPS mini-batches."""
    return int(min(MOST_EPOCHS, max(LEAST_EPOCHS, round(STEPS[task] / math.ceil(rows / batch)))))


def bins(numbers: int) -> int:
    """Bins of the piecewise-linear encoding: the fewer, the more continuous inputs there are."""
    return next((count for limit, count in BINS if numbers <= limit), 0)


def configuration(problem: Problem, given: Configuration | None) -> Configuration:
    """The first network: the person's own, or two hidden layers over binned inputs, under Adam."""
    rows = problem.training_rows
    if problem.own is not None:
        return _of_own_model(problem, problem.own, given)
    if given is not None:
        _refuse_of_images(problem, given)
        return replace(given, batch_size=min(given.batch_size, rows))
    if problem.inputs.image is not None:
        return _of_images(problem, problem.inputs.image)
    batch = batch_size(rows)
    plain = Configuration(
        widths=(128, 128),
        activation="silu",
        bins=bins(problem.inputs.numbers),
        batch_size=batch,
        epochs=epochs(problem.task, rows, batch),
        decay="cosine",
        weight_decay=0.1,
    )
    # Measured on ten tables: numbers want batch norm and little dropout, classes more dropout and no batch norm.
    if problem.task == "regression":
        return replace(plain, norm="batch", learning_rate=3e-3, dropout=NUMBER_DROPOUT)
    plenty = rows >= PLENTY * max(1, problem.inputs.width)
    dropout = 0.0 if plenty else CLASS_DROPOUT
    return replace(plain, learning_rate=2e-3, dropout=dropout, patience=max(LEAST_PATIENCE, plain.epochs // 4))


def _of_images(problem: Problem, image: tuple[int, int, int]) -> Configuration:
    """Up to three stages of 3 x 3 convolutions under batch norm, shifted a little in training.

    Shifts keep what nearly every image shows; mirrors and turns do not (a 6 is no 9), so that they are left to trying.
    """
    rows = problem.training_rows
    stages = max(1, min(len(CHANNELS), (min(image[:2]) // LEAST_SIDE).bit_length()))
    batch = min(IMAGE_BATCH, batch_size(rows))
    count = epochs(problem.task, rows, batch)
    return Configuration(
        widths=CHANNELS[:stages],
        norm="batch",
        batch_size=batch,
        epochs=count,
        decay="one_cycle",
        learning_rate=3e-3,
        weight_decay=0.05,
        shift=SHIFT,
        patience=max(LEAST_PATIENCE, count // 4),
    )


def _refuse_of_images(problem: Problem, given: Configuration) -> None:
    """Raises ConfigError where a person's own configuration changes images and there are none."""
    ours = [name for name in OF_IMAGES if getattr(given, name) > 0]
    if ours and problem.inputs.image is None:
        raise errors.ConfigError(
            f"--start sets {ours[0]}, which rows of a table do not have.",
            "Mirroring, cropping and the like are for images.",
            f"Leave {', '.join(ours)} out of it; mixup and input_noise are for tables.",
        )


def _of_own_model(problem: Problem, own: OwnModel, given: Configuration | None) -> Configuration:
    """Adam at its usual rate and nothing that regularises: what a person would try first on a model of his own.

    Raises:
        ConfigError: The person's own configuration says how burnish's own network is built.
    """
    rows, plain = problem.training_rows, Configuration()
    if given is not None:
        _refuse_of_images(problem, given)
        ours = [name for name in OF_THE_PERCEPTRON if getattr(given, name) != getattr(plain, name)]
        if ours:
            raise errors.ConfigError(
                f"--start sets {ours[0]}, which {own.name} does not have.",
                "Layers, activations, dropout and starting weights are the own model's matter.",
                f"Leave {', '.join(ours)} out of it, or leave --model out.",
            )
        return replace(given, model=own.name, widths=(), batch_size=min(given.batch_size, rows))
    batch = batch_size(rows)
    count = epochs(problem.task, rows, batch)
    patience = max(LEAST_PATIENCE, count // 4) if problem.task == "classification" else 0
    return replace(plain, model=own.name, widths=(), batch_size=batch, epochs=count, patience=patience)

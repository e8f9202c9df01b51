"""What shapes a compiled program: another value here is another program.

There are three kinds of network, and `kinds` has the functions of each.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

from burnish.data.inputs import InputSpec
from burnish.model.own_model import OwnModel

Task = Literal["classification", "regression"]

# Columns of a learned embedding: min(this, half of the vocabulary, rounded up), as in entity embeddings (Guo and
# Berkhahn 2016) but capped, since a table of thousands of rows cannot fill more.
EMBEDDING_COLUMNS = 8


# Arrays of (rows, widest layer) that evaluating a network holds at once beside its encoded inputs.
LAYERS_AT_ONCE = 2

KERNEL_SIZE = 9  # weights of a convolution for each pair of channels: 3 × 3
# Places along a side at which the output layer of a convolutional network looks. With 3 of 28 pixels left, 90.6 % of
# Fashion-MNIST's test images were right after three epochs, with one, the mean of all, 87.6 %; 16 places of 128
# channels and ten classes have a fifth of the weights of the convolutions before them.
MOST_PLACES = 4
AS_DENSE = 2  # products of a dense layer that take as long as one kernel at one pixel


@dataclass(frozen=True, slots=True)
class Perceptron:
    """A multi-layer perceptron with optional batch norm, skip connections and embeddings; hashable."""

    inputs: InputSpec
    outputs: int  # classes, or 1 for regression
    task: Task
    widths: tuple[int, ...]
    activation: str
    norm: str
    bins: int
    frequencies: int
    residual: bool
    batch_size: int
    augmentations: tuple[str, ...] = ()  # of the training part, in each step, by name

    @property
    def embedding_columns(self) -> tuple[int, ...]:
        """Columns of each coded category's learned embedding."""
        return tuple(min(EMBEDDING_COLUMNS, (size + 1) // 2) for size in self.inputs.vocabularies)

    @property
    def fan_in(self) -> int:
        """Width of what the first layer reads: columns, encodings of the continuous ones, embeddings."""
        return max(1, self.inputs.width + self.encoded + sum(self.embedding_columns))

    @property
    def encoded(self) -> int:
        """Columns that encode the continuous inputs: bins, sines and cosines."""
        return (self.bins + 2 * self.frequencies) * self.inputs.numbers

    @property
    def sizes(self) -> tuple[int, ...]:
        """n[0], n[1], …, n[L]."""
        return (self.fan_in, *self.widths, self.outputs)

    @property
    def parameters(self) -> int:
        """How many numbers are learned."""
        sizes = self.sizes
        dense = sum(a * b for a, b in itertools.pairwise(sizes))
        per_unit = 2 if self.norm == "batch" else 1
        offsets = per_unit * sum(self.widths) + self.outputs
        embedded = sum(
            size * columns for size, columns in zip(self.inputs.vocabularies, self.embedding_columns, strict=True)
        )
        return dense + offsets + embedded + self.frequencies * self.inputs.numbers

    @property
    def multiplications(self) -> int:
        """About how many products evaluating one row takes: one for each weight."""
        return self.parameters

    @property
    def row_numbers(self) -> int:
        """About how many numbers evaluating one row holds at once."""
        return self.fan_in + LAYERS_AT_ONCE * max(self.sizes[1:])


@dataclass(frozen=True, slots=True)
class Own:
    """A person's own model (`own_network`); hashable."""

    inputs: InputSpec
    outputs: int
    task: Task
    batch_size: int
    model: OwnModel
    leaves: tuple[tuple[str, tuple[int, ...]], ...]  # name and shape of each array that is learned
    augmentations: tuple[str, ...] = ()

    @property
    def columns(self) -> int:
        """Columns that the model reads: numbers, flags, and one for each level of a coded category; at least 1."""
        return max(1, self.inputs.width + sum(self.inputs.vocabularies))

    @property
    def parameters(self) -> int:
        """How many numbers are learned."""
        return sum(math.prod(shape) for _, shape in self.leaves)

    @property
    def multiplications(self) -> int:
        """About how many products evaluating one row takes, as if each parameter were a weight that meets it once."""
        return self.parameters

    @property
    def row_numbers(self) -> int:
        """About how many numbers evaluating one row holds at once: as if the longest side of an array were a layer."""
        longest = max(max(shape, default=1) for _, shape in self.leaves)
        return self.columns + LAYERS_AT_ONCE * longest


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolutional network for small images (`convolution`); hashable.

    Each stage is a convolution of 3 × 3 pixels and, with `residual`, a block of two more with a way around it. After
    each, images are halved by the largest of 2 × 2 pixels, down to one. The output layer reads every channel at each of
    a few places, so that it knows where things are.
    """

    inputs: InputSpec  # with an image
    outputs: int
    task: Task
    widths: tuple[int, ...]  # channels of each stage
    activation: str
    norm: str
    residual: bool
    batch_size: int
    augmentations: tuple[str, ...] = ()

    @property
    def image(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        assert self.inputs.image is not None
        return self.inputs.image

    @property
    def convolutions(self) -> tuple[tuple[int, int], ...]:
        """Channels in and out of each convolution, in order."""
        block = 2 if self.residual else 0
        pairs = itertools.pairwise((self.image[2], *self.widths))
        return tuple(pair for a, b in pairs for pair in ((a, b), *((b, b),) * block))

    @property
    def places(self) -> tuple[int, int]:
        """Down and across: the pixels that are left after the last stage, or as many means over parts of them."""
        height, width, _ = self.image
        stages = len(self.widths)
        return min(MOST_PLACES, max(1, height >> stages)), min(MOST_PLACES, max(1, width >> stages))

    @property
    def features(self) -> int:
        """Numbers that the output layer reads."""
        return math.prod(self.places) * self.widths[-1]

    @property
    def parameters(self) -> int:
        """How many numbers are learned."""
        per_channel = 2 if self.norm == "batch" else 1
        learned = sum(KERNEL_SIZE * a * b + per_channel * b for a, b in self.convolutions)
        return learned + (self.features + 1) * self.outputs

    @property
    def multiplications(self) -> int:
        """About how many products of a dense layer take as long as evaluating one row.

        Each kernel meets every pixel of its stage. Tiles need 4 of its 9 products, and such large matrices run at
        twice the speed of a dense layer's.
        """
        height, width, _ = self.image
        each = len(self.convolutions) // len(self.widths)
        products = 0
        for index, (a, b) in enumerate(self.convolutions):
            halved = 2 ** (index // each)
            products += AS_DENSE * a * b * -(-height // halved) * -(-width // halved)
        return products

    @property
    def row_numbers(self) -> int:
        """About how many numbers evaluating one row holds at once: the first stage has the most."""
        height, width, channels = self.image
        return height * width * (channels + LAYERS_AT_ONCE * self.widths[0])


Architecture = Perceptron | Own | Convolution

"""Starting weights, drawn on the host: inside the program they would add about a second of compilation to each."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.model.architecture import Perceptron

# σ of the two wrong initialisations that exist to be compared with, as in the common course: weights ×0.01 and ×10.
SMALL, LARGE = 0.01, 10.0

# Starting weights of encoded inputs, as a share of what plain inputs start with. Measured on ten tables: 0.01 and 0.3
# are alike, 1 costs 3 % of the loss.
ENCODED_SCALE = 0.2

Params = dict[str, Any]
Stats = tuple[dict[str, Any], ...]


def variance(name: str, fan_in: int, fan_out: int) -> float:
    """Variance of a starting weight.

    `he` 2/n[l−1] for ReLU (He et al. 2015), `lecun` 1/n[l−1] for tanh (LeCun et al. 1998; course texts call it Xavier),
    `glorot` 2/(n[l−1] + n[l]) (Glorot and Bengio 2010). `zeros`, `small` and `large` are for comparison.
    """
    table = {
        "he": 2.0 / fan_in,
        "lecun": 1.0 / fan_in,
        "glorot": 2.0 / (fan_in + fan_out),
        "zeros": 0.0,
        "small": SMALL**2,
        "large": LARGE**2,
    }
    return table[name]


def parameters(
    architecture: Perceptron,
    seed: int,
    *,
    initializer: str = "he",
    scale: float = 1.0,
    frequency_scale: float = 1.0,
    bins: Params | None = None,
) -> Params:
    """Starting parameters: a function of the architecture and the seed alone.

    Hidden weights follow `initializer`; the last layer is linear and takes half of He's variance. `scale` multiplies
    all hidden weights. `bins` is what `layers.quantile_bins` made of the training rows; without it all bins are empty.
    """
    rng = np.random.Generator(np.random.Philox(seed))

    def normal(shape: tuple[int, ...], deviation: float) -> NDArray[np.float32]:
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(deviation)

    sizes = architecture.sizes
    hidden: list[Params] = []
    for fan_in, fan_out in itertools.pairwise(sizes[:-1]):
        layer = {"w": normal((fan_in, fan_out), scale * math.sqrt(variance(initializer, fan_in, fan_out)))}
        if not hidden and architecture.encoded:
            _quieten(layer["w"], architecture)
        if architecture.norm == "batch":
            layer["gamma"] = np.ones(fan_out, np.float32)
            layer["beta"] = np.zeros(fan_out, np.float32)
        else:
            layer["b"] = np.zeros(fan_out, np.float32)
        hidden.append(layer)
    last = "lecun" if initializer == "he" else initializer
    params: Params = {
        "hidden": tuple(hidden),
        "output": {
            "w": normal(sizes[-2:], math.sqrt(variance(last, *sizes[-2:]))),
            "b": np.zeros(sizes[-1], np.float32),
        },
    }
    if architecture.bins:
        shape = (architecture.inputs.numbers, architecture.bins)
        params["bins"] = bins or {"low": np.zeros(shape, np.float32), "inverse": np.zeros(shape, np.float32)}
    if architecture.frequencies:
        params["frequency"] = normal((architecture.inputs.numbers, architecture.frequencies), frequency_scale)
    if architecture.inputs.vocabularies:
        shapes = zip(architecture.inputs.vocabularies, architecture.embedding_columns, strict=True)
        params["embedding"] = tuple(normal(shape, 1.0 / math.sqrt(shape[1])) for shape in shapes)
    return params


def _quieten(w: NDArray[np.float32], architecture: Perceptron) -> None:
    """Start the first layer, in place, as if the encodings of the continuous inputs were hardly there.

    They repeat what the inputs say already; as loud as the inputs they would drown them, being many times as many.
    """
    begin, end = architecture.inputs.width, architecture.inputs.width + architecture.encoded
    w *= np.float32(math.sqrt(len(w) / (len(w) - architecture.encoded)))
    w[begin:end] *= np.float32(ENCODED_SCALE)


def statistics(architecture: Perceptron) -> Stats:
    """Running averages of batch norm before the first step: nothing seen yet."""
    if architecture.norm != "batch":
        return ()
    return tuple({"mean": np.zeros(n, np.float32), "variance": np.zeros(n, np.float32)} for n in architecture.widths)


def is_weight(path: tuple[Any, ...], leaf: Any = None) -> bool:
    """Whether a leaf is decayed: weights and embeddings are; biases, γ and β, frequencies and bins are not."""
    names = [getattr(entry, "key", None) for entry in path]
    return "w" in names or "embedding" in names

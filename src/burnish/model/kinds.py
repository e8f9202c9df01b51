"""The kinds of network, and what each can do: what trains, keeps and delivers networks asks here and nowhere else.

To add one: a record of what shapes its program (`architecture`), its functions, and a row in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from jaxtyping import Array, Float, Int32

from burnish.model import convolution, initialise, network, own_network
from burnish.model.architecture import Architecture, Convolution, Own, Perceptron
from burnish.model.noise import Noise

Params = Any  # dictionaries and tuples of float32 arrays; a gradient is taken with respect to each leaf


class Training(Protocol):
    """Outputs (logits, or standardised numbers) in training mode, and what this mini-batch adds to the statistics."""

    def __call__(
        self,
        architecture: Any,
        params: Params,
        x: Float[Array, "row d"],
        codes: Int32[Array, "row c"],
        counted: Float[Array, " row"],
        noise: Noise,
    ) -> tuple[Float[Array, "row output"], Any]: ...


class Evaluation(Protocol):
    """Outputs in evaluation mode: exact and repeatable, each row by itself."""

    def __call__(
        self,
        architecture: Any,
        params: Params,
        statistics: Any,
        x: Float[Array, "row d"],
        codes: Int32[Array, "row c"],
    ) -> Float[Array, "row output"]: ...


class Activations(Protocol):
    """What each hidden layer's activation gives in training mode, before dropout; () where nobody knows."""

    def __call__(
        self,
        architecture: Any,
        params: Params,
        x: Float[Array, "row d"],
        codes: Int32[Array, "row c"],
        counted: Float[Array, " row"],
        noise: Noise,
    ) -> tuple[Array, ...]: ...


def _unknown(
    architecture: Any, params: Params, x: Array, codes: Array, counted: Array, noise: Noise
) -> tuple[Array, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """The functions of one kind; all are pure."""

    parameters: Callable[..., Params]  # starting ones, of the architecture, the seed and how to draw them
    like: Callable[[Any], Params]  # parameters of the right names and shapes, whatever is in them
    statistics: Callable[[Any], tuple[dict[str, Any], ...]]  # averages over mini-batches before the first step
    training: Training
    evaluation: Evaluation
    is_weight: Callable[[tuple[Any, ...], Array], bool]  # whether the leaf at a path is decayed
    activations: Activations = _unknown


KINDS: dict[type, Kind] = {
    Perceptron: Kind(
        initialise.parameters,
        lambda architecture: initialise.parameters(architecture, 0),
        initialise.statistics,
        network.apply_training,
        network.apply_evaluation,
        initialise.is_weight,
        network.activations,
    ),
    Convolution: Kind(
        convolution.parameters,
        lambda architecture: convolution.parameters(architecture, 0),
        convolution.statistics,
        convolution.apply_training,
        convolution.apply_evaluation,
        initialise.is_weight,
    ),
    Own: Kind(
        own_network.parameters,
        own_network.like,
        lambda _: (),
        own_network.apply_training,
        own_network.apply_evaluation,
        own_network.is_weight,
    ),
}


def of(architecture: Architecture) -> Kind:
    """The functions of this architecture's kind."""
    return KINDS[type(architecture)]

"""Architectures as JSON, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from burnish import errors
from burnish.data import inputs as input_shapes
from burnish.model import own_network
from burnish.model.architecture import Architecture, Convolution, Own, Perceptron
from burnish.model.own_model import OwnModel

OWN, CONVOLUTION = "own", "convolution"


def to_json(architecture: Architecture) -> dict[str, Any]:
    """A dictionary of JSON values; of an own model without its functions, which are code."""
    if isinstance(architecture, Perceptron):
        return asdict(architecture)
    if isinstance(architecture, Convolution):
        return {"kind": CONVOLUTION, **asdict(architecture)}
    return {
        "kind": OWN,
        "inputs": asdict(architecture.inputs),
        "outputs": architecture.outputs,
        "task": architecture.task,
        "batch_size": architecture.batch_size,
        "leaves": {name: list(shape) for name, shape in architecture.leaves},
    }


def from_json(values: dict[str, Any], own: OwnModel | None) -> Architecture:
    """The architecture that `to_json` described.

    Raises:
        ConfigError: It is of an own model, which is missing or makes other parameters.
    """
    inputs = values["inputs"]
    spec = input_shapes.spec(inputs)
    if values.get("kind") != OWN:
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        fields = {**{name: value for name, value in values.items() if name != "kind"}, **lists, "inputs": spec}
        return Convolution(**fields) if values.get("kind") == CONVOLUTION else Perceptron(**fields)
    if own is None:
        raise errors.ConfigError(
            "The model's functions are missing.",
            "It was trained from a person's own init and apply, and a model folder holds data, no code.",
            "Give them: --model FILE.py:NAME on the command line, model=(init, apply) in Python.",
        )
    made = own_network.architecture(
        own, spec, outputs=values["outputs"], task=values["task"], batch_size=values["batch_size"]
    )
    then = tuple((name, tuple(shape)) for name, shape in values["leaves"].items())
    if made.leaves != then:
        raise errors.ConfigError(
            f"The functions of {own.name} are not those that the model was trained with.",
            f"They make {own_network.described(made.leaves)}; trained were {own_network.described(then)}.",
            "Give them as they were then.",
        )
    return made


def own_of(architecture: Architecture) -> OwnModel | None:
    """The own model behind an architecture, if there is one."""
    return architecture.model if isinstance(architecture, Own) else None

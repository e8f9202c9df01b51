"""A person's own model behind the functions that every kind of network has.

Its parameters may be any tree. The leaves that are float arrays are learned, and are kept here as a flat dictionary by
name, so that they can be stacked, saved and compared; everything else (functions, numbers, integer arrays, structure)
stays as `init` makes it, which is found out once for each process by calling it.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32
from numpy.typing import NDArray

from burnish import errors
from burnish.data.inputs import InputSpec
from burnish.model import noise as noises
from burnish.model import random_bits, rules
from burnish.model.architecture import Own, Task
from burnish.model.noise import Mixed, Noise
from burnish.model.own_model import OwnModel

IMPLEMENTATION = "threefry2x32"  # of random keys, whatever the process around has set

Arrays = dict[str, NDArray[np.float32]]


class Template(NamedTuple):
    """The tree that `init` makes, without the arrays that are learned."""

    structure: Any
    names: tuple[str | None, ...]  # of each leaf in order; None where it is not learned
    constants: tuple[Any, ...]  # of each leaf that is not learned; None where it is
    leaves: tuple[tuple[str, tuple[int, ...]], ...]  # name and shape of each that is learned

    def filled(self, arrays: dict[str, Any]) -> Any:
        """The tree with these arrays."""
        pairs = zip(self.names, self.constants, strict=True)
        return jax.tree.unflatten(self.structure, [c if name is None else arrays[name] for name, c in pairs])


def architecture(
    model: OwnModel,
    inputs: InputSpec,
    *,
    outputs: int,
    task: Task,
    batch_size: int,
    augmentations: tuple[str, ...] = (),
) -> Own:
    """What shapes the program of an own model on such a table; calls `init`."""
    bare = Own(inputs, outputs, task, batch_size, model, ())
    leaves = template(model, bare.columns, outputs).leaves
    return Own(inputs, outputs, task, batch_size, model, leaves, augmentations)


def parameters(architecture: Own, seed: int, **_: Any) -> Arrays:
    """The arrays that `init` makes with this seed's key; how a perceptron would draw them does not matter.

    Raises:
        ConfigError: They are not those that it made before.
    """
    leaves = jax.tree_util.tree_leaves_with_path(
        made(architecture.model, architecture.columns, architecture.outputs, seed)
    )
    names = _names([path for path, _ in leaves])
    pairs = zip(names, leaves, strict=True)
    arrays = {name: np.asarray(leaf, np.float32) for name, (_, leaf) in pairs if is_learned(leaf)}
    found = tuple((name, array.shape) for name, array in arrays.items())
    if found != architecture.leaves:
        raise errors.ConfigError(
            f"init of the model {architecture.model.name} makes other parameters each time.",
            f"With one key it made {described(architecture.leaves)}, with another {described(found)}.",
            "Let names and shapes depend on `inputs` and `outputs` alone.",
        )
    return arrays


def like(architecture: Own) -> Arrays:
    """Zeros of the right names and shapes."""
    return {name: np.zeros(shape, np.float32) for name, shape in architecture.leaves}


def described(leaves: tuple[tuple[str, tuple[int, ...]], ...]) -> str:
    """Names and shapes for an error: the first few."""
    shown = [f"{name} {shape}" for name, shape in leaves[:4]]
    return ", ".join([*shown, "…"] if len(leaves) > len(shown) else shown) or "no float array"


def apply_training(
    architecture: Own,
    params: dict[str, Array],
    x: Float[Array, "row d"],
    codes: Int32[Array, "row c"],
    counted: Float[Array, " row"],
    noise: Noise,
) -> tuple[Float[Array, "row output"], tuple[()]]:
    """Outputs in training mode: with input noise and input dropout, and a key of this step where `apply` takes one."""
    x = noises.noisy(noise, x, architecture.inputs.numbers)
    x = noises.thinned(noise, features(architecture.inputs, x, codes, noise.mixed))
    key = None
    if architecture.model.takes_key:
        key = jax.random.key(random_bits.stream(noise.start, noises.OWN_STREAM), impl=IMPLEMENTATION)
    return call(architecture, params, x, key), ()


def apply_evaluation(
    architecture: Own,
    params: dict[str, Array],
    statistics: tuple[()],
    x: Float[Array, "row d"],
    codes: Int32[Array, "row c"],
) -> Float[Array, "row output"]:
    """Outputs in evaluation mode."""
    return call(architecture, params, features(architecture.inputs, x, codes), None)


def call(architecture: Own, params: dict[str, Array], x: Array, key: Array | None) -> Float[Array, "row output"]:
    """The person's `apply` on its own tree."""
    model = architecture.model
    tree = template(model, architecture.columns, architecture.outputs).filled(params)
    return jnp.asarray(applied(model, tree, x, key), jnp.float32)


def applied(model: OwnModel, tree: Any, x: Array, key: Array | None) -> Any:
    """What `apply` gives, with the key if it takes one."""
    return model.apply(tree, x, key=key) if model.takes_key else model.apply(tree, x)


def features(
    inputs: InputSpec, x: Float[Array, "row d"], codes: Int32[Array, "row c"], mixed: Mixed | None = None
) -> Float[Array, "row columns"]:
    """Continuous inputs, flags, and a 0/1 column for each level of each coded category; shares of two levels where rows
    are mixed."""

    def levels(index: int, size: int) -> Array:
        own = jax.nn.one_hot(codes[:, index], size, dtype=x.dtype)
        if mixed is None:
            return own
        return noises.blended(mixed.share, own, jax.nn.one_hot(mixed.codes[:, index], size, dtype=x.dtype))

    parts = [x, *(levels(index, size) for index, size in enumerate(inputs.vocabularies))]
    joined = jnp.concatenate(parts, axis=1) if len(parts) > 1 else x
    return joined if joined.shape[1] else jnp.zeros((x.shape[0], 1), x.dtype)


def is_weight(path: tuple[Any, ...], leaf: Array) -> bool:
    """Whether a leaf is decayed: matrices and larger arrays are; vectors (biases, scales) and numbers are not."""
    return jnp.ndim(leaf) >= 2


@functools.lru_cache(maxsize=64)
def template(model: OwnModel, columns: int, outputs: int) -> Template:
    """What `init` makes beside the arrays that are learned: once for each process."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(made(model, columns, outputs, 0))
    names = _names([path for path, _ in leaves])
    learned = [is_learned(leaf) for _, leaf in leaves]
    return Template(
        structure,
        tuple(name if use else None for name, use in zip(names, learned, strict=True)),
        tuple(None if use else leaf for (_, leaf), use in zip(leaves, learned, strict=True)),
        tuple(
            (name, tuple(np.shape(leaf))) for name, (_, leaf), use in zip(names, leaves, learned, strict=True) if use
        ),
    )


def is_learned(leaf: Any) -> bool:
    """Whether a leaf is a float array; Python's numbers are settings of a model, not parameters."""
    return isinstance(leaf, jax.Array | np.ndarray | np.generic) and jnp.issubdtype(leaf.dtype, jnp.floating)


@rules.own()
def made(model: OwnModel, columns: int, outputs: int, seed: int) -> Any:
    """The tree that `init` makes under a seed; evaluated also where a program is being traced."""
    with jax.ensure_compile_time_eval():
        return model.init(jax.random.key(seed, impl=IMPLEMENTATION), columns, outputs)


def _names(paths: list[Any]) -> list[str]:
    """Names of leaves by their paths: "layers.0.weight"; numbered where two would share one."""
    names = [jax.tree_util.keystr(path, simple=True, separator=".") or "params" for path in paths]
    return names if len(set(names)) == len(names) else [f"{i}.{name}" for i, name in enumerate(names)]

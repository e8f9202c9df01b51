"""The layers of a network that somebody else wrote, found in the trace of its `apply` function.

A layer is where something that depends on the inputs meets something that depends on parameters alone, in a matrix
product or a convolution. Nothing has to be marked or named: layers are called by the leaf that holds their weights.
Loops inside the network (`lax.scan`) are opaque, and their layers are not found.

The trace is followed as JAX's own interpreters do; taps, which are zeros added to the pre-activations, give the
gradient with respect to them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.extend.core as core
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, PyTree

from burnish.doctor import forms
from burnish.doctor.forms import Form

PRODUCTS = ("dot_general", "conv_general_dilated")
INLINED = ("pjit", "jit", "closed_call", "core_call", "remat2")
# Primitives that squash: the input of each is what saturates.
SQUASHING = ("tanh", "logistic")
# Primitives that carry a rule of differentiation, and where the files are whose rules are JAX's own.
OWN_RULES = ("custom_vjp_call", "custom_jvp_call")
JAX_FILES = str(Path(jax.__file__).parent) + os.sep
# Types with too few digits, or too small a range, to train in throughout.
HALVES = ("float16", "bfloat16")
# What a value goes through and still is the pre-activation of its layer.
TRANSPARENT = ("reshape", "convert_element_type", "squeeze", "expand_dims", "copy", "transpose")


@dataclass(frozen=True, slots=True)
class Layer:
    """One product of inputs and weights."""

    name: str  # the leaf of its weights, as keystr writes it
    leaf: int  # its place among the leaves
    fan_in: int
    units: int  # the last axis of the pre-activations
    convolution: bool
    squashing: bool  # whether its outputs go through tanh or the logistic function
    rectified: bool  # or through max(0, ·)
    follows: bool = False  # whether what it takes in comes from another layer


class Lookup(NamedTuple):
    """Reading parameters at places that the inputs say, which JAX takes on trust: beyond the end it reads the last."""

    leaf: Any  # the table's place among the leaves
    rows: Any  # how many the table has
    largest: Any  # place asked for
    beyond: Any  # of each row of the inputs, whether it asks for one that the table has not


@dataclass(slots=True)
class Seen:
    """What one evaluation of the network showed, one entry a layer."""

    inputs: list[Array]  # what meets the weights
    z: list[Array]  # pre-activations, biases included: (rows, …, units), wherever the network has them
    squashed: list[Array | None]  # what goes into tanh or the logistic function after it, likewise; None: nothing does
    rectified: list[bool]
    layers: list[tuple[int, int, int, bool, bool]]  # leaf, fan-in, units, convolution, after another one
    lookups: list[Lookup] = field(default_factory=list)  # in tables of parameters, by indices made of the inputs
    convolved: list[tuple[Shape, int]] = field(default_factory=list)  # inputs before any layer; axis of channels
    reshaped: list[tuple[Shape, Shape]] = field(default_factory=list)  # what a reshape mixes places of: `forms.moved`


@dataclass(frozen=True, slots=True)
class _Value:
    """A value on the way, with what it was made of."""

    value: Any
    leaves: frozenset[int] = frozenset()  # of the parameters
    data: bool = False  # depends on the inputs
    layer: int | None = None  # comes after this layer, with nothing of its kind between
    bare: bool = False  # is that layer's pre-activation still
    squashed: bool = False  # came out of tanh or the logistic function, scaled and shifted at most
    form: Form | None = None  # after a layer, where its units are; None: last, as far as is known

    @property
    def usual(self) -> Array:
        """(rows, …, units)."""
        return self.value if self.form is None else self.form.usual(self.value)


Replace = Callable[[str, Any], Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """What is done otherwise in somebody else's network."""

    replace: Replace | None = None  # from name and input of a squashing function to what takes its place; None: nothing
    activate: bool = False  # max(0, ·) where a layer follows another with nothing between them
    plain: bool = False  # JAX's own derivatives in the place of the person's own rules
    single: bool = False  # float32 in the place of half precision
    moved: bool = False  # axes moved where a reshape takes them apart
    scaled: tuple[int, float] | None = None  # a layer, and what its inputs are times


UNCHANGED = Edit()


def follow(
    apply: Callable[[PyTree, Array], Array],
    params: PyTree,
    x: Array,
    taps: Sequence[Array] | None = None,
    edit: Edit = UNCHANGED,
) -> tuple[Array, Seen]:
    """The outputs of `apply(params, x)`, and what happened at each layer.

    Args:
        apply: The network.
        params: Its parameters.
        x: Inputs, (rows, …).
        taps: Added to each layer's product, of its shape: their gradient is that of the pre-activation. None: nothing.
        edit: What is done otherwise.
    """
    closed, shape = jax.make_jaxpr(apply, return_shape=True)(params, x)
    leaves = jax.tree.leaves(params)
    arguments = [_Value(leaf, frozenset({i})) for i, leaf in enumerate(leaves)]
    arguments += [_Value(leaf, data=True) for leaf in jax.tree.leaves(x)]
    seen = Seen([], [], [], [], [])
    sizes = [jnp.size(leaf) for leaf in leaves]
    found = _Walk(seen, taps, edit, sizes).run(closed.jaxpr, closed.consts, arguments)
    return jax.tree.unflatten(jax.tree.structure(shape), [one.value for one in found]), seen


def edited(function: Callable[..., Any], edit: Edit) -> Callable[..., Any]:
    """The same function of any arrays, with the edit; which of them are parameters is not known, so no layers are."""

    def found(*arguments: Any) -> Any:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        given = [_Value(leaf) for leaf in jax.tree.leaves(arguments)]
        values = _Walk(Seen([], [], [], [], []), None, edit).run(closed.jaxpr, closed.consts, given)
        return jax.tree.unflatten(jax.tree.structure(shape), [one.value for one in values])

    return found


def primitives(function: Callable[..., Any], *arguments: Any) -> set[str]:
    """Names of all that a function does, and the types that its values have: "custom_vjp_call", "float16"."""
    return _primitives(jax.make_jaxpr(function)(*arguments).jaxpr)


def own_rules(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether a function holds a `custom_vjp` or `custom_jvp` that is not one of JAX's own, such as that of ReLU."""
    return any(_own_rule(equation) for equation in _equations(jax.make_jaxpr(function)(*arguments).jaxpr))


def repeatable(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether two traces of a function are the same to the last bit: it draws no random numbers outside JAX."""
    # Two functions, as JAX would not trace one of them again.
    one, other = (jax.make_jaxpr(lambda *given: function(*given))(*arguments) for _ in range(2))
    constants, others = ([np.asarray(value).tobytes() for value in traced.consts] for traced in (one, other))
    return str(one.jaxpr) == str(other.jaxpr) and constants == others


def layers(apply: Callable[[PyTree, Array], Array], params: PyTree, x: Array) -> tuple[Layer, ...]:
    """The layers of a network, in the order in which they act; nothing is computed."""
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    kept: list[Seen] = []

    def traced(params: PyTree, x: Array) -> Array:
        outputs, seen = follow(apply, params, x)
        kept.append(seen)
        return outputs

    jax.eval_shape(traced, params, x)
    (seen,) = kept
    return tuple(
        Layer(names[leaf], leaf, fan_in, units, convolution, squashed is not None, rectified, follows)
        for (leaf, fan_in, units, convolution, follows), squashed, rectified in zip(
            seen.layers, seen.squashed, seen.rectified, strict=True
        )
    )


def empty_taps(apply: Callable[[PyTree, Array], Array], params: PyTree, x: Array) -> list[Array]:
    """Zeros of the shapes of the layers' products."""
    shapes: list[tuple[int, ...]] = []

    def traced(params: PyTree, x: Array) -> Array:
        outputs, seen = follow(apply, params, x)
        shapes.extend(z.shape for z in seen.z)
        return outputs

    jax.eval_shape(traced, params, x)
    return [jnp.zeros(shape, jnp.float32) for shape in shapes]


class _Walk:
    """Evaluates a jaxpr, and remembers what each value was made of."""

    def __init__(self, seen: Seen, taps: Sequence[Array] | None, edit: Edit, sizes: Sequence[int] = ()) -> None:
        self.seen, self.taps, self.edit, self.sizes = seen, taps, edit, sizes  # those of each leaf of the parameters

    def run(self, jaxpr: Any, constants: Sequence[Any], arguments: Sequence[_Value]) -> list[_Value]:
        known: dict[Any, _Value] = dict(zip(jaxpr.constvars, map(_Value, constants), strict=True))
        known.update(zip(jaxpr.invars, arguments, strict=True))

        def read(variable: Any) -> _Value:
            return _Value(variable.val) if isinstance(variable, core.Literal) else known[variable]

        for equation in jaxpr.eqns:
            inputs = [read(variable) for variable in equation.invars]
            known.update(zip(equation.outvars, self._step(equation, inputs), strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def _step(self, equation: Any, inputs: list[_Value]) -> list[_Value]:
        name = equation.primitive.name
        if name in INLINED:
            inner = equation.params.get("jaxpr") or equation.params["call_jaxpr"]
            closed = hasattr(inner, "consts")  # what is recomputed for the gradient (`jax.checkpoint`) is not
            return self.run(inner.jaxpr if closed else inner, inner.consts if closed else (), inputs)
        if (self.edit.plain and _own_rule(equation)) or (name == "custom_jvp_call" and self.edit.single):
            inner = equation.params["call_jaxpr"]
            return self.run(inner.jaxpr, inner.consts, inputs)
        if name in PRODUCTS and self.edit.activate and (place := _weights(inputs)) is not None:
            inputs = [_activated(one) if one.bare and i != place else one for i, one in enumerate(inputs)]
        if name in PRODUCTS and (place := _weights(inputs)) is not None and self.edit.scaled is not None:
            at, factor = self.edit.scaled
            if len(self.seen.z) == at:
                inputs = [one if i == place else replace(one, value=one.value * factor) for i, one in enumerate(inputs)]
        given, parameters = [one.value for one in inputs], dict(equation.params)
        if self.edit.single:
            given, parameters = [_single(one) for one in given], {k: _single_type(v) for k, v in parameters.items()}
        if name == "gather" and inputs[0].leaves and not inputs[0].data and inputs[1].data:
            self._look_up(equation, inputs)
        data = any(one.data for one in inputs)
        if name == "reshape" and data and (moved := forms.moved(given[0].shape, equation.params["new_sizes"])):
            self.seen.reshaped.append((given[0].shape, equation.params["new_sizes"]))
            given = [moved.made(given[0], equation.params["new_sizes"])] if self.edit.moved else given
        outputs = equation.primitive.bind(*given, **equation.primitive.get_bind_params(parameters))
        outputs = list(outputs) if equation.primitive.multiple_results else [outputs]
        made_of = frozenset().union(*(one.leaves for one in inputs))
        if not data:
            return [_Value(output, made_of) for output in outputs]
        if name in PRODUCTS and (weights := _weights(inputs)) is not None:
            return [self._product(equation, inputs, weights, outputs[0])]
        layer = max((one.layer for one in inputs if one.layer is not None), default=None)
        squashed = False
        if layer is not None:
            outputs = self._after(equation, inputs, layer, outputs)
            squashed = self._still_squashed(name, inputs, layer)
        form = _form(equation, inputs, layer)
        bare = self._still_bare(name, inputs, layer, [_Value(output, form=form) for output in outputs])
        return [_Value(output, made_of, True, layer, bare, squashed, form) for output in outputs]

    def _look_up(self, equation: Any, inputs: list[_Value]) -> None:
        """Where the person says what is read beyond the end (`mode="clip"`, a value to fill in), it is meant so."""
        axes, places = equation.params["dimension_numbers"].start_index_map, inputs[1].value
        if equation.params["mode"] is not lax.GatherScatterMode.PROMISE_IN_BOUNDS or len(axes) != 1 or places.ndim < 2:
            return
        rows = inputs[0].value.shape[axes[0]] - equation.params["slice_sizes"][axes[0]] + 1
        beyond = ((places < 0) | (places >= rows)).reshape(places.shape[0], -1).any(axis=1)
        self.seen.lookups.append(Lookup(min(inputs[0].leaves), rows, places.max(), beyond))

    def _product(self, equation: Any, inputs: list[_Value], weights: int, output: Array) -> _Value:
        place, form = len(self.seen.z), forms.of_product(equation, weights)
        if self.taps is not None:
            output = output + form.own(self.taps[place], output.shape).astype(output.dtype)
        kernel, convolution = inputs[weights].value, equation.primitive.name != "dot_general"
        units = _units(equation, weights, kernel)
        self.seen.inputs.append(inputs[1 - weights].value)
        self.seen.z.append(form.usual(output))
        self.seen.squashed.append(None)
        self.seen.rectified.append(False)
        # Of several leaves, as of a direction and its length, the one with the most numbers holds the weights.
        leaf = max(sorted(inputs[weights].leaves), key=lambda place: self.sizes[place])
        follows = inputs[1 - weights].layer is not None
        if convolution and not follows:
            channels = equation.params["dimension_numbers"].lhs_spec[1]
            self.seen.convolved.append((inputs[1 - weights].value.shape, channels))
        self.seen.layers.append((leaf, max(1, kernel.size // units), units, convolution, follows))
        return _Value(output, frozenset(), True, place, True, form=form)

    def _still_bare(self, name: str, inputs: list[_Value], layer: int | None, outputs: list[_Value]) -> bool:
        """Biases and changes of shape leave the pre-activation what it is; what is told of it then includes them."""
        if layer is None or not any(one.bare for one in inputs):
            return False
        if name == "add" and any(not one.data for one in inputs):
            if (biased := outputs[0].usual).shape == self.seen.z[layer].shape:
                self.seen.z[layer] = biased
            return True
        return name in TRANSPARENT

    def _after(self, equation: Any, inputs: list[_Value], layer: int, outputs: list[Any]) -> list[Any]:
        """What a layer's outputs go through: notes what squashes and what rectifies, and lets it be replaced."""
        name = equation.primitive.name
        if name in SQUASHING:
            given, form = inputs[0].usual, inputs[0].form
            if self.seen.squashed[layer] is None:
                self.seen.squashed[layer] = given
            instead = None if self.edit.replace is None else self.edit.replace(name, given)
            if instead is None:
                return outputs
            return [instead if form is None else form.own(instead, outputs[0].shape)]
        if name == "max" and any(not one.data for one in inputs):
            self.seen.rectified[layer] = True
        if name.startswith("custom_jvp") and "max" in _primitives(equation.params["call_jaxpr"].jaxpr):
            self.seen.rectified[layer] = True
        return outputs

    def _still_squashed(self, name: str, inputs: list[_Value], layer: int) -> bool:
        """SiLU and GELU multiply the squashed value with what was squashed: they do not saturate."""
        if name in SQUASHING:
            return True
        if not any(one.squashed for one in inputs):
            return False
        if name == "mul" and all(one.data for one in inputs):
            self.seen.squashed[layer] = None
            return False
        return name in TRANSPARENT or (name in ("add", "sub", "mul") and any(not one.data for one in inputs))


def _form(equation: Any, inputs: list[_Value], layer: int | None) -> Form | None:
    """Of what an operation gives: that of its input after the layer, where it has one like it."""
    for one, variable in zip(inputs, equation.invars, strict=True):
        if one.form is not None and one.layer == layer and one.data:
            shape = equation.outvars[0].aval.shape
            if equation.primitive.name in TRANSPARENT:
                return one.form.after(equation)
            if variable.aval.shape == shape:
                return one.form
    return None


def _activated(one: _Value) -> _Value:
    return replace(one, value=jnp.maximum(one.value, 0), bare=False)


def _single(value: Any) -> Any:
    return value.astype(jnp.float32) if str(getattr(value, "dtype", "")) in HALVES else value


def _single_type(parameter: Any) -> Any:
    """float32 where a primitive was told to give half precision."""
    return np.dtype(np.float32) if isinstance(parameter, np.dtype) and str(parameter) in HALVES else parameter


def _primitives(jaxpr: Any) -> set[str]:
    """Names of all that a jaxpr does, and of its values' types, inner ones included."""
    found = set()
    for equation in _equations(jaxpr):
        found.add(equation.primitive.name)
        found.update(str(variable.aval.dtype) for variable in equation.outvars if hasattr(variable.aval, "dtype"))
    return found


def _equations(jaxpr: Any) -> Iterator[Any]:
    """All equations of a jaxpr, those of loops, branches and inner functions included."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in equation.params.values():
            for one in inner if isinstance(inner, tuple | list) else (inner,):
                if isinstance(one, core.ClosedJaxpr | core.Jaxpr):
                    yield from _equations(getattr(one, "jaxpr", one))


def _own_rule(equation: Any) -> bool:
    """Whether an equation has a rule of differentiation that somebody wrote outside JAX."""
    if equation.primitive.name not in OWN_RULES:
        return False
    return not str(equation.params["call_jaxpr"].jaxpr.debug_info.func_filename).startswith(JAX_FILES)


def _weights(inputs: Sequence[_Value]) -> int | None:
    """Which operand of a product is made of parameters alone, where the other depends on the inputs."""
    if len(inputs) != 2:
        return None
    for place, (one, other) in enumerate(((inputs[0], inputs[1]), (inputs[1], inputs[0]))):
        if one.leaves and not one.data and other.data:
            return place
    return None


def _units(equation: Any, weights: int, kernel: Array) -> int:
    """How many outputs the kernel makes of its fan-in."""
    if equation.primitive.name != "dot_general":
        return int(kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]])
    contracted, _ = equation.params["dimension_numbers"]
    summed = 1
    for axis in contracted[weights]:
        summed *= kernel.shape[axis]
    return max(1, kernel.size // max(1, summed))

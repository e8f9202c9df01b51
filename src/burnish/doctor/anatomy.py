"""The layers of a network that somebody else wrote, found in the trace of its `apply` function.

A layer is where something that depends on the inputs meets something that depends on parameters alone, in a matrix
product or a convolution. Nothing has to be marked or named: layers are called by the leaf that holds their weights.
A loop over layers whose parameters are stacked (`lax.scan` over them) is followed layer by layer; other loops, such as
those over places of a sequence, are opaque, and their layers are not found.

The trace is followed as JAX's own interpreters do; taps, which are zeros added to the pre-activations, give the
gradient with respect to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, NamedTuple

import jax
import jax.extend.core as core
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, PyTree

from burnish.doctor import equations, forms
from burnish.doctor.forms import Form

PRODUCTS = ("dot_general", "conv_general_dilated")
INLINED = ("pjit", "jit", "closed_call", "core_call", "remat2")
# Primitives that squash: the input of each is what saturates.
SQUASHING = ("tanh", "logistic")
# Equations of a loop over layers, all rounds together, above which it is not followed: compiling them takes a minute.
UNROLLED = 4000
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
    at: int | None = None  # which of the layers whose weights are stacked in this leaf; None: it is alone in it


class Product(NamedTuple):
    """A layer as it is met on the way."""

    leaf: int
    fan_in: int
    units: int
    convolution: bool
    follows: bool
    at: int | None


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
    layers: list[Product]
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
    at: frozenset[tuple[int, int]] = frozenset()  # of leaves that stack layers, which layer's they are

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
    shapes = [jnp.shape(leaf) for leaf in leaves]
    found = _Walk(seen, taps, edit, shapes).run(closed.jaxpr, closed.consts, arguments)
    return jax.tree.unflatten(jax.tree.structure(shape), [one.value for one in found]), seen


def edited(function: Callable[..., Any], edit: Edit) -> Callable[..., Any]:
    """The same function of any arrays, with the edit; which of them are parameters is not known, so no layers are."""

    def found(*arguments: Any) -> Any:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        given = [_Value(leaf) for leaf in jax.tree.leaves(arguments)]
        values = _Walk(Seen([], [], [], [], []), None, edit).run(closed.jaxpr, closed.consts, given)
        return jax.tree.unflatten(jax.tree.structure(shape), [one.value for one in values])

    return found


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
        Layer(
            names[one.leaf] + ("" if one.at is None else f"[{one.at}]"), one.leaf, one.fan_in, one.units,
            one.convolution, squashed is not None, rectified, one.follows, one.at,
        )
        for one, squashed, rectified in zip(seen.layers, seen.squashed, seen.rectified, strict=True)
    )  # fmt: skip


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

    def __init__(self, seen: Seen, taps: Sequence[Array] | None, edit: Edit, shapes: Sequence[Shape] = ()) -> None:
        self.seen, self.taps, self.edit, self.shapes = seen, taps, edit, shapes  # those of the parameters' leaves

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
        if name == "scan" and _over_layers(equation, inputs):
            return self._loop(equation, inputs)
        if (self.edit.plain and equations.own_rule(equation)) or (name == "custom_jvp_call" and self.edit.single):
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
        made = _bare(*inputs)
        if not data:
            return [replace(made, value=output) for output in outputs]
        if name in PRODUCTS and (weights := _weights(inputs)) is not None:
            return [self._product(equation, inputs, weights, outputs[0])]
        layer = max((one.layer for one in inputs if one.layer is not None), default=None)
        squashed = False
        if layer is not None:
            outputs = self._after(equation, inputs, layer, outputs)
            squashed = self._still_squashed(name, inputs, layer)
        form = _form(equation, inputs, layer)
        bare = self._still_bare(name, inputs, layer, [_Value(output, form=form) for output in outputs])
        return [_Value(output, made.leaves, True, layer, bare, squashed, form) for output in outputs]

    def _loop(self, equation: Any, inputs: list[_Value]) -> list[_Value]:
        """Round by round."""
        body, fixed, carried = (equation.params[name] for name in ("jaxpr", "num_consts", "num_carry"))
        constants, carry, over = inputs[:fixed], inputs[fixed : fixed + carried], inputs[fixed + carried :]
        rounds: dict[int, list[_Value]] = {}
        places = range(equation.params["length"])
        for place in reversed(places) if equation.params["reverse"] else places:
            own = [
                replace(_bare(one), value=one.value[place], at=self._stacked(one, place, len(places))) for one in over
            ]
            found = self.run(body.jaxpr, body.consts, [*constants, *carry, *own])
            carry, rounds[place] = found[:carried], found[carried:]
        made = zip(*(rounds[place] for place in places), strict=True)
        return [*carry, *(replace(_bare(*ones), value=jnp.stack([one.value for one in ones])) for ones in made)]

    def _stacked(self, one: _Value, place: int, length: int) -> frozenset[tuple[int, int]]:
        """Of a part of parameters: of which leaves it is the part at this place."""
        return frozenset((leaf, place) for leaf in one.leaves if not one.data and self.shapes[leaf][:1] == (length,))

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
        units = forms.units(equation, weights, kernel)
        self.seen.inputs.append(inputs[1 - weights].value)
        self.seen.z.append(form.usual(output))
        self.seen.squashed.append(None)
        self.seen.rectified.append(False)
        # Of several leaves, as of a direction and its length, the one with the most numbers holds the weights.
        leaf = max(sorted(inputs[weights].leaves), key=lambda leaf: prod(self.shapes[leaf]))
        follows = inputs[1 - weights].layer is not None
        if convolution and not follows:
            channels = equation.params["dimension_numbers"].lhs_spec[1]
            self.seen.convolved.append((inputs[1 - weights].value.shape, channels))
        at = dict(inputs[weights].at).get(leaf)
        self.seen.layers.append(Product(leaf, max(1, kernel.size // units), units, convolution, follows, at))
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
        if name.startswith("custom_jvp") and "max" in equations.names(equation.params["call_jaxpr"].jaxpr):
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


def _bare(*ones: _Value) -> _Value:
    """What is made of these, without a value of its own."""
    leaves, at = (frozenset().union(*(getattr(one, name) for one in ones)) for name in ("leaves", "at"))
    return _Value(None, leaves, any(one.data for one in ones), at=at)


def _over_layers(equation: Any, inputs: Sequence[_Value]) -> bool:
    """Whether a loop is one over layers: over stacked parameters, which meet the inputs in a product."""
    body, rounds = equation.params["jaxpr"].jaxpr, equation.params["length"]
    over = inputs[equation.params["num_consts"] + equation.params["num_carry"] :]
    return (
        any(one.leaves and not one.data for one in over)
        and any(one.data for one in inputs)
        and bool(equations.names(body) & set(PRODUCTS))
        and 0 < rounds * sum(1 for _ in equations.each(body)) <= UNROLLED
    )


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
    return value.astype(jnp.float32) if str(getattr(value, "dtype", "")) in equations.HALVES else value


def _single_type(parameter: Any) -> Any:
    """float32 where a primitive was told to give half precision."""
    return np.dtype(np.float32) if isinstance(parameter, np.dtype) and str(parameter) in equations.HALVES else parameter


def _weights(inputs: Sequence[_Value]) -> int | None:
    """Which operand of a product is made of parameters alone, where the other depends on the inputs."""
    if len(inputs) != 2:
        return None
    for place, (one, other) in enumerate(((inputs[0], inputs[1]), (inputs[1], inputs[0]))):
        if one.leaves and not one.data and other.data:
            return place
    return None

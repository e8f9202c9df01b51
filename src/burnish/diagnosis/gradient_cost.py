"""A person's cost as a function of flat leaves in float64, with its gradient; the session's precision is left alone."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.diagnosis import gradient_precision

Floats = NDArray[np.float64]
Leaves = list[Floats]

# Name of a tree that is nothing but one leaf, whose path is empty.
ONLY_LEAF = "params"
# Two evaluations of one cost may differ by the order of a parallel sum (on a GPU): this many roundings of its dtype.
ROUNDINGS = 100.0


@dataclass(slots=True)
class Cost:
    """A cost of leaves, all float64 arrays; what it is computed in is `double`'s matter. Counts its evaluations."""

    names: tuple[str, ...]
    start: Leaves
    double: bool  # evaluated in float64; False: the function takes nothing but its own dtypes
    dtypes: tuple[Any, ...]  # what the leaves are rounded to before each evaluation
    coarsest: str  # dtype of the coarsest numbers that the function computes from them; float64 where it is not known
    epsilon: float  # their unit in the last place at 1
    call: Callable[[list[Any]], Any]  # compiled where that is possible
    differentiate: Callable[[list[Any]], list[Any]]
    skipped: tuple[str, ...] = ()  # names of leaves that are left alone
    evaluations: int = 0

    def rounded(self, index: int, leaf: Floats) -> Floats:
        """The leaf as the function will see it."""
        return leaf if self.double else leaf.astype(self.dtypes[index]).astype(np.float64)

    def value(self, leaves: Sequence[Any]) -> float:
        """The cost; NaN where the function refuses these parameters, which is as good as no number."""
        self.evaluations += 1
        try:
            with _precision(self.double):
                return float(self.call([_array(leaf, t) for leaf, t in zip(leaves, self.dtypes, strict=True)]))
        except Exception:  # noqa: BLE001 - anybody's function may raise anything beyond the parameters it was given for
            return math.nan

    def on_device(self, leaves: Leaves) -> list[Any]:
        """The leaves as arrays that need not be copied at each evaluation."""
        with _precision(self.double):
            return [jax.numpy.asarray(leaf, t) for leaf, t in zip(leaves, self.dtypes, strict=True)]

    def gradient(self, leaves: Leaves) -> Leaves:
        """The analytic gradient, leaf by leaf.

        Raises:
            ConfigError: There is none, or it does not have the parameters' shapes.
        """
        with _precision(self.double):
            try:
                found = self.differentiate(
                    [jax.numpy.asarray(leaf, t) for leaf, t in zip(leaves, self.dtypes, strict=True)]
                )
            except errors.ConfigError:
                raise
            except Exception as error:
                raise errors.ConfigError(
                    "No gradient of this function can be taken.",
                    f"{type(error).__name__}: {_first_line(error)}",
                    "Write it with jax.numpy, or give a function that returns the gradient: gradient=… (--gradient).",
                ) from error
            return [np.asarray(leaf, np.float64) for leaf in found]


def prepare(
    fun: Callable[..., Any],
    params: Any,
    args: tuple[Any, ...],
    *,
    gradient: Callable[..., Any] | None = None,
    skip: Sequence[str] = (),
) -> Cost:
    """The cost `fun(params, *args)` as a function of the leaves of `params` that are not skipped.

    Floating-point arrays among the arguments become float64 too: an operation that wants operands of one dtype would
    refuse the parameters otherwise.

    Raises:
        ConfigError: A leaf cannot be differentiated, or the result is no finite real scalar, or another at each call.
    """
    paths, tree = jax.tree_util.tree_flatten_with_path(params)
    names = [jax.tree_util.keystr(path) or ONLY_LEAF for path, _ in paths]
    values = [leaf for _, leaf in paths]
    chosen = _chosen(names, values, skip)
    arguments, put_arguments = _split(args)

    def bound(function: Callable[..., Any]) -> Callable[[list[Any], list[Any]], Any]:
        def of(leaves: list[Any], arrays: list[Any]) -> Any:
            whole = list(values)
            for place, leaf in zip(chosen, leaves, strict=True):
                whole[place] = leaf
            return function(jax.tree_util.tree_unflatten(tree, whole), *put_arguments(arrays))

        return of

    double, leaves, arrays = _tried(bound(fun), [values[i] for i in chosen], arguments)

    def differentiate(at: list[Any]) -> list[Any]:
        if gradient is None:
            return jax.grad(bound(fun))(at, arrays)
        return _own_gradient(bound(gradient)(at, arrays), tree, names, chosen, [np.shape(leaf) for leaf in at])

    call, coarsest = _compiled(bound(fun), leaves, arrays, double)
    return Cost(
        names=tuple(names[i] for i in chosen),
        start=[np.asarray(leaf, np.float64) for leaf in leaves],
        double=double,
        dtypes=tuple(leaf.dtype for leaf in leaves),
        coarsest=coarsest,
        epsilon=float(jax.numpy.finfo(coarsest).eps),
        call=call,
        differentiate=differentiate,
        skipped=tuple(name for i, name in enumerate(names) if i not in chosen),
    )


def _precision(double: bool) -> Any:
    """JAX's float64 for this thread and block alone."""
    return jax.enable_x64(True) if double else contextlib.nullcontext()


def _array(leaf: Any, dtype: Any) -> Any:
    return leaf if isinstance(leaf, jax.Array) else jax.numpy.asarray(leaf, dtype)


def _chosen(names: list[str], values: list[Any], skip: Sequence[str]) -> list[int]:
    """Places of the leaves to check."""
    for prefix in skip:
        if not any(name.startswith(prefix) for name in names):
            shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
            raise errors.ConfigError(
                f"No leaf of the parameters begins with {prefix!r}, which was to be skipped.",
                f"Their names are {shown or 'none: the tree is empty'}.",
                "Write the beginning of a leaf's name as it stands here.",
            )
    chosen = [i for i, name in enumerate(names) if not name.startswith(tuple(skip))]
    for i in chosen:
        kind = _kind(values[i])
        if kind != "float":
            raise errors.ConfigError(
                f"The leaf {names[i]} of the parameters is {kind}.",
                "A gradient exists for real floating-point numbers only.",
                f"Move it to the arguments, make it floating-point, or skip it: skip=[{names[i]!r}] (--skip).",
            )
    if not any(np.size(values[i]) for i in chosen):
        raise errors.ConfigError(
            "The parameters have no floating-point leaf to check.",
            f"There {'is 1 leaf' if len(names) == 1 else f'are {len(names)} leaves'} in the tree, "
            f"{len(names) - len(chosen)} of them skipped, and no number in the others.",
            "Give a tree (dict, list, tuple, …) of arrays as the first argument.",
        )
    return [i for i in chosen if np.size(values[i])]


def _kind(value: Any) -> str:
    """ "float", or what else a leaf is, in words."""
    if isinstance(value, bool | int) or not (isinstance(value, float | complex) or hasattr(value, "dtype")):
        return f"no array but {type(value).__name__}" if not isinstance(value, int) else "an integer"
    dtype = getattr(value, "dtype", np.dtype(type(value)))
    if jax.numpy.issubdtype(dtype, jax.numpy.floating):
        return "float"
    if jax.numpy.issubdtype(dtype, jax.numpy.complexfloating):
        return f"complex ({dtype})"
    return f"of integers ({dtype})" if jax.numpy.issubdtype(dtype, jax.numpy.integer) else f"of dtype {dtype}"


def _is_array(value: Any) -> bool:
    return isinstance(value, jax.Array | np.ndarray)


def _split(args: tuple[Any, ...]) -> tuple[list[Any], Callable[[list[Any]], tuple[Any, ...]]]:
    """The arrays of the arguments, and a function that puts others in their places.

    Only arrays are handed to the compiled program; a Python number may be a size or an axis and stays what it is.
    """
    leaves, tree = jax.tree_util.tree_flatten(args)
    places = [i for i, leaf in enumerate(leaves) if _is_array(leaf)]

    def put(arrays: list[Any]) -> tuple[Any, ...]:
        whole = list(leaves)
        for place, array in zip(places, arrays, strict=True):
            whole[place] = array
        return jax.tree_util.tree_unflatten(tree, whole)

    return [leaves[i] for i in places], put


def _tried(cost: Callable[..., Any], leaves: list[Any], arrays: list[Any]) -> tuple[bool, list[Any], list[Any]]:
    """Evaluate as it is, in float64 or, where the function refuses that, in its own dtypes."""

    def wide(value: Any) -> Any:
        floating = jax.numpy.issubdtype(value.dtype, jax.numpy.floating) if hasattr(value, "dtype") else True
        return jax.numpy.asarray(np.asarray(value, np.float64)) if floating else value

    with _precision(True):
        doubles = [wide(leaf) for leaf in leaves], [wide(array) for array in arrays]
        try:
            _usable(cost, *doubles)
            return True, *doubles
        except errors.ConfigError:
            raise
        except Exception as refused:  # noqa: BLE001 - a function for float32 alone may raise anything at float64
            reason = refused
    singles = [jax.numpy.asarray(leaf) for leaf in leaves]
    try:
        _usable(cost, singles, arrays)
    except errors.ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - anybody's function may raise anything; it is told with its words
        raise errors.ConfigError(
            "The function cannot be evaluated at the parameters and arguments that were given.",
            f"{type(error).__name__}: {_first_line(error)}",
            "Call it yourself with them: it has to return the cost.",
        ) from reason
    return False, singles, arrays


def _usable(cost: Callable[..., Any], leaves: list[Any], arrays: list[Any]) -> None:
    """Raises ConfigError unless the function gives one finite real number, and gives it again."""
    values = []
    for _ in range(2):
        result = cost(leaves, arrays)
        if not hasattr(result, "dtype") and not isinstance(result, float):
            raise errors.ConfigError(
                f"The function returns {_article(type(result).__name__)}, and not one number.",
                "A gradient is that of one real number, the cost.",
                "Return the cost alone: lambda *a: fun(*a)[0] does so for a pair of cost and further results.",
            )
        if np.shape(result) != () or not jax.numpy.issubdtype(np.asarray(result).dtype, jax.numpy.floating):
            raise errors.ConfigError(
                f"The function returns an array of shape {np.shape(result)} and dtype {np.asarray(result).dtype}.",
                "A gradient is that of one real number, the cost: shape () and a floating-point dtype.",
                "Return the mean or the sum over the rows.",
            )
        values.append(float(result))
    first, second = values
    if not math.isfinite(first):
        raise errors.ConfigError(
            f"The cost at these parameters is not finite: {first}.",
            "There are no differences to compare the gradient with.",
            "Give parameters and rows at which the cost is a number; jax.debug_nans(True) finds the operation.",
        )
    if abs(first - second) > ROUNDINGS * float(jax.numpy.finfo(np.asarray(result).dtype).eps) * abs(first):
        raise errors.ConfigError(
            f"Two evaluations at the same parameters differ: {first:.9g} and {second:.9g}.",
            "The function draws random numbers, or remembers something, so that no difference means anything.",
            "Fix the key: make it an argument, so that each call drops out or samples the same.",
        )


def _compiled(
    cost: Callable[..., Any], leaves: list[Any], arrays: list[Any], double: bool
) -> tuple[Callable[..., Any], str]:
    """The cost of leaves alone, compiled, and the coarsest dtype inside.

    As it is where it cannot be traced: Python's own `if` on a value, NumPy inside.
    """
    quick = jax.jit(cost)
    with _precision(double):
        try:
            coarsest = gradient_precision.coarsest(cost, leaves, arrays)
            quick(leaves, arrays).block_until_ready()
        except Exception:  # noqa: BLE001 - it has just worked untraced, so whatever is wrong is wrong with tracing
            widest = max((leaf.dtype for leaf in leaves), key=lambda dtype: float(jax.numpy.finfo(dtype).eps))
            return lambda at: cost(at, arrays), str(widest)
    return lambda at: quick(at, arrays), str(coarsest)


def _own_gradient(
    found: Any, tree: Any, names: list[str], chosen: list[int], shapes: list[tuple[int, ...]]
) -> list[Any]:
    """The leaves of a gradient that a person's own function returned."""
    leaves, got = jax.tree_util.tree_flatten(found)
    if got != tree:
        raise errors.ConfigError(
            "The gradient that was given is no tree like the parameters.",
            f"The parameters are {tree}, the gradient is {got}.",
            "Return the derivative of each leaf in the leaf's own place.",
        )
    for place, shape in zip(chosen, shapes, strict=True):
        if np.shape(leaves[place]) != shape:
            raise errors.ConfigError(
                f"The gradient of {names[place]} has another shape than the leaf.",
                f"The leaf has {shape}, its gradient {np.shape(leaves[place])}.",
                "Sum over the axes along which the leaf was broadcast, and mind transposed matrices.",
            )
    return [leaves[i] for i in chosen]


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}" if noun != "NoneType" else "nothing (None)"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "it says no more"

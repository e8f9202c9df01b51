"""What is asked of a person's own model before anything is trained: a forward and a backward pass on made-up rows."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data.inputs import InputSpec
from burnish.load import code
from burnish.model import own_network, rules
from burnish.model.architecture import Own, Task
from burnish.model.own_model import OwnModel

# Rows of the check, and of a smaller batch: two sizes, since the last mini-batch and predictions have sizes of their
# own.
ROWS, FEWER = 8, 3
# How far a row's output may move, as a share of the largest output, when other rows change: float32's rounding in
# sums of some thousand terms is a tenth of it.
TOLERANCE = 1e-4
COLUMNS = 8  # of the rows on which a gradient is checked
CONTRACT = "apply(params, x) gets a mini-batch (rows, inputs) and gives (rows, outputs)."


class Passed(NamedTuple):
    """Outputs for the same rows under different circumstances, and the gradient."""

    evaluation: Any
    others_changed: Any  # the second half of the rows is another
    fewer: Any
    training: Any
    training_others_changed: Any
    gradient: Any


@rules.own()
def check(model: OwnModel, inputs: InputSpec, *, outputs: int, task: Task) -> Own:
    """The architecture of an own model on such a table, once nothing speaks against training it.

    Raises:
        ConfigError: A function fails or cannot be traced, no array is learned, shapes are wrong, numbers are not
            finite, or the output of a row depends on other rows.
    """
    with _told(model, model.init, "init(key, inputs, outputs)"):
        shape = own_network.architecture(model, inputs, outputs=outputs, task=task, batch_size=ROWS)
        tree = own_network.made(model, shape.columns, outputs, 0)
    _check_leaves(model, tree)
    params = own_network.parameters(shape, 0)
    for name, array in params.items():
        _finite(model, array, f"init of {model.name} makes {name}")
    x = np.random.default_rng(0).standard_normal((ROWS, shape.columns)).astype(np.float32)
    with _told(model, model.apply, "apply"):
        passed = jax.device_get(jax.jit(lambda p, rows: _pass(shape, p, rows))(params, x))
    _judge(model, outputs, passed)
    return shape


def cost_of(model: OwnModel) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A cost whose gradient tells whether that of an own model is right, and what to check it at.

    Returns:
        The squared error to made-up numbers on made-up rows of COLUMNS columns, in evaluation mode: a function of the
        arrays that are learned, by name, of rows (rows, columns) and of numbers (rows, 1); and these three.

    Raises:
        ConfigError: `init` fails, or makes nothing that is learned.
    """
    with _told(model, model.init, "init(key, inputs, outputs)"):
        shape = own_network.architecture(model, InputSpec(COLUMNS), outputs=1, task="regression", batch_size=ROWS)
        tree, params = own_network.made(model, COLUMNS, 1, 0), own_network.parameters(shape, 0)
    _check_leaves(model, tree)
    template, rng = own_network.template(model, COLUMNS, 1), np.random.default_rng(0)

    def cost(params: dict[str, Any], x: Any, y: Any) -> Any:
        return jnp.square(own_network.applied(model, template.filled(params), x, None) - y).mean()

    return cost, (params, rng.standard_normal((ROWS, COLUMNS)), rng.standard_normal((ROWS, 1)))


def _pass(shape: Own, params: dict[str, Any], x: Any) -> Passed:
    key = jax.random.key(0) if shape.model.takes_key else None
    changed = x.at[ROWS // 2 :].multiply(-2.0)

    def cost(p: dict[str, Any]) -> tuple[Any, Any]:
        z = own_network.call(shape, p, x, key)
        return jnp.square(z - 1.0).mean(), z

    gradient, training = jax.grad(cost, has_aux=True)(params)
    return Passed(
        own_network.call(shape, params, x, None),
        own_network.call(shape, params, changed, None),
        own_network.call(shape, params, x[:FEWER], None),
        training,
        own_network.call(shape, params, changed, key),
        gradient,
    )


def _judge(model: OwnModel, outputs: int, passed: Passed) -> None:
    for found, rows in ((passed.evaluation, ROWS), (passed.fewer, FEWER), (passed.training, ROWS)):
        if found.shape != (rows, outputs):
            raise errors.ConfigError(
                f"apply of {model.name} gives outputs of shape {found.shape}.",
                f"For {rows} rows and {outputs} output{'s' if outputs > 1 else ''} it has to be ({rows}, {outputs}): "
                + ("one logit for each class." if outputs > 1 else "one number for each row, in a column."),
                "Let its last layer have `outputs` units, and keep both axes.",
            )
    _finite(model, passed.evaluation, f"apply of {model.name} gives an output that")
    half = ROWS // 2
    _alike(model, passed.evaluation[:half], passed.others_changed[:half], "when other rows change")
    _alike(model, passed.evaluation[:FEWER], passed.fewer, "when there are fewer rows beside it")
    _alike(model, passed.training[:half], passed.training_others_changed[:half], "in training, when other rows change")
    for name, gradient in passed.gradient.items():
        _finite(model, gradient, f"The gradient of {name} in {model.name}")


def _alike(model: OwnModel, one: NDArray[np.float32], other: NDArray[np.float32], when: str) -> None:
    moved, largest = float(np.abs(one - other).max()), float(np.abs(one).max())
    if not moved <= TOLERANCE * max(largest, 1e-3):
        raise errors.ConfigError(
            f"apply of {model.name} mixes rows.",
            f"The output of a row moves by up to {moved:.2g} {when}; it may depend on that row alone.",
            "Batch norm has averages to keep, which a pair of functions cannot: use layer norm or group norm.",
        )


def _check_leaves(model: OwnModel, tree: Any) -> None:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    for path, leaf in leaves:
        dtype = getattr(leaf, "dtype", None)
        if dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key):
            raise errors.ConfigError(
                f"The parameters of {model.name} hold a random key ({jax.tree_util.keystr(path)}).",
                "It would be the same in every step, so dropout would always leave out the same units.",
                "Leave it out of what init returns; apply(params, x, *, key) gets a new key each step.",
            )
        if dtype is not None and jnp.issubdtype(dtype, jnp.complexfloating):
            raise errors.ConfigError(
                f"The parameter {jax.tree_util.keystr(path)} of {model.name} is complex.",
                "Arrays that are learned hold real numbers of 32 bits.",
                "Keep its real and its imaginary part as two arrays.",
            )
    if not any(own_network.is_learned(leaf) for _, leaf in leaves):
        raise errors.ConfigError(
            f"init of {model.name} makes nothing that can be learned.",
            f"It returns {type(tree).__name__} with {len(leaves)} leaves, none of them an array of floating-point "
            "numbers.",
            "Return the parameters: any tree (dict, tuple, Equinox module, nnx state) of JAX arrays.",
        )


def _finite(model: OwnModel, array: Any, what: str) -> None:
    if not np.isfinite(array).all():
        raise errors.ConfigError(
            f"{what} is not finite.",
            "Nothing was trained yet: the starting weights, or the function itself, give infinity or NaN.",
            "Check the scale of the starting weights, and divisions, logarithms and roots of 0.",
        )


@contextlib.contextmanager
def _told(model: OwnModel, function: Callable[..., Any], called: str) -> Iterator[None]:
    """Say which function failed, on which of its file's lines, and whether it was for being traced."""
    try:
        yield
    except errors.BurnishError:
        raise
    except Exception as error:
        place = inspect.getsourcefile(function) if inspect.isfunction(function) else None
        line = code.line(error, Path(place)) if place else ""
        if isinstance(error, jax.errors.ConcretizationTypeError | jax.errors.TracerArrayConversionError):
            raise errors.ConfigError(
                f"apply of {model.name} cannot be compiled{line}.",
                f"It looks at values that are known only when it runs ({type(error).__name__}).",
                "Use jax.numpy for numpy, and jnp.where or jax.lax.cond for `if`.",
            ) from error
        raise errors.ConfigError(
            f"{called.partition('(')[0]} of {model.name} fails{line}.",
            code.said(error),
            CONTRACT if called == "apply" else f"It is called as {called} with a JAX key and two whole numbers.",
        ) from error

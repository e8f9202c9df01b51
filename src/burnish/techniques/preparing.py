"""Preparing the optimisation: inputs of one scale, signals that neither vanish nor explode, starting weights.

Techniques C1 to C3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import ArrayLike, NDArray

from burnish import errors
from burnish.model import initialise, rules

Tree = Any

# A signal that has grown or shrunk this many times on its way is called exploding or vanishing: through ten layers that
# is a factor of 1.6 each, while right starting weights keep its size on average (He et al. 2015, section 2.2). A
# choice, not a law: `layer_scales` takes others.
BAD_RATIO = 100.0


@dataclass(frozen=True, eq=False)  # without slots, and equal to itself alone: jax.jit takes it as a function
class Normaliser:
    """`x ← (x − μ) / σ` with what the training rows gave; the same object serves dev, test and prediction."""

    mean: NDArray[np.float64]  # μ, shape (columns,)
    deviation: NDArray[np.float64]  # σ, not σ²; 1 for a constant column, shape (columns,)

    def __call__(self, x: Any) -> Any:
        """Normalised rows: NumPy or JAX arrays, traced ones too; shape (rows, columns) or (columns,)."""
        with rules.rows():
            return (x - self.mean) / self.deviation


def fit_normaliser(x: ArrayLike) -> Normaliser:
    """C1: μ and σ of each column of the *training* rows, to be reused on all others.

    `μ = (1/m) Σ x`, `σ² = (1/m) Σ (x − μ)²`. A constant column has σ = 1, so that it becomes 0 and is never divided by
    0. (The main job also tames heavy tails and fills gaps.)

    Args:
        x: Training rows, shape (rows, columns), finite.

    Raises:
        DataError: A value is missing or infinite, or there are no rows.

    Reference: LeCun et al., Efficient BackProp, 1998, section 4.3.

    >>> normalise = fit_normaliser([[1.0, 7.0], [3.0, 7.0]])
    >>> normalise(np.array([[1.0, 7.0], [5.0, 7.0]])).tolist()
    [[-1.0, 0.0], [3.0, 0.0]]
    """
    rows = _rows(x)
    constant = rows.min(axis=0) == rows.max(axis=0)
    mean = np.where(constant, rows[0], rows.mean(axis=0))
    return Normaliser(mean, np.where(constant, 1.0, np.sqrt(np.square(rows - mean).mean(axis=0))))


def condition_number(x: ArrayLike) -> float:
    """C1: how lopsided the bowl is that these inputs make of a squared-error cost: λ_max/λ_min of its Hessian.

    The Hessian of a linear unit with an offset is `(1/m) [1 x]ᵀ [1 x]`; gradient descent at its best rate needs about
    as many steps as the condition number. 1 is a round bowl. Constant columns, which the offset stands for already, are
    left out; infinity means that some columns follow from others.

    Args:
        x: Inputs, shape (rows, columns).

    Reference: LeCun et al., Efficient BackProp, 1998, section 5.

    >>> x = np.random.default_rng(0).normal([0.0, 50.0], [1.0, 10.0], (1_000, 2))
    >>> condition_number(x) > 1e3, condition_number(fit_normaliser(x)(x)) < 1.2
    (True, True)
    """
    rows = _rows(x)
    varying = rows[:, rows.min(axis=0) != rows.max(axis=0)]
    singular = np.linalg.svd(np.column_stack([np.ones(len(rows)), varying]), compute_uv=False)
    least = singular[-1] if len(rows) > varying.shape[1] else 0.0
    lost = singular[0] * max(len(rows), varying.shape[1] + 1) * np.finfo(float).eps  # as numpy.linalg.matrix_rank
    return float((singular[0] / least) ** 2) if least > lost else math.inf


def _rows(x: ArrayLike) -> NDArray[np.float64]:
    rows = np.asarray(x, np.float64)
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        raise errors.DataError(
            "These inputs have no mean and standard deviation for each column.",
            f"They have shape {rows.shape}, and {int((~np.isfinite(rows)).sum())} values that are missing or infinite.",
            "Give at least one row of finite numbers, shape (rows, columns).",
        )
    return rows


@dataclass(frozen=True, slots=True)
class LayerScales:
    """The size of the signal at each layer, forward and backward; the first entry is the input's."""

    names: tuple[str, ...]  # of the layers
    activations: NDArray[np.float64]  # root mean square of a[0], …, a[L]; shape (layers + 1,)
    gradients: NDArray[np.float64]  # root mean square of dJ/da[0], …, dJ/da[L]; shape (layers + 1,)
    activation_factor: float  # by which the signal is multiplied a layer, on the way forward (geometric mean)
    gradient_factor: float  # by which the gradient is multiplied a layer, on the way back
    first_bad: str | None  # the first layer, in the direction of the signal, beyond the ratio
    sentence: str  # all this in plain words


def layer_scales(
    layers: Sequence[Any],
    x: Array,
    *,
    apply: Callable[[Any, Array], Array] | None = None,
    loss: Callable[[Array], Array] = lambda a: a.sum(),
    names: Sequence[str] | None = None,
    ratio: float = BAD_RATIO,
) -> LayerScales:
    """C2: do activations or gradients vanish or explode through a network? By which factor a layer, and from where?

    Through L linear layers `1.5·I` activations grow by 1.5^L, through `0.5·I` they shrink by 0.5^L; gradients do the
    same on the way back. Measure at the start and again during training.

    Args:
        layers: One entry a layer, in order: functions of the activations before, or anything that `apply` knows.
        x: A mini-batch of inputs, shape (rows, …).
        apply: From (entry of `layers`, activations) to the layer's activations; None: the entries are functions.
        loss: A number from the last activations, such as a mean cross-entropy; the default is their sum.
        names: Of the layers; None: "layer 1", "layer 2", ….
        ratio: By how many times a signal may grow or shrink against where it came from.

    Reference: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.

    >>> scales = layer_scales([lambda a: 1.5 * a] * 10, jnp.ones((4, 3)))
    >>> round(scales.activation_factor, 6), round(float(scales.activations[-1]), 3)  # 1.5^10
    (1.5, 57.665)
    >>> layer_scales([lambda a: 0.5 * a] * 10, jnp.ones((4, 3))).first_bad
    'layer 7'
    """
    step = apply or (lambda layer, a: layer(a))
    labels = tuple(names) if names is not None else tuple(f"layer {n + 1}" for n in range(len(layers)))
    if not layers or len(labels) != len(layers):
        raise errors.ConfigError(
            f"{len(labels)} names for {len(layers)} layers.", "There is one for each, and at least one layer.", ""
        )

    def forward(shifts: list[Array] | None) -> list[Array]:
        found = [x if shifts is None else x + shifts[0]]
        for number, layer in enumerate(layers, start=1):
            a = step(layer, found[-1])
            found.append(a if shifts is None else a + shifts[number])
        return found

    activations = forward(None)
    # The gradient in a shift of an activation is the gradient in the activation.
    gradients = jax.grad(lambda shifts: jnp.sum(loss(forward(shifts)[-1])))([jnp.zeros_like(a) for a in activations])
    return _judged(labels, [_size(a) for a in activations], [_size(g) for g in gradients], ratio)


def _size(array: Array) -> float:
    return float(np.sqrt(np.square(np.asarray(array, np.float64)).mean()))


def _judged(names: tuple[str, ...], forward: list[float], backward: list[float], ratio: float) -> LayerScales:
    """The records' factors, the first bad layer and the sentence."""
    going, coming = _factor(forward), _factor(backward[::-1])
    # Forward the first layer that is off counts from the input; backward from the output, where gradients come from.
    bad_forward = next((names[n - 1] for n in range(1, len(forward)) if _off(forward[n], forward[0], ratio)), None)
    off = [n for n in range(len(names), 0, -1) if _off(backward[n - 1], backward[-1], ratio)]
    bad_backward = names[off[0] - 1] if off else None
    parts = [
        f"Activations are multiplied by {going:.3g} a layer on average{_verdict(forward[-1], forward[0], ratio)}",
        f"gradients, on the way back, by {coming:.3g}{_verdict(backward[0], backward[-1], ratio)}",
    ]
    ends = [f"activations are off from {bad_forward} on"] if bad_forward else []
    ends += [f"gradients from {bad_backward} backwards"] if bad_backward else []
    sentence = "; ".join(parts) + "." + (f" First bad layer: {' and '.join(ends)}." if ends else "")
    return LayerScales(
        names, np.array(forward), np.array(backward), going, coming, bad_forward or bad_backward, sentence
    )


def _factor(sizes: list[float]) -> float:
    """The geometric mean of the factors from one to the next; 0 where the signal is gone, infinite where it blew up."""
    if not sizes[0] > 0 or not math.isfinite(sizes[0]):
        return math.nan
    if not math.isfinite(sizes[-1]):
        return math.inf
    return (sizes[-1] / sizes[0]) ** (1 / (len(sizes) - 1))


def _off(size: float, origin: float, ratio: float) -> bool:
    return not origin / ratio <= size <= origin * ratio


def _verdict(end: float, origin: float, ratio: float) -> str:
    if not _off(end, origin, ratio):
        return ""
    return " and vanish" if end < origin else " and explode"


def gradient_scales(loss: Callable[[Tree], Array], params: Tree) -> dict[str, tuple[float, float]]:
    """C2: the gradient of each array of a network, for any function of the parameters: no list of layers is needed.

    Args:
        loss: A number from the parameters: your own network and cost on a mini-batch.
        params: The parameters, in any tree.

    Returns:
        By the array's name: the root mean square of the gradient, in units of the loss, and the same divided by that
        of the parameters (infinite where they are 0). Between first and last layers of a healthy network they differ
        by a factor of tens, not thousands.

    Reference: Glorot and Bengio 2010.

    >>> params = [{"w": jnp.array([[0.5]])}, {"w": jnp.array([[4.0]])}]
    >>> gradient_scales(lambda p: (p[0]["w"] * p[1]["w"]).sum(), params)
    {'0.w': (4.0, 8.0), '1.w': (0.5, 0.125)}
    """
    gradients = jax.tree_util.tree_leaves_with_path(jax.grad(lambda p: jnp.sum(loss(p)))(params))
    found = {}
    for (path, gradient), value in zip(gradients, jax.tree.leaves(params), strict=True):
        size, own = _size(gradient), _size(value)
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        found[name] = (size, size / own if own > 0 else math.inf)
    return found


def initial_weights(key: Array, shape: Sequence[int], dtype: Any = jnp.float32, *, initializer: str = "he") -> Array:
    """C3: normal starting weights: `W ~ N(0, Var)`, which breaks the symmetry of units.

    | initializer | Var(w) | for |
    |---|---|---|
    | `he` | 2/n[l−1] | ReLU (He et al. 2015) |
    | `lecun` | 1/n[l−1] | tanh (LeCun et al. 1998; course texts call it Xavier) |
    | `glorot`, also `xavier` | 2/(n[l−1] + n[l]) | both ways (Glorot and Bengio 2010) |
    | `zeros`, `small`, `large` | 0, 0.01², 10² | to be compared with |

    Args:
        key: JAX random key.
        shape: (…, n[l−1], n[l]); axes before the last two are a filter's, and multiply both.
        dtype: Of the weights.
        initializer: One of the names above.

    >>> w = initial_weights(jax.random.key(0), (400, 100))
    >>> round(float(w.var()) * 400, 1)
    2.0
    """
    if len(shape) < 2:
        raise errors.ConfigError(
            f"Weights of shape {tuple(shape)} have no fan-in.", "The last two axes are n[l−1] and n[l].", ""
        )
    window = math.prod(shape[:-2])
    name = "glorot" if initializer == "xavier" else initializer
    try:
        variance = initialise.variance(name, window * shape[-2], window * shape[-1])
    except KeyError as error:
        raise errors.ConfigError(
            f"There is no initializer {initializer!r}.",
            "There are he, lecun, glorot (or xavier), zeros, small and large.",
            "Give one of these.",
        ) from error
    return jax.random.normal(key, tuple(shape), dtype) * jnp.asarray(math.sqrt(variance), dtype)


def he(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    """C3: `Var(w) = 2/n[l−1]`, for ReLU: half of the units' signal is cut off (He et al. 2015).

    As of `initial_weights`, called as `jax.nn.initializers` are.

    >>> he(jax.random.key(0), (400, 100)).shape
    (400, 100)
    """
    return initial_weights(key, shape, dtype, initializer="he")


def lecun(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    """C3: `Var(w) = 1/n[l−1]`, for tanh (LeCun et al. 1998); course texts call it Xavier.

    >>> round(float(lecun(jax.random.key(0), (400, 100)).var()) * 400, 1)
    1.0
    """
    return initial_weights(key, shape, dtype, initializer="lecun")


def glorot(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    """C3: `Var(w) = 2/(n[l−1] + n[l])`, for signals of one size both ways (Glorot and Bengio 2010); also `xavier`.

    >>> round(float(glorot(jax.random.key(0), (400, 100)).var()) * 500, 1)
    2.0
    """
    return initial_weights(key, shape, dtype, initializer="glorot")


xavier = glorot


def twin_units(weights: ArrayLike, biases: ArrayLike | None = None) -> int:
    """C3: how many units of a layer are copies of another: they get the same gradients, and learn the same for ever.

    0 is right; starting from zeros, or from one constant, all but one are.

    Args:
        weights: Shape (n[l−1], n[l]).
        biases: Shape (n[l],).

    Reference: Rumelhart, Hinton and Williams, Learning representations by back-propagating errors, 1986.

    >>> twin_units(np.zeros((3, 4))), twin_units(np.eye(3))
    (3, 0)
    """
    units = np.asarray(weights).reshape(-1, np.shape(weights)[-1])
    if biases is not None:
        units = np.vstack([units, np.reshape(biases, (1, -1))])
    return units.shape[1] - np.unique(units, axis=1).shape[1]

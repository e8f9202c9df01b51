"""How targets and outputs are read: which class a row has and what outputs say, or that nobody can tell.

Whether one output is a logit, a probability or a number is asked of the loss, on made-up rows: nothing is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from burnish import errors

if TYPE_CHECKING:
    from burnish.doctor.subject import Task

Says = Literal["logit", "probability", "number", "unknown"]
Losses = Callable[[Array, Array], Array]

# Outputs of which the loss is asked. A probability has no loss at −1 and 2, or the same as nearer by; a logit of 10 is
# as good for its class as one of 5, a number of 10 is worse. exp(10) is far from the ends of float32.
OUTSIDE, NEARER, FARTHER, INSIDE = (-1.0, -0.5, 2.0, 1.5), (5.0, -5.0), (10.0, -10.0), (0.25, 0.75)
# How much of the growth of the loss on one side of the target the other side has at least, if outputs are numbers.
# Between 5 and 10 from 0 a squared error has 0.76, a fourth power 0.47, and cross-entropy 0.05 with 0.1 of label
# smoothing and 0.33 with 0.5.
BOTH_SIDES = 0.4
# How near to 1 the shares of a row that tells probabilities of classes sum up: of float32, with a hundred classes.
SUMS_TO_ONE = 1e-4
# Where two classes are told apart on one output.
LOGIT, PROBABILITY = 0.0, 0.5


def wrong_labels(said: Any, y: NDArray[Any]) -> NDArray[np.float64]:
    """Share of each row's labels that are others than what is said; those below 0 are none. Shape (rows,)."""
    known = y >= 0
    wrong, labels = (one.reshape(len(y), -1).sum(axis=1) for one in ((y != said) & known, known))
    return np.asarray(wrong / np.maximum(labels, 1))


class Asked(NamedTuple):
    """What a training is, as far as targets and outputs go."""

    train: NDArray[Any]  # targets
    dev: NDArray[Any]
    shape: tuple[int, ...]  # of the outputs of some rows
    losses: Losses  # of each row by itself

    @property
    def width(self) -> int:
        """Outputs of a row."""
        return int(np.prod(self.shape[1:]))

    @property
    def wide(self) -> int:
        """Targets of a row."""
        return int(np.prod(self.train.shape[1:]))

    @property
    def both(self) -> NDArray[Any]:
        """The finite targets of both parts, one after another."""
        every = np.concatenate([self.train.ravel(), self.dev.ravel()])
        return every[np.isfinite(every.astype(np.float64))]


@dataclass(frozen=True, slots=True)
class Reading:
    """What targets and outputs mean."""

    task: Task
    threshold: float = LOGIT  # of a single output, above which it says the second class
    codes: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None  # classes of both parts; None: targets are as read
    original: Callable[[Array], Array] | None = None  # from codes to the targets that the loss knows


def read(asked: Asked, task: Task | None) -> Reading:
    """What they mean.

    Args:
        asked: Targets, outputs and loss.
        task: None: told by the targets, and by the loss where they leave it open.

    Raises:
        ConfigError: They are in no form that an error can be told of.
    """
    if asked.train.shape[1:] != asked.dev.shape[1:]:
        _refuse(
            f"A training target has the shape {asked.train.shape[1:]}, a dev target {asked.dev.shape[1:]}.",
            "Both are judged alike.",
            "Give both parts in one form.",
        )
    if (task or _task(asked)) == "regression":
        if asked.width != asked.wide:
            _refuse(
                f"There are {asked.width} outputs and {asked.wide} target(s) for each row.",
                "The error is that of each output against its own target, and which one predicts it is not told.",
                "Let apply return the prediction alone, in the targets' shape, and fix or learn what else it gives "
                "(such as a variance) elsewhere.",
            )
        return Reading("regression")
    if (labels := _labels(asked)) is not None:
        return labels
    if asked.width != max(asked.shape[1:], default=1):
        _refuse(
            f"Outputs have the shape {asked.shape[1:]} for each row.",
            "A row has one class, and one output for each class that it may have.",
            'Return (rows, classes), or say task="regression" if these are numbers.',
        )
    return _one_hot(asked) if asked.wide > 1 else _classes(asked)


def _task(asked: Asked) -> Task:
    """Told by the targets: whole numbers are classes; 0 and 1 are, too, where the loss takes outputs for such."""
    y, wide = asked.train, asked.wide
    if not jnp.issubdtype(y.dtype, jnp.floating):
        _refuse_counts(asked)
        return "classification"
    binary, alike = bool(np.isin(asked.both, (0, 1)).all()), wide == asked.width
    signs = wide == asked.width == 1 and np.unique(asked.both).tolist() == [-1, 1]
    if signs and _says(asked, *np.array((-1, 1), y.dtype)) == "logit":
        return "classification"
    if binary and alike and wide > 1 and _is_one_hot(asked):
        return "classification"
    shares = not binary and alike and wide > 1 and _are_shares(asked)
    if not (binary or shares):
        return "regression"
    says = _says(asked, *np.array((0, 1), y.dtype))
    if binary and y.shape[1:] == asked.shape[1:] and wide > 1 and says in ("logit", "probability"):
        return "classification"  # several labels a row
    if says == "unknown" or not alike or (says != "number" and wide > 1):
        form = "0 and 1" if binary else "shares that sum to 1 in each row"
        if binary and alike and wide > 1 and says == "unknown":
            _refuse_one_answer(wide)
        _ambiguous(f"Targets are {form} of a floating type, {wide} a row, with {asked.width} output(s).")
    return "regression" if says == "number" else "classification"


def _refuse_one_answer(labels: int) -> NoReturn:
    """Yes or no for several questions, by a loss that takes the outputs of a row together, as softmax does."""
    _refuse(
        f"Targets are 0 and 1, {labels} a row, often not one 1 among them, and the loss does not take them one by one.",
        "Softmax cross-entropy takes the outputs of a row for the classes of one question, of which one is right.",
        "If each 0 and 1 answers a question of its own, use optax.sigmoid_binary_cross_entropy, summed over a row; if "
        'the loss is meant so, say task="classification" or task="regression".',
    )


def _refuse_counts(asked: Asked) -> None:
    """Whole numbers that the loss compares with one output are counts or years, and no classes."""
    several = asked.wide == asked.width == 1 and len(values := np.unique(asked.both)) > 2
    if several and _depends(asked):
        _ambiguous(f"Targets are {len(values)} whole numbers, and the loss takes the one output for a number.")


def _depends(asked: Asked) -> bool:
    """Whether the loss changes with the one output; the softmax of one does not."""
    outputs = np.linspace(-1, 1, min(len(asked.train), 8), dtype=np.float32)
    target = np.resize(asked.train[:1], (len(outputs), *asked.train.shape[1:]))
    found = asked.losses(jnp.asarray(outputs.reshape(-1, *asked.shape[1:])), jnp.asarray(target))
    return float(np.ptp(np.asarray(found, np.float64))) > 0


def _labels(asked: Asked) -> Reading | None:
    """Several labels a row: a class at each place of a sequence, or yes or no for each output; None: neither.

    A whole number below 0 is no label, as of what fills a sequence up.
    """
    inner, dtype = asked.train.shape[1:], jax.dtypes.canonicalize_dtype(asked.train.dtype)
    whole = all(jnp.issubdtype(y.dtype, jnp.integer) for y in (asked.train, asked.dev))
    if asked.wide > 1 and whole and asked.shape[1:-1] == inner and asked.shape[-1] > 1:
        return Reading("classification")
    binary = asked.both.size == asked.train.size + asked.dev.size and bool(np.isin(asked.both, (0, 1)).all())
    if not (asked.wide > 1 and binary and asked.shape[1:] == inner) or _is_one_hot(asked):
        return None
    says = _says(asked, *np.array((0, 1), asked.train.dtype))
    if says not in ("logit", "probability"):
        return None
    codes = asked.train.astype(np.int32), asked.dev.astype(np.int32)
    threshold = PROBABILITY if says == "probability" else LOGIT
    return Reading("classification", threshold, codes, lambda codes: codes.astype(dtype))


def _one_hot(asked: Asked) -> Reading:
    if asked.wide != asked.width or not _is_one_hot(asked):
        _refuse(
            f"Targets have the shape {asked.train.shape[1:]} for each row, with {asked.width} output(s).",
            "A row has one class, by its number or as a single 1 among as many targets as there are outputs; or it has "
            "several labels: whole numbers with an output for each class at each place, or 0 and 1 with an output "
            "each. Shares of classes are not judged.",
            "Give one whole number for each row, with optax.softmax_cross_entropy_with_integer_labels: "
            "jnp.argmax(y, axis=1) makes it; for sequences let apply return (rows, places, classes).",
        )
    shape, dtype = asked.train.shape[1:], jax.dtypes.canonicalize_dtype(asked.train.dtype)
    table = np.eye(asked.wide, dtype=dtype).reshape(-1, *shape)
    train, dev = (y.reshape(len(y), -1).argmax(axis=1).astype(np.int32) for y in (asked.train, asked.dev))
    return Reading("classification", codes=(train, dev), original=lambda codes: jnp.asarray(table)[codes])


def _classes(asked: Asked) -> Reading:
    """One class a row, by its number; two classes on one output may have any two numbers."""
    values, dtype = np.unique(asked.both), asked.train.dtype
    whole = asked.both.size == asked.train.size + asked.dev.size and (values == np.round(values.astype(float))).all()
    pair = asked.width == 1 and len(values) == 2
    if not whole or (values.astype(float).min() < 0 and not pair):
        _refuse(
            f"A target says class {values[0] if whole else 'something that is no whole number'}.",
            "Classes are whole numbers from 0 on; on one output two classes may have any two numbers.",
            "Number the classes from 0, and leave rows without a class out.",
        )
    low, high = values if pair else np.array((0, 1), dtype)
    threshold = LOGIT
    if asked.width == 1 and len(values) <= 2:
        midway = (float(low) + float(high)) / 2
        threshold = {"probability": PROBABILITY, "number": midway}.get(_says(asked, low, high), LOGIT)
    known, shape = jax.dtypes.canonicalize_dtype(dtype), asked.train.shape[1:]
    if pair and (float(low), float(high)) != (0, 1):
        table = np.array((low, high), known)
        train, dev = ((y.ravel() == high).astype(np.int32) for y in (asked.train, asked.dev))
        coded = (train, dev)
        return Reading("classification", threshold, coded, lambda codes: jnp.asarray(table)[codes].reshape(-1, *shape))
    if not shape and all(jnp.issubdtype(y.dtype, jnp.integer) for y in (asked.train, asked.dev)):
        return Reading("classification", threshold)
    train, dev = (y.ravel().astype(np.int32) for y in (asked.train, asked.dev))
    return Reading("classification", threshold, (train, dev), lambda codes: codes.astype(known).reshape(-1, *shape))


def _is_one_hot(asked: Asked) -> bool:
    return all(
        bool(np.isin(y, (0, 1)).all() and (y.reshape(len(y), -1).sum(axis=1) == 1).all())
        for y in (asked.train, asked.dev)
    )


def _are_shares(asked: Asked) -> bool:
    y = asked.train.reshape(len(asked.train), -1).astype(np.float64)
    return bool((y >= 0).all() and (np.abs(y.sum(axis=1) - 1) < SUMS_TO_ONE).all())


def _says(asked: Asked, low: Any, high: Any) -> Says:
    """What the loss takes an output for, by the losses of the same outputs against either target."""
    asking = (*OUTSIDE, *NEARER, *FARTHER, *INSIDE)
    outputs = np.broadcast_to(
        np.array(asking, np.float32).reshape(-1, *(1,) * (len(asked.shape) - 1)), (len(asking), *asked.shape[1:])
    )
    second, first = (
        np.asarray(
            asked.losses(
                jnp.asarray(outputs),
                jnp.full(
                    (len(asking), *asked.train.shape[1:]), target, jax.dtypes.canonicalize_dtype(asked.train.dtype)
                ),
            ),
            np.float64,
        )
        for target in (high, low)
    )
    if second[8] > second[9] and first[8] < first[9] and _no_worse(second[:2]) and _no_worse(first[2:4]):
        return "probability"
    growths = [np.sort(losses[6:8] - losses[4:6]) for losses in (second, first)]  # on either side of 0
    if not np.isfinite(growths).all():
        return "unknown"
    if any(less > BOTH_SIDES * more > 0 for less, more in growths):
        return "number"
    return "logit" if all(more > 0 for _, more in growths) else "unknown"


def _no_worse(losses: NDArray[np.float64]) -> bool:
    """Whether an output further beyond 0 or 1, on the wrong side, has no loss, or that of one nearer by."""
    return not np.isfinite(losses).all() or losses[0] == losses[1]


def _ambiguous(what: str) -> NoReturn:
    _refuse(
        what,
        "They may be classes or numbers, and their errors are not the same.",
        'Say which: task="classification" or task="regression". Classes are best given as whole numbers, one a row, '
        "with optax.softmax_cross_entropy_with_integer_labels.",
    )


def _refuse(what: str, why: str, remedy: str) -> NoReturn:
    raise errors.ConfigError(what, why, remedy)

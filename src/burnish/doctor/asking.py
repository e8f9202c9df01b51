"""`burnish.diagnose`: of a training that is handed over in parts, or of a function that trains by itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from burnish import errors
from burnish.doctor import diagnosis
from burnish.doctor.diagnosis import Diagnosis
from burnish.doctor.monitor import Monitor

# What a training is made of, where it is handed over in parts.
PARTS = ("init", "apply", "loss", "optimizer", "train", "dev")
VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def diagnose(
    init: Any,
    apply: Any = None,
    loss: Any = None,
    optimizer: Any = None,
    train: tuple[Any, Any] | None = None,
    dev: tuple[Any, Any] | None = None,
    *,
    baseline_error: float | None = None,
    **options: Any,
) -> Diagnosis:
    """Examine a training of your own: what is wrong, by which evidence, and what to do.

    Handed over in parts, it is trained once from start to end, and again in short probes that each change one thing,
    from the same starts and on the same mini-batches.

    `burnish.diagnose(train_function)` alone runs a function that trains by itself and takes a `burnish.Monitor`, to
    which it hands each step: then the findings are what its traces prove or give reason to suspect.

    Args:
        init: `init(key) -> params`, any tree of arrays, or a module of Equinox or Flax NNX; or, alone,
            `train_function(monitor)`.
        apply: `apply(params, x) -> outputs` in evaluation mode, one output row for each row of x.
        loss: `loss(outputs, y)`: one number for each row, or their mean.
        optimizer: An optax transformation, learning rate and all.
        train: Inputs and targets that it learns from; the first axis is the row.
        dev: The same that it does not learn from.
        baseline_error: What is achievable, as an error; None: not known.
        options: `batch_size`, `epochs`, `shuffle`, `apply_training`, `augment`, `penalty`, `gradient`, `task`,
            `frozen`, `state`, `seed`, `time_limit`: see [the guide](../diagnosing.md).

    Raises:
        ConfigError: It cannot be trained at all; the message says which function or array is why.
    """
    parts = (apply, loss, optimizer, train, dev)
    if all(part is None for part in parts):
        if options:
            raise errors.ConfigError(
                f"A function that trains by itself was handed over with {', '.join(options)}.",
                "Options are of a training in parts; a function that trains by itself holds its own.",
                "Leave them out; what is meant to stay is named in monitor.watch(..., frozen=[...]).",
            )
        return watched(init)
    missing = [name for name, part in zip(PARTS[1:], parts, strict=True) if part is None]
    if missing or train is None or dev is None:
        raise errors.ConfigError(
            f"{', '.join(missing)} is missing.",
            f"A training in parts is {', '.join(PARTS)}; a function that trains by itself comes alone.",
            "Hand over all of them, or that function.",
        )
    return diagnosis.diagnose(init, apply, loss, optimizer, train, dev, baseline_error=baseline_error, **options)


def watched(train_function: Callable[[Monitor], Any]) -> Diagnosis:
    """Run a function that trains by itself, and tell what a monitor saw.

    Raises:
        ConfigError: It recorded nothing.
    """
    monitor = Monitor()
    train_function(monitor)
    return told(monitor)


def told(monitor: Monitor) -> Diagnosis:
    """The diagnosis of a monitor that a function was handed.

    Raises:
        ConfigError: Nothing was recorded.
    """
    if not monitor.recorded:
        raise errors.ConfigError(
            "The training function recorded nothing.",
            "It is handed a monitor, and calls monitor.record(step, params=…, grads=…, loss=…) in its loop.",
            "Add the call; docs/diagnosing.md has an example.",
        )
    return monitor.diagnosis()


def trains(function: Callable[..., Any]) -> bool:
    """Whether a function trains by itself: it cannot be called without one argument, the monitor."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some callables of other languages tell nothing of themselves
        return False
    needed = [one for one in parameters if one.default is one.empty and one.kind not in VARIABLE]
    return len(needed) == 1 and needed[0].kind is not inspect.Parameter.KEYWORD_ONLY

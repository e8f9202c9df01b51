"""A person's own configuration (`--start`): plain values, checked name by name before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from burnish.train.configuration import LEAST_WITH_BATCH_NORM, Configuration

ABOVE_ZERO = ("batch_size", "learning_rate", "epsilon", "frequency_scale", "epochs")
COUNTS = ("bins", "frequencies", "patience")  # that may be 0
AT_LEAST_ZERO = (
    *(*COUNTS, "l2", "weight_decay", "input_noise", "mixup", "init_scale", "decay_rate", "clip_norm"),
    *("rotation", "contrast"),
)
# Decays of averages, and rates of units left out: 1 would forget nothing, or leave nothing.
SHARES_BELOW_ONE = (
    *("beta1", "beta2", "dropout", "input_dropout", "label_smoothing", "warmup"),
    *("flip", "crop", "shift", "brightness", "cutout"),  # of images, of which something has to be left
)

_ADAPTER = TypeAdapter(Configuration)


def parse(values: Mapping[str, Any]) -> Configuration:
    """The configuration of these values; what they leave open has its default.

    Raises:
        ValueError: A name is unknown, or a value is of the wrong type or out of range; the message says which.
    """
    known = [field.name for field in fields(Configuration)]
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, 1)
            advice = f"{near[0]!r} is" if near else f"there are {', '.join(known)}"
            raise ValueError(f"{name!r} is no setting of a network; {advice}")
    try:
        found = _ADAPTER.validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Input ").partition(", got")[0]
        raise ValueError(f"{first['loc'][0]} {message}, not {first['input']!r}") from error
    _check_ranges(found)
    return found


def _check_ranges(found: Configuration) -> None:
    if any(width < 1 for width in found.widths):
        raise ValueError(f"widths must be at least 1 each, not {list(found.widths)}")
    if isinstance(found.dropout, tuple) and len(found.dropout) != len(found.widths):
        raise ValueError(f"dropout has {len(found.dropout)} rates for {len(found.widths)} hidden layers")
    if found.norm == "batch" and found.batch_size < LEAST_WITH_BATCH_NORM:
        raise ValueError(
            f"batch_size must be at least {LEAST_WITH_BATCH_NORM} with batch norm, which has no variance of "
            f"one row, not {found.batch_size}"
        )
    for field in fields(Configuration):
        value = getattr(found, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            if not isinstance(number, int | float):
                continue
            if not math.isfinite(number):
                raise ValueError(f"{field.name} must be a finite number, not {number}")
            if field.name in ABOVE_ZERO and number <= 0:
                raise ValueError(f"{field.name} must be above 0, not {number}")
            if field.name in AT_LEAST_ZERO and number < 0:
                raise ValueError(f"{field.name} must be at least 0, not {number}")
            if field.name in SHARES_BELOW_ONE and not 0 <= number < 1:
                raise ValueError(f"{field.name} must be at least 0 and below 1, not {number}")

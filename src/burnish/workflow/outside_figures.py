"""The figures that a person gives of a network from elsewhere, read and checked."""

from __future__ import annotations

import math
import re
from typing import Literal

from burnish import errors
from burnish.diagnosis.figures import Figure

Task = Literal["classification", "regression"]
Number = float | str  # as Python has it, or as it is written: 0.11, "11%", "1,000"
Baseline = Number | tuple[float, float]

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"\d+|\d{1,3}(?:[,_ ]\d{3})+")
_BETWEEN = ".."  # of the ends of a range


def figure(part: str, error: Number | None, rows: Number | None, task: Task) -> Figure | None:
    """The error of one part with its rows; None where neither was given.

    Args:
        part: "train", "train-dev", "dev" or "test".
        error: A rate, or an RMSE.
        rows: How many it was taken over.
        task: Which of them.

    Raises:
        ConfigError: One is missing, or cannot be what it should be.
    """
    if error is None and rows is None:
        return None
    if error is None or rows is None:
        has, lacks = ("rows", "error") if error is None else ("error", "rows")
        raise errors.ConfigError(
            f"The {part} {has} came without the {part} {lacks}.",
            "An error is worth what its number of rows makes of it: 11 % on 100 rows may be 6 or 19 %.",
            f"Give both, --{part}-error and --{part}-rows.",
        )
    return _error(f"{part} error", error, task), _rows(part, rows)


def baseline(given: Baseline | None, task: Task) -> float | tuple[float, float] | None:
    """The least possible error, or its range; texts such as "1%" and "1%..3%" too.

    Raises:
        ConfigError: It is no error, or the range begins above its end.
    """
    if given is None:
        return None
    if isinstance(given, str) and _BETWEEN in given:
        first, _, last = given.partition(_BETWEEN)
        ends: tuple[Number, ...] = (first, last)
    elif isinstance(given, tuple):
        ends = given
    else:
        return _error("baseline error", given, task)
    if len(ends) != 2:
        raise errors.ConfigError(
            f"The baseline error {given!r} is no range.", "A range has a low and a high end.", "Give (low, high)."
        )
    low, high = (_error("baseline error", end, task) for end in ends)
    if low > high:
        raise errors.ConfigError(
            f"The baseline error's range begins at {low:g} and ends at {high:g}.",
            "Its low end comes first.",
            f"Write {high:g}{_BETWEEN}{low:g}.",
        )
    return low, high


def deviation(given: Number | None, task: Task) -> float | None:
    """The standard deviation of the target.

    Raises:
        ConfigError: The task has none, or it is not above 0.
    """
    if given is None:
        return None
    if task == "classification":
        raise errors.ConfigError(
            "A target's standard deviation was given for a classification.",
            "It says which RMSE matters; classes have none.",
            "Leave --target-sd out, or add --task regression.",
        )
    value = _error("target's standard deviation", given, task)
    if value == 0:
        raise errors.ConfigError(
            "The target's standard deviation is 0.", "Then there is nothing to predict.", "Give that of the train rows."
        )
    return value


def _error(what: str, given: Number, task: Task) -> float:
    value, per_cent = _number(what, given)
    if task == "regression" and per_cent:
        raise errors.ConfigError(
            f"The {what} {given!r} is in per cent.", "An RMSE has the target's unit.", "Give it in that unit."
        )
    value = value / 100 if per_cent else value
    if value < 0 or not math.isfinite(value):
        raise errors.ConfigError(
            f"The {what} {given!r} cannot be an error.",
            "Errors are finite and not below 0, and smaller is better.",
            "Of a measure that is better the larger it is, give 1 minus it.",
        )
    if task == "classification" and value > 1:
        raise errors.ConfigError(
            f"The {what} {given!r} cannot be an error rate.",
            "A rate is a share of the rows, from 0 to 1.",
            f"Write {value / 100:g} or {value:g}% if it is in per cent, or add --task regression if it is an RMSE."
            if value <= 100 and not per_cent
            else "Add --task regression if it is an RMSE.",
        )
    return value


def _number(what: str, given: Number) -> tuple[float, bool]:
    """The number, and whether it is in per cent."""
    if not isinstance(given, str):
        return float(given), False
    text = given.strip()
    per_cent = text.endswith("%")
    bare = text.removesuffix("%").rstrip()
    if not _NUMBER.fullmatch(bare):
        comma = "," in bare and _NUMBER.fullmatch(bare.replace(",", ".", 1)) is not None
        raise errors.ConfigError(
            f"The {what} {given!r} is no number.",
            "It is written with a decimal point, with or without a percent sign: 0.11 or 11%.",
            f"Write {bare.replace(',', '.', 1)}{'%' if per_cent else ''}." if comma else "Correct it.",
        )
    return float(bare), per_cent


def _rows(part: str, given: Number) -> int:
    whole = int(re.sub(r"[,_ ]", "", given)) if isinstance(given, str) and _WHOLE.fullmatch(given.strip()) else given
    if isinstance(whole, str) or not whole >= 1 or whole != int(whole):
        raise errors.ConfigError(
            f"{given!r} cannot be the number of {part} rows.",
            "It is a whole number, at least 1.",
            f"Give the number of rows that the {part} error was taken over.",
        )
    return int(whole)

"""What is refused before anything is trained: missing columns, roles that collide, targets not to be learnt."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data.table import Column, Table
from burnish.preprocess import target as targets
from burnish.workflow.settings import OF_THE_POSITIVE, REQUIRABLE, Settings, parse_requirement

# Where a row comes from.
MAIN, DEV, TEST = 0, 1, 2

# Standard deviation of a numeric target: beyond, sums of fourth powers (variances of squared errors) leave float64.
SMALLEST_SPREAD, LARGEST_SPREAD = 1e-60, 1e60


def column(table: Table, name: str | None, what: str) -> str:
    """The name, if the table has it; else an error that suggests the nearest one."""
    if name is not None and name in table.names:
        return name
    shown = ", ".join(repr(n) for n in table.names[:12]) + (", …" if len(table.names) > 12 else "")
    if name is None:
        raise errors.ConfigError(
            "No target was named.", f"{table.name} has the columns {shown}.", "Add --target COLUMN."
        )
    near = get_close_matches(name, table.names, 1) or [n for n in table.names if n.lower() == name.lower()]
    advice = f"Did you mean {near[0]!r}?" if near else "Check the spelling; names are case-sensitive."
    raise errors.ConfigError(f"{table.name} has no {what} {name!r}.", f"Its columns are {shown}.", advice)


def columns_there(settings: Settings, table: Table) -> None:
    """Every column that is spoken of is there."""
    for name in (settings.source, settings.group, settings.time, settings.weight, *settings.drop):
        if name is not None:
            column(table, name, "column")


def weights(table: Table, name: str) -> NDArray[np.float64]:
    """What each row weighs, mean 1; shape (rows,)."""
    found = table[name]
    values = np.asarray(found.values, np.float64)
    if found.levels or found.missing.any() or (values < 0).any() or not values.any():
        raise errors.DataError(
            f"The weight column {name!r} cannot weigh rows.",
            "Weights are numbers, none missing, none below 0, not all 0.",
            "Mend the column, or leave --weight out.",
        )
    return values / values.mean()


def targets_there(known: NDArray[np.bool_], origin: NDArray[np.int8], name: str, target: str) -> None:
    """Every file has rows with a target.

    Args:
        known: Whether each row has a target, shape (rows,).
        origin: MAIN, DEV or TEST of each row, shape (rows,).
        name: What the main table is called.
        target: The target column.
    """
    for place, what in ((MAIN, name), (DEV, "the dev file"), (TEST, "the test file")):
        if (origin == place).any() and not known[origin == place].any():
            raise errors.DataError(
                f"The target {target!r} of {what} has no values.",
                "In every row it is missing, or is no value of the kind that this column holds in the main table.",
                "Name another --target, or mend the column.",
            )
    if known.sum() == 1:
        raise errors.DataError(
            f"Only one row of {name} has a target.",
            "A network learns from some rows and is judged on others.",
            "Give more rows.",
        )


def target_suits(settings: Settings, target: Column, task: targets.Task, *, of_folders: bool = False) -> None:
    """The target can be learnt as this task, and suits what else was asked; `of_folders`: it is what images lie in."""
    if settings.require is not None:
        name, _ = parse_requirement(settings.require)
        if name not in REQUIRABLE[task]:
            raise errors.ConfigError(
                f"--require bounds {name!r}, which a {task} does not have.",
                f"It can bound {', '.join(REQUIRABLE[task])}.",
                "Change --require or --task.",
            )
        if name in OF_THE_POSITIVE and settings.positive is None and len(np.unique(target.values)) > 2:
            raise errors.ConfigError(
                f"--require bounds {name!r}, which needs a positive class.",
                "The target has more than two classes, and --positive names none of them.",
                "Add --positive LABEL, or change --require.",
            )
    if task == "classification":
        _refuse_too_many_classes(target, of_folders=of_folders)
        return
    if settings.positive is not None:
        raise errors.ConfigError(
            f"--positive {settings.positive!r} has no meaning here.",
            f"The target {target.name!r} is a number, so there are no classes.",
            "Leave --positive out, or add --task classification.",
        )
    _refuse_extreme(target)


def _refuse_too_many_classes(target: Column, *, of_folders: bool) -> None:
    rows, (_, counts) = len(target.values), np.unique(target.values, return_counts=True)
    sparse = rows > targets.DISTINCT_ROWS and len(counts) > targets.DISTINCT_SHARE * rows
    if of_folders and (sparse or counts.max() < 2):
        raise errors.DataError(
            "The classes have too few images.",
            f"There are {len(counts):,} classes in {rows:,} images, so most have one: a network learns from some "
            "images of a class and is judged on others.",
            "Put more images into each folder. From some dozens of a class on, an error can be told.",
        )
    if sparse or counts.max() < 2:
        raise errors.DataError(
            f"Target {target.name!r} has too many classes for its rows.",
            f"It has {len(counts):,} distinct values in {rows:,} rows, so most classes are seen only once.",
            "Name another --target, or use --task regression if it is a number.",
        )


def _refuse_extreme(target: Column) -> None:
    largest = float(np.abs(target.values).max())
    if largest == 0:
        return  # constant, which is refused elsewhere
    spread = float(np.std(target.values / largest)) * largest
    if not SMALLEST_SPREAD <= spread <= LARGEST_SPREAD:
        raise errors.DataError(
            f"The numbers of target {target.name!r} are too {'large' if spread > 1 else 'small'} to compute with.",
            f"Their standard deviation is {spread:.3g}; squares of such numbers leave the range of floating point.",
            "Write them in another unit, or take their logarithm.",
        )

"""One common shape for folds that saw different categories, so that they share one compiled program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from burnish.data.inputs import InputSpec, Prepared


def pad(inputs: Sequence[InputSpec]) -> InputSpec:
    """The smallest shape that holds each of these.

    >>> pad([InputSpec(3, 1, (20,)), InputSpec(2, 4, (18, 40))])
    InputSpec(numbers=3, flags=4, vocabularies=(20, 40), image=None)
    """
    return InputSpec(
        numbers=max(spec.numbers for spec in inputs),
        flags=max(spec.flags for spec in inputs),
        vocabularies=tuple(max(sizes) for sizes in zip_longest(*(s.vocabularies for s in inputs), fillvalue=1)),
        image=inputs[0].image,  # all folds have the images of one pack
    )


# Roomy shapes have this many significant binary digits, so at most a third of their columns are empty.
ROOMY_DIGITS = 2
LEAST_COLUMNS = 4


def roomy(inputs: InputSpec) -> InputSpec:
    """A shape that holds these inputs and those of tables with about as many columns, so that they share programs.

    >>> roomy(InputSpec(5, 0, (20,)))
    InputSpec(numbers=6, flags=0, vocabularies=(20,), image=None)
    """
    return replace(inputs, numbers=_round_up(inputs.numbers), flags=_round_up(inputs.flags))


def _round_up(columns: int) -> int:
    if columns == 0:
        return 0
    columns = max(columns, LEAST_COLUMNS)
    unit = 1 << max(0, columns.bit_length() - ROOMY_DIGITS)
    return -(-columns // unit) * unit


def widen(prepared: Prepared, own: InputSpec, to: InputSpec) -> Prepared:
    """The same rows in a larger shape: further numbers and flags are 0 throughout, further codes too.

    Raises:
        ValueError: `to` has no room for `own`, or `prepared` does not have the shape `own`.
    """
    if own.image is not None and own == to:
        return prepared
    if prepared.x.shape[1] != own.width or prepared.codes.shape[1] != len(own.vocabularies):
        raise ValueError(
            f"prepared rows have {prepared.x.shape[1]} inputs and {prepared.codes.shape[1]} codes, not {own}"
        )
    if pad([own, to]) != to:
        raise ValueError(f"{to} has no room for {own}")
    if own.width == to.width and len(own.vocabularies) == len(to.vocabularies) and own.numbers == to.numbers:
        return prepared
    rows = len(prepared.x)
    x = np.zeros((rows, to.width), dtype=np.float32)
    x[:, : own.numbers] = prepared.x[:, : own.numbers]
    x[:, to.numbers : to.numbers + own.flags] = prepared.x[:, own.numbers :]
    codes = np.zeros((rows, len(to.vocabularies)), dtype=np.int32)
    codes[:, : len(own.vocabularies)] = prepared.codes
    return Prepared(x, codes)

"""What each column is to a network, and why: numbers, categories, dates, or nothing that it could learn from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from burnish.data import dressed, table
from burnish.units import percent

# Rows from which "no value comes twice" says something. Of 20 draws from 100 equally likely values all are distinct in
# 13 % of cases, of 30 in 1 %: below this many rows an honest category may look like an identifier.
ENOUGH_ROWS = 20

# Share of distinct values among those present from which text names the row: at most one value in twenty repeats.
NEARLY_UNIQUE = 0.95

# Mean number of rows per distinct text below which a category is left out: most values were then seen just once, and
# the share of rows with such values is about the chance that a new row's value is unseen (Good, 1953, "The population
# frequencies of species and the estimation of population parameters").
LEAST_REPEATS = 2.0

# Mean number of words of the distinct values from which text is prose; labels such as "New York City" have fewer.
PROSE_WORDS = 4.0

# Distinct values whose words are counted, evenly spread: gives a mean within a few percent, however large the table.
SAMPLED_LEVELS = 2000

# Share of equal steps from row to row from which whole numbers count the rows; the others are rows taken out since.
EQUAL_STEPS = 0.9

# Distinct whole numbers up to which the reason tells that they might be codes of categories.
FEW_WHOLE_NUMBERS = 20

# Share of the distinct texts that are numbers from which a column is one of numbers that something else was written
# into, such as "<5" or "trace", and names no row. A choice: the half from which a reader says how many are none.
MOSTLY_NUMBERS = 0.5
# Neither a number that begins with a zero nor one of over 15 digits, nor a letter before the first digit: those are
# codes.
_A_NUMBER = re.compile(r"\s*[-+]?(?=[\d.,])(0|[1-9]\d{0,14})?([.,]\d+)?([eE][-+]?\d+)?\s*")

_NAMES_A_ROW = re.compile(
    r"(?i:id|uuid|guid|index|idx|row|rownames?|row[_ .-]?(id|no|num|number|index|name)|unnamed: ?\d+)"
    r"|(?i:.*[_ .-](id|uuid|guid))"
    r"|.*[a-z](Id|ID|Uuid|UUID)"
)
_YEARS = (1000, 2200)  # whole numbers in a column named after years that count years and not rows


@dataclass(frozen=True, slots=True)
class Profile:
    """A column's kind, with the reason in plain words."""

    name: str
    kind: table.Kind
    reason: str
    missing: int  # rows without a value
    distinct: int  # different values among the others


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rules look at."""

    column: table.Column
    values: NDArray[np.generic]  # those present, in the order of the rows
    distinct: NDArray[np.generic] = field(repr=False)  # sorted

    @property
    def present(self) -> int:
        return len(self.values)

    @property
    def unique(self) -> bool:
        return len(self.distinct) == self.present

    @property
    def whole(self) -> bool:
        return bool((self.distinct == np.trunc(self.distinct)).all())


def profile(
    source: table.Table, *, target: str | None = None, overrides: Mapping[str, table.Kind] | None = None
) -> tuple[Profile, ...]:
    """The kind of every column, with its reason.

    Args:
        source: The table.
        target: The column to predict. It is not left out for counting the rows or for its name: only its values count.
        overrides: Kinds that the person has set, by column name.
    """
    return tuple(
        _profile(column, column.name == target, (overrides or {}).get(column.name)) for column in source.columns
    )


def _profile(column: table.Column, is_target: bool, override: table.Kind | None) -> Profile:
    if column.physical is table.Physical.IMAGE:
        height, width, channels = column.values.shape[1:]
        colours = "grey" if channels == 1 else "colour"
        return Profile(
            column.name, table.Kind.IMAGE, f"{colours} images of {height} x {width} pixels", 0, len(column.values)
        )
    absent = column.missing
    values = column.values[~absent]
    distinct = np.flatnonzero(np.bincount(values)) if column.physical is table.Physical.TEXT else np.unique(values)
    facts = _Facts(column, values, distinct)
    kind, reason = (override, "set by hand") if override is not None else _kind(facts, is_target)
    return Profile(column.name, kind, reason, int(absent.sum()), len(facts.distinct))


def _kind(facts: _Facts, is_target: bool) -> tuple[table.Kind, str]:
    if facts.present == 0:
        return table.Kind.CONSTANT, "it has no values"
    if len(facts.distinct) == 1:
        return _single(facts)
    match facts.column.physical:
        case table.Physical.BOOLEAN:
            no, yes = facts.column.words or ("false", "true")
            return table.Kind.BOOLEAN, f"its values are {yes} and {no}"
        case table.Physical.DATE:
            return table.Kind.DATE, "its values are dates"
        case table.Physical.NUMBER:
            return _number(facts, is_target)
        case table.Physical.TEXT:
            return _text(facts, is_target)
        case table.Physical.IMAGE:
            raise AssertionError("images are told apart before their values are counted")


def _single(facts: _Facts) -> tuple[table.Kind, str]:
    """One value: it tells nothing, unless whether it is there at all does."""
    if facts.column.physical is table.Physical.TEXT and facts.present < len(facts.column.values):
        return table.Kind.CATEGORY, f"it is {_shown(facts)} or missing"
    rest = "" if facts.present == len(facts.column.values) else " or is missing"
    return table.Kind.CONSTANT, f"every value is {_shown(facts)}{rest}"


def _shown(facts: _Facts) -> str:
    value = facts.distinct[0]
    if facts.column.physical is table.Physical.TEXT:
        return repr(facts.column.levels[int(value)])
    if facts.column.physical is table.Physical.DATE:
        return str(np.datetime64(int(value), "s"))
    return f"{value:g}"


def _number(facts: _Facts, is_target: bool) -> tuple[table.Kind, str]:
    few = len(facts.distinct)
    if not facts.whole:
        return table.Kind.NUMBER, f"numbers with {few} different values"
    if not is_target and facts.unique:
        if _NAMES_A_ROW.fullmatch(facts.column.name):
            return table.Kind.IDENTIFIER, "its name is that of an identifier, and no value comes twice"
        if facts.present >= ENOUGH_ROWS and not _counts_years(facts):
            if _counts_rows(facts.values):
                return table.Kind.IDENTIFIER, "whole numbers that count the rows"
            if facts.distinct[-1] - facts.distinct[0] == facts.present - 1:
                return (
                    table.Kind.IDENTIFIER,
                    f"each whole number from {facts.distinct[0]:g} to {facts.distinct[-1]:g} once",
                )
    if few == 2:
        return table.Kind.NUMBER, "two numbers, which serve a network as a flag"
    if few <= FEW_WHOLE_NUMBERS:
        return (
            table.Kind.NUMBER,
            f"{few} different whole numbers: kept as numbers; if they are codes of categories, write them as words, "
            f"such as c{facts.distinct[0]:g}",
        )
    return table.Kind.NUMBER, f"whole numbers with {few} different values"


def _counts_rows(values: NDArray[np.generic]) -> bool:
    """Whether unique whole numbers rise or fall from row to row, nearly always by the same step."""
    steps = np.diff(values)
    _, counts = np.unique(steps, return_counts=True)
    return bool((steps > 0).all() or (steps < 0).all()) and bool(counts.max() >= EQUAL_STEPS * len(steps))


def _counts_years(facts: _Facts) -> bool:
    in_range = _YEARS[0] <= facts.distinct[0] and facts.distinct[-1] <= _YEARS[1]
    return bool(in_range) and "year" in facts.column.name.casefold()


def _text(facts: _Facts, is_target: bool) -> tuple[table.Kind, str]:
    few, rows = len(facts.distinct), facts.present
    if not is_target and facts.unique and _NAMES_A_ROW.fullmatch(facts.column.name):
        return table.Kind.IDENTIFIER, "its name is that of an identifier, and no value comes twice"
    if rows < ENOUGH_ROWS:
        return table.Kind.CATEGORY, f"text with {few} different values in {rows} rows"
    sparse = rows < LEAST_REPEATS * few
    if not is_target and sparse and (share := _numbers_among(facts)) > MOSTLY_NUMBERS:
        if share == 1:
            return table.Kind.TEXT, f"its {few} different values are numbers, but for commas or signs in them"
        others = "write the others as numbers, or leave them empty"
        return table.Kind.TEXT, f"{percent(share)} of its {few} different values are numbers, and not all: {others}"
    if not is_target and rows < 2 * few and (words := _mean_words(facts)) >= PROSE_WORDS:
        return table.Kind.TEXT, f"free text: {few} different values of {words:.0f} words on average"
    if few > NEARLY_UNIQUE * rows:
        return table.Kind.IDENTIFIER, f"text with {few} different values in {rows} rows: nearly every row has its own"
    if sparse and not is_target:
        return (
            table.Kind.IDENTIFIER,
            f"text with {few} different values in {rows} rows: too few rows share one to learn from it",
        )
    return table.Kind.CATEGORY, f"text with {few} different values, with {rows / few:,.1f} rows each on average"


def _mean_words(facts: _Facts) -> float:
    return float(np.mean([len(text.split()) for text in _some_texts(facts)]))


def _numbers_among(facts: _Facts) -> float:
    """Share of the distinct texts that are numbers, plain or as people write them for people."""
    return float(np.mean([_reads_as_number(text) for text in _some_texts(facts)]))


def _reads_as_number(text: str) -> bool:
    digits = any(sign.isdigit() for sign in text)
    plain = digits and _A_NUMBER.fullmatch(text) is not None
    return plain or (not text.strip().isdigit() and dressed.dressed([text]))


def _some_texts(facts: _Facts) -> list[str]:
    chosen = facts.distinct[:: max(1, len(facts.distinct) // SAMPLED_LEVELS)]
    return [facts.column.levels[int(code)] for code in chosen]

"""Types columns of text: number, boolean, date, or text as it stands. Works on whole columns, inside DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data import dressed, table
from burnish.load.cells import Cells, in_order
from burnish.load.cells import Typed as Typed
from burnish.load.cells import quoted as quoted
from burnish.load.database import PADDED

# Share of a column's values from which it is a column of numbers with a few slips, which become missing and are
# reported. More than one in fifty are no slips: the odd values mean something (a code, another unit), and the column
# stays text.
NUMBERS = 0.98

# Largest integer up to which float64 holds every integer. Beyond it two different numbers may become one.
EXACT = 2**53

# Columns in one query: each query is planned anew, which costs more than to read a small table. Of few rows more come
# together, as cells one under the other: on 100 rows that takes a third of the time of a query's column each, and on
# 200,000 half as much again.
TOGETHER, FEW_ROWS, TOGETHER_FEW = 128, 2_000, 512

# A form of date that does not fit these texts is not tried on all of them: at 0.2 microseconds a text and form, words
# would cost more than numbers.
FIRST_TEXTS = 2_000

# Of this many rows, spread over the table, no more than this share may be distinct texts where each text of a column is
# judged once: to find out the texts costs as much as a few judgements of all rows. A choice.
SAMPLED_ROWS, FEW_TEXTS = 1 << 15, 0.5

_PAIRS = (("true", "false"), ("yes", "no"), ("t", "f"))
_TRUE, _FALSE = ("true", "yes", "t", "y", "1", "1.0"), ("false", "no", "f", "n", "0", "0.0")
_DAY_MONTH = r"\s*\d{1,2}([/.-])\d{1,2}[/.-]\d{4}( \d{1,2}:\d{2}(:\d{2})?)?\s*"
_TIMES = ("", " %H:%M", " %H:%M:%S")
_NONE = np.empty(0, np.int64)


def _parts(first: str, second: str) -> str:
    """SQL that reads v as a date with two numbers before the year, with or without a time of day."""
    forms = ", ".join(quoted(f"{first}/{second}/%Y{time}") for time in _TIMES)
    # The pattern comes first: failing to read a date costs microseconds, and most columns of text hold none.
    date = f"CASE WHEN regexp_full_match(v, {quoted(_DAY_MONTH)}) THEN translate(trim(v), '.-', '//') END"
    return f"epoch(try_strptime({date}, [{forms}]))"


_FORMS = ("iso(v)", _parts("%d", "%m"), _parts("%m", "%d"))  # each gives seconds since 1970-01-01 UTC, or null


@dataclass(frozen=True, slots=True)
class _Counts:
    """How the values of a column read as numbers."""

    present: int
    numbers: int  # infinite ones included
    padded: int  # integers with a leading zero
    largest: float  # of the finite ones, absolute

    @property
    def mostly(self) -> bool:
        return self.numbers > 0 and self.numbers >= NUMBERS * self.present


def columns(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    names: Mapping[str, str],
    *,
    types: Mapping[str, table.Physical],
    delimiter: str | None = None,
) -> list[Typed]:
    """Type the text columns of a table in the database.

    Args:
        connection: From `connect`.
        relation: The table in it; its rows stand in the order of the source.
        names: For each SQL name of a column, the name that the person gave it.
        types: Types that are demanded, by the person's name; the rest are found.
        delimiter: Of the file; what a comma in a number can mean depends on it. None where the source is no text table.

    Raises:
        DataError: A column cannot be read as the date that is demanded.
    """
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()
    repetitive = _repetitive(connection, relation, list(names), rows)
    maybe = [
        sql for sql, name in names.items() if types.get(name) in (None, table.Physical.NUMBER) and sql not in repetitive
    ]
    plain = _plain_numbers(connection, relation, maybe, rows)

    def cells(sql: str) -> Cells:
        every = Cells.of(connection, relation, sql, names[sql])
        return every.distinct() if sql in repetitive else every

    found = {
        sql: Typed(table.Column(name, table.Physical.NUMBER, plain[sql]), _NONE)
        if sql in plain
        else _typed(cells(sql), types.get(name), delimiter)
        for sql, name in names.items()
    }
    if any(one.commas for one in found.values()):
        for sql, one in found.items():
            if one.column.physical is table.Physical.NUMBER and not one.commas:
                found[sql] = _doubted(one, cells(sql))
    return list(found.values())


def _repetitive(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], rows: int
) -> frozenset[str]:
    """The columns that say few things many times; none of a table of few rows, where it does not pay to look."""
    found: list[str] = []
    step = -(-rows // SAMPLED_ROWS)
    for start in range(0, len(columns) if rows > FEW_ROWS else 0, TOGETHER):
        some = columns[start : start + TOGETHER]
        counts = ", ".join(f"approx_count_distinct({c})" for c in some)
        [(sampled, *texts)] = connection.execute(
            f"SELECT count(*), {counts} FROM {relation} WHERE rowid % {step} = 0"
        ).fetchall()
        found += [c for c, distinct in zip(some, texts, strict=True) if distinct <= FEW_TEXTS * sampled]
    return frozenset(found)


def _doubted(one: Typed, cells: Cells) -> Typed:
    """A column of numbers beside others with decimal commas; noted, where its points may part the thousands."""
    pointed = cells.where("contains(v, '.') AND NOT absent(v)", limit=1)
    grouped = r"regexp_full_match(v, '\s*[+-]?[1-9]\d{0,2}(\.\d{3})+\s*')"
    if not pointed or not cells.row(f"bool_and({grouped} OR NOT contains(v, '.') OR absent(v))")[0]:
        return one
    note = f"Column {cells.name!r} is read with decimal points, such as {pointed[0][1]!r}, though others have decimal"
    return replace(one, note=f"{note} commas. If the points part thousands, leave them out.")


def _plain_numbers(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], rows: int
) -> dict[str, NDArray[np.float64]]:
    """The columns in which every cell is missing or a finite number that float64 holds: most, so many at a time."""
    values: dict[str, NDArray[np.float64]] = {}
    together, read = (TOGETHER_FEW, _one_under_the_other) if rows <= FEW_ROWS else (TOGETHER, _side_by_side)
    for start in range(0, len(columns), together):
        some = columns[start : start + together]
        for name, (numbers, odd) in zip(some, read(connection, relation, some, rows), strict=True):
            present = numbers[~np.isnan(numbers)]
            if not odd.any() and len(present) and np.abs(present).max() < EXACT:
                values[name] = numbers
    return values


def _side_by_side(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], rows: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """The number that each cell is (NaN: none), and whether the cell is odd, for each column."""
    reads = ", ".join(f"{c} AS v{k}, nullif(point({c}), 'nan'::DOUBLE) AS x{k}" for k, c in enumerate(columns))
    select = ", ".join(
        f"coalesce(x{k}, 'nan'::DOUBLE) AS number{k}, odd(v{k}, x{k}) AS odd{k}" for k in range(len(columns))
    )
    found = in_order(connection, f"SELECT i, {select} FROM (SELECT rowid AS i, {reads} FROM {relation})")
    for k in range(len(columns)):
        yield found[f"number{k}"], found[f"odd{k}"]


def _one_under_the_other(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], rows: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """The same, its conditions planned once: for each column they take a millisecond, which many short columns feel."""
    unnested = f"unnest([{', '.join(columns)}]) AS v, unnest(range({len(columns)})) AS place"
    found = connection.execute(
        "SELECT i, place, coalesce(x, 'nan'::DOUBLE) AS number, odd(v, x) AS odd"
        " FROM (SELECT i, place, v, nullif(point(v), 'nan'::DOUBLE) AS x"
        f" FROM (SELECT rowid AS i, {unnested} FROM {relation}))"
    ).fetchnumpy()
    numbers, odd = np.empty((len(columns), rows)), np.empty((len(columns), rows), bool)
    at = np.asarray(found["place"]), np.asarray(found["i"])
    numbers[at], odd[at] = found["number"], found["odd"]
    return zip(numbers, odd, strict=True)


def _typed(cells: Cells, demanded: table.Physical | None, delimiter: str | None) -> Typed:
    match demanded:
        case table.Physical.TEXT:
            return _text(cells)
        case table.Physical.NUMBER:
            return _number(cells, "comma" if _has_decimal_commas(cells, delimiter) else "point")
        case table.Physical.BOOLEAN:
            return _boolean(cells)
        case table.Physical.DATE:
            return _demanded_date(cells)
        case _:
            return _found(cells, delimiter)


def _has_decimal_commas(cells: Cells, delimiter: str | None) -> bool:
    """Whether commas read more of the cells than points do, and are decimal in them for sure."""
    more = delimiter != "," and _counts(cells, "comma").numbers > _counts(cells, "point").numbers
    return more and not _may_part_thousands(cells, delimiter)


def _found(cells: Cells, delimiter: str | None) -> Typed:
    """The most special type that fits the whole column."""
    points = _counts(cells, "point")
    if points.present == 0:
        return _number(cells, "point")
    if points.mostly:
        return _number_or_code(cells, "point", points)
    if delimiter not in (None, ",") and cells.row("bool_or(contains(v, ','))")[0]:
        commas = _counts(cells, "comma")
        if commas.mostly:
            return _comma_number(cells, commas, delimiter)
    if _is_boolean(cells):
        return _boolean(cells)
    return _date_or_text(cells, points)


def _counts(cells: Cells, macro: str) -> _Counts:
    present, numbers, padded, largest = cells.row(
        # CASE spares the numbers, nearly all cells of most tables, the slow comparisons of text.
        "tally(n, CASE WHEN x IS NULL THEN NOT absent(v) ELSE true END), tally(n, x IS NOT NULL),"
        f" tally(n, CASE WHEN x = trunc(x) THEN regexp_full_match(v, {PADDED}) ELSE false END),"
        " max(abs(x)) FILTER (isfinite(x))",
        number=f"{macro}(v)",
    )
    return _Counts(present, numbers, padded, largest or 0.0)


def _number_or_code(cells: Cells, macro: str, counts: _Counts) -> Typed:
    """A column of numbers, unless it is a code whose digits a number would lose."""
    if counts.padded:
        [(_, example)] = cells.where(f"regexp_full_match(v, {PADDED})", limit=1)
        return _text(
            cells, f"Column {cells.name!r} is kept as text: a number would lose the leading zero of {example!r}."
        )
    if counts.largest >= EXACT and (
        long := cells.where(f"regexp_full_match(v, '\\s*[+-]?\\d+\\s*') AND abs({macro}(v)) >= {EXACT}", limit=1)
    ):
        return _text(
            cells, f"Column {cells.name!r} is kept as text: {long[0][1]!r} has more digits than a number holds."
        )
    return _number(cells, macro)


def _comma_number(cells: Cells, counts: _Counts, delimiter: str | None) -> Typed:
    """A column with decimal commas, unless the commas may as well part the thousands."""
    if _may_part_thousands(cells, delimiter):
        [(_, example)] = cells.where("contains(v, ',')", limit=1)
        return _text(
            cells, f"Column {cells.name!r} is kept as text: the comma in {example!r} may be decimal or part thousands."
        )
    return _number_or_code(cells, "comma", counts)


def _may_part_thousands(cells: Cells, delimiter: str | None) -> bool:
    """Whether every value is written as where commas part the thousands: 1,234 may then be 1234 as well as 1.234."""
    # A file cut by semicolons comes from where the comma is decimal; tabs and bars say nothing of it.
    grouped = r"'\s*[+-]?[1-9]\d{0,2}(,\d{3})*\s*'"
    return delimiter != ";" and bool(cells.row(f"bool_and(regexp_full_match(v, {grouped}) OR absent(v))")[0])


def _number(cells: Cells, macro: str) -> Typed:
    values = cells.floats(f"{macro}(v)")
    infinite = np.flatnonzero(np.isinf(values))
    odd_cell = f"CASE WHEN {macro}(v) IS NULL THEN NOT absent(v) ELSE false END"
    odd = cells.where(odd_cell) if np.isnan(values).any() else ()
    return Typed(table.Column(cells.name, table.Physical.NUMBER, values), infinite, odd, commas=macro == "comma")


def _is_boolean(cells: Cells) -> bool:
    """Whether both words of one pair occur, and nothing else. 0 and 1 stay numbers."""
    words = cells.connection.execute(
        f"SELECT DISTINCT lower(trim(v)) FROM ({cells.source}) WHERE NOT absent(v) LIMIT 3"
    ).fetchall()
    return {word for (word,) in words} in [set(pair) for pair in _PAIRS]


def _boolean(cells: Cells) -> Typed:
    true, false = (", ".join(map(quoted, words)) for words in (_TRUE, _FALSE))
    reads = f"CASE WHEN lower(trim(v)) IN ({true}) THEN 1 WHEN lower(trim(v)) IN ({false}) THEN 0 END"
    odd = cells.where(f"{reads} IS NULL AND NOT absent(v)")
    no, yes = cells.row(", ".join(f"min(trim(v)) FILTER (({reads}) = {value})" for value in (0, 1)))
    words = None if no is None or yes is None else (no, yes)
    return Typed(table.Column(cells.name, table.Physical.BOOLEAN, cells.floats(reads), words=words), _NONE, odd)


def _date_or_text(cells: Cells, points: _Counts) -> Typed:
    forms = _dates(cells)
    if len(forms) == 1:
        return _date(cells, forms[0])
    if len(forms) > 1:
        [(_, example)] = cells.where("NOT absent(v)", limit=1)
        return _text(
            cells, f"Column {cells.name!r} is kept as text: {example!r} may begin with the day or with the month."
        )
    if points.numbers * 2 > points.present:
        [(_, example)] = cells.where("point(v) IS NULL AND NOT absent(v)", limit=1)
        others = points.present - points.numbers
        return _text(
            cells,
            f"Column {cells.name!r} is kept as text:"
            f" {others} of its {points.present} values are no numbers, such as {example!r}.",
        )
    if cells.row(f"tally(n, regexp_full_match(v, {quoted(dressed.PATTERN)}))")[0] == points.present:
        [(_, example)] = cells.where("NOT absent(v)", limit=1)
        return _text(
            cells,
            f"Column {cells.name!r} is kept as text: its values look like numbers, but for signs or commas in them, "
            f"such as {example!r}. Write them with digits and a decimal point alone to have them read.",
        )
    cells = cells.distinct()
    return _text(cells, _words_for_nothing(cells))


def _words_for_nothing(cells: Cells) -> str | None:
    """What is made of words such as NA and none in a column of words, which may as well be what they say: a region."""
    found = cells.connection.execute(
        f"SELECT trim(v), sum(n)::BIGINT, void(v) FROM ({cells.source}) WHERE absent(v) AND trim(v, ' \t') <> ''"
        " GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    words = [(f"{word!r} ({rows:,} row{'' if rows == 1 else 's'})", void) for word, rows, void in found]
    missing, kept = ([word for word, void in words if void is wanted] for wanted in (True, False))
    told = [f"{', '.join(missing)} is read as a missing value"] if missing else []
    told += [f"{', '.join(kept)} as a value of its own"] if kept else []
    return f"Column {cells.name!r}: {', '.join(told)}." if told else None


def _dates(cells: Cells) -> list[str]:
    """The expressions, each of which reads every value of the column as a date: none, one, or two that disagree."""
    forms = list(_FORMS)
    for limit in (FIRST_TEXTS, None):
        if forms:
            fits = cells.row(", ".join(f"bool_and({form} IS NOT NULL OR absent(v))" for form in forms), limit=limit)
            forms = [form for form, fit in zip(forms, fits, strict=True) if fit]
    return forms


def _date(cells: Cells, form: str) -> Typed:
    odd = cells.where(f"{form} IS NULL AND NOT absent(v)")
    return Typed(table.Column(cells.name, table.Physical.DATE, cells.floats(form)), _NONE, odd)


def _demanded_date(cells: Cells) -> Typed:
    """The form that reads the most values; two that read as many, and differently, cannot be told apart."""
    reads = cells.row(", ".join(f"tally(n, {form} IS NOT NULL)" for form in _FORMS))
    iso, day_first, month_first = reads
    if day_first == month_first > iso and cells.row(f"bool_or({_FORMS[1]} <> {_FORMS[2]})")[0]:
        [(_, example)] = cells.where("NOT absent(v)", limit=1)
        raise errors.DataError(
            f"The dates of column {cells.name!r} can be read in two ways.",
            f"{example!r} may begin with the day or with the month, and no value of the column settles it.",
            "Write the dates as year-month-day, such as 2024-01-31.",
        )
    return _date(cells, _FORMS[reads.index(max(reads))])


def _text(cells: Cells, note: str | None = None) -> Typed:
    """Text coded by its sorted distinct values."""
    distinct = cells.distinct()
    levels = tuple(text for _, text in distinct.texts("NOT void(v)"))
    codes = distinct.fetch("CASE WHEN void(v) THEN -1 ELSE count_if(NOT void(v)) OVER (ORDER BY i) - 1 END")
    return Typed(table.Column(cells.name, table.Physical.TEXT, codes.astype(np.int32), levels), _NONE, note=note)

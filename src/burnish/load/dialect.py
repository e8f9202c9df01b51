"""How a text table is written: its delimiter, quotes and escapes, found from the start of the file."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|")  # in order of preference where all else is equal
QUOTES = ('"', "'")

# Share of the sample's records that must have one and the same number of fields before a delimiter is believed:
# below a half, more records would be refused than read.
LEAST_CONSISTENT = 0.5

# Factor for delimiters that make no regular table: chosen over a single column (so that the person is told that the
# records are broken), but never over a delimiter that does.
RESORT = 1e-3

# Records of the sample that are scored. Van den Burg et al. (2019), "Wrangling messy CSV files by detecting row and
# type patterns", find that some hundred lines settle the dialect of nearly every file.
SCORED_RECORDS = 300

# What a cell looks like when the file was cut at the right places: a number (point or comma), a date, or nothing.
_TYPED = re.compile(
    r"\s*(?:[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T][\d:.+Z-]+)?)?\s*"
)
_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?\s*")
_UNCUT = re.compile(r"[;|\t]|,(?! )")  # a delimiter left inside a cell; a comma before a space is prose


@dataclass(frozen=True, slots=True)
class Dialect:
    """The characters that give a text table its form."""

    delimiter: str
    quote: str = '"'
    backslash: bool = False  # a quote inside quotes is written \\" and not ""
    padded: bool = False  # a space follows each delimiter, before the quotes

    @property
    def plain(self) -> bool:
        """Whether quotes are doubled and stand next to the delimiters, as RFC 4180 (2005) has it."""
        return not (self.backslash or self.padded)

    def reader(self, lines: Iterator[str], *, strict: bool = True) -> Iterator[list[str]]:
        """The records in these lines; where `strict`, `csv.Error` on a quote out of place."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            doublequote=not self.backslash,
            escapechar="\\" if self.backslash else None,
            skipinitialspace=self.padded,
            strict=strict,
        )


def is_number(cell: str) -> bool:
    """Whether the cell is written like a number, with a point or a comma.

    >>> is_number("-1,5e3"), is_number("x1"), is_number("")
    (True, False, False)
    """
    return _NUMBER.fullmatch(cell) is not None


def declared(sample: str) -> str | None:
    """The delimiter that the first line declares, as spreadsheets write it.

    >>> declared("sep=;\\na;b\\n")
    ';'
    """
    found = re.match(r'"?sep=([^\w\n\r"])"?\r?\n', sample)
    return found[1] if found else None


def detect(sample: str, delimiters: Sequence[str] = DELIMITERS) -> Dialect:
    """The dialect under which the sample makes the most regular table.

    Each delimiter and quote is tried. Its score is the share of records that have the commonest number of fields, times
    the share of cells that look whole, times (1 - 1/fields): after van den Burg et al. (2019). A file that no delimiter
    cuts has a single column.

    Args:
        sample: The start of the file, cut at the end of a line.
        delimiters: Those to choose from.
    """
    candidates = [_candidate(sample, delimiter, quote) for quote in _quotes(sample) for delimiter in delimiters]
    scores = [_score(sample, candidate) for candidate in candidates]
    best = max(range(len(scores)), key=lambda i: (scores[i], -i))
    return candidates[best] if scores[best] > 0 else _candidate(sample, delimiters[0], '"')


def _quotes(sample: str) -> tuple[str, ...]:
    """The quotes that enclose some field of the sample: the double ones, unless only the single ones do."""
    for quote in QUOTES:
        if re.search(rf"(?m)(?:^|[,;|\t]) ?{quote}[^{quote}\n]*{quote}(?:$|[,;|\t\r])", sample):
            return (quote,)
    return QUOTES[:1]


def _candidate(sample: str, delimiter: str, quote: str) -> Dialect:
    ends = rf"(?:{re.escape(delimiter)}|\r?$)"
    backslash = re.search(rf"(?m)\\{quote}(?!{ends})", sample) is not None and not re.search(
        rf"(?m)[^{re.escape(delimiter)}\n\\]{quote}{quote}(?!{ends})", sample
    )
    padded = re.search(rf"{re.escape(delimiter)} +{quote}", sample) is not None
    return Dialect(delimiter, quote, backslash, padded)


def _score(sample: str, dialect: Dialect) -> float:
    """Between 0 and 1; 0 where the delimiter makes no table of the sample."""
    records = []
    for record in dialect.reader(io.StringIO(sample, newline=""), strict=False):
        if record:
            records.append(record)
        if len(records) == SCORED_RECORDS:
            break
    if not records:
        return 0.0
    fields, alike = Counter(map(len, records)).most_common(1)[0]
    consistent = alike / len(records)
    if fields < 2:
        # A header of several names over records of one field is a broken table, not a single column.
        return RESORT if len(records[0]) > 1 and _UNCUT.search(dialect.delimiter.join(records[0])) else 0.0
    cells = [cell for record in records for cell in record]
    whole = sum(_TYPED.fullmatch(cell) is not None or not _UNCUT.search(cell) for cell in cells) / len(cells)
    score = consistent * whole * (1 - 1 / fields)
    return score if consistent >= LEAST_CONSISTENT else score * RESORT

"""Cuts a text table into records: which lines each one takes, and which ones are broken.

The clean records are written to a canonical copy (UTF-8, line feeds, RFC 4180 quotes), which DuckDB then reads; the
others become rejects. Blocks in which all quotes are in order are cut with numpy; the rest are read record by record
with `csv`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from burnish.data import table
from burnish.load import dialect as dialects
from burnish.load.drawing import Drawing

BLOCK = 1 << 22  # bytes read at a time
LONGEST_RECORD = 1 << 20  # bytes; a quote that is open for longer than a mebibyte was never meant to be closed
SHOWN = 80  # characters of a record that a reject shows

_LF, _CR = 10, 13


@dataclass(slots=True)
class Scan:
    """What was found; filled block by block."""

    drawing: Drawing = field(default_factory=Drawing)  # which clean records are copied
    lines: list[NDArray[np.int64]] = field(default_factory=list)  # first lines of the clean records
    rejects: list[table.Reject] = field(default_factory=list)
    longest: int = 0  # bytes of the longest clean record

    @property
    def row_ids(self) -> NDArray[np.int64]:
        return np.concatenate(self.lines) if self.lines else np.empty(0, np.int64)


def canonical(
    source: BinaryIO,
    target: BinaryIO,
    dialect: dialects.Dialect,
    *,
    fields: int,
    line: int,
    drawing: Drawing | None = None,
) -> Scan:
    """Copy the clean records after the header; report the others.

    Args:
        source: UTF-8 bytes, placed after the header's line.
        target: Takes the clean records, each ended by one line feed.
        dialect: How the source is written. The copy has the same delimiter and quote, doubled and not padded.
        fields: Number of fields that a record must have.
        line: 1-based number of the line at which the source stands.
        drawing: Which clean records are copied; None: all.
    """
    scan = Scan() if drawing is None else Scan(drawing)
    rest = b""
    while True:
        block = source.read(BLOCK)
        last = not block
        data = rest + block
        if not data:
            return scan
        if last and not data.endswith(b"\n"):
            data += b"\n"
        used = _fast(data, target, dialect, fields, line, scan) if dialect.plain else None
        if used is None or (used == 0 and (last or len(data) > LONGEST_RECORD + BLOCK)):
            used = _careful(data, target, dialect, fields, line, scan, last=last)
        line += data.count(b"\n", 0, used)
        rest = data[used:]
        if last and not rest:
            return scan


def _fast(data: bytes, target: BinaryIO, dialect: dialects.Dialect, fields: int, line: int, scan: Scan) -> int | None:
    """Cut a block at once; the number of bytes used, or None where something in it needs a closer look."""
    content = np.frombuffer(data, np.uint8)
    feeds = np.flatnonzero(content == _LF)
    quotes = np.flatnonzero(content == ord(dialect.quote))
    delimiters = np.flatnonzero(content == ord(dialect.delimiter))
    has_returns = b"\r" in data
    if len(quotes):
        if not _quotes_in_order(content, quotes, dialect.delimiter):
            return None
        outside = np.searchsorted(quotes, feeds) % 2 == 0
        ends = feeds[outside]
        if has_returns and not outside.all():
            return None
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
    else:
        ends = feeds
    if not len(ends):
        return 0
    used = int(ends[-1]) + 1
    text = data[:used]
    if (has_returns and text.count(b"\r") != text.count(b"\r\n")) or not _is_utf8(text):
        return None
    starts = np.concatenate(([0], ends[:-1] + 1))
    widths = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
    lengths = ends - starts
    blank = (lengths == 0) | ((lengths == 1) & (content[starts] == _CR))
    good = (widths == fields) & ~blank
    numbers = line + np.searchsorted(feeds, starts)
    for i in np.flatnonzero(~good & ~blank):
        reason = _ragged(int(widths[i]), fields)
        scan.rejects.append(_reject(int(numbers[i]), reason, text[starts[i] : ends[i]].decode()))
    good[good] = scan.drawing.next(int(good.sum()))
    kept = text if good.all() else content[:used][np.repeat(good, lengths + 1)].tobytes()
    target.write(kept.replace(b"\r\n", b"\n") if has_returns else kept)
    scan.lines.append(numbers[good].astype(np.int64))
    if good.any():
        scan.longest = max(scan.longest, int(lengths[good].max()) + 1)
    return used


def _quotes_in_order(content: NDArray[np.uint8], quotes: NDArray[np.intp], delimiter: str) -> bool:
    """Whether each quote opens at the start of a field, closes at the end of one, or is half of a doubled quote."""
    edges = np.zeros(256, bool)
    edges[[_LF, _CR, ord(delimiter)]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    doubled = np.zeros(len(quotes) + 1, bool)  # quote i stands right after quote i - 1
    doubled[1:-1] = np.diff(quotes) == 1
    after_edge = edges[content[opening - 1]] | (opening == 0)
    opens = after_edge | doubled[0:-1:2][: len(opening)]
    before_edge = edges[content[np.minimum(closing + 1, len(content) - 1)]] | (closing == len(content) - 1)
    closes = before_edge | doubled[2::2][: len(closing)]
    return bool(opens.all() and closes.all())


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


class _OutOfLines(Exception):
    """The record goes on beyond the lines at hand."""


def _careful(
    data: bytes, target: BinaryIO, dialect: dialects.Dialect, fields: int, line: int, scan: Scan, *, last: bool
) -> int:
    """Cut a block record by record; the number of bytes used. A broken record costs one line: the next begins anew."""
    complete = len(data) if last else data.rfind(b"\n") + 1
    lines = data[:complete].split(b"\n")[:-1]
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=dialect.delimiter, quotechar=dialect.quote, lineterminator="\n", quoting=csv.QUOTE_ALL
    )
    kept: list[int] = []
    used = i = 0
    while i < len(lines):
        if not lines[i].strip(b"\r"):
            used += len(lines[i]) + 1
            i += 1
            continue
        try:
            record, count = _record(lines, i, dialect)
            reason = "" if len(record) == fields else _ragged(len(record), fields)
        except _OutOfLines:
            if not last and complete - used <= LONGEST_RECORD:
                break
            count, reason = 1, "a quote is opened and never closed"
        except csv.Error as error:
            # A field beyond the limit of `csv` is nearly always the rest of the file after a quote that opens.
            why = "a quote is opened and not closed for long" if "larger than field limit" in str(error) else str(error)
            count, reason = 1, f"not a well-formed record ({why})"
        except UnicodeDecodeError as error:
            count, reason = 1, f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        if reason:
            shown = b"\n".join(lines[i : i + count]).decode("utf-8", errors="replace")
            scan.rejects.append(_reject(line + i, reason, shown))
        elif scan.drawing.next(1)[0]:
            position = out.tell()
            writer.writerow(record)
            kept.append(line + i)
            scan.longest = max(scan.longest, 4 * (out.tell() - position))  # a character has at most four bytes
        used += sum(map(len, lines[i : i + count])) + count
        i += count
    target.write(out.getvalue().encode())
    scan.lines.append(np.asarray(kept, np.int64))
    return used


def _record(lines: list[bytes], i: int, dialect: dialects.Dialect) -> tuple[list[str], int]:
    """The fields of the record that begins at line i, and how many lines it takes."""
    taken = 0

    def feed() -> Iterator[str]:
        nonlocal taken
        size = 0
        for k in range(i, len(lines)):
            size += len(lines[k])
            if size > LONGEST_RECORD and taken:
                break
            taken += 1
            yield lines[k].decode() + "\n"
        raise _OutOfLines

    record = next(dialect.reader(feed()))
    return record, taken


def _ragged(found: int, fields: int) -> str:
    return f"{found} field{'' if found == 1 else 's'} where the header has {fields}"


def _reject(line: int, reason: str, text: str) -> table.Reject:
    return table.Reject(line=line, column=None, reason=reason, text=text.rstrip("\r\n")[:SHOWN])

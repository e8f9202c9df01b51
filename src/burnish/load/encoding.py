"""Which bytes mean which characters: brings any text source to UTF-8 with one kind of line end."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from burnish import errors
from burnish.load import foreign

BLOCK = 1 << 22  # bytes read at a time: large enough that numpy outweighs Python, small beside any memory

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Share of zero bytes on one side of every pair from which text is UTF-16 without a mark: Latin letters have one
# zero in each pair, UTF-8 none at all.
UTF16_ZEROS = 0.4

_NOT_CP1252 = b"\x81\x8d\x8f\x90\x9d"


def find(path: Path, shown: str) -> tuple[str, str | None]:
    """The encoding of a text file, and a note where it was inferred rather than declared.

    A byte-order mark decides. Else the file is UTF-8, unless more of its bytes break UTF-8 than make characters of it:
    then it is Windows-1252 (Latin 1 where even that cannot be). A UTF-8 file with a few broken bytes stays UTF-8, and
    the records that hold them become rejects.

    Raises:
        DataError: The file is empty, or no table of text.
    """
    with path.open("rb") as file:
        start = file.read(1 << 16)
        if not start.strip():
            raise errors.DataError(
                f"{shown} is empty.", "There is no header and no record in it.", "Check that the file was written."
            )
        for mark, name in _MARKS:
            if start.startswith(mark):
                return name, None
        if (wide := _utf16_without_mark(start)) is not None:
            return wide, f"Read as {wide}: every second byte is zero."
        foreign.refuse_binary(start, shown)
        file.seek(0)
        return _eight_bit(file)


def _utf16_without_mark(start: bytes) -> str | None:
    pairs = len(start) // 2
    if pairs == 0:
        return None
    low, high = start[0::2].count(0) / pairs, start[1::2].count(0) / pairs
    if high > UTF16_ZEROS and low == 0:
        return "utf-16-le"
    if low > UTF16_ZEROS and high == 0:
        return "utf-16-be"
    return None


def _eight_bit(file: BinaryIO) -> tuple[str, str | None]:
    """UTF-8, or Windows-1252 or Latin 1 where more bytes are broken UTF-8 than make characters of it."""
    broken, wide, cp1252 = 0, 0, True
    for block in _line_blocks(file):
        if block.isascii():
            continue
        text = block.decode("utf-8", errors="replace")
        wrong = text.count("\N{REPLACEMENT CHARACTER}") - block.count("\N{REPLACEMENT CHARACTER}".encode())
        broken += wrong
        wide += len(text) - len(text.encode("ascii", errors="ignore")) - wrong
        if wrong:
            cp1252 = cp1252 and block.translate(None, _NOT_CP1252) == block
    if broken <= wide:
        return "utf-8", None
    name = "cp1252" if cp1252 else "latin-1"
    return name, f"Read as {name}: the file holds bytes that are not UTF-8."


def _line_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Blocks that end with a line, so that no character of UTF-8 is cut."""
    while block := file.read(BLOCK):
        yield block + file.readline()


def to_utf8(source: Path, target: Path, encoding: str, shown: str) -> None:
    """Write the file again in UTF-8, its line ends untouched.

    Raises:
        DataError: A declared encoding does not fit the bytes.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    with source.open("rb") as file, target.open("wb") as out:
        try:
            while block := file.read(BLOCK):
                out.write(decoder.decode(block).encode())
            out.write(decoder.decode(b"", final=True).encode())
        except UnicodeError as error:
            raise errors.DataError(
                f"{shown} cannot be read as {encoding}.",
                f"Its first bytes say that it is {encoding}, but then: {error}.",
                "Save the file again as UTF-8.",
            ) from error


def single_line_ends(source: Path, target: Path) -> None:
    """Write the file again with line feeds for the carriage returns of old Macintosh files."""
    with source.open("rb") as file, target.open("wb") as out:
        while block := file.read(BLOCK):
            out.write(block.replace(b"\r", b"\n"))


def has_old_line_ends(path: Path) -> bool:
    """Whether every line ends with a lone carriage return, as on the Macintosh before 2001."""
    returns = False
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if b"\n" in block:
                return False
            returns = returns or b"\r" in block
    return returns

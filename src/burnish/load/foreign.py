"""Says what a file is that holds no table, and how its owner gets to one."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from burnish import errors

TABLES = "Give a table: CSV or TSV, JSON lines, Parquet or NPZ."
SHEET = "Save the sheet as CSV, and give that."
CSV = "Save the table in it as CSV, and give that."
PARQUET = "Save it as Parquet."
UNPACK = "Unpack it, and give the file inside."

# How files that are no text begin, what they are, and what to do; from their formats' specifications. Some begin with
# letters that a header might begin with too: they count only where bytes follow that no text holds.
_BINARY = (
    (b"\x89PNG", "a PNG picture", TABLES),
    (b"\xff\xd8\xff", "a JPEG picture", TABLES),
    (b"GIF8", "a GIF picture", TABLES),
    (b"\xd0\xcf\x11\xe0", "an old office document (.xls or .doc)", SHEET),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV or Parquet."),
    (b"ARROW1", "an Arrow file", PARQUET),
    (b"FEA1", "a Feather file", PARQUET),
    (b"ORC", "an ORC file", PARQUET),
    (b"Obj\x01", "an Avro file", PARQUET),
    (b"\x89HDF", "an HDF5 file", "Export the table as Parquet or NPZ."),
    (b"\x93NUMPY", "one NumPy array (.npy)", "Write it with numpy.savez(path, X=..., y=...), and give that."),
    (b"MATLAB 5.0", "a MATLAB file", CSV),
    (b"RDX", "an R data file", CSV),
    (b"X\n\x00", "an R data file", CSV),
    (b"<stata_dta>", "a Stata file", CSV),
    (b"$FL2", "an SPSS file", CSV),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ", "an XZ archive", UNPACK),
    (b"7z\xbc\xaf", "a 7-Zip archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", UNPACK),
    (b"\x7fELF", "a program", TABLES),
)
_TEXT = (
    (b"%PDF-", "a PDF document", CSV),
    (b"%!PS-", "a PostScript document", CSV),
    (b"{\\rtf", "an RTF document", CSV),
    (b"version https://git-lfs", "a Git LFS pointer, and not the file it stands for", "Run `git lfs pull`."),
)
_TAR = slice(257, 262)
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body|table|meta)\b", re.IGNORECASE)
# Protocol 2 and later: those that Python has written since 2003. A text in Latin letters begins otherwise.
_PICKLE = re.compile(rb"\x80[\x02-\x05]")

# Where an office document keeps its contents within its ZIP archive.
_OFFICE = (
    ("xl/", "an Excel workbook", SHEET),
    ("word/", "a Word document", CSV),
    ("ppt/", "a PowerPoint document", CSV),
    ("content.xml", "an OpenDocument file", SHEET),
)
# Bytes that no text file holds: control characters other than tab, line ends, form feed, and the DOS end of file.
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\x0c\x1a"))


def refuse(path: Path, start: bytes, shown: str) -> None:
    """Refuse a file of a known format that holds no table.

    Args:
        path: The file.
        start: Its first bytes.
        shown: How messages call it.

    Raises:
        DataError: It is such a file.
    """
    found = _known(path, start.removeprefix(b"\xef\xbb\xbf"))
    if found is not None:
        raise _refusal(shown, *found)


def refuse_binary(start: bytes, shown: str) -> None:
    """Refuse what is no text, whatever else it may be.

    Raises:
        DataError: The first bytes are no text.
    """
    if not _is_text(start):
        raise _refusal(shown, "It holds bytes that no text file holds.", TABLES)


def _refusal(shown: str, why: str, remedy: str) -> errors.DataError:
    return errors.DataError(f"{shown} cannot be read as a table.", why, remedy)


def _is_text(start: bytes) -> bool:
    return start.translate(None, _CONTROL) == start


def _known(path: Path, start: bytes) -> tuple[str, str] | None:
    """What the file is, as a sentence, and what to do; None where that is not known."""
    for magic, what, remedy in _TEXT:
        if start.startswith(magic):
            return f"It is {what}.", remedy
    if (marked := _marked(start)) is not None or _is_text(start):
        return marked
    if start.startswith(b"PK"):
        return _archive(path)
    if _PICKLE.match(start):
        return (
            "It is a Python pickle, which can run any code when it is read.",
            "Save the table as Parquet or CSV, and give that: burnish never unpickles.",
        )
    if start[_TAR] == b"ustar":
        return "It is a TAR archive.", UNPACK
    for magic, what, remedy in _BINARY:
        if start.startswith(magic):
            return f"It is {what}.", remedy
    return None


def _marked(start: bytes) -> tuple[str, str] | None:
    """A page or another document of marked-up text, behind any declarations and comments."""
    begun = start.lstrip()
    declared = begun[:5].lower() == b"<?xml"
    while begun.startswith((b"<?", b"<!--")):
        begun = begun.partition(b"?>" if begun.startswith(b"<?") else b"-->")[2].lstrip()
    if _HTML.match(begun):
        return (
            "It is an HTML page: the page around a download, perhaps, or one that asks to log in.",
            "Download the file itself, or save the table in the page as CSV, and give that.",
        )
    return ("It is an XML document.", CSV) if declared or begun[:4].lower() == b"<svg" else None


def _archive(path: Path) -> tuple[str, str]:
    """An office document, or what lies in a ZIP archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except zipfile.BadZipFile:
        return "It is a ZIP archive or an office document, and damaged.", "Check that the file is whole."
    for inside, what, remedy in _OFFICE:
        if any(name.startswith(inside) for name in names):
            return f"It is {what}.", remedy
    held = repr(names[0]) if len(names) == 1 else f"{len(names)} files"
    return f"It is a ZIP archive of {held}.", UNPACK

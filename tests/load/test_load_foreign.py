"""Files that are no tables: each is called by its name, and what leads to a table is said."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from burnish import errors, load

FRAME = pd.DataFrame({"a": [1.0, 2.0], "y": ["no", "yes"]})
ROWS = FRAME.to_csv(index=False).encode()


def archive(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/"), content)
    return made.getvalue()


def tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as file:
        about = tarfile.TarInfo("rows.csv")
        about.size = len(ROWS)
        file.addfile(about, io.BytesIO(ROWS))
    return made.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (a, y)")
        content = connection.serialize()
    connection.close()
    return content


def array() -> bytes:
    made = io.BytesIO()
    np.save(made, np.eye(3))
    return made.getvalue()


def feather() -> bytes:
    made = io.BytesIO()
    FRAME.to_feather(made)
    return made.getvalue()


PAGE = b"<!-- saved -->\r\n<!-- again -->\r\n<HTML>\n<body>please log in, or else</body>\n</HTML>"
# Name of the file, what it holds, and words of the message.
FOREIGN: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "page": ("rows.csv", PAGE, ("HTML page", "Download the file itself")),
    "page after a mark": ("rows.csv", b"\xef\xbb\xbf\n <!doctype HTML>", ("HTML page",)),
    "page that is XML": ("rows.csv", b'<?xml version="1.0"?>\n<!DOCTYPE html><html/>', ("HTML page",)),
    "sheet that is a page": ("rows.xls", b'<table border="1"><tr><td>1</td></tr></table>', ("HTML page",)),
    "page called JSON": ("rows.json", PAGE, ("HTML page",)),
    "page called Parquet": ("rows.parquet", PAGE, ("HTML page",)),
    "page called NPZ": ("rows.npz", PAGE, ("HTML page",)),
    "packed page": ("rows.csv.gz", gzip.compress(PAGE), ("HTML page",)),
    "XML": ("rows.xml", b'<?xml version="1.0"?><rows><row a="1"/></rows>', ("XML document", "as CSV")),
    "drawing": ("rows.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', ("XML document",)),
    "PDF": ("rows.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", ("PDF document", "as CSV")),
    "rich text": ("rows.rtf", b"{\\rtf1\\ansi a,y}", ("RTF document",)),
    "picture": ("rows.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ("PNG picture",)),
    "workbook": ("rows.xlsx", archive(**{"[Content_Types].xml": b"", "xl__workbook.xml": b""}), ("Excel", "as CSV")),
    "OpenDocument": ("rows.ods", archive(mimetype=b"", **{"content.xml": b""}), ("OpenDocument",)),
    "archive": ("rows.zip", archive(**{"rows.csv": ROWS}), ("ZIP archive of 'rows.csv'", "Unpack")),
    "archive of two": ("rows.zip", archive(a=ROWS, b=ROWS), ("ZIP archive of 2 files",)),
    "old sheet": ("rows.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64), ("old office document",)),
    "pickle": ("rows.pkl", pickle.dumps(FRAME), ("pickle", "Parquet or CSV")),
    "pickle called CSV": ("rows.csv", pickle.dumps([1, 2], protocol=2), ("pickle",)),
    "database": ("rows.db", database(), ("SQLite",)),
    "array": ("rows.npy", array(), ("NumPy array", "numpy.savez")),
    "feather": ("rows.feather", feather(), ("Arrow file", "Parquet")),
    "tar": ("rows.tar", tar(), ("TAR archive", "Unpack")),
    "packed tar": ("rows.tgz", gzip.compress(tar()), ("TAR archive",)),
    "bzip2": ("rows.csv.bz2", bz2.compress(ROWS * 100), ("bzip2 archive",)),
    "xz": ("rows.csv.xz", lzma.compress(ROWS), ("XZ archive",)),
    "pointer": ("rows.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", ("git lfs pull",)),
    "text called NPZ": ("rows.npz", ROWS, ("not an NPZ file", "to its end")),
    "text called Parquet": ("rows.parquet", ROWS, ("not a Parquet file", "to its end")),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_no_table_is_called_by_its_name(case, tmp_path: Path):
    """As what it is, not as what its name says; and never as a table of one column."""
    name, content, words = FOREIGN[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.DataError) as refused:
        load.read(tmp_path / name)

    said = str(refused.value)
    assert name in said
    for word in words:
        assert word in said


@pytest.mark.parametrize("first", ["ORC", "RDX", "BZh", "Rar!", "GIF8", "FEA1", "PK", "<b>x</b>", "<?", "%PDF", "html"])
def test_a_table_may_name_a_column_as_a_format_begins(first, tmp_path: Path):
    """Only bytes that no text holds make such letters the mark of a format."""
    (tmp_path / "rows.csv").write_text(f"{first},y\n1,2\n3,4\n5,6\n")

    assert load.read(tmp_path / "rows.csv").names == (first, "y")


def test_a_page_of_many_comments_is_looked_through_at_once(tmp_path: Path):
    """A thousand comments and no page behind them: no way through them is tried twice."""
    (tmp_path / "rows.csv").write_bytes(b"<!-- x -->" * 1000 + b",y\n1,2\n3,4\n")

    assert load.read(tmp_path / "rows.csv").names[1] == "y"


def test_objects_are_still_read_where_letters_look_alike(tmp_path: Path):
    """JSON lines begin with a brace as RTF does."""
    (tmp_path / "rows.txt").write_text("\n".join(json.dumps({"rtf": i, "y": -i}) for i in range(3)))

    assert load.read(tmp_path / "rows.txt").names == ("rtf", "y")

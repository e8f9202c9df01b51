"""Delimited text: dialects, encodings, rejects, types."""

import csv
import gzip
import io
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from burnish import errors, load
from burnish.data import table
from burnish.load import dialect, records, typed

COMMON = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def read(tmp_path):
    """Reads bytes or text as a file of this name."""

    def reader(content, name="data.csv", **types):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load.read(path, types={key: table.Physical(value) for key, value in types.items()})

    return reader


def values(found, name):
    """The column as a person sees it: numbers, or text with None for missing."""
    column = found[name]
    if column.physical is table.Physical.TEXT:
        return [None if code < 0 else column.levels[code] for code in column.values]
    return [None if np.isnan(value) else value for value in column.values.tolist()]


def lost(found):
    return [(reject.line, reject.reason) for reject in found.rejects if not reject.row_kept]


def test_ragged_rows_are_rejects_with_their_lines(read):
    found = read("a,b,c\n1,2,3\n4,5\n6,7,8,9\n\n10,11,12\n4,5,6,\n1,1,1\n2,2,2\n3,3,3\n")

    assert lost(found) == [
        (3, "2 fields where the header has 3"),
        (4, "4 fields where the header has 3"),
        (7, "4 fields where the header has 3"),  # a trailing delimiter is one more field, not a matter of taste
    ]
    assert found.row_ids.tolist() == [2, 6, 8, 9, 10]
    assert found.rejects[0].text == "4,5"


def test_lines_are_true_after_fields_of_several_lines(read):
    found = read('\n\na,b\n1,"x\n\ny"\n2\n3,z\n4,"p""q"\n')

    assert lost(found) == [(7, "1 field where the header has 2")]
    assert found.row_ids.tolist() == [4, 8, 9]
    assert values(found, "b") == ["x\n\ny", "z", 'p"q']


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(read, newline):
    found = read(newline.join(['a,"b"', "1,x", "", '2,"y,z"', "3,x", ""]))

    assert values(found, "b") == ["x", "y,z", "x"]
    assert found.row_ids.tolist() == [2, 4, 5]


def test_mixed_line_ends_and_line_ends_in_quotes(read):
    found = read('a,b\r\n1,"x\r\ny"\n2,"u\nv"\r\n3,z')

    assert values(found, "b") == ["x\r\ny", "u\nv", "z"]
    assert found.row_ids.tolist() == [2, 4, 6]


def test_quotes_out_of_place_cost_one_line_each(read):
    found = read('a,b\n1,"x"z\n4,"6\n6,7\n7,5" pipe\n8,"9"\n')

    assert [line for line, _ in lost(found)] == [2, 3]
    assert values(found, "b") == ["7", '5" pipe', "9"]


def test_a_quote_never_closed_does_not_swallow_the_file(read):
    found = read('a,b\n1,2\n3,"4\n' + "5,6\n" * 500)

    assert lost(found) == [(3, "a quote is opened and never closed")]
    assert found.rows == 501


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1"])
def test_encodings(read, encoding):
    found = read("größe,wert\n1,schön\n2,öde\n".encode(encoding))

    assert found.names == ("größe", "wert")
    assert values(found, "wert") == ["schön", "öde"]
    assert bool(found.notes) == (encoding in ("utf-16-le", "cp1252", "latin-1"))


def test_broken_bytes_in_utf8_are_rejects(read):
    found = read("a,b\n1,é\n2,ü\n3,ö\n".encode() + b"4,\xff\n5,x\n")

    assert lost(found) == [(5, "byte 0xff is not UTF-8")]
    assert found.row_ids.tolist() == [2, 3, 4, 6]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(read, delimiter):
    found = read(f"a{delimiter}b\n1{delimiter}x\n2{delimiter}y\n")

    assert found.names == ("a", "b")
    assert values(found, "a") == [1, 2]


def test_semicolons_with_decimal_commas(read):
    found = read("a;b;c\n1,5;2,25;1,500\n-2,5;1e3;2,000\n")

    assert values(found, "a") == [1.5, -2.5]
    assert values(found, "b") == [2.25, 1000]
    assert values(found, "c") == [1.5, 2]


def test_points_beside_decimal_commas_are_doubted_where_they_may_part_thousands(read):
    """As they do where commas are decimal; a column with other numbers of decimals is beyond doubt."""
    found = read("a;b;c\n1.234;2,5;0.5\n12.345;3,5;1.25\n987;;2\n")

    assert values(found, "a") == [1.234, 12.345, 987]
    [note] = found.notes
    assert note.startswith(
        "Column 'a' is read with decimal points, such as '1.234', though others have decimal commas."
    )
    assert read("a;b\n1.234;2\n2.345;3\n").notes == ()


@pytest.mark.parametrize(("content", "expected"), [("1,234\t2\n567\t3\n", [None, 567]), ("1,25\t2\n3\t3\n", [1.25, 3])])
def test_a_number_that_is_demanded_has_no_comma_that_may_part_thousands(content, expected, read):
    found = read("a\tb\n" + content, a="number")

    assert values(found, "a") == expected


def test_a_comma_that_may_part_thousands_is_not_guessed(read):
    found = read("a\tb\n1,500\tx\n2,000\ty\n")

    assert values(found, "a") == ["1,500", "2,000"]
    assert "may be decimal or part thousands" in found.notes[0]


def test_single_quotes_backslashes_and_spaces_before_quotes(read):
    assert values(read("a,b\n1,'x,y'\n2,'z'\n"), "b") == ["x,y", "z"]
    assert values(read('a,b\n1,"say \\"hi\\" now"\n2,"z"\n'), "b") == ['say "hi" now', "z"]
    assert values(read('a, b\n1, "x, y"\n2, "z"\n'), "b") == ["x, y", "z"]


def test_a_delimiter_that_the_first_line_declares(read):
    found = read("sep=;\na;b\n1,5;x\n2,5;y\n")

    assert values(found, "a") == [1.5, 2.5]
    assert found.row_ids.tolist() == [3, 4]


def test_many_columns_of_many_types(read):
    """Columns read many at a time and one at a time stand in their places, and their rows in order."""
    kinds = ["number", "text", "boolean", "number"]
    cells = [
        lambda i: str(i / 4),
        lambda i: f"w{i % 3}",
        lambda i: "yes" if i % 2 else "no",
        lambda i: "?" if i == 5 else str(i),
    ]
    header = ",".join(f"c{j}" for j in range(100))
    found = read(header + "\n" + "".join(",".join(cells[j % 4](i) for j in range(100)) + "\n" for i in range(20)))

    assert [one.physical.value for one in found.columns] == kinds * 25
    assert values(found, "c96") == [i / 4 for i in range(20)]
    assert values(found, "c97") == [f"w{i % 3}" for i in range(20)]
    assert values(found, "c99") == [None if i == 5 else i for i in range(20)]


@pytest.mark.parametrize(
    "cell", ["{}.25", "{}", "NA", "nan"], ids=["no integer", "integers", "missing", "not a number"]
)
def test_columns_of_numbers_are_read_together(read, monkeypatch, cell):
    """One at a time costs five milliseconds a column, which two thousand columns make ten seconds."""
    monkeypatch.setattr(typed, "_typed", lambda *_: pytest.fail("a column was read by itself"))

    found = read("a,b\n" + "".join(f"{i}.5,{cell.format(i) if i % 2 else i + 0.5}\n" for i in range(1, 9)))

    numbers = {"{}.25": [1.25, 3.25], "{}": [1, 3]}.get(cell, [None, None])
    assert values(found, "b")[:4] == [numbers[0], 2.5, numbers[1], 4.5]


def test_a_single_column(read):
    found = read('price\n1\n\n2\n""\n')

    assert values(found, "price") == [1, 2, None]
    assert found.row_ids.tolist() == [2, 4, 5]


def test_a_header_over_broken_records_is_no_single_column(read):
    with pytest.raises(errors.DataError, match="4 of its 5 records are broken"):
        read("a|b\n1|2\n1\n1\n1\n1\n")


def test_numbers_in_many_forms_and_missing_tokens(read):
    found = read("x\n1\n+2\n-.5\n1e5\n 3 \n4.\nNA\nn/a\nNaN\nnull\nNone\n?\n-\n.\n")

    assert values(found, "x") == [1, 2, -0.5, 1e5, 3, 4] + [None] * 8
    assert found.rejects == ()


def test_infinities_reject_their_row(read):
    found = read("a,b\n1,inf\n2,2\n3,-Infinity\n4,1e999\n5,5\n6,6\n7,7\n")

    assert [(r.line, r.column, r.reason) for r in found.rejects] == [(n, "b", "an infinite value") for n in (2, 4, 5)]
    assert found.row_ids.tolist() == [3, 6, 7, 8]


def test_few_odd_cells_become_missing_and_are_reported(read):
    found = read("a,b\n" + "1,2\n" * 99 + "oops,3\n")

    assert found["a"].physical is table.Physical.NUMBER
    [cell] = found.rejects
    assert (cell.line, cell.column, cell.text, cell.row_kept) == (101, "a", "oops", True)
    assert found.rows == 100


def test_mixed_types_stay_text_with_a_note(read):
    found = read("a,b\n" + "1,2\n" * 9 + "oops,3\n")

    assert found["a"].physical is table.Physical.TEXT
    assert "1 of its 10 values are no numbers, such as 'oops'" in found.notes[0]


@pytest.mark.parametrize("text", ["1_000", "0x1A", "12 kg", "1 000", "1d"])
def test_what_is_no_number(read, text):
    assert read(f"a,b\n{text},1\n{text},2\n")["a"].physical is table.Physical.TEXT


def test_codes_keep_their_digits(read):
    found = read("zip,key,n\n01234,9007199254740993,0\n99999,1,0.5\n")

    assert values(found, "zip") == ["01234", "99999"]
    assert values(found, "key") == ["9007199254740993", "1"]
    assert values(found, "n") == [0, 0.5]
    assert len(found.notes) == 2


def test_booleans_need_both_words(read):
    found = read("a,b,c,d\nTrue,yes,t,0\nFALSE,no,f,1\nNA,no,t,1\n")

    assert [found[name].physical.value for name in "abcd"] == ["boolean", "boolean", "boolean", "number"]
    assert values(found, "a") == [1, 0, None]
    assert found["b"].words == ("no", "yes")
    assert read("a,b\nyes,1\nmaybe,2\nno,3\n")["a"].physical is table.Physical.TEXT


def test_dates(read):
    found = read("iso,dm,both\n1970-01-02,13/01/1970,01/02/2020\n1970-01-01T02:00:00+01:00,01/02/1970,02/03/2020\n")

    assert values(found, "iso") == [86400, 3600]
    assert values(found, "dm") == [12 * 86400, 31 * 86400]  # 13 cannot be a month, so the day comes first everywhere
    assert found["both"].physical is table.Physical.TEXT
    assert "may begin with the day or with the month" in found.notes[0]


def test_types_learned_before_are_obeyed(read):
    found = read("a,b,c,d\n01,1,1,\nx,oops,0,\n", a="text", b="number", c="boolean", d="date")

    assert values(found, "a") == ["01", "x"]
    assert values(found, "b") == [1, None]
    assert values(found, "c") == [1, 0]
    assert found["d"].physical is table.Physical.DATE
    assert [(cell.line, cell.column, cell.row_kept) for cell in found.rejects] == [(3, "b", True)]
    assert values(read("a,b\n12,1\n", a="text"), "a") == ["12"]
    with pytest.raises(errors.DataError, match="can be read in two ways"):
        read("a,b\n01/02/2020,1\n", a="date")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"a,b\n", "has no rows"),
        (b"1,2,3\n4,5,6\n", "has no header"),
        (b"a,b,a\n1,2,3\n", "More than once: 'a'"),
        (b'a,"b"c\n1,2\n', "broken header, at line 1"),
        (b"a,b\n1\n2\n3,4\n", "2 of its 3 records are broken"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a PNG picture"),
        (b"PK\x03\x04" + bytes(40), "a ZIP archive"),
        (bytes(range(256)) * 9, "bytes that no text file holds"),
        (b"\xff\xfea\x00\x00\xd8b\x00", "cannot be read as utf-16"),
        (b"PAR1 and then nothing", "cannot be read as Parquet"),
    ],
)
def test_refused_with_three_lines(read, content, message):
    with pytest.raises(errors.DataError, match=message) as caught:
        read(content)

    assert len(str(caught.value).splitlines()) == 3
    assert caught.value.exit_code == 3


def test_no_file_and_a_folder_are_usage_errors(tmp_path):
    for path, message in ((tmp_path / "none.csv", "There is no file"), (tmp_path, "is a folder")):
        with pytest.raises(errors.ConfigError, match=message) as caught:
            load.read(path)
        assert caught.value.exit_code == 2


def test_columns_without_a_name_get_one(read):
    found = read(",b,\n1,2,3\n")

    assert found.names == ("column_1", "b", "column_3")
    assert len(found.notes) == 2


def test_compressed_and_from_standard_input(tmp_path, monkeypatch):
    packed = tmp_path / "houses.csv.gz"
    packed.write_bytes(gzip.compress(b"a,b\n1,x\n"))

    assert load.read(packed).name == "houses"
    assert values(load.read(packed), "b") == ["x"]
    for content in (b"a,b\n1,x\n", b'{"a": 1, "b": "x"}\n'):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert values(load.read("-"), "b") == ["x"]
    packed.write_bytes(gzip.compress(b"a,b\n1,x\n")[:-6])
    with pytest.raises(errors.DataError, match="cannot be unpacked"):
        load.read(packed)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cc", "Cs")), max_size=8)
awkward = st.sampled_from(["a,b", 'say "x"', "two\nlines", "two\r\nlines", "; | \t", "it's", '"', '""', "\r", " pad "])


@COMMON
@given(
    rows=st.lists(st.tuples(*[cells | awkward] * 3), min_size=1, max_size=12),
    delimiter=st.sampled_from(dialect.DELIMITERS),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    shift=st.integers(1, 40),
)
def test_canonical_records_equal_what_csv_wrote(rows, delimiter, newline, quoting, shift):
    """Whatever the csv module writes is cut into the same records, in blocks of any size."""
    lone_returns = any("\r" in cell.replace("\r\n", "") for row in rows for cell in row)
    assume(quoting == csv.QUOTE_ALL or newline == "\r\n" or not lone_returns)  # csv before 3.13 leaves them unquoted
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows(rows)
    target = io.BytesIO()
    size, records.BLOCK = records.BLOCK, shift
    try:
        source = io.BytesIO(out.getvalue().encode())
        scan = records.canonical(source, target, dialect.Dialect(delimiter), fields=3, line=1)
    finally:
        records.BLOCK = size

    again = csv.reader(io.StringIO(target.getvalue().decode(), newline=""), delimiter=delimiter, strict=True)
    assert [tuple(record) for record in again] == rows
    assert scan.rejects == []
    assert len(scan.row_ids) == len(rows)
    assert scan.row_ids[0] == 1


@COMMON
@given(
    rows=st.lists(st.tuples(*[cells | awkward] * 3), min_size=4, max_size=12),
    delimiter=st.sampled_from(dialect.DELIMITERS),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_round_trip_through_a_file(tmp_path, rows, delimiter, newline, encoding):
    """What the csv module writes is read back, cell by cell, whatever the dialect."""
    path = tmp_path / "round.csv"
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL)
        writer.writerows([("alpha", "beta", "gamma"), *rows])
    found = load.read(path, types=dict.fromkeys(("alpha", "beta", "gamma"), table.Physical.TEXT))

    # In a column of words "none" is one of them.
    missing = ("", "na", "n/a", "#n/a", "nan", "-nan", "null", "?", "-", ".", "<na>", "nat")
    for i, name in enumerate(("alpha", "beta", "gamma")):
        expected = [None if row[i].strip(" \t").casefold() in missing else row[i] for row in rows]
        assert values(found, name) == expected


@COMMON
@given(widths=st.lists(st.sampled_from([0, 1, 2, 3, 3, 3, 3, 3, 4]), min_size=1, max_size=40), seed=st.integers(0, 9))
def test_every_record_is_a_row_or_a_reject_at_its_line(tmp_path, widths, seed):
    """Ragged lines among good ones: all are accounted for, each at its line; a line of width 0 is blank."""
    good = [line for line, width in enumerate(widths, 2) if width == 3]
    ragged = [line for line, width in enumerate(widths, 2) if width not in (0, 3)]
    assume(len(good) >= len(ragged) and good)
    cell = random.Random(seed).choice(["1", "x", '"q"'])
    path = tmp_path / "ragged.csv"
    path.write_text("a,b,c\n" + "".join(",".join([cell] * width) + "\n" for width in widths))
    found = load.read(path)

    assert found.row_ids.tolist() == good
    assert [line for line, _ in lost(found)] == ragged


def test_a_table_of_many_rows_is_cut_in_blocks(tmp_path):
    """Blocks end anywhere: rows, lines and rejects are the same as for a small file."""
    lines = [f'{i},"t{i % 7}",{i / 8}' for i in range(300_000)]
    lines[123_456] = "broken"
    path = tmp_path / "large.csv"
    path.write_text("a,b,c\n" + "\n".join(lines) + "\n")
    found = load.read(path)

    assert lost(found) == [(123_458, "1 field where the header has 3")]
    np.testing.assert_array_equal(found["a"].values + 2, found.row_ids)
    np.testing.assert_array_equal(found["c"].values, found["a"].values / 8)
    np.testing.assert_array_equal(found["b"].values, found["a"].values % 7)

"""The database in which columns of text are typed, and what its queries call a number, a date, or no value at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import numpy as np

from burnish.load.cells import quoted

# Cells that say "no value", in any case and any space around them: what R, pandas, SQL, Weka and spreadsheets write.
MISSING = ("", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "?", "-", ".", "<na>", "nat")
LONGEST_MISSING = 16  # bytes, spaces included
# ... but for this one among words, where it is as likely one of them: side effects none, mild, severe.
MISSING_OR_WORD = "none"

_ISO = r"\s*\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s*(Z|UTC|[+-]\d{2}(:?\d{2})?)?)?\s*"
PADDED = r"'\s*[+-]?0\d+\s*'"  # an integer that begins with a zero


def connect() -> duckdb.DuckDBPyConnection:
    """A private database in memory, which neither fetches extensions nor leaves files behind."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    tokens = ", ".join(map(quoted, MISSING))
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    connection.execute(
        "CREATE MACRO point(v) AS TRY_CAST(CASE WHEN contains(v, '_') THEN NULL ELSE v END AS DOUBLE);"
        "CREATE MACRO comma(v) AS TRY_CAST(CASE WHEN contains(v, '_') OR contains(v, '.') THEN NULL"
        " ELSE replace(v, ',', '.') END AS DOUBLE);"
        # Long text is decided by its length, which spares most columns of text the comparison.
        f"CREATE MACRO absent(v) AS CASE WHEN strlen(v) > {LONGEST_MISSING} THEN trim(v, ' \t') = ''"
        f" ELSE coalesce(list_contains([{tokens}], lower(trim(v, ' \t'))), true) END;"
        # The same in a column of words.
        f"CREATE MACRO void(v) AS absent(v) AND lower(trim(coalesce(v, ''), ' \t')) <> {quoted(MISSING_OR_WORD)};"
        # Whether a cell is anything but a missing value or a number x that is no code. CASE spares the numbers, nearly
        # all cells of most tables, the slow comparisons of text.
        "CREATE MACRO odd(v, x) AS CASE WHEN x IS NULL THEN NOT absent(v)"
        f" WHEN x = trunc(x) THEN regexp_full_match(v, {PADDED}) ELSE false END;"
        # In how many rows something holds, of texts that each stand for n rows.
        "CREATE MACRO tally(n, holds) AS coalesce(sum(n) FILTER (holds), 0)::BIGINT;"
        "CREATE MACRO iso(v) AS epoch(TRY_CAST(CASE WHEN regexp_full_match(v, "
        f"{quoted(_ISO)}) THEN replace(trim(v), ',', '.') END AS TIMESTAMPTZ))"
    )
    return connection


def insert(connection: duckdb.DuckDBPyConnection, relation: str, cells: Mapping[str, Sequence[str | None]]) -> None:
    """Add rows of text to a table in the database, which is made where it is not there yet.

    Args:
        connection: From `connect`.
        relation: The table.
        cells: The text of each column by its SQL name, all of one length.
    """
    arrays = {name: np.asarray(values, object) for name, values in cells.items()}
    connection.execute(f"CREATE TABLE IF NOT EXISTS {relation} ({', '.join(f'{name} VARCHAR' for name in cells)})")
    connection.register("arriving", arrays)
    connection.execute(
        f"INSERT INTO {relation} BY NAME SELECT {', '.join(f'{n}::VARCHAR AS {n}' for n in cells)} FROM arriving"
    )
    connection.unregister("arriving")

"""What a reader decided or could not keep of a table, in sentences for the person."""

from __future__ import annotations

from collections.abc import Sequence

from burnish.data.counting import Counting
from burnish.data.images import is_images
from burnish.data.table import Reject, Table

# Sentences of one kind that are said; the rest are counted. The report lists more.
SAID = 5
# Line numbers that one sentence names.
LINES = 5


def of(table: Table) -> tuple[str, ...]:
    """Records that are no rows, cells that count as missing, and the reader's own decisions."""
    if is_images(table):
        files = [reject for reject in table.rejects if not reject.row_kept]
        return (*([_files(files)] if files else []), *table.notes)
    lost = [reject for reject in table.rejects if not reject.row_kept]
    cells: dict[str, list[Reject]] = {}
    for reject in table.rejects:
        if reject.row_kept:
            cells.setdefault(reject.column or "", []).append(reject)
    return (
        *([_lost(lost, table.counts)] if lost else []),
        *first([_cells(column, found, table.counts) for column, found in cells.items()], "columns have such cells"),
        *first(table.notes, "decisions of this kind were made"),
    )


def without_target(rows: int) -> tuple[str, ...]:
    """That so many rows have none; nothing where there are no such rows."""
    if not rows:
        return ()
    return (f"{'1 row has' if rows == 1 else f'{rows:,} rows have'} no target and cannot be used.",)


def not_counted(trained: Counting, here: Counting) -> tuple[str, ...]:
    """What the run knew of how rows count and these rows do not tell: their errors are then less sure than they look.

    Args:
        trained: The columns that the run was told of.
        here: The columns that are heeded now.
    """
    said = []
    if trained.group is not None and here.group is None:
        said.append(
            f"There is no column {trained.group!r}, by which rows belonged together: each counts for itself, so "
            "intervals may be too narrow."
        )
    if trained.weight is not None and here.weight is None:
        said.append(f"There is no column {trained.weight!r}, by which rows were weighed: all weigh alike.")
    return tuple(said)


def _files(rejects: Sequence[Reject]) -> str:
    if rejects[0].column:  # of a table of paths
        files = "1 row has no image" if len(rejects) == 1 else f"{len(rejects):,} rows have no image"
    else:
        files = "1 file is no image" if len(rejects) == 1 else f"{len(rejects):,} files are no images"
    more = ", …" if len(rejects) > LINES else ""
    names = ", ".join(reject.name for reject in rejects[:LINES])
    return f"{files} that can be used ({names}{more}): {rejects[0].reason}."


def _lost(lost: Sequence[Reject], counts: str) -> str:
    records = "1 record is no row" if len(lost) == 1 else f"{len(lost):,} records are no rows"
    column = "" if lost[0].column is None else f" in column {lost[0].column!r}"
    return f"{records} ({_lines(lost, counts)}): {lost[0].reason}{column}."


def _cells(column: str, found: Sequence[Reject], counts: str) -> str:
    cells = "1 cell" if len(found) == 1 else f"{len(found):,} cells"
    return f"{cells} of column {column!r} ({_lines(found, counts)}): {found[0].reason}: {found[0].text!r}."


def _lines(rejects: Sequence[Reject], counts: str) -> str:
    """Where they are, by the number of the line or the row, whichever `counts` says."""
    shown = ", ".join(str(reject.line) for reject in rejects[:LINES])
    return f"{counts}{'s' if len(rejects) > 1 else ''} {shown}" + (", …" if len(rejects) > LINES else "")


def first(sentences: Sequence[str], rest: str) -> list[str]:
    """The first sentences of one kind, and how many more there are: `rest` says of what."""
    more = len(sentences) - SAID
    return [*sentences[:SAID], *([f"{more:,} more {rest}."] if more > 0 else [])]

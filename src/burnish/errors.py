"""Every error that burnish raises on purpose.

BurnishError                      what it was, why, and what to do
├── DataError                     the data cannot be used as they are       (also a ValueError; exit code 3)
│   └── NoRows                    a table has columns and no rows
├── ConfigError                   a setting is out of range, or two disagree (also a ValueError; exit code 2)
├── StoreError                    a run folder is missing, foreign, damaged or cannot be written (also an OSError;
exit code 1)
├── ExtraMissing                  an optional package or device is needed   (also an ImportError; exit code 5)
└── WorkerError                   a worker process failed                   (also a RuntimeError; exit code 1)
"""

from __future__ import annotations

from typing import Any


class BurnishError(Exception):
    """An error in three lines: what and where, why, what to do.

    Args:
        what: What is wrong, and where (file, line, column), in one sentence.
        why: The rule that it breaks, with the value seen.
        remedy: What the person can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        self.what, self.why, self.remedy = what, why, remedy
        super().__init__("\n".join(line for line in (what, why, remedy) if line))

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.what, self.why, self.remedy)


class DataError(BurnishError, ValueError):
    """The data cannot be used as they are."""

    exit_code = 3


class NoRows(DataError):
    """A table has no rows; `columns` are the names that it has nonetheless, none where only records would tell them."""

    def __init__(self, table: str, columns: tuple[str, ...]) -> None:
        self.table, self.columns = table, columns
        why = "There is a header and nothing else." if columns else "It holds no record."
        super().__init__(f"{table} has no rows.", why, "Give a table with at least one row.")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.table, self.columns)


class ConfigError(BurnishError, ValueError):
    """A setting is out of range, or two settings disagree."""

    exit_code = 2


class StoreError(BurnishError, OSError):
    """A run folder is missing, foreign, damaged, or cannot be written."""

    exit_code = 1


class ExtraMissing(BurnishError, ImportError):
    """An optional package or a device that was asked for is not there."""

    exit_code = 5


class WorkerError(BurnishError, RuntimeError):
    """A worker process failed for a reason that is not the trial's own."""

    exit_code = 1

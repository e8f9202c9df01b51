"""Files that are whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from burnish import errors


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step as seen by any reader.

    Raises:
        StoreError: The disk is full or the folder cannot be written; what was there before is still there.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise refused(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise refused(path, error) from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def refused(path: Path, error: OSError) -> errors.StoreError:
    """The system's refusal to write, in three lines."""
    return errors.StoreError(
        f"{path} cannot be written.",
        str(error.strerror or error),
        "Make room or permission there, or name another folder with --out.",
    )

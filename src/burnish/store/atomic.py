"""Files that are whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from burnish import errors


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file in one step as seen by any reader, even one that looks after this process was killed.

    Args:
        path: Where it goes; what is there before is replaced, or stays as it was if anything fails.
        content: All of it.
        durable: Wait until it is on the disk, so that it outlasts a power cut too. That takes milliseconds: leave it
            out for what can be made again.

    Raises:
        StoreError: The disk is full or the folder cannot be written; what was there before is still there.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):  # a device or a pipe: not to be replaced by a file
        return _write_into(path, content)
    target = Path(os.path.realpath(path))  # the file behind a link, and not the link
    # Not `tempfile`: its files are readable by their owner alone, and here the umask decides, as for any other file.
    temporary = target.parent / f".{secrets.token_hex(8)}.part"
    try:
        try:
            with temporary.open("xb") as file:
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            _settle(target.parent)
    except OSError as error:
        raise refused(path, error) from error


def _write_into(path: Path, content: bytes) -> None:
    try:
        with path.open("wb") as there:
            there.write(content)
    except BrokenPipeError:
        raise  # the reader has seen enough
    except OSError as error:
        raise refused(path, error) from error


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, text.encode("utf-8"), durable=durable)


def refused(path: Path, error: OSError) -> errors.StoreError:
    """The system's refusal to write, in three lines."""
    return errors.StoreError(
        f"{path} cannot be written.",
        f"The system says: {error.strerror or error}.",
        "Make room or permission there, or name another place.",
    )


def _settle(folder: Path) -> None:
    """Put the folder's list of names on the disk: without it, a power cut may bring the old file back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""How the command ends when something is wrong: three lines and an exit code, and no traceback."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from burnish import errors
from burnish.data.harmless import plain

# 0 done, 1 failed, 2 usage, 3 data refused, 4 quality gate missed, 5 extra missing; 128 + the signal's number when
# stopped by one.
FAILED, USAGE, GATE_MISSED, SIGNALLED = 1, 2, 4, 128
BROKEN_PIPE = 0  # the reader of our output has seen enough


class GateMissed(Exception):
    """`--require` was not met."""


class Signalled(Exception):
    """Stopped by a signal."""

    def __init__(self, number: int, advice: str, *, kept: str = "everything trained so far is kept") -> None:
        self.number, self.advice, self.kept = number, advice, kept
        super().__init__(f"signal {number}")


def guarded(command: click.Command, arguments: list[str] | None = None) -> int:
    """Run a click command and turn every ending into an exit code."""
    with _interrupts() as noted:
        return _answer(command, arguments, noted)


def _answer(command: click.Command, arguments: list[str] | None, interrupts: Sequence[int]) -> int:
    try:
        answer: Any = command.main(args=arguments, prog_name="burnish", standalone_mode=False)
        return int(answer) if isinstance(answer, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return _stopped()
    except Signalled as stopped:
        print(f"burnish: stopped; {stopped.kept}.", file=sys.stderr)
        print(f"  {stopped.advice}", file=sys.stderr)
        return SIGNALLED + stopped.number
    except GateMissed as missed:
        print(f"burnish: {missed}", file=sys.stderr)
        return GATE_MISSED
    except errors.BurnishError as error:
        _show(error)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return BROKEN_PIPE
    except OSError as error:
        _show(
            errors.StoreError(_what(error), str(error), "Make room or permission for it, then run the command again.")
        )
        return FAILED
    except MemoryError:
        _show(errors.StoreError("burnish ran out of memory.", "", "Use fewer --jobs, or fewer rows or columns."))
        return FAILED
    except Exception:  # noqa: BLE001 - the last line of defence: a fault of burnish must say so, with its traceback
        if interrupts:  # what was being imported made an error of its own of it, as pydantic does
            return _stopped()
        traceback.print_exc()
        print("burnish: this is a fault of burnish; please report the lines above.", file=sys.stderr)
        return FAILED


@contextmanager
def _interrupts() -> Iterator[Sequence[int]]:
    """Each Ctrl+C that nobody else answers, noted; it interrupts as ever."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    alone = threading.current_thread() is threading.main_thread()
    if not alone or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stopped() -> int:
    print("burnish: stopped before anything was begun.", file=sys.stderr)
    return SIGNALLED + signal.SIGINT


def _what(error: OSError) -> str:
    return f"The file {error.filename} could not be used." if error.filename else "A file could not be used."


def _show(error: errors.BurnishError) -> None:
    lines = [plain(line) for line in (error.what, error.why, error.remedy) if line]  # names from the data are in them
    print("burnish: " + "\n  ".join(lines), file=sys.stderr)

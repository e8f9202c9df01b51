"""What a person sees while a run works: lines that stay, and on a terminal one that moves."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from burnish.report import wording
from burnish.workflow.events import Line, Progress

# Off a terminal a line of progress is printed this often, in seconds: a log wants a pulse, not a film.
PULSE = 10.0
# The same for images on their way into a pack.
PACKING_PULSE = 2.0


class Screen:
    """Prints a run's events on stderr. Off a terminal, and where colour is unwanted, plain lines without control codes.

    Args:
        quiet: Show warnings only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        plain = bool(os.environ.get("NO_COLOR")) or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb"
        self._quiet = quiet
        # Not `no_color`: that leaves bold and cursor codes in.
        terminal = False if plain else None
        self._console = Console(stderr=True, force_terminal=terminal, highlight=False, soft_wrap=True)
        self._live = None if plain or quiet else Live(console=self._console, transient=True, auto_refresh=False)
        self._stage = ""
        self._pulse = 0.0

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Line | Progress) -> None:
        """Show one event."""
        if isinstance(event, Line):
            self._line(event)
        elif not self._quiet:
            self._progress(event)

    def _line(self, line: Line) -> None:
        if self._quiet and not line.warning:
            return
        stage = line.stage.value if line.stage.value != self._stage else ""
        self._stage = line.stage.value
        text = Text(f"{stage:>13}  ", style="bold")
        text.append("! " if line.warning else "", style="yellow")
        text.append(wording.plain(line.text), style="not bold")  # names from the data may hold control characters
        self._console.print(text)

    def _progress(self, at: Progress) -> None:
        parts = [f"{at.done}/{at.planned} trainings", f"{at.running} running"]
        parts += [f"best dev error {at.best:.4g}"] if at.best is not None else []
        parts += [clock(at.elapsed) + (f" of {clock(at.elapsed + at.remaining)}" if at.remaining is not None else "")]
        parts += [at.note] if at.note else []
        text = f"{at.stage.value:>13}  " + " · ".join(parts)
        if self._live is not None:
            self._live.update(Text(text, style="dim"), refresh=True)
        elif at.elapsed - self._pulse >= PULSE:
            self._pulse = at.elapsed
            self._console.print(Text(text))


class Packing:
    """Tells on stderr how many images are packed, where it takes longer than a moment."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        """So many of so many are packed."""
        now = time.monotonic()
        if now - self._told >= PACKING_PULSE:
            self._told = now
            print(f"burnish: {done:,} of {of:,} images are packed.", file=sys.stderr)


def clock(seconds: float) -> str:
    """75 as "1:15"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"

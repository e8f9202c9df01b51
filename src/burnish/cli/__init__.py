"""The command line: reads arguments and the environment, prints. Results go to stdout, all else to stderr."""

from __future__ import annotations

import sys
import warnings

from burnish.cli import process
from burnish.cli.commands import burnish
from burnish.cli.exporting import export
from burnish.cli.failing import guarded
from burnish.cli.judging import verdict

__all__ = ["burnish", "main"]

burnish.add_command(verdict)
burnish.add_command(export)


def main() -> None:
    """Entry point of the `burnish` command."""
    if not sys.warnoptions:
        # Libraries warn programmers; what a person should know, burnish says in its own words. `python -W` shows them.
        warnings.simplefilter("ignore")
    process.end(guarded(burnish))

"""The command line: reads arguments and the environment, prints. Results go to stdout, all else to stderr."""

from __future__ import annotations

import sys

from burnish.cli.commands import burnish
from burnish.cli.failing import guarded

__all__ = ["burnish", "main"]


def main() -> None:
    """Entry point of the `burnish` command."""
    sys.exit(guarded(burnish))

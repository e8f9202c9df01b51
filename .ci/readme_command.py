"""Prints one of the commands that the README tells people to type, so that CI runs exactly what is written there.

A command is the `sh` block below a line `<!-- command: NAME -->`.
Usage: python3 readme_command.py NAME
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
COMMAND = re.compile(r"^<!-- command: (?P<name>\w+) -->\n```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> dict[str, str]:
    """Every marked command of the README by name, in the order of the page."""
    return {found["name"]: found["text"] for found in COMMAND.finditer(README.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    print(commands()[sys.argv[1]], end="")

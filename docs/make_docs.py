"""Writes docs/commands.md from what the installed `burnish` program says about itself.

Usage: python docs/make_docs.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("commands.md")
PROGRAM = Path(sys.executable).with_name("burnish")
HEADER = """# Commands

Written by `make docs` from the program itself; do not edit. Results go to standard output, all else to standard error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | the command line or a setting is wrong |
| 3 | the data were refused |
| 4 | `--require` was not met |
| 5 | an optional package or device is missing |
| 130, 143 | stopped by Ctrl+C or by SIGTERM; `burnish resume` goes on |

## Where networks train

`--device cpu` trains in worker processes, one network in each, as many as `--jobs` says. `--device gpu` trains many
networks of one shape at once, on all GPUs that JAX sees; it needs `pip install 'burnish[cuda]'`, and exits with 5 where
there is no GPU. `--device auto`, which is the default, trains on GPUs where JAX's plugin and a device are there, else
on processors. On GPUs `--jobs` and `--memory-limit` have no effect: there are no workers, and the GPU's memory decides
how many networks train at once.

Both ways give the same answer up to rounding; where two choices are nearly equal, rounding may decide between them.
**The way of GPUs has been tested on several CPU devices, which stood in for GPUs, and never on a GPU.**
"""


def help_of(*verb: str) -> str:
    """The program's help text, 100 characters wide."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run([PROGRAM, *verb, "--help"], check=True, capture_output=True, text=True, env=environment)
    return done.stdout.rstrip()


def verbs(top: str) -> list[str]:
    """The commands that the program's own help lists, in its order."""
    return re.findall(r"^  (\w+)\s{2,}", top.split("Commands:", 1)[1], re.MULTILINE)


def page() -> str:
    """The whole page as Markdown."""
    top = help_of()
    parts = [f"## burnish {verb}\n\n```text\n{help_of(verb)}\n```\n" for verb in verbs(top)]
    return "\n".join([HEADER, f"```text\n{top}\n```\n", *parts])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

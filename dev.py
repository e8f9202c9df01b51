"""The verbs of development: `python dev.py check | fix | test | test-full | bench | docs`.

Needs nothing but the Python of an environment with `pip install -e '.[dev]'`; the Makefile only forwards to it. CI runs
`check`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PYTHON = sys.executable
RUFF = (PYTHON, "-m", "ruff")
# Two workers: the smallest machine this has to pass on has two cores. Doctests of src run with the tests.
PYTEST = (PYTHON, "-m", "pytest", "-q", "-n", "2", "--doctest-modules", "src", "tests")

# Every page is read anew: a page that is not would not warn again.
SPHINX = (PYTHON, "-m", "sphinx", "-q", "-E", "-a", "-c", "docs/site", "-W", "--keep-going")

VERBS: dict[str, tuple[tuple[str, ...], ...]] = {
    "check": (
        (*RUFF, "format", "--check", "."),
        (*RUFF, "check", "."),
        (PYTHON, "-m", "mypy"),
        (str(Path(PYTHON).with_name("lint-imports")),),
        (*PYTEST, "-m", "not slow"),
    ),
    "fix": ((*RUFF, "format", "."), (*RUFF, "check", "--fix", ".")),
    "test": ((*PYTEST, "-m", "not slow"),),
    "test-full": (PYTEST,),
    "bench": ((PYTHON, "bench/search_speed.py"),),
    "docs": ((PYTHON, "docs/make_docs.py"), (*SPHINX, "-d", "build/doctrees", ".", "build/site")),
}


def main(arguments: list[str]) -> int:
    """Runs every step of one verb, also after a failed one, so that one run tells all; returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in VERBS:
        print(__doc__, file=sys.stderr)
        return 2
    failed = []
    for command in VERBS[arguments[0]]:
        shown = " ".join(Path(part).name if part == command[0] else part for part in command)
        print(f"\n== {shown}", flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(shown)
    for shown in failed:
        print(f"failed: {shown}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

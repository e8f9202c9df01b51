"""`burnish verdict`: output, exit codes, errors in three lines, and how soon it answers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cli_commands import Command

FIGURES = ("--train-error", ".01", "--train-rows", "5000", "--dev-error", "11%", "--dev-rows", "1000")
USAGE, DATA = 2, 3


def test_the_lines_are_on_stdout_alone(here: Command):
    ended = here("verdict", *FIGURES, "--baseline-error", "0")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("High variance")


def test_json_is_one_document(here: Command):
    ended = here("verdict", *FIGURES, "--json")
    document = json.loads(ended.out, parse_constant=pytest.fail)

    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert (document["schema_version"], document["label"]) == (1, "high variance")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ((*FIGURES[:6],), USAGE, "--dev-rows"),
        ((*FIGURES, "--baseline-error", "5"), USAGE, "0.05 or 5%"),
        ((*FIGURES, "--curves", "none.csv"), DATA, "no file none.csv"),
        ((), USAGE, "--curves"),
    ],
)
def test_what_cannot_be_judged_ends_in_three_lines(arguments, code, word, here: Command):
    ended = here("verdict", *arguments)
    what, why, remedy = ended.err.splitlines()

    assert (ended.code, ended.out) == (code, "")
    assert what.startswith("burnish: ")
    assert why.startswith("  ")
    assert remedy.startswith("  ")
    assert word in ended.err


def test_it_starts_nothing_that_is_slow_to_start():
    """Neither JAX, scikit-learn nor DuckDB is imported: it answers in about a second."""
    code = (
        "import sys; from burnish.cli import commands, failing; "
        f"failing.guarded(commands.burnish, ['verdict', *{FIGURES!r}]); "
        "print({'jax', 'sklearn', 'duckdb', 'matplotlib', 'optuna'} & set(sys.modules) or 'nothing', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "nothing"

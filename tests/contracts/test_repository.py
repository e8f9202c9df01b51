"""What the repository promises about itself: commands, examples, sizes, imports, links."""

from __future__ import annotations

import ast
import csv
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "burnish").rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").glob("*.csv"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("bench/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("docs/**/*.md")])

MAX_FILE_LINES = 400  # what one reads in one sitting
MAX_FUNCTION_LINES = 50  # without the docstring
MAX_EXAMPLE_BYTES = 1_000_000  # examples live in the repository's history for ever
JAX_FREE = (
    "errors",
    "stats",
    "data",
    "load",
    "preprocess",
    "baseline",
    "diagnosis",
    "recipe",
    "tune",
    "report",
    "store",
    "cli",
)
# They evaluate a person's own JAX function. What reads the differences, and the record, are in files without it.
WITH_JAX = tuple(f"burnish.diagnosis.gradient_{part}" for part in ("check", "cost", "precision"))


def readme_commands() -> dict[str, str]:
    return runpy.run_path(str(ROOT / ".ci" / "readme_command.py"))["commands"]()


def test_readme_shows_the_main_job_and_then_the_check():
    """The two commands are the main job on the concrete table, and the check; each sets up its own environment."""
    commands = readme_commands()

    assert list(commands) == ["improve", "test"]
    assert "burnish improve examples/concrete.csv --target compressive_strength --time-limit" in commands["improve"]
    assert commands["test"].rstrip().endswith("dev.py check")
    assert all("python3 -m venv" in text and "pip install" in text for text in commands.values())


def test_ci_runs_the_readmes_commands_and_no_others():
    """CI takes its commands from the README: it installs and tests nothing by lines of its own."""
    script = (ROOT / ".ci" / "run").read_text()
    [names] = re.findall(r"^for name in (.*); do$", script, re.MULTILINE)

    assert names.split() == list(readme_commands())
    assert re.search(r"\bpip\b|pytest|burnish improve", script) is None


def test_makefile_and_dev_script_have_the_same_verbs():
    """No verb exists in one place only."""
    verbs = set(runpy.run_path(str(ROOT / "dev.py"))["VERBS"])
    [targets] = re.findall(r"^([\w\- ]+):\n\t\$\(PYTHON\) dev\.py", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert verbs == set(targets.split())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_example_has_its_licence_and_is_small(path):
    """Each table names author, licence, source and changes, and is a rectangle small enough to ship."""
    licence = path.with_suffix(".LICENSE.md").read_text()
    with path.open(newline="") as file:
        widths = {len(record) for record in csv.reader(file)}

    for word in ("Author", "Licence", "Taken from", "Changes"):
        assert re.search(rf"^- \*\*{word}s?:\*\* \S", licence, re.MULTILINE), f"{word} is missing"
    assert path.stat().st_size <= MAX_EXAMPLE_BYTES
    assert len(widths) == 1


def test_the_digits_are_those_of_the_library_and_have_their_licence():
    """The example of images ships with author, licence, source and changes, and is small."""
    path = ROOT / "examples" / "digits.npz"
    licence = path.with_suffix(".LICENSE.md").read_text()
    found = datasets.load_digits()
    with np.load(path) as shipped:
        np.testing.assert_array_equal(shipped["labels"], found.target)
        np.testing.assert_array_equal(np.round(shipped["images"] / 255 * 16), found.images)

    for word in ("Author", "Licence", "Taken from", "Changes"):
        assert re.search(rf"^- \*\*{word}s?:\*\* \S", licence, re.MULTILINE), f"{word} is missing"
    assert path.stat().st_size <= MAX_EXAMPLE_BYTES


def test_there_are_three_examples_with_the_targets_the_list_names():
    """examples/README.md names every table, with a target that is a column of it."""
    listed = dict(re.findall(r"\((\w+\.csv)\).*?`--target (\w+)`", (ROOT / "examples" / "README.md").read_text()))

    assert set(listed) == {path.name for path in EXAMPLES}
    assert len(EXAMPLES) >= 3
    for name, target in listed.items():
        with (ROOT / "examples" / name).open(newline="") as file:
            assert target in next(csv.reader(file))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_source_can_be_read_in_one_sitting(path):
    """No file of more than 400 lines, no function of more than 50 without its docstring."""
    text = path.read_text(encoding="utf-8")
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    too_long = [f"{f.name}: {body_lines(f)} lines" for f in functions if body_lines(f) > MAX_FUNCTION_LINES]

    assert text.count("\n") <= MAX_FILE_LINES
    assert too_long == []


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = first.end_lineno - first.lineno + 1 if is_docstring else 0
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.parametrize("room", JAX_FREE)
def test_room_does_not_import_jax(room):
    """JAX takes half a second to import: rooms that do not train, and the command line's help, never pay for it."""
    walked = "[]" if room == "cli" else "getattr(room, '__path__', [])"  # a command imports what it runs, when it runs
    code = (
        f"import importlib, pkgutil, sys, burnish.{room} as room\n"
        f"for m in pkgutil.walk_packages({walked}, room.__name__ + '.'):\n"
        f"    if not m.name.endswith('__main__') and m.name not in {WITH_JAX}: importlib.import_module(m.name)\n"
        "sys.exit('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, f"{room} imports jax {done.stderr}"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(path):
    """Every relative link or picture in a page names a file that exists."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
    missing = [t for t in targets if not (path.parent / t).exists()]

    assert missing == []


def test_every_decision_is_listed_and_has_its_three_parts():
    """Decisions are numbered without gaps, listed in the index, and say context, decision and consequences."""
    folder = ROOT / "docs" / "decisions"
    decisions = sorted(folder.glob("[0-9]*.md"))
    index = (folder / "README.md").read_text()

    assert [p.name[:4] for p in decisions] == [f"{n:04d}" for n in range(1, len(decisions) + 1)]
    for decision in decisions:
        assert f"({decision.name})" in index
        assert re.findall(r"^## (.*)$", decision.read_text(), re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_changelog_begins_with_the_version_being_built():
    """The newest entry of the changelog is the version in pyproject.toml."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == version

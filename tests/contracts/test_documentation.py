"""What the pages say is what the program does."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = ROOT / "docs" / "commands.md"
PAGE = COMMANDS.read_text(encoding="utf-8") if COMMANDS.exists() else ""  # a test below says that it has to exist
SECTIONS = dict(re.findall(r"^## burnish (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
DOCS = runpy.run_path(str(ROOT / "docs" / "make_docs.py"))


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))


def test_page_lists_every_command():
    """docs/commands.md has a section for each command that the program lists."""
    assert list(SECTIONS) == DOCS["verbs"](DOCS["help_of"]())


@pytest.mark.parametrize("verb", SECTIONS)
def test_page_lists_every_option_of_a_command(verb):
    """docs/commands.md has the options that the program has (`make docs` writes it anew)."""
    assert options(SECTIONS[verb]) == options(DOCS["help_of"](verb))


def test_page_of_the_techniques_is_that_of_the_register():
    """docs/techniques.md is what `make docs` writes."""
    assert DOCS["TECHNIQUES"].read_text(encoding="utf-8") == DOCS["techniques_page"]()


def test_page_of_the_rules_is_that_of_the_table():
    """docs/rules.md is what `make docs` writes."""
    assert DOCS["RULES"].read_text(encoding="utf-8") == DOCS["rules_page"]()


def test_commands_of_the_readme_exist():
    """Every `burnish VERB` that the README shows is a command of the program."""
    shown = set(re.findall(r"^(?:\.venv/bin/)?burnish (\w+)", README, re.MULTILINE))

    assert shown - set(SECTIONS) == set()
    assert "improve" in shown


@pytest.mark.parametrize("code", re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
def test_python_of_the_readme_runs(code, tmp_path):
    """The README's Python runs as a plain script, without a `__main__` guard, and prints something."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "script.py").write_text(code)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()

"""The register of techniques: complete, true, and shown by the command."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from burnish import techniques
from burnish.cli import commands, failing
from burnish.techniques import register

ROOT = Path(__file__).resolve().parents[2]
IDS = [
    f"{letter}{number}"
    for letter, count in zip("ABCDE", (4, 6, 4, 7, 8), strict=True)
    for number in range(1, count + 1)
]
ENTRIES = pytest.mark.parametrize("technique", register.TECHNIQUES, ids=lambda t: t.id)


@functools.cache
def collected() -> frozenset[str]:
    """Ids of all tests that pytest collects from the files that the register names, without parameters."""
    files = sorted({test.split("::")[0] for technique in register.TECHNIQUES for test in technique.tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return frozenset(re.findall(r"^(tests/[\w/.]+::\w+)", done.stdout, re.MULTILINE))


def resolved(name: str) -> object:
    """What a dotted name stands for."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def test_no_technique_is_missing_and_none_is_there_twice():
    assert [technique.id for technique in register.TECHNIQUES] == IDS


@ENTRIES
def test_every_name_can_be_imported_and_has_an_example(technique):
    """The example is in the docstring, where it runs as a test."""
    assert technique.api
    for name in technique.api:
        found = resolved(name)
        assert callable(found)
        assert ">>> " in (found.__doc__ or ""), f"{name} has no example"


@ENTRIES
def test_every_technique_names_its_source(technique):
    """A paper or a book with its year, in the help of one of its names."""
    helps = [resolved(name).__doc__ or "" for name in technique.api]

    assert any(re.search(r"\b(19|20)\d\d\b", text) for text in helps)


@ENTRIES
def test_every_test_named_is_collected(technique):
    assert technique.tests
    assert set(technique.tests) - collected() == set()


@ENTRIES
def test_texts_are_sentences(technique):
    for text in (technique.title, technique.where):
        assert text.endswith(".")
        assert text[0].isupper()


def test_every_public_function_belongs_to_a_technique():
    """Records and the scales' helpers aside: a function that is in no entry would be found by nobody."""
    named = {name.removeprefix(f"{register.PACKAGE}.") for technique in register.TECHNIQUES for name in technique.api}
    functions = {name for name in techniques.__all__ if not isinstance(getattr(techniques, name), type)}

    assert functions - named == set()


def test_public_names_are_listed_alike_in_all_three_places():
    """For type checkers, for the import on first use, and for `from burnish.techniques import *`."""
    tree = ast.parse(Path(techniques.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.name: node.module.rpartition(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith(register.PACKAGE)
        for alias in node.names
    }

    assert imported == techniques._HOMES
    assert techniques.__all__ == sorted(imported)
    assert dir(techniques) == techniques.__all__
    for name in techniques.__all__:
        assert getattr(techniques, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'adma'"):
        techniques.adma  # noqa: B018


def test_the_list_and_what_does_not_train_need_no_jax():
    code = (
        "import sys; from burnish import techniques; from burnish.techniques import register;"
        "techniques.split, techniques.bias_variance, techniques.Log, techniques.random_search, register.TECHNIQUES;"
        "sys.exit('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_command_prints_the_register(capsys):
    """As one JSON document of id, title, api, tests and where; one of them by its id, in any case; in words."""
    assert failing.guarded(commands.burnish, ["techniques", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [list(entry) for entry in listed] == [["id", "title", "api", "tests", "where"]] * len(IDS)
    assert [entry["id"] for entry in listed] == IDS

    assert failing.guarded(commands.burnish, ["techniques", "b4", "--json"]) == 0
    assert [entry["api"] for entry in json.loads(capsys.readouterr().out)] == [["burnish.techniques.inverted_dropout"]]

    assert failing.guarded(commands.burnish, ["techniques", "D6"]) == 0
    shown = capsys.readouterr().out
    adam = register.find("D6")
    for part in (adam.title, *adam.api, *adam.tests, adam.where):
        assert part in shown


def test_an_unknown_id_is_refused_with_those_there_are(capsys):
    assert failing.guarded(commands.burnish, ["techniques", "Z9"]) == 2
    assert "A1, A2" in capsys.readouterr().err

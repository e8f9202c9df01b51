"""The documentation site: its navigation, links, options, code and reference; its strict build is a slow test."""

from __future__ import annotations

import importlib.util
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click
import pytest

import burnish
from burnish import techniques
from burnish.cli import commands
from burnish.techniques import register

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
NAVIGATION = runpy.run_path(str(DOCS / "site" / "navigation.py"))
DOCSTRINGS = runpy.run_path(str(DOCS / "site" / "docstrings.py"))
REFERENCE = runpy.run_path(str(DOCS / "site" / "reference.py"))
SPHINX = runpy.run_path(str(ROOT / "dev.py"))["SPHINX"]
ERRATA = (DOCS / "errata.md").read_text()
LISTED = [path for group in NAVIGATION["groups"]((DOCS / "README.md").read_text()).values() for _, path in group]
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "examples" / "README.md"])
VERBS: dict[str, click.Command] = commands.burnish.commands

LINK = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Every command has it, and click does not list it.
HELP = {"--help"}


def anchors(path: Path) -> set[str]:
    """The anchors that a code host and the site make of a page's headings."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def options(verb: str) -> set[str]:
    return {name for parameter in VERBS[verb].params for name in (*parameter.opts, *parameter.secondary_opts)}


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def test_every_page_is_in_the_navigation_once():
    """A page that nobody can find is a mistake: it needs its line in docs/README.md."""
    there = {str(path.relative_to(DOCS)) for path in [*DOCS.glob("*.md"), *DOCS.glob("reference/*.md")]}

    assert {path for path in LISTED if (DOCS / path).exists()} == set(LISTED)
    assert there - {"README.md"} - set(LISTED) == set()
    assert len(LISTED) == len(set(LISTED))


def test_navigation_becomes_tables_of_contents():
    """Groups are captions, links entries by their place in the repository; other links are left out."""
    page = "# D\n\n## Guide\n\n- [First](a.md): see [b](b.md)\n- [Figures](../bench/README.md)\n- [Web](https://x.y/z.md)\n"

    assert NAVIGATION["toctrees"](page, "docs") == (
        "```{toctree}\n:hidden:\n:caption: Guide\n\nFirst </docs/a>\nFigures </bench/README>\n```"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_anchors_of_a_page_are_headings(page):
    """A link to a place inside a page leads to a heading there."""
    for target, anchor in LINK.findall(page.read_text()):
        if "://" not in target:
            assert anchor in anchors(page if target == "" else page.parent / target), (target, anchor)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_options_that_a_page_names_exist(page):
    """In a command line they are that command's; alone they are some command's."""
    known = set().union(*map(options, VERBS), HELP)
    text = page.read_text()
    for line in [*"".join(blocks(page, "sh")).splitlines(), *re.findall(r"`(burnish [^`]+)`", text)]:
        if (match := re.search(r"\bburnish (\w+) (.+)", line)) and match[1] in VERBS:
            assert set(OPTION.findall(match[2])) - options(match[1]) - HELP == set(), line
    for code in re.findall(r"`([^`\n]+)`", text):
        if not code.startswith(("pip ", "python ", "optax", "XLA")):
            assert set(OPTION.findall(code)) - known == set(), code


@pytest.mark.parametrize("entry", re.split(r"^### ", ERRATA, flags=re.MULTILINE)[1:], ids=lambda text: text[:30])
def test_tests_of_an_erratum_are_those_of_its_technique(entry):
    """Each entry names at least one technique of the register, and only tests that the register has for these."""
    ids = re.findall(r"\(techniques\.md#(\w+)\)", entry)
    proofs = {test.split("::")[1] for id in ids for test in register.find(id).tests}

    assert ids != []
    assert set(re.findall(r"`(test_\w+)`", entry)) - proofs == set()


def test_reference_has_every_public_name_once():
    """Each part of the package has its fence on a page, and a fence becomes a directive for each of its names."""
    text = "\n".join(path.read_text() for path in DOCS.glob("reference/*.md"))
    named = re.findall(r"^\.\. auto\w+:: burnish\.(\S+)$", REFERENCE["expanded"](text), re.MULTILINE)

    main = set(burnish.__all__) - {"__version__", "techniques"}
    assert sorted(named) == sorted([*main, *(f"techniques.{name}" for name in techniques.__all__)])


def test_docstrings_become_markup_of_sphinx():
    """Inline code is literal, public names are links, and what would be markup is not; examples stay as they are."""
    lines = ["`W[l] _x_` of `adam` for |z|, classes_.", "", ">>> f(`x`)", "|x_|", "", "`y`s"]

    assert DOCSTRINGS["restructured"](lines, {"adam": "burnish.techniques.adam"}) == [
        r"``W[l] _x_`` of :py:obj:`adam <burnish.techniques.adam>` for \|z\|, classes\_.",
        "",
        ">>> f(`x`)",
        "|x_|",
        "",
        r"``y``\ s",
    ]


def test_what_is_returned_is_no_type():
    """A colon in the first line of what is returned stays a colon."""
    lines = ["Returns:", "    `value`, `low`: a rate.", "    More: of it.", ""]

    assert DOCSTRINGS["untyped_returns"](lines) == ["Returns:", "    : `value`, `low`: a rate.", "    More: of it.", ""]


class Sample(NamedTuple):
    """A record with and without comments."""

    rows: int  # which rows
    other: str


def test_comments_behind_fields_are_their_help():
    """Also of a field that has none, which is then empty."""
    assert DOCSTRINGS["field_comments"](Sample) == {"rows": "which rows", "other": ""}


def test_fields_stand_before_the_example_if_one_is_explained():
    """Names alone are in the signature already."""
    lines = ["A record.", "", ">>> 1", "1"]

    listed = ["A record.", "", "", "- `rows`: which rows", "- `other`", "", ">>> 1", "1"]
    assert DOCSTRINGS["with_fields"](lines, {"rows": "which rows", "other": ""}) == listed
    assert DOCSTRINGS["with_fields"](lines, {"other": ""}) == lines


def test_signatures_name_what_people_write():
    """Aliases, arrays and defaults by factory."""
    signature = "(y: TypeAliasForwardRef('ArrayLike') | None, x: ~a.b.Map[jaxlib._jax.Array, ' row'] = <factory>)"

    assert DOCSTRINGS["shortened"](signature) == "(y: ArrayLike | None, x: Map[Array, 'row'] = ...)"


def numbers_apart(text: str) -> tuple[str, list[float]]:
    number = re.compile(r"\d+\.\d+|\d+")
    return re.sub(r"\s+", " ", number.sub("N", text)), [float(found) for found in number.findall(text)]


@pytest.mark.slow
def test_three_searches_print_what_their_page_shows():
    """The page's code runs as one script; its words and numbers are those shown, to rounding."""
    page = DOCS / "tuning.md"
    done = subprocess.run(
        [sys.executable, "-c", "".join(blocks(page, "python"))], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    words, values = numbers_apart(done.stdout)
    shown, expected = numbers_apart("".join(blocks(page, "console")))
    assert words == shown
    assert values == pytest.approx(expected, rel=0.1)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="needs pip install -e '.[docs]'")
def test_site_builds_without_a_warning(tmp_path):
    """Strictly, from nothing; the first page and the reference are there and load nothing from elsewhere."""
    done = subprocess.run(
        [*SPHINX, "-d", tmp_path / "doctrees", ROOT, tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    first = (tmp_path / "site" / "docs" / "README.html").read_text()
    assert (tmp_path / "site" / "docs" / "reference" / "optimising.html").exists()
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?:https?:)?//[^\"]+", first) == []

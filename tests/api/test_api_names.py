"""What is public, and what it costs to import it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import burnish

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def test_public_names_are_exactly_the_documented_ones():
    """Every item of docs/api.md begins with a public name, and there is no other."""
    documented = re.findall(r"^- `(\w+)", PAGE, re.MULTILINE)

    assert sorted(documented) == burnish.__all__
    assert dir(burnish) == burnish.__all__


@pytest.mark.parametrize("name", burnish.__all__)
def test_every_public_name_is_there(name):
    """Each name can be imported and says what it is."""
    assert getattr(burnish, name).__doc__


def test_version_is_that_of_the_package():
    """One version, from the package's metadata."""
    assert burnish.__version__ == version("burnish")


def test_an_unknown_name_is_an_attribute_error():
    """The usual message for a name that is not there."""
    with pytest.raises(AttributeError, match="module 'burnish' has no attribute 'improv'"):
        burnish.improv  # noqa: B018


def test_importing_burnish_imports_nothing_heavy():
    """`import burnish` starts neither JAX nor scikit-learn, nor does an error or the list of names."""
    code = (
        "import sys, burnish; burnish.DataError, dir(burnish); "
        "print({'jax', 'sklearn', 'numpy', 'pydantic', 'duckdb'} & set(sys.modules) or 'nothing')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "nothing"

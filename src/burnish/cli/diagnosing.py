"""`burnish diagnose`: what is wrong with a person's own training."""

from __future__ import annotations

import contextlib
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from burnish import errors
from burnish.doctor import diagnosis
from burnish.load import code

HEALTHY, SICK = 0, 1  # exit codes
WANTED = code.Wanted(code.FUNCTION, "to diagnose", "train.py:training", "Name the function that returns the training.")


def diagnose(where: str, *, baseline_error: float | None, as_json: bool) -> int:
    """Print what is wrong with the training that a function of a file returns; returns the exit code."""
    path, name = code.parts(where, WANTED)
    with contextlib.redirect_stdout(sys.stderr):
        given = _arguments(path, name)
        found = diagnosis.diagnose(**{"baseline_error": baseline_error, **given})
    click.echo(json.dumps({"function": where, **found.document()}, allow_nan=False) if as_json else str(found))
    return HEALTHY if found.ok else SICK


def _arguments(path: Path, name: str) -> dict[str, Any]:
    """What the person's function returns, if it is what a diagnosis takes."""
    maker: Callable[[], Any] = code.named(code.imported(path, "diagnosed"), path, name, fits=callable, wanted=WANTED)
    try:
        given = maker()
    except Exception as error:
        raise errors.ConfigError(
            f"{name}() of {path} fails{code.line(error, path)}.", code.said(error), "It is called without arguments."
        ) from error
    parameters = inspect.signature(diagnosis.diagnose).parameters.values()
    needed = [one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    missing = [key for key in needed if key not in given] if isinstance(given, dict) else needed
    if missing:
        shown = "a dictionary without " + code.listed(missing) if isinstance(given, dict) else type(given).__name__
        raise errors.ConfigError(
            f"{name}() of {path} returns {shown}.",
            f"It returns a dictionary with {', '.join(needed)}.",
            "`burnish rules` lists what is looked for; docs/diagnosing.md has an example.",
        )
    return given

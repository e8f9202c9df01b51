"""`burnish check`: the gradient of a function in a person's own file.

The file says on what: its function `example()` (or `FUNCTION_example()`) returns the parameters, or a tuple of the
parameters and the further arguments. Of a model, a pair (init, apply), the cost is the squared error on made-up rows.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from burnish import errors
from burnish.diagnosis import gradient_check
from burnish.load import code, own_models
from burnish.report import wording
from burnish.workflow import own_check

RIGHT, WRONG = 0, 1  # exit codes
EXAMPLE = "example"
# A long check tells where it is this often, in seconds.
PULSE = 10.0
WANTED = code.Wanted(code.FUNCTION, "to check", "train.py:cost", "Name the function that returns the cost.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asked for."""

    where: str  # FILE.py:FUNCTION
    gradient: str | None  # another function of the file
    skip: tuple[str, ...]
    directions: int
    seed: int


def check(asked: Asked, *, as_json: bool) -> int:
    """Print whether the gradient is right; returns the exit code.

    What the person's file prints goes to stderr: stdout holds the answer alone.
    """
    path, name = code.parts(asked.where, WANTED)
    with contextlib.redirect_stdout(sys.stderr):
        module = code.imported(path, "checked")
        if own_models.is_pair(getattr(module, name, None)):
            function, (params, *args) = own_check.cost_of(own_models.of(asked.where))
        else:
            function = _function(module, path, name)
            params, *args = _example(module, path, name, function)
        gradient = None if asked.gradient is None else _function(module, path, asked.gradient)
        with _told(path):
            found = gradient_check.check(
                gradient_check.prepare(function, params, tuple(args), gradient=gradient, skip=asked.skip),
                directions=asked.directions,
                seed=asked.seed,
                told=_Pulse(),
            )
    if as_json:
        click.echo(json.dumps({"function": asked.where, **found.document()}, allow_nan=False))
    else:
        for line in found.lines():
            click.echo(line)
    return RIGHT if found.ok else WRONG


class _Pulse:
    """Says now and then which leaf a long check is at."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, done: int, leaves: int) -> None:
        if time.monotonic() - self._last >= PULSE:
            self._last = time.monotonic()
            click.echo(f"burnish: {done} of {leaves} leaves checked", err=True)


def _function(module: ModuleType, path: Path, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = code.named(module, path, name, fits=callable, wanted=WANTED)
    return found


def _example(module: ModuleType, path: Path, name: str, function: Callable[..., Any]) -> tuple[Any, ...]:
    """(params, *args) from the file's example."""
    maker = getattr(module, f"{name}_{EXAMPLE}", None) or getattr(module, EXAMPLE, None)
    signature = _signature(function)
    if not callable(maker):
        needed = [key for key, value in signature.parameters.items() if value.default is value.empty]
        raise errors.ConfigError(
            f"{name} of {path} needs {wording.listing(needed) or 'parameters'}, and nothing says which.",
            f"The file has neither {name}_{EXAMPLE}() nor {EXAMPLE}().",
            f"Add one that returns them: def {EXAMPLE}(): return {', '.join(needed) or 'params'}",
        )
    try:
        made = maker()
    except Exception as error:
        raise errors.ConfigError(
            f"{maker.__name__}() of {path} fails{code.line(error, path)}.",
            code.said(error),
            "It is called without arguments and returns (params, *args).",
        ) from error
    # A named tuple is a tree of parameters, a plain one is (params, *args).
    given = made if type(made) is tuple else (made,)
    try:
        signature.bind(*given)
    except TypeError as error:
        raise errors.ConfigError(
            f"What {maker.__name__}() of {path} returns does not fit {name}{signature}.",
            f"It returns {len(given)} value{'s' if len(given) != 1 else ''}: {error}.",
            "Return (params, *args); parameters that are a tuple themselves as (params,).",
        ) from error
    return given


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # a function of compiled code does not say
        return inspect.signature(lambda *args: None)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which file an error of the check is about, and on which of its lines it began."""
    try:
        yield
    except errors.ConfigError as error:
        cause = error.__cause__
        where = "" if cause is None else code.line(cause, path)
        raise errors.ConfigError(f"{path}: {error.what.rstrip('.')}{where}.", error.why, error.remedy) from cause

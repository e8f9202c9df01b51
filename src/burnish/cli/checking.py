"""`burnish check`: the gradient of a function in a person's own file.

The file says on what: its function `example()` (or `FUNCTION_example()`) returns the parameters, or a tuple of the
parameters and the further arguments.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import inspect
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from burnish import errors
from burnish.diagnose import gradient_check
from burnish.report import wording

RIGHT, WRONG = 0, 1  # exit codes
EXAMPLE = "example"
# A long check tells where it is this often, in seconds.
PULSE = 10.0
SHOWN = 8  # functions that an error lists


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
    path, name = _parts(asked.where)
    with contextlib.redirect_stdout(sys.stderr):
        module = _imported(path)
        function = _function(module, path, name)
        gradient = None if asked.gradient is None else _function(module, path, asked.gradient)
        params, *args = _example(module, path, name, function)
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


def _parts(where: str) -> tuple[Path, str]:
    """The file and the function's name."""
    file, colon, name = where.rpartition(":")
    if not colon or not file or not name.isidentifier():
        path = Path(where.rstrip(":"))
        names = f"; it has {_names(_functions_written_in(path))}" if path.is_file() else ""
        raise errors.ConfigError(
            f"{where} does not say which function of which file to check.",
            f"The argument is FILE.py:FUNCTION{names}.",
            f"Write it like {path.name if path.suffix == '.py' else 'train.py'}:cost.",
        )
    path = Path(file)
    if not path.is_file():
        raise errors.ConfigError(
            f"There is no file {path}.", f"It was looked for in {Path.cwd()}.", "Check the spelling and the folder."
        )
    return path, name


def _imported(path: Path) -> ModuleType:
    """The file as a module, with its folder on the path as for `python FILE.py`; its `__main__` part stays asleep."""
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(f"checked_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise errors.ConfigError(
            f"{path} is no Python file.", "Its name has to end in .py.", "Give the file with the function."
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise errors.ConfigError(
            f"{path} cannot be imported{_line(error, path)}.",
            _said(error),
            f"Run `python {path}` to see it alone; what is to run only then belongs under `if __name__ == '__main__'`.",
        ) from error
    return module


def _function(module: ModuleType, path: Path, name: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if callable(found):
        return found
    names = [key for key, value in vars(module).items() if _written_here(value, module) and not key.startswith("_")]
    close = difflib.get_close_matches(name, names, n=1)
    what = "is no function" if hasattr(module, name) else "is not there"
    raise errors.ConfigError(
        f"{name} {what} in {path}.",
        f"The file has {_names(names)}.",
        f"Did you mean {close[0]}?" if close else "Name the function that returns the cost.",
    )


def _written_here(value: Any, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def _functions_written_in(path: Path) -> list[str]:
    """Names of the functions, read without running the file."""
    words = (line.split("(")[0].split() for line in path.read_text("utf-8", errors="replace").splitlines())
    return [pair[1] for pair in words if len(pair) == 2 and pair[0] == "def"]


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
            f"{maker.__name__}() of {path} fails{_line(error, path)}.",
            _said(error),
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
        where = "" if cause is None else _line(cause, path)
        raise errors.ConfigError(f"{path}: {error.what.rstrip('.')}{where}.", error.why, error.remedy) from cause


def _line(error: BaseException, path: Path) -> str:
    """ " (line 12)" where the error passed through the file."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f" (line {error.lineno})"
    own = path.resolve()
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).resolve() == own
    ]
    return f" (line {lines[-1]})" if lines else ""


def _said(error: BaseException) -> str:
    message = wording.plain(str(error).strip().split("\n")[0])
    return f"{type(error).__name__}: {message}" if message else f"{type(error).__name__}."


def _names(names: Sequence[str]) -> str:
    more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return wording.listing([*names[:SHOWN], *more]) or "no functions"

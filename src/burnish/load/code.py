"""A person's own Python file, named as FILE.py:NAME: imported, and what it holds under that name."""

from __future__ import annotations

import difflib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from burnish import errors
from burnish.data.harmless import plain

SHOWN = 8  # names that an error lists
FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for in a file, as errors call it."""

    thing: str  # FUNCTION, say
    purpose: str  # "to check"
    example: str  # "train.py:cost"
    advice: str  # what to name instead


def parts(where: str, wanted: Wanted) -> tuple[Path, str]:
    """The file and the name.

    Raises:
        ConfigError: It is not FILE.py:NAME, or there is no such file.
    """
    file, colon, name = where.rpartition(":")
    if not colon or not file or not name.isidentifier():
        path = Path(where.rstrip(":"))
        there = path.is_file() and wanted.thing == FUNCTION
        names = f"; it has {listed(_functions_written_in(path))}" if there else ""
        shown = path.name if path.suffix == ".py" else wanted.example.partition(":")[0]
        raise errors.ConfigError(
            f"{where} does not say which {wanted.thing} of which file {wanted.purpose}.",
            f"The argument is FILE.py:{wanted.thing.upper()}{names}.",
            f"Write it like {shown}:{wanted.example.partition(':')[2]}.",
        )
    path = Path(file)
    if not path.is_file():
        raise errors.ConfigError(
            f"There is no file {path}.", f"It was looked for in {Path.cwd()}.", "Check the spelling and the folder."
        )
    return path, name


def imported(path: Path, prefix: str) -> ModuleType:
    """The file as a module, with its folder on the path as for `python FILE.py`; its `__main__` part stays asleep.

    Args:
        path: The file.
        prefix: Of the module's name, which no import statement would use.

    Raises:
        ConfigError: It is no Python file, or fails when it is imported.
    """
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(f"{prefix}_{path.stem}", path)
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
            f"{path} cannot be imported{line(error, path)}.",
            said(error),
            f"Run `python {path}` to see it alone; what is to run only then belongs under `if __name__ == '__main__'`.",
        ) from error
    return module


def named(module: ModuleType, path: Path, name: str, *, fits: Callable[[Any], bool], wanted: Wanted) -> Any:
    """What the file holds under a name.

    Raises:
        ConfigError: Nothing, or nothing that fits.
    """
    found = getattr(module, name, None)
    if fits(found):
        return found
    names = [key for key, value in vars(module).items() if not key.startswith("_") and _own(value, module, fits)]
    close = difflib.get_close_matches(name, names, n=1)
    what = f"is no {wanted.thing}" if hasattr(module, name) else "is not there"
    raise errors.ConfigError(
        f"{name} {what} in {path}.",
        f"The file has {listed(names, wanted.thing)}.",
        f"Did you mean {close[0]}?" if close else wanted.advice,
    )


def _own(value: Any, module: ModuleType, fits: Callable[[Any], bool]) -> bool:
    """Whether a value fits and was not merely imported there."""
    return fits(value) and getattr(value, "__module__", module.__name__) == module.__name__


def _functions_written_in(path: Path) -> list[str]:
    """Names of the functions, read without running the file."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    words = (line.split("(")[0].split() for line in lines if line.startswith("def "))
    return [pair[1] for pair in words if len(pair) == 2]


def line(error: BaseException, path: Path) -> str:
    """ " (line 12)" where the error passed through the file."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f" (line {error.lineno})"
    own = path.resolve()
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).resolve() == own
    ]
    return f" (line {lines[-1]})" if lines else ""


def said(error: BaseException) -> str:
    """An error as one line."""
    message = plain(str(error).strip().split("\n")[0])
    return f"{type(error).__name__}: {message}" if message else f"{type(error).__name__}."


def listed(names: Sequence[str], thing: str = FUNCTION) -> str:
    """The first few names."""
    more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join([*names[:SHOWN], *more]) or f"no {thing}s"

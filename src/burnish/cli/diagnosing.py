"""`burnish diagnose`: what is wrong with a person's own training."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from burnish import errors
from burnish.cli import options
from burnish.doctor import asking, diagnosis
from burnish.doctor.diagnosis import Diagnosis
from burnish.doctor.monitor import Monitor
from burnish.executors import compile_cache
from burnish.load import code
from burnish.workflow import rediagnosing

HEALTHY, SICK = 0, 1  # exit codes
WANTED = code.Wanted(code.FUNCTION, "to diagnose", "train.py:training", "Name the function that returns the training.")


def diagnose(
    where: str,
    *,
    baseline_error: float | None,
    time_limit: float | None = None,
    model: str | None = None,
    as_json: bool,
) -> int:
    """Print what is wrong with the training that a function of a file returns or does, or with a run's.

    Returns:
        The exit code.
    """
    if not options.names_code(where):
        limit = rediagnosing.TIME_LIMIT if time_limit is None else time_limit
        return _run(rediagnosing.Asked(Path(where), limit, baseline_error, model), as_json=as_json)
    path, name = code.parts(where, WANTED)
    # What was compiled is kept: whoever mends a training diagnoses it again.
    with contextlib.redirect_stdout(sys.stderr), compile_cache.lent(compile_cache.folder()):
        maker = code.named(code.imported(path, "diagnosed"), path, name, fits=callable, wanted=WANTED)
        if asking.trains(maker):
            if time_limit is not None:
                raise errors.ConfigError(
                    "--time-limit has no meaning here.", f"{name}() of {path} trains by itself.", "Leave it out."
                )
            found = _watched(maker, path, name)
        else:
            asked = {"baseline_error": baseline_error, "time_limit": time_limit, **_arguments(maker, path, name)}
            found = diagnosis.diagnose(**{"tell": _telling(time.monotonic()), **asked})
    click.echo(json.dumps({"function": where, **found.document()}, allow_nan=False) if as_json else str(found))
    return HEALTHY if found.ok else SICK


def _telling(began: float) -> Callable[[str], None]:
    """Shows each sentence on stderr, with the seconds since then: an examination may take a minute."""
    return lambda text: click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)


def _run(asked: rediagnosing.Asked, *, as_json: bool) -> int:
    found = rediagnosing.run(asked, tell=lambda text: click.echo(text, err=True))
    click.echo(json.dumps(found.document(), allow_nan=False) if as_json else str(found))
    return HEALTHY if found.ok else SICK


def _watched(train: Callable[[Monitor], Any], path: Path, name: str) -> Diagnosis:
    """Of a function that trains by itself. One that stops halfway may have been stopped by what is to be found."""
    monitor = Monitor()
    try:
        train(monitor)
    except Exception as error:
        found = monitor.diagnosis() if monitor.recorded else None
        if found is None or found.ok:
            raise _fails(error, path, name, "It is handed a burnish.Monitor.") from error
        click.echo(f"{name}() of {path} failed after {monitor.recorded:,} steps: {code.said(error)}", err=True)
        return found
    return asking.told(monitor)


def _fails(error: Exception, path: Path, name: str, how: str) -> errors.ConfigError:
    return errors.ConfigError(f"{name}() of {path} fails{code.line(error, path)}.", code.said(error), how)


def _arguments(maker: Callable[[], Any], path: Path, name: str) -> dict[str, Any]:
    """What the person's function returns, if it is what a diagnosis takes."""
    try:
        given = maker()
    except Exception as error:
        raise _fails(error, path, name, "It is called without arguments.") from error
    needed = asking.PARTS
    missing = [key for key in needed if key not in given] if isinstance(given, dict) else needed
    if missing:
        shown = "a dictionary without " + code.listed(missing) if isinstance(given, dict) else type(given).__name__
        raise errors.ConfigError(
            f"{name}() of {path} returns {shown}.",
            f"It returns a dictionary with {', '.join(needed)}, or takes a burnish.Monitor and trains by itself.",
            "`burnish rules` lists what is looked for; docs/diagnosing.md has an example.",
        )
    return given

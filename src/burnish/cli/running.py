"""`improve` and `resume`: from options to a run, and from its result to what is printed."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from burnish import errors
from burnish.cli import failing
from burnish.cli.showing import Screen
from burnish.load.files import STANDARD_INPUT
from burnish.report import terminal
from burnish.workflow import improve as main_job
from burnish.workflow import settings as all_settings
from burnish.workflow.leaving import Result
from burnish.workflow.reading import Sources
from burnish.workflow.session import Interrupted
from burnish.workflow.settings import Settings

# Options whose names differ from the settings they set.
RENAMED = {"time_column": "time"}
# Settings that exclude one another: an option wins over the one that the file gives in its stead.
EITHER = (("time_limit", "max_epochs"), ("time", "group"))


@dataclass(frozen=True, slots=True)
class Ask:
    """What the command line asked for."""

    data: str
    dev: str | None
    test: str | None
    out: Path | None
    settings: Settings
    command: str
    labels: str | None = None


def settings_from(options: dict[str, Any], config: Path | None) -> Settings:
    """Settings from the options given; what they leave open comes from the file, then from the defaults."""
    values = {} if config is None else _from_file(config)
    given = {RENAMED.get(k, k): v for k, v in options.items() if _given(v)}
    if given.pop("no_test", False):
        given["test"] = False
    if "start" in given:
        given["start"] = _configuration(Path(given["start"]))
    for one, other in (*EITHER, *(pair[::-1] for pair in EITHER)):
        if one in given and other not in given:
            values.pop(other, None)
    return all_settings.make(**{**values, **given})


def _from_file(config: Path) -> dict[str, Any]:
    """The file's settings; a configuration to start from may stand in it, or in a file of its own beside it."""
    values = all_settings.from_file(config)
    if isinstance(values.get("start"), str):
        values["start"] = _configuration(config.parent / values["start"])
    return values


def _given(value: Any) -> bool:
    """Whether the option was used: 0 is a value like any other."""
    return value is not None and value is not False and value != ()


def _configuration(path: Path) -> dict[str, Any]:
    if path.suffix == ".toml":
        return all_settings.from_file(path)
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise errors.ConfigError(
            f"The file {path} cannot be read.", f"The system says: {error.strerror}.", "Check the path."
        ) from error
    except ValueError as error:
        raise errors.ConfigError(
            f"The starting configuration {path} is not JSON.", f"{error}.", "Give a JSON or TOML file."
        ) from error
    if not isinstance(values, dict):
        raise errors.ConfigError(
            f"{path} holds no configuration.",
            "It must be one JSON object of settings and values.",
            'Write it like {"widths": [64, 64], "learning_rate": 0.001}.',
        )
    return values


def improve(ask: Ask, *, began: float, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Run the main job and print its result."""
    request = main_job.Request(
        Sources(ask.data, ask.dev, ask.test, labels=ask.labels), ask.settings, ask.out, ask.command
    )
    with Screen(quiet=quiet) as screen:
        try:
            result = main_job.run(request, emit=screen, began=began)
        except Interrupted as stopped:
            once = STANDARD_INPUT in (ask.data, ask.dev, ask.test)
            raise _signalled(stopped, resumable=not once) from stopped
    _print(result, as_json=as_json, verbose=verbose)
    _check_gate(ask.settings, result)


def resume(path: Path, *, own: str | None, began: float, as_json: bool, quiet: bool) -> None:
    """Go on with a run and print its result."""
    with Screen(quiet=quiet) as screen:
        try:
            result = main_job.resume(path, model=own, emit=screen, began=began)
        except Interrupted as stopped:
            raise _signalled(stopped, resumable=True) from stopped
    _print(result, as_json=as_json, verbose=False)
    _check_gate(result.settings, result)


def _signalled(stopped: Interrupted, *, resumable: bool) -> failing.Signalled:
    command = shlex.join(["burnish", "resume", str(stopped.path)])
    gone = "It cannot go on: its data came from standard input and are gone."
    return failing.Signalled(stopped.signal_number, f"Go on with:  {command}" if resumable else gone)


def _print(result: Result, *, as_json: bool, verbose: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.document(), allow_nan=False))
        return
    for line in terminal.summary(result.summary):
        click.echo(line)
    if verbose:
        for line in result.summary.clock_decisions:
            click.echo(line)


def _check_gate(settings: Settings, result: Result) -> None:
    if settings.require is None:
        return
    name, bound = all_settings.parse_requirement(settings.require)
    final = result.summary.final
    # Without the label: "1 - recall of 'yes'" is asked for as "1 - recall".
    told = () if final is None else final.test_metrics
    measured = {all_settings.key_of(m.name.partition(" of ")[0]): m.value for m in told}
    if final is not None and (overall := final.test or final.dev) is not None:
        measured["error"] = overall
    found = measured.get(all_settings.key_of(name))
    if found is None or not math.isfinite(found.high):
        raise failing.GateMissed(f"--require {settings.require} is not met: no test rows tell the upper end of {name}.")
    if found.high > bound:
        raise failing.GateMissed(
            f"--require {settings.require} is not met: the upper end of the interval is {found.high:.4g}."
        )

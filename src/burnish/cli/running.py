"""`improve` and `resume`: from options to a run, and from its result to what is printed."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import dataclass
from pathlib import Path

import click

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

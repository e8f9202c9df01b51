"""`burnish ablate`: from options to an ablation, and from its document to what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burnish.cli import failing
from burnish.cli.showing import Screen
from burnish.report import explain_page
from burnish.workflow import ablate as ablation
from burnish.workflow import ablating
from burnish.workflow.session import Interrupted

if TYPE_CHECKING:
    from burnish.explaining.explained import Explained

NOTHING_KEPT = "the run is as it was"


def ablate(
    run: Path,
    *,
    began: float,
    as_json: bool,
    quiet: bool,
    time_limit: float | None,
    seeds: int | None,
    jobs: int | None,
    best_network: bool,
    output: Path | None,
    model: str | None,
    explain: bool,
) -> None:
    """Take a run's best network apart and print what each technique is worth; with `explain`, why too."""
    asked = ablation.Asked(
        run,
        time_limit=time_limit,
        seeds=ablating.SEEDS if seeds is None else seeds,
        jobs=jobs,
        output=output,
        best=best_network,
        model=model,
    )
    why = _explaining(asked) if explain else None
    with Screen(quiet=quiet) as screen:
        try:
            made = ablation.run(asked, emit=screen, began=began)
        except Interrupted as stopped:
            again = "Nothing was written; begin again when there is time."
            raise failing.Signalled(stopped.signal_number, again, kept=NOTHING_KEPT) from stopped
    if not as_json:
        for line in made.lines():
            click.echo(line)
    if why is not None:
        with Screen(quiet=quiet) as screen:
            made = _explained(asked, made, partial(why, emit=screen))
    if as_json:
        click.echo(json.dumps(made.document(), allow_nan=False))
    elif made.record.explain is not None:
        for line in ("", *explain_page.lines(made.record.explain)):
            click.echo(line)


def _explaining(asked: ablation.Asked) -> Callable[..., Explained]:
    """What explains the run, once it was seen that it can be; it is asked for before the ablation takes its time."""
    from burnish.explaining import explained  # imports JAX, which an ablation leaves to its workers

    wanted = explained.Asked(asked.run, jobs=asked.jobs)
    explained.check(wanted)
    return partial(explained.run, wanted)


def _explained(asked: ablation.Asked, made: ablation.Ablation, explain: Callable[[], Explained]) -> ablation.Ablation:
    try:
        found = explain()
    except Interrupted as stopped:
        again = "Begin again for the explanation; `burnish.explain` in Python makes it alone."
        raise failing.Signalled(stopped.signal_number, again, kept="the ablation is kept") from stopped
    return ablation.explained(asked, made, found.record)

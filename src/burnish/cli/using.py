"""Commands that use what a run left, or look at data without training."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from burnish.report import render
from burnish.report import summary as records
from burnish.store import atomic, run_folder
from burnish.workflow import applying, leaving, looking


def predict(model: Path, data: str, output: str | None, *, proba: bool) -> None:
    """Predictions as CSV."""
    text = applying.predictions_csv(model, data, probabilities=proba)
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        atomic.write_text(Path(output), text)


def evaluate(model: Path, data: str, *, as_json: bool) -> None:
    """Errors of a model on rows with known targets."""
    judged = applying.evaluate(model, data)
    if as_json:
        click.echo(json.dumps(judged.document(), allow_nan=False))
        return
    click.echo(f"{judged.rows} rows")
    for metric in judged.metrics:
        v = metric.value
        click.echo(f"{metric.name}: {v.value:.4g} ({v.low:.4g} to {v.high:.4g}, 95 %)")


def audit(data: str, target: str, *, as_json: bool) -> None:
    """What is wrong with a table."""
    looked = looking.audit(data, target)
    if as_json:
        click.echo(json.dumps(looked.document(), allow_nan=False))
        return
    for line in looked.lines():
        click.echo(line)


def report(run: Path) -> None:
    """Render a run's report anew."""
    folder = run_folder.open(run)
    summary = records.from_json((folder.path / leaving.SUMMARY_FILE).read_text("utf-8"))
    atomic.write_text(folder.report, render.render(summary))
    click.echo(str(folder.report))


def runs(folder: Path, *, as_json: bool) -> None:
    """The runs in a folder, newest first."""
    found: list[dict[str, Any]] = [asdict(item) for item in run_folder.list_runs(folder)]
    if as_json:
        click.echo(json.dumps(found, default=str))
        return
    for item in found:
        click.echo("  ".join(str(value) for value in item.values() if value is not None))
    if not found:
        click.echo(f"No runs in {folder}.", err=True)

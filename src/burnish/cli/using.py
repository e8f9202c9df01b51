"""Commands that use what a run left, or look at data without training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from burnish import errors
from burnish.cli import showing
from burnish.data.harmless import harmless
from burnish.load import images
from burnish.load.image_tables import Paths
from burnish.report import wording
from burnish.report.summary import Metric
from burnish.store import atomic, run_folder
from burnish.workflow import appendix, applying, arriving, checking, image_looking, image_reading, looking
from burnish.workflow.image_reading import ImageSources


def predict(model: Path, data: str, output: str | None, *, proba: bool, own: str | None = None) -> None:
    """Predictions as CSV."""
    predictor = applying.model_in(model, model=own)
    if proba and not predictor.target.classes:
        raise applying.no_probabilities(predictor)
    rows = applying.rows_for(predictor, data)
    for remark in arriving.said(predictor, rows):
        click.echo(f"burnish: {wording.plain(remark)}", err=True)
    text = applying.predictions_csv(predictor, rows, probabilities=proba)
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        atomic.write_text(Path(output), text)


def evaluate(model: Path, data: str, *, as_json: bool, **how: Any) -> None:
    """Errors of a model on rows with known targets; `how` is what `applying.evaluate` takes beside."""
    judged = applying.evaluate(model, data, **how)
    if as_json:
        click.echo(json.dumps(judged.document(), allow_nan=False))
        return
    for remark in judged.remarks:
        click.echo(f"burnish: {wording.plain(remark)}", err=True)
    if judged.seen:
        click.echo(f"burnish: {wording.seen_rows(judged.seen, judged.rows)}", err=True)
    _errors(f"{judged.rows:,} rows", judged.metrics)
    if judged.unseen:
        _errors(f"{judged.rows - judged.seen:,} of them that the model was not made from", judged.unseen)


def _errors(rows: str, metrics: Sequence[Metric]) -> None:
    click.echo(f"{rows}; each error with its 95 % interval, smaller is better")
    for metric in metrics:
        click.echo(harmless(f"{metric.name}: {wording.span(metric.value, metric.unit)}"))


def audit(
    data: str,
    *,
    target: str | None,
    labels: str | None,
    image_size: tuple[int, int] | None,
    dev: str | None,
    test: str | None,
    as_json: bool,
) -> None:
    """What is wrong with a table, or with images."""
    looked: looking.Looked | image_looking.LookedAtImages
    found = images.opened(data, but=(target,))
    if images.are_images(found):
        if isinstance(found, Paths):
            target = checking.column(found.table, target, "target")
            image_reading.refuse_labels(labels, found)
        sources = ImageSources(found, dev, test, labels, target, image_size)
        looked = image_looking.audit(sources, report=showing.Packing())
    else:
        image_reading.refuse_for_tables(labels, image_size, data)
        if dev is not None or test is not None:
            raise errors.ConfigError(
                "A table is audited by itself.", "--dev and --test are of images.", "Leave them out."
            )
        looked = looking.audit(found, target)
    if as_json:
        click.echo(json.dumps(looked.document(), allow_nan=False))
        return
    for line in looked.lines():
        click.echo(harmless(line))


def report(run: Path) -> None:
    """Render a run's report anew."""
    folder = run_folder.open(run)
    appendix.write_report(folder)
    click.echo(str(folder.report))

"""`burnish verdict`: what holds back a network that lives elsewhere."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command()
@click.option("--train-error", metavar="X", help="Error on the rows that it learned from: a rate, as 0.01 or 1%.")
@click.option("--train-rows", metavar="N", help="How many rows that is.")
@click.option("--dev-error", metavar="X", help="Error on rows that it did not learn from.")
@click.option("--dev-rows", metavar="N", help="How many.")
@click.option(
    "--baseline-error", metavar="X", help="Error of people, or the least possible; a range as 1%..3% (not known)."
)
@click.option("--train-dev-error", metavar="X", help="Error on held-out rows from where the training rows come from.")
@click.option("--train-dev-rows", metavar="N", help="How many.")
@click.option("--test-error", metavar="X", help="Error on rows that chose nothing.")
@click.option("--test-rows", metavar="N", help="How many.")
@click.option(
    "--task",
    type=click.Choice(["classification", "regression"]),
    default="classification",
    help="Whether errors are rates or RMSEs (classification).",
)
@click.option("--target-sd", metavar="X", help="Regression: the target's standard deviation, to know what matters.")
@click.option("--curves", metavar="FILE", help="CSV with a row for each epoch: train_loss, dev_loss and more.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def verdict(as_json: bool, **figures: Any) -> None:
    """What holds back a network that lives elsewhere: bias, variance, mismatch, or its training.

    From errors with their numbers of rows, from the curves of the training, or both. Columns of the curves may have the
    names that Keras, fastai, Lightning or the Hugging Face trainer give them.
    """
    from burnish.workflow import outside

    found = outside.verdict(**figures)
    if as_json:
        click.echo(json.dumps(found.document(), allow_nan=False))
        return
    for line in found.lines():
        click.echo(line)

"""`burnish verdict`: what holds back a network that lives elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from burnish.workflow import outside


def verdict(figures: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the verdict.

    Args:
        figures: What the command line gave, by the names of `outside.verdict`.
        as_json: Print one document.
    """
    found = outside.verdict(**figures)
    if as_json:
        click.echo(json.dumps(found.document(), allow_nan=False))
        return
    for line in found.lines():
        click.echo(line)

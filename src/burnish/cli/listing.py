"""`burnish runs`: apart from the other commands, because a list of folders must not wait for JAX to be imported."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from burnish.data.harmless import harmless
from burnish.store import run_folder


def runs(folder: Path, *, as_json: bool) -> None:
    """The runs in a folder, newest first."""
    found = [asdict(item) for item in run_folder.list_runs(folder)]
    if as_json:
        click.echo(json.dumps(found))
        return
    lines = [[harmless(value) or "-" for value in item.values()] for item in found]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())
    if not found:
        click.echo(f"No runs in {folder}.", err=True)

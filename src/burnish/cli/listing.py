"""`burnish runs`: apart from the other commands, because a list of folders must not wait for JAX to be imported."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from burnish.store import run_folder


def runs(folder: Path, *, as_json: bool) -> None:
    """The runs in a folder, newest first."""
    found = [asdict(item) for item in run_folder.list_runs(folder)]
    if as_json:
        click.echo(json.dumps(found))
        return
    for item in found:
        click.echo("  ".join(value for value in item.values() if value))
    if not found:
        click.echo(f"No runs in {folder}.", err=True)

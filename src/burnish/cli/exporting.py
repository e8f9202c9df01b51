"""`burnish export`: a delivered model as a file that other programs run."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), default=Path("model.onnx"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def export(model: Path, output: Path, as_json: bool) -> None:
    """Write the model of a run as ONNX: preparation, networks and their average in one file (model.onnx).

    MODEL is a run folder or its model folder. The file reads each column by its name, and is compared with the model on
    made-up rows before it is given out. Needs the extra "onnx".
    """
    from burnish.workflow import exporting

    written = exporting.export_onnx(model, output)
    if as_json:
        click.echo(json.dumps(written.document(), allow_nan=False))
        return
    for line in written.lines():
        click.echo(line)

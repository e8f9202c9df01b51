"""`burnish techniques`: the list of techniques, without importing JAX."""

from __future__ import annotations

import json

import click

from burnish.techniques import register


def show(id: str | None, *, as_json: bool) -> None:
    """All techniques, or the one of this id."""
    found = register.TECHNIQUES if id is None else (register.find(id),)
    if as_json:
        click.echo(json.dumps(register.document(found), ensure_ascii=False))
        return
    click.echo("\n\n".join(_lines(technique) for technique in found))


def _lines(technique: register.Technique) -> str:
    parts = (("api", technique.api), ("tests", technique.tests), ("where", (technique.where,)))
    lines = [f"{technique.id}  {technique.title}"]
    for label, values in parts:
        lines += [f"    {label if not number else '':<5}  {value}" for number, value in enumerate(values)]
    return "\n".join(lines)

"""`burnish rules`: every rule, or one."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from burnish.workflow import rule_book
from burnish.workflow.rule_book import Entry

SHOWN = ("when", "remedy", "proven", "source")


def show(code: str | None, *, as_json: bool) -> None:
    """All rules, or those of this code."""
    found = rule_book.named(code)
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in found], ensure_ascii=False))
        return
    click.echo("\n\n".join(map(_lines, found)))


def _lines(entry: Entry) -> str:
    told = asdict(entry)
    lines = [f"{entry.code}  {entry.title} ({entry.severity}, by {entry.evidence})"]
    lines += [f"    {key:<7} {told[key]}" for key in SHOWN]
    return "\n".join([*lines, f"    {'asked':<7} {', '.join(entry.asked_by)}"])

"""The model card: what the model is for, how good it is, and where it should not be used. Markdown."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from burnish.report import times, wording
from burnish.report.summary import Summary

# What Markdown or HTML would act on inside a line; a backslash makes it a plain character (CommonMark 0.31, 2.4).
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def render(summary: Summary) -> str:
    """The card as Markdown text; every name from the data is escaped."""
    unit = wording.unit_of(summary.task)
    template = _environment().get_template("model_card.md.j2")
    return template.render(s=summary, run=summary.run, task=summary.task, unit=unit, words=wording)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("burnish.report"),
        autoescape=False,  # it is no HTML: `finalize` escapes each value for Markdown instead
        finalize=_escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(span=wording.span, duration=times.duration, moment=times.moment)
    return environment


def _escape(value: Any) -> str:
    return _ACTIVE.sub(r"\\\1", wording.plain(str(value)))

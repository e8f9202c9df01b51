"""The last lines of a run on a terminal: the essential answer, in plain text."""

from __future__ import annotations

from burnish.report import wording
from burnish.report.summary import Summary

MOST_LINES = 25  # a terminal's screen holds 24 to 25
NAME_WIDTH = 22
HELPED_SHOWN = 4
BASELINES_SHOWN = 4
FAULTS_SHOWN = 3


def summary(item: Summary) -> tuple[str, ...]:
    """At most `MOST_LINES` lines, without colour and without control characters.

    The lines are not wrapped: where to break is the terminal's matter.
    """
    answer = [wording.headline(item)]
    if item.final:
        answer += [wording.verdict(item), *filter(None, [wording.yardstick(item)]), wording.promise_kept(item)]
    answer += [f"Delivered: {wording.model_sentence(item)}"] if item.delivered else []
    lines = [*(wording.plain(line) for line in answer), "", *_errors(item), "", *_why(item)]
    faults = [f for f in wording.by_severity((*item.audit, *item.findings)) if f.severity.value == "fault"]
    said = wording.next_steps(item)
    lines += [
        _field("Fault", fault.title if fault.remedy in said else f"{fault.title}. {fault.remedy}")
        for fault in faults[:FAULTS_SHOWN]
    ]
    lines += [_field("Next", step) for step in said]
    ending = ["", _field("Report", item.run.report), *([_field("Model", item.run.model)] if item.delivered else [])]
    compact = [line for i, line in enumerate(lines) if line or lines[i - 1]]
    return (*compact[: MOST_LINES - len(ending)], *ending)


def _field(name: str, text: str) -> str:
    return wording.plain(f"{name}: {text}")


def _errors(item: Summary) -> list[str]:
    unit = wording.unit_of(item.task)
    rows = [(b.name, wording.span(b.dev, unit)) for b in item.baselines[:BASELINES_SHOWN]]
    if item.first is not None:
        rows.append((wording.first_name(item.first), wording.span(item.first.dev, unit)))
    if item.final is not None:
        rows.append(("final model, promised", wording.span(item.final.dev, unit)))
        rows += [("final model, test rows", wording.span(item.final.test, unit))] if item.final.test else []
    title = [f"{item.task.error} on dev rows (smaller is better, 95 % intervals):"] if rows else []
    return title + [
        f"  {wording.shorten(wording.plain(name), NAME_WIDTH):<{NAME_WIDTH}}  {value}" for name, value in rows
    ]


def _budget(item: Summary) -> list[str]:
    """Where the error of what is delivered comes from, in a line."""
    if item.final is None or not item.budgets:
        return []
    last, unit = item.budgets[-1], wording.unit_of(item.task)
    parts = "; ".join(f"{part.name} {wording.difference(part.gap, unit)}" for part in last.gaps)
    return [_field(f"Error of {last.of}", parts)]


def _why(item: Summary) -> list[str]:
    helped = wording.helped(item)[:HELPED_SHOWN]
    lines = [_field("What held it back", wording.held_back(item)), *_budget(item)]
    lines.append(_field("What helped", "; ".join(helped) if helped else wording.helped_without(item)))
    return lines

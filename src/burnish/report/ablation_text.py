"""What each technique is worth, in words: the lines of the terminal, and the sentences that the page shares."""

from __future__ import annotations

from collections.abc import Sequence

from burnish.data.harmless import harmless
from burnish.report import times, wording
from burnish.report.ablation import Document, TechniqueRecord, WorthRecord
from burnish.stats.interval import Interval

USUAL_SEEDS = 6  # fewer are said: their intervals are wide
NAMED = 3  # techniques that a sentence names


def lines(item: Document) -> tuple[str, ...]:
    """The table and what is to be known of it, as plain lines that are not wrapped."""
    said = [headline(item), *answer(item), ""]
    for title, block in blocks(item):
        said += [f"{title}:", *_table(item, block), ""]
    said += (
        [f"  Not tried: {'; '.join(f'{titles} ({why})' for titles, why in left_out(item))}."] if item.left_out else []
    )
    said += [f"  {line}" for line in (*how(item), *rates(item), *cautions(item))]
    return tuple(harmless(line) for line in (*said, "", f"Page: {item.page}"))


def left_out(item: Document) -> tuple[tuple[str, str], ...]:
    """What was not tried, each reason once with all that it holds for: (titles, why)."""
    reasons: dict[str, list[str]] = {}
    for one in item.left_out:
        reasons.setdefault(one.why, []).append(one.title)
    return tuple((", ".join(titles), why) for why, titles in reasons.items())


def headline(item: Document) -> str:
    """What was compared, in a sentence."""
    unit = f" in {unit_name(item.unit)}" if unit_name(item.unit) else ""
    which = "the best single network delivered" if item.delivered else "the best network of the run"
    return (
        f"What each technique is worth to {item.network}, {which}: the fall of the {item.chosen_by}{unit} "
        f"on {item.dev_rows:,} dev rows."
    )


def unit_name(unit: str) -> str:
    """How the unit of a worth is written."""
    return wording.gain_unit(unit)


def answer(item: Document) -> list[str]:
    """What helps and what hurts, the greatest first."""
    helps = [one for one in item.ranked() if one.verdict == "helps"]
    hurts = [one for one in reversed(item.ranked()) if one.verdict == "hurts"]
    unseen = sum(one.verdict == "no difference seen" for one in item.techniques)
    said = [_named("Helps here", helps, item.unit), _named("Hurts here", hurts, item.unit)]
    if unseen:
        said.append(
            f"Of {unseen} technique{'' if unseen == 1 else 's'} no difference was seen: "
            "one smaller than the last column may be there."
        )
    return [line for line in said if line]


def _named(how: str, found: Sequence[TechniqueRecord], unit: str) -> str:
    if not found:
        return ""
    shown = [f"{one.title} ({worth(one.worth, unit)})" for one in found[:NAMED]]
    more = [f"{len(found) - NAMED} more"] if len(found) > NAMED else []
    return f"{how}: {wording.listing([*shown, *more])}."


def blocks(item: Document) -> list[tuple[str, list[TechniqueRecord]]]:
    """What the network has and what it has not, each with its heading."""
    has = [one for one in item.techniques if one.present]
    not_yet = [one for one in item.techniques if not one.present]
    found = [("What the network has, taken away", has), ("What it has not, put in", not_yet)]
    return [(title, block) for title, block in found if block]


def _table(item: Document, block: Sequence[TechniqueRecord]) -> list[str]:
    head = ["technique", "with", "without", "worth", "verdict", "smallest seen"]
    rows = [head if item.same_error else [*head[:4], f"worth in {item.error}", *head[4:]]]
    for one in block:
        error = [] if item.same_error else [worth(one.worth_error, item.error_unit)]
        rows.append(
            [
                f"{one.title}: {one.with_it}" if one.with_it not in one.title else one.title,
                cost(one.with_cost, item.unit),
                cost(one.without_cost, item.unit),
                worth(one.worth, item.unit),
                *error,
                one.verdict,
                smallest(one.worth, item.unit),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def worth(record: WorthRecord | None, unit: str) -> str:
    """ "+0.41 MPa [0.12, 0.70]"."""
    if record is None:
        return "–"
    return wording.difference(Interval(record.value, record.low, record.high), unit)


def cost(value: float | None, unit: str) -> str:
    """A cost without its unit, which the heading names; shares of 1 in per cent."""
    if value is None:
        return "–"
    return f"{wording.number(100 * value)} %" if unit == "%" else wording.number(value)


def smallest(record: WorthRecord | None, unit: str) -> str:
    """The smallest difference that would have been seen."""
    return "–" if record is None else wording.number(record.smallest_seen * (100 if unit == "%" else 1))


def how(item: Document) -> list[str]:
    """How it was measured."""
    folds = f" and {item.folds} dev parts" if item.folds > 1 else ""
    fewer = item.folds_of_run - item.folds
    said = [
        f"Both sides trained on the same {item.seeds} seeds{folds}, which the run had not used; test rows were not "
        f"touched. {item.trainings} trainings in {times.duration(item.elapsed_s)}.",
        f"The intervals hold all together at {100 * item.level:.0f} %, over seeds and dev rows: they are corrected for "
        "the number of techniques.",
    ]
    if fewer > 0:
        said.append(f"The time was enough for {item.folds} of the run's {item.folds_of_run} dev parts.")
    if item.training_rows < item.training_rows_of_run:
        said.append(f"Networks were trained on {item.training_rows:,} of {item.training_rows_of_run:,} rows.")
    return said


def rates(item: Document) -> list[str]:
    """Which learning rates rivals were given."""
    found = [one for one in item.techniques if one.rate is not None]
    if not found:
        return []
    shown = ", ".join(f"{rival(one)} at {one.rate:.2g}{_edge(one)}" for one in found)
    return [
        "A learning rate tuned for one rule means nothing to another, so each rival got the best of its own ladder, "
        f"by a seed that judges nothing: {shown}."
    ]


def rival(one: TechniqueRecord) -> str:
    """What the side is called that was trained anew."""
    return one.without_it if one.present else one.with_it


def _edge(one: TechniqueRecord) -> str:
    """Whether a rate beyond the ladder may be better still."""
    tried = [rate.rate for rate in one.rates]
    edge = one.rate in (min(tried), max(tried)) and len(tried) > 2
    return " (at the end of its ladder)" if edge else ""


def cautions(item: Document) -> list[str]:
    """What weakens the verdicts."""
    said = []
    if item.seeds < min(USUAL_SEEDS, item.seeds_asked):
        said.append(
            f"The time was enough for {item.seeds} seeds instead of {item.seeds_asked}: intervals are wide. "
            "Raise --time-limit to see more."
        )
    said += [
        f"{one.title}: {one.diverged} trainings of {rival(one)} diverged; their best epoch counts."
        for one in item.techniques
        if one.diverged
    ]
    said.append("The network was chosen on rows like these, which favours what it has a little.")
    return said

"""The verdict on a network from elsewhere, as plain lines for a terminal."""

from __future__ import annotations

from burnish.data.harmless import harmless
from burnish.report import wording
from burnish.report.verdict import BudgetRecord, Document, GapRecord
from burnish.stats.interval import Interval

BAR = 30  # characters of the longest bar
NAME = 22  # of the column of names
FLOOR = "lowest possible"
LIKELY = 0.2  # probability from which on it is told that a gap may be the largest
SEVERAL = 4  # remedies that are listed for one cause; more at once are no advice
# The steps of the recipe: causes of remedies, findings that call for them, and how a person calls it.
_STEPS = (
    (("optimisation",), ("NU4", "OP1", "OP2", "OP14"), "poor optimisation"),
    (("bias", "optimisation"), ("BV1", "BV3", "BV10"), "bias"),
    (("variance",), ("BV2", "BV3", "BV11"), "variance"),
)

# What a train error above the dev error mostly is; the verdict takes the figures as they are, so this comes first.
REVERSED = (
    "The train error is surely above that on new rows: it was measured with dropout or augmentation on, the new rows "
    "are easier, or these are accuracies and not errors."
)
REMEASURE = "Check that both are errors, and measure the train error as the dev error, without dropout or augmentation."

_HEADLINES = {
    "high bias": "High bias: the network does not fit even the rows that it learned from.",
    "high variance": "High variance: what the network learned does not carry over to new rows.",
    "high bias and high variance": "High bias and high variance: it fits its own rows badly, and new ones worse.",
    "neither": "Neither high bias nor high variance was found.",
}


def lines(item: Document) -> tuple[str, ...]:
    """The answer, the error budget, the evidence, and what to try, not wrapped."""
    said = [headline(item), ""]
    if item.budget is not None and _reversed(item.budget):
        said = [REVERSED, f"If none of that is so: {headline(item)}", ""]
    if item.budget is not None:
        said += [*errors(item.budget), "", *gaps(item.budget), ""]
    said += evidence(item)
    said += advice(item)
    said += [f"  {line}" for line in item.remarks if line not in said]
    return tuple(harmless(line) for line in said)


def headline(item: Document) -> str:
    """The answer in a sentence or two."""
    if item.label is None:
        return f"The curves show {'this:' if item.findings else 'nothing to mend.'}"
    more = [finding.title for finding in item.findings if finding.code in ("BV4", "BV5")]
    said = [_HEADLINES[item.label], *(f"{title}." for title in more)]
    if item.label == "neither" and any(finding.code == "BV8" for finding in item.findings):
        said = ["Nothing to cure: the network is near the lowest error possible."]
    return " ".join(said)


def _reversed(budget: BudgetRecord) -> bool:
    """Whether the train error is surely above that on new rows."""
    return any(gap.name == "variance" and gap.high < 0 for gap in budget.gaps)


def unit_of(budget: BudgetRecord) -> str:
    """The unit that errors are written in: "%" for rates; an RMSE's is the person's own."""
    return "%" if budget.error == "misclassification rate" else ""


def errors(budget: BudgetRecord) -> list[str]:
    """Each error with its interval."""
    unit = unit_of(budget)
    said = [f"{budget.error}, with 95 % intervals"]
    for one in budget.errors:
        name = f"{one.part}, {one.rows:,} row{'' if one.rows == 1 else 's'}"
        said.append(f"  {name:<{NAME}}  {wording.span(Interval(one.value, one.low, one.high), unit)}")
    return said


def gaps(budget: BudgetRecord) -> list[str]:
    """Where the error comes from: a waterfall, each bar beginning where the one above ends."""
    unit, floor = unit_of(budget), budget.floor
    start = budget.errors[0].value - budget.gaps[0].value  # of the floor's range, what is nearest to the train error
    level, ends = start, [floor.high]
    for one in budget.gaps:
        ends += [level, level := level + one.value]
    scale = BAR / (max(ends) or 1.0)
    known = _amount(floor.low, unit) if floor.low == floor.high else _range(floor.low, floor.high, unit)
    rows = [(FLOOR, known, _bar(floor.low, floor.high, scale, "░"), "given" if floor.given else "not known")]
    level = start
    for one in budget.gaps:
        span = wording.difference(Interval(one.value, one.low, one.high), unit)
        rows.append((one.name, span, _bar(level, level + one.value, scale, "█"), _said(one, budget)))
        level += one.value
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    said = ["where the error comes from"]
    said += ["  " + "  ".join((*map(str.ljust, row[:3], (max(widths[0], NAME), *widths[1:])), row[3])) for row in rows]
    return [*said, f"  {_power(budget)}"]


def _said(one: GapRecord, budget: BudgetRecord) -> str:
    """What the gap comes to; how likely it is the largest is told where the floor is known, on which that depends."""
    likely = budget.floor.given and one.largest >= LIKELY
    largest = f"; the largest with {100 * one.largest:.0f} % probability" if likely else ""
    if one.found:
        return f"found{largest}"
    if one.smallest_found is None:
        return "not known"
    if one.low > 0:
        sure = one.high <= budget.practical_size
        return f"{'too small to matter' if sure else 'there, perhaps too small to matter'}{largest}"
    return f"{'within its noise' if one.high >= 0 else 'none'}{largest}"


def _bar(start: float, end: float, scale: float, mark: str) -> str:
    """From one level to another, in characters; a fall is as long as a rise, and begins where it ends."""
    low, high = sorted((round(start * scale), round(end * scale)))
    return " " * max(low, 0) + (mark * (high - max(low, 0)) or "▏")


def _power(budget: BudgetRecord) -> str:
    """The smallest gaps that would have been found."""
    unit = unit_of(budget)
    sizes = [
        f"{g.name} {_amount(g.smallest_found, unit, gap=True)}" for g in budget.gaps if g.smallest_found is not None
    ]
    matters = f"A gap matters from {_amount(budget.practical_size, unit, gap=True)} on."
    seen = f"Smallest that would have been found (80 % power): {', '.join(sizes)}."
    without = [g.found for g in budget.gaps if g.smallest_found is None]
    if any(without):
        return f"{matters} {seen} Without a baseline error only a bias beyond the error on new rows can be seen."
    return f"{matters} {seen}" + (" A bias cannot be seen without a baseline error." if without else "")


def _amount(value: float, unit: str, *, gap: bool = False) -> str:
    if unit != "%":
        return wording.number(value)
    return f"{wording.number(100 * value)} {'points' if gap else '%'}"


def _range(low: float, high: float, unit: str) -> str:
    scale = 100.0 if unit == "%" else 1.0
    return f"{wording.number(scale * low)} to {wording.number(scale * high)} {unit}".rstrip()


def evidence(item: Document) -> list[str]:
    """What was found and how sure it is."""
    said: list[str] = []
    for finding in item.findings:
        said += [f"{finding.code}  {finding.title}", f"     {finding.evidence}"]
    return [*said, ""] if said else []


def advice(item: Document) -> list[str]:
    """What to do, in the order of the basic recipe."""
    first = [REMEASURE] if item.budget is not None and _reversed(item.budget) else []
    steps = list(dict.fromkeys((*first, *(finding.remedy for finding in item.findings))))
    if not steps:
        return []
    said = ["what to do, in this order"]
    said += [f"  {number}. {step}" for number, step in enumerate(steps, start=1)]
    for causes, codes, name in _STEPS:
        titles = [remedy.title for remedy in item.remedies if remedy.cause in causes]
        if titles and any(finding.code in codes for finding in item.findings):
            said.append(f"  Worth trying against {name}: {'; '.join(titles[:SEVERAL])}")
    return [*said, ""]

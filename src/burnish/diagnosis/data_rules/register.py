"""All rules about data, and what they find."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from threadpoolctl import threadpool_limits

from burnish.diagnosis.data_rules import (
    augmentation,
    balance,
    duplicates,
    inputs,
    labels,
    leaks,
    order,
    preprocessing,
    shift,
    signal,
)
from burnish.diagnosis.data_rules.rows import Rows
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Finding
from burnish.stats import false_alarms

# What cannot be otherwise first; rules that train models last.
RULES: tuple[DataRule, ...] = (
    *preprocessing.RULES,
    *inputs.RULES,
    *duplicates.RULES,
    *leaks.RULES,
    *order.RULES,
    *signal.RULES,
    *shift.RULES,
    *labels.RULES,
    *balance.RULES,
    *augmentation.RULES,
)

# Those that use a part of the chance of a false alarm.
TESTED = frozenset(code for _, codes in false_alarms.FAMILIES.values() for code in codes)


def look(
    rows: Rows, *, codes: Collection[str] | None = None, false_alarm: float = false_alarms.TOTAL
) -> Iterator[Finding]:
    """What the rules find, in their order; what an earlier one explains is not looked for.

    Args:
        rows: What they look at; `rows.of` makes it from arrays.
        codes: Of the rules that look; None: all.
        false_alarm: Chance of any false alarm of a run, over all rules that there are, of which each rule looked by
            here uses its own share (`stats.false_alarms`).
    """
    seen: set[str] = set()
    for rule in RULES:
        if (codes is None or rule.code in codes) and not seen.intersection(rule.unless):
            alpha = false_alarms.share(rule.code, total=false_alarm) if rule.code in TESTED else 0.0
            with threadpool_limits(limits=1):  # threads that wait for each other on busy cores make it far slower
                found = tuple(rule.look(rows, alpha))
            seen.update(finding.code for finding in found)
            yield from found

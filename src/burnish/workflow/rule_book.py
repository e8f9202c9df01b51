"""Every rule in one table: the doctor's, those about data, and a run's, and which command asks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from burnish import errors
from burnish.diagnosis.data_rules import register as data_rules
from burnish.diagnosis.described import Described
from burnish.diagnosis.run_rules import register as run_rules
from burnish.doctor.rules import RULES as DOCTORS
from burnish.stats import false_alarms
from burnish.workflow.data_rules import ALONE, FILES, TIMES

# Rules that one table by itself is asked about, by `burnish audit` and `burnish improve`: those of the audit of values,
# which reads all rows, and those that learn from a part of them.
ONE_TABLE = frozenset(("DA6", "DA10", "DA11", "DA12", "DA13", "DA14", "DA15", "DA18", "DA20", "DA28", *ALONE))
# Rules that need a second part: a file, or what a split made.
TWO_PARTS = frozenset(("DA3", "DA4", "DA7", *FILES, *TIMES))
ARRAYS = "burnish.diagnosis.data_rules.register.look"


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule as a person reads it."""

    code: str
    title: str
    evidence: str
    severity: str
    when: str
    remedy: str
    proven: str
    source: str
    asked_by: tuple[str, ...]  # commands, or the function for one's own arrays
    false_alarms: float | None  # share of the chance of a false alarm in a run; None: a proof, or the doctor's


def entries() -> tuple[Entry, ...]:
    """All of them, by family and number; a code that two commands ask about by different rules has two entries."""
    shared = _of_data()
    found = [
        _entry(rule, ("burnish diagnose", *(() if rule.untrained is None else ("burnish.Monitor",))))
        for rule in DOCTORS
        if rule.code not in shared
    ]
    for rule in data_rules.RULES:
        audit = ("burnish audit",) if rule.code in ONE_TABLE else ()
        improve = ("burnish improve",) if rule.code in ONE_TABLE | TWO_PARTS else ()
        diagnose = ("burnish diagnose",) if rule.code in shared else ()
        found.append(_entry(rule, (*audit, *improve, *diagnose, ARRAYS)))
    found += [_entry(rule, ("burnish audit", "burnish improve")) for rule in run_rules.IMAGES]
    found += [_entry(rule, ("burnish improve", "burnish verdict")) for rule in run_rules.BUDGET]
    found += [_entry(rule, ("burnish verdict",)) for rule in run_rules.CURVES]
    found += [_entry(rule, ("burnish.Monitor",)) for rule in run_rules.LOOPS]
    found += [_entry(rule, ("burnish improve", "burnish diagnose")) for rule in run_rules.PREDICTIONS]
    return tuple(sorted(found, key=lambda entry: (entry.code[:2], int(entry.code[2:] or 0))))


def _of_data() -> frozenset[str]:
    """Codes that the doctor asks about by the very rules about data, or about predictions."""
    written: tuple[Described, ...] = (*data_rules.RULES, *run_rules.PREDICTIONS)
    shared = {rule.code: rule.when for rule in written}
    return frozenset(rule.code for rule in DOCTORS if shared.get(rule.code) == rule.when)


def _entry(rule: Described, asked_by: tuple[str, ...]) -> Entry:
    shares = rule.code in data_rules.TESTED and asked_by != ("burnish diagnose",)
    part = false_alarms.share(rule.code) if shares else None
    return Entry(
        rule.code,
        rule.title,
        rule.evidence.value,
        rule.severity.value,
        rule.when,
        rule.remedy,
        rule.proven,
        rule.source,
        asked_by,
        part,
    )


def named(code: str | None) -> Sequence[Entry]:
    """All, or those of this code.

    Raises:
        ConfigError: There is none.
    """
    everything = entries()
    found = [entry for entry in everything if code is None or entry.code == code.upper()]
    if not found:
        raise errors.ConfigError(
            f"There is no rule {code}.",
            f"The rules are {', '.join(dict.fromkeys(entry.code for entry in everything))}.",
            "Leave CODE out for all of them.",
        )
    return found

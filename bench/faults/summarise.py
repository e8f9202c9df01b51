"""Tables of a run of `run.py`: detection, cause, false alarms and cost, for the doctor and its rivals.

Rates have the exact interval of Clopper and Pearson (1934), over runs. Those of one fault are not independent, so the
recall over faults has a bootstrap over faults too.

Usage: python bench/faults/summarise.py results.jsonl [--admission admission.jsonl] [--texts]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import admission
import numpy as np
import processes
from cases import PROOFS, Case
from controls import CONTROLS

from burnish.stats import interval
from faults import FAULTS

CASES: dict[str, Case] = {case.name: case for case in (*FAULTS, *CONTROLS)}
# Draws of the bootstrap over faults.
DRAWS = 10_000
# Of a training that was not repaired.
NO_REPAIR: Mapping[str, Any] = {"strict": False, "low": 0.0, "harm": False}

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one run's findings are worth."""

    named: tuple[str, ...]  # codes, faults first; limits only where they were expected
    found: bool  # anything at all
    causes: float  # share of the planted causes that were named
    first: bool  # whether the first one named is a planted cause
    wrong: tuple[Mapping[str, Any], ...]  # findings of severity fault that name nothing planted


def judge(case: Case, record: Record) -> Judged:
    """The doctor's findings against what was planted. Failures and broken runs found nothing, and are alarms."""
    findings = record.get("findings", [])
    faults = [one for one in findings if one["severity"] == "fault"]
    expected = [one for one in findings if one["severity"] != "fault" and one["code"] in case.right]
    named = tuple(one["code"] for one in (*faults, *expected))
    wrong = tuple(one for one in faults if one["code"] not in case.right)
    if failed := record.get("failed") or record.get("broken"):
        wrong += ({"code": "no answer", "evidence": failed},)
    return _judged(case, named, wrong)


def judge_rival(case: Case, symptoms: Sequence[tuple[str, Sequence[str]]]) -> Judged:
    """A rival's symptoms, each of which names several codes; any of them counts."""
    named = tuple(next((c for c in codes if c in case.right), codes[0]) for _, codes in symptoms)
    wrong = tuple({"code": name, "evidence": ""} for name, codes in symptoms if not case.right.intersection(codes))
    return _judged(case, named, wrong)


def _judged(case: Case, named: tuple[str, ...], wrong: tuple[Mapping[str, Any], ...]) -> Judged:
    hit = [bool(set(cause) & set(named)) for cause in case.causes]
    return Judged(
        named, bool(named), float(np.mean(hit)) if hit else 0.0, bool(named) and named[0] in case.right, wrong
    )


def is_fault(case: Case, verdicts: Mapping[str, Mapping[str, Any]]) -> bool | None:
    """True: a fault; False: a control; None: left out. Without a measurement of harm, as it was meant."""
    measured = verdicts.get(case.name)
    if measured is None or not case.admitted:
        return bool(case.causes)
    if any(codes[0] in PROOFS for codes in case.causes):
        return True  # true of the program, whatever it costs
    return {"fault": True, "control": False, "left out": None}[measured["verdict"]]


def as_control(case: Case) -> Case:
    """A planted change that does no harm: naming it is an alarm."""
    return Case(case.name, case.job, case.plant)


def rate(hits: Iterable[float]) -> str:
    """Share with its exact interval."""
    values = [float(one) for one in hits]
    if not values:
        return "none"
    found = interval.proportion(sum(values), len(values))
    return f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%}) of {len(values)}"


def over_faults(by_fault: Mapping[str, Sequence[float]]) -> str:
    """Mean over faults of their shares, with its 95 % interval by a bootstrap over faults."""
    if not by_fault:
        return "none"
    means = np.array([np.mean(values) for values in by_fault.values()])
    rng = np.random.default_rng(0)
    drawn = means[rng.integers(0, len(means), (DRAWS, len(means)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{means.mean():.1%} ({low:.1%} to {high:.1%}) over {len(means)} faults"


def _totals(name: str, sick: Mapping[str, Sequence[Judged]], well: Sequence[Judged]) -> str:
    runs = [one for each in sick.values() for one in each]
    columns = (
        rate(one.found for one in runs),
        rate(one.causes for one in runs),
        over_faults({fault: [one.causes for one in each] for fault, each in sick.items()}),
        rate(one.first for one in runs),
        f"{np.mean([len(one.named) for one in runs]):.2f}" if runs else "none",
        f"{np.mean([len(one.wrong) for one in runs]):.2f}" if runs else "none",
        rate(bool(one.wrong) for one in well),
    )
    return f"| {name} | " + " | ".join(columns) + " |"


def shown(records: Sequence[Record], verdicts: Mapping[str, Mapping[str, Any]], *, texts: bool = False) -> list[str]:
    """All tables."""
    usable = [record for record in records if record["case"] in CASES]
    sides = {record["case"]: is_fault(CASES[record["case"]], verdicts) for record in usable}
    sick = [record for record in usable if sides[record["case"]] is True]
    well = [record for record in usable if sides[record["case"]] is False]
    lines = [
        "| by | found | cause named | the same, bootstrap over faults | cause first | named | wrong | false alarms |",
        "|---|---|---|---|---|---|---|---|",
        _line_of("doctor", sick, well, judge),
    ]
    rivals = sorted({name for record in usable for name in record.get("rivals", {})})
    lines += [_line_of(rival, sick, well, _rival_judge(rival)) for rival in rivals]
    lines += ["", *_repairs(sick)]
    left = sorted(name for name, side in sides.items() if side is None)
    lines += ["", f"Left out, since their harm is not clear: {', '.join(left) or 'none'}.", *_cost(usable), ""]
    return [
        *lines,
        *_by_fault(sick),
        "",
        *_sweeps(usable, verdicts),
        "",
        *_by_control(well),
        *(_texts(sick, well) if texts else []),
    ]


def _line_of(name: str, sick: Sequence[Record], well: Sequence[Record], of: Callable[[Case, Record], Judged]) -> str:
    by_fault: dict[str, list[Judged]] = defaultdict(list)
    for record in sick:
        by_fault[record["case"]].append(of(CASES[record["case"]], record))
    return _totals(name, by_fault, [of(as_control(CASES[record["case"]]), record) for record in well])


def _rival_judge(name: str) -> Callable[[Case, Record], Judged]:
    return lambda case, record: judge_rival(case, record.get("rivals", {}).get(name, []))


def _repairs(sick: Sequence[Record]) -> list[str]:
    """What the doctor's repairs regain, and what others do at equal cost. What was not repaired regained nothing.

    A fault that is true of the program and costs nothing on these rows has nothing to be regained.
    """
    measured = [record for record in sick if "repair" in record]
    if not measured:
        return ["Repairs were not measured."]
    costly = [record for record in measured if record["repair"]["lost"] > record["repair"]["practical"]]
    lines = [
        f"Of {len(measured)} faults whose repair was measured {len(costly)} had lost something that matters.",
        "",
        "| repaired by | strict | the same, bootstrap over faults | gain for sure | harm |",
        "|---|---|---|---|---|",
    ]
    for way in ("doctor", "random search", "another seed"):
        found = [record["repair"].get(way, NO_REPAIR) for record in costly]
        strict: dict[str, list[float]] = defaultdict(list)
        for record, one in zip(costly, found, strict=True):
            strict[record["case"]].append(float(one["strict"]))
        columns = (
            rate(one["strict"] for one in found),
            over_faults(strict),
            rate(one["low"] > 0 for one in found),
            rate(record["repair"].get(way, NO_REPAIR)["harm"] for record in measured),
        )
        lines.append(f"| {way} | " + " | ".join(columns) + " |")
    return lines


def _cost(records: Sequence[Record]) -> list[str]:
    usable = [record for record in records if "seconds" in record]
    if not usable:
        return []
    seconds = np.array([record["seconds"] for record in usable])
    trainings = np.array([record["trainings"] for record in usable if "trainings" in record])
    times = seconds / np.array([record["training_seconds"] for record in usable])
    lines = [
        f"An examination took a median of {np.median(seconds):.0f} s (at most {seconds.max():.0f} s), "
        f"{np.median(times):.0f} times its training with compiling (at most {times.max():.0f} times)."
    ]
    if len(trainings):
        most = f"(at most {trainings.max():.0f})"
        lines.append(f"Its trainings go over as many rows as {np.median(trainings):.0f} of the examined one {most}.")
    return lines


def _grouped(records: Sequence[Record]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record["case"]].append(record)
    return {name: groups[name] for name in CASES if name in groups}


def _by_fault(sick: Sequence[Record]) -> list[str]:
    lines = [
        "| fault | job | expected | runs | found | cause | first | named, by seed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, group in _grouped(sick).items():
        case = CASES[name]
        judged = [judge(case, record) for record in group]
        expected = " + ".join("/".join(cause) for cause in case.causes)
        named = "; ".join(_codes(record) for record in group)
        found, causes, first = (
            f"{np.mean([getattr(one, field) for one in judged]):.0%}" for field in ("found", "causes", "first")
        )
        lines.append(f"| {name} | {case.job} | {expected} | {len(group)} | {found} | {causes} | {first} | {named} |")
    return lines


def _codes(record: Record) -> str:
    if "broken" in record or record.get("failed"):
        return "FAILED"
    return (
        " ".join(one["code"] if one["severity"] == "fault" else f"({one['code']})" for one in record["findings"]) or "–"
    )


def _sweeps(records: Sequence[Record], verdicts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Against the size of the fault: its harm, and how often its cause was named. Harmless sizes are in it too."""
    lines = ["| sweep | size | harm to the error | runs | cause named |", "|---|---|---|---|---|"]
    for name, group in _grouped(records).items():
        case = CASES[name]
        if case.sweep is None:
            continue
        measured = verdicts.get(name)
        harm = f"{measured['harm']:+.3f} ({measured['verdict']})" if measured else "not measured"
        named = rate(judge(case, record).causes for record in group)
        lines.append(f"| {case.sweep[0]} | {case.sweep[1]:g} | {harm} | {len(group)} | {named} |")
    return lines


def _by_control(well: Sequence[Record]) -> list[str]:
    lines = ["| healthy | runs | alarms, by seed |", "|---|---|---|"]
    for name, group in _grouped(well).items():
        alarms = [[one["code"] for one in judge(as_control(CASES[name]), record).wrong] for record in group]
        lines.append(f"| {name} | {len(group)} | {'; '.join(' '.join(one) or '–' for one in alarms)} |")
    return lines


def _texts(sick: Sequence[Record], well: Sequence[Record]) -> list[str]:
    """What the wrong findings say."""
    lines = ["", "Wrong findings:"]
    for record in (*well, *sick):
        case = CASES[record["case"]]
        run = f"- {case.name}, seed {record['seed']}"
        lines += [f"{run}: {one['code']}: {one['evidence']}" for one in judge(case, record).wrong]
        if failure := record.get("failed") or record.get("broken"):
            lines.append(f"{run}: FAILED {failure}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--admission", type=Path)
    parser.add_argument("--texts", action="store_true", help="print what the wrong findings say")
    asked = parser.parse_args()
    verdicts = admission.verdicts(processes.read(asked.admission))
    print("\n".join(shown(processes.read(asked.results), verdicts, texts=asked.texts)))


if __name__ == "__main__":
    main()

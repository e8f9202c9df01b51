"""Counts what the rules about data and predictions say of healthy tables, and which planted faults they find.

Usage: python bench/data_rules.py [--healthy 200] [--repeats 10] [--out bench/results/data_rules.json]
With --healthy 0 only planted faults are looked at, with --repeats 0 only healthy tables.

Healthy tables are made (classes and numbers, strong and weak signals, 300 to 800 rows) or real (the examples, copies
taken out, divided at random into training and dev rows, at most 800 rows each time). A false alarm is a finding of
any rule that has a share of the chance of one (`burnish.stats.false_alarms`). Proofs are no alarms, and DA20 is none
where a rare class was made to be overlooked. Intervals are exact
(Clopper and Pearson). Everything is seeded: the same command prints the same table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from burnish import load
from burnish.data import copies, kinds, observation
from burnish.data.table import Kind
from burnish.diagnosis.data_rules import register
from burnish.diagnosis.data_rules import rows as data_rows
from burnish.diagnosis.data_rules.rows import Rows
from burnish.stats import interval

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from diagnosis import data_cases, run_cases  # noqa: E402  (examples that the tests share)

EXAMPLES = {"concrete": "compressive_strength", "vehicle": "vehicle", "flights": "late"}
SIZES = (300, 500, 800)
MOST_REAL = 800
RARE = 3  # the kind of made table whose rare class is hardly ever the likeliest: DA20 is right there
ENOUGH = 0.8  # power that a size has to reach


def made(number: int) -> Rows:
    """A healthy table: the kinds and sizes take turns, the seed is its number."""
    rng = np.random.default_rng([1, number])
    count, kind = SIZES[number % len(SIZES)], number // len(SIZES) % 8
    x = rng.normal(size=(count, 6))
    logit = {0: x[:, 0], 1: 3 * x[:, 0] + 2 * x[:, 1], 2: x[:, 0] * x[:, 1] * 2, RARE: 0.7 * x[:, 2] - 2.5}
    if kind in logit:
        y = (rng.random(count) < 1 / (1 + np.exp(-logit[kind]))).astype(int)
    elif kind in (4, 5):
        y = rng.integers(0, 3, count)
        x += (2.0 if kind == 4 else 5.0) * np.eye(6)[y]
    else:
        y = x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=count) if kind == 6 else np.exp(x[:, 0]) + x[:, 1]
    x[:, 5] = np.round(x[:, 5])
    x[:, 4] = np.where(rng.random(count) < 0.1, np.nan, np.exp(x[:, 4]))
    learn = int(0.75 * count)
    return data_rows.of(x[:learn], y[:learn], x[learn:], y[learn:], seed=number, prepared=True)


def real(number: int) -> tuple[str, Rows]:
    """Rows of an example without copies, divided at random."""
    name = list(EXAMPLES)[number % len(EXAMPLES)]
    table = load.read(ROOT / "examples" / f"{name}.csv")
    target = table[EXAMPLES[name]]
    profiles = {p.name: p for p in kinds.profile(table, target=target.name)}
    columns = [c for c in table.columns if c is not target and profiles[c.name].kind in data_rows.PREDICTABLE]
    _, first = np.unique(copies.find(columns, target).ids, return_index=True)
    picked = np.random.default_rng([2, number]).permutation(first)[:MOST_REAL]
    x, y = np.stack([observation.numbers(c, picked) for c in columns], axis=1), observation.numbers(target, picked)
    learn, classes = int(0.75 * len(picked)), profiles[target.name].kind is not Kind.NUMBER
    return name, data_rows.of(
        x[:learn],
        y[:learn],
        x[learn:],
        y[learn:],
        names=[c.name for c in columns],
        kinds=[profiles[c.name].kind for c in columns],
        task="classification" if classes else "regression",
        seed=number,
        prepared=True,
    )


def alarms(rows: Rows) -> list[str]:
    """Codes of the tested rules that say something."""
    return [one.code for one in register.look(rows) if one.code in register.TESTED and not _proof(one.title, one.code)]


def _proof(title: str, code: str) -> bool:
    """DA15 proves missing values, and suspects numbers that stand for them."""
    return code == "DA15" and "(suspected)" not in title


def healthy(first: int, count: int) -> Iterator[tuple[str, list[str]]]:
    """So many from this number on; two thirds made, one third real."""
    for number in range(first, first + count):
        if number % 3 == 2:
            kind, rows = real(number // 3)
            kind, found = f"real: {kind}", alarms(rows)
        else:
            place = number - number // 3
            right = {"DA20"} if place // len(SIZES) % 8 == RARE else set()
            kind, found = "made", [code for code in alarms(made(place)) if code not in right]
        print(number, kind, *found, file=sys.stderr, flush=True)
        yield kind, found


Plant = Callable[[int, int], Rows]  # rows and seed to a sick table


def _on(fault: Callable[..., Rows], base: Callable[..., Rows] = data_cases.well, **given: float) -> Plant:
    return lambda count, seed: replace(fault(base(count, seed=seed), **given), seed=seed)


def _apart(count: int, *, seed: int) -> Rows:
    return data_cases.well(count, apart=5.0, classes=4, seed=seed)


# Code, what was planted, how; sizes are all rows, of which four fifths train.
PLANTS: tuple[tuple[str, str, Plant], ...] = (
    ("DA1", "an input × 1,000, all + 10", _on(data_cases.unlike_scales)),
    ("DA2", "dev × 3 + 4", _on(data_cases.dev_on_another_scale)),
    ("DA2", "each part standardised by itself", _on(data_cases.dev_standardised_by_itself)),
    ("DA3", "two of six inputs moved by 0.8 deviations", _on(data_cases.dev_elsewhere)),
    ("DA3", "the same by 0.4", _on(data_cases.dev_elsewhere, by=0.4)),
    ("DA4", "70 % of a class gone from dev", _on(data_cases.other_shares)),
    ("DA6", "20 % twice", _on(data_cases.copied_inside)),
    ("DA6", "5 % twice, with noise of 0.005", _on(data_cases.copied_inside, share=0.05, jitter=0.005)),
    ("DA7", "5 % of dev copied from train", _on(data_cases.copied_into_dev, share=0.05)),
    ("DA7", "25 %, with noise of 0.005", _on(data_cases.copied_into_dev, jitter=0.005)),
    ("DA9", "what decides drifts", lambda count, seed: data_cases.drifting(count, seed=seed)),
    ("DA10", "an input is the target", _on(data_cases.column_is_target)),
    ("DA11", "standardised together", _on(data_cases.standardised_together)),
    ("DA12", "rows sorted and numbered", _on(data_cases.row_number)),
    ("DA13", "rows sorted", _on(data_cases.in_order)),
    ("DA14", "a constant, a repeated column", _on(data_cases.telling_nothing)),
    ("DA15", "gaps, and −999", _on(data_cases.with_gaps)),
    ("DA16", "a Cauchy input", _on(data_cases.heavy)),
    ("DA17", "5 % of labels drawn anew", _on(data_cases.mislabelled, _apart, share=0.05)),
    ("DA17", "10 %", _on(data_cases.mislabelled, _apart, share=0.1)),
    ("DA17", "20 %", _on(data_cases.mislabelled, _apart, share=0.2)),
    ("DA18", "targets of two rows above", _on(data_cases.moved)),
    ("DA18", "training targets dealt at random, dev right", _on(data_cases.shuffled)),
    ("DA19", "dev counts its classes from another one", _on(data_cases.renamed)),
    ("DA20", "a class of 6 %, overlapping", lambda count, seed: data_cases.overlapping_rare(count, seed=seed)),
    ("DA22", "mirrored where the side decides", _on(data_cases.mirrored)),
    ("DA26", "all targets dealt at random", _on(data_cases.shuffled, dev=True)),
    ("DA28", "20 % twice with another class", _on(data_cases.contradicting)),
)
PREDICTIONS: tuple[tuple[str, str, Callable[[int], object]], ...] = (
    ("BV12", "a slice of 15 % with 6 × the errors, 2,000 rows", lambda seed: run_cases.sliced(seed=seed)),
    ("BV13", "temperature 0.4, 1,500 rows", lambda seed: run_cases.sure(seed=seed)),
    ("BV14", "a class that seldom reaches one half, 3,000 rows", lambda seed: run_cases.rare(seed=seed)),
    ("BV15", "10 points between 6 seeds", lambda seed: run_cases.seeded(seed=seed)),
)
QUIET: dict[str, Callable[[int], object]] = {
    "BV12": lambda seed: run_cases.sliced(times=1.0, seed=seed),
    "BV13": lambda seed: run_cases.sure(temperature=1.0, seed=seed),
    "BV14": lambda seed: run_cases.rare(shift=0.0, seed=seed),
    "BV15": lambda seed: run_cases.seeded(spread=0.003, seed=seed),
}
PLANTED_SIZES = (250, 500, 1000, 2000)


def found_of(plant: Plant, code: str, count: int, repeats: int) -> int:
    """How many of so many sick tables of a size the rule names."""
    return sum(any(True for _ in register.look(plant(count, seed), codes=(code,))) for seed in range(repeats))


def power(repeats: int) -> Iterator[dict[str, object]]:
    """For each plant the share found at growing sizes, up to the first that is enough."""
    for code, what, plant in PLANTS:
        shares: dict[int, int] = {}
        for count in PLANTED_SIZES:
            shares[count] = found_of(plant, code, count, repeats)
            if shares[count] >= ENOUGH * repeats:
                break
        print(code, what, shares, file=sys.stderr, flush=True)
        yield {"code": code, "planted": what, "repeats": repeats, "found": shares}


def said(alarmed: int, count: int) -> str:
    """A share with its exact interval."""
    span = interval.proportion(alarmed, count)
    return f"{alarmed} of {count} ({100 * span.low:.2f} to {100 * span.high:.2f} %)"


def report_healthy(first: int, count: int) -> dict[str, object]:
    """Prints the false alarms on so many healthy tables, and on as many healthy predictions of each kind."""
    tables = list(healthy(first, count))
    by_kind = Counter(kind for kind, _ in tables)
    alarmed = Counter(kind for kind, codes in tables if codes)
    codes = Counter(code for _, found in tables for code in set(found))
    print(f"False alarms on healthy tables: {said(sum(alarmed.values()), len(tables))}")
    for kind, number in sorted(by_kind.items()):
        print(f"  {kind}: {said(alarmed[kind], number)}")
    print(f"  by code: {dict(sorted(codes.items())) or 'none'}")
    quiet = {
        code: sum(any(True for _ in make(seed)) for seed in range(first, first + count)) for code, make in QUIET.items()
    }
    print("False alarms on healthy predictions: " + ", ".join(f"{c} {said(n, count)}" for c, n in quiet.items()))
    return {"tables": dict(by_kind), "alarmed": dict(alarmed), "codes": dict(codes), "predictions": quiet}


def report_planted(repeats: int) -> dict[str, object]:
    """Prints at which sizes planted faults are found."""
    print(f"Planted faults ({repeats} of each size), found by number of rows:")
    found = list(power(repeats))
    for row in found:
        shown = ", ".join(f"{size:,}: {number}" for size, number in row["found"].items())
        print(f"  {row['code']:<5} {row['planted']:<50} {shown}")
    of_runs = {code: sum(any(True for _ in make(seed)) for seed in range(repeats)) for code, _, make in PREDICTIONS}
    for code, what, _ in PREDICTIONS:
        print(f"  {code:<5} {what:<50} {of_runs[code]}")
    return {"repeats": repeats, "tables": found, "predictions": of_runs}


def main() -> None:
    """Counts, prints, and writes what was counted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--healthy", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first healthy table")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    told = {}
    if asked.healthy:
        told["healthy"] = report_healthy(asked.first, asked.healthy)
    if asked.repeats:
        told["planted"] = report_planted(asked.repeats)
    if asked.out is not None:
        asked.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

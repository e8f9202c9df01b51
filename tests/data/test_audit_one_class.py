"""The audit on columns that are filled in rows of one class alone."""

from __future__ import annotations

import numpy as np
import pytest
from audited import codes, healthy, look, named

from burnish.data import split


def churn(rows: int = 1500, share: float = 0.28) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Numbers, a category and whether a customer left, which they tell in part."""
    columns = healthy(rows)
    left = (columns["y"] > np.quantile(columns["y"], 1 - share)).astype(int)
    return left, columns | {"y": np.where(left == 1, "left", "stayed")}


@pytest.mark.parametrize("kind", ["a gap", "zero", "a word"])
def test_a_column_that_is_filled_for_one_class_alone_is_a_suspected_leak(kind):
    left, columns = churn()
    rng = np.random.default_rng(1)
    filled = (left == 1) & (rng.random(1500) < 0.9)
    amount = rng.lognormal(3, 1, 1500).round(2)
    if kind == "a word":
        column = np.where(filled, rng.choice(["price", "service"], 1500), "none")
    else:
        column = np.where(filled, amount, np.nan if kind == "a gap" else 0.0)
    seen = named(look(left, **columns, refund=column), "DA10")

    assert (seen.severity, seen.where) == ("limit", "refund")
    assert f"in {filled.sum()} rows, all of class 'left', which has {(left == 1).sum()} rows" in seen.evidence
    assert "--drop 'refund'" in seen.remedy


def test_one_filled_for_a_fifth_of_its_class_is_a_note():
    left, columns = churn(4000)
    filled = (left == 1) & (np.random.default_rng(1).random(4000) < 0.2)
    found = look(left, **columns, refund=np.where(filled, columns["a"] + 9, np.nan))

    assert named(found, "DA10").severity == "note"


@pytest.mark.parametrize("kind", ["one row is not", "few rows", "few of its class", "a part of the usual class"])
def test_columns_that_chance_or_any_good_column_would_fill_so_are_spared(kind):
    left, columns = churn(1500, 0.05 if kind == "few rows" else 0.28)
    rng = np.random.default_rng(1)
    if kind == "one row is not":
        filled = (left == 1) & (rng.random(1500) < 0.9)
        filled[np.flatnonzero(left == 0)[0]] = True
    elif kind == "few rows":
        filled = np.isin(np.arange(1500), np.flatnonzero(left == 0)[:60])
    elif kind == "few of its class":
        filled = np.isin(np.arange(1500), np.flatnonzero(left == 1)[:30])
    else:
        filled = (left == 0) & (rng.random(1500) < 0.3)
    found = look(left, **columns, extra=np.where(filled, rng.normal(size=1500), np.nan))

    assert "DA10" not in codes(found)


def test_rows_of_one_group_are_one_draw():
    """Three people who left, with 40 rows each, prove nothing."""
    left, columns = churn()
    order = np.argsort(left, kind="stable")
    left, columns = left[order], {name: values[order] for name, values in columns.items()}
    person = np.char.add("p", (np.arange(1500) // 40).astype(str))
    extra = np.where(np.isin(person, ["p34", "p35", "p36"]), columns["a"], np.nan)

    assert "DA10" in codes(look(left, **columns, extra=extra))
    assert "DA10" not in codes(look(left, **columns, extra=extra, who=person, plan=split.Plan(group="who")))


@pytest.mark.parametrize("seed", range(5))
def test_gaps_and_zeros_that_have_nothing_to_do_with_the_class_are_spared(seed):
    left, columns = churn()
    rng = np.random.default_rng(seed)
    some = {f"x{n}": np.where(rng.random(1500) < 0.95, [np.nan, 0.0][n % 2], rng.random(1500)) for n in range(40)}

    assert "DA10" not in codes(look(left, **columns, **some))

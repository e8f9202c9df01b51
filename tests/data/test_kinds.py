"""The kind of each column, with its reason."""

import numpy as np
import pytest

from burnish.data import kinds, table
from burnish.data.table import Kind, Physical

ROWS = 200
RANDOM = np.random.default_rng(0)


def numbers(values, name="x"):
    return table.Column(name, Physical.NUMBER, np.asarray(values, np.float64))


def text(values, name="x"):
    levels = tuple(sorted({value for value in values if value is not None}))
    codes = np.array([-1 if value is None else levels.index(value) for value in values], np.int32)
    return table.Column(name, Physical.TEXT, codes, levels)


def profile(column, **options):
    [found] = kinds.profile(table.Table("t", (column,), np.arange(len(column.values))), **options)
    return found


PROSE = [f"the house number {i} stands near a river" for i in range(ROWS)]


def yes_or_no(words):
    return table.Column("x", Physical.BOOLEAN, np.array([0.0, 1.0] * 100), words=words)


CASES = [
    (numbers([np.nan] * ROWS), Kind.CONSTANT, "no values"),
    (numbers([3.0] * ROWS), Kind.CONSTANT, "every value is 3"),
    (numbers([3.0, np.nan] * 100), Kind.CONSTANT, "or is missing"),
    (text(["a"] * ROWS), Kind.CONSTANT, "every value is 'a'"),
    (text(["a", None] * 100), Kind.CATEGORY, "'a' or missing"),
    (text([None] * ROWS), Kind.CONSTANT, "no values"),
    (numbers(RANDOM.normal(size=ROWS)), Kind.NUMBER, "200 different values"),
    (numbers(np.sort(RANDOM.normal(size=ROWS)), "id"), Kind.NUMBER, "200 different values"),
    (numbers(np.arange(ROWS)), Kind.IDENTIFIER, "count the rows"),
    (numbers(np.arange(ROWS)[::-1] * 10), Kind.IDENTIFIER, "count the rows"),
    (numbers(np.delete(np.arange(ROWS), [3, 50])), Kind.IDENTIFIER, "count the rows"),
    (numbers(RANDOM.permutation(ROWS) + 1), Kind.IDENTIFIER, "each whole number from 1 to 200 once"),
    (numbers(RANDOM.choice(10**6, ROWS, replace=False), "customer_id"), Kind.IDENTIFIER, "its name"),
    (numbers(RANDOM.choice(10**6, ROWS, replace=False), "price"), Kind.NUMBER, "whole numbers"),
    (numbers(RANDOM.integers(0, 50, ROWS), "region_id"), Kind.NUMBER, "whole numbers"),
    (numbers(np.arange(1900, 2020), "year_built"), Kind.NUMBER, "whole numbers"),
    (numbers(np.cumsum(RANDOM.integers(1, 50, ROWS))), Kind.NUMBER, "whole numbers"),
    (numbers([0, 1] * 100), Kind.NUMBER, "flag"),
    (numbers([1, 2, 3, 4] * 50), Kind.NUMBER, "if they are codes of categories, write them as words, such as c1"),
    (yes_or_no(None), Kind.BOOLEAN, "its values are true and false"),
    (yes_or_no(("N", "Y")), Kind.BOOLEAN, "its values are Y and N"),
    (table.Column("x", Physical.DATE, np.arange(ROWS) * 86400.0), Kind.DATE, "dates"),
    (text(["red", "green"] * 100), Kind.CATEGORY, "100.0 rows each"),
    (text([f"v{i % 90}" for i in range(ROWS)]), Kind.CATEGORY, "90 different values"),
    (text([f"{hash((i, 'k')):x}" for i in range(ROWS)]), Kind.IDENTIFIER, "nearly every row has its own"),
    (text([f"John Smith {i}" for i in range(ROWS)]), Kind.IDENTIFIER, "nearly every row has its own"),
    (text([f"k{i % 150}" for i in range(ROWS)]), Kind.IDENTIFIER, "too few rows share one"),
    (text(PROSE), Kind.TEXT, "free text"),
    (text(PROSE[:5] * 40), Kind.CATEGORY, "5 different values"),
    (text([f"{i / 7:.3f}" if i % 9 else f"<{i}" for i in range(ROWS)]), Kind.TEXT, "are numbers, and not all"),
    (text([f"{i},{i % 7}50" for i in range(ROWS)]), Kind.TEXT, "but for commas or signs"),
    (text([f"E{i}" for i in range(ROWS)]), Kind.IDENTIFIER, "nearly every row has its own"),
    (text([f"{i:06d}" for i in range(ROWS)]), Kind.IDENTIFIER, "nearly every row has its own"),
    (text([f"{10**17 + i}" for i in range(ROWS)]), Kind.IDENTIFIER, "nearly every row has its own"),
    (text(["a", "b", "c"]), Kind.CATEGORY, "in 3 rows"),
    (text(["a", "b", "c"], "uuid"), Kind.IDENTIFIER, "its name"),
]


@pytest.mark.parametrize(("column", "kind", "reason"), CASES)
def test_kind_and_reason(column, kind, reason):
    found = profile(column)

    assert found.kind is kind
    assert reason in found.reason


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        *(
            (name, True)
            for name in ("id", "ID", "user_id", "Patient ID", "rowNames", "index", "customerId", "Unnamed: 0")
        ),
        *((name, False) for name in ("paid", "valid", "humid", "identity", "indexed_price", "Covid", "arid")),
    ],
)
def test_names_of_identifiers(name, identifier):
    found = profile(numbers(RANDOM.choice(10**6, ROWS, replace=False), name))

    assert (found.kind is Kind.IDENTIFIER) == identifier


def test_counts_of_missing_and_distinct():
    assert (profile(numbers([1, 1, 2, np.nan])).missing, profile(numbers([1, 1, 2, np.nan])).distinct) == (1, 2)
    assert (profile(text(["a", None, "a", "b"])).missing, profile(text(["a", None, "a", "b"])).distinct) == (1, 2)


def test_the_target_is_not_left_out_for_counting_rows_or_its_name():
    assert profile(numbers(np.arange(ROWS), "id"), target="id").kind is Kind.NUMBER
    assert profile(text(PROSE[:100] * 2), target="x").kind is Kind.CATEGORY
    assert profile(text(PROSE), target="x").kind is Kind.IDENTIFIER


def test_what_the_person_says_goes():
    found = profile(numbers([1, 2] * 100), overrides={"x": Kind.CATEGORY})

    assert (found.kind, found.reason) == (Kind.CATEGORY, "set by hand")


def test_a_million_categories_are_left_out():
    codes = RANDOM.integers(0, 1_000_000, 1_000_000).astype(np.int32)
    used, codes = np.unique(codes, return_inverse=True)
    column = table.Column("x", Physical.TEXT, codes.astype(np.int32), tuple(f"c{i}" for i in used))
    found = profile(column)

    assert found.kind is Kind.IDENTIFIER
    assert "too few rows share one" in found.reason

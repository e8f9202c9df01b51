"""Categories and dates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from burnish.data.table import Column, Physical
from burnish.preprocess import categories, dates


def _text(name: str, values: list[str | None]) -> Column:
    levels = tuple(dict.fromkeys(value for value in values if value is not None))
    codes = [-1 if value is None else levels.index(value) for value in values]
    return Column(name, Physical.TEXT, np.array(codes, np.int32), levels)


def _flags(plan: categories.FlagsPlan, column: Column) -> np.ndarray:
    rows = len(column.values)
    flags = np.zeros((rows, len(plan.flags)), np.float32)
    plan.fill(column, np.zeros((rows, 0), np.float32), flags)
    return flags


def test_few_levels_become_flags_in_order_of_frequency():
    plan = categories.fit_category(_text("hue", ["red"] * 3 + ["blue"] * 5 + ["green"] * 4))

    assert plan.flags == ("hue = blue", "hue = green", "hue = red")


def test_levels_are_mapped_by_text_and_not_by_code():
    plan = categories.fit_category(_text("hue", ["red"] * 3 + ["blue"] * 5 + ["green"] * 4))
    other_order = _text("hue", ["green", "red", "blue"])

    assert_array_equal(_flags(plan, other_order), [[0, 1, 0], [0, 0, 1], [1, 0, 0]])


def test_unseen_levels_have_no_flag_where_none_is_rare():
    plan = categories.fit_category(_text("hue", ["red"] * 3 + ["blue"] * 5 + ["green"] * 4))

    assert_array_equal(_flags(plan, _text("hue", ["mauve", None])), np.zeros((2, 3)))


def test_rare_and_unseen_levels_share_a_place_and_missing_has_its_own():
    plan = categories.fit_category(_text("hue", ["red"] * 3 + ["blue"] * 5 + ["teal", "grey", None]))

    assert plan.flags == ("hue = blue", "hue = red", "hue = (other)", "hue is missing")
    assert_array_equal(
        _flags(plan, _text("hue", ["teal", "mauve", None, "blue"])),
        [[0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]],
    )


def test_two_levels_need_one_flag_and_an_unseen_one_lies_between():
    plan = categories.fit_category(_text("sex", ["f"] * 6 + ["m"] * 4))

    assert plan.flags == ("sex = m",)
    assert_array_equal(_flags(plan, _text("sex", ["m", "f", "x", None]))[:, 0], np.float32([1, 0, 0.4, 0.4]))


def test_one_level_and_rare_ones_need_one_flag():
    plan = categories.fit_category(_text("hue", ["red"] * 6 + ["teal", "grey"]))

    assert plan.flags == ("hue = (other)",)
    assert_array_equal(_flags(plan, _text("hue", ["red", "teal", "mauve", None]))[:, 0], [0, 1, 1, 0.25])


@pytest.mark.parametrize("values", [["a"] * 9, [None] * 9, ["a", "b", "c"]])
def test_levels_that_do_not_vary_or_are_all_rare_have_no_plan(values):
    assert categories.fit_category(_text("hue", values)) is None


def test_gaps_of_one_level_still_say_something():
    plan = categories.fit_category(_text("alley", ["grvl"] * 5 + [None] * 5))

    assert plan.flags == ("alley is missing",)
    assert_array_equal(_flags(plan, _text("alley", [None, "grvl", "pave"]))[:, 0], [1, 0, 0])


def test_many_levels_become_codes_by_frequency_and_rare_ones_code_zero():
    values = [f"v{k:02d}" for k in range(20) for _ in range(k + 1)]
    plan = categories.fit_category(_text("zip", values))

    assert plan.vocabulary == 19  # v00 and v01 have fewer than three rows
    assert_array_equal(plan.codes(_text("zip", ["v19", "v02", "v01", "new", None])), [1, 18, 0, 0, 0])


def test_codes_are_capped():
    codes = np.repeat(np.arange(categories.MAX_CODES + 500, dtype=np.int32), categories.RARE_ROWS)
    column = Column("zip", Physical.TEXT, codes, tuple(map(str, range(categories.MAX_CODES + 500))))
    plan = categories.fit_category(column)

    assert plan.vocabulary == categories.MAX_CODES + 1
    assert plan.codes(column).max() == categories.MAX_CODES


def test_numbers_and_booleans_can_be_categories():
    column = Column("zone", Physical.NUMBER, np.array([3.0, -0.0, 0.0, 2.5, np.nan]))
    text = categories.text_of(column)

    assert [None if c < 0 else text.levels[c] for c in text.values] == ["3", "0", "0", "2.5", None]
    flags = Column("b", Physical.BOOLEAN, np.array([1.0, 0.0]))
    assert categories.text_of(flags).levels == ("False", "True")
    assert categories.text_of(replace(flags, words=("no", "yes"))).levels == ("no", "yes")


def test_numbers_as_text_read_back_as_the_same_numbers():
    values = [0.1, 1e300, -7.0, 2.0**60, 1 / 3]

    assert [float(categories.number_text(value)) for value in values] == values


def _seconds(*moments: str) -> np.ndarray:
    return np.array(moments, dtype="datetime64[s]").astype(np.float64)


def test_only_the_parts_that_vary_are_used():
    """The same hour on Mondays of one year: no time of day and no day of the week."""
    mondays = _seconds(*(f"2024-01-{day:02d}T12:00:00" for day in (1, 8, 15, 22, 29)))
    plan = dates.fit_date("when", mondays)

    assert plan.numbers == ("when: trend", "when: day of year, sine", "when: day of year, cosine")


def test_parts_of_a_date_are_points_on_circles():
    parts = dict(dates.parts_of(_seconds("2024-01-01T06:00:00", "1969-12-29T18:00:00")))  # both Mondays

    assert_allclose(parts["time of day, sine"], [1, -1], atol=1e-12)
    assert_allclose(parts["day of week, cosine"], [1, 1], atol=1e-12)
    assert_allclose(parts["day of year, sine"], np.sin(2 * np.pi * np.array([0 / 366, 362 / 365])), atol=1e-12)


def test_a_missing_date_is_imputed_and_flagged():
    seconds = np.r_[_seconds("2024-01-01", "2024-05-01", "2025-02-01"), np.nan]
    plan = dates.fit_date("when", seconds)
    x, flags = np.ones((4, len(plan.numbers)), np.float32), np.zeros((4, 1), np.float32)
    plan.fill(Column("when", Physical.DATE, seconds), x, flags)

    assert_array_equal(x[3], np.zeros(len(plan.numbers)))
    assert_array_equal(flags[:, 0], [0, 0, 0, 1])


def test_absurd_dates_stay_finite():
    plan = dates.fit_date("when", np.array([0.0, 1e18, -1e18, 5e9]))
    x = np.zeros((2, len(plan.numbers)), np.float32)
    plan.fill(Column("when", Physical.DATE, np.array([1e30, -1e30])), x, np.zeros((2, 0), np.float32))

    assert np.all(np.isfinite(x))

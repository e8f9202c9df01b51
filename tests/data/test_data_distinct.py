"""Distinct values without sorting: what numpy.unique says, for every kind of number."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from burnish.data import distinct

ARRAYS = {
    "whole numbers": np.array([5, 3, 3, 9, 5], np.int64),
    "whole numbers from far below to far above": np.array([-(2**62), 2**62, 7], np.int64),
    "bytes whose range is no byte": np.repeat(np.array([-128, 127, 0], np.int8), 100),
    "numbers without a sign": np.array([2**64 - 1, 2**64 - 2, 2**64 - 1], np.uint64),
    "whole floats": np.array([2.0, 0.0, 2.0, 1.0]),
    "fractions": np.array([0.5, 0.25, 0.5]),
    "gaps": np.array([1.0, np.nan, 0.0, np.nan]),
    "infinities": np.array([np.inf, 1.0, -np.inf]),
    "floats beyond whole numbers": np.array([2.0**53, 2.0**53 + 2, 1.0]),
    "single precision": np.array([3, 1, 3], np.float32),
    "yes and no": np.array([True, False, True]),
    "text": np.array(["b", "a", "b"]),
    "one value": np.array([7]),
    "nothing": np.array([], np.float64),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_values_are_taken_apart_as_by_sorting(name):
    values, codes = distinct.taken_apart(ARRAYS[name])
    expected, places = np.unique(ARRAYS[name], return_inverse=True)
    assert_array_equal(values, expected)
    assert_array_equal(codes, places)
    assert values.dtype == expected.dtype
    assert_array_equal(distinct.codes(ARRAYS[name]), places)


def test_whole_numbers_near_each_other_are_not_sorted(monkeypatch):
    monkeypatch.setattr(np, "unique", lambda *_, **__: pytest.fail("sorted"))
    assert_array_equal(distinct.codes(np.array([12, 10, 11, 10])), [2, 0, 1, 0])

"""The target: the task inferred, and values written and read back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from burnish.data.kinds import Profile
from burnish.data.table import Column, Kind, Physical
from burnish.errors import ConfigError, DataError
from burnish.preprocess import target
from burnish.preprocess.target import TargetCoding

RNG = np.random.default_rng(0)


def _number(values) -> Column:
    return Column("y", Physical.NUMBER, np.asarray(values, dtype=np.float64))


def _text(*values: str | None) -> Column:
    levels = tuple(dict.fromkeys(value for value in values if value is not None))
    codes = [-1 if value is None else levels.index(value) for value in values]
    return Column("y", Physical.TEXT, np.array(codes, np.int32), levels)


def _infer(column: Column, kind: Kind = Kind.NUMBER) -> tuple[str, str]:
    return target.infer_task(column, Profile("y", kind, "", 0, 2))


@pytest.mark.parametrize(
    ("column", "task"),
    [
        (_number(RNG.normal(size=50)), "regression"),
        (_number(RNG.integers(0, 10, 500)), "classification"),
        (_number(RNG.integers(0, 10, 60)), "regression"),
        (_number(RNG.integers(0, 300, 5000)), "regression"),
        (_number([0.0, 1.0, np.nan] * 5), "classification"),
        (_number([0.5, 1.5] * 5), "classification"),
        (_number(RNG.integers(0, 9, 500) / 2), "regression"),
        (_text(*"abcab"), "classification"),
        (Column("y", Physical.BOOLEAN, np.array([0.0, 1.0])), "classification"),
    ],
    ids=["floats", "digits", "few rows", "counts", "0/1", "two floats", "halves", "words", "boolean"],
)
def test_the_task_is_inferred_with_a_reason(column, task):
    inferred, reason = _infer(column)

    assert inferred == task
    assert reason.startswith("the target")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (_number([3.0, 3.0, np.nan]), "constant"),
        (_number([np.nan, np.nan]), "no value at all"),
        (_text("a", "a"), "constant"),
        (_text(*(f"name {k}" for k in range(30))), "identifier"),
        (_number(RNG.permutation(100)), "identifier"),
        (Column("y", Physical.DATE, np.array([0.0, 1e9])), "dates"),
    ],
)
def test_a_target_without_an_answer_is_refused(column, message):
    with pytest.raises(DataError, match=message) as caught:
        _infer(column)

    assert caught.value.remedy


def test_classes_are_coded_in_order_and_read_back():
    column = _text("b", "a", None, "c", "b")
    coding = target.fit(column, np.array([0, 1]), "classification")

    assert coding.classes == ("a", "b", "c")  # the list of answers is taken from all rows
    assert_array_equal(coding.encode(column), np.int32([1, 0, -1, 2, 1]))
    assert list(coding.decode(np.array([[0.1, 0.7, 0.2], [0.5, 0.0, 0.5]]))) == ["b", "a"]


def test_class_numbers_are_sorted_as_numbers_and_match_their_text():
    coding = target.fit(_number([10.0, 9.0, 10.0]), np.arange(3), "classification")

    assert coding.classes == ("9", "10")
    assert_array_equal(coding.encode(_text("10", "9")), [1, 0])


def test_a_new_class_is_refused_with_its_row():
    coding = target.fit(_text("a", "b"), np.arange(2), "classification")

    with pytest.raises(DataError, match=r"'c'.\nIt is in row 1, the first of 1 such rows"):
        coding.encode(_text("a", "c"))


@pytest.mark.parametrize(
    ("column", "positive"),
    [
        (_text("no", "Yes", "Yes"), "Yes"),
        (_text("good", "bad", "good"), "bad"),
        (_text("a", "b"), "b"),
        (_number([0.0, 1.0, 1.0]), "1"),
        (_text("a", "b", "c"), None),
    ],
)
def test_the_positive_class_means_yes_or_is_the_rarer_one(column, positive):
    assert target.fit(column, np.arange(2), "classification").positive == positive


@pytest.mark.parametrize(
    ("labels", "asked", "said"),
    [
        (
            ("no", "yes"),
            None,
            "The positive class is 'yes', as it is the one that means yes; --positive names the other.",
        ),
        (("a", "a", "b"), None, "The positive class is 'b', the rarer of the two; --positive names the other."),
        (("no", "yes"), "no", "The positive class is 'no', as --positive says."),
        (("a", "b", "c"), None, ""),
    ],
)
def test_which_class_is_positive_is_said_and_why(labels, asked, said):
    coding = target.fit(_text(*labels), np.arange(len(labels)), "classification", positive=asked)

    assert coding.why_positive(asked=asked is not None) == said


def test_a_positive_label_that_is_no_class_is_refused():
    with pytest.raises(ConfigError, match="'maybe' is no class"):
        target.fit(_text("a", "b"), np.arange(2), "classification", positive="maybe")


def test_numbers_are_standardised_by_the_training_rows_and_read_back():
    values = np.r_[RNG.normal(50, 7, size=100), 1e6, np.nan]
    coding = target.fit(_number(values), np.arange(100), "regression")
    encoded = coding.encode(_number(values))

    assert encoded.dtype == np.float32
    assert_allclose(encoded[:100].mean(), 0, atol=1e-6)
    assert_allclose(encoded[:100].std(), 1, atol=1e-6)
    assert_allclose(coding.decode(encoded[:100, None]), values[:100], rtol=1e-6)
    assert (coding.low, coding.high) == (values[:100].min(), values[:100].max())
    assert np.isnan(encoded[-1])


def test_a_number_constant_in_the_training_rows_is_refused():
    with pytest.raises(DataError, match="constant"):
        target.fit(_number([2.0, 2.0, 5.0]), np.arange(2), "regression")


def test_text_is_no_number():
    with pytest.raises(DataError, match="regression needs a number"):
        target.fit(_text("a", "b"), np.arange(2), "regression")


@pytest.mark.parametrize("column", [_text("a", "b", "b"), _number([0.1, 0.2, 0.7])])
def test_json_round_trip_is_exact(column):
    coding = target.fit(column, np.arange(3), "classification" if column.levels else "regression")

    assert TargetCoding.from_json(json.loads(json.dumps(coding.to_json()))) == coding


def test_rows_without_a_target_are_not_usable():
    assert_array_equal(target.usable(_text("a", None, "b")), [True, False, True])

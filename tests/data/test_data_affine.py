"""Columns in another unit are found whatever was rounded, and columns that merely correlate are none."""

from __future__ import annotations

import time

import numpy as np
import pytest

from burnish.data import affine

ROWS = 400
RNG = np.random.default_rng(7)
PLAIN = RNG.normal(size=ROWS)
CELSIUS = np.round(RNG.normal(15, 8, ROWS), 1)
GRAMS = np.round(RNG.lognormal(6, 1, ROWS))
FLAG = (RNG.random(ROWS) < 0.3).astype(float)
GAPS = np.where(RNG.random(ROWS) < 0.1, np.nan, PLAIN)
CODED = np.where(np.arange(ROWS) % 40 == 0, -999.0, CELSIUS)

COPIES = {
    "twice and one": (PLAIN, 2 * PLAIN + 1, "b = 2 × a + 1"),
    "turned round": (PLAIN, -PLAIN, "b = -a"),
    "shifted": (GRAMS, GRAMS - 500, "b = a - 500"),
    "Fahrenheit, rounded": (CELSIUS, np.round(1.8 * CELSIUS + 32, 1), "b = 1.8 × a + 32"),
    "Celsius from Fahrenheit": (np.round(1.8 * CELSIUS + 32, 1), CELSIUS, "b = 0.555556 × a - 17.8"),
    "kilograms": (GRAMS, GRAMS / 1000, "b = 0.001 × a"),
    "pounds, rounded": (GRAMS, np.round(GRAMS / 453.59237, 2), "b = 0.00220459 × a"),
    "standardised": (GRAMS, (GRAMS - GRAMS.mean()) / GRAMS.std(), None),
    "of single precision": (PLAIN, np.float64(np.float32(3 * PLAIN)), None),
    "the other flag": (FLAG, 1 - FLAG, "b = -a + 1"),
    "with gaps": (GAPS, 10 * GAPS, "b = 10 × a"),
    "at the ends of the range": (1e250 * PLAIN, 1e-50 * PLAIN, None),
    "the first of the two was rounded": (np.round(GRAMS / 1000, 2), GRAMS, "a = 0.001 × b"),
}


@pytest.mark.parametrize("case", COPIES)
def test_a_column_in_another_unit_is_named_with_its_formula(case):
    one, other, formula = COPIES[case]

    [line] = affine.lines([RNG.normal(size=ROWS), one, RNG.normal(size=ROWS), other])

    assert {line.place, line.of} == {1, 3}
    assert formula is None or line.told(["x", "a", "z", "b"]) == formula


SMOOTH = np.cumsum(np.cumsum(RNG.normal(size=(ROWS, 60)), axis=1), axis=1)

ALIKE = {
    "equal": [PLAIN, PLAIN.copy()],
    "correlated": [PLAIN, PLAIN + 1e-5 * RNG.normal(size=ROWS)],
    "two thermometers": [CELSIUS, np.round(CELSIUS + 0.04 * RNG.normal(size=ROWS), 1)],
    "one row off": [PLAIN, np.where(np.arange(ROWS) == 17, 0.0, 2 * PLAIN)],
    "other gaps": [PLAIN, 2 * GAPS],
    "a function": [PLAIN, PLAIN**3],
    "few levels": [np.round(PLAIN), np.round(PLAIN + 0.2 * RNG.normal(size=ROWS))],
    "the same codes": [CODED, np.where(CODED == -999, -999.0, RNG.normal(15, 8, ROWS))],
    "one rare flag each": [np.eye(ROWS)[3], 5 * np.eye(ROWS)[3]],
    "constant": [np.ones(ROWS), np.zeros(ROWS), np.full(ROWS, np.nan)],
    "neighbours of a spectrum": list(SMOOTH.T),
    "neighbours of a spectrum, rounded": list(np.round(SMOOTH.T / SMOOTH.std() * 20, 2)),
    "a number within a number": [np.floor(GRAMS / 100), GRAMS],
    "a single column": [PLAIN],
}


@pytest.mark.parametrize("case", ALIKE)
def test_columns_that_are_alike_are_none(case):
    assert affine.lines(ALIKE[case]) == ()


def test_a_rounded_line_needs_rows_and_digits_enough():
    """Of a few rows, or of values a few units apart, any correlation might come out so."""
    few, coarse = CELSIUS[:30], np.round(CELSIUS / 10)

    assert affine.lines([few, np.round(1.8 * few + 32, 1)]) == ()
    assert affine.lines([coarse, np.round(coarse * 1.3)]) == ()


def test_thousands_of_columns_take_no_time():
    x = np.random.default_rng(0).normal(size=(20_000, 100))
    x[9_000] = 3 * x[5] - 2
    began = time.perf_counter()

    [line] = affine.lines(list(x))

    assert (line.place, line.of) == (9_000, 5)
    assert time.perf_counter() - began < 10  # half a second on a quiet machine

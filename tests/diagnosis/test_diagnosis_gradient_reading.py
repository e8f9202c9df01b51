"""Reading a derivative off differences at many steps: on plain functions of one number, whose derivative is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from burnish.diagnosis import gradient_reading as reading
from burnish.diagnosis.gradient_reading import Ladder, Slope, Verdict

EPS = np.finfo(float).eps


def ladder(f: Callable[[float], float], at: float, slope: float, *, powers: range = range(-16, 11)) -> Ladder:
    """Differences of f around `at`, steps 6e-6 · 3^power, beside a claimed derivative."""
    step = 6e-6 * 3.0 ** np.array(powers)
    up, down = (np.array([f(at + sign * h) for h in step]) for sign in (1, -1))
    return Ladder(step, up, down, np.full(len(step), slope), f(at), powers.index(0))


def judged(f: Callable[[float], float], at: float, slope: float, *, sigma: float | None = None) -> Verdict:
    found = reading.read(ladder(f, at, slope), EPS / 2 * abs(f(at)) if sigma is None else sigma)
    return reading.judge(found, abs(slope) + abs(found.numeric), wrong=reading.WRONG)


SMOOTH = {
    "sine": (math.sin, math.cos, 0.7),
    "exponential": (math.exp, math.exp, -2.0),
    "fast sine": (lambda x: math.sin(1e6 * x), lambda x: 1e6 * math.cos(1e6 * x), 0.3),
    "huge": (lambda x: 1e8 * x**3, lambda x: 3e8 * x**2, 1.1),
    "tiny": (lambda x: 1e-8 * x**3, lambda x: 3e-8 * x**2, 1.1),
    "steep near a pole": (lambda x: 1 / x, lambda x: -1 / x**2, 1e-3),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_a_right_derivative_is_right_and_every_wrong_one_is_wrong(name):
    """The numeric derivative is known to 1e-4; a flipped sign, a factor of 2 and one of 1.001 are proven wrong."""
    f, derivative, at = SMOOTH[name]
    true = derivative(at)
    found = reading.read(ladder(f, at, true), EPS * abs(f(at)))

    assert abs(found.numeric - true) <= found.error <= 1e-4 * abs(true)
    assert judged(f, at, true) is Verdict.RIGHT
    for claimed in (-true, 2 * true, 0.0, 1.001 * true):
        assert judged(f, at, claimed) is Verdict.WRONG


def test_a_small_error_that_stays_wants_a_closer_look():
    """1e-5 of the derivative, at every step: an approximation perhaps, and no proof of a bug."""
    assert judged(math.sin, 0.7, math.cos(0.7) * (1 + 2e-5)) is Verdict.CLOSER


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0])
def test_on_a_kink_no_value_between_the_slopes_is_called_wrong(slope):
    found = reading.read(ladder(abs, 0.0, slope), EPS)

    assert found.kinked
    assert reading.judge(found, 1 + abs(slope), wrong=reading.WRONG) is not Verdict.WRONG


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-8, 1e-10])
def test_a_kink_within_the_step_is_not_the_derivative(distance):
    """|x| close to 0: wide steps see a flat function, and only those narrower than the distance see the slope."""
    found = reading.read(ladder(abs, distance, 1.0), EPS * distance)

    assert found.numeric == pytest.approx(1.0, abs=1e-4)
    assert judged(abs, distance, 1.0) in (Verdict.RIGHT, Verdict.KINK)
    assert judged(abs, distance, -1.0) is Verdict.WRONG


def test_many_kinks_of_either_sign_do_not_add_up_to_a_wrong_derivative():
    """Wide steps over many kinks average out to a plateau of their own, which is not the slope on the spot."""
    rng = np.random.default_rng(0)
    places, signs = rng.normal(0, 1e-3, 300), rng.choice([-1.0, 1.0], 300)

    def bent(x: float) -> float:
        return float(signs @ np.abs(x - places))

    true = float(signs @ np.sign(-places))

    assert judged(bent, 0.0, true, sigma=300 * EPS) in (Verdict.RIGHT, Verdict.KINK)
    assert judged(bent, 0.0, -true, sigma=300 * EPS) is Verdict.WRONG


def test_how_the_difference_depends_on_the_step_is_named():
    """Truncation falls, rounding rises, a bug stays."""
    steep = reading.read(ladder(lambda x: math.sin(1e4 * x), 0.3, 1e4 * math.cos(3e3)), EPS)
    rough = reading.read(ladder(lambda x: 1e6 + math.sin(x), 0.7, math.cos(0.7)), 1e6 * EPS)
    wrong = reading.read(ladder(math.sin, 0.7, 1.0), EPS)

    assert (steep.slope, wrong.slope) == (Slope.TRUNCATION, Slope.FLAT)
    assert rough.slope is Slope.ROUNDING
    assert rough.step > 6e-6 > steep.step


def test_a_cost_lost_in_rounding_proves_nothing():
    """A derivative of 1e-12 beside a constant of 1: no step shows it, and nothing is said of it."""
    found = reading.read(ladder(lambda x: 1.0 + 1e-15 * x, 0.7, -1e-15), EPS)

    assert reading.judge(found, 2e-15, wrong=reading.WRONG) is Verdict.UNDECIDED


def test_steps_at_which_the_cost_is_not_finite_are_left_out():
    """log x at 1e-5: steps above that leave its domain."""

    def f(x: float) -> float:
        return math.log(x) if x > 0 else math.nan

    found = reading.read(ladder(f, 1e-5, 1e5), 12 * EPS)

    assert found.numeric == pytest.approx(1e5, rel=1e-5)
    assert reading.read(ladder(lambda x: math.nan, 0.0, 1.0), EPS).error == math.inf


@pytest.mark.parametrize("sigma", [1e-16, 1e-8, 1e-3])
def test_noise_is_measured_on_a_slope(sigma):
    """The standard deviation, right on average and to a factor of 2 in 8 of 10 draws."""
    rng = np.random.default_rng(0)
    places = np.arange(reading.NOISE_POINTS)
    ratios = [reading.noise(1e2 * sigma * places + rng.normal(0, sigma, places.size))[0] / sigma for _ in range(200)]

    assert 0.8 < np.sqrt(np.mean(np.square(ratios))) < 1.25
    assert np.quantile(ratios, 0.1) > 0.4
    assert np.quantile(ratios, 0.9) < 2


def test_noise_without_a_slope_does_not_stand_out():
    """A constant, a single step of rounding, and noise alone say: take the points further apart."""
    rng = np.random.default_rng(0)
    for values in (np.zeros(13), np.repeat([0.0, 1.0], [6, 7]), rng.normal(size=13), np.full(13, np.nan)):
        assert not reading.noise(values)[1]
    assert reading.noise(np.arange(13.0) + 0.001 * rng.normal(size=13))[1]


def test_tolerance_is_that_of_the_precision():
    """1e-4 in float64, about 1e-2 in float32, and never so much that a factor of two passes."""
    assert reading.tolerance(1e-16) == reading.WRONG
    assert 5e-3 < reading.tolerance(6e-8) < 2e-2
    assert reading.tolerance(1.0) < 1 / 3


def test_hints_name_what_a_wrong_gradient_looks_like():
    """From the components that were walked alone."""
    rng = np.random.default_rng(0)
    true, theta = rng.normal(size=20), rng.normal(size=20)
    one = true.copy()
    one[3] *= -1
    looks = {
        "sign is flipped": (-true, true),
        "2 times": (2 * true, true),
        "0.03125 times": (true / 32, true),
        "is zero although": (np.zeros(20), true),
        "does not move": (true, np.zeros(20)),
        "penalty of 0.3/2 · Σθ² were missing": (true, true + 0.3 * theta),
        "penalty of 0.3/2 · Σθ² were too much": (true + 0.3 * theta, true),
        "only this one": (one, true),
        "not finite": (np.full(20, np.nan), true),
    }

    for words, (analytic, numeric) in looks.items():
        assert words in reading.hint(analytic, numeric, theta, 1e-9)
    assert reading.hint(rng.normal(size=20), true, theta, 1e-9) == ""
    assert "times" not in reading.hint(true, true, theta, 1e-9)

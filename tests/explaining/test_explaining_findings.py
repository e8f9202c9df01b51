"""Sentences follow from numbers, and say so where these contradict the textbook."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.explaining import (
    batch_size,
    conditioning,
    decay,
    l2,
    noise,
    paths,
    scales,
    search,
    shift,
    stopping,
    trends,
    words,
)
from burnish.techniques.preparing import LayerScales

NATS = words.Unit("log-loss", "nats", None)
SEEDS = 3


def test_costs_are_shown_in_the_targets_units():
    assert words.Unit("RMSE in MPa", "MPa", 10.0).of([0.25, 1.0]).tolist() == [5.0, 10.0]
    assert NATS.of([0.25]).tolist() == [0.25]


def test_normalising_that_rounds_nothing_is_not_praised():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    good = conditioning.panel(100 * x + 1_000, x, y)
    bad = conditioning.panel(x, 100 * x + 1_000, y)

    assert "brought the condition number down" in good.finding
    assert "did not round the bowl" in bad.finding
    assert good.numbers["condition_before"] == pytest.approx(bad.numbers["condition_after"])
    assert not conditioning.panel(x[:, :0], x[:, :0], y).made


def path(rate: float, *ends: float) -> paths.Path:
    return paths.Path(rate, 12, np.array([[1.0, end] for end in ends]), np.random.default_rng(0).normal(size=(2, 4)))


def test_momentum_that_did_not_beat_plain_gradient_descent_is_named():
    found = {
        "sgd": path(0.1, 0.30, 0.30, 0.30),
        "momentum": path(0.1, 0.31, 0.29, 0.33),
        "rmsprop": path(0.01, 0.20, 0.2, 0.2),
        "adam": path(0.01, 0.1, 0.1, 0.1),
    }
    said = paths.finding(found, NATS)

    assert "Adam had the lowest train log-loss (0.100" in said
    assert "with every start RMSprop and Adam beat plain gradient descent" in said
    assert "momentum did not beat plain gradient descent" in said
    found["adam"] = path(0.01, np.nan, np.nan, np.nan)
    assert "RMSprop had the lowest" in paths.finding(found, NATS)


@pytest.mark.parametrize(("constant", "cosine", "said"), [(0.5, 0.4, ", below the"), (0.4, 0.5, ", not below the")])
def test_decay_that_did_not_help_is_said(constant, cosine, said):
    def curves(end: float) -> decay.Curves:
        values = np.tile(np.linspace(1.0, end, 20), (SEEDS, 1))
        return decay.Curves(values, values)

    assert said in decay.finding({"none": curves(constant), "cosine": curves(cosine)}, NATS)


@pytest.mark.parametrize(
    ("dev", "said"),
    [
        ([3, 2, 1, 2, 3, 4, 5], "would have gained 400 %"),
        ([3, 2, 1.0, 0.9, 0.8, 0.7, 0.6], "would have changed nothing"),
        ([3, 1, 2, 2, 2, 2, 0.5], "would have lost 50.0 %"),
    ],
)
def test_stopping_that_saves_nothing_is_said(dev, said):
    curve = np.array([dev], float)

    assert said in stopping.finding(stopping.Curves(curve, curve, 3), NATS)
    assert not stopping.panel(None, NATS).made


def test_batch_norm_that_shifts_more_is_said():
    low, high = np.full((SEEDS, 20, 2), 0.1), np.full((SEEDS, 20, 2), 0.2)
    mixed = np.stack([low[:, :, 0], high[:, :, 0]], axis=2)
    between = np.full((SEEDS, 20, 2), 0.15)

    assert "lowered the shift of hidden layers 1 and 2" in shift.finding(shift.Shift(high, low))
    assert "Batch norm did not lower the shift of hidden layers 1 and 2" in shift.finding(shift.Shift(low, high))
    assert "of hidden layer 1 with every start, but not that of hidden layer 2" in shift.finding(
        shift.Shift(between, mixed)
    )


def gaps(none: list[float], batch: list[float]) -> noise.Gaps:
    zero = np.zeros((2, 2))
    return noise.Gaps(
        (16, 256), {"none": zero, "batch": zero}, {"none": np.array([none] * 2), "batch": np.array([batch] * 2)}
    )


def test_batch_norm_that_does_not_regularise_is_said():
    assert "smaller with batch norm at every size" in noise.finding(gaps([0.5, 0.5], [0.1, 0.2]), NATS)
    assert "as its noise should make it" in noise.finding(gaps([0.5, 0.5], [0.1, 0.2]), NATS)
    assert "larger with batch norm at every size" in noise.finding(gaps([0.1, 0.1], [0.4, 0.2]), NATS)
    assert "against what its noise should do" in noise.finding(gaps([0.1, 0.1], [0.4, 0.2]), NATS)
    assert "diverged" in noise.finding(gaps([np.nan, 0.1], [0.4, 0.2]), NATS)


@pytest.mark.parametrize(
    ("grid", "verdict"),
    [
        (0.05, "beat it in 0 % of all choices, so that the grid is ahead"),
        (0.9, "beat it in 100 % of all choices, so that they are ahead"),
    ],
)
def test_a_grid_that_wins_is_said_to_win(grid, verdict):
    found = compared(np.linspace(0.1, 0.8, 8), np.full(4, grid))

    assert verdict in search.finding(found, NATS)
    assert "2×2 grid of α and β₁, with all else left where the search began" in search.finding(found, NATS)
    assert "8 learning rates; a full grid of 8 over the 3 settings that were drawn has 2.0 values of each" in (
        search.finding(found, NATS)
    )
    assert len(search.panel(found, NATS).charts) == 3


def compared(costs: np.ndarray, grid: np.ndarray, why: str = "") -> search.Compared:
    """Draws of three settings, and a grid of two."""
    rates = np.linspace(0.001, 0.01, len(costs))
    tried = {"learning_rate": len(costs), "beta1": len(costs), "width": 2}
    best = search.with_interval(costs)
    axes = ("learning_rate", "beta1") if len(grid) else ()
    return search.Compared(
        tried, rates, costs, *best, axes, {**tried, "width": 1}, rates[: len(grid)], grid, 1.0, why_no_grid=why
    )


def test_a_search_without_a_grid_says_why():
    found = compared(np.linspace(0.1, 0.8, 8), np.zeros(0), "A grid of 9 would take about 90 seconds of a core.")

    assert "would take about 90 seconds" in search.finding(found, NATS)
    assert "ahead" not in search.finding(found, NATS)
    assert search.panel(found, NATS).numbers["grid_points"] == 0


def test_weights_that_grow_with_l2_are_said_to():
    rising, falling = np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]])

    def said(norm, linear):
        return l2.finding(l2.Shrunk((1e-5, 1e-1), 100, norm, linear, rising, rising), NATS)

    assert "fell from 2.00 to 1.00" in said(falling, rising / 4)
    assert "did not fall but went from 1.00 to 2.00" in said(rising, rising / 4)
    assert "did not rise but went from 50 to 25 %" in said(falling, falling / 4)


def test_the_average_that_tells_most_is_named():
    """A trend that falls fast is told best by a short average, noise about a level by a long one."""
    noisy = 1 + np.random.default_rng(0).normal(scale=0.3, size=300)
    falling = np.exp(-np.arange(300) / 20)

    assert trends.panel(noisy, "cost").finding.startswith("β = 0.98")
    assert trends.panel(falling, "cost").finding.startswith("β = 0.5")
    assert not trends.panel(np.full(300, np.nan), "cost").made


def scale(factor: float, bad: str | None) -> LayerScales:
    return LayerScales(("layer 1",), np.array([1.0, factor]), np.array([factor, 1.0]), factor, factor, bad, "")


def test_starts_that_lose_the_signal_are_named():
    found = {"zeros": scale(0.0, "layer 1"), "small": scale(0.1, "layer 1"), "large": scale(50, "layer 1")}
    said = scales.finding({**found, "glorot": scale(0.7, None), "he": scale(1.02, None)}, "relu")

    assert "Xavier and He kept the signal's size" in said
    assert "zeros leave nothing of it" in said
    assert "He came nearer to a factor of 1" in said
    assert "no start kept it alive" in scales.finding(
        {**found, "glorot": scale(9, "layer 1"), "he": scale(9, "layer 1")}, "relu"
    )


def test_batch_sizes_are_ranked_by_what_they_reached():
    def timed(size: int, step: float, dev: float) -> batch_size.Timed:
        return batch_size.Timed(size, step, np.array([1.0, 2.0]), np.array([1.0, dev]))

    said = batch_size.finding([timed(1, 1e-5, 0.9), timed(64, 2e-5, 0.2), timed(640, 1e-4, 0.5)], NATS)

    assert "lowest with batch 64 0.200, then all rows 0.500 and batch 1 0.900" in said
    assert "a row costs 64.0 times less" in said

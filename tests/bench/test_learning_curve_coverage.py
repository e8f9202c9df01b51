"""The examination of forecasts: what is truth, what is counted, and what is kept."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import learning_curve_coverage as bench


def curve(*, errors=None, dev=40, held=120, seed=0):
    """Four times the rows of a power law, three seeds, easy and hard held-out rows."""
    rng = np.random.default_rng(seed)
    sizes = (100, 141, 200, 283, 400, 800, 1600)
    level = 4.0 * np.asarray(sizes, float) ** -0.3 if errors is None else np.asarray(errors, float)
    hardness = rng.standard_normal(held)
    noise = 1 + 0.02 * rng.standard_normal((3, len(sizes), 1))
    losses = np.square(level[None, :, None] * hardness * noise).astype(np.float32)
    return bench.Curve("made up", 4, 0, "rmse", sizes, losses, dev)


def record(table, low, high, truth, declined=""):
    said = {} if declined else {"low": low, "high": high, "value": (low + high) / 2}
    part = {**said, "truth": truth}
    return {"table": table, "share": 4, "subsample": 0, "multiple": 2, "declined": declined, "now": 1.0} | {
        "error": part,
        "gain": part,
    }


def test_the_truth_is_on_rows_of_which_half_of_the_dev_rows_are_left_out():
    """So that dev rows and truth rows differ as dev rows and endless ones do: 1/d + 1/t - 2·overlap/(d·t) = 1/d."""
    made = curve()
    truth = np.sqrt(made.losses[:, 5, 20:].mean(axis=1)).mean()
    d, t, overlap = 40, 100, 20

    assert made.truth(5) == pytest.approx(truth, rel=1e-6)
    assert 1 / d + 1 / t - 2 * overlap / (d * t) == pytest.approx(1 / d)


def test_a_forecast_stands_beside_its_truth():
    made = curve()
    two, four = bench.forecasts(made)

    assert (two["multiple"], four["multiple"]) == (2, 4)
    assert two["rows"] == 400
    assert two["error"]["low"] < two["error"]["value"] < two["error"]["high"]
    assert (two["error"]["truth"], four["error"]["truth"]) == (made.truth(5), made.truth(6))
    assert two["gain"]["truth"] == pytest.approx(two["now"] - two["error"]["truth"])


def test_a_declined_forecast_keeps_its_truth_and_says_why():
    two, _ = bench.forecasts(curve(errors=[1.0, 1.0, 1.2, 1.5, 2.0, 1.0, 1.0]))

    assert "rises" in two["declined"]
    assert set(two["error"]) == {"truth"}


def test_coverage_counts_what_was_given_and_draws_whole_tables():
    """One table of four is never covered: the interval of the share is as wide as four tables make it."""
    records = [record(name, 0.0, 1.0, 0.5) for name in "abc" for _ in range(10)]
    records += [record("d", 0.0, 1.0, 2.0) for _ in range(10)] + [record("d", 0, 0, 0.0, "It rises.")]
    found = bench.covered(records, "error")

    assert found["covered"] == pytest.approx(0.75)
    assert (found["forecasts"], found["given"], found["above"], found["below"]) == (41, 40, 10, 0)
    assert found["low"] <= 0.5
    assert found["high"] == 1.0
    assert found["consistent"]
    assert not bench.covered([record(name, 0.0, 1.0, 2.0) for name in "abcd"], "error")["consistent"]


def test_a_curve_is_read_back_as_it_was_kept(tmp_path):
    made = curve()
    bench.kept(tmp_path / "made-4-0.npz", made)
    found = bench.recalled(tmp_path / "made-4-0.npz")

    np.testing.assert_array_equal(found.losses, made.losses)
    assert bench.forecasts(found) == bench.forecasts(made)


def test_the_summary_is_a_table_that_says_what_was_declined():
    records = bench.forecasts(curve()) + bench.forecasts(curve(errors=[1.0, 1.0, 1.2, 1.5, 2.0, 1.0, 1.0]))
    records[2]["subsample"] = records[3]["subsample"] = 1
    lines = bench.shown(bench.summarised(records))

    assert lines[0] == "2 curves, 1 declined (1 × The error rises …)"
    assert any(line.startswith("| 4 × the rows, of 1/4 | 2 | 1 |") for line in lines)


@pytest.mark.slow
def test_a_real_table_is_measured(tmp_path):
    made = bench.measured(bench.question("diabetes"), 4, 0, tmp_path)

    assert made.losses.shape == (3, 7, 133)
    assert made.sizes[4] * 4 == made.sizes[-1]
    assert bench.measured(bench.question("diabetes"), 10, 0, tmp_path) is None, "three rows are no training set"

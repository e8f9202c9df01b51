"""How far probabilities can be trusted is said in words that the numbers bear out."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.report import predicted
from burnish.report.summary import Predictions


def predictions(power: float, *, rows: int = 3_000) -> Predictions:
    """Classes drawn by probabilities of which `power` times the log-odds are told: 1 is honest, 2 too sure."""
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 1.5, rows)
    truth = rng.random(rows) < 1 / (1 + np.exp(-odds))
    told = 1 / (1 + np.exp(-power * odds))
    return Predictions("test", tuple(map(float, truth)), tuple(zip((1 - told).tolist(), told.tolist(), strict=True)))


@pytest.mark.parametrize(
    ("power", "way", "worst"),
    [
        (1.0, "as sure as it should be, as far as can be told", "nowhere is it surely off."),
        (2.5, "too sure (+", "Farthest off: where it said"),
        (0.4, "not sure enough (−", "Farthest off: where it said"),
    ],
)
def test_sureness_is_compared_with_how_often_it_is_right(power, way, worst):
    said = predicted.trust(predictions(power))

    assert said.startswith("On 3,000 test rows it was ")
    assert way in said
    assert worst in said


def test_few_rows_cannot_accuse():
    assert "as far as can be told" in predicted.trust(predictions(2.5, rows=12))

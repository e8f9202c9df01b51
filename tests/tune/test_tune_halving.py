"""Successive halving keeps the best."""

from __future__ import annotations

import math

from burnish.tune import halving


def test_survivors_are_in_order_with_ties_by_id_and_without_the_diverged():
    scores = {"t3": 0.5, "t1": 0.5, "t2": 0.4, "t4": math.nan, "t5": math.inf, "t6": 0.9}

    assert halving.survivors(scores, 3) == ("t2", "t1", "t3")
    assert halving.survivors(dict(reversed(scores.items())), 3) == ("t2", "t1", "t3")
    assert halving.survivors(scores, 6) == ("t2", "t1", "t3", "t6")

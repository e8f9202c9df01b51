"""Depth × width: the best of each shape, and the smallest network that this dev set cannot tell from the best."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.errors import DataError
from burnish.tune import shape_table
from burnish.tune.shape_table import Tried


def squares(level: float, *, seed: int, shared: np.ndarray) -> np.ndarray:
    return (shared * level + np.random.default_rng(seed).normal(0, 0.05, len(shared))) ** 2


def results() -> list[Tried]:
    shared = np.random.default_rng(0).normal(0, 1, 500)
    return [
        Tried(1, 32, 300, squares(1.5, seed=1, shared=shared)),
        Tried(1, 32, 300, squares(1.4, seed=2, shared=shared)),
        Tried(2, 32, 1300, squares(1.001, seed=3, shared=shared)),
        Tried(2, 128, 17_000, squares(1.0, seed=4, shared=shared)),
        Tried(3, 128, 33_000, squares(1.2, seed=5, shared=shared)),
    ]


def test_each_cell_holds_the_best_of_its_shape():
    found = shape_table.table(results(), "rmse")

    assert found is not None
    assert [(cell.depth, cell.width) for cell in found.cells] == [(1, 32), (2, 32), (2, 128), (3, 128)]
    assert found.cells[0].tried == 2
    assert found.cells[0].error.value == pytest.approx(np.sqrt(np.mean(results()[1].losses)))


def test_smallest_network_within_noise_is_judged_row_by_row():
    """Intervals of 1.0 and 1.2 overlap nearly; paired rows tell 1.2 and 1.4 from the best, and leave 1.001."""
    found = shape_table.table(results(), "rmse")

    assert found is not None
    assert {(cell.depth, cell.width) for cell in found.cells if cell.within_noise} == {(2, 32), (2, 128)}
    assert (found.smallest.depth, found.smallest.width) == (2, 32)
    assert found.best.error.value == min(cell.error.value for cell in found.cells)


def test_best_is_within_its_own_noise_and_alone_it_is_the_smallest():
    only = results()[:1]

    found = shape_table.table(only, "rmse")

    assert found is not None
    assert found.best == found.smallest == found.cells[0]


def test_error_rates_of_few_rows_are_not_told_apart():
    """Two errors in forty against none: no ground to prefer the network of ten times the size."""
    wrong = np.zeros(40)
    wrong[:2] = 1

    found = shape_table.table([Tried(1, 16, 100, wrong), Tried(2, 64, 1000, np.zeros(40))], "error")

    assert found is not None
    assert (found.best.parameters, found.smallest.parameters) == (1000, 100)


def test_order_of_results_does_not_matter():
    forward, backward = (shape_table.table(order, "rmse") for order in (results(), results()[::-1]))

    assert forward == backward


def test_nothing_tried_gives_no_table():
    assert shape_table.table([], "rmse") is None


def test_losses_on_other_rows_are_refused():
    with pytest.raises(DataError):
        shape_table.table([Tried(1, 16, 100, np.ones(5)), Tried(2, 16, 200, np.zeros(6))], "rmse")


def test_groups_and_weights_count():
    """Rows ten times over are as sure as once, if that is said; and the best is the best by weight."""
    rng = np.random.default_rng(0)
    wrong = (rng.random((2, 60)) < 0.3).astype(float)
    once, told, untold = (
        shape_table.table(
            [Tried(1, 8 * k + 8, 100, losses.repeat(copies)) for k, losses in enumerate(wrong)], "error", groups=groups
        )
        for copies, groups in ((1, None), (10, np.arange(60).repeat(10)), (10, None))
    )
    weights = np.where(wrong[0] > wrong[1], 1.9, 0.1) / np.where(wrong[0] > wrong[1], 1.9, 0.1).mean()
    weighted = shape_table.table([Tried(1, 8, 100, wrong[0]), Tried(1, 16, 100, wrong[1])], "error", weights=weights)

    assert told.best.error.half_width == pytest.approx(once.best.error.half_width, rel=0.05)
    assert untold.best.error.half_width < 0.4 * once.best.error.half_width
    assert weighted.best.width == 16
    assert weighted.best.error.value == pytest.approx(np.average(wrong[1], weights=weights))

"""Averages of networks: which are chosen, and whether what they are said to be worth is what they are worth."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.recipe import ensemble


def squares(truth: np.ndarray):
    """Per-row squared errors, the losses that choose in these tests."""
    return lambda predictions, places: np.square(predictions[:, 0] - truth[places])


def made_up(candidates: int, rows: int, *, own: float, shared: float = 0.0, seed: int = 0):
    """Truth, and candidates that all miss it by a noise that they share and one of their own."""
    rng = np.random.default_rng(seed)
    truth, common = rng.normal(size=rows), shared * rng.normal(size=rows)
    noise = own * rng.normal(size=(candidates, rows))
    return truth, (truth + common + noise)[:, :, None]


def test_an_average_beats_the_best_one_where_errors_are_independent():
    """Eight candidates of independent errors: the average's error on fresh rows is a fraction of any one's."""
    truth, predictions = made_up(8, 4000, own=1.0)
    chooses, fresh = slice(0, 2000), slice(2000, 4000)
    selection = ensemble.select(predictions[:, chooses], squares(truth[chooses]), most=8, seed=0)
    averaged = ensemble.mixture(predictions[:, fresh], selection.shares)[:, 0]
    alone = np.square(predictions[:, fresh, 0] - truth[fresh]).mean(1)

    assert np.square(averaged - truth[fresh]).mean() < 0.2 * alone.min()
    assert (selection.shares > 0).all()
    assert selection.shares.sum() == pytest.approx(1)


def test_equal_candidates_are_not_averaged_and_a_bad_one_has_no_share():
    """Copies add nothing, so the first is taken alone; what only harms gets nothing."""
    truth, predictions = made_up(1, 500, own=1.0)
    copies = np.concatenate([predictions, predictions, predictions + 5.0])
    selection = ensemble.select(copies, squares(truth), most=3, seed=0)

    np.testing.assert_array_equal(selection.shares, [1, 0, 0])


def test_only_as_many_as_asked_for_are_averaged_and_these_are_the_best():
    """Of ten candidates, each worse than the one before, three."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=400)
    sizes = np.linspace(1.0, 2.0, 10)[::-1]
    predictions = (truth + sizes[:, None] * rng.normal(size=(10, 400)))[:, :, None]
    selection = ensemble.select(predictions, squares(truth), most=3, seed=0)

    np.testing.assert_array_equal(np.flatnonzero(selection.shares), [7, 8, 9])


def test_greedy_picks_are_those_of_trying_everything_for_two_candidates():
    """The best share of a grid of 24ths, found by looking at all of them, is where the picks end."""
    truth, predictions = made_up(2, 300, own=1.0, seed=3)
    predictions[1] += 0.4
    rows = np.arange(300)
    shares = ensemble.greedy(predictions, squares(truth), rows)
    costs = [
        squares(truth)(ensemble.mixture(predictions, np.array([k, ensemble.PICKS - k]) / ensemble.PICKS), rows).mean()
        for k in range(ensemble.PICKS + 1)
    ]
    found = squares(truth)(ensemble.mixture(predictions, shares), rows).mean()

    assert found == pytest.approx(min(costs), rel=2e-3)


@pytest.mark.parametrize("single", [False, True])
def test_no_row_has_a_part_in_the_choice_that_its_honest_loss_is_of(single):
    """A row that is changed so that it would choose otherwise changes what others are judged by, not itself."""
    truth, predictions = made_up(6, 60, own=1.0, shared=0.3)
    selection = ensemble.select(predictions, squares(truth), most=4, seed=0)
    moved = predictions.copy()
    moved[:, 7] = truth[7] + np.array([50.0, 40, 30, 20, 10, 0])[:, None]  # row 7 now screams for the last candidate
    again = ensemble.select(moved, squares(truth), most=4, seed=0)

    assert any(not np.array_equiv(a.shares, b.shares) for a, b in zip(selection.choices, again.choices, strict=True))
    for before, after in zip(selection.choices, again.choices, strict=True):
        if 7 in before.scored:
            np.testing.assert_array_equal(before.shares, after.shares)
            assert before.best == after.best
    # Judged by the old predictions, the new choices give row 7 what it had.
    honest = selection.honest(predictions, squares(truth), single=single)
    assert again.honest(predictions, squares(truth), single=single)[7] == pytest.approx(honest[7])


def test_rows_of_a_group_are_judged_by_choices_that_none_of_them_made():
    """Dealt together, each group into one part of a deal; all rows are judged in each deal."""
    truth, predictions = made_up(6, 80, own=1.0)
    groups = np.random.default_rng(1).integers(0, 9, 80)
    selection = ensemble.select(predictions, squares(truth), most=4, seed=0, groups=groups)
    places = np.concatenate([choice.scored for choice in selection.choices])

    for choice in selection.choices:
        others = np.setdiff1d(np.arange(80), choice.scored)
        assert not set(groups[choice.scored]) & set(groups[others])
    np.testing.assert_array_equal(np.bincount(places), ensemble.DEALS)


def test_honest_losses_are_unbiased_where_raw_ones_are_not():
    """Sixty candidates of equal true error, 150 rows, 40 worlds: the choice's own loss flatters, the honest does not.

    The truth is known in closed form: the variance that all share, and each one's own, averaged with the shares.
    """
    raw, honest, true = (np.zeros((40, 2)) for _ in range(3))
    for world in range(40):
        truth, predictions = made_up(60, 150, own=1.0, shared=1.0, seed=world)
        losses = squares(truth)
        selection = ensemble.select(predictions, losses, most=12, seed=world)
        best = np.argmin(np.square(predictions[:, :, 0] - truth).mean(1))
        for single, shares in enumerate((selection.shares, np.eye(60)[best])):
            raw[world, single] = losses(ensemble.mixture(predictions, shares), np.arange(150)).mean()
            honest[world, single] = selection.honest(predictions, losses, single=bool(single)).mean()
            true[world, single] = 1.0 + np.square(shares).sum()
    error = (honest - true).std(axis=0) / np.sqrt(40)

    assert (raw.mean(axis=0) < 0.85 * true.mean(axis=0)).all()
    assert (np.abs((honest - true).mean(axis=0)) < 3 * error + 0.03 * true.mean(axis=0)).all()


def test_other_losses_than_those_that_chose_are_told_for_the_same_choices():
    """Honest absolute errors of choices made by squared ones."""
    truth, predictions = made_up(5, 80, own=1.0)
    selection = ensemble.select(predictions, squares(truth), most=5, seed=0)
    found = selection.honest(list(predictions), lambda p, at: np.abs(p[:, 0] - truth[at]), single=False)
    expected = np.zeros(80)
    for choice in selection.choices:
        averaged = np.tensordot(choice.shares, predictions, axes=1)[:, 0]
        expected[choice.scored] += np.abs(averaged - truth)[choice.scored] / ensemble.DEALS

    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_handful_of_rows_still_gives_losses_of_the_right_size(rows):
    """With one row nothing is left to check by: it is its own judge, counted once."""
    truth, predictions = made_up(3, rows, own=1.0)
    selection = ensemble.select(predictions, squares(truth), most=3, seed=0)
    honest = selection.honest(predictions, squares(truth), single=True)
    singles = np.square(predictions[:, :, 0] - truth)

    assert honest.shape == (rows,)
    assert (honest <= singles.max(0) + 1e-12).all()
    assert (honest >= singles.min(0) - 1e-12).all()


def test_the_same_seed_gives_the_same_selection():
    """Bit for bit."""
    truth, predictions = made_up(9, 200, own=1.0)
    one, other = (ensemble.select(predictions, squares(truth), most=5, seed=4) for _ in range(2))

    np.testing.assert_array_equal(one.shares, other.shares)
    for a, b in zip(one.choices, other.choices, strict=True):
        np.testing.assert_array_equal(a.scored, b.scored)
        np.testing.assert_array_equal(a.shares, b.shares)

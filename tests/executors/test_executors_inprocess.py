"""Training without workers, for small jobs: the same outcomes, to rounding, and programs that outlive a fit."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from burnish.executors import fold_files, inprocess, pool, trainer
from burnish.train.work import Ending, Work
from reference import tiny

ITEMS = [Work(f"t{seed}", tiny.SMALL, 0, seed, 6) for seed in range(3)]


def folder(path: Path, rows: int = 83) -> Path:
    path.mkdir()
    fold_files.write(path, 0, tiny.fold(rows=rows))
    return path


def test_padded_rows_do_not_change_what_is_learned_by_a_full_batch(tmp_path):
    """The order of rows depends on the padding, a full batch not on the order: a worker's answer, to rounding."""
    item = Work("full", replace(tiny.SMALL, batch_size=128), 0, 1, 6)
    folds = folder(tmp_path / "folds")
    with inprocess.InProcess(folds, folds) as execute:
        [here] = execute([item])
    there = trainer.Trainer(folds, folds).run(item)

    np.testing.assert_allclose(here.curve.dev_loss, there.curve.dev_loss, rtol=1e-4)
    np.testing.assert_allclose(here.dev, there.dev, rtol=1e-3, atol=1e-4)


def test_outcomes_come_in_order_and_fits_share_their_programs(tmp_path, compilations):
    """Three trials and then a table of another size: one compilation for all."""
    first, second = folder(tmp_path / "first"), folder(tmp_path / "second", rows=120)
    outcomes = list(inprocess.InProcess(first, first)(ITEMS))
    before = compilations()
    list(inprocess.InProcess(second, second)(ITEMS))

    assert [outcome.work.trial for outcome in outcomes] == ["t0", "t1", "t2"]
    assert {outcome.ending for outcome in outcomes} == {Ending.COMPLETED}
    assert compilations() == before


def test_a_deadline_interrupts_the_running_trial_and_leaves_the_others_out(tmp_path):
    """The one that runs is yielded with its state kept; a deadline in the past yields nothing."""
    folds = folder(tmp_path / "folds")
    execute = inprocess.InProcess(folds, folds)
    list(execute(ITEMS[:1]))
    endless = [Work(f"endless {i}", replace(tiny.SMALL, epochs=10**7), 0, i, 10**7) for i in range(2)]
    outcomes = list(execute(endless, deadline=time.monotonic() + 0.3))

    assert [outcome.ending for outcome in outcomes] == [Ending.INTERRUPTED]
    assert (folds / "endless 0.state.npz").exists()
    assert list(execute(ITEMS, deadline=time.monotonic() - 1)) == []


def test_a_signal_keeps_the_state(tmp_path):
    """A signal that has come stops the trial after its first slice."""
    folds = folder(tmp_path / "folds")
    endless = Work("endless", replace(tiny.SMALL, epochs=10**7), 0, 1, 10**7)
    with pytest.raises(pool.Stopped):
        list(inprocess.InProcess(folds, folds, interrupted=[2])([endless]))

    assert (folds / "endless.state.npz").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "value"),
    [("jax_enable_x64", True), ("jax_numpy_rank_promotion", "raise"), ("jax_numpy_dtype_promotion", "strict")],
)
def test_what_a_process_has_set_for_jax_changes_no_bit(setting, value, tmp_path):
    """A notebook with rules of its own trains, and is left with them."""
    folds = folder(tmp_path / "folds")
    plain = trainer.Trainer(folds, folds).run(ITEMS[0])
    before = getattr(jax.config, setting)
    jax.config.update(setting, value)
    try:
        found = trainer.Trainer(folds, folds).run(ITEMS[0])
        assert getattr(jax.config, setting) == value
    finally:
        jax.config.update(setting, before)

    np.testing.assert_array_equal(found.dev, plain.dev)
    assert found.dev.dtype == plain.dev.dtype == np.float32

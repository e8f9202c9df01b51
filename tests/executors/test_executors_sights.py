"""Looking between slices: nothing of the training changes, and nothing of what is seen depends on where it was cut."""

from __future__ import annotations

import sqlite3
from dataclasses import fields, replace
from pathlib import Path

import jax
import numpy as np
import pytest

from burnish.executors import accelerator, fold_files, trainer
from burnish.predictor import weights
from burnish.store.database import Database
from burnish.store.outcomes import Outcomes
from burnish.train.work import Ending, Outcome, Telemetry, Work
from reference import tiny

LOUD = replace(tiny.SMALL, dropout=0.2, input_noise=0.1)
WORK = Work("seen", LOUD, fold=0, seed=1, until=LOUD.epochs, observed=True)
STEPS = [1, 8, 36]  # of 6 epochs of 6 mini-batches


@pytest.fixture(scope="module")
def folds(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("folds")
    fold_files.write(path, 0, tiny.fold())
    return path


@pytest.fixture(scope="module")
def one(folds, tmp_path_factory) -> trainer.Trainer:
    return trainer.Trainer(folds, tmp_path_factory.mktemp("states"))


@pytest.fixture(scope="module")
def seen(one) -> Outcome:
    return one.run(WORK)


def telemetry_of(outcome: Outcome) -> Telemetry:
    assert outcome.telemetry is not None
    return outcome.telemetry


def assert_same(one: Telemetry, other: Telemetry, **tolerance) -> None:
    for field in fields(Telemetry):
        here, there = (getattr(each, field.name) for each in (one, other))
        if isinstance(here, tuple):
            assert here == there
        else:
            np.testing.assert_allclose(here, there, **{"rtol": 0, "atol": 0, **tolerance})


def test_a_training_is_the_same_to_the_bit_with_and_without_it(one, seen):
    """Weights, curve and predictions; only one of them has telemetry."""
    unseen = one.run(replace(WORK, trial="unseen", observed=False))

    assert unseen.telemetry is None
    assert telemetry_of(seen).step.tolist() == STEPS
    for name in ("dev", "train", "dev_loss", "best_epoch"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(unseen, name))
    for field in fields(type(seen.curve)):
        np.testing.assert_array_equal(getattr(seen.curve, field.name), getattr(unseen.curve, field.name))
    ours, theirs = (weights.load(Path(outcome.weights)) for outcome in (seen, unseen))
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])


def test_layers_and_leaves_have_names(seen):
    found = telemetry_of(seen)

    assert found.layers == ("hidden layer 1", "hidden layer 2")
    assert [found.leaves[place] for place in found.depth] == ["hidden.0.w", "hidden.1.w", "output.w"]
    assert found.gradient.shape == (3, 6)
    assert found.rms.shape == (3, 2)
    assert (found.update[:, list(found.depth)] > 0).all()


def test_a_paused_training_goes_on_looking(one, seen):
    """Paused twice, before and after a step to be seen: the same rows, none twice."""
    for until in (1, 3):
        assert one.run(replace(WORK, trial="paused", until=until)).ending == Ending.PAUSED
    found = telemetry_of(one.run(replace(WORK, trial="paused")))

    assert_same(found, telemetry_of(seen))


def test_where_training_stopped_early_or_diverged_is_seen_too(one):
    """The step that would have followed."""
    stopped = one.run(replace(WORK, trial="stops", configuration=replace(LOUD, patience=1, learning_rate=0.3)))
    diverged = one.run(
        replace(WORK, trial="diverges", configuration=replace(LOUD, optimizer="sgd", learning_rate=1e30))
    )

    assert stopped.ending == Ending.STOPPED_EARLY
    assert telemetry_of(stopped).step[-1] == stopped.epochs * 6 + 1
    assert diverged.ending == Ending.DIVERGED
    assert telemetry_of(diverged).not_finite[-1].sum() > 0


def test_it_is_kept_with_the_outcome_and_in_the_database(seen, tmp_path):
    """A replayed run finds what was seen; SQL reads it by step and part."""
    (tmp_path / "outcomes").mkdir()
    kept = Outcomes(tmp_path / "outcomes")
    kept.save(seen)
    found = kept.load(WORK)
    with Database(tmp_path / "run.sqlite") as database:
        database.record_outcome(seen, "first")
    with sqlite3.connect(tmp_path / "run.sqlite") as connection:
        rows = connection.execute("SELECT step, part, update_ratio, dead FROM telemetry WHERE step = 8").fetchall()

    assert found is not None
    assert_same(telemetry_of(found), telemetry_of(seen))
    assert kept.load(replace(WORK, observed=False)) is not None  # whoever asks again for the same training gets it
    assert {part for _, part, *_ in rows} == {"", *telemetry_of(seen).leaves, *telemetry_of(seen).layers}
    ratios = {part: ratio for _, part, ratio, _ in rows}
    assert 0 < ratios["hidden.0.w"] < 1


@pytest.mark.slow
def test_a_stack_is_looked_at_one_by_one(folds, seen, tmp_path):
    """On an accelerator, beside one that is not looked at: the same to rounding."""
    execute = accelerator.Accelerator(folds, tmp_path, devices=jax.devices()[:1])
    found = {o.work.trial: o for o in execute([WORK, replace(WORK, trial="unseen", observed=False)])}

    assert_same(telemetry_of(found["seen"]), telemetry_of(seen), rtol=1e-3, atol=1e-5)
    assert found["unseen"].telemetry is None

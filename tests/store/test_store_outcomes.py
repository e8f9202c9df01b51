"""A replayed run meets the outcomes that the first one met, to the bit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
from store_outcome import outcome

from burnish.errors import StoreError
from burnish.store.outcomes import Outcomes, recall
from burnish.train.configuration import Configuration
from burnish.train.work import Curve, Ending, Outcome, Work


@pytest.fixture
def kept(tmp_path) -> Outcomes:
    folder = tmp_path / "scratch" / "outcomes"
    folder.mkdir(parents=True)
    return Outcomes(folder)


def assert_same(one: Outcome, other: Outcome) -> None:
    for name in (
        "work",
        "ending",
        "epochs",
        "best_epoch",
        "dev_loss",
        "weights",
        "seconds",
        "compile_seconds",
        "trace_seconds",
    ):
        assert getattr(one, name) == getattr(other, name)
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("dev", "train")]
    pairs += [(getattr(one.curve, item.name), getattr(other.curve, item.name)) for item in fields(Curve)]
    for left, right in pairs:
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


class Trainer:
    """An executor that counts what it is asked for, and ends each piece of work as told."""

    def __init__(self, *endings: Ending) -> None:
        self.endings, self.trained = list(endings), []

    def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        for item in work:
            self.trained.append(item.trial)
            ending = self.endings.pop(0) if self.endings else Ending.COMPLETED
            yield replace(outcome(), work=item, ending=ending)


def test_outcome_comes_back_to_the_bit(kept):
    saved = outcome()

    kept.save(saved)

    loaded = kept.load(saved.work)
    assert loaded is not None
    assert_same(loaded, saved)
    assert loaded.train_dev is None


def test_train_dev_and_numbers_that_are_not_finite_come_back(kept):
    saved = replace(outcome(ending=Ending.DIVERGED), dev_loss=float("inf"), train_dev=np.ones((2, 3), np.float32))

    kept.save(saved)

    loaded = kept.load(saved.work)
    assert loaded is not None
    assert loaded.dev_loss == float("inf")
    assert loaded.ending is Ending.DIVERGED
    np.testing.assert_array_equal(loaded.train_dev, saved.train_dev)


@pytest.mark.parametrize(
    "change",
    [
        {"until": 5},
        {"seed": 6},
        {"fold": 0},
        {"rows": 100},
        {"trial": "other"},
        {"configuration": Configuration(widths=(64, 33))},
    ],
)
def test_other_work_is_not_answered(kept, change):
    """A trial's name alone does not make it the same: a changed configuration under the old name is trained."""
    kept.save(outcome())

    assert kept.load(replace(outcome().work, **change)) is None


@pytest.mark.parametrize("trial", ["../../evil", "a/b", "a b", "ä%2F", "."])
def test_any_trial_name_stays_inside_the_folder(kept, trial, tmp_path):
    kept.save(outcome(trial))

    assert kept.load(outcome(trial).work) is not None
    assert len(list((tmp_path / "scratch" / "outcomes").iterdir())) == 1


def test_run_folder_can_be_moved_with_its_weights(tmp_path, kept):
    weights = tmp_path / "scratch" / "w.safetensors"
    weights.write_bytes(b"w")
    saved = outcome(weights=str(weights))
    kept.save(saved)
    assert kept.load(saved.work) is not None

    shutil.move(tmp_path / "scratch", tmp_path / "elsewhere")

    loaded = Outcomes(tmp_path / "elsewhere" / "outcomes").load(saved.work)
    assert loaded is not None
    assert loaded.weights == str(tmp_path / "elsewhere" / "w.safetensors")


def test_outcome_without_its_weights_is_no_answer(tmp_path, kept):
    weights = tmp_path / "scratch" / "w.safetensors"
    saved = outcome(weights=str(weights))

    kept.save(saved)

    assert kept.load(saved.work) is None


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"not a zip", lambda b: b[:-40]]
)
def test_file_that_a_power_cut_left_unreadable_is_trained_anew(tmp_path, kept, damage):
    kept.save(outcome())
    [path] = (tmp_path / "scratch" / "outcomes").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    trainer = Trainer()

    [again] = recall(kept, trainer)([outcome().work])

    assert trainer.trained == [outcome().work.trial]
    assert_same(again, outcome())
    assert kept.load(outcome().work) is not None


def test_full_disk_stops_the_run_with_three_lines(kept, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)

    with pytest.raises(StoreError, match="No space left"):
        kept.save(outcome())


def test_recall_answers_what_is_kept_and_keeps_what_it_executes(kept):
    work = [replace(outcome().work, trial=name) for name in "abc"]
    kept.save(replace(outcome(), work=work[1]))
    trainer = Trainer()

    first = [item.work.trial for item in recall(kept, trainer)(work)]
    second = [item.work.trial for item in recall(kept, trainer)(work)]

    assert first == ["b", "a", "c"]
    assert second == ["a", "b", "c"]
    assert trainer.trained == ["a", "c"]


def test_outcome_is_on_disk_before_anyone_decides_on_it(kept):
    execute = recall(kept, Trainer())([outcome("a").work, outcome("b").work])

    seen = next(iter(execute))

    assert kept.load(seen.work) is not None


def test_failed_work_is_answered_as_failed_so_that_decisions_stay_the_same(kept):
    trainer = Trainer(Ending.FAILED)

    list(recall(kept, trainer)([outcome().work]))
    [again] = recall(kept, trainer)([outcome().work])

    assert again.ending is Ending.FAILED


def test_interrupted_work_is_replayed_as_interrupted_and_then_goes_on(kept):
    """A deadline cut the trial, another stage asked for it again: both runs see interrupted, then completed."""
    work = [outcome().work]
    trainer = Trainer(Ending.INTERRUPTED, Ending.INTERRUPTED, Ending.COMPLETED)

    for expected_trainings in (3, 3):
        execute = recall(kept, trainer)
        endings = [next(execute(work)).ending for _ in range(4)]

        assert endings == [Ending.INTERRUPTED, Ending.INTERRUPTED, Ending.COMPLETED, Ending.COMPLETED]
        assert len(trainer.trained) == expected_trainings


def test_deadline_is_passed_on(kept):
    seen = []

    def execute(work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        seen.append((list(work), deadline))
        return iter(())

    assert list(recall(kept, execute)([outcome().work], deadline=12.5)) == []
    assert seen == [([outcome().work], 12.5)]

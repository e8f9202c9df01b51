"""Many trials at once: each trial's answer is that of training it alone, to rounding, on one device or on several.

On processors, one device in this process and three in another: no test here has seen a GPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from burnish.executors import accelerator, compile_cache, devices, exhaustion, fold_files, pool, trainer, trials
from burnish.predictor import weights
from burnish.store.outcomes import Outcomes
from burnish.train.work import Ending, Outcome, Work
from reference import stacked, tiny
from reference.stacked import TRIALS, work

pytestmark = pytest.mark.slow  # many devices compile many programs

# What stacking may change: the order of sums, at 2⁻²⁴ a time, over 36 steps of Adam (54 of the longest trial).
# Measured: at most 2e-5 of a loss and 6e-6 of a probability.
LOSS_TOLERANCE, OUTPUT_TOLERANCE = 2e-4, 1e-4
ENDLESS = replace(tiny.SMALL, epochs=10**7)


@pytest.fixture(scope="module")
def folds(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("folds")
    for number, data in enumerate((tiny.fold(), tiny.fold(seed=1), tiny.fold("regression"))):
        fold_files.write(path, number, data)
    return path


@pytest.fixture(scope="module")
def programs() -> trainer.Programs:
    """Those of single trials, compiled once for all tests."""
    return {}


@pytest.fixture(scope="module")
def alone(folds, programs, tmp_path_factory) -> dict[str, Outcome]:
    """Each trial by itself, as workers train it."""
    one = trainer.Trainer(folds, tmp_path_factory.mktemp("alone"), programs=programs)
    return {item.trial: one.run(item) for item in TRIALS}


@pytest.fixture(scope="module")
def one_device(made, tmp_path_factory) -> dict[str, Outcome]:
    kept = tmp_path_factory.mktemp("one")
    stacked.train(made(kept), kept)
    return loaded(kept)


@pytest.fixture(scope="module")
def three_devices(folds, tmp_path_factory) -> dict[str, Outcome]:
    """Trained by another process: how many devices there are is settled as JAX starts."""
    kept = tmp_path_factory.mktemp("three")
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    subprocess.run(
        [sys.executable, "-m", "reference.stacked", "3", str(folds), str(kept)],
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    return loaded(kept)


def loaded(kept: Path) -> dict[str, Outcome]:
    found = {item.trial: Outcomes(kept / "outcomes").load(item) for item in TRIALS}
    return {trial: outcome for trial, outcome in found.items() if outcome is not None}


@pytest.fixture(scope="module")
def made(folds, tmp_path_factory) -> Callable[..., accelerator.Accelerator]:
    """Makes executors on one device, whose programs are compiled once for all of them."""
    cache = tmp_path_factory.mktemp("cache")
    return partial(accelerator.Accelerator, folds, devices=jax.devices()[:1], cache=cache)


@pytest.fixture(scope="module")
def shared(made, tmp_path_factory) -> accelerator.Accelerator:
    """One for all tests that leave it as it was."""
    return made(tmp_path_factory.mktemp("states"))


def assert_alike(one: Outcome, other: Outcome) -> None:
    """The same ending at the same epoch with the same best epoch; losses, predictions and weights to rounding."""
    assert (one.ending, one.epochs, one.best_epoch) == (other.ending, other.epochs, other.best_epoch)
    np.testing.assert_allclose(one.dev_loss, other.dev_loss, rtol=LOSS_TOLERANCE)
    for name in one.curve.__slots__:
        np.testing.assert_allclose(getattr(one.curve, name), getattr(other.curve, name), rtol=10 * LOSS_TOLERANCE)
    for name in ("dev", "train"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=OUTPUT_TOLERANCE)
    first, second = (weights.load(Path(outcome.weights)) for outcome in (one, other))
    for name, array in first.items():
        np.testing.assert_allclose(array, second[name], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("count", ["one_device", "three_devices"])
def test_trials_trained_together_equal_each_alone(count, alone, request):
    """Beside one that diverges, one that stops early, one that pauses and others that go on; on one device or three."""
    together = request.getfixturevalue(count)

    assert list(together) == [item.trial for item in TRIALS]
    for trial, outcome in together.items():
        assert_alike(outcome, alone[trial])
    assert together["diverges"].ending == Ending.DIVERGED
    assert together["stops early"].ending == Ending.STOPPED_EARLY
    assert together["stops early"].epochs < 30
    assert together["pauses"].ending == Ending.PAUSED
    assert together["longer"].epochs == 9


def test_what_stands_beside_a_trial_changes_nothing_but_rounding(one_device, shared):
    """One that diverged before, and others, are not there."""
    [outcome] = shared([work("plain")])

    assert_alike(outcome, one_device["plain"])


def test_large_folds_are_shared_by_the_trials_of_a_stack(made, tmp_path, monkeypatch, alone):
    """Two stacks, one for each fold, and the answers of copies."""
    monkeypatch.setattr(accelerator, "COPIED_BYTES", 0)
    execute = made(tmp_path)
    tried = exhausted_above(execute, 10**9, monkeypatch)
    outcomes = list(execute(item for item in TRIALS if item.trial in ("plain", "other fold", "few rows")))

    assert len(tried) == 2
    assert [outcome.work.trial for outcome in outcomes] == ["plain", "few rows", "other fold"]
    for outcome in outcomes:
        assert_alike(outcome, alone[outcome.work.trial])


def test_batch_norm_and_bins_train_together(made, folds, programs, tmp_path):
    """Bins of other rows, averages that forget on their own, numbers as targets."""
    configuration = replace(tiny.SMALL, norm="batch", bins=4)
    items = [work(f"rows {rows}", configuration, fold=2, rows=rows) for rows in (83, 49)]
    one = trainer.Trainer(folds, tmp_path, programs=programs)

    for outcome in made(tmp_path)(items):
        assert_alike(outcome, one.run(replace(outcome.work, trial="alone")))


def test_pausing_at_rungs_changes_nothing(shared):
    """Epochs 1, 3, 4 and 6 in four stacks, some trials joining later, end where one stack ends."""
    straight = {outcome.work.seed: outcome for outcome in shared(work(f"straight {s}", seed=s) for s in (1, 2))}
    endings = []
    for until, seeds in ((1, (1,)), (3, (1, 2)), (4, (1,)), (6, (2, 1))):
        for outcome in shared(work(f"rungs {seed}", seed=seed, until=until) for seed in seeds):
            endings.append(outcome.ending)
            last = straight[outcome.work.seed]
            if until == 6:
                assert_alike(outcome, last)

    assert endings == [Ending.PAUSED] * 4 + [Ending.COMPLETED] * 2


def test_a_trial_may_go_on_where_a_worker_paused(made, folds, tmp_path, alone, programs):
    """States are the same: three epochs alone, the rest in a stack, and the other way round."""
    one = trainer.Trainer(folds, tmp_path, programs=programs)
    with made(tmp_path) as execute:
        one.run(work("first alone", until=3))
        [first] = execute([work("first alone")])
        list(execute([work("then alone", until=3)]))

    assert_alike(first, alone["plain"])
    assert_alike(one.run(work("then alone")), alone["plain"])


def test_slices_change_nothing(made, tmp_path, alone, monkeypatch):
    """Stopped after each slice of five steps, in the middle of epochs, and taken up again until the end."""
    monkeypatch.setattr(trials, "FIRST_SLICE_STEPS", 5)
    execute = made(tmp_path)
    passed = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(passed)))
    times = 0
    while True:
        # The clock is read before the stack and after its first slice.
        outcomes = list(execute([work("plain"), work("pauses", seed=5, until=3)], deadline=next(passed) + 2))
        if outcomes[0].ending != Ending.INTERRUPTED:
            break
        times += 1

    assert times == 7
    assert_alike(outcomes[0], alone["plain"])
    assert_alike(outcomes[1], alone["pauses"])


def test_new_hyperparameters_cost_no_compilation(shared, compilations):
    """Rates, dropout, seeds, rows, epochs and another number of trials: a program for eight trials serves up to eight.

    Nine need another one, and the first of them says that it was compiled.
    """
    list(shared([work("known")]))
    before = compilations()
    more = [replace(tiny.SMALL, learning_rate=0.1 / n, dropout=0.1 * n, epochs=n, patience=n) for n in range(1, 9)]
    outcomes = list(shared(work(f"new {i}", c, seed=i, rows=80 - i) for i, c in enumerate(more)))

    assert compilations() == before
    assert {outcome.compile_seconds for outcome in outcomes} == {0.0}
    ninth = list(shared(work(f"nine {seed}", seed=seed) for seed in range(9)))
    assert compilations() > before
    assert [outcome.compile_seconds > 0 for outcome in ninth] == [True] + [False] * 8


def test_seconds_are_shared_by_steps(shared):
    """Together they are what the stack took; a trial of three times the epochs had three times the share."""
    began = time.perf_counter()
    one, three = shared([work("one", until=2, seed=50), work("three", seed=51)])
    passed = time.perf_counter() - began

    assert three.seconds == pytest.approx(3 * one.seconds)
    assert 0 < one.seconds + three.seconds < passed


def test_a_deadline_interrupts_what_runs_and_leaves_the_others_out(made, tmp_path):
    """Those of the stack are yielded, one that had reached its rung as such; the other program is not begun."""
    execute = made(tmp_path)
    list(execute([work("known")]))
    items = [
        *(Work(f"endless {i}", ENDLESS, 0, i, 10**7) for i in range(2)),
        work("done", until=2),
        work("waits", replace(ENDLESS, widths=(5,))),
    ]
    outcomes = list(execute(items, deadline=time.monotonic() + 0.3))

    assert [outcome.ending for outcome in outcomes] == [Ending.INTERRUPTED, Ending.INTERRUPTED, Ending.PAUSED]
    assert (tmp_path / "endless 0.state.npz").exists()
    assert list(execute(items, deadline=time.monotonic() - 1)) == []


def test_a_signal_keeps_states_and_loses_nothing_that_has_ended(made, tmp_path, monkeypatch):
    """The trial that had ended is yielded before the stop; the state of the other is kept."""
    told: list[int] = []
    execute = made(tmp_path, interrupted=told)
    list(execute([work("known")]))
    outcomes: list[Outcome] = []
    slices = iter(range(10**6))
    steps = trials.next_steps

    def signalled(*a: float) -> int:
        """A signal comes while the fourth slice runs."""
        if next(slices) == 3:
            told.append(15)
        return steps(*a)

    monkeypatch.setattr(trials, "next_steps", signalled)
    items = [Work("endless", ENDLESS, 0, 1, 10**7), work("short", until=1), work("ended")]
    with pytest.raises(pool.Stopped) as stopped:
        outcomes.extend(execute(items))

    assert stopped.value.signal_number == 15
    assert [(o.work.trial, o.ending) for o in outcomes] == [("short", Ending.PAUSED), ("ended", Ending.COMPLETED)]
    assert (tmp_path / "endless.state.npz").exists()


def exhausted_above(execute: accelerator.Accelerator, places: int, monkeypatch) -> list[int]:
    """Let memory run out in stacks of more places; the list fills with the sizes that were tried."""
    tried: list[int] = []
    train = execute._train

    def training(taken, size, should_stop):
        tried.append(size)
        if size > places:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes.")
        return train(taken, size, should_stop)

    monkeypatch.setattr(execute, "_train", training)
    return tried


def test_out_of_memory_is_tried_again_with_half_the_places(made, tmp_path, monkeypatch, shared):
    """Nothing is lost, the order is kept, and the next stack begins with what has fitted."""
    execute = made(tmp_path)
    tried = exhausted_above(execute, 8, monkeypatch)
    items = [work(f"one of many {seed}", seed=seed, until=2) for seed in range(17)]
    outcomes = list(execute(items))
    list(execute([work(f"again {seed}", seed=seed, until=1) for seed in range(17)]))

    assert tried == [32, 16, 8, 8, 8, 8, 8, 8]
    assert [outcome.work for outcome in outcomes] == items
    for outcome, other in zip(outcomes[-1:], shared(items[-1:]), strict=True):
        assert_alike(outcome, other)


def test_a_trial_that_memory_does_not_last_for_fails_alone(made, tmp_path, monkeypatch):
    execute = made(tmp_path)
    tried = exhausted_above(execute, 0, monkeypatch)
    outcomes = list(execute([work("too large"), work("as large")]))

    assert tried == [8, 4, 2, 1, 1]
    assert [outcome.ending for outcome in outcomes] == [Ending.FAILED] * 2


def test_another_error_is_not_taken_for_a_lack_of_memory(made, tmp_path, monkeypatch):
    execute = made(tmp_path)

    def broken(*_: object) -> None:
        raise jax.errors.JaxRuntimeError("INTERNAL: the device is gone")

    monkeypatch.setattr(execute, "_train", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        list(execute([work("any")]))


def test_no_more_trials_stand_in_a_stack_than_memory_holds(made, folds, tmp_path, monkeypatch):
    """Room for five states is room for four places; a device of no memory still has one."""
    begun = trials.Trials(folds, tmp_path).begin(work("any"))
    for room, expected in ((5.5, 4), (1000, 16), (0.1, 1)):
        with monkeypatch.context() as patched:
            patched.setattr(
                accelerator, "UNKNOWN_MEMORY", room * accelerator.bytes_of(begun) / accelerator.MEMORY_SHARE
            )
            execute = made(tmp_path)
            tried = exhausted_above(execute, 10**9, patched)
            patched.setattr(execute, "_train", lambda taken, size, _, t=tried: t.append(size) or [])
            list(execute(work(f"t{seed}", seed=seed) for seed in range(16)))

        assert set(tried) == {expected}
        assert len(tried) == 16 // expected


def test_the_compile_cache_is_lent_not_given(made, tmp_path):
    """Programs go to the folder, and JAX's settings are afterwards those of the process again."""
    names = list(compile_cache._settings(tmp_path))
    before = {name: getattr(jax.config, name) for name in names}
    with made(tmp_path, cache=tmp_path / "cache") as execute:
        list(execute([work("kept", replace(tiny.SMALL, widths=()))]))

    assert {name: getattr(jax.config, name) for name in names} == before
    assert list((tmp_path / "cache").iterdir())


def test_a_gpu_is_looked_for_without_asking_jax(monkeypatch, tmp_path):
    """A plugin and a device file, both."""
    there = tmp_path / "nvidia0"
    there.touch()
    seen = []
    for plugin, file in (("numpy", there), ("numpy", tmp_path / "none"), ("no_such_plugin", there)):
        monkeypatch.setattr(devices, "PLUGINS", plugin)
        monkeypatch.setattr(devices, "GPU_FILES", (str(file),))
        seen.append(devices.gpu_is_likely())

    assert seen == [True, False, False]
    assert devices.found("no such platform") == ()
    assert devices.found("cpu") == tuple(jax.devices("cpu"))


def test_exhaustion_is_told_from_other_errors():
    assert exhaustion.is_exhaustion(MemoryError())
    assert exhaustion.is_exhaustion(RuntimeError("RESOURCE_EXHAUSTED: Out of memory"))
    assert not exhaustion.is_exhaustion(RuntimeError("INTERNAL: something"))

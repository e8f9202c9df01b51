"""Worker processes: the same answers as alone, and nothing lost when one of them, or their driver, dies."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import psutil
import pytest

from burnish import errors
from burnish.executors import compile_cache, fold_files, pool, trainer
from burnish.predictor import weights
from burnish.train.configuration import Configuration
from burnish.train.work import Ending, Outcome, Work
from reference import tiny

# Would take minutes: for tests that end it before.
ENDLESS = replace(tiny.SMALL, epochs=10**7)
# Seconds after which a test gives up on another process; it takes under one when the machine is not busy.
PATIENCE = 30.0


def work(trial: str, configuration: Configuration = tiny.SMALL, **more) -> Work:
    return Work(trial, configuration, **{"fold": 0, "seed": 1, "until": configuration.epochs, **more})


@pytest.fixture(scope="module")
def folds(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("folds")
    fold_files.write(path, 0, tiny.fold())
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """Compiled programs, shared by all pools of this file."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def states(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("states")


@pytest.fixture(scope="module")
def shared(folds, cache, states) -> Iterator[pool.Pool]:
    """Two workers for all tests that leave them as they were."""
    with pool.Pool(folds, states, jobs=2, cache=cache) as workers:
        yield workers


def assert_same(one: Outcome, other: Outcome) -> None:
    """Two outcomes of one trial are equal to the bit, the clock aside."""
    for name in ("ending", "epochs", "best_epoch", "dev_loss"):
        assert getattr(one, name) == getattr(other, name)
    np.testing.assert_array_equal(one.dev, other.dev)
    np.testing.assert_array_equal(one.train, other.train)
    for name in one.curve.__slots__:
        np.testing.assert_array_equal(getattr(one.curve, name), getattr(other.curve, name))
    jax.tree.map(np.testing.assert_array_equal, weights.load(Path(one.weights)), weights.load(Path(other.weights)))


def gone(pids: list[int]) -> bool:
    """Whether all these processes have ended, within the patience."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
            return True
        time.sleep(0.05)
    return False


TRIALS = [
    work("a", replace(tiny.SMALL, learning_rate=0.003, dropout=0.3)),
    work("b", replace(tiny.SMALL, norm="batch"), seed=2),
    work("c", replace(tiny.SMALL, optimizer="sgd", learning_rate=1e30), seed=3),
    work("d", replace(tiny.SMALL, patience=2, learning_rate=0.1), seed=4),
    work("e", replace(tiny.SMALL, norm="batch", optimizer="rmsprop"), seed=5, until=3),
    work("f", seed=6, rows=50),
]


@pytest.fixture(scope="module")
def alone(folds, tmp_path_factory) -> dict[str, Outcome]:
    """Each trial by itself, in this process."""
    one = trainer.Trainer(folds, tmp_path_factory.mktemp("alone"))
    return {item.trial: one.run(item) for item in [*TRIALS, work("plain")]}


@pytest.mark.parametrize(("jobs", "order"), [(1, [3, 0, 5, 1, 4, 2]), (2, [0, 1, 2, 3, 4, 5]), (2, [5, 4, 2, 3, 1, 0])])
def test_trials_run_together_equal_each_alone(alone, folds, cache, tmp_path, jobs, order):
    """One worker or two, any order, beside a trial that diverges: each answer is the trial's alone, to the bit."""
    with pool.Pool(folds, tmp_path, jobs=jobs, cache=cache) as workers:
        together = {outcome.work.trial: outcome for outcome in workers(TRIALS[i] for i in order)}

    assert set(together) == set("abcdef")
    assert together["c"].ending == Ending.DIVERGED
    assert together["e"].ending == Ending.PAUSED
    for item in TRIALS:
        assert_same(together[item.trial], alone[item.trial])


def test_each_worker_compiles_a_program_once(shared):
    """Six trials of one new architecture on two workers: at most two compilations, whatever the hyperparameters."""
    items = [
        work(f"rate {rate}", replace(tiny.SMALL, widths=(7,), learning_rate=rate, epochs=2))
        for rate in (1e-4, 1e-3, 1e-2, 0.1, 0.2, 0.3)
    ]
    outcomes = list(shared(items))

    assert len(outcomes) == 6
    assert 1 <= sum(outcome.compile_seconds > 0 for outcome in outcomes) <= 2


def test_a_deadline_interrupts_and_the_trial_goes_on_later(shared):
    """Running trials come back INTERRUPTED, waiting ones are left out; taken up again they end as unbroken ones do."""
    items = [work(f"endless {i}", ENDLESS, seed=i) for i in range(5)]
    list(shared([work("warm up", replace(ENDLESS), until=1)]))
    outcomes = list(shared(items, deadline=time.monotonic() + 0.7))
    first = outcomes[0]
    until = int(first.epochs) + 50
    resumed, unbroken = (
        next(iter(shared([replace(first.work, trial=trial, until=until)]))) for trial in (first.work.trial, "unbroken")
    )

    assert [outcome.ending for outcome in outcomes] == [Ending.INTERRUPTED] * 2
    assert first.epochs > 1
    assert len(unbroken.curve.epoch) == until
    assert_same(resumed, unbroken)


def test_nobody_waits_for_a_worker_past_the_latest_moment(folds, cache, tmp_path):
    """One that hears nothing, as in a long compilation, is killed and its trial left out; the pool goes on."""
    with pool.Pool(folds, tmp_path, jobs=2, cache=cache, latest=time.monotonic() + PATIENCE) as workers:
        list(workers([work("warm 1"), work("warm 2")]))
        now = time.monotonic()
        workers._latest = now + 2.0
        deaf = workers._workers[0]
        threading.Timer(0.5, os.kill, [deaf.process.pid, signal.SIGSTOP]).start()
        left = list(workers([work("one", ENDLESS), work("two", ENDLESS)], deadline=now + 1.0))
        took = time.monotonic() - now

        assert [outcome.ending for outcome in left] == [Ending.INTERRUPTED]
        assert 2.0 <= took < PATIENCE
        assert deaf.process.poll() == -signal.SIGKILL
        assert [outcome.ending for outcome in workers([work("later")])] == [Ending.COMPLETED]
        assert len(workers._workers) == 2


def test_a_signal_stops_the_work_and_keeps_the_states(folds, cache, tmp_path):
    """As after Ctrl+C: the iteration raises Stopped with the signal's number, and both states are on disk."""
    signals: list[int] = []
    with pool.Pool(folds, tmp_path, jobs=2, cache=cache, interrupted=signals) as workers:
        running = workers([work("warm 1"), work("warm 2"), work("one", ENDLESS), work("two", ENDLESS)])
        next(running), next(running)
        threading.Timer(0.5, signals.append, [signal.SIGINT]).start()
        with pytest.raises(pool.Stopped) as stopped:
            list(running)

        assert stopped.value.signal_number == signal.SIGINT
        assert (tmp_path / "one.state.npz").exists()
        assert (tmp_path / "two.state.npz").exists()


def test_an_iteration_that_is_left_leaves_nothing_to_the_next(shared, states):
    """Leaving early interrupts what runs; the next call yields its own outcomes and no others."""
    running = shared([work("short"), work("left behind", ENDLESS)])
    next(running)
    running.close()

    assert (states / "left behind.state.npz").exists()
    assert [outcome.work.trial for outcome in shared([work("next")])] == ["next"]


def test_a_killed_worker_fails_its_trial_and_no_other(folds, cache, tmp_path):
    """kill -9 in the middle of training: that trial is FAILED, all others complete, a new worker takes the place."""
    with pool.Pool(folds, tmp_path, jobs=2, cache=cache) as workers:
        running = workers([work("long", ENDLESS), *(work(f"short {i}", seed=i) for i in range(4))])
        outcomes = [next(running)]
        victim = next(w for w in workers._workers if w.busy is not None and w.busy.trial == "long")
        os.kill(victim.process.pid, signal.SIGKILL)
        outcomes += running
        endings = {outcome.work.trial: outcome.ending for outcome in outcomes}

        assert endings.pop("long") == Ending.FAILED
        assert endings == {f"short {i}": Ending.COMPLETED for i in range(4)}
        assert len(workers._workers) == 2


def test_a_worker_that_dies_while_idle_costs_nothing(folds, cache, tmp_path):
    """Between two calls: the next one notices, replaces it, and trains everything."""
    with pool.Pool(folds, tmp_path, jobs=1, cache=cache) as workers:
        list(workers([work("before")]))
        workers._workers[0].process.kill()
        workers._workers[0].process.wait()
        outcomes = list(workers([work("after")]))

    assert [outcome.ending for outcome in outcomes] == [Ending.COMPLETED]


def test_a_trial_that_eats_the_memory_fails_alone(folds, cache, tmp_path, monkeypatch):
    """Over the limit its worker is killed; that is the trial's fault, so it never counts as a sick machine."""
    monkeypatch.setattr(pool, "MOST_DEATHS", 1)
    monkeypatch.setattr(pool, "MEMORY_TICK", 0.0)
    with pool.Pool(folds, tmp_path, jobs=1, cache=cache, memory_limit=1) as workers:
        outcomes = list(workers([work("hungry 1", ENDLESS), work("hungry 2", ENDLESS)]))

    assert [outcome.ending for outcome in outcomes] == [Ending.FAILED] * 2


def test_workers_that_are_too_many_for_the_memory_go(folds, cache, tmp_path):
    """The one that is left trains all the same."""
    with pool.Pool(folds, tmp_path, jobs=2, cache=cache, memory_limit=1) as workers:
        workers.narrow(1, memory_limit=4 << 30)
        outcomes = list(workers([work("a"), work("b")]))

    assert [outcome.ending for outcome in outcomes] == [Ending.COMPLETED] * 2


def test_memory_that_is_refused_fails_the_trial_and_not_the_run(shared):
    """A network of four terabytes: NumPy says no, and the next trial trains."""
    outcomes = list(shared([work("too large", replace(tiny.SMALL, widths=(10**6, 10**6))), work("small")]))

    assert {outcome.work.trial: outcome.ending for outcome in outcomes} == {
        "too large": Ending.FAILED,
        "small": Ending.COMPLETED,
    }


def test_a_fault_of_burnish_is_told_with_its_whole_report(folds, cache, tmp_path):
    """A fold that was never written: an error in three lines for the person, the traceback in it and in workers.log."""
    with pool.Pool(folds, tmp_path, jobs=1, cache=cache) as workers:
        with pytest.raises(errors.WorkerError) as raised:
            list(workers([work("lost", fold=77)]))

        assert "Training lost failed" in raised.value.what
        assert "fold77" in raised.value.why
        assert "Traceback" in raised.value.remedy
    assert "FileNotFoundError" in (tmp_path / "workers.log").read_text()


def test_workers_that_cannot_start_are_an_error_and_not_a_hang(folds, cache, tmp_path, monkeypatch):
    """The error says what to do, and closing afterwards works."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with (
        pool.Pool(folds, tmp_path, jobs=2, cache=cache) as workers,
        pytest.raises(errors.WorkerError, match="exit code 1"),
    ):
        list(workers([work("never")]))


SCRIPT = """
import sys, jax, jax.numpy as jnp
print("started", float(jnp.ones(3).sum()), flush=True)
from pathlib import Path
from burnish.executors import pool
from burnish.train.configuration import Configuration
from burnish.train.work import Work
folds, states, cache, epochs = sys.argv[1:]
configuration = Configuration(widths=(8, 6), batch_size=16, epochs=int(epochs), learning_rate=0.01)
with pool.Pool(Path(folds), Path(states), jobs=2, cache=Path(cache)) as workers:
    print(*(worker.process.pid for worker in workers._workers), flush=True)
    for outcome in workers(Work(f"t{i}", configuration, 0, 1, int(epochs)) for i in range(4)):
        print(outcome.work.trial, outcome.ending.name, outcome.dev_loss, flush=True)
"""


def script(tmp_path: Path, folds: Path, cache: Path, epochs: int) -> subprocess.Popen[str]:
    """A plain script with no guard, in a process that has used JAX before."""
    path = tmp_path / "plain.py"
    path.write_text(SCRIPT)
    # As a person's shell would have it: none of the flags that these tests set for themselves.
    environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "JAX_PLATFORMS")}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    command = [sys.executable, str(path), str(folds), str(tmp_path), str(cache), str(epochs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_a_plain_script_needs_no_guard_and_may_have_used_jax(alone, folds, cache, tmp_path):
    """It runs once, not once in each worker, and gives the answers of the trials alone."""
    with script(tmp_path, folds, cache, 6) as process:
        lines = process.communicate(timeout=4 * PATIENCE)[0].splitlines()

    assert process.returncode == 0
    assert lines[0] == "started 3.0"
    assert sorted(lines[2:]) == [f"t{i} COMPLETED {alone['plain'].dev_loss}" for i in range(4)]
    assert gone([int(pid) for pid in lines[1].split()])


def test_workers_end_when_their_driver_is_killed(folds, cache, tmp_path):
    """kill -9 of the driver leaves no orphans behind."""
    with script(tmp_path, folds, cache, 10**7) as process:
        assert process.stdout.readline() == "started 3.0\n"
        pids = [int(pid) for pid in process.stdout.readline().split()]
        time.sleep(2.0)  # so that they have begun to train
        process.kill()

    assert len(pids) == 2
    assert gone(pids)


def test_the_compile_cache_is_private_and_of_this_jaxlib(tmp_path, monkeypatch):
    """Native code: nobody else may write there, and another version has a folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = compile_cache.folder()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert tmp_path in folder.parents
    monkeypatch.setattr(compile_cache.importlib.metadata, "version", lambda _: "0.0.0")
    assert compile_cache.folder() != folder

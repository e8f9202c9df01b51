"""A world in which training is an opinion: problems that need no file, and an executor that makes outcomes up.

A made-up network predicts the truth plus noise. How much noise is what a test decides, as a function of the
configuration, so that the truth about every remedy is known.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from burnish.data import kinds
from burnish.data.fold import Fold, Split
from burnish.data.table import Column, Physical, Table
from burnish.model import initialise
from burnish.predictor import weights
from burnish.preprocess import padding, preparation
from burnish.preprocess import target as targets
from burnish.store import run_folder
from burnish.store.database import Database
from burnish.train import hyperparameters
from burnish.train.configuration import Configuration
from burnish.train.work import Curve, Ending, Executor, Outcome, Work
from burnish.workflow import candidates, diagnosis, settings
from burnish.workflow import problem as problems
from burnish.workflow.budget import Budget
from burnish.workflow.candidates import Candidate
from burnish.workflow.diagnosis import Verdict
from burnish.workflow.events import Stage, silent
from burnish.workflow.problem import Judge, PreparedFold, Problem
from burnish.workflow.session import Session

COLUMNS, CLASSES = 4, 3
# Small, and far from every limit that remedies keep to, so that most of them apply.
CENTRE = Configuration(widths=(64, 64), batch_size=64, epochs=40, learning_rate=1e-3)


def table(rows: int, task: str, *, noise: float = 0.5, signal: float = 1.0, seed: int = 0) -> Table:
    """Four numbers and a target: `signal` times a linear function of them and noise, or the largest of three such."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, COLUMNS))
    named = [Column(f"x{i}", Physical.NUMBER, x[:, i]) for i in range(COLUMNS)]
    if task == "regression":
        y = 10.0 + signal * (x @ np.arange(1.0, COLUMNS + 1)) + noise * rng.normal(size=rows)
        target = Column("y", Physical.NUMBER, y)
    else:
        scores = signal * (x @ rng.normal(size=(COLUMNS, CLASSES))) + noise * rng.gumbel(size=(rows, CLASSES))
        target = Column("y", Physical.TEXT, scores.argmax(1).astype(np.int32), ("a", "b", "c"))
    return Table("made-up.csv", (*named, target), np.arange(rows) + 2)


def question(
    task: str = "regression",
    *,
    rows: int = 300,
    dev: int = 150,
    folds: int = 1,
    screen: int | None = None,
    test: int = 0,
    metric: str | None = None,
    groups: int | None = None,
    seed: int = 0,
    **more: float,
) -> Problem:
    """A problem of `rows` rows for training and dev: one dev part, or as many folds as said, all screening or some."""
    made = table(rows + test, task, seed=seed, **more)
    order = np.random.default_rng(seed).permutation(rows)
    parts = [order[:dev]] if folds == 1 else np.array_split(order, folds)
    found = tuple(Fold(np.setdiff1d(np.arange(rows), part), np.sort(part)) for part in parts)
    split = Split(found, screen or folds, np.arange(rows, rows + test) if test else None, "as the test wants it")
    profiles = kinds.profile(made, target="y")
    prepared = tuple(
        PreparedFold(
            fold,
            preparation.fit(made, fold.train, profiles, target="y"),
            targets.fit(made["y"], fold.train, task),
            problems.sample_of(fold, number, seed),
        )
        for number, fold in enumerate(found)
    )
    coding = prepared[0].target
    truth = coding.units(made["y"]) if task == "regression" else coding.encode(made["y"]).astype(np.int64)
    labels = None if groups is None else np.arange(rows + test) % groups
    judge = Judge(task, metric or ("rmse" if task == "regression" else "log_loss"), truth, None, labels)
    spec = padding.pad([fold.preparation.inputs for fold in prepared])
    return Problem(made, profiles, split, prepared, spec, judge)


def alike(_: Configuration) -> float:
    """Every network is as good as any other: whatever looks better is luck."""
    return 1.0


def said(configuration: Configuration) -> str:
    """What it sets: a setting that is new to all configurations, and left out here, leaves their luck as it was."""
    plain, values = Configuration().to_json(), configuration.to_json()
    return repr({name: value for name, value in values.items() if value != plain[name]})


@dataclass
class Fake:
    """An executor whose outcomes are the truth plus noise.

    One part of the noise belongs to the row, and all networks share it (what nobody can know); the other is drawn for
    each (configuration, seed, fold): its size is `quality` of the configuration.
    """

    problem: Problem
    quality: Callable[[Configuration], float] = alike
    shared: float = 1.0  # of the row
    luck: float = 0.05  # of the training: by what share the size differs from one to the next
    world: int = 0  # another number, other noise
    taste: float = 0.0  # of the configuration: a noise that all rows of a group share, whatever the seed
    weights: Path | None = None  # where to write weights; None: nowhere
    interrupt: Callable[[Work], bool] = lambda _: False  # what the clock cuts short
    done: list[Work] = field(default_factory=list)
    _row: NDArray[np.float64] | None = None

    def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        """Outcomes in order."""
        for item in work:
            self.done.append(item)
            yield self.outcome(item, self.interrupt(item))

    def outcome(self, work: Work, cut: bool = False) -> Outcome:
        """What training would have given."""
        fold, judge = self.problem.folds[work.fold], self.problem.judge
        spread = self.everywhere(work, 3.0 if cut else 1.0)
        epochs = float(work.until) / (2 if cut else 1)
        going = Ending.COMPLETED if work.until >= work.configuration.epochs else Ending.PAUSED
        found = judge.losses(spread[fold.rows.dev], fold.rows.dev)
        held = fold.rows.train_dev
        return Outcome(
            work=work,
            ending=Ending.INTERRUPTED if cut else going,
            epochs=epochs,
            best_epoch=epochs,
            dev_loss=float(found.mean()),
            dev=spread[fold.rows.dev].astype(np.float32),
            train=spread[fold.sample].astype(np.float32),
            train_dev=None if held is None else spread[held].astype(np.float32),
            curve=Curve(*(np.ones(1) for _ in range(5))),
            weights=self._write(work),
            seconds=1e-3,
            compile_seconds=0.0,
        )

    def everywhere(self, work: Work, worse: float = 1.0) -> NDArray[np.float64]:
        """What this network says to every row of the table, test rows too; shape (rows, outputs)."""
        text = repr((said(work.configuration), work.seed, work.fold, work.rows, self.world))
        rng = np.random.default_rng(zlib.crc32(text.encode()))
        size = worse * self.quality(work.configuration) * np.exp(self.luck * rng.normal())
        tasted = 0.0
        if self.taste and self.problem.groups is not None:
            known = np.random.default_rng(zlib.crc32(repr((said(work.configuration), self.world)).encode()))
            tasted = self.taste * known.normal(size=self.problem.groups.max() + 1)[self.problem.groups][:, None]
        return self._predict(np.arange(self.problem.table.rows), size, rng) + tasted

    def _predict(self, rows: NDArray[np.int64], size: float, rng: np.random.Generator) -> NDArray[np.float64]:
        outputs, truth = self.problem.outputs, self.problem.judge.truth[rows]
        if self._row is None:
            self._row = np.random.default_rng([self.world, 1]).normal(size=(len(rows), outputs))
        noise = self.shared * self._row + size * rng.normal(size=(len(rows), outputs))
        if self.problem.task == "regression":
            return truth[:, None] + noise
        logits = 2.0 * np.eye(outputs)[truth] + noise
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    def _write(self, work: Work) -> str:
        if self.weights is None:
            return ""
        problem = self.problem
        shape = hyperparameters.architecture(
            work.configuration, problem.inputs, outputs=problem.outputs, task=problem.task
        )
        path = self.weights / f"{work.trial}.safetensors"
        seed = work.seed + 1000 * work.fold
        weights.save(path, weights.flatten(initialise.parameters(shape, seed), initialise.statistics(shape)))
        return str(path)


def session(path: Path, execute: Executor, *, max_epochs: int = 10**9, limit: float | None = None, **asked) -> Session:
    """A session that counts epochs (or seconds, where a limit is given), with a database of its own in `path`."""
    path.mkdir(parents=True, exist_ok=True)
    folder = run_folder.create(path / "run", "made-up", datetime.now().astimezone())
    database = Database(folder.database)
    epochs = None if limit is not None else max_epochs
    budget = Budget(limit, epochs, began=time.monotonic(), carried=0.0, jobs=1, log=database)
    return Session(settings.make(**{"target": "y", "jobs": 1, **asked}), budget, folder, database, silent, execute)


def trained(
    made: Session, problem: Problem, configuration: Configuration, *, name: str = "first", seeds: Sequence[int] = (0,)
) -> list[Candidate]:
    """Candidates of one configuration."""
    work = candidates.plan(name, configuration, seeds=seeds, folds=problem.screening)
    outcomes = made.train(problem, work, Stage.FIRST)
    found = [candidates.gather(problem, name, configuration, seed=s, outcomes=outcomes) for s in seeds]
    return [candidate for candidate in found if candidate is not None]


def judge(made: Session, problem: Problem) -> Callable[[Candidate], Verdict]:
    """The verdict on a candidate, with a floor of 0 so that there is always something left to cure."""
    return lambda candidate: diagnosis.verdict(made, problem, candidate, {}, conflicting=0.0)

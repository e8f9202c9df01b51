"""Remedies that do nothing, tried with real training on a real table: the noise of training is not taken for a gain."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import workflow_fake as fake

from burnish.executors.inprocess import InProcess
from burnish.recipe import experiment
from burnish.train.configuration import Configuration
from burnish.train.work import Outcome, Work
from burnish.workflow import improving, preparing, reading
from burnish.workflow.improving import Improved
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# Early in its training, where seeds differ most.
SMALL = Configuration(widths=(12,), batch_size=32, epochs=6, learning_rate=1e-2)


class OnlyTheSeed:
    """Trains the control, whatever is asked for: a remedy is the same configuration under a seed of its own."""

    def __init__(self, execute: InProcess, world: int) -> None:
        self.execute, self.world = execute, world

    def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        for item in work:
            seed = zlib.crc32(f"{item.trial} {self.world}".encode())
            epochs = SMALL.epochs
            [outcome] = self.execute([replace(item, configuration=SMALL, seed=seed, until=epochs)], deadline=deadline)
            yield replace(outcome, work=item)


def write_parts(path: Path) -> reading.Sources:
    """Vehicle, four rows in seven to train on, the others as dev: one dev part, so that a trial is one training."""
    header, *rows = (EXAMPLES / "vehicle.csv").read_text("utf-8").splitlines()
    order = np.random.default_rng(0).permutation(len(rows))
    for name, part in (("train", order[:480]), ("dev", order[480:])):
        (path / f"{name}.csv").write_text("\n".join([header, *(rows[i] for i in part)]) + "\n", "utf-8")
    return reading.Sources(path / "train.csv", path / "dev.csv")


def prepare(session: Session, sources: reading.Sources) -> Problem:
    """The first four stages; the fold is left in the session's folder."""
    with session.database:
        loaded = reading.read(session, sources)
        audited, _ = reading.audit(session, loaded)
        split, _ = reading.divide(session, loaded, audited)
        return preparing.prepare(session, loaded, split)


def improve(path: Path, problem: Problem, execute: OnlyTheSeed) -> Improved:
    """The recipe from the control on."""
    session = fake.session(path, execute)
    with session.database:
        first = fake.trained(session, problem, SMALL)
        judge = fake.judge(session, problem)
        return improving.improve(session, problem, (SMALL, judge(first[0]), first), judge_again=judge, until_share=0.4)


def _nulls(run: Improved) -> list[experiment.Experiment]:
    """An average of seeds is no null remedy: it helps wherever seeds differ."""
    return [one for _, one in run.experiments if one.remedy != improving.AVERAGE]


@pytest.mark.slow
def test_of_200_null_remedies_trained_for_real_at_most_5_percent_are_kept(tmp_path):
    """Another seed only, through the same rounds as real remedies; and at most 2 of the 8 or 9 runs keep any."""
    asked = fake.session(tmp_path / "problem", InProcess(tmp_path, tmp_path), target="vehicle", test=False)
    problem = prepare(asked, write_parts(tmp_path))
    runs: list[Improved] = []
    while sum(len(_nulls(run)) for run in runs) < 200:
        world = tmp_path / f"world {len(runs)}"
        world.mkdir()
        trainer = InProcess(asked.folder.scratch, world)
        runs.append(improve(world, problem, OnlyTheSeed(trainer, len(runs))))
    kept = [sum(one.kept for one in _nulls(run)) for run in runs]

    assert min(np.std([candidate.cost for candidate in run.pool]) for run in runs) > 0.01  # nats: seeds do differ
    assert sum(kept) <= 0.05 * 200
    assert np.count_nonzero(kept) <= 2

"""Why techniques work on the data of a finished run: from its folder to the panels, their page and their document."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from burnish import errors
from burnish.executors import fold_files, pool
from burnish.explaining import draws, panels
from burnish.explaining.draws import Draws
from burnish.explaining.lab import Lab
from burnish.explaining.panels import Material
from burnish.report import explain_page
from burnish.report.panel import Explanation, Panel
from burnish.store import run_folder
from burnish.store.database import Database
from burnish.store.run_folder import RunFolder
from burnish.train.configuration import Configuration
from burnish.tune import space
from burnish.workflow import ablating, appendix, preparing, reopening, signals, tuning
from burnish.workflow.budget import Budget
from burnish.workflow.events import Emit, Line, Stage, silent
from burnish.workflow.problem import Problem
from burnish.workflow.reopening import Best, Past
from burnish.workflow.session import Interrupted, Session

TIME_LIMIT = 120.0  # seconds, after which no further panel is begun
FOLD = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """One explanation."""

    run: Path
    time_limit: float | None = TIME_LIMIT  # wall seconds; None: as long as it takes
    jobs: int | None = None  # trainings at once; None: one for each core


@dataclass(frozen=True, slots=True)
class Explained:
    """Why techniques work, or do not, on a run's data: `panels`, and the page of them."""

    record: Explanation

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Each with a finding, its numbers and its curves."""
        return tuple(self.record.panels)

    @property
    def page(self) -> Path:
        """The page to open."""
        return Path(self.record.page)

    def document(self) -> dict[str, Any]:
        """What `burnish ablate --explain --json` has as `explain`."""
        return self.record.model_dump(mode="json")

    def lines(self) -> tuple[str, ...]:
        """The findings, as the command prints them."""
        return explain_page.lines(self.record)

    def _repr_html_(self) -> str:
        return explain_page.render(self.record)


def run(asked: Asked, *, emit: Emit = silent) -> Explained:
    """Make every panel from a finished run's own rows and best network, and write their page and document.

    Raises:
        ConfigError: The run has not finished or trained no network, its data are gone, or a setting is out of range.
        DataError: Its data have changed.
        StoreError: There is no such run, it is damaged, or its folder cannot be written.
        Interrupted: By a signal; nothing is left behind.
    """
    check(asked)
    folder = run_folder.open(asked.run)
    with folder.lock():
        past, best = _able(folder)
        folder.tidy()
        folder.scratch.mkdir()
        try:
            with signals.caught() as told:
                made = _made(asked, past, best, emit)
                with signals.postponed(told):
                    appendix.write(folder, made)
        except pool.Stopped as stopped:
            raise Interrupted(stopped.signal_number, folder.path) from stopped
        finally:
            folder.tidy()
    return Explained(made)


def check(asked: Asked) -> None:
    """See that there is a run that can be explained, before anything is trained.

    Raises:
        ConfigError, StoreError: As `run` does.
    """
    for name, value in (("time limit", asked.time_limit), ("number of jobs", asked.jobs)):
        if value is not None and not value > 0:
            raise errors.ConfigError(f"The {name} is {value:g}.", "It has to be above 0.", "Give a larger one.")
    _able(run_folder.open(asked.run))


def _able(folder: RunFolder) -> tuple[Past, Best]:
    """The run and its best network, if panels can be made of it."""
    past = reopening.past(folder)
    with Database(folder.database) as database:
        best = reopening.best_network(past, database.trials())
    if best.configuration.model:
        raise _own(past, best)
    return past, best


def _own(past: Past, best: Best) -> errors.ConfigError:
    return errors.ConfigError(
        f"The networks of the run in {past.folder.path} cannot be explained.",
        f"They are of your own model {best.configuration.model}, and panels take burnish's own network apart: layers, "
        "batch norm, starting weights.",
        "Ask for the ablation alone, or make a run without --model.",
    )


def _made(asked: Asked, past: Past, best: Best, emit: Emit) -> Explanation:
    began, folder = time.monotonic(), past.folder
    settings = past.settings.model_copy(update={"jobs": asked.jobs, "max_epochs": None, "time_limit": None})
    with Database(folder.scratch / "explain.sqlite") as log:
        budget = Budget(None, None, began=began, carried=0.0, jobs=1, log=log)
        # Nothing is trained by the session: its executor is asked for nothing.
        session = Session(settings, budget, folder, log, silent, lambda work, *, deadline=None: iter(()))
        problem = ablating.with_raw_folds(reopening.question(session, past))
        raw = ablating.raw(problem, FOLD)
        preparing.write_fold(session, problem, raw, dealt_as=FOLD)
    fold = fold_files.read(folder.scratch, FOLD)
    unscaled = fold_files.read(folder.scratch, raw).train.inputs.x
    lab = Lab(fold, best.configuration, jobs=settings.workers)
    unit = panels.unit_of(fold, past.summary.task.unit)
    raw_numbers = np.zeros((lab.rows, 0), np.float32)  # of images: they have no columns
    if fold.inputs.image is None:
        raw_numbers = np.asarray(unscaled[: lab.rows, : fold.inputs.numbers])
    material = Material(lab, raw_numbers, unit, fold, _draws(past, problem, best))
    emit(Line(Stage.EXPLAIN, f"Why it works, on {lab.rows:,} training rows of the run, from {best.name}."))
    until = None if asked.time_limit is None else began + asked.time_limit
    made = panels.make(material, until=until, tell=lambda text: emit(Line(Stage.EXPLAIN, text)))
    return _explanation(past, problem, best, material, made, round(time.monotonic() - began, 2))


def _draws(past: Past, problem: Problem, best: Best) -> Draws | None:
    """What the run's search drew, on its own scales; around its best network where it is from before centres were
    noted."""
    with Database(past.folder.database) as database:
        trials, centre = database.trials(), database.get(tuning.CENTRE)
    begun = best.configuration if centre is None else Configuration.from_json(centre)
    scales = space.default(problem.task, problem.training_rows, problem.inputs, centre=begun)
    return draws.recorded(past.summary.search, trials, scales)


def _explanation(
    past: Past, problem: Problem, best: Best, material: Material, made: list[Panel], elapsed: float
) -> Explanation:
    lab = material.lab
    return Explanation(
        run=str(past.folder.path),
        data=past.summary.run.data,
        target=past.summary.run.target,
        made=datetime.now().astimezone().isoformat(timespec="seconds"),
        network=best.name,
        fold=FOLD,
        rows=lab.rows,
        rows_of_fold=len(problem.folds[FOLD].rows.train),
        dev_rows=len(lab.fold.dev.y),
        cost=" in ".join(filter(None, (material.unit.name, "nats" if material.unit.scale is None else ""))),
        panels=made,
        elapsed_s=elapsed,
        page=str(past.folder.path / appendix.PAGE_FILE),
    )

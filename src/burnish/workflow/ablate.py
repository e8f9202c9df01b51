"""What each technique is worth on the data of a finished run: from its folder to a page and a document in it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from burnish import errors
from burnish.executors import pool
from burnish.report import ablation, ablation_page, ablation_text
from burnish.report.ablation import Document, LeftOutRecord, RateRecord, TechniqueRecord, WorthRecord
from burnish.report.panel import Explanation
from burnish.stats import paired
from burnish.store import atomic, run_folder
from burnish.store.database import Database
from burnish.store.run_folder import RunFolder
from burnish.workflow import ablating, appendix, improve, preparing, reopening, signals
from burnish.workflow.ablating import Ablated, Worth
from burnish.workflow.budget import Budget
from burnish.workflow.events import Emit, Stage, silent
from burnish.workflow.improve import Manner
from burnish.workflow.problem import Problem
from burnish.workflow.reopening import Best, Past
from burnish.workflow.session import Interrupted, Session
from burnish.workflow.settings import CHOOSES_BY

PAGE_FILE, DOCUMENT_FILE = appendix.ABLATION_FILE, "ablation.json"
TIME_LIMIT = 120.0  # seconds, where nobody says


@dataclass(frozen=True, slots=True)
class Asked:
    """One ablation."""

    run: Path
    time_limit: float | None = TIME_LIMIT  # wall seconds, all included; None: as long as it takes
    seeds: int = ablating.SEEDS
    jobs: int | None = None  # None: one for each core
    output: Path | None = None  # another place for the page, beside the run's folder
    best: bool = False  # take the best network apart, although a simple model is delivered
    model: Any = None  # the run's own model, where its file is not there as it was: see `own_models.of`
    manner: Manner = field(default_factory=Manner)


@dataclass(frozen=True, slots=True)
class Ablation:
    """What each technique is worth: `document`, and the page of it."""

    record: Document

    @property
    def page(self) -> Path:
        """The page to open."""
        return Path(self.record.page)

    @property
    def techniques(self) -> tuple[TechniqueRecord, ...]:
        """Every technique that was tried, with its worth and verdict."""
        return tuple(self.record.techniques)

    def document(self) -> dict[str, Any]:
        """The JSON document of `--json`."""
        return self.record.model_dump(mode="json")

    def lines(self) -> tuple[str, ...]:
        """The table, as the command prints it."""
        return ablation_text.lines(self.record)

    def _repr_html_(self) -> str:
        return ablation_page.render(self.record)


def run(asked: Asked, *, emit: Emit = silent, began: float | None = None) -> Ablation:
    """Take a finished run's best network apart.

    Args:
        asked: What to do.
        emit: Told of everything worth showing.
        began: When the process started, on the clock of `time.monotonic`; the time limit counts from there.

    Raises:
        ConfigError: The run has not finished, delivers no network, its data are gone, or the time was not enough.
        DataError: Its data have changed.
        StoreError: There is no such run, it is damaged, or its folder cannot be written.
        Interrupted: By a signal; nothing is left behind.
    """
    began = time.monotonic() if began is None else began
    _check(asked)
    folder = run_folder.open(asked.run)
    with folder.lock():
        past = reopening.past(folder, model=asked.model)
        with Database(folder.database) as database:
            trials = database.trials()
        best = reopening.best_network(past, trials)
        if not (best.delivered or asked.best):
            raise _nothing_delivered(past)
        folder.tidy()
        (folder.scratch).mkdir()
        try:
            with signals.caught() as told:
                return _work(asked, past, (best, trials), emit, told, began=began)
        except pool.Stopped as stopped:
            raise Interrupted(stopped.signal_number, folder.path) from stopped
        finally:
            folder.tidy()


def _check(asked: Asked) -> None:
    if asked.seeds < ablating.LEAST_SEEDS:
        raise errors.ConfigError(
            f"{asked.seeds} seeds are too few.",
            "With a single one, nothing tells the noise of training from a difference.",
            f"Ask for {ablating.LEAST_SEEDS} at least; {ablating.SEEDS} are usual.",
        )
    for name, value in (("time limit", asked.time_limit), ("number of jobs", asked.jobs)):
        if value is not None and not value > 0:
            raise errors.ConfigError(f"The {name} is {value:g}.", "It has to be above 0.", "Give a larger one.")


def _nothing_delivered(past: Past) -> errors.ConfigError:
    what = past.summary.delivered
    return errors.ConfigError(
        f"The run in {past.folder.path} delivers no network to take apart.",
        what.reason if what is not None and what.reason else "A simple model is what it delivers.",
        "Take its best network apart with --best-network.",
    )


def _work(
    asked: Asked,
    past: Past,
    trained: tuple[Best, list[dict[str, Any]]],
    emit: Emit,
    told: signals.Signals,
    *,
    began: float,
) -> Ablation:
    folder, (best, trials) = past.folder, trained
    settings = past.settings.model_copy(update={"jobs": asked.jobs, "max_epochs": None, "time_limit": asked.time_limit})
    request = improve.Request(past.sources, settings, manner=asked.manner)
    stacked_on = improve.accelerators(settings, asked.manner)
    with Database(folder.scratch / "ablation.sqlite") as log:
        jobs = 1 if asked.manner.in_process or stacked_on else settings.workers
        budget = Budget(asked.time_limit, None, began=began, carried=0.0, jobs=jobs, log=log)
        with improve.workers(folder, request, stacked_on, told.received) as trains:
            # What a reader says of the table, the run has said already.
            session = Session(settings, budget, folder, log, silent, signals.heeding(trains, told))
            problem = ablating.with_raw_folds(reopening.question(session, past))
            for fold in problem.screening:
                preparing.write_fold(session, problem, ablating.raw(problem, fold), dealt_as=fold)
            reopening.recall_prices(session, problem, trials)
            session.emit = emit
            session.say(Stage.ABLATION, f"Taking {best.name} apart: {_kind(best)}.")
            ablated = ablating.ablate(session, problem, best.configuration, seeds=asked.seeds)
        if not any(worth.gain for worth in ablated.worths):
            raise _too_short(asked)
        record = _document(session, problem, past, best, ablated)
        with signals.postponed(told):
            _leave(session, asked, record)
    return Ablation(record)


def _kind(best: Best) -> str:
    return "the best single one of the networks delivered" if best.delivered else "the best network of the run"


def _too_short(asked: Asked) -> errors.ConfigError:
    limit = "" if asked.time_limit is None else f" of {asked.time_limit:g} s"
    return errors.ConfigError(
        "No technique could be judged.",
        f"The time limit{limit} was not enough for two seeds of the network.",
        "Raise --time-limit.",
    )


def _leave(session: Session, asked: Asked, record: Document) -> None:
    """Write the page and the document, each whole, and say what they replace."""
    for place in _places(session.folder, asked):
        if place.exists():
            session.say(Stage.ABLATION, f"{place} was there and is replaced.")
    _write(session.folder, asked, record)


def _write(folder: RunFolder, asked: Asked, record: Document) -> None:
    """The page, wherever it is wanted, the document, and the report anew with a link to the page."""
    for place in _places(folder, asked):
        beside = place.parent.resolve() == folder.path.resolve()
        why = appendix.PAGE_FILE if beside else (folder.path / appendix.PAGE_FILE).resolve().as_uri()
        atomic.write_text(place, ablation_page.render(record, appendix=why))
    atomic.write_text(folder.path / DOCUMENT_FILE, record.model_dump_json(indent=1))
    appendix.write_report(folder)


def _places(folder: RunFolder, asked: Asked) -> list[Path]:
    return [folder.path / PAGE_FILE, *([asked.output] if asked.output is not None else [])]


def explained(asked: Asked, made: Ablation, explanation: Explanation) -> Ablation:
    """The ablation with its explanation, in its page and document too."""
    folder = run_folder.open(asked.run)
    record = made.record.model_copy(update={"explain": explanation})
    with folder.lock():
        _write(folder, asked, record)
    return Ablation(record)


def _document(session: Session, problem: Problem, past: Past, best: Best, ablated: Ablated) -> Document:
    summary, plan, judge = past.summary, ablated.plan, problem.judge
    regression, unit = problem.task == "regression", summary.task.unit
    judged = sum(worth.gain is not None for worth in ablated.worths)
    return Document(
        schema_version=ablation.SCHEMA_VERSION,
        run=str(past.folder.path),
        data=summary.run.data,
        target=summary.run.target,
        task=problem.task,
        made=datetime.now().astimezone().isoformat(timespec="seconds"),
        network=best.name,
        delivered=best.delivered,
        configuration=best.configuration.to_json(),
        chosen_by=CHOOSES_BY[judge.metric],
        unit=unit if regression else problem.unit_of_gain,
        error=judge.error_name,
        error_unit=unit if regression else "%",
        level=1 - 2 * paired.ALPHA,
        seeds=plan.seeds,
        seeds_asked=ablated.asked,
        folds=plan.folds,
        folds_of_run=problem.split.screen,
        dev_rows=ablated.dev_rows,
        training_rows=plan.rows or problem.training_rows,
        training_rows_of_run=problem.training_rows,
        techniques=[_technique(worth, judged) for worth in ablated.worths],
        left_out=[LeftOutRecord(title=title, why=why) for title, why in ablated.left_out],
        trainings=session.trials,
        elapsed_s=round(session.budget.elapsed, 2),
        limit_s=session.budget.limit,
        page=str(past.folder.path / PAGE_FILE),
    )


def _technique(worth: Worth, together: int) -> TechniqueRecord:
    one, gain = worth.technique, worth.gain
    return TechniqueRecord(
        name=one.name,
        title=one.title,
        with_it=one.with_it,
        without_it=one.without_it,
        present=one.present,
        with_cost=None if gain is None else worth.with_cost,
        without_cost=None if gain is None else worth.without_cost,
        worth=_worth(gain, together),
        worth_error=_worth(worth.error_gain, together),
        verdict=verdict(gain),
        seeds=0 if gain is None else gain.seeds,
        rate=worth.rate,
        rates=[RateRecord(**asdict(rate)) for rate in worth.rates],
        diverged=worth.diverged,
        note=one.note,
    )


def verdict(gain: paired.Gain | None) -> ablation.Verdict:
    """What the interval says."""
    if gain is None:
        return "not judged"
    return "helps" if gain.low > 0 else "hurts" if gain.high < 0 else "no difference seen"


def _worth(gain: paired.Gain | None, together: int) -> WorthRecord | None:
    if gain is None:
        return None
    two_sided = 2 * min(gain.p_value, 1 - gain.p_value)
    return WorthRecord(
        value=gain.value,
        low=gain.low,
        high=gain.high,
        p_value=min(1.0, together * two_sided),
        smallest_seen=paired.detectable(gain),
    )

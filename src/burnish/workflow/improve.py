"""The main job, from a table to a tuned network with its evidence: the order of the stages, and nothing else."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from burnish import errors
from burnish.executors import accelerator, compile_cache, devices, heap, inprocess, pool
from burnish.executors.devices import Devices
from burnish.load import own_models
from burnish.report import wording
from burnish.store import outcomes, run_folder
from burnish.store.database import Database
from burnish.store.run_folder import RunFolder
from burnish.train.configuration import Configuration
from burnish.train.work import Executor
from burnish.workflow import (
    diagnosis,
    finishing,
    improving,
    learning,
    leaving,
    memory,
    pacing,
    preparing,
    reading,
    signals,
    tuning,
)
from burnish.workflow.baselines import Baselines, train_baselines
from burnish.workflow.budget import Budget, allowed
from burnish.workflow.candidates import Candidate
from burnish.workflow.events import Emit, Stage, silent
from burnish.workflow.finishing import Chosen
from burnish.workflow.improving import Improved
from burnish.workflow.leaving import Result
from burnish.workflow.problem import Problem
from burnish.workflow.reading import Loaded, Sources
from burnish.workflow.session import Interrupted, Session
from burnish.workflow.settings import Settings
from burnish.workflow.telling import Networks, Story

# Shares of the budget at which stages end. The search and the final networks take most: what they find is delivered.
RECIPE_ENDS, TUNE_ENDS, FINISH_ENDS = 0.38, 0.90, 0.92
# Where the chosen networks are trained on further rotations of train and dev, the search ends here: on ten tables,
# rotations lowered the loss by a median of 5 %, as much as the whole search.
TUNE_ENDS_BEFORE_ROTATIONS = 0.62


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is carried out. The defaults are those of a run whose folder is kept."""

    in_process: bool = False  # train here, one after another: where starting workers would cost more than training
    platform: str | None = None  # of JAX, on all of whose devices many trials train at once; None: as `device` says
    yardstick: bool = True  # boosted trees beside
    files: bool = True  # what the run leaves is written into its folder, and it can be resumed
    first_only: bool = False  # the first network in full, whatever it takes, and nothing more


@dataclass(frozen=True, slots=True)
class Request:
    """One run: the data, the settings, where it goes and how it was asked for."""

    sources: Sources
    settings: Settings
    out: Path | None = None
    command: str = ""
    loaded: Loaded | None = None  # rows that are there already: `sources` are not read then
    manner: Manner = Manner()


def run(request: Request, *, emit: Emit = silent, began: float | None = None) -> Result:
    """Do the main job in a new run folder.

    Args:
        request: What to do.
        emit: Told of everything worth showing.
        began: When the process started, on the clock of `time.monotonic`; the time limit counts from there.

    Raises:
        DataError, ConfigError: The data or the settings cannot be used; nothing is left behind.
        ExtraMissing: A GPU was asked for and there is none; nothing is left behind.
        StoreError: A file of the run cannot be used, as on a full disk.
        Interrupted: By a signal; the run folder holds all states.
    """
    began = time.monotonic() if began is None else began
    stacked_on = accelerators(request.settings, request.manner)
    folder = run_folder.create(request.out, reading.name_of(request.sources), datetime.now().astimezone())
    try:
        with folder.lock():
            leaving.write_request(folder, request.sources, request.settings, request.command)
            return _work(folder, request, stacked_on, emit, began=began, carried=0.0)
    except (errors.DataError, errors.ConfigError, errors.ExtraMissing):
        folder.remove()
        raise
    except OSError:
        if not folder.config.exists():  # what was asked for is not written: nothing could go on with it
            folder.remove()
        raise


def resume(path: Path, *, model: Any = None, emit: Emit = silent, began: float | None = None) -> Result:
    """Go on with a stopped run: what was trained is read back, what the clock decided is taken from the log.

    Args:
        path: The run's folder.
        model: Its own model, where it trains one whose file is not there as it was; see `own_models.of`.
        emit: Told of everything worth showing.
        began: When the process started.

    Raises:
        ConfigError: The run has finished, or its data came from memory and are gone.
        StoreError: There is no such run, or it is damaged.
        ExtraMissing: The run asked for a GPU and there is none any more.
        Interrupted: By a signal, again.
    """
    began = time.monotonic() if began is None else began
    folder = run_folder.open(path)
    with folder.lock():
        if folder.report.exists():
            raise errors.ConfigError(
                f"The run in {path} has finished.", "There is nothing left to do.", f"Look at {folder.report}."
            )
        sources, settings, command = leaving.read_request(folder, model=model)
        request = Request(sources, settings, command=command)
        stacked_on = accelerators(settings, request.manner)
        with Database(folder.database) as database:
            carried = float(database.get("elapsed") or 0.0)
            database.start_over()
        return _work(folder, request, stacked_on, emit, began=began, carried=carried)


def _work(
    folder: RunFolder, request: Request, stacked_on: Devices, emit: Emit, *, began: float, carried: float
) -> Result:
    settings, manner = request.settings, request.manner
    try:
        with Database(folder.database) as database, signals.caught() as told:
            jobs = 1 if manner.in_process or stacked_on else settings.workers
            limits = (None, None) if manner.first_only else (settings.limit, settings.max_epochs)
            budget = Budget(*limits, began=began, carried=carried, jobs=jobs, log=database)
            with workers(folder, request, stacked_on, told.received, latest=budget.latest) as trains:
                kept = outcomes.Outcomes(folder.scratch / "outcomes")
                execute = signals.heeding(outcomes.recall(kept, trains), told)
                session = Session(settings, budget, folder, database, emit, execute)
                try:
                    result = _stages(session, request, trains, carried=carried)
                except pool.Stopped:
                    database.set("elapsed", budget.elapsed)
                    raise
    except pool.Stopped as stopped:
        raise Interrupted(stopped.signal_number, folder.path) from stopped
    except OSError as error:
        stuck = _stuck(folder, request, error)
        if stuck is None:
            raise
        raise stuck from error
    folder.tidy()
    return result


def _stuck(folder: RunFolder, request: Request, error: OSError) -> errors.StoreError | None:
    """A file of the run that the system refuses, and how the run goes on; None: the error says what to do itself."""
    if isinstance(error, BrokenPipeError):  # of the terminal, not of the run
        return None
    if not isinstance(error, errors.StoreError):
        what = f"{error.filename or f'A file in {folder.path}'} cannot be used."
        why = f"The system says: {error.strerror or error}."
    elif isinstance(error.__cause__, OSError):
        what, why = error.what, error.why
    else:
        return None
    resume = shlex.join(["burnish", "resume", str(folder.path)])
    then = f"go on with `{resume}`" if _can_go_on(folder, request) else "start a new run"
    return errors.StoreError(what, why, f"Make room or permission there, then {then}.")


def _can_go_on(folder: RunFolder, request: Request) -> bool:
    """Whether the data of a stopped run can be read again."""
    try:
        leaving.read_request(folder)
    except leaving.DataGone:
        return False
    except errors.BurnishError:
        pass  # a model of the person's own, which `resume` asks for
    return request.loaded is None


def accelerators(settings: Settings, manner: Manner) -> Devices:
    """What many trials at once are trained on; none where processors train, each trial by itself.

    Raises:
        ExtraMissing: A GPU was asked for and JAX has none.
    """
    if manner.platform is not None:
        return devices.found(manner.platform)
    if settings.device == "auto" and not manner.in_process and devices.gpu_is_likely():
        return devices.found("gpu")
    if settings.device != "gpu":
        return ()
    if found := devices.found("gpu"):
        return found
    raise errors.ExtraMissing(
        "No GPU can be used.",
        "Training on a GPU needs JAX's CUDA build (pip install 'burnish[cuda]') and a device.",
        "Use --device cpu.",
    )


def workers(
    folder: RunFolder, request: Request, stacked_on: Devices, received: Sequence[int], *, latest: float | None = None
) -> accelerator.Accelerator | inprocess.InProcess | pool.Pool:
    """What trains: an accelerator, this process, or one worker process per core, waited for until `latest` at most."""
    settings, scratch, own = request.settings, folder.scratch, request.settings.model
    if stacked_on:
        cache = compile_cache.folder()
        return accelerator.Accelerator(scratch, scratch, devices=stacked_on, cache=cache, interrupted=received, own=own)
    if request.manner.in_process:
        return inprocess.InProcess(scratch, scratch, interrupted=received, own=own)
    return pool.Pool(
        scratch,
        scratch,
        jobs=settings.workers,
        cache=compile_cache.folder(),
        memory_limit=settings.memory_limit,
        interrupted=received,
        own=None if own is None else own_models.packed(own),
        latest=latest,
    )


def _stages(session: Session, request: Request, trains: Executor, *, carried: float) -> Result:
    """The stages in their order; each takes what the ones before it found."""
    loaded = reading.read(session, request.sources) if request.loaded is None else request.loaded
    if loaded.images is not None and isinstance(trains, pool.Pool):
        memory.keep(session, loaded.images.shape, trains)
    audited, about_data = reading.audit(session, loaded)
    split, straddling = reading.divide(session, loaded, audited)
    # A person's own model sees the columns that there are, and no empty ones.
    roomy = request.manner.in_process and request.settings.model is None
    problem = preparing.prepare(session, loaded, split, copies=audited.keep_together, roomy=roomy)
    ready = session.budget.elapsed
    baselines = train_baselines(session, problem, yardstick=request.manner.yardstick)
    heap.give_back()  # of what was read and fitted, before workers want memory
    problem, configuration, first = diagnosis.first(session, problem)
    baselines = baselines.on(problem)
    conflicting = audited.facts.get("conflicting_floor", 0.0)
    networks = _networks(
        session,
        problem,
        (configuration, first),
        baselines,
        conflicting=conflicting,
        first_only=request.manner.first_only,
    )
    if isinstance(trains, pool.Pool):
        trains.close()  # nothing trains any more: what workers hold is room for who predicts
    trained = session.budget.elapsed
    finished = finishing.finish(session, problem, None if networks is None else networks.chosen, baselines)
    _say_if_late(session, problem, carried=carried, ready=ready, trained=trained)
    story = Story(loaded, (*about_data, *straddling), problem, baselines, networks, finished)
    return leaving.leave(session, request.command, story, files=request.manner.files)


def _say_if_late(session: Session, problem: Problem, *, carried: float, ready: float, trained: float) -> None:
    """Where the limit is over by more than is promised, say so, and what took longer than its part of the time.

    Args:
        session: Knows the clock.
        problem: What was read.
        carried: Seconds that earlier sessions of a resumed run had used.
        ready: Seconds after which training could begin.
        trained: Seconds after which nothing trained any more.
    """
    limit, elapsed, table = session.budget.limit, session.budget.elapsed, problem.table
    if limit is None or elapsed <= limit + allowed(limit):
        return
    ends = FINISH_ENDS * limit
    reading = f"starting, reading, auditing and preparing {table.rows:,} rows and {len(table.columns):,} columns took"
    beyond = {
        f"{reading} {ready - carried:.0f} s, and little of that can be cut short, nor can the simple models and the "
        "last judgement": ready - max(carried, ends),
        "the simple models, or trainings and programs under way, took longer than was reckoned with, as on a machine "
        f"that does other work too; {reading} {ready - carried:.0f} s": trained - max(ready, ends),
        f"the last judgement took {elapsed - trained:.0f} s, and cannot be cut short": elapsed - trained - limit + ends,
    }
    why = max(beyond, key=lambda cause: beyond[cause])
    session.say(
        Stage.FINISH,
        f"The time limit of {limit:g} s was over {elapsed - limit:.0f} s ago: {why}.",
        warning=True,
        lasting=True,
    )


def _networks(
    session: Session,
    problem: Problem,
    begin: tuple[Configuration, list[Candidate]],
    baselines: Baselines,
    *,
    conflicting: float,
    first_only: bool,
) -> Networks | None:
    """From the first network on, all that trains networks; None where the budget did not last for the first one."""
    configuration, first = begin
    if not first:
        why = wording.without_network(session.trials)
        session.say(Stage.FIRST, f"{why}: raise --time-limit, --max-epochs or --memory-limit.", warning=True)
        return None

    def judge(candidate: Candidate) -> diagnosis.Verdict:
        return diagnosis.verdict(session, problem, candidate, baselines.errors, conflicting=conflicting)

    verdict = judge(first[0])
    diagnosis.tell(session, Stage.FIRST, verdict, "First network")
    if first_only:
        chosen = finishing.choose(problem, first, folds=tuple(problem.screening), seed=session.settings.seed)
        improved = Improved(
            first[0].name, configuration, verdict, pool=first, ended="Only a first network was asked for."
        )
        return Networks(verdict, improved, None, None, chosen)
    on_part = problem.part is not None
    recipe_ends = pacing.RECIPE_ENDS if on_part else RECIPE_ENDS
    improved = improving.improve(
        session, problem, (configuration, verdict, first), judge_again=judge, until_share=recipe_ends
    )
    if on_part:
        chosen = _in_full(session, problem, improved, judge, configuration)
        return Networks(verdict, improved, None, None, chosen)
    rotates = len(problem.folds) > problem.split.screen
    tune_ends = TUNE_ENDS_BEFORE_ROTATIONS if rotates else TUNE_ENDS
    learned = learning.curve(session, problem, improved.configuration, until_share=tune_ends)
    searched = tuning.search(session, problem, improved.configuration, until_share=tune_ends)
    pooled = [*improved.pool, *(searched.survivors if searched else ())]
    chosen = finishing.settle(session, problem, pooled, until_share=FINISH_ENDS)
    return Networks(verdict, improved, learned, searched, chosen)


def _in_full(
    session: Session, problem: Problem, improved: Improved, judge: diagnosis.Judge, unchanged: Configuration
) -> Chosen:
    """What was found on a part of the rows, trained on all of them; a search and a learning curve have no time there.

    Where there was not even time for that, or they were cut off, the networks of the part are what there is.
    """
    kinds = {"final": improved.configuration}
    if improved.configuration != unchanged:
        kinds["unchanged"] = unchanged
    made = pacing.in_full(session, problem, kinds, until_share=FINISH_ENDS)
    if made and min(one.cost for one in made) >= min(before.cost for before in improved.pool):
        made = []
        session.say(
            Stage.FINISH,
            "They had not come further than the networks of a part of the rows when the time was up: these are kept.",
            warning=True,
            lasting=True,
        )
    if made:
        best = min(made, key=lambda candidate: (candidate.cost, candidate.key))
        improved.name, improved.configuration, improved.pool = best.name, best.configuration, made
        improved.verdict = judge(best)
        diagnosis.tell(session, Stage.FINISH, improved.verdict, "Final network")
        if len(kinds) > 1:
            session.say(Stage.FINISH, _told_apart(problem, made))
    return finishing.choose(problem, improved.pool, folds=tuple(problem.screening), seed=session.settings.seed)


def _told_apart(problem: Problem, made: Sequence[Candidate]) -> str:
    """What the kept remedies are worth on all rows: too few networks for an interval, so that all of them are kept."""
    rows, said = problem.dev_rows(problem.screening), []
    for name, how in (("final", "with what was kept"), ("unchanged", "without it")):
        found = [problem.judge.measured(one.dev, rows).estimate.value for one in made if one.name == name]
        said += [f"{np.mean(found):.4g} {how}"] if found else []
    return f"{problem.judge.error_name} of the final networks on dev: {', '.join(said)}. The average weighs both."

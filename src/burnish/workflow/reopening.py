"""A finished run's question, made again from its data: the same rows, the same folds, the same preparation."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from burnish import errors
from burnish.data import images
from burnish.predictor.simple import AnyPredictor
from burnish.report.summary import Summary
from burnish.store.run_folder import RunFolder
from burnish.train.configuration import Configuration
from burnish.train.work import Work
from burnish.workflow import applying, leaving, preparing, reading
from burnish.workflow.problem import Problem
from burnish.workflow.reading import Sources
from burnish.workflow.session import Session
from burnish.workflow.settings import Settings

# Relative difference of two numbers that another version of a library may make of the same data.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Past:
    """A finished run."""

    folder: RunFolder
    sources: Sources
    settings: Settings
    summary: Summary
    model: AnyPredictor


def past(folder: RunFolder, *, model: Any = None) -> Past:
    """What a run left, its data not yet read.

    Args:
        folder: The run's.
        model: Its own model, where it trained one whose file is not there as it was.

    Raises:
        ConfigError: It has not finished, or its data came from memory or have been moved.
        StoreError: It is damaged.
    """
    if not folder.report.exists():
        raise errors.ConfigError(
            f"The run in {folder.path} has not finished.",
            "What it would deliver is not settled yet.",
            f"Go on with it: `burnish resume {folder.path}`.",
        )
    try:
        sources, settings, _ = leaving.read_request(folder, model=model)
    except leaving.DataGone as error:
        raise errors.ConfigError(
            f"The networks of the run in {folder.path} cannot be trained again.",
            error.why,
            "Write the table into a file, and start a new run from there.",
        ) from error
    for _, place in sources.given:
        if place is not None and not Path(place).exists():
            raise errors.ConfigError(
                f"The data of the run in {folder.path} have gone.",
                f"There is no {place} any more.",
                "Put the file back there, or start a new run.",
            )
    return Past(
        folder, sources, settings, leaving.read_summary(folder), applying.model_in(folder.path, model=settings.model)
    )


def question(session: Session, run: Past) -> Problem:
    """The run's own question; its screening folds are written into the session's folder.

    Raises:
        DataError: The data have changed since.
    """
    try:
        loaded = reading.read(session, run.sources)
        audited, _ = reading.audit(session, loaded)
        split, _ = reading.divide(session, loaded, audited)
        problem = preparing.prepare(session, loaded, split, copies=audited.keep_together)
    except (errors.DataError, errors.ConfigError) as error:  # the run itself could read them
        raise _changed(run, error.what) from error
    _check(run, problem)
    return problem


def _check(run: Past, problem: Problem) -> None:
    """Compare with what the run recorded: its split, its targets, and what it learned of every column."""
    rows, read = problem.table.rows, run.summary.rows.read
    split, ids = problem.split, images.row_names(problem.table)
    parts = {"train": split.primary.train, "dev": split.primary.dev, "train_dev": split.primary.train_dev}
    parts["test"] = split.test
    now = {name: ids[part].tolist() for name, part in parts.items() if part is not None}
    try:
        then = json.loads(run.folder.splits.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise errors.StoreError(
            f"The run in {run.folder.path} is damaged.", f"{run.folder.splits}: {error}", "Start a new run."
        ) from error
    if now != then:
        counted = f" ({rows:,} rows now, {read:,} then)" if rows != read else ""
        raise _changed(run, f"They are divided into train and dev in another way{counted}.")
    shown = run.summary.predictions
    if shown is not None:
        place = split.test if shown.part == "test" else problem.dev_rows(range(len(problem.folds)))
        if place is not None and not _targets_are_those(problem, place, shown.observed):
            raise _changed(run, f"Column {problem.target.name!r} holds other values.")
    for fold, preparation in zip(problem.folds, run.model.preparations, strict=False):
        now_, then_ = (made.to_json() for made in (fold.preparation, preparation))
        if not _alike(now_, then_):
            raise _changed(run, "A column holds other values in the training rows.")


def _targets_are_those(problem: Problem, rows: Any, observed: tuple[float, ...]) -> bool:
    """Whether the targets that the run drew are among these rows' own: a random part of them, in any order."""
    known = np.sort(problem.judge.truth[rows].astype(np.float64))
    if not len(observed) or len(observed) > len(known):
        return True  # of other folds too
    values = np.asarray(observed)
    nearest = known[np.clip(np.searchsorted(known, values), 0, len(known) - 1)]
    before = known[np.clip(np.searchsorted(known, values) - 1, 0, len(known) - 1)]
    close = np.minimum(np.abs(nearest - values), np.abs(before - values)) <= ROUNDING * np.maximum(1.0, np.abs(values))
    return bool(close.all())


def _alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same to rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(_alike(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return bool(one == other)


def _changed(run: Past, why: str) -> errors.DataError:
    return errors.DataError(
        f"The data of the run in {run.folder.path} have changed since.",
        why,
        "Bring the table back as it was, or start a new run from it as it is now.",
    )


def recall_prices(session: Session, problem: Problem, trials: list[dict[str, Any]]) -> None:
    """Let the session know what a step of each program took in the run: a guess may be wrong by a factor of three."""
    for trial in trials:
        configuration = Configuration.from_json(json.loads(trial["configuration"]))
        known = trial["fold"] < len(problem.folds) and trial["epochs"] >= 1 and trial["seconds"] > 0
        if known:
            work = Work(trial["trial"], configuration, trial["fold"], trial["seed"], trial["until"], trial["rows"])
            steps = trial["epochs"] * session.steps(problem, work) / work.until
            session.costs.per_step[configuration.program] = trial["seconds"] / steps


@dataclass(frozen=True, slots=True)
class Best:
    """The best single network of a run."""

    name: str
    configuration: Configuration
    delivered: bool  # whether it is one of the networks that are delivered


def best_network(run: Past, trials: list[dict[str, Any]]) -> Best:
    """The network with the lowest dev cost, of those that the run trained in full on the most folds.

    Where networks are delivered it is one of them: a selection begins with the best.

    Args:
        run: The run.
        trials: Its trainings, as its database has them.

    Raises:
        ConfigError: It trained no network.
    """
    costs: dict[str, list[float]] = {}
    configurations: dict[str, Configuration] = {}
    for trial in trials:
        configuration = Configuration.from_json(json.loads(trial["configuration"]))
        whole = trial["until"] >= configuration.epochs and trial["ending"] in ("COMPLETED", "STOPPED_EARLY")
        if whole and trial["rows"] is None and trial["dev_loss"] is not None:
            key = trial["trial"].rpartition("-f")[0]
            costs.setdefault(key, []).append(trial["dev_loss"])
            configurations[key] = configuration
    if not costs:
        limit = "--time-limit" if run.settings.max_epochs is None else "--max-epochs"
        raise errors.ConfigError(
            f"The run in {run.folder.path} trained no network to its end.",
            "There is nothing to take apart.",
            f"Start a new run with a larger {limit}.",
        )
    folds = max(map(len, costs.values()))
    able = {key: float(np.mean(found)) for key, found in costs.items() if len(found) == folds}
    name = min(able, key=lambda key: (able[key], key))
    what = run.summary.delivered
    delivered = what is not None and what.what == "network"
    return Best(name, configurations[name], delivered)

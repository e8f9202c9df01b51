"""From what the stages found to the records of the report."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from burnish.diagnosis import budget
from burnish.diagnosis.finding import Finding
from burnish.report import summary as records
from burnish.tune import guarantee, importance, shape_table
from burnish.units import percent
from burnish.workflow import advising, budgeting, diagnosis, learning, picturing, prediction_rules
from burnish.workflow.baselines import Baselines
from burnish.workflow.candidates import Candidate
from burnish.workflow.diagnosis import Verdict
from burnish.workflow.finishing import Chosen, Finished
from burnish.workflow.improving import Improved, RoundMade
from burnish.workflow.learning import Learned
from burnish.workflow.problem import Problem
from burnish.workflow.reading import Loaded
from burnish.workflow.session import Session
from burnish.workflow.settings import CHOOSES_BY, STAND_INS
from burnish.workflow.tuning import Search

# How a coded category is called, and what an own model gets of it.
EMBEDDED, FLAGGED = "codes for a learned embedding of", "one flag for each level:"
# Rows of the test set (or of dev) that the report draws, at most: a scatter of more says no more.
DRAWN_ROWS = 2000
VERSIONED = ("burnish", "jax", "jaxlib", "numpy", "scikit-learn")
# The course's order of importance (techniques E1): α; then units, momentum, batch size; then depth, decay.
COURSE_ORDER = {"learning_rate": 1, "width": 2, "beta1": 2, "batch_size": 2, "depth": 3, "decay": 3}


@dataclass(frozen=True, slots=True)
class Networks:
    """What the stages that train networks found."""

    first: Verdict
    improved: Improved
    learned: Learned | None
    searched: Search | None
    chosen: Chosen


@dataclass(frozen=True, slots=True)
class Story:
    """What every stage found."""

    loaded: Loaded
    about_data: tuple[Finding, ...]
    problem: Problem
    baselines: Baselines
    networks: Networks | None  # None where the budget did not last for the first one
    finished: Finished


def summarise(session: Session, story: Story, *, run: records.Run) -> records.Summary:
    """All that the report, the JSON and the last lines say."""
    problem, finished = story.problem, story.finished
    told = records.Summary(
        run=run,
        task=_task(session, problem),
        rows=_rows(story),
        columns=_columns(story),
        rejects=tuple(records.RejectNote(r.line, r.column, r.reason, r.text) for r in story.loaded.table.rejects[:50]),
        audit=story.about_data,
        baselines=tuple(replace(one, excess=finished.excess.get(one.name)) for one in story.baselines.results),
        final=_final(problem, finished),
        predictions=_predictions(problem, finished),
        delivered=finished.delivered,
        advice=_advice(session, story),
        warnings=tuple(dict.fromkeys(session.warnings)),
        clock_decisions=_decisions(session),
        trials=session.trials,
        epochs=session.budget.epochs,
        reproduce=run.command,
    )
    if story.networks is not None:
        told = _with_networks(told, session, problem, story.networks, finished)
    chosen = None if story.networks is None else story.networks.chosen
    seed = session.settings.seed
    shown = prediction_rules.findings(problem, chosen, story.baselines, finished.delivered, seed=seed)
    own_groups = session.settings.group is not None
    pictures = picturing.pictures_of(problem, chosen, finished, own_groups=own_groups)
    return replace(told, findings=(*told.findings, *shown), pictures=pictures)


def _with_networks(
    told: records.Summary, session: Session, problem: Problem, networks: Networks, finished: Finished
) -> records.Summary:
    """The summary with what the networks' stages found."""
    learned, searched = networks.learned, networks.searched
    findings = (*networks.improved.verdict.findings, *networks.first.training)
    more = () if learned is None or learned.finding is None else (learned.finding,)
    last, baseline = networks.improved.verdict, session.settings.baseline_error
    delivered, overfitted = budgeting.of_delivered(problem, finished, last, baseline_error=baseline)
    improved = networks.improved
    spread = prediction_rules.of_seeds(problem, improved.name, improved.pool)
    return replace(
        told,
        first=_first(networks.first, problem.part),
        budgets=(*budgeting.of_networks(networks.first, last), delivered),
        findings=(*findings, *more, *overfitted, *spread),
        rounds=_rounds(networks.improved),
        experiments=_experiments(networks.improved),
        learning_curve=None if learned is None else _learning_curve(problem, learned),
        search=None if searched is None else _search(session, problem, searched),
        training=_training(networks.chosen),
    )


def _decisions(session: Session) -> tuple[str, ...]:
    if session.budget.limit is None:
        return ()
    return tuple(f"{name}: {_decided(value)}" for name, value in session.database.decisions())


def _decided(value: Any) -> str:
    """A decision's value as words: of several, a missing number of rows means all of them."""
    if isinstance(value, list):
        return ", ".join("all" if one is None else _decided(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def versions() -> tuple[tuple[str, str], ...]:
    """Of Python and of the packages that decide the numbers; one that runs from its source tree is not installed."""
    return (("python", platform.python_version()), *((name, _version(name)) for name in VERSIONED))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _task(session: Session, problem: Problem) -> records.Task:
    metric = problem.judge.metric
    return records.Task(
        problem.task,
        problem.judge.error_name,
        metric,
        classes=problem.target.classes,
        chosen_by=CHOOSES_BY[metric],
        stand_in=STAND_INS.get(metric, ""),
        positive=problem.target.why_positive(asked=session.settings.positive is not None),
    )


def _rows(story: Story) -> records.Rows:
    split, problem = story.problem.split, story.problem
    return records.Rows(
        read=problem.table.rows,
        rejected=story.loaded.records - problem.table.rows - story.loaded.without_target,
        train=len(split.primary.train),
        dev=len(problem.dev_rows(problem.screening)),
        train_dev=None if split.primary.train_dev is None else len(split.primary.train_dev),
        test=None if split.test is None else len(split.test),
        folds=split.screen,
        reason=split.reason,
        planned=problem.planned,
    )


def _columns(story: Story) -> tuple[records.ColumnNote, ...]:
    done = {entry["column"]: entry for entry in story.problem.folds[0].preparation.describe()}
    return tuple(
        records.ColumnNote(p.name, p.kind.value, p.reason, p.missing, _treatment(story.problem, done.get(p.name)))
        for p in story.problem.profiles
    )


def _treatment(problem: Problem, entry: dict[str, str] | None) -> str:
    """What became of a column; to an own model its codes are handed as flags."""
    made = "not an input" if entry is None else entry["treatment"]
    return made if problem.own is None else made.replace(EMBEDDED, FLAGGED)


def _first(verdict: Verdict, part: int | None) -> records.FirstNetwork:
    e = verdict.errors
    return records.FirstNetwork(verdict.candidate.configuration, e.train, e.dev, e.train_dev, part)


def _rounds(improved: Improved) -> tuple[records.Round, ...]:
    return tuple(
        records.Round(
            made.number,
            diagnosis.worth_saying(made.verdict.findings),
            _tried(made) + (f"kept: {made.kept.title}." if made.kept else "none kept."),
            made.verdict.errors.dev,
        )
        for made in improved.rounds
    )


def _tried(made: RoundMade) -> str:
    count = len(made.experiments)
    part = "" if made.part is None else f" on {made.part:,} of the training rows"
    return f"{count} {'remedy' if count == 1 else 'remedies'} tried{part}, "


def _learning_curve(problem: Problem, learned: Learned) -> records.LearningCurve:
    points = zip(learned.sizes, learned.errors, strict=True)
    beyond = learned.forecast.points.items()
    return records.LearningCurve(
        points=tuple(records.CurvePoint(size, error) for size, error in points),
        forecast=tuple(records.CurvePoint(round(m * learned.forecast.rows), point.error) for m, point in beyond),
        sentence=learning.sentence(learned.forecast, problem.judge.error_name),
    )


def _experiments(improved: Improved) -> tuple[records.ExperimentResult, ...]:
    return tuple(
        records.ExperimentResult(
            remedy=one.remedy,
            title=one.title,
            cause=one.cause,
            gain=one.gain,
            low=one.low,
            high=one.high,
            pairs=one.pairs,
            rows=one.rows,
            kept=one.kept,
            unit=one.unit,
            round=number,
        )
        for number, one in improved.experiments
    )


def _search(session: Session, problem: Problem, searched: Search) -> records.Search:
    full = sum(1 for d in searched.draws if d.random and d.full)
    return records.Search(
        draws=tuple(
            records.Draw(d.name, d.configuration.learning_rate, d.error, d.random, d.full) for d in searched.draws
        ),
        programs=searched.programs,
        guarantee=guarantee.statement(full) + _stability(searched, session.settings.seed),
        importance=_importance(searched, session.settings.seed),
        shapes=_shapes(problem, searched.survivors),
    )


def _stability(searched: Search, seed: int) -> str:
    if len(searched.survivors) < 2:
        return ""
    chance = guarantee.rank_stability(np.stack([c.losses for c in searched.survivors]), seed)
    count = len(searched.survivors)
    return f" Among the {count} trained to the end, the one that looks best is so with probability {percent(chance)}."


def _importance(searched: Search, seed: int) -> tuple[records.Importance, ...]:
    draws = [d for d in searched.draws if d.random]
    found = importance.importance([d.configuration for d in draws], [d.cost for d in draws], searched.space, seed=seed)
    return tuple(records.Importance(i.name, i.share, COURSE_ORDER.get(i.name)) for i in found.settings)


def _shapes(problem: Problem, survivors: Sequence[Candidate]) -> tuple[records.Shape, ...]:
    if problem.own is not None:
        return ()  # its layers are its own matter
    tried, weights, rows = [], None, problem.dev_rows(problem.screening)
    for candidate in survivors:
        dev = problem.judge.measured(candidate.dev, rows)
        weights = dev.weights
        widths = candidate.configuration.widths
        shape = problem.architecture(candidate.configuration)
        tried.append(shape_table.Tried(len(widths), round(np.mean(widths)), shape.parameters, dev.error))
    groups = problem.dev_groups(problem.screening)
    made = shape_table.table(tried, problem.judge.error_statistic, weights=weights, groups=groups)
    if made is None:
        return ()
    return tuple(records.Shape(c.depth, c.width, c.error, c.tried, c == made.smallest) for c in made.cells)


def _training(chosen: Chosen) -> tuple[records.TrainingCurve, ...]:
    return tuple(
        records.TrainingCurve(
            name=f"{candidate.name}, fold {outcome.work.fold + 1}",
            epoch=tuple(map(float, outcome.curve.epoch)),
            train=tuple(map(float, outcome.curve.train_loss)),
            dev=tuple(map(float, outcome.curve.dev_loss)),
            best_epoch=outcome.best_epoch,
        )
        for candidate, _ in chosen.members[:6]
        for outcome in candidate.outcomes[:2]
    )


def _final(problem: Problem, finished: Finished) -> records.Final:
    judged = finished.judged
    deviation = float(np.std(problem.judge.truth)) if problem.task == "regression" else None
    return records.Final(
        train=judged.train,
        dev=judged.dev,
        dev_raw=judged.dev_raw,
        train_dev=judged.train_dev,
        test=judged.test,
        test_metrics=finished.test_metrics,
        test_openings=0 if judged.test is None else 1,
        practical=budget.practical_size(judged.dev_raw.value, deviation),
        dev_rows=judged.dev_rows,
    )


def _predictions(problem: Problem, finished: Finished) -> records.Predictions:
    part, rows, predicted = finished.judged.part, finished.judged.rows, finished.judged.predictions
    shown = np.random.default_rng(0).permutation(len(rows))[:DRAWN_ROWS]
    return records.Predictions(
        part,
        tuple(float(v) for v in problem.judge.truth[rows[shown]]),
        tuple(tuple(float(v) for v in row) for row in predicted[shown]),
    )


def _advice(session: Session, story: Story) -> tuple[str, ...]:
    made, limit = story.networks, "--time-limit" if session.budget.max_epochs is None else "--max-epochs"
    ran = None if made is None else advising.Ran(made.improved, made.learned, story.problem, story.finished)
    return advising.advice(story.about_data, ran, limit=limit)

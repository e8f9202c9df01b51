"""Stages 4 and 5: prepare the folds on their training rows, and train the baselines on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish.data import deal, images
from burnish.data import split as splits
from burnish.data.fold import Split
from burnish.executors import fold_files
from burnish.model.own_model import OwnModel
from burnish.preprocess import padding, preparation
from burnish.preprocess import target as targets
from burnish.workflow import checking, own_check
from burnish.workflow import problem as problems
from burnish.workflow.events import Stage
from burnish.workflow.problem import Judge, PreparedFold, Problem
from burnish.workflow.reading import Loaded
from burnish.workflow.session import Session


def prepare(
    session: Session, loaded: Loaded, split: Split, *, copies: NDArray[np.int64] | None = None, roomy: bool = False
) -> Problem:
    """Stage 4: a preparation for each fold, fitted on its training rows; the screening folds are written.

    Args:
        session: Tells.
        loaded: All rows.
        split: Their parts.
        copies: Rows that are copies of one another share a number, shape (rows,); None: there are none.
        roomy: Networks have room for a few columns more, so that fits on like tables share compiled programs.
    """
    settings, table = session.settings, loaded.table
    target = table[loaded.target]
    exclude = tuple(name for name in (settings.weight, settings.group, settings.source) if name is not None)
    if loaded.images is not None:  # pixels are all that a network of images reads
        exclude = tuple(name for name in table.names if name != images.IMAGE)
    folds = []
    for number, fold in enumerate(split.folds):
        fitted = preparation.fit(table, fold.train, loaded.profiles, target=loaded.target, exclude=exclude)
        coding = targets.fit(target, fold.train, loaded.task, positive=settings.positive)
        folds.append(PreparedFold(fold, fitted, coding, problems.sample_of(fold, number, settings.seed)))
    weights = None if settings.weight is None else checking.weights(table, settings.weight)
    first = folds[0].target
    classification = loaded.task == "classification"
    truth = first.encode(target).astype(np.int64) if classification else first.units(target).astype(np.float64)
    judge_weights = weights
    if loaded.metric == "balanced_accuracy":
        share = np.bincount(truth, weights=weights, minlength=len(first.classes)) / len(truth)
        judge_weights = (1.0 / (len(first.classes) * share[truth])) * (1.0 if weights is None else weights)
    inputs = padding.pad([fold.preparation.inputs for fold in folds])
    groups = deal.joined(None if settings.group is None else splits.group_labels(table, settings.group), copies)
    problem = Problem(
        table=table,
        profiles=loaded.profiles,
        split=split,
        folds=tuple(folds),
        inputs=padding.roomy(inputs) if roomy else inputs,
        judge=Judge(loaded.task, loaded.metric, truth, judge_weights, groups, weights),
        own=settings.model,
    )
    said = first.why_positive(asked=settings.positive is not None)
    if said:
        session.say(Stage.PREPARE, said)
    for sentence in folds[0].preparation.warnings:
        session.say(Stage.PREPARE, sentence, warning=True)
    if settings.model is not None:
        _look_at(session, problem, settings.model)
    for number in problem.screening:
        write_fold(session, problem, number)
    if loaded.images is not None:
        session.say(Stage.PREPARE, "Pixels are standardised channel by channel, fitted on training images only.")
        return problem
    spec = problem.inputs
    how = "embedded" if problem.own is None else "one-hot"
    embedded = f", {len(spec.vocabularies)} {how} categories" if spec.vocabularies else ""
    session.say(
        Stage.PREPARE, f"{spec.numbers} continuous inputs, {spec.flags} flags{embedded}; fitted on training rows only."
    )
    return problem


def _look_at(session: Session, problem: Problem, own: OwnModel) -> None:
    """Refuse an own model that cannot be trained on these columns, before anything is; say what it is."""
    shape = own_check.check(own, problem.inputs, outputs=problem.outputs, task=problem.task)
    session.say(
        Stage.PREPARE,
        f"Your own model {own.name}: {shape.parameters:,} parameters in {len(shape.leaves)} arrays, "
        f"{shape.columns} columns in, {shape.outputs} out.",
    )


def write_fold(session: Session, problem: Problem, number: int, *, dealt_as: int | None = None) -> None:
    """Prepare all rows by this fold's preparation and put the fold where the workers read it.

    Args:
        session: Knows where.
        problem: The question.
        number: The fold.
        dealt_as: Its rows stand in the order of this fold, of which it is a variant; None: in one of its own.
    """
    fold = problem.folds[number]
    prepared = padding.widen(fold.preparation.transform(problem.table), fold.preparation.inputs, problem.inputs)
    data = problems.assemble(problem, number if dealt_as is None else dealt_as, prepared, session.settings.seed)
    fold_files.write(session.folder.scratch, number, data)

"""Stages 4 and 5: prepare the folds on their training rows, and train the baselines on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from burnish.data import deal, images, on_disk
from burnish.data import split as splits
from burnish.data.fold import Split
from burnish.data.images import ImageDataset
from burnish.data.inputs import Prepared
from burnish.data.on_disk import RowsOnDisk
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
from burnish.workflow.settings import Settings

# Bytes of pixels up to which each process that trains has its fold's in memory, and twice while they are put there.
# More are read from disk as they are needed, which costs a hundredth of a step: 128 images of 12 KB against 0.1 s.
PIXELS_IN_MEMORY = 1 << 30
# Share of a worker's part of --memory-limit that they may take: its programs and a step of a network of images of
# 64 x 64 pixels take most of a gigabyte.
SHARE_OF_PIXELS = 0.1
PIXELS_FILE = "pixels.npy"
# Folds that are prepared even where no time is left: with one alone nothing would tell how far models differ.
LEAST_FOLDS = 2


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
    planned, folds = split.screen, _folds(session, loaded, split, exclude)
    split = replace(split, folds=split.folds[: len(folds)], screen=min(planned, len(folds)))
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
        folds=folds,
        inputs=padding.roomy(inputs) if roomy else inputs,
        judge=Judge(loaded.task, loaded.metric, truth, judge_weights, groups, weights),
        own=settings.model,
        planned=planned if len(folds) < planned else None,
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
    if problem.planned is not None:
        rows = f"{len(problem.dev_rows(problem.screening)):,} dev rows"
        told = f"The time was up when {len(folds)} of {planned} folds were prepared: their {rows} judge all models."
        session.say(Stage.PREPARE, told, warning=True, lasting=True)
    for sentence in _of_columns(problem) if loaded.images is None else _of_pixels(loaded.images, settings):
        session.say(Stage.PREPARE, sentence)
    return problem


def _folds(session: Session, loaded: Loaded, split: Split, exclude: Collection[str]) -> tuple[PreparedFold, ...]:
    """Each fold with its preparation; only the first few, once all the time is used: nothing is trained then."""
    settings, folds = session.settings, list[PreparedFold]()

    def prepared() -> int:
        while len(folds) < len(split.folds) and (len(folds) < LEAST_FOLDS or session.budget.left(1.0) > 0):
            one_more()
        return len(folds)

    def one_more() -> None:
        number, fold = len(folds), split.folds[len(folds)]
        fitted = preparation.fit(loaded.table, fold.train, loaded.profiles, target=loaded.target, exclude=exclude)
        coding = targets.fit(loaded.table[loaded.target], fold.train, loaded.task, positive=settings.positive)
        folds.append(PreparedFold(fold, fitted, coding, problems.sample_of(fold, number, settings.seed)))

    for _ in range(session.budget.decide("folds prepared", prepared) - len(folds)):
        one_more()
    return tuple(folds)


def _of_columns(problem: Problem) -> Iterator[str]:
    """What networks read of a table."""
    spec = problem.inputs
    how = "embedded" if problem.own is None else "one-hot"
    embedded = f", {len(spec.vocabularies)} {how} categories" if spec.vocabularies else ""
    yield f"{spec.numbers} continuous inputs, {spec.flags} flags{embedded}; fitted on training rows only."


def _of_pixels(dataset: ImageDataset, settings: Settings) -> Iterator[str]:
    """What networks read of images, and from where."""
    yield "Pixels are standardised channel by channel, fitted on training images only."
    size = dataset.pixels.nbytes
    if size > pixels_in_memory(settings):
        yield f"They take {size / 2**30:,.2f} GiB and stay on disk: each training reads those of its next steps."


def _look_at(session: Session, problem: Problem, own: OwnModel) -> None:
    """Refuse an own model that cannot be trained on these columns, before anything is; say what it is."""
    shape = own_check.check(own, problem.inputs, outputs=problem.outputs, task=problem.task)
    session.say(
        Stage.PREPARE,
        f"Your own model {own.name}: {shape.parameters:,} parameters in {len(shape.leaves)} arrays, "
        f"{shape.columns} columns in, {shape.outputs} out.",
    )


def pixels_in_memory(settings: Settings) -> float:
    """Bytes of pixels up to which they are in the memory of each process that trains."""
    if settings.memory_limit is None:
        return PIXELS_IN_MEMORY
    return min(PIXELS_IN_MEMORY, SHARE_OF_PIXELS * settings.memory_limit / settings.workers)


def _on_disk(session: Session, pixels: NDArray[np.uint8]) -> RowsOnDisk:
    """The pixels where they were packed; those that came as an array are written beside the folds."""
    if not on_disk.is_mapped(pixels):
        path = session.folder.scratch / PIXELS_FILE
        if not path.exists():
            np.save(path.with_suffix(".part.npy"), pixels)
            path.with_suffix(".part.npy").rename(path)
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    return RowsOnDisk.of(pixels)  # type: ignore[arg-type]


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
    if problem.inputs.image is not None and prepared.x.nbytes > pixels_in_memory(session.settings):
        prepared = Prepared(_on_disk(session, prepared.x), prepared.codes)
    data = problems.assemble(problem, number if dealt_as is None else dealt_as, prepared, session.settings.seed)
    fold_files.write(session.folder.scratch, number, data)

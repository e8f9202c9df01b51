"""What the report of a run on images shows: the surest mistakes, what training saw, and near duplicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from burnish.data.images import IMAGE, is_images, pixels_of, row_names
from burnish.diagnosis.occlusion import occlusion
from burnish.model import image_augmentation, random_bits
from burnish.model.image_augmentation import Strengths
from burnish.predictor.simple import AnyPredictor
from burnish.report import pictures, wording
from burnish.report import summary as records
from burnish.train.configuration import Configuration
from burnish.units import percent
from burnish.workflow.finishing import Chosen, Finished
from burnish.workflow.problem import Problem

MISTAKES, EXPLAINED = 18, 6  # shown, and of these with what the answer rests on (some hundred predictions each)
SHEET, CHANGES = 6, 8  # images of the contact sheet, and changes of each
PAIRS = 8  # of near duplicates

# How each change is said, by its value.
SAID: dict[str, Callable[[float], str]] = {
    "flip": lambda by: f"mirrored left to right in {percent(by)} of the cases",
    "crop": lambda by: f"cropped by up to {percent(by)} of the sides",
    "rotation": lambda by: f"turned by up to {by:.0f}°",
    "shift": lambda by: f"moved by up to {percent(by)} of the side",
    "brightness": lambda by: f"made brighter or darker by up to {percent(by)}",
    "contrast": lambda by: f"changed in contrast by up to {percent(by)}",
    "cutout": lambda by: f"blanked out in a square of {percent(by)} of the side",
}


def pictures_of(
    problem: Problem, chosen: Chosen | None, finished: Finished, *, own_groups: bool = False
) -> records.Pictures | None:
    """The pictures of a run's report; None where its rows are no images.

    Args:
        problem: The question.
        chosen: The delivered networks, where there are some.
        finished: What is delivered.
        own_groups: The person said which rows belong together, so that groups are more than copies.
    """
    if not is_images(problem.table):
        return None
    pixels = pixels_of(problem.table[IMAGE])
    augmented: tuple[tuple[str, ...], ...] = ()
    said = ""
    if chosen is not None:
        augmented, said = _sheet(problem, pixels, [candidate.configuration for candidate, _ in chosen.members])
    near = () if own_groups else _near(problem, pixels)
    mistakes = _mistakes(problem, pixels, finished) if problem.task == "classification" else ()
    return records.Pictures(finished.judged.part, mistakes, augmented, said, near)


def _mistakes(problem: Problem, pixels: NDArray[np.uint8], finished: Finished) -> tuple[records.Mistake, ...]:
    """The rows that were surest and wrong, the surest first."""
    rows, predicted = finished.judged.rows, finished.judged.predictions
    said, truth = predicted.argmax(1), problem.judge.truth[rows].astype(np.int64)
    wrong = np.flatnonzero(said != truth)
    surest = wrong[np.argsort(-predicted[wrong].max(1), kind="stable")][:MISTAKES]
    names = row_names(problem.table)
    predict = partial(_predict, finished.predictor, problem)
    found = []
    for place, index in enumerate(surest):
        image, label = np.asarray(pixels[rows[index]]), int(said[index])
        carried = pictures.carried(image, occlusion(predict, image, label)) if place < EXPLAINED else ""
        sure = float(predicted[index, label])
        name = str(names[rows[index]])
        found.append(records.Mistake(name, pictures.png(image), int(truth[index]), label, sure, carried))
    return tuple(found)


def _predict(predictor: AnyPredictor, problem: Problem, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the delivered model says to these images."""
    table = problem.table.take(np.zeros(len(images), np.int64))
    columns = tuple(replace(c, values=images) if c.name == IMAGE else c for c in table.columns)
    return predictor.predict(replace(table, columns=columns))


def _sheet(
    problem: Problem, pixels: NDArray[np.uint8], configurations: list[Configuration]
) -> tuple[tuple[tuple[str, ...], ...], str]:
    """Some training images, each as it is and as training saw it; and what was done to them."""
    changed = [c for c in configurations if "images" in c.augmentations]
    mixed = [c for c in configurations if "mixup" in c.augmentations]
    if not changed:
        return (), ""
    strengths = Strengths(**{name: getattr(changed[0], name) for name in Strengths._fields})
    rows = problem.folds[0].rows.train
    chosen = np.sort(np.random.default_rng(0).permutation(rows)[:SHEET])
    images = np.asarray(pixels[chosen], np.float32)
    augment = jax.jit(image_augmentation.augment)
    seen = [augment(random_bits.stream(jnp.uint32(0), k), images, strengths) for k in range(CHANGES)]
    shown = [np.asarray(image).round().astype(np.uint8) for image in (images, *seen)]
    sheet = tuple(tuple(pictures.png(image[k]) for image in shown) for k in range(len(chosen)))
    done = [SAID[name](value) for name, value in strengths._asdict().items() if value > 0]
    said = f"Each training image was, anew in every step, {wording.listing(done)}."
    return sheet, said + (" Then it was mixed with another (mixup, not shown)." if mixed else "")


def _near(problem: Problem, pixels: NDArray[np.uint8]) -> tuple[records.Alike, ...]:
    """The first two images of each group of copies that are not equal in every pixel."""
    groups = problem.judge.groups
    if groups is None:
        return ()
    _, first, counts = np.unique(groups, return_index=True, return_counts=True)
    names, found = row_names(problem.table), []
    for row in first[counts > 1]:
        others = np.flatnonzero(groups == groups[row])
        unequal = [k for k in others[1:] if (pixels[k] != pixels[row]).any()]
        if unequal:
            a, b = int(row), int(unequal[0])
            images = pictures.png(np.asarray(pixels[a])), pictures.png(np.asarray(pixels[b]))
            found.append(records.Alike((str(names[a]), str(names[b])), images))
        if len(found) == PAIRS:
            break
    return tuple(found)

"""The jobs into which faults are planted: trainings of a second or two.

A job is a `Recipe`, whose fields are what a fault changes; `Recipe.subject()` is the training that is examined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import further
import numpy as np
from sklearn import datasets

from burnish.doctor.subject import Rows
from recipe import Recipe, split, standardised


def blobs(seed: int) -> Recipe:
    """J1: three Gaussian clusters in the plane."""
    x, y = datasets.make_blobs(1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    train, dev = standardised(*split(x, y, 700, seed))
    return Recipe(train, dev, (2, 16, 16, 3), "softmax", "sgd", 0.1, 20, seed=seed)


def blobs_100(seed: int) -> Recipe:
    """J1 × 100: the same clusters as they were drawn, times 100."""
    x, y = datasets.make_blobs(1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    train, dev = split(100 * x, y, 700, seed)
    return replace(blobs(seed), train=train, dev=dev)


def circles(seed: int) -> Recipe:
    """J2: one ring within another, which overlap; one logit."""
    x, y = datasets.make_circles(1000, noise=0.1, random_state=1)
    rows = Rows(x.astype(np.float32), y.astype(np.int32))
    train, dev = rows.take(slice(0, 700)), rows.take(slice(700, None))
    return Recipe(train, dev, (2, 32, 32, 1), "logistic", "adam", 0.005, 60, seed=seed)


def digits(seed: int) -> Recipe:
    """J3: handwritten digits of 8 × 8 points, each between 0 and 1."""
    x, y = datasets.load_digits(return_X_y=True)
    train, dev = split(x / 16, y, 1200, seed)
    return Recipe(train, dev, (64, 128, 64, 10), "softmax", "sgd", 0.1, 30, seed=seed)


def cancer(seed: int) -> Recipe:
    """J5: tumours by thirty measurements, standardised."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    train, dev = standardised(*split(x, y, 380, seed))
    return Recipe(train, dev, (30, 32, 16, 2), "softmax", "adam", 1e-3, 20, seed=seed)


def diabetes(seed: int) -> Recipe:
    """J8: a number with much noise that no model can avoid; standardised."""
    x, y = datasets.load_diabetes(return_X_y=True)
    train, dev = standardised(*split(x, y, 300, seed))
    mean, spread = train.y.mean(), train.y.std()
    scaled = (Rows(rows.x, (rows.y - mean) / spread) for rows in (train, dev))
    return Recipe(*scaled, (10, 16, 1), "squared", "adam", 1e-2, 15, seed=seed)


def mixture_rows(rows: int, seed: int, distance: float = 1.3) -> Rows:
    """J9's rows: four Gaussians of unit variance in eight inputs, whose centres have coordinates of this size."""
    rng = np.random.default_rng([9, seed])
    centres = np.random.default_rng(1).normal(size=(4, 8)) * distance
    y = rng.integers(0, 4, rows)
    return Rows((centres[y] + rng.normal(size=(rows, 8))).astype(np.float32), y.astype(np.int32))


def mixture(seed: int) -> Recipe:
    """J9: a mixture whose best possible error is known: the nearest centre is the best answer."""
    train, dev = mixture_rows(800, 2 * seed), mixture_rows(800, 2 * seed + 1)
    return Recipe(train, dev, (8, 32, 32, 4), "softmax", "adam", 3e-3, 10, seed=seed)


def deep_digits(seed: int) -> Recipe:
    """J10: digits through thirty layers."""
    return replace(digits(seed), sizes=(64, *(64,) * 29, 10), optimizer="adam", rate=3e-4, epochs=20)


JOBS: dict[str, Callable[[int], Recipe]] = {
    "J1": blobs,
    "J1x100": blobs_100,
    "J2": circles,
    "J3": digits,
    "J4": further.pictures,
    "J5": cancer,
    "J6": further.hotels,
    "J7": further.flights,
    "J8": diabetes,
    "J9": mixture,
    "J10": deep_digits,
}

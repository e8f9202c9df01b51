"""Healthy trainings, some of which are built to trip a published rule (named in the comment beside each)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import optax
import plants
from cases import Case, Plant
from designs import DESIGNS
from jobs import JOBS, mixture_rows

from burnish.doctor.subject import Rows
from recipe import Recipe

# Digits have so many; hidden layers are wider.
CLASSES = 10
# Standard deviations below which four of five normal numbers lie.
FOUR_OF_FIVE = 0.84


def _control(job: str, name: str, plant: Plant, *, admitted: bool = True) -> Case:
    return Case(f"{name} ({job})", job, plant, admitted=admitted)


def _as_it_is(recipe: Recipe) -> Recipe:
    return recipe


def _hard_task(recipe: Recipe) -> Recipe:
    """Two classes of which the best possible rule takes 42 % for the other: Φ(0.2) = 0.58."""
    rng = np.random.default_rng([5, recipe.seed])

    def rows(count: int) -> Rows:
        y = rng.integers(0, 2, count)
        x = rng.normal(size=(count, 8))
        x[:, 0] += 0.4 * y  # centres 0.4 sd apart: each is 0.2 sd from the border
        return Rows(x.astype(np.float32), y.astype(np.int32))

    return replace(recipe, train=rows(2000), dev=rows(2000), sizes=(8, 4, 2), rate=1e-3, epochs=3)


def _imbalanced(recipe: Recipe) -> Recipe:
    """One row of twenty of the second class, well apart."""
    rng = np.random.default_rng([12, recipe.seed])

    def rows(count: int) -> Rows:
        y = (rng.random(count) < 1 / 21).astype(np.int32)
        x = rng.normal(size=(count, 8)) + 1.2 * y[:, None]
        return Rows(x.astype(np.float32), y)

    return replace(recipe, train=rows(1000), dev=rows(1000), sizes=(8, 16, 2))


def _large_targets(recipe: Recipe) -> Recipe:
    """Targets as they are measured (loss above 1,000), with what scales them inside the network."""
    measured = plants.scaled_targets(77.0, 152.0)(recipe)
    return replace(measured, outputs=lambda z: 77.0 * z + 152.0)


def _sparse_layer(x: Any, w: Any, b: Any) -> Any:
    """Hidden units compete: of each row, some four of five lie below zero, and no unit is dead.

    By mean and deviation over the row, as of normal numbers: sorting takes ten times as long as the rest of a training.
    """
    z = x @ w + b
    if w.shape[1] <= CLASSES:
        return z
    return z - z.mean(axis=1, keepdims=True) - FOUR_OF_FIVE * z.std(axis=1, keepdims=True)


def _warm_up(recipe: Recipe) -> Recipe:
    steps = recipe.epochs * -(-len(recipe.train) // recipe.batch_size)
    schedule = optax.warmup_cosine_decay_schedule(0.0, recipe.rate, steps // 10, steps)
    return plants.subject(lambda given: replace(given, optimizer=optax.adam(schedule)))(recipe)


def _converged(recipe: Recipe) -> Recipe:
    """Clusters so far apart that the loss reaches zero."""
    rows = (mixture_rows(400, 2 * recipe.seed + part, 4.0) for part in (0, 1))
    train, dev = rows
    return replace(recipe, train=train, dev=dev, epochs=40)


NAMED = (
    _control(
        "J3", "H1 sparse activations", plants.settings(layer=_sparse_layer), admitted=False
    ),  # DeepDiagnosis: dead
    _control("J5", "H2 dev accuracy above 95 %", _as_it_is),  # UMLAUT: suspiciously good
    _control("J3", "H3 standardised inputs", plants.standardised_inputs),  # UMLAUT, DeepDiagnosis: outside [-1, 1]
    _control("J8", "H4 loss above 1,000", _large_targets),  # AutoTrainer: explosion
    _control("J9", "H5 best accuracy 0.58", _hard_task, admitted=False),  # AutoTrainer: slow convergence
    _control("J3", "H6 batches of 8", plants.settings(batch_size=8, rate=0.03, epochs=20)),  # AutoTrainer: oscillating
    _control("J9", "H7 converged", _converged, admitted=False),  # SageMaker, DeepDiagnosis: vanishing
    _control("J3", "H8 dropout 0.2", plants.settings(dropout=0.2)),  # UMLAUT: dev better than train
    _control("J2", "H9 bumps", plants.settings(rate=0.003, epochs=120)),  # UMLAUT: overfitting after one epoch
    _control("J3", "H10 SGD 0.05", plants.settings(rate=0.05)),  # UMLAUT: learning rate
    _control("J3", "H11 SGD 0.3", plants.settings(rate=0.3)),  # the edge of stability
    _control("J9", "H12 one of twenty", _imbalanced, admitted=False),  # SageMaker: class imbalance
)

VARIANTS = (
    *(_control(job, "as it is", _as_it_is) for job in JOBS if job not in ("J1x100", "J5")),
    _control("J3", "tanh, LeCun", plants.both(plants.settings(activation="tanh"), plants.he_times(2**-0.5))),
    _control("J3", "Adam 1e-3", plants.settings(optimizer="adam", rate=1e-3)),
    _control("J3", "batches of 64", plants.settings(batch_size=64, rate=0.2)),
    _control("J3", "L2 of 1e-5", plants.settings(penalty=1e-5)),
    _control("J3", "clipped at 5", plants.chained(optax.clip_by_global_norm(5.0))),
    _control("J9", "warm-up and decay", _warm_up),
    _control("J9", "half of He", plants.he_times(0.5)),
    _control("J9", "inputs x2", plants.scaled_inputs(2.0)),
    _control("J9", "not shuffled, in random order", plants.settings(shuffle=False)),
    _control("J9", "wider", plants.settings(sizes=(8, 128, 128, 4), rate=1e-3)),
    _control("J5", "smaller", plants.settings(sizes=(30, 16, 2), rate=3e-3)),
    _control("J8", "tanh, LeCun", plants.both(plants.settings(activation="tanh"), plants.he_times(2**-0.5))),
    _control("J2", "smaller steps", plants.settings(rate=0.003)),
    _control("J1", "batches of 16", plants.settings(batch_size=16, rate=0.05)),
)

CONTROLS = (*NAMED, *VARIANTS, *DESIGNS)

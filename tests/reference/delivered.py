"""Delivered models made up without training: two members behind two preparations, of every kind of network."""

from __future__ import annotations

import numpy as np

from burnish.data import kinds
from burnish.data.table import Column, Physical, Table
from burnish.model import initialise
from burnish.predictor import weights
from burnish.predictor.predictor import Member, Predictor
from burnish.preprocess import padding, preparation
from burnish.preprocess import target as targets
from burnish.train import hyperparameters
from burnish.train.configuration import Configuration
from burnish.train.fold_data import TargetScale

ROWS, LEVELS = 900, 40  # more levels than are made flags of, so that they are embedded

CONFIGURATIONS = {
    "plain": Configuration(widths=(8,)),
    "no hidden layer": Configuration(widths=()),
    "batch norm": Configuration(widths=(8, 6), norm="batch"),
    "bins": Configuration(widths=(8,), bins=6),
    "periodic": Configuration(widths=(8,), frequencies=3),
    "all": Configuration(widths=(8, 8), norm="batch", bins=4, frequencies=2, residual=True, activation="silu"),
}


def table(task: str, rows: int = ROWS, seed: int = 0) -> Table:
    """Numbers with gaps, few levels, many levels, a yes or no, and a target."""
    rng = np.random.default_rng(seed)
    number = rng.gamma(2.0, size=rows)
    number[rng.random(rows) < 0.1] = np.nan
    many = rng.integers(-1, LEVELS, rows).astype(np.int32)
    columns = [
        Column("number", Physical.NUMBER, number),
        Column("other", Physical.NUMBER, rng.normal(size=rows)),
        Column("few", Physical.TEXT, rng.integers(0, 3, rows).astype(np.int32), ("p", "q", "r")),
        Column("many", Physical.TEXT, many, tuple(f"level{k:02d}" for k in range(LEVELS))),
        Column("yes", Physical.BOOLEAN, rng.integers(0, 2, rows).astype(np.float64)),
    ]
    if task == "regression":
        target = Column("target", Physical.NUMBER, 1e6 + 1e5 * rng.normal(size=rows))
    else:
        target = Column("target", Physical.TEXT, rng.integers(0, 3, rows).astype(np.int32), ("01", "1", "élan"))
    return Table("made-up", (*columns, target), np.arange(rows))


def networks(task: str, configuration: Configuration) -> tuple[Predictor, Table]:
    """Two members behind two preparations that saw other rows; weights and averages drawn at random."""
    known = table(task)
    profiles = kinds.profile(known, target="target")
    parts = (np.arange(0, 600), np.arange(250, ROWS))
    preparations = tuple(preparation.fit(known, rows, profiles, target="target") for rows in parts)
    coding = targets.fit(known["target"], parts[0], task)
    inputs = padding.pad([made.inputs for made in preparations])
    outputs_wanted = len(coding.classes) if task == "classification" else 1
    shape = hyperparameters.architecture(configuration, inputs, outputs=outputs_wanted, task=task)
    scale = TargetScale(coding.mean, coding.std, coding.low, coding.high) if task == "regression" else TargetScale()
    rng = np.random.default_rng(7)
    members = []
    for index in range(2):
        flat = weights.flatten(initialise.parameters(shape, index), initialise.statistics(shape))
        for name in flat:
            if not name.startswith("output.w"):
                flat[name] = np.abs(rng.normal(size=flat[name].shape)).astype(np.float32) + 0.1
        members.append(Member(index, shape, scale, (0.25, 0.75)[index], flat))
    return Predictor(coding, preparations, tuple(members)), known

"""Remedies of images by experiment: what changes the label is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import datasets

from burnish.data.inputs import InputSpec, Prepared
from burnish.executors import fold_files, trainer
from burnish.model import convolution, convolution_lax
from burnish.recipe import experiment, of_images
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Work

TRAIN, DEV, CLASSES, EPOCHS = 500, 600, 10, 15
CONTROL = Configuration(
    widths=(8, 16), norm="batch", batch_size=32, learning_rate=0.01, decay="one_cycle", epochs=EPOCHS
)


def digits() -> FoldData:
    """Scikit-learn's digits; their sides say which is which."""
    found = datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))

    def part(rows: np.ndarray) -> Part:
        x = np.round(found.images[rows] * (255 / 16)).astype(np.uint8)[..., None]
        inputs = Prepared(x, np.zeros((len(rows), 0), np.int32))
        return Part(inputs, found.target[rows].astype(np.int32), np.ones(len(rows), np.float32))

    train, dev = part(order[:TRAIN]), part(order[TRAIN : TRAIN + DEV])
    half = np.arange(DEV) % 2 == 0
    inputs = InputSpec(0, image=train.inputs.x.shape[1:])
    return FoldData(inputs, "classification", CLASSES, TargetScale(), train, dev, half, dev.inputs, DEV)


@pytest.mark.slow
def test_mirrors_are_refused_where_they_make_another_thing_of_an_image(tmp_path, monkeypatch):
    """Mirrored digits are no digits: over six paired starts the loss rises, surely, and the remedy is not kept."""
    monkeypatch.setattr(convolution, "form", lambda: convolution_lax)
    fold = digits()
    fold_files.write(tmp_path, 0, fold)
    executor = trainer.Trainer(tmp_path, tmp_path)

    def losses(name: str, configuration: Configuration) -> np.ndarray:
        seeds = range(experiment.CONFIRMING_SEEDS)
        dev = [executor.run(Work(f"{name}{s}", configuration, 0, s, EPOCHS)).dev for s in seeds]
        return np.stack([-np.log(np.maximum(p[np.arange(DEV), fold.dev.y], 1e-6)) for p in dev])

    mirrored = of_images.mirrored(CONTROL)
    assert mirrored == replace(CONTROL, flip=of_images.FLIP)
    control, treated = losses("control", CONTROL), losses("flip", mirrored)
    found = experiment.judge("flip", control, treated, alpha=experiment.ALPHA, statistic="mean", unit="nats")

    assert control.mean() < 0.5
    assert not found.kept
    assert found.high < 0

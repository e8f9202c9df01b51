"""Pixels on disk train as pixels in memory do, to the bit, and only what is asked for is read."""

from __future__ import annotations

import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest

from burnish.data.inputs import Prepared
from burnish.data.on_disk import RowsOnDisk
from burnish.executors import fold_files, streaming, trainer, trials
from burnish.model import convolution, convolution_lax, convolution_planes
from burnish.predictor import weights
from burnish.preprocess import images as preprocess
from burnish.train.fold_data import FoldData, Part
from burnish.train.work import Ending, Outcome, Work
from reference import tiny_images

AUGMENTED = replace(tiny_images.SMALL, **tiny_images.AUGMENTED, cutout=0.2, dropout=0.1, mixup=0.2)


def on_disk(fold: FoldData, path) -> FoldData:
    """The same fold, its pixels in one file in another order."""
    parts = {"train": fold.train.inputs.x, "dev": fold.dev.inputs.x, "probe": fold.probe.x}
    sizes = np.cumsum([0, *map(len, parts.values())])
    order = np.random.default_rng(0).permutation(sizes[-1])
    whole = np.empty((sizes[-1], *fold.train.inputs.x.shape[1:]), np.uint8)
    whole[order] = np.concatenate(list(parts.values()))
    np.save(path / "pixels.npy", whole)
    rows = RowsOnDisk.of(np.load(path / "pixels.npy", mmap_mode="r"))
    train, dev, probe = (rows.take(order[a:b]) for a, b in itertools.pairwise(sizes))

    def part(of: Part, x: RowsOnDisk) -> Part:
        return replace(of, inputs=Prepared(x, of.inputs.codes))

    return replace(
        fold, train=part(fold.train, train), dev=part(fold.dev, dev), probe=Prepared(probe, fold.probe.codes)
    )


def answers(outcome: Outcome) -> dict[str, object]:
    curve = {name: getattr(outcome.curve, name) for name in outcome.curve.__slots__}
    return {
        "dev": outcome.dev,
        "train": outcome.train,
        "best": outcome.dev_loss,
        **curve,
        **weights.load(outcome.weights),
    }


@pytest.fixture
def both(tmp_path, monkeypatch):
    """`both(fold, work)`: the outcome with pixels in memory, and with pixels on disk and two steps handed at a time."""
    monkeypatch.setattr(convolution, "form", lambda: convolution_lax)  # the form that compiles quickly

    def call(fold: FoldData, work: Work) -> tuple[Outcome, Outcome]:
        monkeypatch.setattr(streaming, "HANDED", 2 * work.configuration.batch_size * fold.train.inputs.x[0].size)
        found = []
        for name, made in (("memory", fold), ("disk", on_disk(fold, tmp_path))):
            fold_files.write(tmp_path / name, 0, made)
            (tmp_path / f"{name}-state").mkdir()
            found.append(trainer.Trainer(tmp_path / name, tmp_path / f"{name}-state").run(work))
        return found[0], found[1]

    return call


def assert_same(disk: Outcome, memory: Outcome) -> None:
    jax.tree.map(np.testing.assert_array_equal, answers(disk), answers(memory))


def test_pixels_on_disk_train_to_the_same_bits(both):
    """Augmented, with dropout and batch norm and a smaller last mini-batch; what is seen of its steps too."""
    memory, disk = both(tiny_images.fold(), Work("a", AUGMENTED, 0, 3, 6, observed=True))

    assert_same(disk, memory)
    np.testing.assert_array_equal(disk.telemetry.gradient, memory.telemetry.gradient)


def test_moments_of_pixels_are_counted_block_by_block_to_the_same_bits(tmp_path, monkeypatch):
    fold = tiny_images.fold()
    expected = preprocess.moments(fold.train.inputs.x)
    monkeypatch.setattr(preprocess, "COUNTED", 20)

    for x in (fold.train.inputs.x, on_disk(fold, tmp_path).train.inputs.x):
        jax.tree.map(np.testing.assert_array_equal, preprocess.moments(x), expected)


@pytest.mark.slow
def test_dev_rows_of_many_blocks_are_judged_to_the_same_bits(both, monkeypatch):
    monkeypatch.setattr(streaming, "EVALUATED", 2)
    memory, disk = both(tiny_images.fold(dev=600), Work("a", tiny_images.SMALL, 0, 3, 2))

    assert_same(disk, memory)


def test_a_part_of_the_rows_trains_to_the_same_bits(both):
    """As for a learning curve; rows beyond the part are rows of the fold, those beyond the fold are padding."""
    memory, disk = both(tiny_images.fold(), Work("a", AUGMENTED, 0, 3, 6, rows=35))

    assert_same(disk, memory)


def test_a_training_that_was_interrupted_goes_on_to_the_same_bits(both, monkeypatch, tmp_path):
    fold, work = tiny_images.fold(), Work("a", AUGMENTED, 0, 3, 6)
    memory, _ = both(fold, work)
    monkeypatch.setattr(trials, "FIRST_SLICE_STEPS", 3)
    again = trainer.Trainer(tmp_path / "disk", tmp_path / "disk-state")
    first = again.run(replace(work, trial="b"), lambda: True)

    assert first.ending is Ending.INTERRUPTED
    assert_same(again.run(replace(work, trial="b")), memory)


@pytest.mark.slow
def test_the_form_of_processors_trains_to_the_same_bits_too(both, monkeypatch):
    monkeypatch.setattr(convolution, "form", lambda: convolution_planes)
    memory, disk = both(tiny_images.fold(dev=300), Work("a", AUGMENTED, 0, 3, 2))

    assert_same(disk, memory)

"""Images through the same slice as tables: cut anywhere, one program for all strengths, memory, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from burnish.executors import fold_files, trainer, trials
from burnish.model import convolution, convolution_lax, convolution_planes
from burnish.model.architecture import Convolution
from burnish.predictor import shapes, weights
from burnish.preprocess import images
from burnish.train import hyperparameters, packing, slice
from burnish.train.work import Ending, Work
from reference import tiny_images

SEED, STEPS = 3, 6 * 6
AUGMENTED = replace(tiny_images.SMALL, **tiny_images.AUGMENTED, cutout=0.2, dropout=0.1, mixup=0.2)


def test_images_train_from_any_strengths_with_one_program(compilations, monkeypatch):
    """Cut anywhere it is the same to the bit; other strengths compile nothing, and act."""
    monkeypatch.setattr(convolution, "form", lambda: convolution_lax)  # the form that compiles quickly
    fold = tiny_images.fold()
    shape = hyperparameters.architecture(AUGMENTED, fold.inputs, outputs=fold.outputs, task=fold.task)
    hp, data = hyperparameters.hyperparameters(AUGMENTED, SEED), packing.pack(fold)
    moments = images.moments(fold.train.inputs.x)
    state = slice.start(shape, trials.start_parameters(AUGMENTED, shape, SEED, moments), len(data.dev.y))
    program = jax.jit(partial(slice.train_slice, shape))

    whole = program(hp, state, data, np.int32(STEPS)).state
    pieces = program(hp, program(hp, state, data, np.int32(8)).state, data, np.int32(STEPS)).state
    before = compilations()
    other = hyperparameters.hyperparameters(replace(AUGMENTED, rotation=0.0, cutout=0.0), SEED)
    unlike = program(other, state, data, np.int32(STEPS)).state
    assert compilations() == before

    jax.tree.map(np.testing.assert_array_equal, pieces, whole)
    assert data.train.x.dtype == np.uint8
    assert np.abs(unlike.params["output"]["w"] - whole.params["output"]["w"]).max() > 1e-4
    jax.tree.map(np.testing.assert_array_equal, whole.params["pixels"], moments)  # data: nothing moves them


@pytest.mark.parametrize("form", [convolution_planes, convolution_lax])
def test_many_networks_of_images_are_one_program(form, monkeypatch):
    """Mapped over trials, as an accelerator does it, either form can be traced."""
    monkeypatch.setattr(convolution, "form", lambda: form)
    fold = tiny_images.fold()
    shape = hyperparameters.architecture(AUGMENTED, fold.inputs, outputs=fold.outputs, task=fold.task)
    data = packing.pack(fold)
    state = slice.start(shape, trials.start_parameters(AUGMENTED, shape, SEED), len(data.dev.y))
    hp, states = jax.tree.map(
        lambda leaf: np.stack([leaf] * 3), (hyperparameters.hyperparameters(AUGMENTED, SEED), state)
    )
    over = jax.vmap(partial(slice.train_slice, shape), in_axes=(0, 0, None, 0, None))

    made = jax.eval_shape(over, hp, states, data, np.full(3, STEPS, np.int32), np.bool_(True))
    assert made.probe_output.shape == (3, 32, fold.outputs)


def test_a_network_of_images_is_written_and_read_as_json():
    """The same record comes back."""
    shape = Convolution(tiny_images.fold().inputs, 2, "classification", (4, 8), "relu", "batch", True, 16, ("images",))

    assert shapes.from_json(shapes.to_json(shape), None) == shape


@pytest.mark.slow
def test_a_worker_trains_pauses_and_goes_on(tmp_path):
    """From folds on disk, mapped; in two pieces as in one to the bit; it learns bars; its weights are read again."""
    fold_files.write(tmp_path, 0, tiny_images.fold())
    shared = trainer.Trainer(tmp_path, tmp_path)
    longer = replace(tiny_images.SMALL, epochs=20)

    def run(name: str, until: int):
        return shared.run(Work(name, longer, fold=0, seed=SEED, until=until))

    whole, paused, pieces = run("whole", 20), run("pieces", 7), run("pieces", 20)
    assert [outcome.ending for outcome in (whole, paused)] == [Ending.COMPLETED, Ending.PAUSED]
    np.testing.assert_array_equal(whole.dev, pieces.dev)
    np.testing.assert_array_equal(whole.curve.dev_loss, pieces.curve.dev_loss)
    right = (whole.dev.argmax(1) == tiny_images.fold().dev.y).mean()
    assert right > 0.9

    fold = fold_files.read(tmp_path, 0)
    shape = hyperparameters.architecture(longer, fold.inputs, outputs=fold.outputs, task=fold.task)
    params, seen = weights.unflatten(shape, weights.load(tmp_path / "whole.safetensors"))
    z = convolution.apply_evaluation(shape, params, seen, fold.probe.x, fold.probe.codes)
    np.testing.assert_array_equal(np.asarray(z).argmax(1), whole.train.argmax(1))

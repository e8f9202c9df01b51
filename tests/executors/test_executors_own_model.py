"""A person's own model in worker processes: the same bits as anywhere, and what fails there is said."""

from __future__ import annotations

import pickle
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.data.inputs import InputSpec, Prepared
from burnish.errors import ConfigError
from burnish.executors import accelerator, devices, fold_files, pool, trainer
from burnish.load import own_models
from burnish.model.own_model import OwnModel
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Work


def init(key, inputs, outputs):
    return {"w": jax.random.normal(key, (inputs, outputs)), "b": jnp.zeros(outputs)}


def apply(params, x, *, key=None):
    h = x if key is None else jnp.where(jax.random.bernoulli(key, 0.8, x.shape), x / 0.8, 0.0)
    return h @ params["w"] + params["b"]


def works(*seeds: int) -> list[Work]:
    configuration = Configuration(
        model="mine", widths=(), batch_size=16, epochs=6, learning_rate=1e-2, weight_decay=0.1
    )
    return [Work(f"t{seed}", configuration, 0, seed, 6) for seed in seeds]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 3)).astype(np.float32), rng.integers(0, 2, 50).astype(np.int32)

    def part(rows: slice) -> Part:
        return Part(
            Prepared(x[rows], np.zeros((len(x[rows]), 0), np.int32)), y[rows], np.ones(len(x[rows]), np.float32)
        )

    train, dev = part(slice(34)), part(slice(34, 50))
    fold = FoldData(
        InputSpec(3), "classification", 2, TargetScale(), train, dev, np.arange(16) % 2 == 0, dev.inputs, 16
    )
    fold_files.write(tmp_path, 0, fold)
    return tmp_path


def test_worker_gives_the_bits_of_this_process(folder):
    """Functions handed over by value train as they do here, dropout and decay included."""
    model = OwnModel(init, apply, "mine")
    here = [trainer.Trainer(folder, folder, own=model).run(work) for work in works(1, 2)]

    packed = own_models.packed(model)
    with pool.Pool(folder, folder, jobs=1, cache=folder / "cache", own=packed) as execute:
        there = sorted(execute(works(1, 2)), key=lambda outcome: outcome.work.trial)

    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.dev, other.dev)
        np.testing.assert_array_equal(one.curve.dev_loss, other.curve.dev_loss)
    assert np.abs(here[0].dev - here[1].dev).max() > 0


@pytest.mark.slow
def test_many_at_once_agree_with_each_alone(folder):
    """An own model is stacked like any network: its trials agree to rounding with each by itself."""
    model = OwnModel(init, apply, "mine")
    alone = [trainer.Trainer(folder, folder, own=model).run(work) for work in works(1, 2)]

    with accelerator.Accelerator(folder, folder, devices=devices.found("cpu"), own=model) as execute:
        together = sorted(execute(works(1, 2)), key=lambda outcome: outcome.work.trial)

    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.dev, other.dev, atol=1e-4)


def odd_init(key, inputs, outputs):
    raise AssertionError("not in this process")


def no_model():
    raise AssertionError("no model here")


@pytest.mark.parametrize(
    "made", [pickle.dumps(no_model), own_models.packed(OwnModel(odd_init, apply, "mine"))], ids=["making", "training"]
)
def test_model_that_fails_in_a_worker_is_said(folder, made):
    """Whether it cannot be made there or fails there, whatever it raises: three lines with what to do."""
    with (
        pool.Pool(folder, folder, jobs=1, cache=folder / "cache", own=made) as execute,
        pytest.raises(ConfigError, match="fails in a worker process") as caught,
    ):
        list(execute(works(1)))
    assert "AssertionError: " in caught.value.why
    assert "FILE.py:NAME" in caught.value.remedy

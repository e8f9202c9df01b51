"""The main job on a person's own model: everything is trained, kept, delivered and used again, and no code is kept."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from burnish import errors
from burnish.data.inputs import InputSpec
from burnish.load import own_models
from burnish.recipe import ablations, remedies
from burnish.report import render, wording
from burnish.train.configuration import OF_THE_PERCEPTRON, Configuration
from burnish.tune import sampler, space
from burnish.workflow import applying, improve, reading, settings, start
from burnish.workflow.leaving import Result

CODE = """
import jax, jax.numpy as jnp

def init(key, inputs, outputs):
    one, other = jax.random.split(key)
    return {"in": jax.random.normal(one, (inputs, 8)) / jnp.sqrt(inputs),
            "out": {"w": jax.random.normal(other, (8, outputs)) / 3, "b": jnp.zeros(outputs)}}

def apply(params, x, *, key=None):
    h = jnp.tanh(x @ params["in"])
    if key is not None:
        h = jnp.where(jax.random.bernoulli(key, 0.9, h.shape), h / 0.9, 0.0)
    return h @ params["out"]["w"] + params["out"]["b"]

model = (init, apply)
"""
OWN = Configuration(model="mine.py:model", widths=())
START = Configuration(batch_size=32, epochs=60, learning_rate=3e-2)


def houses(rows: int = 160) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    area, town = rng.normal(size=rows), rng.choice(["north", "south", "west"], rows)
    price = np.round(20 + 6 * area**2 + 3 * (town == "south") + rng.normal(size=rows), 4)
    return pd.DataFrame({"area": area.round(6), "town": town, "price": price})


def run(path: Path, *, model: Any = None, first_only: bool = True, **asked: Any) -> Result:
    table = path / "houses.csv"
    houses().to_csv(table, index=False)
    given = {"target": "price", "start": START, "folds": 2, "model": model or f"{path / 'mine.py'}:model", **asked}
    manner = improve.Manner(in_process=True, yardstick=False, first_only=first_only)
    request = improve.Request(reading.Sources(table), settings.make(**given), out=path / "run", manner=manner)
    return improve.run(request)


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Result:
    path = tmp_path_factory.mktemp("own")
    (path / "mine.py").write_text(CODE)
    return run(path)


def test_own_model_is_what_is_delivered(ran):
    """The networks are the person's, and the report calls them so; nothing speaks of layers that it does not have."""
    summary = ran.summary
    page = render.render(summary)

    assert summary.delivered.what == "network"
    assert summary.delivered.parameters == 2 * (4 * 8 + 8 + 1)  # two folds; three flags beside the number
    assert summary.first.configuration.model == "mine.py:model"
    assert "An ensemble of 2 networks of your own model mine.py:model with" in wording.model_sentence(summary)
    assert "Your own model, mine.py:model" in page
    assert "hidden layer" not in page


def test_model_folder_holds_data_and_no_code(ran):
    """Arrays by their paths in safetensors; JSON that names the file and its digest."""
    model = json.loads((ran.path / "model" / "model.json").read_text())

    left = sorted(path.name for path in (ran.path / "model").iterdir())
    assert left == ["model.json", "networks.safetensors", "rows.safetensors"]
    assert model["own_model"]["name"] == "mine.py:model"
    assert len(model["own_model"]["digest"]) == 64
    assert set(model["members"][0]["architecture"]["leaves"]) == {"in", "out.w", "out.b"}
    assert "tanh" not in json.dumps(model)


def test_saved_model_predicts_the_same_bits(ran):
    """Through the recorded file, through the file named again, and through the functions themselves."""
    expected = ran.predict(houses())
    own = own_models.of(f"{ran.path.parent / 'mine.py'}:model")

    for given in (None, f"{ran.path.parent / 'mine.py'}:model", (own.init, own.apply)):
        found = applying.Model(applying.model_in(ran.path, model=given)).predict(houses())
        np.testing.assert_array_equal(found, expected)


def test_saved_model_refuses_other_functions(ran):
    """Another shape is another model."""

    def init(key, inputs, outputs):
        return {"w": np.zeros((inputs, outputs))}

    with pytest.raises(errors.ConfigError, match="not those that the model was trained with") as caught:
        applying.model_in(ran.path, model=(init, lambda params, x: x @ params["w"]))
    assert "out.w (8, 1)" in caught.value.why


def test_saved_model_refuses_functions_that_fit_and_compute_something_else(ran, tmp_path):
    """The arrays fit, the digest is not looked at where a file is named: made-up rows tell."""
    (tmp_path / "mine.py").write_text(CODE.replace("jnp.tanh", "jnp.sin"))
    with pytest.raises(errors.ConfigError, match="not those that the model was trained with") as caught:
        applying.model_in(ran.path, model=f"{tmp_path / 'mine.py'}:model")
    assert "made-up rows" in caught.value.why
    (tmp_path / "same.py").write_text(CODE + "# with another comment\n")
    assert applying.model_in(ran.path, model=f"{tmp_path / 'same.py'}:model").members


def test_functions_in_memory_have_to_be_given_again(tmp_path):
    """A run on a pair of functions delivers; its folder alone does not, and says how."""
    (tmp_path / "mine.py").write_text(CODE)
    own = own_models.of(f"{tmp_path / 'mine.py'}:model")
    result = run(tmp_path, model=(own.init, own.apply))

    with pytest.raises(errors.ConfigError, match="has to be given again") as caught:
        applying.model_in(result.path)
    assert "--model FILE.py:NAME" in caught.value.remedy
    assert applying.model_in(result.path, model=(own.init, own.apply)).members


def test_refused_model_leaves_nothing_behind(tmp_path):
    """A model that mixes rows ends the run before anything is trained."""
    (tmp_path / "mine.py").write_text(CODE.replace("jnp.tanh(x @ params", "jnp.tanh((x - x.mean(0)) @ params"))
    with pytest.raises(errors.ConfigError, match="mixes rows"):
        run(tmp_path)
    assert not (tmp_path / "run").exists()


def test_start_that_builds_a_network_is_refused(tmp_path):
    """Widths, activations and the like are the model's own."""
    (tmp_path / "mine.py").write_text(CODE)
    with pytest.raises(errors.ConfigError, match="--start sets widths"):
        run(tmp_path, start=replace(START, widths=(64, 64), norm="batch"))


def changed(before: Configuration, after: Configuration) -> set[str]:
    return {field.name for field in fields(before) if getattr(before, field.name) != getattr(after, field.name)}


@pytest.mark.parametrize("remedy", remedies.REMEDIES, ids=lambda remedy: remedy.name)
def test_remedy_leaves_alone_what_is_the_models_own(remedy):
    """No remedy touches a field that only burnish's network has."""
    after = remedy.change(OWN)

    assert after is None or not changed(OWN, after) & set(OF_THE_PERCEPTRON)


def test_some_remedies_are_left():
    """Rates, schedules, penalties, batches and epochs are outside of the model."""
    able = {remedy.name for remedy in remedies.REMEDIES if remedy.change(OWN) is not None}

    assert able >= {
        "faster",
        "slower",
        "longer",
        "weight-decay",
        "l2",
        "input-noise",
        "mixup",
        "early-stopping",
        "smaller-batch",
    }
    assert not able & {"wider", "deeper", "periodic", "batch-norm", "dropout", "gelu", "residual"}


def test_search_draws_only_what_applies():
    """Scales, draws and importance have no layers; learning rates reach down to where transformers train."""
    free = space.default("classification", 500, InputSpec(4), centre=OWN)
    draws = sampler.random(free.within(sampler.programs(free, 4, OWN)), 40, seed=0)

    assert not set(free.names) & {"width", "depth", "norm", "activation", "residual", "bins", "dropout"}
    assert {draw.model for draw in draws} == {"mine.py:model"}
    assert all(not changed(OWN, draw) & set(OF_THE_PERCEPTRON) for draw in draws)
    assert min(draw.learning_rate for draw in draws) < 5e-4


def test_ablation_says_what_is_the_models_own():
    """Layers, batch norm, bins and starting weights are left out with the reason; the rest is taken away."""
    found, missing = ablations.techniques(ablations.Network(OWN, numbers=3))

    assert {title for title, why in missing if why == ablations.OWN_MATTER} >= {
        "Dropout", "Batch normalisation", "Binned inputs", "Initialisation: He", "Initialisation: zeros",
    }  # fmt: skip
    assert {one.name for one in found} >= {"weight-decay", "decay", "momentum", "normalisation", "input-noise", "mixup"}
    for one in found:
        assert all(not changed(OWN, arm.configuration) & set(OF_THE_PERCEPTRON) for arm in one.arms)


@pytest.mark.slow
def test_whole_job_runs_on_an_own_model_and_one_worker_gives_the_bits_of_two(tmp_path):
    """Remedies, search, rotations and an average in worker processes; resume finds nothing to do."""
    results = []
    for jobs in (1, 2):
        path = tmp_path / str(jobs)
        path.mkdir()
        (path / "mine.py").write_text(CODE)
        houses(400).to_csv(path / "houses.csv", index=False)
        given = {"target": "price", "start": replace(START, epochs=20), "folds": 2, "max_epochs": 5_000, "jobs": jobs}
        asked = settings.make(model=f"{path / 'mine.py'}:model", **given)
        sources = reading.Sources(path / "houses.csv")
        manner = improve.Manner(yardstick=False)
        results.append(improve.run(improve.Request(sources, asked, out=path / "run", manner=manner)))
    one, two = (result.summary for result in results)

    assert one.experiments
    assert one.experiments == two.experiments
    assert one.search is not None
    assert one.search.shapes == ()
    assert one.final == two.final
    assert not {item.name for item in one.search.importance} & {"width", "depth", "dropout"}
    np.testing.assert_array_equal(results[0].predict(houses()), results[1].predict(houses()))


def test_first_network_is_plain():
    """Where nobody says: Adam at 0.001, nothing that regularises, epochs and mini-batches of any first network."""
    own = own_models.of((len, len))
    problem = SimpleNamespace(training_rows=500, task="classification", own=own)

    made = start.configuration(problem, None)

    assert (made.optimizer, made.learning_rate, made.model) == ("adam", 1e-3, own.name)
    assert (made.l2, made.weight_decay, made.label_smoothing, made.input_noise, made.mixup) == (0.0,) * 5
    assert made.epochs == start.epochs("classification", 500, made.batch_size)
    assert made.patience >= start.LEAST_PATIENCE

"""The delivered model: what was saved is what is loaded, to the bit, and a row is answered alike wherever it stands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from burnish import errors
from burnish.baseline import fitted, linear
from burnish.data import kinds
from burnish.data.table import Column, Physical, Table
from burnish.model import convolution, convolution_lax, network
from burnish.predictor import outputs, predictor, simple, weights
from burnish.predictor.predictor import Predictor
from burnish.predictor.simple import SimplePredictor
from burnish.preprocess import padding, preparation
from burnish.preprocess import target as targets
from burnish.train import hyperparameters
from burnish.train.fold_data import TargetScale
from reference import tiny_images
from reference.delivered import CONFIGURATIONS, ROWS, networks, table


def saved(model: Predictor | SimplePredictor, folder: Path) -> Predictor | SimplePredictor:
    folder.mkdir()
    model.save(folder)
    return simple.load(folder)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_networks_come_back_to_the_bit(task, name, tmp_path):
    """Embeddings, batch norm's averages, bins, frequencies: every array, and so every prediction."""
    model, known = networks(task, CONFIGURATIONS[name])
    again = saved(model, tmp_path / "model")

    assert again.target == model.target
    assert again.preparations == model.preparations
    for one, other in zip(model.members, again.members, strict=True):
        assert replace(one, arrays={}) == replace(other, arrays={})
        assert one.arrays.keys() == other.arrays.keys()
        for array in one.arrays:
            np.testing.assert_array_equal(one.arrays[array], other.arrays[array], strict=True)
    np.testing.assert_array_equal(model.predict(known), again.predict(known), strict=True)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_predictions_are_the_mean_of_what_the_networks_say(task):
    """Each member behind its own preparation, with its share; probabilities, or units within the range of training."""
    model, known = networks(task, CONFIGURATIONS["all"])
    expected = 0.0
    for member in model.members:
        made = model.preparations[member.preparation]
        prepared = padding.widen(made.transform(known), made.inputs, member.architecture.inputs)
        params, statistics = weights.unflatten(member.architecture, member.arrays)
        z = np.asarray(network.apply_evaluation(member.architecture, params, statistics, prepared.x, prepared.codes))
        expected = expected + member.share * outputs.predictions(z, task, member.scale).astype(np.float64)
    found = model.predict(known)

    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    if task == "classification":
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    else:
        scale = model.members[0].scale
        assert scale.low * (1 - 1e-6) <= found.min() < found.max() <= scale.high * (1 + 1e-6)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_row_is_answered_alike_wherever_it_stands(task):
    """Alone, among others, in another order, beyond the first chunk of rows."""
    model, known = networks(task, CONFIGURATIONS["all"])
    order = np.random.default_rng(1).permutation(ROWS)
    many = known.take(np.resize(np.arange(ROWS), predictor.CHUNK + 500))
    found = model.predict(known)
    close = {"rtol": 1e-6, "atol": 1e-9}  # a matrix product may sum in another order for other numbers of rows

    np.testing.assert_allclose(model.predict(known.take(order)), found[order], **close)
    np.testing.assert_allclose(model.predict(known.take(np.array([17]))), found[[17]], **close)
    np.testing.assert_allclose(model.predict(many), np.resize(found, (predictor.CHUNK + 500, found.shape[1])), **close)


def test_any_number_of_images_is_predicted_by_one_program(compilations, monkeypatch):
    """To compile a network of images takes many seconds, of which a run has few left when it predicts."""
    monkeypatch.setattr(convolution, "form", lambda: convolution_lax)  # the form that compiles quickly
    fold = tiny_images.fold(rows=300)
    images = fold.train.inputs
    shape = hyperparameters.architecture(tiny_images.SMALL, fold.inputs, outputs=fold.outputs, task=fold.task)
    arrays = weights.flatten(convolution.parameters(shape, 0), convolution.statistics(shape))
    member = predictor.Member(0, shape, TargetScale(), 1.0, arrays)
    whole = predictor.apply(member, images, fold.task)
    before = compilations()
    few = predictor.apply(member, images.first(7), fold.task)

    assert compilations() == before
    np.testing.assert_allclose(few, whole[:7], rtol=1e-6)


def test_no_rows_give_no_predictions():
    """Of the right width."""
    model, known = networks("classification", CONFIGURATIONS["plain"])

    assert model.predict(known.take(np.zeros(0, np.int64))).shape == (0, 3)


def test_levels_that_training_did_not_see_are_answered():
    """New ones take one place, whatever they are called; missing ones another."""
    model, known = networks("classification", CONFIGURATIONS["all"])
    one = known.take(np.arange(3))
    names = {column.name: column for column in one.columns}
    strange = replace(names["many"], values=np.array([0, 1, -1], np.int32), levels=("new", "newer"))
    asked = replace(one, columns=tuple(strange if c.name == "many" else c for c in one.columns[:-1]))
    same_row = asked.take(np.array([0, 0]))
    mixed = replace(names["many"], values=np.array([0, 1], np.int32), levels=("new", "newer"))
    swapped = replace(same_row, columns=tuple(mixed if c.name == "many" else c for c in same_row.columns))
    found = model.predict(swapped)

    assert np.isfinite(model.predict(asked)).all()
    np.testing.assert_array_equal(found[0], found[1])


def test_the_order_of_the_columns_and_further_columns_do_not_matter():
    """Columns are found by name; the target need not be there."""
    model, known = networks("regression", CONFIGURATIONS["all"])
    further = Column("further", Physical.NUMBER, np.zeros(ROWS))
    shuffled = replace(known, columns=(further, *reversed(known.columns[:-1])))

    np.testing.assert_array_equal(model.predict(shuffled), model.predict(known))


def test_a_missing_column_is_named():
    """With the nearest name there is."""
    model, known = networks("regression", CONFIGURATIONS["plain"])

    with pytest.raises(errors.DataError, match="many"):
        model.predict(known.drop("many"))


@pytest.mark.parametrize(
    ("setting", "value"), [("jax_numpy_rank_promotion", "raise"), ("jax_numpy_dtype_promotion", "strict")]
)
def test_what_a_process_has_set_for_jax_does_not_matter(setting, value):
    """A model is used where other things are done with JAX, under rules of their own."""
    model, known = networks("classification", CONFIGURATIONS["all"])
    few = known.take(np.arange(3))
    expected, before = model.predict(few), getattr(jax.config, setting)
    predictor._PROGRAMS.clear()  # so that it is traced under those rules
    jax.config.update(setting, value)
    try:
        found = model.predict(few)
    finally:
        jax.config.update(setting, before)

    np.testing.assert_array_equal(found, expected)


def test_a_model_folder_holds_data_and_no_code(tmp_path):
    """Strict JSON and safetensors, nothing that runs when it is read."""
    model, _ = networks("classification", CONFIGURATIONS["all"])
    saved(model, tmp_path / "model")
    files = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}

    assert files.keys() == {predictor.MODEL_FILE, predictor.WEIGHTS_FILE}
    document = json.loads(files[predictor.MODEL_FILE], parse_constant=pytest.fail)  # no NaN, no Infinity
    assert document["format_version"] == predictor.FORMAT_VERSION
    # A safetensors file begins with the length of its JSON header.
    length = int.from_bytes(files[predictor.WEIGHTS_FILE][:8], "little")
    header = json.loads(files[predictor.WEIGHTS_FILE][8 : 8 + length])
    assert {entry["dtype"] for name, entry in header.items() if name != "__metadata__"} == {"F32"}


def simple_model(task: str, form: str) -> tuple[SimplePredictor, Table]:
    """Two folds' baselines, fitted on real rows."""
    known = table(task)
    profiles = kinds.profile(known, target="target")
    parts = (np.arange(0, 600), np.arange(250, ROWS))
    preparations = tuple(preparation.fit(known, rows, profiles, target="target") for rows in parts)
    coding = targets.fit(known["target"], parts[0], task)
    inputs = padding.pad([made.inputs for made in preparations])
    classes = len(coding.classes) or None
    y = coding.encode(known["target"]) if classes else coding.units(known["target"])
    models = []
    for rows, made in zip(parts, preparations, strict=True):
        if form == "linear":
            prepared = padding.widen(made.transform(known.take(rows)), made.inputs, inputs)
            models.append(linear.linear(prepared, y[rows], classes=classes, seed=0))
        else:
            models.append(fitted.majority(y[rows], None, classes) if classes else fitted.mean(y[rows], None))
    return SimplePredictor(coding, preparations, tuple(models), inputs), known


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("form", ["linear", "constant"])
def test_simple_models_come_back_to_the_bit(task, form, tmp_path):
    """Every coefficient, every prediction; no weights file beside."""
    model, known = simple_model(task, form)
    again = saved(model, tmp_path / "model")
    order = np.random.default_rng(1).permutation(ROWS)
    found = model.predict(known)

    assert isinstance(again, SimplePredictor)
    np.testing.assert_array_equal(again.predict(known), found, strict=True)
    np.testing.assert_allclose(again.predict(known.take(order)), found[order], rtol=1e-12)
    np.testing.assert_allclose(found, (model.predict_by(0, known) + model.predict_by(1, known)) / 2, rtol=1e-12)
    assert [path.name for path in (tmp_path / "model").iterdir()] == [predictor.MODEL_FILE]


def test_readers_are_told_how_to_give_columns():
    """The target of a classification as text, so that "01" is not 1; a number's as it is."""
    classes, _ = networks("classification", CONFIGURATIONS["plain"])
    numbers, _ = simple_model("regression", "linear")

    assert classes.schema["many"] is Physical.TEXT
    assert classes.schema["yes"] is Physical.BOOLEAN
    assert "target" not in classes.schema
    assert classes.target_schema == {"target": Physical.TEXT}
    assert numbers.target_schema == {}


def spoil_version(folder: Path) -> None:
    path = folder / predictor.MODEL_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))


def spoil_weights(folder: Path) -> None:
    flat = weights.load(folder / predictor.WEIGHTS_FILE)
    weights.save(folder / predictor.WEIGHTS_FILE, {**flat, "0.output.b": np.zeros(7, np.float32)})


def lose_an_array(folder: Path) -> None:
    flat = weights.load(folder / predictor.WEIGHTS_FILE)
    del flat["1.hidden.0.w"]
    weights.save(folder / predictor.WEIGHTS_FILE, flat)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / predictor.MODEL_FILE).unlink(), "no model"),
        (lambda folder: (folder / predictor.MODEL_FILE).write_text("{"), "cannot be read"),
        (lambda folder: (folder / predictor.MODEL_FILE).write_text("[]"), "format version"),
        (spoil_version, "version 99"),
        (lambda folder: (folder / predictor.WEIGHTS_FILE).unlink(), "cannot be read"),
        (lambda folder: (folder / predictor.WEIGHTS_FILE).write_bytes(b"\x08\0\0\0\0\0\0\0notjson!"), "cannot be read"),
        (spoil_weights, "output.b.*shape"),
        (lose_an_array, "hidden.0.w.*missing"),
    ],
)
def test_a_damaged_model_is_refused_with_the_reason(spoil, says, tmp_path):
    """Nothing is predicted with weights that do not belong."""
    model, _ = networks("regression", CONFIGURATIONS["plain"])
    saved(model, tmp_path / "model")
    spoil(tmp_path / "model")

    with pytest.raises(errors.BurnishError, match=says):
        simple.load(tmp_path / "model")

"""An ONNX file predicts what its model predicts: every kind of network, column and simple model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from burnish import errors
from burnish.baseline import fitted, linear
from burnish.data.table import Column, Physical, Table
from burnish.export import columns, model
from burnish.export.graph import Graph
from burnish.predictor.simple import SimplePredictor
from burnish.preprocess import dates, numbers
from burnish.preprocess.preparation import Preparation
from burnish.train.configuration import Configuration
from reference.delivered import CONFIGURATIONS, networks

ACTIVATIONS = ("relu", "gelu", "silu", "tanh", "selu", "leaky_relu", "identity")


def run(data: bytes, table: Table) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_outputs()]
    return dict(zip(names, session.run(names, model.feed(table, session)), strict=True))


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_file_predicts_what_its_model_predicts(kind, task, tmp_path):
    """On rows of a table: gaps, few levels, many levels, a yes or no; two folds with other levels, averaged."""
    made, table = networks(task, CONFIGURATIONS[kind])
    checked = model.write(made, tmp_path / "m.onnx")
    wanted = made.predict(table)

    found = run((tmp_path / "m.onnx").read_bytes(), table)

    assert checked.difference <= model.TOLERANCE * checked.scale
    if task == "regression":
        np.testing.assert_allclose(found["prediction"], wanted, rtol=1e-5)
    else:
        np.testing.assert_allclose(found["probabilities"], wanted, atol=5e-5)
        assert [str(label) for label in found["label"]] == [made.target.classes[k] for k in wanted.argmax(1)]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_written(activation):
    made, table = networks("regression", Configuration(widths=(8, 8), activation=activation))

    found = run(model.build(made).SerializeToString(), table)["prediction"]

    np.testing.assert_allclose(found, made.predict(table), rtol=1e-5)


def scaled(scaling: numbers.Scaling, values: np.ndarray) -> np.ndarray:
    """What the graph of one column of numbers gives."""
    graph, out = Graph(), columns.Prepared()
    plan = Preparation((numbers.NumberPlan("x", scaling, True),), (Physical.NUMBER,), (), 1)
    out = columns.prepared(graph, plan)
    made = graph.finish([("number", out.numbers[0], 1, (1,)), ("flag", out.flags[0], 1, (1,))], "")
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    number, flag = session.run(None, {"x": values[:, None]})
    assert (flag[:, 0] == np.isnan(values)).all()
    return number[:, 0]


@pytest.mark.parametrize("rule", ["plain", "signed_log", "smooth_clip", "none"])
def test_numbers_are_scaled_as_in_training_however_far_out(rule):
    scaling = numbers.Scaling(rule, 3.0, 0.5, 0.1, 1.7, "")
    far = np.array([0.0, 1e-300, 1e5, 1e31, 1e99, 1e101, 1e300, np.finfo(float).max])
    values = np.concatenate([far, -far, [np.nan], np.random.default_rng(0).standard_cauchy(500)])

    np.testing.assert_allclose(scaled(scaling, values), scaling.apply(values).astype(np.float32), rtol=1e-6, atol=1e-7)


def test_the_calendar_is_right_on_every_day_of_six_centuries():
    """Leap years of 4, 100 and 400 years, before 1970 and after; and at the ends of days."""
    days = np.arange(-150_000, 80_000, dtype=np.float64)
    seconds = np.concatenate([days * dates.DAY, days[::50] * dates.DAY - 1, [np.nan, 1e15, -1e15]])
    plain = numbers.Scaling("none", 0.0, 1.0, 0.0, 1.0, "")
    parts = dict(dates.parts_of(seconds))
    plan = dates.DatePlan("when", tuple((name, plain) for name in parts if name != "trend"), False)
    graph = Graph()
    out = columns.prepared(graph, Preparation((plan,), (Physical.DATE,), (), 1))
    names = [name for name, _ in plan.parts]
    made = graph.finish([(f"part{k}", out.numbers[k], 1, (1,)) for k in range(len(names))], "")
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])

    for name, found in zip(names, session.run(None, {"when": seconds[:, None]}), strict=True):
        wanted = np.where(np.isnan(parts[name]), 0.0, parts[name])
        np.testing.assert_allclose(found[:, 0], wanted, atol=2e-7, err_msg=name)


def test_a_category_written_as_numbers_is_compared_as_numbers():
    made, table = networks("classification", CONFIGURATIONS["plain"])
    codes = np.where(table["many"].values < 0, np.nan, table["many"].values.astype(float) / 4)
    column = Column("many", Physical.NUMBER, codes)
    preparations = []
    for preparation in made.preparations:
        plans = [
            replace(plan, levels=tuple(repr(int(level[-2:]) / 4) for level in plan.levels))
            if plan.name == "many"
            else plan
            for plan in preparation.plans
        ]
        physical = tuple(
            Physical.NUMBER if plan.name == "many" else p for plan, p in zip(plans, preparation.physical, strict=True)
        )
        preparations.append(replace(preparation, plans=tuple(plans), physical=physical))
    made = replace(made, preparations=tuple(preparations))
    table = replace(table, columns=tuple(column if c.name == "many" else c for c in table.columns))

    found = run(model.build(made).SerializeToString(), table)["probabilities"]

    whole = np.isnan(codes) | (codes % 1 != 0)  # a model's own text of 3.0 is "3", which these levels are not
    np.testing.assert_allclose(found[whole], made.predict(table)[whole], atol=1e-5)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("kind", ["linear", "constant"])
def test_simple_models_are_written_too(kind, task):
    network, table = networks(task, CONFIGURATIONS["plain"])
    inputs = network.members[0].architecture.inputs
    outputs = len(network.target.classes) or 1
    rng = np.random.default_rng(1)
    models = []
    for _ in network.preparations:
        if kind == "constant":
            shares = rng.dirichlet(np.ones(outputs)) if outputs > 1 else rng.normal(size=1)
            models.append(fitted.Fitted("constant", fitted.Constant(tuple(shares))))
            continue
        tables = tuple(rng.normal(size=(size - 3, outputs)) for size in inputs.vocabularies)
        parts = rng.normal(size=(inputs.width, outputs)), tables, rng.normal(size=outputs)
        models.append(fitted.Fitted("linear", linear.Linear(*parts, softmax=task == "classification")))
    made = SimplePredictor(network.target, network.preparations, tuple(models), inputs)

    found = run(model.build(made).SerializeToString(), table)

    np.testing.assert_allclose(found.get("probabilities", found.get("prediction")), made.predict(table), atol=1e-6)


def test_a_file_that_would_predict_something_else_is_not_written(tmp_path, monkeypatch):
    made, _ = networks("regression", CONFIGURATIONS["plain"])
    monkeypatch.setattr(model, "build", lambda _: REAL(replace(made, members=made.members[::-1])))
    swapped = replace(made, members=tuple(replace(m, share=1 - m.share) for m in made.members))

    with pytest.raises(errors.StoreError, match="would not predict"):
        model.write(swapped, tmp_path / "m.onnx")

    assert not (tmp_path / "m.onnx").exists()


REAL = model.build


def test_one_row_and_no_row_go_through():
    made, table = networks("classification", CONFIGURATIONS["all"])
    data = model.build(made).SerializeToString()

    for rows in (1, 0):
        part = table.take(np.arange(rows))
        assert run(data, part)["probabilities"].shape == (rows, 3)


def test_the_file_says_what_it_is():
    made, _ = networks("classification", CONFIGURATIONS["plain"])
    proto = model.build(made)

    onnx.checker.check_model(proto, full_check=True)
    assert proto.producer_name == "burnish"
    assert "predicts target from 5 columns" in proto.doc_string
    assert {given.name for given in proto.graph.input} == {"number", "other", "few", "many", "yes"}


def test_a_yes_or_no_used_as_a_category_is_refused_by_name():
    made, _ = networks("classification", CONFIGURATIONS["plain"])
    places = [
        Physical.BOOLEAN if plan.name == "few" else physical
        for plan, physical in zip(made.preparations[0].plans, made.preparations[0].physical, strict=True)
    ]
    odd = replace(made, preparations=(replace(made.preparations[0], physical=tuple(places)), made.preparations[1]))

    with pytest.raises(errors.ConfigError, match="'few'"):
        model.build(odd)

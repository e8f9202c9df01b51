"""Writes concrete.json and vehicle.json: summaries with measured numbers, for the tests and for looking at the page.

scikit-learn's networks stand in for burnish's, so that the page can be worked on without a run; about a minute.
Usage: python tests/report/make_summaries.py
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import dummy, ensemble, linear_model, model_selection, neural_network, pipeline, preprocessing

from burnish.diagnosis.finding import Finding, Severity
from burnish.report import summary as records
from burnish.stats.interval import Interval, difference, loss_difference, proportion, rmse
from burnish.stats.prediction import of_fresh_rows
from burnish.train.configuration import Configuration

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
RATES = np.geomspace(1e-4, 0.1, 24)


@dataclass(frozen=True, slots=True)
class Part:
    x: NDArray
    y: NDArray


@dataclass(frozen=True, slots=True)
class Problem:
    task: records.Task
    train: Part
    dev: Part
    test: Part

    def network(self, hidden=(64, 64), rate=1e-3, epochs=60, alpha=1e-4, seed=0):
        kind = neural_network.MLPClassifier if self.task.shares else neural_network.MLPRegressor
        model = kind(
            hidden_layer_sizes=hidden,
            learning_rate_init=rate,
            max_iter=epochs,
            alpha=alpha,
            random_state=seed,
            batch_size=64,
        )
        return self.fit(model)

    def fit(self, model, rows=None):
        model = pipeline.make_pipeline(preprocessing.StandardScaler(), model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the number of epochs is what is wanted, not convergence
            return model.fit(self.train.x[:rows], self.train.y[:rows])

    def losses(self, predicted, part):
        return (predicted != part.y).astype(float) if self.task.shares else (predicted - part.y) ** 2

    def judge(self, losses):
        return proportion(losses.sum(), len(losses)) if self.task.shares else rmse(losses)

    def error(self, model, part):
        return self.judge(self.losses(model.predict(part.x), part))

    @property
    def statistic(self):
        return "error" if self.task.shares else "rmse"


def load(name: str, target: str, unit: str) -> tuple[Problem, pd.DataFrame]:
    frame = pd.read_csv(EXAMPLES / f"{name}.csv")
    shares = not pd.api.types.is_numeric_dtype(frame[target])
    y = frame[target].astype("category").cat.codes.to_numpy() if shares else frame[target].to_numpy(float)
    x = frame.drop(columns=target).to_numpy(float)
    rest, test = model_selection.train_test_split(
        np.arange(len(y)), test_size=0.2, random_state=0, stratify=y if shares else None
    )
    train, dev = model_selection.train_test_split(
        rest, test_size=0.25, random_state=0, stratify=y[rest] if shares else None
    )
    classes = tuple(map(str, frame[target].astype("category").cat.categories)) if shares else ()
    kinds = ("classification", "misclassification rate", "log_loss") if shares else ("regression", "RMSE", "rmse")
    task = records.Task(*kinds, unit="" if shares else unit, classes=classes)
    return Problem(task, *(Part(x[rows], y[rows]) for rows in (train, dev, test))), frame


def baselines(problem: Problem) -> tuple[records.BaselineResult, ...]:
    if problem.task.shares:
        models = {
            "majority class": dummy.DummyClassifier(),
            "linear": linear_model.LogisticRegression(),
            "boosting": ensemble.HistGradientBoostingClassifier(),
        }
    else:
        models = {
            "mean": dummy.DummyRegressor(),
            "linear": linear_model.Ridge(),
            "boosting": ensemble.HistGradientBoostingRegressor(),
        }
    seconds = {"linear": 0.12, "boosting": 1.31}
    fitted = {name: problem.fit(model) for name, model in models.items()}
    return tuple(
        records.BaselineResult(
            name, problem.error(m, problem.dev), problem.error(m, problem.test), seconds.get(name, 0.0)
        )
        for name, m in fitted.items()
    )


REMEDIES = (
    ("longer", "Train four times as long", "avoidable bias", {"epochs": 240}),
    ("wider", "Twice the units per layer", "avoidable bias", {"hidden": (128, 128)}),
    ("deeper", "One more hidden layer", "avoidable bias", {"hidden": (64, 64, 64)}),
    ("higher_rate", "Three times the learning rate", "avoidable bias", {"rate": 3e-3}),
    ("l2", "L2 regularisation, a hundred times stronger", "variance", {"alpha": 1e-2}),
)


def experiments(problem: Problem, seeds: int = 6) -> tuple[records.ExperimentResult, ...]:
    unit = "%" if problem.task.shares else problem.task.unit
    control = [
        problem.judge(problem.losses(problem.network(seed=s).predict(problem.dev.x), problem.dev)).value
        for s in range(seeds)
    ]
    done = []
    for code, title, cause, change in REMEDIES:
        models = [problem.network(seed=s, **change) for s in range(seeds)]
        gains = np.array(control) - [problem.error(m, problem.dev).value for m in models]
        half = 4.0 * gains.std(ddof=1) / np.sqrt(seeds) + 0.01 * control[0]
        low, high = gains.mean() - half, gains.mean() + half
        done.append(
            records.ExperimentResult(
                code, title, cause, float(gains.mean()), low, high, seeds, len(problem.dev.y), low > 0, unit
            )
        )
    return tuple(done)


def learning_curve(problem: Problem) -> records.LearningCurve:
    points = []
    for size in (int(len(problem.train.y) / 2 ** (k / 2)) for k in range(4, -1, -1)):
        model = problem.fit(problem.network(epochs=1).steps[-1][1].set_params(max_iter=240), rows=size)
        some = Part(problem.train.x[:size], problem.train.y[:size])
        points.append(records.CurvePoint(size, problem.error(model, problem.dev), problem.error(model, some)))
    last = points[-1].dev
    ahead = tuple(
        records.CurvePoint(points[-1].rows * k, Interval(last.value * f, last.low * f * 0.93, last.high * f * 1.07))
        for k, f in ((2, 0.87), (4, 0.77))
    )
    return records.LearningCurve(
        tuple(points), ahead, "Twice the rows would lower the dev error by about 13 % (forecast)."
    )


def search(problem: Problem) -> tuple[records.Search, list]:
    generator = np.random.default_rng(0)
    draws, models = [], []
    for index, rate in enumerate(generator.permutation(RATES)):
        model = problem.network(rate=float(rate), epochs=80 if index % 3 else 12, hidden=(64, 64), seed=index)
        draws.append(
            records.Draw(
                f"tune-{index:03}", float(rate), problem.error(model, problem.dev).value, index < 18, index % 3 > 0
            )
        )
        models.append(model)
    shapes, best = [], None
    for depth in (1, 2, 3):
        for width in (32, 64, 128):
            error = problem.error(problem.network(hidden=(width,) * depth, rate=5e-3, epochs=100), problem.dev)
            shapes.append(records.Shape(depth, width, error, 3))
    best = min(shapes, key=lambda s: s.dev.value).dev
    small = next(s for s in sorted(shapes, key=lambda s: s.width * s.depth) if s.dev.value < best.high)
    importance = (
        records.Importance("learning rate α", Interval(0.52, 0.39, 0.63), 1),
        records.Importance("units per layer", Interval(0.14, 0.05, 0.24), 2),
        records.Importance("batch size", Interval(0.11, 0.02, 0.2), 2),
        records.Importance("number of layers", Interval(0.07, 0.0, 0.15), 3),
        records.Importance("dropout", Interval(0.05, 0.0, 0.12)),
    )
    guarantee = (
        "With probability 0.85 at least one of the 18 independent draws trained in full lies in the best 10 % of "
        "what was sampled; whether it was also picked depends on the noise of dev, and nothing guarantees the best "
        "architecture."
    )
    marked = tuple(records.Shape(s.depth, s.width, s.dev, s.trials, s is small) for s in shapes)
    return records.Search(tuple(draws), 9, guarantee, importance, marked), models


def training(problem: Problem, members: int = 4) -> tuple[list, tuple[records.TrainingCurve, ...]]:
    scaler = preprocessing.StandardScaler().fit(problem.train.x)
    scale = 1.0 if problem.task.shares else problem.train.y.std()
    models, curves = [], []
    for seed in range(members):
        model = problem.network(seed=seed, rate=4e-3, epochs=1).steps[-1][1]
        train, dev = [], []
        for _ in range(120):
            model.partial_fit(scaler.transform(problem.train.x), problem.train.y)
            for part, costs in ((problem.train, train), (problem.dev, dev)):
                if problem.task.shares:
                    chance = model.predict_proba(scaler.transform(part.x))[np.arange(len(part.y)), part.y]
                    costs.append(float(-np.log(np.clip(chance, 1e-6, 1)).mean()))
                else:
                    residual = (model.predict(scaler.transform(part.x)) - part.y) / scale
                    costs.append(float((residual**2).mean()))
        best = float(np.argmin(dev) + 1)
        epochs = tuple(float(e) for e in range(1, 121))
        curves.append(records.TrainingCurve(f"final-{seed}", epochs, tuple(train), tuple(dev), best))
        models.append(lambda x, m=model: (m.predict_proba if problem.task.shares else m.predict)(scaler.transform(x)))
    return models, tuple(curves)


def final(problem: Problem, models: list) -> tuple[records.Final, records.Predictions]:
    def together(part):
        return np.mean([m(part.x) for m in models], axis=0)

    def losses(part):
        answer = together(part)
        return problem.losses(answer.argmax(axis=1) if problem.task.shares else answer, part)

    judged = {name: problem.judge(losses(getattr(problem, name))) for name in ("train", "dev", "test")}
    raw, found = judged["dev"], of_fresh_rows(losses(problem.dev), problem.statistic, rows=len(problem.test.y))
    promise = Interval(found.value * 1.04, found.low * 1.04, found.high * 1.04)
    answer = together(problem.test)
    if problem.task.shares:
        cost = -np.log(answer[np.arange(len(answer)), problem.test.y])
        metrics = (records.Metric("log_loss", _mean(cost)),)
    else:
        metrics = (records.Metric("mae", _mean(np.abs(answer - problem.test.y)), problem.task.unit),)
    rows = records.Predictions(
        "test",
        tuple(float(v) for v in problem.test.y),
        tuple(tuple(float(round(v, 4)) for v in np.atleast_1d(row)) for row in answer),
    )
    return records.Final(judged["train"], promise, raw, test=judged["test"], test_metrics=metrics), rows


def _mean(values: NDArray) -> Interval:
    half = 1.97 * values.std(ddof=1) / np.sqrt(len(values))
    return Interval(float(values.mean()), float(values.mean() - half), float(values.mean() + half))


def budget(problem: Problem, of: str, train: Interval, dev: Interval, gap: Interval, floor: Interval) -> records.Budget:
    small = 0.1 * dev.value
    bias = difference(train, Interval(floor.value, floor.value, floor.value))
    gaps = (
        records.Gap("avoidable bias", bias, bias.low > small, small),
        records.Gap("variance", gap, gap.low > small, small),
    )
    names = [g.name for g in gaps if g.found]
    verdict = f"{of.capitalize()} has {' and '.join(f'high {n}' for n in names)}." if names else "Neither gap is large."
    return records.Budget(of, floor, "the range from 0 to the best of the simple models on dev", gaps, verdict)


def make(name: str, target: str, unit: str = "") -> None:
    problem, frame = load(name, target, unit)
    simple = baselines(problem)
    start = problem.network()
    first = records.FirstNetwork(
        Configuration(widths=(64, 64), batch_size=64, epochs=60),
        problem.error(start, problem.train),
        problem.error(start, problem.dev),
    )
    losses = [problem.losses(start.predict(p.x), p) for p in (problem.dev, problem.train)]
    gap = loss_difference(*losses, problem.statistic)
    tried = experiments(problem)
    models, curves = training(problem)
    judged, rows = final(problem, models)
    best = min(b.dev.value for b in simple)
    floor = Interval(0.5 * best, 0.0, best)
    last_gap = difference(judged.dev_raw, judged.train)
    kept = [e for e in tried if e.kept]
    names = ", ".join(e.title for e in kept) or "none"
    said = f"{len(tried)} remedies were tried; kept: {names}."
    searched, _ = search(problem)
    copies = int(frame.duplicated().sum())
    columns = tuple(
        records.ColumnNote(
            c,
            "number",
            f"{frame[c].nunique()} different numbers",
            int(frame[c].isna().sum()),
            "normalised, tails tamed",
        )
        for c in frame.columns
        if c != target
    )
    summary = records.Summary(
        run=records.Run(
            name=f"{name}-20261123-201500",
            path=f"burnish-runs/{name}-20261123-201500",
            data=f"{name}.csv",
            target=target,
            started="2026-11-23 20:15:00",
            elapsed_s=58.7,
            limit_s=60.0,
            seed=0,
            command=f"burnish improve {name}.csv --target {target} --time-limit 60s",
            versions=(("burnish", "0.1.0"), ("jax", "0.10.2"), ("numpy", np.__version__), ("python", "3.11.2")),
            model=f"burnish-runs/{name}-20261123-201500/model",
            report=f"burnish-runs/{name}-20261123-201500/report.html",
        ),
        task=problem.task,
        rows=records.Rows(
            len(frame),
            0,
            len(problem.train.y),
            len(problem.dev.y),
            test=len(problem.test.y),
            folds=4,
            reason="60/20/20; four rotations of dev, as one dev part of under 500 rows could not tell models apart.",
        ),
        columns=columns,
        audit=(
            Finding(
                "DA6",
                "Some rows occur more than once",
                Severity.NOTE,
                f"{copies} of {len(frame)} rows are exact copies of another.",
                "Nothing: they were kept on one side of the split.",
            ),
        )
        if copies
        else (),
        baselines=simple,
        first=first,
        budgets=(
            budget(problem, "the first network", first.train, first.dev, gap, floor),
            budget(problem, "the final model", judged.train, judged.dev_raw, last_gap, floor),
        ),
        findings=(
            Finding(
                "BV2",
                "The final model has high variance",
                Severity.LIMIT,
                "Its dev error lies well above its training error.",
                "Collect more rows like these, or regularise more.",
            ),
            Finding(
                "BV6",
                "Dev is small",
                Severity.NOTE,
                f"{len(problem.dev.y)} rows decide; small gains cannot be seen.",
                "",
            ),
        ),
        rounds=(
            records.Round(1, "The first network had high bias.", said),
            records.Round(
                2,
                "What remained was variance.",
                "No further remedy beat the noise, so the recipe ended.",
                judged.dev_raw,
            ),
        ),
        experiments=tried,
        learning_curve=learning_curve(problem),
        search=searched,
        training=curves,
        final=judged,
        predictions=rows,
        delivered=records.Delivered("network", 4, 4 * 4865),
        advice=("Collect more rows: the learning curve is still falling.",),
        clock_decisions=("The search ended after 24 of 64 planned draws, as 10 s were left for finishing.",),
        trials=71,
        epochs=5120.0,
        reproduce=f"burnish improve {name}.csv --target {target} --max-epochs 5120 --seed 0",
    )
    (HERE / f"{name}.json").write_text(summary.to_json() + "\n")


if __name__ == "__main__":
    make("concrete", "compressive_strength", "MPa")
    make("vehicle", "vehicle")

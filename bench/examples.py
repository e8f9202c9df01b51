"""burnish on an example table beside scikit-learn on the very same rows, over several seeds, with paired intervals.

Each seed is a split of its own: burnish makes it, and the others get the same training rows (its train and dev) and the
same test rows. scikit-learn's network is searched for as long as burnish took.

    python bench/examples.py examples/concrete.csv compressive_strength --time-limit 60 --seeds 5
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import loguniform
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HEADER_LINES = 1  # row ids are line numbers of the file, and the first line is 1
LEAST_PROBABILITY = 1e-6
SPACE = {
    "net__hidden_layer_sizes": [(64,), (128,), (64, 64), (128, 128), (256, 256), (128, 128, 128)],
    "net__alpha": loguniform(1e-6, 1e-1),
    "net__learning_rate_init": loguniform(3e-4, 3e-2),
    "net__batch_size": [32, 64, 128],
}
# Seconds that a draw is given at first; the search then goes on draw by draw until its time is used.
DRAWS_AT_A_TIME = 4


def prepared() -> Any:
    """Standardised numbers, one-hot categories, imputed by the median and the commonest level."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore", min_frequency=5, sparse_output=False),
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (words, make_column_selector(dtype_exclude="number"))
    )


def searched_network(x: pd.DataFrame, y: np.ndarray, *, seconds: float, seed: int, classes: bool) -> Any:
    """The best of as many random draws as fit into the time, by five-fold cross-validation."""
    kind = MLPClassifier if classes else MLPRegressor
    net = kind(max_iter=300, early_stopping=True, random_state=seed)
    scoring = "neg_log_loss" if classes else "neg_root_mean_squared_error"
    best, best_score, began, turn = None, -np.inf, time.monotonic(), 0
    while best is None or time.monotonic() - began < seconds * (1 - 1 / (turn + 1)):
        search = RandomizedSearchCV(
            Pipeline([("prepare", prepared()), ("net", net)]),
            SPACE,
            n_iter=DRAWS_AT_A_TIME,
            n_jobs=2,
            cv=5,
            scoring=scoring,
            random_state=1000 * seed + turn,
        )
        search.fit(x, y)
        turn += 1
        if search.best_score_ > best_score:
            best, best_score = search.best_estimator_, search.best_score_
    return best


def losses(y: np.ndarray, predicted: np.ndarray, classes: list[str] | None) -> np.ndarray:
    """Squared error, or log-loss, of each row."""
    if classes is None:
        return np.square(y.astype(float) - predicted)
    place = {label: k for k, label in enumerate(classes)}
    of_truth = predicted[np.arange(len(y)), [place[label] for label in y]]
    return -np.log(np.clip(of_truth, LEAST_PROBABILITY, 1))


def one_seed(options: argparse.Namespace, frame: pd.DataFrame, seed: int) -> dict[str, np.ndarray]:
    """Test losses of every method on one split."""
    with tempfile.TemporaryDirectory() as home:
        run = Path(home) / "run"
        command = [options.burnish, "improve", str(options.data), "--target", options.target, "-q"]
        began = time.monotonic()
        subprocess.run(
            [*command, "--time-limit", f"{options.time_limit}s", "--seed", str(seed), "--out", str(run)], check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        seconds = time.monotonic() - began
        rows = json.loads((run / "splits.json").read_text())
        test = np.array(rows["test"]) - HEADER_LINES - 1
        keep = np.setdiff1d(np.arange(len(frame)), test)
        held = Path(home) / "test.csv"
        frame.iloc[test].to_csv(held, index=False)
        answer = Path(home) / "answer.csv"
        subprocess.run([options.burnish, "predict", str(run), str(held), "--proba", "-o", str(answer)], check=True)
        own = pd.read_csv(answer)
    x, y = frame.drop(columns=options.target), frame[options.target]
    classify = not pd.api.types.is_float_dtype(y) or y.nunique() <= 2
    labels = y.astype(str).to_numpy() if classify else y.to_numpy()
    classes = sorted(set(labels)) if classify else None
    found = {
        "burnish": losses(labels[test], own[classes].to_numpy() if classes else own["prediction"].to_numpy(), classes)
    }
    linear = LogisticRegression(max_iter=3000) if classify else RidgeCV(np.logspace(-3, 3, 13))
    trees = (HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor)(random_state=seed)
    models = {
        "linear": make_pipeline(prepared(), linear).fit(x.iloc[keep], labels[keep]),
        "boosting": make_pipeline(prepared(), trees).fit(x.iloc[keep], labels[keep]),
        "searched MLP": searched_network(x.iloc[keep], labels[keep], seconds=seconds, seed=seed, classes=classify),
    }
    for name, model in models.items():
        predicted = model.predict_proba(x.iloc[test]) if classify else model.predict(x.iloc[test])
        found[name] = losses(labels[test], predicted, classes)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("target")
    parser.add_argument(
        "--time-limit", type=float, default=60.0, help="seconds for burnish; the searched MLP gets what it took"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--burnish", default=str(Path(sys.executable).parent / "burnish"))
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    frame = pd.read_csv(options.data)
    by_seed = []
    for seed in range(options.seeds):
        found = one_seed(options, frame, seed)
        classify = not pd.api.types.is_float_dtype(frame[options.target])
        scores = {n: float(np.mean(v)) if classify else float(np.sqrt(np.mean(v))) for n, v in found.items()}
        by_seed.append(scores)
        print(json.dumps({"seed": seed, **{n: round(v, 4) for n, v in scores.items()}}), flush=True)
    print("95 % intervals, paired over splits:")
    for name in by_seed[0]:
        values = np.array([scores[name] for scores in by_seed])
        line = f"{name:>14}  mean {values.mean():.4g}"
        if name != "burnish" and len(values) > 1:
            gains = values - np.array([scores["burnish"] for scores in by_seed])
            half = stats.t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
            line += f"  burnish better by {gains.mean():.4g} ({gains.mean() - half:.4g} to {gains.mean() + half:.4g})"
        print(line)


if __name__ == "__main__":
    main()

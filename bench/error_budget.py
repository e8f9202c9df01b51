"""Do the intervals of the error budget hold? Networks on Gaussian mixtures, whose best possible error is known.

Each mixture has its own number of inputs, classes, rows and overlap. burnish's engine trains a network on it, for too
few epochs, enough, or too many; its errors and those of the baselines go through the error budget as in the main job.
In a part of the mixtures the dev rows come from elsewhere, and rows held out of the training ones tell mismatch from
variance. The truth is this network's error on 100,000 fresh rows, and on all its training rows.

Training rows happen to be easier or harder than others, by what the best possible rule has on them above its average.
Their interval allows for that, since no cure could change it: so the truth of what rests on the train error is without
this luck. The same with the luck left in is shown below it.

Prints for each quantity how often its 95 % interval held the truth, with the interval of Clopper and Pearson (1934) of
that share, and whether it is consistent with 95 %. Each mixture is one line of --out, and those that are there are not
made again.

Usage: python bench/error_budget.py [--mixtures 200] [--jobs 2] [--out FILE] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.baseline import compare
from burnish.data.inputs import InputSpec, Prepared
from burnish.diagnosis import bias_variance, budget
from burnish.executors import fold_files, inprocess
from burnish.predictor import predictor, weights
from burnish.stats import interval
from burnish.stats.interval import Interval
from burnish.train import fold_data, hyperparameters
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Outcome, Work

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]

FRESH_ROWS = 100_000  # standard error of a truth: at most 0.16 points
BAYES_ROWS = 1_000_000  # on which 1 − the highest posterior is averaged: standard error below 0.02 points
TUNING_ROWS = 5_000  # on which the spread of the means is set to meet the wished-for Bayes error
# Few of each, so that mixtures share compiled programs.
INPUTS, CLASSES, ROWS = (2, 5, 10, 20), (2, 3, 5), (250, 500, 1_000, 2_000, 4_000, 8_000, 20_000)
BAYES = (0.01, 0.35)  # range of the wished-for Bayes error, uniform
EPOCHS = (2, 8, 40)  # too few, about enough, and learning by heart where rows are few
DEV_SHARE, TEST_SHARE, LEAST_DEV = 0.25, 0.25, 100  # of the training rows
SHIFTED = 0.4  # share of mixtures whose dev rows come from elsewhere
SHIFT = (0.3, 1.0)  # by how far, in standard deviations of a component
LEVEL = budget.LEVEL


@dataclass(frozen=True, slots=True)
class Mixture:
    """Two Gaussian components a class."""

    shares: Floats  # of the classes, (classes,)
    means: Floats  # (classes, 2, inputs)
    deviations: Floats  # of each component, the same in all directions, (classes, 2)

    def draw(self, rows: int, rng: np.random.Generator) -> tuple[Floats, Codes]:
        """Fresh rows and their classes."""
        y = rng.choice(len(self.shares), rows, p=self.shares)
        part = rng.integers(0, 2, rows)
        noise = rng.normal(size=(rows, self.means.shape[2]))
        return self.means[y, part] + self.deviations[y, part, None] * noise, y.astype(np.int32)

    def posterior(self, x: Floats) -> Floats:
        """The classes' probabilities for each row, (rows, classes)."""
        classes, parts, inputs = self.means.shape
        centres = self.means.reshape(-1, inputs)
        squares = np.square(x).sum(axis=1)[:, None] - 2 * x @ centres.T + np.square(centres).sum(axis=1)
        logs = -squares / (2 * self.deviations.ravel() ** 2) - inputs * np.log(self.deviations.ravel())
        logs += np.repeat(np.log(self.shares), parts)
        likelihood = np.exp(logs - logs.max(axis=1, keepdims=True)).reshape(-1, classes, parts).sum(axis=2)
        return likelihood / likelihood.sum(axis=1, keepdims=True)

    def bayes(self, rows: int, rng: np.random.Generator) -> tuple[float, float]:
        """The Bayes error and its standard error, from the posterior of rows rather than from their classes."""
        blocks = [1 - self.posterior(self.draw(n, rng)[0]).max(axis=1) for n in _blocks(rows)]
        missed = np.concatenate(blocks)
        return float(missed.mean()), float(missed.std() / np.sqrt(rows))


def _blocks(rows: int, size: int = 20_000) -> list[int]:
    return [min(size, rows - start) for start in range(0, rows, size)]


def made(rng: np.random.Generator) -> Mixture:
    """A mixture whose Bayes error is about a wished-for one: the spread of its means is bisected for it."""
    inputs, classes = int(rng.choice(INPUTS)), int(rng.choice(CLASSES))
    shares, wished = rng.dirichlet(np.full(classes, 8.0)), rng.uniform(*BAYES)
    means, deviations = rng.normal(size=(classes, 2, inputs)), rng.uniform(0.7, 1.4, (classes, 2))
    seed, low, high = int(rng.integers(2**32)), 0.02, 20.0
    for _ in range(20):
        spread = float(np.sqrt(low * high))
        found, _ = Mixture(shares, spread * means, deviations).bayes(TUNING_ROWS, np.random.default_rng(seed))
        low, high = (spread, high) if found > wished else (low, spread)
    return Mixture(shares, spread * means, deviations)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one part, standardised as a network reads them."""

    x: NDArray[np.float32]
    y: Codes

    @property
    def prepared(self) -> Prepared:
        return Prepared(self.x, np.zeros((len(self.y), 0), np.int32))

    @property
    def part(self) -> Part:
        return Part(self.prepared, self.y, np.ones(len(self.y), np.float32))


def experiment(number: int, folder: Path) -> dict[str, Any]:
    """One mixture, one network, its error budget, and the truth about each quantity.

    Args:
        number: Seeds everything.
        folder: For the engine's files.
    """
    rng = np.random.default_rng([20_261_126, number])
    mixture, count = made(rng), int(rng.choice(ROWS))
    bayes, precision = mixture.bayes(BAYES_ROWS, rng)
    x, y = mixture.draw(count, rng)
    centre, scale = x.mean(axis=0), x.std(axis=0)
    shifted = bool(rng.random() < SHIFTED)
    direction = rng.normal(size=x.shape[1])
    shift = rng.uniform(*SHIFT) * direction / np.linalg.norm(direction) if shifted else np.zeros(x.shape[1])

    def rows(drawn: tuple[Floats, Codes], moved: Floats | float = 0.0) -> Rows:
        return Rows(((drawn[0] + moved - centre) / scale).astype(np.float32), drawn[1])

    few = max(LEAST_DEV, round(DEV_SHARE * count))
    train, dev = rows((x, y)), rows(mixture.draw(few, rng), shift)
    held = rows(mixture.draw(few, rng)) if shifted else None
    test = rows(mixture.draw(max(LEAST_DEV, round(TEST_SHARE * count)), rng), shift)
    configuration = Configuration(
        widths=(64, 64), epochs=int(rng.choice(EPOCHS)), batch_size=32 if count <= 1_000 else 128, learning_rate=3e-3
    )
    outcome, predict = _trained(train, dev, configuration, len(mixture.shares), folder)
    sample = len(outcome.train)

    def error(part: Rows) -> budget.Measured:
        return budget.measure("classification", predict(part), part.y)

    estimates = budget.Errors(
        "misclassification rate",
        train=budget.measure("classification", outcome.train, train.y[:sample]).estimate,
        dev=budget.measure("classification", outcome.dev, dev.y).estimate,
        train_dev=None if held is None else error(held).estimate,
        test=error(test).estimate,
    )
    like_train, like_dev = rows(mixture.draw(FRESH_ROWS, rng)), rows(mixture.draw(FRESH_ROWS, rng), shift)
    truth = {
        "train": float(error(train).error.mean()),
        "train-dev": float(error(like_train).error.mean()),
        "dev": float(error(like_dev).error.mean()),
        "bayes": bayes,
        "bayes on train": float(np.mean(mixture.posterior(x).argmax(axis=1) != y)),
    }
    rivals = _rivals(train, dev if held is None else held, len(mixture.shares), number)
    return {
        "mixture": number,
        "inputs": x.shape[1],
        "classes": len(mixture.shares),
        "rows": count,
        "sample": sample,
        "epochs": configuration.epochs,
        "shifted": shifted,
        "bayes": bayes,
        "bayes_precision": precision,
        "truth": truth,
        **_judged(estimates, truth, rivals),
    }


def _trained(
    train: Rows, dev: Rows, configuration: Configuration, classes: int, folder: Path
) -> tuple[Outcome, Callable[[Rows], Floats]]:
    """The network as burnish's engine trains it, and how it predicts."""
    inputs = InputSpec(train.x.shape[1])
    sample = min(len(train.y), fold_data.TRAIN_SAMPLE)
    fold = FoldData(
        inputs=inputs,
        task="classification",
        outputs=classes,
        target=TargetScale(),
        train=train.part,
        dev=dev.part,
        half=np.arange(len(dev.y)) % 2 == 0,
        probe=train.prepared.take(np.arange(sample)),
        probe_train=sample,
    )
    fold_files.write(folder, 0, fold)
    with inprocess.InProcess(folder, folder) as execute:
        [outcome] = execute([Work("mixture", configuration, 0, 0, configuration.epochs)])
    shape = hyperparameters.architecture(configuration, inputs, outputs=classes, task="classification")
    member = predictor.Member(0, shape, TargetScale(), 1.0, weights.load(Path(outcome.weights)))
    return outcome, lambda rows: predictor.apply(member, rows.prepared, "classification")


def _rivals(train: Rows, held_out: Rows, classes: int, seed: int) -> dict[str, Interval]:
    """Errors of the baselines on rows from where the training rows come from."""
    fold = compare.FoldData(train.prepared, train.y, held_out.prepared)
    return {
        found.name: budget.measure("classification", found.dev[0], held_out.y).estimate
        for found in compare.compare([fold], classes=classes, seed=seed)
        if found.dev
    }


def _judged(estimates: budget.Errors, truth: Mapping[str, float], rivals: Mapping[str, Interval]) -> dict[str, Any]:
    """Each quantity's interval beside its truth, and what the verdict says."""
    held_out = estimates.train_dev or estimates.dev
    unknown = budget.floor(None, {**rivals, "the network": held_out})
    practical = budget.practical_size(estimates.dev.value)
    known = budget.error_budget(estimates, budget.floor(truth["bayes"], {}), practical=practical)
    # By how much the training rows happen to be harder than others: what no rule could have avoided.
    luck = truth["bayes on train"] - truth["bayes"]
    gap, bias = truth["train-dev"] - truth["train"], truth["train"] - truth["bayes"]
    pairs = {
        "train error": (estimates.train, truth["train"] - luck),
        "dev error": (estimates.dev, truth["dev"]),
        "variance": (known.variance, gap + luck),
        "avoidable bias, Bayes error given": (known.avoidable_bias, bias - luck),
        "overfitting to dev": (known.dev_overfit, 0.0),  # of one network, which no dev rows chose among others
        "train error, luck left in": (estimates.train, truth["train"]),
        "variance, luck left in": (known.variance, gap),
        "avoidable bias, luck left in": (known.avoidable_bias, bias),
    }
    if estimates.train_dev is not None:
        pairs["train-dev error"] = (estimates.train_dev, truth["train-dev"])
        pairs["mismatch"] = (known.mismatch, truth["dev"] - truth["train-dev"])
    true = {
        "bias": max(bias - luck, 0.0),
        "variance": gap + luck,
        "mismatch": truth["dev"] - truth["train-dev"],
        "dev overfitting": 0.0,
    }
    largest = max(known.largest, key=lambda name: true[name])
    return {
        "quantities": {
            name: {"value": found.value, "low": found.low, "high": found.high, "truth": value}
            for name, (found, value) in pairs.items()
            if found is not None
        },
        "range": {"low": unknown.low, "high": unknown.high, "truth": truth["bayes"]},
        "largest": {"probabilities": dict(known.largest), "truth": largest},
        "codes": [finding.code for finding in bias_variance.verdict(known)],
    }


def coverage(found: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """How often the truth lay inside, with the interval of that share, and the mean width in the error's unit."""
    inside = sum(one["low"] <= one["truth"] <= one["high"] for one in found)
    share = interval.proportion(inside, len(found), level=LEVEL)
    return {
        "mixtures": len(found),
        "covered": share.value,
        "low": share.low,
        "high": share.high,
        "consistent": share.low <= LEVEL <= share.high,
        "above": sum(one["truth"] > one["high"] for one in found),
        "below": sum(one["truth"] < one["low"] for one in found),
        "width": float(np.mean([one["high"] - one["low"] for one in found])),
    }


def summarised(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each quantity's coverage over all mixtures that have it."""
    names = list(dict.fromkeys(name for record in records for name in record["quantities"]))
    quantities = {
        name: coverage([record["quantities"][name] for record in records if name in record["quantities"]])
        for name in names
    }
    sure = [record["largest"] for record in records if max(record["largest"]["probabilities"].values()) > 0.8]
    right = sum(max(one["probabilities"], key=one["probabilities"].get) == one["truth"] for one in sure)
    return {
        "mixtures": len(records),
        "bayes_precision": max(record["bayes_precision"] for record in records),
        "quantities": quantities,
        "bayes_range": coverage([record["range"] for record in records]),
        "largest": {
            "said": len(sure),
            "right": right,
            "promised": sum(max(one["probabilities"].values()) for one in sure),
        },
    }


def shown(found: Mapping[str, Any]) -> list[str]:
    """The summary as a table."""
    lines = [f"{found['mixtures']} mixtures; Bayes errors known to {100 * found['bayes_precision']:.3f} points (s. e.)"]
    lines += ["", "| quantity | mixtures | covered | interval of that | consistent with 95 % | mean width |"]
    lines += ["|---|---|---|---|---|---|"]
    for name, one in (*found["quantities"].items(), ("Bayes error, range", found["bayes_range"])):
        span = f"{100 * one['low']:.1f} to {100 * one['high']:.1f} %"
        verdict = "yes" if one["consistent"] else "more" if one["covered"] > LEVEL else "NO"
        lines.append(
            f"| {name} | {one['mixtures']} | {100 * one['covered']:.1f} % | {span} | {verdict} | "
            f"{100 * one['width']:.1f} points |"
        )
    largest = found["largest"]
    said = f"{largest['said']} times, right {largest['right']} times where {largest['promised']:.1f} were promised"
    return [*lines, "", f"Largest part named with more than 80 % probability: {said}."]


def _worker(number: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="burnish-budget-") as folder:
        return experiment(number, Path(folder))


def run(mixtures: int, jobs: int, out: Path | None) -> list[dict[str, Any]]:
    """The records of all mixtures, those of `out` read and the others made, in order of their numbers."""
    lines = out.read_text().splitlines() if out is not None and out.exists() else []
    records = {record["mixture"]: record for record in map(json.loads, lines) if record["mixture"] < mixtures}
    missing = [number for number in range(mixtures) if number not in records]
    if jobs == 1:
        for number in missing:
            _keep(records, _worker(number), out)
    elif missing:
        with multiprocessing.get_context("spawn").Pool(jobs) as pool:
            for record in pool.imap_unordered(_worker, missing):
                _keep(records, record, out)
    return [records[number] for number in sorted(records)]


def _keep(records: dict[int, dict[str, Any]], record: dict[str, Any], out: Path | None) -> None:
    records[record["mixture"]] = record
    if out is not None:
        with out.open("a") as file:
            file.write(json.dumps(record) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixtures", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="keeps each mixture, so that a stopped run goes on")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["OMP_NUM_THREADS"] = "1"
    found = summarised(run(asked.mixtures, asked.jobs, asked.out))
    print(json.dumps(found) if asked.json else "\n".join(shown(found)))


if __name__ == "__main__":
    main()

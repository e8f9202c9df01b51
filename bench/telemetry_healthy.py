"""Do the findings of telemetry spare healthy trainings, and see sick ones?

Networks as the main job and its search train them (depths, widths, activations, batch norm, rates) on real tables, and
such with one thing planted. Every finding on a healthy one is a false alarm, whatever else may be said of it.

Usage: python bench/telemetry_healthy.py [--epochs 20]
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn import datasets

from burnish.data.inputs import InputSpec, Prepared
from burnish.diagnosis import telemetry
from burnish.executors import fold_files
from burnish.executors.trainer import Trainer
from burnish.train.configuration import Activation, Configuration, Norm
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Work

DEEP = (32,) * 12
# Fault: what is planted, and the code that should be found.
PLANTED = {
    "12 tanh layers, weights × 0.3": (
        Configuration(widths=DEEP, activation="tanh", init_scale=0.3, optimizer="sgd"), "NN3"
    ),
    "12 linear layers, weights × 4": (Configuration(widths=DEEP, activation="identity", init_scale=4.0), "NN4"),
    "tanh, weights × 30": (Configuration(widths=(64, 64), activation="tanh", init_scale=30.0), "NN6"),
    "ReLU at a rate of 3": (Configuration(widths=(64, 64), learning_rate=3.0, decay="none"), "NN5"),
    "SGD at a rate of 1e4": (Configuration(widths=(64, 64), optimizer="sgd", learning_rate=1e4), "NU4"),
}  # fmt: skip


def table(number: int) -> FoldData:
    """Diabetes, breast cancer or digits, standardised; a third is dev."""
    load = (datasets.load_diabetes, datasets.load_breast_cancer, datasets.load_digits)[number]
    x, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x = ((x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1))[order].astype(np.float32)
    classes = 0 if number == 0 else int(y.max()) + 1
    y = y[order].astype(np.int32) if classes else ((y - y.mean()) / y.std())[order].astype(np.float32)
    cut = 2 * len(x) // 3
    parts = [
        Part(Prepared(x[p], np.zeros((len(x[p]), 0), np.int32)), y[p], np.ones(len(x[p]), np.float32))
        for p in (slice(cut), slice(cut, None))
    ]
    half = np.arange(len(parts[1].y)) % 2 == 0
    task = "classification" if classes else "regression"
    return FoldData(InputSpec(x.shape[1]), task, classes or 1, TargetScale(), *parts, half, parts[0].inputs, cut)


def healthy() -> Iterator[Configuration]:
    activations: tuple[Activation, ...] = ("relu", "silu", "tanh")
    norms: tuple[Norm, ...] = ("none", "batch")
    for depth, activation, norm in itertools.product((1, 2, 4), activations, norms):
        rate = 2e-3 if depth < 4 else 1e-3
        yield Configuration(widths=(64,) * depth, activation=activation, norm=norm, batch_size=32, learning_rate=rate)


def codes(trainer: Trainer, configuration: Configuration, number: int, name: str) -> list[str]:
    work = Work(name, configuration, number, 1, configuration.epochs, observed=True)
    return [finding.code for finding in telemetry.read(trainer.run(work).telemetry)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    epochs = parser.parse_args(arguments).epochs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(3):
            fold_files.write(folder, number, table(number))
        trainer, alarms = Trainer(folder, folder), Counter[str]()
        for trained, configuration in enumerate(healthy(), start=1):
            number = trained % 3
            found = codes(trainer, replace(configuration, epochs=epochs), number, f"healthy{trained}")
            alarms.update(found)
            print(f"{trained} healthy, false alarms {dict(alarms) or 'none'}", flush=True)
        for fault, (configuration, code) in PLANTED.items():
            seen = codes(trainer, replace(configuration, epochs=epochs, batch_size=32), 2, fault.replace(" ", ""))
            print(f"{fault}: {'found' if code in seen else 'MISSED'} {code}; in all {seen}", flush=True)


if __name__ == "__main__":
    main()

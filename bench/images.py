"""How good is a convolutional network of the engine alone, without diagnosis, recipe and search?

Trains one network for each seed on one core and prints a line of JSON for it: accuracy on test images that nothing was
chosen by, with a 95 % interval; the curve; CPU seconds and memory. Digits are scikit-learn's, a split of their own for
each seed (20 % test); Fashion-MNIST is that of the Debian package dataset-fashion-mnist, with its own test part. 5 % of
the other rows are dev. After `--seconds` the state is kept, and the same command goes on from there.

Usage: python bench/images.py digits --epochs 60 --seeds 0 1 2 3 4 [--set widths=[32,64] shift=0.1]
       python bench/images.py fashion --epochs 12 --seeds 0 1 2 --state /tmp/fashion --seconds 500
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from burnish.executors import pool

os.environ.update(pool.WORKER_ENVIRONMENT)  # one thread, before JAX starts

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets, model_selection

from burnish.data.inputs import InputSpec, Prepared
from burnish.executors import compile_cache, fold_files, trainer
from burnish.stats import interval
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Outcome, Work

FASHION = Path("/usr/share/datasets/fashion-mnist")
DEV_SHARE, TEST_SHARE = 0.05, 0.2
SAMPLE = 500  # training rows of the probe; the test rows follow them

PLAIN = Configuration(norm="batch", batch_size=128, learning_rate=3e-3, decay="one_cycle", weight_decay=0.05)
NETWORKS = {
    "digits": replace(PLAIN, widths=(32, 64), batch_size=64, shift=0.1, rotation=10.0),
    "fashion": replace(PLAIN, widths=(32, 64, 128), flip=0.5, shift=0.05),
}

Images = tuple[NDArray[np.uint8], NDArray[np.int32]]  # (row, height, width, channel), classes


def fashion(seed: int) -> tuple[Images, Images]:
    """Training and test images; the seed changes nothing."""

    def read(name: str, header: int) -> NDArray[np.uint8]:
        return np.frombuffer(gzip.decompress((FASHION / f"{name}-ubyte.gz").read_bytes()), np.uint8, offset=header)

    def part(name: str) -> Images:
        images = read(f"{name}-images-idx3", 16).reshape(-1, 28, 28, 1)
        return images, read(f"{name}-labels-idx1", 8).astype(np.int32)

    return part("train"), part("t10k")


def digits(seed: int) -> tuple[Images, Images]:
    """Training and test images of one split."""
    found = datasets.load_digits()
    x = np.round(found.images * (255 / 16)).astype(np.uint8)[..., None]
    rest, test = model_selection.train_test_split(
        np.arange(len(x)), test_size=TEST_SHARE, stratify=found.target, random_state=seed
    )
    y = found.target.astype(np.int32)
    return (x[rest], y[rest]), (x[test], y[test])


def fold(train: Images, test: Images, seed: int) -> FoldData:
    """Dev rows are taken off the training rows; the test rows are only predicted, at the end."""
    order = np.random.default_rng(seed).permutation(len(train[1]))
    held = round(DEV_SHARE * len(order))

    def part(rows: NDArray[np.integer]) -> Part:
        none = np.zeros((len(rows), 0), np.int32)
        return Part(Prepared(train[0][rows], none), train[1][rows], np.ones(len(rows), np.float32))

    dev, used = part(order[:held]), part(order[held:])
    sample = used.inputs.x[:SAMPLE]
    probe = np.concatenate([sample, test[0]])
    inputs = InputSpec(0, image=train[0].shape[1:])
    classes = int(train[1].max()) + 1
    nothing = np.zeros((len(probe), 0), np.int32)
    half = np.arange(held) % 2 == 0
    return FoldData(
        inputs, "classification", classes, TargetScale(), used, dev, half, Prepared(probe, nothing), len(sample)
    )


def described(outcome: Outcome, truth: NDArray[np.int32], *, seed: int, cpu: float) -> dict[str, Any]:
    """What is printed of one training."""
    assert outcome.train_dev is not None
    wrong = int((outcome.train_dev.argmax(1) != truth).sum())
    found = interval.proportion(wrong, len(truth))
    return {
        "seed": seed,
        "test_accuracy": round(1 - wrong / len(truth), 4),
        "interval": [round(1 - found.high, 4), round(1 - found.low, 4)],
        "ending": outcome.ending.name,
        "epochs": round(outcome.epochs, 2),
        "best_epoch": outcome.best_epoch,
        "train_loss": [round(float(value), 4) for value in outcome.curve.train_loss],
        "dev_loss": [round(float(value), 4) for value in outcome.curve.dev_loss],
        "cpu_seconds": round(cpu, 1),
        "compile_seconds": round(outcome.compile_seconds, 1),
        "peak_gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def setting(text: str) -> tuple[str, Any]:
    """A name and its value in JSON, or as text."""
    name, _, value = text.partition("=")
    try:
        found = json.loads(value)
    except json.JSONDecodeError:
        found = value
    return name, tuple(found) if isinstance(found, list) else found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["digits", "fashion"])
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", type=setting, nargs="*", default=[], help="settings of the configuration, NAME=VALUE")
    parser.add_argument("--state", type=Path, help="folder of states; without it they are thrown away")
    parser.add_argument("--seconds", type=float, default=np.inf, help="of wall time, after which the state is kept")
    given = parser.parse_args()
    configuration = replace(NETWORKS[given.data], epochs=given.epochs, **dict(given.set))
    cache, ends = compile_cache.folder(), time.monotonic() + given.seconds
    compile_cache.use(cache)
    read = digits if given.data == "digits" else fashion
    accuracies = []
    with tempfile.TemporaryDirectory() as scratch:
        state = given.state or Path(scratch)
        state.mkdir(parents=True, exist_ok=True)
        shared = trainer.Trainer(Path(scratch), state, cache=cache)
        for seed in given.seeds:
            began = time.process_time()
            train, test = read(seed)
            fold_files.write(Path(scratch), seed, fold(train, test, seed))
            work = Work(f"{given.data}-{seed}", configuration, fold=seed, seed=seed, until=given.epochs)
            outcome = shared.run(work, lambda: time.monotonic() >= ends)
            line = described(outcome, test[1], seed=seed, cpu=time.process_time() - began)
            print(json.dumps(line), flush=True)
            accuracies.append(line["test_accuracy"])
    print(f"mean {np.mean(accuracies):.4f}, median {np.median(accuracies):.4f} of {len(accuracies)}")


if __name__ == "__main__":
    main()

"""Trials of every ending, and a program that trains them on several devices: their number is settled as JAX starts.

Usage: python -m reference.stacked DEVICES DATA_FOLDER KEPT_FOLDER
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import jax

from burnish.executors import accelerator
from burnish.store.outcomes import Outcomes
from burnish.train.configuration import Configuration
from burnish.train.work import Executor, Work
from reference import tiny


def work(trial: str, configuration: Configuration = tiny.SMALL, **more) -> Work:
    return Work(trial, configuration, **{"fold": 0, "seed": 1, "until": configuration.epochs, **more})


TRIALS = (
    work("plain"),
    work("dropout", replace(tiny.SMALL, learning_rate=0.003, dropout=0.3, input_dropout=0.1, input_noise=0.1), seed=2),
    work("diverges", replace(tiny.SMALL, optimizer="sgd", learning_rate=1e30), seed=3),
    work("stops early", replace(tiny.SMALL, patience=2, learning_rate=0.3, epochs=30), seed=4),
    work("pauses", seed=5, until=3),
    work("few rows", seed=6, rows=50),
    work("longer", replace(tiny.SMALL, optimizer="rmsprop", epochs=9, clip_norm=1.0), seed=7),
    work("other fold", fold=1),
    work("mixed", replace(tiny.SMALL, mixup=0.4), seed=8),
)


def train(execute: Executor, kept: Path) -> None:
    """Train `TRIALS` and keep their outcomes in `kept`, beside the states."""
    (kept / "outcomes").mkdir()
    for outcome in execute(TRIALS):
        Outcomes(kept / "outcomes").save(outcome)


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))
    where = Path(sys.argv[3])
    train(accelerator.Accelerator(Path(sys.argv[2]), where, devices=jax.devices("cpu")), where)

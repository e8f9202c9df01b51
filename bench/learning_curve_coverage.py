"""Do the forecasts of "more data?" hold? Networks on real tables, shown a quarter or a tenth of the rows.

Of each table's training rows a random quarter (or tenth) is what the forecast sees: five sizes up to it, three seeds,
as in the main job. Then networks are trained on twice and four times (and ten times) as many, and it is seen whether
the 90 % intervals hold what these measure. The same number of mini-batches for every size.

The truth is measured on the held-out rows less a random half of the dev rows. Dev rows and truth rows then share so
many that the difference of their means varies as much as dev rows against endless fresh ones: σ²/d for d dev rows.

Forecasts of one table are alike, so the share that held has its interval from a bootstrap of whole tables.

Trainings are slow and forecasts quick: the measured losses are kept in --curves, one file a curve, and those that are
there are not measured again. --limit ends a slice before the next curve; the same command goes on. Each forecast is a
line of --out.

Usage: python bench/learning_curve_coverage.py [PATH:TARGET ...] [--limit 600] [--curves FOLDER] [--out FILE] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from burnish import load
from burnish.data import kinds
from burnish.data.table import Table
from burnish.diagnosis import budget, learning_curve
from burnish.executors import fold_files, inprocess
from burnish.preprocess import preparation
from burnish.preprocess import target as targets
from burnish.stats import interval
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Ending, Work

Losses = NDArray[np.float32]  # (seeds, sizes, held-out rows)

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SHIPPED = {"concrete": "compressive_strength", "vehicle": "vehicle", "flights": "late"}
OFFLINE: Mapping[str, Callable[..., Any]] = {
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
    "digits": datasets.load_digits,
}
# What a forecast sees of the training rows, and the multiples whose truth can then be measured.
SHARES: Mapping[int, tuple[int, ...]] = {4: (2, 4), 10: (2, 4, 10)}
SUBSAMPLES = 5
HELD_OUT, MOST_HELD, MOST_TRAINING = 0.3, 1_500, 4_800  # of a table's rows; enough, and quick
LEAST_DEV = 60
STEPS, BATCH = 800, 32
NETWORK = Configuration(widths=(64, 64), batch_size=BATCH, learning_rate=3e-3)
DRAWS = 2_000  # of the bootstrap
LEVEL = learning_curve.LEVEL


@dataclass(frozen=True, slots=True)
class Curve:
    """Errors of networks on parts of one table, and which held-out rows are whose."""

    table: str
    share: int  # the forecast sees 1/share of the training rows
    subsample: int
    statistic: interval.Statistic
    sizes: tuple[int, ...]  # rising; those of the forecast, then those of the truth
    losses: Losses
    dev: int  # the first so many held-out rows are dev rows

    @property
    def rows(self) -> int:
        """What the forecast calls the present rows."""
        return self.sizes[learning_curve.MIN_SIZES - 1]

    def truth(self, place: int) -> float:
        """Error at a size, mean over seeds, on the held-out rows less the first half of the dev rows."""
        means = self.losses[:, place, self.dev // 2 :].astype(np.float64).mean(axis=1)
        return float((np.sqrt(means) if self.statistic == "rmse" else means).mean())


@dataclass(frozen=True, slots=True)
class Question:
    """A table, read and prepared by nothing yet."""

    name: str
    table: Table
    target: str


def question(named: str) -> Question:
    """A table of scikit-learn or of examples/ by its name, or any by PATH:TARGET."""
    if named in OFFLINE:
        found = OFFLINE[named]()
        columns = {f"x{k}": found.data[:, k] for k in range(found.data.shape[1])}
        return Question(named, load.read({**columns, "y": found.target}, name=named), "y")
    if named in SHIPPED:
        return Question(named, load.read(EXAMPLES / f"{named}.csv"), SHIPPED[named])
    path, _, target = named.rpartition(":")
    name = Path(path).parent.name if Path(path).stem == "data" else Path(path).stem
    return Question(name, load.read(path), target)


def measured(asked: Question, share: int, subsample: int, folder: Path) -> Curve | None:
    """One curve with its continuation; None where the table has too few rows for it.

    Args:
        asked: The table.
        share: 4 or 10.
        subsample: Seeds what is held out and the order of the others.
        folder: For the engine's files.
    """
    table = asked.table.take(np.flatnonzero(targets.usable(asked.table[asked.target])))
    held = min(MOST_HELD, round(HELD_OUT * table.rows))
    order = np.random.default_rng([20_261_126, subsample]).permutation(table.rows)
    out, pool = order[:held], order[held : held + MOST_TRAINING]
    rows = len(pool) // share
    sizes = learning_curve.sizes(rows)
    if len(sizes) < learning_curve.MIN_SIZES:
        return None
    sizes = (*sizes, *(rows * multiple for multiple in SHARES[share]))
    fold, truth = _fold(table, asked.target, pool, out)
    fold_files.write(folder, 0, fold)
    work = [_work(size, seed) for seed in range(learning_curve.MIN_SEEDS) for size in sizes]
    with inprocess.InProcess(folder, folder) as execute:
        outcomes = list(execute(work))
    if any(one.ending is not Ending.COMPLETED for one in outcomes):
        raise RuntimeError(f"A training on {asked.name} ended early.")
    errors = [budget.measure(fold.task, one.dev, truth).error for one in outcomes]
    return Curve(
        asked.name,
        share,
        subsample,
        "rmse" if fold.task == "regression" else "error",
        sizes,
        np.asarray(errors, np.float32).reshape(learning_curve.MIN_SEEDS, len(sizes), held),
        min(held // 2, max(LEAST_DEV, rows // 2)),
    )


def _work(size: int, seed: int) -> Work:
    """A training on the first so many rows, for as many mini-batches as any other."""
    epochs = max(1, round(STEPS / math.ceil(size / BATCH)))
    configuration = Configuration.from_json({**NETWORK.to_json(), "epochs": epochs})
    return Work(f"r{size}-s{seed}", configuration, 0, seed, epochs, rows=size)


def _fold(
    table: Table, target: str, pool: NDArray[np.int64], out: NDArray[np.int64]
) -> tuple[FoldData, NDArray[np.generic]]:
    """The rows as the engine trains on them, prepared by all training rows; and the held-out targets."""
    profiles = kinds.profile(table, target=target)
    task, _ = targets.infer_task(table[target], next(one for one in profiles if one.name == target))
    prepared = (fitted := preparation.fit(table, pool, profiles, target=target)).transform(table)
    coding = targets.fit(table[target], pool, task)
    regression = task == "regression"
    y = coding.encode(table[target])

    def part(rows: NDArray[np.int64]) -> Part:
        return Part(prepared.take(rows), y[rows], np.ones(len(rows), np.float32))

    probe = pool[:BATCH]
    fold = FoldData(
        inputs=fitted.inputs,
        task=task,
        outputs=1 if regression else len(coding.classes),
        target=TargetScale(coding.mean, coding.std, coding.low, coding.high) if regression else TargetScale(),
        train=part(pool),
        dev=part(out),
        half=np.arange(len(out)) % 2 == 0,
        probe=prepared.take(probe),
        probe_train=len(probe),
    )
    return fold, (coding.units(table[target]) if regression else y)[out]


def kept(file: Path, curve: Curve) -> None:
    """Write a curve, whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
        facts = {"table": curve.table, "share": curve.share, "subsample": curve.subsample, "dev": curve.dev}
        np.savez_compressed(
            part, losses=curve.losses, sizes=curve.sizes, statistic=curve.statistic, facts=json.dumps(facts)
        )
    Path(part.name).replace(file)


def recalled(file: Path) -> Curve:
    """A curve that `kept` wrote."""
    with np.load(file) as found:
        facts = json.loads(str(found["facts"]))
        sizes = tuple(int(size) for size in found["sizes"])
        statistic: Any = str(found["statistic"])
        return Curve(statistic=statistic, sizes=sizes, losses=found["losses"], **facts)


def forecasts(curve: Curve) -> list[dict[str, Any]]:
    """What the forecast says at each multiple, beside the truth; one record each."""
    known, multiples = learning_curve.MIN_SIZES, SHARES[curve.share]
    shown = curve.losses[:, :known, : curve.dev]
    found = learning_curve.forecast(
        curve.sizes[:known], shown, statistic=curve.statistic, multiples=tuple(map(float, multiples))
    )
    now = curve.truth(known - 1)
    records = []
    for place, multiple in enumerate(multiples, start=known):
        record = {"table": curve.table, "share": curve.share, "subsample": curve.subsample, "rows": curve.rows}
        record |= {"dev": curve.dev, "multiple": multiple, "declined": found.declined, "now": now}
        truths = {"error": curve.truth(place), "gain": now - curve.truth(place)}
        for name, truth in truths.items():
            said = getattr(found.points[float(multiple)], name) if found.given else None
            ends = {} if said is None else {"value": said.value, "low": said.low, "high": said.high}
            record[name] = {**ends, "truth": truth}
        records.append(record)
    return records


def covered(records: Sequence[Mapping[str, Any]], quantity: str) -> dict[str, Any]:
    """How often the intervals held the truth, with a 95 % interval by drawing whole tables again.

    Args:
        records: Forecasts, given or declined.
        quantity: "error" or "gain".
    """
    tables = sorted({record["table"] for record in records})
    given = np.array([sum(not r["declined"] for r in records if r["table"] == name) for name in tables])
    said = [record for record in records if not record["declined"]]
    inside = [one for one in said if one[quantity]["low"] <= one[quantity]["truth"] <= one[quantity]["high"]]
    held = np.array([sum(r["table"] == name for r in inside) for name in tables])
    drawn = np.random.default_rng(0).integers(0, len(tables), (DRAWS, len(tables)))
    counted = given[drawn].sum(axis=1)
    shares = held[drawn].sum(axis=1)[counted > 0] / counted[counted > 0]
    low, high = np.quantile(shares, [0.025, 0.975]) if len(shares) else (math.nan, math.nan)
    widths = [(one[quantity]["high"] - one[quantity]["low"]) / one["now"] for one in said if one["now"] > 0]
    return {
        "tables": len(tables),
        "forecasts": len(records),
        "given": len(said),
        "covered": len(inside) / len(said) if said else math.nan,
        "low": float(low),
        "high": float(high),
        "consistent": bool(low <= LEVEL <= high),
        "above": sum(one[quantity]["truth"] > one[quantity]["high"] for one in said),
        "below": sum(one[quantity]["truth"] < one[quantity]["low"] for one in said),
        "width": float(np.median(widths)) if widths else math.nan,
    }


def summarised(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Coverage by multiple and by share, and how often and why there was no forecast."""
    groups = {
        f"{multiple} × the rows, of 1/{share}": [
            record for record in records if record["multiple"] == multiple and record["share"] == share
        ]
        for share, multiples in SHARES.items()
        for multiple in multiples
    }
    groups["2 and 4 × the rows, all"] = [record for record in records if record["multiple"] != max(SHARES)]
    curves = {(r["table"], r["share"], r["subsample"]): r["declined"] for r in records}
    reasons = [" ".join(why.split()[:3]) for why in curves.values() if why]
    return {
        "curves": len(curves),
        "declined": {why: reasons.count(why) for why in sorted(set(reasons))},
        "coverage": {
            name: {quantity: covered(group, quantity) for quantity in ("error", "gain")}
            for name, group in groups.items()
            if group
        },
        "tables": {
            name: covered([r for r in records if r["table"] == name], "error")
            for name in sorted({record["table"] for record in records})
        },
    }


def shown(found: Mapping[str, Any]) -> list[str]:
    """The summary as tables."""
    declined = sum(found["declined"].values())
    why = "; ".join(f"{count} × {reason} …" for reason, count in found["declined"].items())
    lines = [f"{found['curves']} curves, {declined} declined" + (f" ({why})" if why else ""), ""]
    lines += [
        "| | forecasts | given | error covered | consistent with 90 % | truth above, below | width | gain covered |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for name, both in found["coverage"].items():
        error, gain = both["error"], both["gain"]
        verdict = "yes" if error["consistent"] else "more" if error["covered"] > LEVEL else "NO"
        lines.append(
            f"| {name} | {error['forecasts']} | {error['given']} | {_share(error)} | {verdict} | "
            f"{error['above']}, {error['below']} | {100 * error['width']:.0f} % | {_share(gain)} |"
        )
    lines += ["", "| table | forecasts | given | error covered |", "|---|---|---|---|"]
    for name, one in found["tables"].items():
        lines.append(f"| {name} | {one['forecasts']} | {one['given']} | {100 * one['covered']:.0f} % |")
    return lines


def _share(one: Mapping[str, Any]) -> str:
    return f"{100 * one['covered']:.0f} % ({100 * one['low']:.0f} to {100 * one['high']:.0f})"


def run(named: Sequence[str], folder: Path, *, until: float) -> list[Curve]:
    """All curves of these tables: what is in the folder, and what can be begun before `until` (of `time.monotonic`)."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name in named:
        asked = question(name)
        for share in SHARES:
            for subsample in range(SUBSAMPLES):
                file = folder / f"{asked.name}-{share}-{subsample}.npz"
                if not file.exists() and time.monotonic() < until:
                    with tempfile.TemporaryDirectory(prefix="burnish-curves-") as scratch:
                        curve = measured(asked, share, subsample, Path(scratch))
                    if curve is None:
                        break
                    kept(file, curve)
                if file.exists():
                    found.append(recalled(file))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", default=[*SHIPPED, *OFFLINE], metavar="PATH:TARGET")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which no further curve is begun")
    parser.add_argument("--curves", type=Path, default=Path(__file__).parent / "results" / "learning_curves")
    parser.add_argument("--out", type=Path, help="one line a forecast")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    curves = run(asked.tables, asked.curves, until=time.monotonic() + asked.limit)
    records = [record for curve in curves for record in forecasts(curve)]
    if asked.out is not None:
        asked.out.write_text("".join(json.dumps(record) + "\n" for record in records))
    found = summarised(records)
    print(json.dumps(found) if asked.json else "\n".join(shown(found)))


if __name__ == "__main__":
    main()

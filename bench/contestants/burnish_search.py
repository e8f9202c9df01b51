"""burnish's engine through its public seam: work goes to the pool, outcomes come back."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import task

from burnish.data.inputs import InputSpec, Prepared
from burnish.executors import fold_files, pool
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Work

JOBS = 2


def part(x: np.ndarray, y: np.ndarray) -> Part:
    return Part(Prepared(x, np.zeros((len(x), 0), np.int32)), y.astype(np.int32), np.ones(len(x), np.float32))


def main() -> None:
    order = task.read_order()
    with tempfile.TemporaryDirectory() as folder:
        data_folder, state_folder = Path(folder) / "data", Path(folder) / "state"
        data_folder.mkdir()
        state_folder.mkdir()
        with pool.Pool(data_folder, state_folder, jobs=JOBS, cache=Path(order.cache or folder)) as execute:
            data = task.load(order.name)
            fold = FoldData(
                inputs=InputSpec(data.x_train.shape[1]),
                task="classification",
                outputs=task.CLASSES,
                target=TargetScale(),
                train=part(data.x_train, data.y_train),
                dev=part(data.x_dev, data.y_dev),
                half=np.arange(len(data.x_dev)) % 2 == 0,
                probe=Prepared(data.x_train[:1], np.zeros((1, 0), np.int32)),
                probe_train=1,
            )
            fold_files.write(data_folder, 0, fold)
            common = Configuration(
                widths=task.WIDTHS, norm="batch", batch_size=task.BATCH, epochs=order.epochs, decay="none"
            )
            work = [
                Work(
                    f"t{i:03d}",
                    replace(common, **c),
                    fold=0,
                    seed=i,
                    until=order.epochs,
                )
                for i, c in enumerate(task.draw_configurations(order.configurations))
            ]
            outcomes = list(execute(work))
    per_epoch = -(-len(data.x_train) // task.BATCH)
    task.report(
        max(float((o.dev.argmax(1) == data.y_dev).mean()) for o in outcomes),
        round(sum(o.epochs for o in outcomes) * per_epoch),
        sum(o.compile_seconds - o.trace_seconds for o in outcomes) / JOBS,
        sum(o.trace_seconds for o in outcomes) / JOBS,
    )


if __name__ == "__main__":
    main()

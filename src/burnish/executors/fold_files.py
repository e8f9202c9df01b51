"""Folds on disk: written once by the driver, mapped into memory by every worker."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data import inputs as input_shapes
from burnish.data.inputs import Prepared
from burnish.data.on_disk import RowsOnDisk
from burnish.train.fold_data import FoldData, Part, TargetScale


def _arrays(fold: FoldData) -> dict[str, Any]:
    out = {"half": fold.half, "probe_x": fold.probe.x, "probe_codes": fold.probe.codes}
    for name, part in (("train", fold.train), ("dev", fold.dev)):
        out |= {f"{name}_x": part.inputs.x, f"{name}_codes": part.inputs.codes}
        out |= {f"{name}_y": part.y, f"{name}_weight": part.weight}
    return out


def write(folder: Path, number: int, fold: FoldData) -> None:
    """Write fold `number` under `folder`."""
    target = folder / f"fold{number}"
    target.mkdir(parents=True, exist_ok=True)
    on_disk = {}
    for name, array in _arrays(fold).items():
        if isinstance(array, RowsOnDisk):  # pixels stay where they are: a copy for each fold would fill the disk
            on_disk[name] = {"file": str(array.file.resolve()), "offset": array.offset, "row": array.row}
            array = array.rows
        _save(target / f"{name}.npy", np.ascontiguousarray(array))
    facts = {
        "inputs": asdict(fold.inputs),
        "task": fold.task,
        "outputs": fold.outputs,
        "target": asdict(fold.target),
        "probe_train": fold.probe_train,
        "on_disk": on_disk,
    }
    (target / "fold.json").write_text(json.dumps(facts))


def _save(path: Path, array: NDArray[Any]) -> None:
    try:
        np.save(path, array)
    except OSError as error:
        error.filename = error.filename or str(path)  # NumPy's, of a full disk, names no file
        raise


def read(folder: Path, number: int) -> FoldData:
    """Read fold `number`; arrays are mapped, not loaded, and pixels that are too many for memory stay on disk."""
    source = folder / f"fold{number}"
    facts = json.loads((source / "fold.json").read_text())

    def array(name: str) -> Any:
        found = np.load(source / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        place = facts["on_disk"].get(name)
        if place is None:
            return found
        return RowsOnDisk(Path(place["file"]), place["offset"], np.dtype(np.uint8), tuple(place["row"]), found)

    def part(name: str) -> Part:
        return Part(Prepared(array(f"{name}_x"), array(f"{name}_codes")), array(f"{name}_y"), array(f"{name}_weight"))

    return FoldData(
        inputs=input_shapes.spec(facts["inputs"]),
        task=facts["task"],
        outputs=facts["outputs"],
        target=TargetScale(**facts["target"]),
        train=part("train"),
        dev=part("dev"),
        half=array("half"),
        probe=Prepared(array("probe_x"), array("probe_codes")),
        probe_train=facts["probe_train"],
    )

"""A delivered model as a file for other programs."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from burnish import errors
from burnish.report import wording
from burnish.workflow import applying

NEEDED = ("onnx", "onnxruntime")
SHOWN = 6  # columns that the terminal names


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written."""

    path: Path
    size: int  # bytes
    inputs: tuple[tuple[str, str], ...]  # name and type of each column
    outputs: tuple[str, ...]
    rows: int  # made-up rows on which it was compared with the model
    difference: float  # the largest between their predictions

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "file": str(self.path),
            "format": "onnx",
            "bytes": self.size,
            "inputs": [{"name": name, "type": kind} for name, kind in self.inputs],
            "outputs": list(self.outputs),
            "checked": {"rows": self.rows, "largest_difference": self.difference},
        }

    def lines(self) -> tuple[str, ...]:
        """For a person."""
        shown = [f"{name} ({kind})" for name, kind in self.inputs[:SHOWN]]
        more = len(self.inputs) - len(shown)
        columns = wording.listing([*shown, f"{more} more"] if more else shown)
        return (
            f"{self.path}: {self.size / 1e6:.1f} MB.",
            f"Reads {columns}, each by its name and of shape (rows, 1): numbers with NaN where missing, dates in "
            "seconds since 1970, text with an empty one where missing.",
            f"Gives {wording.listing(self.outputs)}.",
            f"On {self.rows} made-up rows it predicts what the model predicts, to {self.difference:.1g}.",
        )


def export_onnx(path: str | Path, output: str | Path) -> Exported:
    """Write the model of a run, or of a model folder, as ONNX: preparation, networks and their average in one file.

    It reads each column as a tensor (rows, 1) of the column's name: float64 for numbers, for yes or no (1 or 0) and for
    dates (seconds since 1970, UTC), NaN where missing; text for categories, empty where missing. It gives `label`
    (rows,) and `probabilities` (rows, classes), or `prediction` (rows, 1) in the target's units. Before it is given out
    it is compared with the model on made-up rows. Infinite values, which burnish refuses, are held at the ends.

    Args:
        path: The folder.
        output: The file; one that is there is not overwritten.

    Raises:
        ExtraMissing: The packages for ONNX are not installed.
        ConfigError: The file is there already, or the model cannot be written as ONNX.
        StoreError: There is no model, the file cannot be written, or it would predict something else.

    >>> import burnish, tempfile
    >>> rows = {"x": [k % 9 / 4 for k in range(90)], "y": [k % 9 / 2 + k % 7 / 100 for k in range(90)]}
    >>> with tempfile.TemporaryDirectory() as home:
    ...     run = burnish.improve(rows, "y", max_epochs=1, jobs=1, out=home + "/run")
    ...     written = export_onnx(run.path, home + "/model.onnx")
    >>> written.inputs, written.outputs
    ((('x', 'float64'),), ('prediction',))
    """
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise errors.ExtraMissing(
                f"To export a model the package {name} is needed.",
                "It is not installed with burnish, since most people do without.",
                'Install it: pip install "burnish[onnx]"',
            ) from error
    from burnish.export import model as onnx_model

    output = Path(output)
    if output.exists():
        raise errors.ConfigError(
            f"{output} is there already.", "Nothing is overwritten unasked.", "Give another name with --output."
        )
    made = applying.model_in(Path(path))
    checked = onnx_model.write(made, output)
    return Exported(output, output.stat().st_size, checked.inputs, checked.outputs, checked.rows, checked.difference)

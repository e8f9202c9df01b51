"""The adapters of docs/own-models.md are code that runs: each trains through the engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from burnish.data.inputs import InputSpec, Prepared
from burnish.executors import fold_files, inprocess
from burnish.load import own_models
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, Part, TargetScale
from burnish.train.work import Ending, Work
from burnish.workflow import own_check

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "own-models.md").read_text(encoding="utf-8")
ADAPTERS = re.findall(r"^```python (flax|equinox)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
INPUTS = InputSpec(2, 1)


def fold() -> FoldData:
    """A target that is a straight line of the columns."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((96, 3)).astype(np.float32)
    y = (x @ np.array([1.0, -1.0, 0.5]) / 1.5).astype(np.float32)

    def part(rows: slice) -> Part:
        inputs = Prepared(x[rows], np.zeros((len(x[rows]), 0), np.int32))
        return Part(inputs, y[rows], np.ones(len(x[rows]), np.float32))

    train, dev = part(slice(64)), part(slice(64, 96))
    half = np.arange(32) % 2 == 0
    return FoldData(INPUTS, "regression", 1, TargetScale(), train, dev, half, train.inputs, 64)


# One adapter of each library in the quick run.
FIRST = dict(reversed(ADAPTERS))
CASES = [pytest.param(*one, marks=() if one in FIRST.items() else pytest.mark.slow) for one in ADAPTERS]


@pytest.mark.parametrize(("library", "code"), CASES, ids=lambda text: text if len(text) < 20 else "code")
def test_adapter_of_the_page_trains(library, code, tmp_path):
    """The block as it is printed makes a model that passes the checks and learns a straight line."""
    pytest.importorskip(library)
    (tmp_path / f"{library}_model.py").write_text(code)
    model = own_models.of(f"{tmp_path / library}_model.py:model")
    own_check.check(model, INPUTS, outputs=1, task="regression")
    fold_files.write(tmp_path, 0, fold())
    configuration = Configuration(model=model.name, widths=(), batch_size=16, epochs=20, learning_rate=1e-2)

    with inprocess.InProcess(tmp_path, tmp_path, own=model) as execute:
        [outcome] = execute([Work("one", configuration, 0, 0, 20)])

    assert outcome.ending is Ending.COMPLETED
    assert outcome.curve.dev_loss[-1] < 0.6 * outcome.curve.dev_loss[0]


def test_page_has_an_adapter_for_each_library_of_at_most_three_lines():
    """Flax and Equinox: `init`, `apply` and `model` on a line each."""
    for library in ("flax", "equinox"):
        code = next(code for name, code in ADAPTERS if name == library)
        assert re.search(r"^init = .*\napply = .*\nmodel = \(init, apply\)\n\Z", code, re.MULTILINE)


@pytest.mark.slow
def test_gradient_check_of_the_page_runs():
    """The block runs beside the example of a model and finds its gradient right."""
    [code] = re.findall(r"^```python gradient\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "examples"), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    assert "right" in done.stdout

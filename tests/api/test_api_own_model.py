"""A person's own model in a plain script: no guard, functions of `__main__`, worker processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import jax, jax.numpy as jnp, numpy as np, burnish

def init(key, inputs, outputs):
    one, other = jax.random.split(key)
    return jax.random.normal(one, (inputs, 8)), jax.random.normal(other, (8, outputs)) / 3

apply = lambda params, x: jnp.square(jnp.tanh(x @ params[0])) @ params[1]
rng = np.random.default_rng(0)
x = rng.normal(size=200)
table = {"x": x, "y": x**2 + 0.1 * rng.normal(size=200)}
start = burnish.Configuration(batch_size=32, epochs=40, learning_rate=0.03)
for jobs in (1, 2):
    run = burnish.improve(
        table, "y", model=(init, apply), start=start, folds=2, max_epochs=400, jobs=jobs, out=f"run{jobs}"
    )
    assert run.summary.delivered.what == "network"
    print(run.predict(table).sum())
    assert (burnish.load_model(run.path, model=(init, apply)).predict(table) == run.predict(table)).all()
"""


@pytest.mark.slow
def test_own_model_of_a_plain_script_trains_in_worker_processes(tmp_path: Path):
    """One worker gives the bits of two, and the saved model those of the run."""
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    one, two = done.stdout.split()
    assert one == two

"""What dev predictions of the delivered model show, in a whole run."""

import numpy as np
import pandas as pd
import pytest

import burnish

WHERE = "color is 'blue'"


@pytest.mark.slow
def test_a_run_names_its_weak_slice(tmp_path):
    """One colour's targets are all but dealt at random."""
    rng = np.random.default_rng(0)
    x, color = rng.normal(size=2000), rng.choice(["red", "green", "blue"], 2000, p=[0.5, 0.3, 0.2])
    share = np.where(color == "blue", 0.45, 1 / (1 + np.exp(-(4 * x - 4))))
    table = pd.DataFrame({"x": x, "color": color, "bought": np.where(rng.random(2000) < share, "yes", "no")})

    run = burnish.improve(table, target="bought", max_epochs=60, out=tmp_path / "run", jobs=1)

    found = {finding.code: finding for finding in run.findings}
    assert WHERE in found["BV12"].where

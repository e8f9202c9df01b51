"""The main job on a table large enough to hurt: time, memory, copies, a leak, and an honest interval."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench" / "large_table.py"


@pytest.mark.slow
def test_a_large_table_keeps_to_its_limits_and_its_error_is_honest(tmp_path):
    """50,000 × 50 in a minute: copies and leak are named, and the test interval covers the error on fresh rows."""
    pytest.importorskip("psutil")
    pytest.importorskip("pyarrow")
    command = [sys.executable, str(BENCH), "--rows", "50000", "--time-limit", "60s", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout, done.stderr
    failed = [name for name, holds in json.loads(done.stdout)["checks"].items() if not holds]

    assert failed == [], done.stdout

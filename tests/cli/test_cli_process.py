"""How the command's process begins and ends."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from burnish.cli import process


def run(code: str) -> subprocess.CompletedProcess[str]:
    made = f"import atexit, sys, threading, time\nfrom burnish.cli import process\n{code}"
    return subprocess.run([sys.executable, "-c", made], capture_output=True, text=True, check=False)


def test_output_is_written_what_asked_for_it_is_called_and_the_code_is_given():
    ended = run("atexit.register(print, 'called')\nprint('said')\nprint('told', file=sys.stderr)\nprocess.end(4)")

    assert (ended.returncode, ended.stdout, ended.stderr) == (4, "said\ncalled\n", "told\n")


def test_what_still_runs_is_waited_for():
    code = "threading.Thread(target=lambda: (time.sleep(0.2), print('done'))).start()\nprocess.end(3)"

    assert (run(code).returncode, run(code).stdout) == (3, "done\n")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full")
def test_output_that_cannot_be_written_fails_as_ever():
    code = "sys.stdout = open('/dev/full', 'w')\nprint('said')\nprocess.end(0)"

    assert "No space left" in run(code).stderr


def test_garbage_is_looked_for_after_imports_as_before():
    def importing() -> None:
        with process.for_good():
            seen.append(gc.isenabled())
            raise ImportError

    seen: list[bool] = []
    with pytest.raises(ImportError):
        importing()

    assert (seen, gc.isenabled()) == ([False], True)


def test_nothing_is_kept_for_good_where_nothing_was_imported():
    before = gc.get_freeze_count()
    with process.for_good():
        pass

    assert gc.get_freeze_count() == before

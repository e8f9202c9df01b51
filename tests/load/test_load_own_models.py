"""A person's own model: from a pair of functions or FILE.py:NAME, and to another process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from burnish.errors import ConfigError
from burnish.load import own_models

FILE = """
print("imported")
def init(key, inputs, outputs):
    return {"inputs": inputs}
def apply(params, x):
    return x
def apply_with_key(params, x, *, key=None):
    return x
model = (init, apply)
keyed = [init, apply_with_key]
one = init
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def test_pair_of_a_file_is_found_and_what_it_prints_goes_to_stderr(file, capsys):
    """FILE.py:NAME is a pair of functions, with the file's whole path and digest."""
    found = own_models.of(f"{file}:model")

    assert found.init(None, 3, 1) == {"inputs": 3}
    assert (found.name, found.file, len(found.digest)) == ("mine.py:model", f"{file.resolve()}:model", 64)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "imported\n")


def test_apply_says_whether_it_takes_a_key(file):
    """A parameter called key, or any keyword: without either, none is passed."""
    taken = [own_models.of(f"{file}:{name}").takes_key for name in ("model", "keyed")]

    assert taken == [False, True]
    assert own_models.of((print, lambda params, x, **how: x)).takes_key


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("modle", "Did you mean model"),
        ("one", "one is no model"),
        ("", "does not say which model of which file to train"),
    ],
)
def test_wrong_name_is_refused_with_what_there_is(file, name, why):
    """What stands under a name has to be a pair of functions; the pairs of the file are listed."""
    with pytest.raises(ConfigError, match=why) as caught:
        own_models.of(f"{file}:{name}")
    assert caught.value.remedy


def test_file_that_fails_is_refused_with_its_line(file):
    """An error while the file is imported names the file and the line."""
    file.write_text("import math\n\nmath.sqrt(-1)\n")
    with pytest.raises(ConfigError, match=r"mine.py cannot be imported \(line 3\)") as caught:
        own_models.of(f"{file}:model")
    assert "ValueError" in caught.value.why


@pytest.mark.parametrize("given", [3, (len,), (1, 2), {"init": len}])
def test_what_is_no_pair_is_refused(given):
    """Anything else than two functions or FILE.py:NAME is named."""
    with pytest.raises(ConfigError, match="The model is"):
        own_models.of(given)


def test_recorded_file_is_imported_again_while_it_is_as_it_was(file):
    """A run names file and digest: gone, changed or never there is said, each in its own words."""
    model = own_models.of(f"{file}:model")
    kept = model.to_json()
    assert own_models.again(kept).digest == model.digest

    file.write_text(FILE + "# another\n")
    with pytest.raises(ConfigError, match="has changed since"):
        own_models.again(kept)
    file.unlink()
    with pytest.raises(ConfigError, match="There is no file"):
        own_models.again(kept)
    with pytest.raises(ConfigError, match="came from memory"):
        own_models.again(own_models.of((model.init, model.apply)).to_json())


def test_run_goes_on_with_its_own_model_only(file):
    """A run that resumes takes the model it had, none where it had none, and no changed one."""
    kept = own_models.of(f"{file}:model").to_json()

    assert own_models.restored(None, None) is None
    assert own_models.restored(kept, f"{file}:model").to_json() == kept
    with pytest.raises(ConfigError, match="no model of its own"):
        own_models.restored(None, f"{file}:model")
    file.write_text(FILE + "# another\n")
    with pytest.raises(ConfigError, match="not the one of the run"):
        own_models.restored(kept, f"{file}:model")


def test_functions_reach_another_process(file, tmp_path):
    """By the file's name, or by value: closures too. The other process gets them without importing this one's main."""
    scale = 3

    def apply(params, x):
        return scale * x

    apply.__module__ = "__main__"
    given = [own_models.of(f"{file}:model"), own_models.of((lambda key, i, o: i, apply))]
    for number, model in enumerate(given):
        (tmp_path / f"{number}.bin").write_bytes(own_models.packed(model))
    code = (
        "import pickle, sys, pathlib\n"
        "for path in sys.argv[1:]:\n"
        "    print(pickle.loads(pathlib.Path(path).read_bytes())().apply(None, 7))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "0.bin", tmp_path / "1.bin"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )

    assert done.stdout.split() == ["7", "21"]


def test_what_cannot_be_handed_over_is_refused():
    """A function that holds a lock, say, works in no other process; the remedy is a file of code."""
    held = threading.Lock()
    with pytest.raises(ConfigError, match="cannot be handed") as caught:
        own_models.packed(own_models.of((lambda key, i, o: held, lambda params, x: x)))
    assert "FILE.py:NAME" in caught.value.remedy

"""Options that cannot be are refused before data are read, and before what trains is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_commands import Command

from burnish.workflow import ablating

IMPROVE = ("improve", "none.csv", "--target", "y")

# What is asked of files that are not there, and words that the three lines must hold.
REFUSED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "group and time": ((*IMPROVE, "--group", "a", "--time", "b"), ("time and group cannot both order the split",)),
    "two limits": ((*IMPROVE, "--time-limit", "9s", "--max-epochs", "9"), ("cannot both be given",)),
    "no time": ((*IMPROVE, "--time-limit", "soon"), ("'soon' is not a time", "2m")),
    "no size": ((*IMPROVE, "--memory-limit", "much"), ("'much' is not a size", "4G")),
    "no images": ((*IMPROVE, "--image-size", "2x"), ("'2x' is not a size",)),
    "one fold": ((*IMPROVE, "--folds", "1"), ("folds cannot be used", "2")),
    "two roles": ((*IMPROVE, "--drop", "a", "--drop", "y"), ("'y' cannot have two roles", "--target and by --drop")),
    "metric of the other task": (
        (*IMPROVE, "--task", "regression", "--metric", "auc"),
        ("'auc' does not fit a regression", "rmse, mae, r2"),
    ),
    "bound of the other task": (
        (*IMPROVE, "--task", "classification", "--require", "RMSE<=1"),
        ("'RMSE'", "classification does not have"),
    ),
    "positive number": ((*IMPROVE, "--task", "regression", "--positive", "yes"), ("'yes' names a class",)),
    "test rows and none": ((*IMPROVE, "--test", "none.csv", "--no-test"), ("--test and --no-test",)),
    "standard input twice": ((*IMPROVE, "--dev", "-", "--test", "-"), ("Standard input was given twice",)),
    "no time to ablate": (("ablate", "none", "--time-limit", "soon"), ("'soon' is not a time",)),
    "less than no time": (("ablate", "none", "--time-limit", "0s"), ("above 0",)),
    "no time to diagnose": (("diagnose", "none", "--time-limit", "soon"), ("'soon' is not a time",)),
    "time for a function": (
        ("diagnose", "none.py:training", "--model", "mine.py:net"),
        ("--model has no meaning here", "names a function"),
    ),
    "model for a function": (("diagnose", "none.py:training", "--model", "a.py:b"), ("--model has no meaning here",)),
    "group as weight": (("evaluate", "none", "none.csv", "--group", "a", "--weight", "a"), ("two roles",)),
    "size of no images": (("audit", "none.csv", "--image-size", "2000"), ("2000x2000 is out of range",)),
    "output over the input": (("predict", "none", "kept.csv", "-o", "kept.csv"), ("-o kept.csv", "take its place")),
    "output into a folder": (("predict", "none", "kept.csv", "-o", "folder"), ("folder is a folder", "out.csv")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_before_any_data_are_read(case: str, here: Command):
    """No file that is named is there, and still it is the options that are spoken of."""
    asked, words = REFUSED[case]
    Path("kept.csv").write_text("precious")
    Path("folder").mkdir()

    ended = here(*asked)

    assert ended.code == 2
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 3
    for word in words:
        assert word in ended.err
    assert Path("kept.csv").read_text() == "precious"
    assert sorted(path.name for path in Path().iterdir()) == ["folder", "kept.csv"]


def test_an_ablation_of_too_few_seeds_is_refused_by_its_options(here: Command):
    """The bound of the option is that of the ablation itself."""
    least = ablating.LEAST_SEEDS

    ended = here("ablate", "none", "--seeds", str(least - 1))

    assert ended.code == 2
    assert f"x>={least}" in ended.err


def test_options_are_read_without_what_trains():
    """JAX and SciPy take seconds to import, and a person waits for a word on an option."""
    code = "import sys, burnish.cli.options; sys.exit(bool({'jax', 'scipy', 'sklearn'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

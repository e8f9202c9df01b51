"""`burnish check FILE.py:FUNCTION`: exit codes, the file's convention, errors in three lines, one document."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_commands import PATIENCE, Command

ROOT = Path(__file__).resolve().parents[2]
RIGHT, WRONG, USAGE = 0, 1, 2

GOOD = """
import jax
import jax.numpy as jnp

print("imported")


def cost(params, x):
    return jnp.square(x @ params["w"] + params["b"]).mean()


def example():
    return {"w": jnp.ones(3), "b": jnp.ones(1)}, jnp.eye(3)


def doubled(params, x):
    return jax.tree.map(lambda g: 2 * g, jax.grad(cost)(params, x))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(GOOD)
    return path


def test_a_right_gradient_ends_with_zero_and_the_table_alone_on_stdout(file, here: Command):
    """What the person's file prints goes to stderr."""
    ended = here("check", "train.py:cost")

    assert ended.code == RIGHT, ended.err
    assert ended.out.startswith("The gradient is right in 2 leaves.\n\nleaf")
    assert "imported" not in ended.out
    assert "imported" in ended.err


def test_a_wrong_gradient_ends_with_one_and_names_the_leaf(file, here: Command):
    ended = here("check", "train.py:cost", "--gradient", "doubled")

    assert ended.code == WRONG
    assert ended.out.startswith("The gradient is wrong in 2 of 2 leaves: ")
    assert "It is 2 times what it should be." in ended.out


def test_json_is_one_document(file, here: Command):
    ended = here("check", "train.py:cost", "--json", "--gradient", "doubled", "--skip", "['b']", "--directions", "3")
    document = json.loads(ended.out, parse_constant=pytest.fail)

    assert ended.code == WRONG
    assert ended.out.count("\n") == 1
    assert (document["function"], document["ok"], document["schema_version"]) == ("train.py:cost", False, 1)
    assert (document["skipped"], document["directions"]) == (["['b']"], 3)
    assert [leaf["name"] for leaf in document["leaves"]] == ["['w']"]


def test_the_document_has_the_fields_that_the_page_lists(file, here: Command):
    page = (ROOT / "docs" / "gradients.md").read_text().split("## The document")[1]
    listed = {name for row in re.findall(r"^\| (.*?) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    leaf_row = page.split("| `leaves` |")[1].splitlines()[0]
    document = json.loads(here("check", "train.py:cost", "--json").out)
    [leaf, _] = document["leaves"]

    assert set(document) == listed | {"schema_version"}
    assert set(leaf) | set(leaf["worst"]) == set(re.findall(r"`(\w+)`", leaf_row))


def test_a_process_of_its_own_ends_with_the_same_codes(file, apart: Command):
    """No control codes, no traceback, and the session's imports work as for `python train.py`."""
    (file.parent / "layers.py").write_text("import jax.numpy as jnp\n\ndef square(z):\n    return jnp.square(z)\n")
    file.write_text("from layers import square\n" + GOOD.replace("jnp.square(x", "square(x"))

    ended = apart("check", "train.py:cost")

    assert (ended.code, ended.err) == (RIGHT, "imported\n")
    assert "\x1b" not in ended.out
    assert apart("check", "train.py:cost", "--gradient", "doubled").code == WRONG
    assert apart("check", "train.py:cots").code == USAGE


def test_an_example_of_the_functions_own_comes_first(file, here: Command):
    file.write_text(GOOD + "\n\ndef cost_example():\n    return ({'w': jnp.ones(5), 'b': jnp.ones(1)}, jnp.eye(5))\n")

    assert json.loads(here("check", "train.py:cost", "--json").out)["parameters"] == 6


def test_parameters_alone_need_no_tuple_and_a_named_tuple_is_parameters(file, here: Command):
    file.write_text(
        "from typing import NamedTuple\nimport jax.numpy as jnp\n\n\n"
        "class Params(NamedTuple):\n    w: object\n    b: object\n\n\n"
        "def cost(params):\n    return jnp.square(params.w).sum() + params.b\n\n\n"
        "def example():\n    return Params(jnp.ones(3), 1.0)\n"
    )

    ended = here("check", "train.py:cost", "--json")

    assert ended.code == RIGHT, ended.err
    assert [leaf["name"] for leaf in json.loads(ended.out)["leaves"]] == [".w", ".b"]


def source(cost: str = "return jnp.square(params['w']).sum()", example: str = "return {'w': jnp.ones(3)}") -> str:
    return f"import jax.numpy as jnp\n\n\ndef cost(params):\n    {cost}\n\n\ndef example():\n    {example}\n"


LISTED = "cost, example, doubled"
# The argument, where it is not train.py:cost.
ELSEWHERE = {
    "no such file": "none.py:cost",
    "no function named": "train.py",
    "an empty name": "train.py:",
    "a folder": ".:cost",
    "no Python file": "train.txt:cost",
    "no such function": "train.py:cots",
}
# The file, and words of the three lines.
REFUSED: dict[str, tuple[str, tuple[str, ...]]] = {
    "no such file": (GOOD, ("no file none.py", "looked for in", "spelling")),
    "no function named": (GOOD, ("does not say which function", LISTED, "train.py:cost")),
    "an empty name": (GOOD, ("does not say which function",)),
    "a folder": (GOOD, ("no file .",)),
    "no Python file": (GOOD, ("no Python file", ".py")),
    "no such function": (GOOD, ("cots is not there", LISTED, "Did you mean cost?")),
    "no function": ("cost = 3\n", ("cost is no function", "no functions")),
    "an error at import": ("x = 1\nimport nothing_like_it\n", ("(line 2)", "ModuleNotFoundError: No", "alone")),
    "a syntax error": ("x = 1\ndef cost(:\n", ("(line 2)", "SyntaxError", "python train.py")),
    "an exit at import": ("raise SystemExit('usage')\n", ("(line 1)", "SystemExit: usage", "__main__")),
    "arguments that nobody gave": (
        "def cost(params, x, rate=1):\n    return 1.0\n",
        ("needs params and x, and nothing says which", "neither cost_example() nor example()", "return params, x"),
    ),
    "an example that fails": (source(example="return 1 / 0"), ("(line 9)", "ZeroDivisionError", "without arguments")),
    "too many arguments": (source(example="return {}, 1, 2"), ("does not fit cost(params)", "3 values", "(params,)")),
    "too few arguments": (
        source().replace("cost(params)", "cost(params, x)"),
        ("does not fit cost(params, x)", "1 value: missing", "'x'"),
    ),
    "not a scalar": (source("return params['w']"), ("train.py: The function returns an array", "(3,)", "mean")),
    "not finite": (source("return params['w'].sum() / 0"), ("not finite: inf",)),
    "no float leaves": (source(example="return {}"), ("no floating-point leaf",)),
    "integer leaves": (source(example="return {'w': jnp.arange(3)}"), ("['w']", "integers", "--skip")),
    "random": (
        source("import numpy; return params['w'].sum() * numpy.random.random()"),
        ("Two evaluations", "differ", "Fix the key"),
    ),
    "an error in the cost": (source("return params['v'].sum()"), ("cannot be evaluated", "(line 5)", "KeyError: 'v'")),
    "no gradient": (
        source("import numpy; return float(numpy.sum(params['w']))"),
        ("No gradient", "--gradient"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, here: Command, tmp_path: Path):
    """Exit code 2, three lines on stderr, and nothing on stdout."""
    content, words = REFUSED[case]
    for name in ("train.py", "train.txt"):
        (tmp_path / name).write_text(content)

    ended = here("check", ELSEWHERE.get(case, "train.py:cost"))

    assert (ended.code, ended.out) == (USAGE, ""), ended.err
    what, why, remedy = [line for line in ended.err.splitlines() if line != "imported"]
    assert what.startswith("burnish: ")
    assert why.startswith("  ")
    assert remedy.startswith("  ")
    for word in words:
        assert word in ended.err


def test_a_long_check_says_where_it_is(file, here: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("burnish.cli.checking.PULSE", 0.0)

    assert "burnish: 1 of 2 leaves checked\nburnish: 2 of 2 leaves checked\n" in here("check", "train.py:cost").err


@pytest.mark.parametrize(("function", "code"), [("cost", RIGHT), ("broken_cost", WRONG)])
def test_the_example_file_is_what_it_says(function, code, here: Command):
    ended = here("check", f"{ROOT}/examples/gradients.py:{function}")

    assert ended.code == code
    assert ("['hidden']['b']: It is 0.0625 times" in ended.out) == (code == WRONG)


PAGE = (ROOT / "docs" / "gradients.md").read_text(encoding="utf-8")
PYTHON, COMMAND_LINE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_pages_python_runs_and_prints_what_the_page_says(tmp_path: Path):
    (tmp_path / "script.py").write_text(PYTHON)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE
    )

    assert done.returncode == 0, done.stderr
    assert f"`{done.stdout.splitlines()[-1]}`" in PAGE


def test_the_pages_file_can_be_checked(here: Command, tmp_path: Path):
    (tmp_path / "own.py").write_text(COMMAND_LINE)
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.csv"))
    [command] = re.findall(r"^burnish (check .*)$", PAGE, re.MULTILINE)

    assert here("check", "own.py:cost").code == RIGHT
    assert here(*command.split()).code == RIGHT


OWN = """
import jax, jax.numpy as jnp

@jax.custom_vjp
def linear(x, w):
    return x @ w
linear.defvjp(lambda x, w: (x @ w, (x, w)), lambda kept, g: (g @ kept[1].T, FACTOR * kept[0].T @ g))

def init(key, inputs, outputs):
    return {"w": jax.random.normal(key, (inputs, outputs)), "act": jnp.tanh}

model = (init, lambda params, x, *, key=None: params["act"](linear(x, params["w"])))
"""


@pytest.mark.parametrize(("factor", "code"), [("1.0", RIGHT), ("2.0", WRONG)])
def test_gradient_of_an_own_model_is_checked_on_made_up_rows(factor, code, tmp_path, here: Command):
    """A pair (init, apply) needs no example; its arrays are named by their paths, and what is not learned stays."""
    (tmp_path / "mine.py").write_text(OWN.replace("FACTOR", factor))
    ended = here("check", "mine.py:model")

    assert ended.code == code, ended.err
    assert "\nleaf" in ended.out
    assert "'w'" in ended.out
    assert ("It is 2 times what it should be." in ended.out) == (code == WRONG)

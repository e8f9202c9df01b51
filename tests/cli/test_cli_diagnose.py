"""`burnish diagnose` and `burnish rules`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from burnish.cli import burnish
from burnish.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "examples" / "training.py"


def run(*arguments):
    return CliRunner().invoke(burnish, [str(one) for one in arguments], standalone_mode=False)


def test_rules_are_listed_and_one_is_shown():
    listed, one = run("rules", "--json"), run("rules", "nn3")

    document = json.loads(listed.stdout)
    told = {"code", "title", "evidence", "severity", "when", "remedy", "proven", "source", "asked_by", "false_alarms"}
    assert told == set(document[0])
    assert one.stdout.startswith("NN3  Gradients vanish with depth (fault, by probe)\n    when ")
    assert isinstance(run("rules", "XX1").exception, ConfigError)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("def training(): return 3", "training() of"),
        ("def training(): return {'init': 1, 'apply': 2}", "without loss, optimizer, train, dev"),
        ("def training(): return 1 / 0", "fails (line 1)"),
        ("def other(): return {}", "training is not there"),
    ],
)
def test_what_is_no_training_is_refused_in_three_lines(body, words, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(body)

    refused = run("diagnose", f"{path}:training").exception

    assert isinstance(refused, ConfigError)
    assert words in str(refused)
    assert len(str(refused).splitlines()) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "first"),
    [("well", 0, "BV2"), ("raw_inputs", 1, "DA1"), ("hasty", 1, "OP1"), ("equal_weights", 1, "NN1")],
)
def test_the_example_is_diagnosed(name, code, first):
    ended = run("diagnose", f"{EXAMPLE}:{name}", "--json")

    document = json.loads(ended.stdout)
    assert ended.return_value == code
    assert document["findings"][0]["code"] == first
    steps = [line.split(" s  ")[1].split(":")[0] for line in ended.stderr.splitlines() if " s  " in line]
    assert steps[0].startswith("Looking at a training of ")
    assert ("Confirmed" in steps or "Proved" in steps) is bool(code)


BY_HAND = """
import jax.numpy as jnp

def train(monitor):
    for step in range(30):
        monitor.record(step, params=jnp.ones(3), grads=jnp.full(3, jnp.inf if step == 7 else 1.0), loss=1.0)
    {last}
"""


@pytest.mark.parametrize("last", ["", "raise FloatingPointError('nan in the loss')"])
def test_a_function_that_takes_a_monitor_trains_by_itself(last, tmp_path):
    """Also where it gives up halfway: what the monitor saw until then is why."""
    path = tmp_path / "loop.py"
    path.write_text(BY_HAND.format(last=last))

    ended = run("diagnose", f"{path}:train", "--json")

    document = json.loads(ended.stdout)
    assert ended.return_value == 1
    assert [one["code"] for one in document["findings"]] == ["NU4"]
    assert document["findings"][0]["by"] == "proof"
    assert ("failed after 30 steps" in ended.stderr) is bool(last)


def test_a_function_that_trains_by_itself_has_no_time_limit(tmp_path):
    path = tmp_path / "loop.py"
    path.write_text(BY_HAND.format(last=""))

    refused = run("diagnose", f"{path}:train", "--time-limit", "9s").exception

    assert isinstance(refused, ConfigError)
    assert "trains by itself" in str(refused)


def test_a_loop_that_fails_for_another_reason_is_refused_with_its_line(tmp_path):
    path = tmp_path / "loop.py"
    path.write_text("def train(monitor):\n    monitor.nothing()\n")

    refused = run("diagnose", f"{path}:train").exception

    assert isinstance(refused, ConfigError)
    assert "(line 2)" in str(refused)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "first"),
    [("well", 0, None), ("too_fast", 1, "NU4"), ("forgotten_layer", 1, "NU3"), ("deep_sigmoid", 0, "NN3")],
)
def test_the_example_by_hand_is_diagnosed(name, code, first):
    ended = run("diagnose", f"{EXAMPLE.with_name('own_loop.py')}:{name}", "--json")

    found = json.loads(ended.stdout)["findings"]
    assert ended.return_value == code
    assert (found[0]["code"] if found else None) == first

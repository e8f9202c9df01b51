"""The table of all rules: each code that burnish can say is in it, is reachable, and has a sick and a well example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from burnish import errors
from burnish.diagnosis.data_rules import register as data_rules
from burnish.diagnosis.run_rules import register as run_rules
from burnish.doctor.rules import RULES as DOCTORS
from burnish.stats import false_alarms
from burnish.workflow import rule_book
from diagnosis import data_cases, run_cases

SOURCE = Path(rule_book.__file__).resolve().parents[1]
# A finding or an observation begins with its code.
SAID = re.compile(r"(?:Finding|Observation)\(\s*\"((?:BV|NU|NN|OP|DA)\d+)\"")


def test_every_code_that_the_source_says_is_in_the_table():
    said = {code for path in SOURCE.rglob("*.py") for code in SAID.findall(path.read_text("utf-8"))}
    known = {entry.code for entry in rule_book.entries()}

    assert len(said) > 20
    assert said <= known


def test_every_rule_is_in_the_table_and_is_asked_by_something():
    """Nothing is registered that no command and no function asks."""
    entries = rule_book.entries()
    known = {(entry.code, entry.when) for entry in entries}
    of_runs = (run_rules.BUDGET, run_rules.CURVES, run_rules.IMAGES, run_rules.LOOPS, run_rules.PREDICTIONS)
    rules = (*DOCTORS, *data_rules.RULES, *(rule for part in of_runs for rule in part))

    assert {(rule.code, rule.when) for rule in rules} == known
    assert all(entry.asked_by for entry in entries)


def test_each_entry_says_when_what_to_do_how_that_is_proven_and_whose_it_is():
    for entry in rule_book.entries():
        assert all((entry.title, entry.when, entry.remedy, entry.proven, entry.source)), entry.code
        assert entry.evidence in ("proof", "test", "probe", "signal")


@pytest.mark.parametrize("rule", data_rules.RULES, ids=lambda rule: rule.code)
def test_each_rule_about_data_has_a_sick_and_a_well_example(rule):
    assert rule.code in data_cases.SICK
    assert rule.code in data_cases.WELL


@pytest.mark.parametrize("rule", run_rules.PREDICTIONS, ids=lambda rule: rule.code)
def test_each_rule_about_predictions_has_a_sick_and_a_well_example(rule):
    assert rule.code in run_cases.SICK
    assert rule.code in run_cases.WELL


def test_every_test_has_its_share_and_proofs_have_none():
    """What the table tells adds up to the promise; rules of the doctor have another."""
    shares = {e.code: e.false_alarms for e in rule_book.entries() if e.false_alarms is not None}

    assert set(shares) == set(data_rules.TESTED)
    assert sum(shares.values()) == pytest.approx(false_alarms.TOTAL)


def test_one_rule_is_found_in_any_case_and_a_wrong_name_is_refused_with_the_right_ones():
    assert {entry.code for entry in rule_book.named("da7")} == {"DA7"}
    with pytest.raises(errors.ConfigError, match="DA7"):
        rule_book.named("XX1")

"""The doctor's examination: what counts as found, as named and as an alarm, and that every case can be trained."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "faults"))

import admission
import further
import harm
import jobs
import plants
import processes
import recorder
import repairs
import rivals
import run
from cases import Case
from worker import CASES, examined

import summarise

NN1 = {"code": "NN1", "severity": "fault", "evidence": "equal", "where": ""}
OP1 = {"code": "OP1", "severity": "fault", "evidence": "high", "where": ""}
BV2 = {"code": "BV2", "severity": "limit", "evidence": "gap", "where": ""}


def case(*causes, admitted=True):
    return Case("made up", "J9", lambda recipe: recipe, causes, admitted=admitted)


def test_names_are_unique_and_every_job_has_faults_and_controls():
    """A second case of the same name would silently take the place of the first."""
    assert len(CASES) == len(summarise.FAULTS) + len(summarise.CONTROLS)
    assert {one.job for one in CASES.values()} == set(jobs.JOBS)
    assert {run.REPAIRED} < set(run.SMOKE) <= set(CASES)


@pytest.mark.parametrize("job", jobs.JOBS)
def test_every_job_is_a_training(job):
    """The doctor accepts it, and another seed gives other rows or another start."""
    pytest.importorskip(further.PACKAGES.get(job, "sklearn"))
    jobs.JOBS[job](0).subject().check()
    assert jobs.JOBS[job](0).seed != jobs.JOBS[job](1).seed


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_case_is_a_training(name):
    """Nothing planted is refused before it is examined."""
    pytest.importorskip(further.PACKAGES.get(CASES[name].job, "sklearn"))
    CASES[name].recipe(0).subject().check()


def test_limits_count_only_where_they_were_planted():
    """A finding of bias on a healthy run is no alarm, and is right where the network was made too small."""
    record = {"findings": [BV2, OP1]}

    assert summarise.judge(case(), record).wrong == (OP1,)
    assert summarise.judge(case(("BV2", "DA21")), record).named == ("OP1", "BV2")
    assert summarise.judge(case(("OP1",)), record).named == ("OP1",)


def test_of_two_causes_one_is_half():
    """Double faults are scored by recall for each cause, and the first one named may be either."""
    judged = summarise.judge(case(("NN1",), ("OP9", "BV7")), {"findings": [NN1, OP1]})

    assert (judged.causes, judged.first, judged.wrong) == (0.5, True, (OP1,))


def test_a_broken_examination_found_nothing():
    """It is counted, not left out."""
    judged = summarise.judge(case(("NN1",)), {"broken": "killed"})

    assert (judged.found, judged.causes, judged.first) == (False, 0.0, False)
    assert len(summarise.judge(case(), {"findings": [], "failed": "ValueError"}).wrong) == 1


def test_a_worker_that_breaks_is_a_record_for_each_run_that_it_left(tmp_path):
    """And what it told before it broke is kept as it came."""
    out = tmp_path / "lines.jsonl"
    work = [("harm", [("J9 uphill", 0), ("no such case", 1)])]
    found = list(processes.run(work, at_once=1, until=float("inf"), out=out, cache=None))

    assert [(one["case"], "broken" in one) for one in found] == [("J9 uphill", False), ("no such case", True)]
    assert "KeyError" in found[1]["broken"]
    assert processes.read(out) == found


def test_a_slice_that_ends_leaves_runs_for_the_next_one():
    """Those that a worker did not begin are none that broke: it takes a second to start."""
    soon = time.monotonic() + 0.5
    work = [("harm", [("as it is (J9)", 0)])]

    assert list(processes.run(work, at_once=1, until=soon, out=None, cache=None)) == []


def test_harm_decides_what_is_a_fault():
    """Above the practical size for sure, within it for sure, or left out."""
    healthy = [0.05] * 4

    assert harm.verdict([0.10, 0.11, 0.12, 0.11], healthy)["verdict"] == "fault"
    assert harm.verdict([0.001, 0.0, -0.001, 0.0], healthy)["verdict"] == "control"
    assert harm.verdict([0.0, 0.1, 0.0, 0.0], healthy)["verdict"] == "left out"
    assert harm.verdict([-0.10, -0.11, -0.12, -0.11], healthy)["verdict"] == "left out"


def test_what_is_true_of_the_program_is_a_fault_whatever_it_costs():
    """A wrong gradient that does no harm is still wrong; a learning rate that does none is not too high."""
    harmless = {"made up": {"verdict": "control"}}

    assert summarise.is_fault(case(("NU1",)), harmless) is True
    assert summarise.is_fault(case(("OP1",)), harmless) is False
    assert summarise.is_fault(case(), {}) is False


def test_a_leak_is_judged_by_what_it_hides():
    """Copies lower the reported error; the honest one is that of the rows without copies."""
    recipe = plants.copied_dev(0.25)(jobs.JOBS["J9"](0))

    assert len(recipe.dev) == 800
    assert len(recipe.judged) == 600
    copied = {row.tobytes() for row in recipe.train.x} & {row.tobytes() for row in recipe.dev.x}
    assert len(copied) == 200


def test_noise_changes_so_many_labels_and_leaves_the_honest_ones():
    """Every flip is to another class."""
    job = jobs.JOBS["J9"](0)
    recipe = plants.label_noise(0.4)(job)

    assert np.mean(recipe.train.y != job.train.y) == pytest.approx(0.4, abs=0.06)
    np.testing.assert_array_equal(recipe.judged.y, job.dev.y)


def test_swings_of_accuracy_are_counted_from_peak_to_valley():
    """AutoTrainer: local maximum less local minimum at least 0.03, as a share of the epochs."""
    assert rivals._swings(np.array([0.5, 0.6, 0.5, 0.6, 0.5])) == pytest.approx(2 / 5)
    assert rivals._swings(np.linspace(0.5, 0.9, 10)) == 0.0


def test_rivals_rules_fire_on_what_they_are_for():
    """A network that never moves is stalled, a linear one is linear, and a logit alone trips no mismatch."""
    job = jobs.JOBS["J9"](0)
    short = plants.settings(epochs=6, rate=0.0, activation="linear")(job)
    record = recorder.record(short)

    assert rivals.STALLED in list(rivals.deepdiagnosis(record))
    assert {rivals.LINEAR, rivals.INPUTS} <= set(rivals.umlaut(record))
    assert rivals.SLOW in list(rivals.autotrainer(record))
    assert rivals.STALLED in list(rivals.sagemaker(record))
    assert rivals.MISMATCH not in list(rivals.umlaut(record))


def test_tables_have_every_fault_and_control_that_was_run():
    """And a rate has its exact interval."""
    symptoms = {"AutoTrainer": [["slow convergence", ["OP2"]]]}
    records = [
        {"case": "9 constant weights", "seed": 0, "findings": [NN1], "seconds": 8.0, "training_seconds": 2.0,
         "failed": None, "rivals": symptoms},
        {"case": "as it is (J9)", "seed": 0, "findings": [OP1], "seconds": 4.0, "training_seconds": 2.0,
         "failed": None, "rivals": symptoms},
        {"case": "J9 label noise 0.4", "seed": 0, "broken": "killed"},
    ]  # fmt: skip
    text = "\n".join(summarise.shown(records, {}, texts=True))

    assert "| doctor | 50.0% (1.3% to 98.7%) of 2 |" in text
    assert "| 9 constant weights | J3 | NN1 | 1 | 100% | 100% | 100% | NN1 |" in text
    assert "| as it is (J9) | 1 | OP1 |" in text
    assert "| label noise, J9 | 0.4 | not measured | 1 | 0.0% (0.0% to 97.5%) of 1 |" in text
    assert "- as it is (J9), seed 0: OP1: high" in text
    assert "3 times its training" in text


def test_a_worker_that_breaks_is_a_record(monkeypatch, tmp_path):
    """What it printed before is kept, and the seed that it left says why."""
    worker = tmp_path / "worker.py"
    worker.write_text('import sys\nprint(\'{"case": "x", "seed": 1}\')\nsys.exit("out of memory")\n')
    monkeypatch.setattr(processes, "WORKER", worker)
    out = tmp_path / "out.jsonl"

    work = [("examine", [("x", 1), ("x", 2)])]
    records = list(processes.run(work, at_once=1, until=float("inf"), out=out, cache=None))

    assert records[0] == {"case": "x", "seed": 1}
    assert "out of memory" in records[1]["broken"]
    assert processes.read(out) == records


def test_admission_needs_two_seeds():
    """One has no interval."""
    one = {"case": "x", "seed": 0, "healthy": 0.1, "harm": 0.3}

    assert admission.verdicts([one]) == {}
    assert admission.verdicts([one, {**one, "seed": 1}])["x"]["verdict"] == "fault"


def gained(gain, lost=0.2):
    """Of two hundred rows and six starts, with and without so much of the error."""
    rng = np.random.default_rng(0)
    sick = jobs.JOBS["J9"](0).subject()
    control = (rng.random((6, 200)) < 0.3).astype(float)
    right = rng.random((6, 200)) < gain / 0.3 if gain > 0 else np.zeros((6, 200), bool)
    wrong = rng.random((6, 200)) < -gain / 0.7
    return repairs._gained(control, np.where(right, 0.0, np.where(wrong, 1.0, control)), sick, lost)


@pytest.mark.parametrize(
    ("gain", "strict", "harm"), [(0.2, True, False), (0.1, False, False), (0.0, False, False), (-0.2, False, True)]
)
def test_a_repair_is_strict_where_it_regains_nine_tenths(gain, strict, harm):
    """For sure, too; and it harms where the error has grown for sure."""
    found = gained(gain)

    assert (found["strict"], found["harm"]) == (strict, harm)


def test_what_was_not_repaired_regained_nothing():
    """A fault without a cure counts against the doctor, and not against the search."""
    record = {"case": "9 constant weights", "seed": 0, "findings": [NN1], "seconds": 8.0, "training_seconds": 2.0,
              "trainings": 150.0, "failed": None, "rivals": {},
              "repair": {"lost": 0.2, "practical": 0.01, "random search": gained(0.2),
                         "another seed": gained(0.0)}}  # fmt: skip
    text = "\n".join(summarise.shown([record], {}))

    free = record | {"case": "J9 uphill", "repair": record["repair"] | {"lost": 0.004}}

    assert "Of 2 faults whose repair was measured 1 had lost" in "\n".join(summarise.shown([record, free], {}))
    assert "| doctor | 0.0% (0.0% to 97.5%) of 1 |" in text
    assert "| random search | 100.0% (2.5% to 100.0%) of 1 |" in text
    assert "as many rows as 150 of the examined one" in text


@pytest.mark.slow
def test_an_untrained_network_is_repaired_and_another_seed_is_no_repair():
    """The healthy training in the place of one that hardly learns regains all of it."""
    case = CASES["J9 Adam 1e-5"]
    found = repairs.judge(case, 0, jobs.JOBS["J9"](0).subject(), repairs.cost(case.recipe(0).subject()))

    assert found["lost"] > 0.3 > found["practical"]
    assert found["doctor"]["strict"]
    assert not found["another seed"]["strict"]


@pytest.mark.parametrize("name", run.SMOKE)
def test_the_smoke_part_names_what_was_planted_and_raises_no_alarm(name):
    """From case to record, rivals and repair included: the part of the examination that every check runs."""
    record = examined(CASES[name], 0, repair=name == run.REPAIRED)
    judged = summarise.judge(CASES[name], record)

    assert record["failed"] is None
    assert set(record["rivals"]) == set(rivals.RIVALS)
    assert judged.wrong == ()
    assert judged.first == bool(CASES[name].causes)
    if name == run.REPAIRED:
        assert record["repair"]["doctor"]["strict"]
        assert not record["repair"]["another seed"]["strict"]

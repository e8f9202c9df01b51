"""Causes are named before what they cause, and what they cause is not named at all."""

import time
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import course, examination, screening
from burnish.doctor.arms import Arm
from burnish.doctor.course import Course
from burnish.doctor.diagnosis import examine
from burnish.doctor.examination import NOTHING_CHANGED, OF_ROWS, OF_STEPS, Examination, TimeUp
from burnish.doctor.lab import Change
from burnish.doctor.rule import Trial
from burnish.doctor.rules import TRIALS
from burnish.doctor.screening import Candidate
from burnish.doctor.subject import Rows
from doctor import subjects

HEALTHY = subjects.subject()


def followed(subject):
    return Course(Examination(subject)).run()


def codes(found):
    return [one.finding.code for one in found.causes]


def uphill(params, x, y, key):
    return jax.tree.map(jnp.negative, jax.grad(lambda p: HEALTHY.objective(p, x, y, key))(params))


def test_of_causes_that_gain_alike_the_special_one_is_first_whatever_the_order_of_the_table(monkeypatch):
    """Standardised inputs mend what sorted rows do to a training, too: they make nearly any training faster."""
    rules = {rule.code: rule for rule in TRIALS}
    monkeypatch.setattr(screening, "_alike", lambda *_: True)
    found = [
        Candidate(rules["DA1"], Trial("", (), general=2), SimpleNamespace(control=0.6, treatment=0.05)),
        Candidate(rules["DA13"], Trial("", ()), SimpleNamespace(control=0.6, treatment=0.051)),
    ]

    assert [one.rule.code for one in screening.ranked(None, found)] == ["DA13", "DA1"]


@pytest.mark.parametrize(("times", "general"), [(1, 2), (100, 0)])
def test_inputs_of_usual_size_that_are_only_ill_conditioned_say_little_of_the_cause(times, general):
    rows = subjects.clusters(40)
    x = (rows.x / rows.x.std(axis=0)).astype(np.float32)
    x[:, 1:] *= 0.03
    subject = subjects.subject((x.shape[1], 4, 4), train=Rows(np.float32(times) * x, rows.y), epochs=1)

    trial = next(rule for rule in TRIALS if rule.code == "DA1").trial(Examination(subject))

    assert trial is not None
    assert trial.general == general


@pytest.mark.slow
def test_a_wrong_sign_is_the_cause_of_a_wrong_gradient_and_of_a_training_that_diverges():
    """One finding, whose cure makes the training as good as it was without the fault."""
    found = followed(replace(HEALTHY, gradient=uphill))

    (cause,) = [one for one in found.causes if one.finding.severity is Severity.FAULT]
    assert (cause.finding.code, cause.by, cause.confirmed) == ("NU2", Evidence.PROOF, True)
    assert found.exam.error == pytest.approx(Examination(HEALTHY).error, abs=0.02)


@pytest.mark.slow
def test_a_rate_that_is_too_high_for_large_inputs_alone_is_not_too_high():
    large = replace(
        HEALTHY,
        optimizer=optax.sgd(0.1),
        train=Rows(HEALTHY.train.x * 100, HEALTHY.train.y),
        dev=Rows(HEALTHY.dev.x * 100, HEALTHY.dev.y),
    )
    found = followed(large)

    assert codes(found)[0] == "DA1"
    assert "OP1" not in codes(found)
    assert any(one.startswith("OP1 ") for one in found.causes[0].explains)


@pytest.mark.slow
def test_a_rate_that_spares_the_first_starts_and_ruins_others_is_screened_on_all():
    exam = Examination(replace(HEALTHY, optimizer=optax.sgd(1.3)))
    errors = [exam.trained(NOTHING_CHANGED, start).errors.mean() for start in exam.screening]
    assert max(errors[: len(exam.glance)]) < 0.15 < max(errors)
    assert "OP1" in [one.rule.code for one in screening.candidates(exam, set())]


@pytest.mark.slow
@pytest.mark.parametrize(("share", "sure"), [(1 / 3, True), (2.0, False)])
def test_what_ruins_some_starts_of_a_dear_training_has_the_last_look_if_it_is_grave(share, sure, monkeypatch):
    monkeypatch.setattr(examination, "LOOKED_LAST", 0.0)
    monkeypatch.setattr(examination, "FAULTY_ERROR", share)
    exam = Examination(replace(HEALTHY, optimizer=optax.sgd(1.5)))
    slower = exam.screen(Arm("a tenth of the rate", Change(rate=0.1)), thorough=True)
    probed, confirmed = exam.confirm(slower, arms=5)

    assert (confirmed, probed.starts == examination.LOOKS[-1]) == (sure, sure)


def test_parameters_that_never_move_are_no_finding_where_the_inputs_are_ignored():
    """Nor that a few rows cannot be learned by heart: nothing here can cure what explains both."""
    ignored = subjects.subject((8, 4, 4), epochs=2, train=subjects.clusters(64))
    found = followed(replace(ignored, apply=lambda p, x: ignored.apply(p, jnp.zeros_like(x))))

    assert codes(found) == ["NU8"]
    assert not {one.finding.code for one in found.readings} & {"NU3", "NN9", "OP14"}


@pytest.mark.slow
def test_two_faults_are_named_both_and_mended_both():
    """Softmax before the loss takes the logits, and a learning rate that ruins what is left."""
    sick = replace(HEALTHY, apply=lambda p, x: jax.nn.softmax(HEALTHY.apply(p, x)), optimizer=optax.adam(1.0))
    heard: list[str] = []
    diagnosis = examine(Examination(sick), 0.0, heard.append)
    faults = [one.code for one in diagnosis.findings if one.severity is Severity.FAULT]
    told = diagnosis.document()["findings"][0]

    begun = ("Looking at a training", "Proved: NN8", "Looking again, with the last", "Trying", "Suspected: OP1")
    assert [any(said.startswith(one) for said in heard) for one in begun] == [True] * len(begun)
    steps = [next(place for place, said in enumerate(heard) if said.startswith(one)) for one in (*begun, "Confirmed")]
    assert steps == sorted(steps)

    assert faults == ["NN8", "OP1"]
    assert diagnosis.repaired_error < 0.15 < diagnosis.dev_error
    assert (told["by"], told["repair"]) == ("proof", "the last layer's values as outputs")
    assert Examination(diagnosis.repaired).error == pytest.approx(diagnosis.repaired_error, abs=0.02)


@pytest.mark.slow
def test_what_gains_alike_is_told_apart_by_how_special_it_is():
    """Another start and another optimiser mend weights that are far too small as well as each other."""
    found = followed(
        subjects.subject(init=subjects.perceptron((8, 16, 16, 4), scale=1e-3)[0], optimizer=optax.sgd(0.1))
    )

    assert codes(found)[0] == "NN2"


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"batch_size": 8, "optimizer": optax.sgd(0.1)}, {"rows", "proofs"}),
        ({"loss": lambda z, y: subjects.cross_entropy(2 * z, y)}, {"rows"}),
        ({"train": subjects.clusters(40)}, set()),
    ],
)
def test_what_a_cure_cannot_have_changed_is_not_looked_for_again(changes, kept):
    before = Examination(HEALTHY)
    for name in (OF_ROWS, OF_STEPS, "proofs"):
        before.once(name, lambda: "seen")
    after = Examination(replace(HEALTHY, **changes), after=before)

    assert {name for name in (OF_ROWS, OF_STEPS, "proofs") if after.once(name, lambda: "anew") == "seen"} == kept


def test_faults_come_first_whatever_was_named_first(monkeypatch):
    """And each finding says how sure it is."""
    finding = course.Finding("BV10", "Short", Severity.LIMIT, "Seen.", "Longer.")
    causes = [
        course.Cause(finding, Evidence.PROBE),
        course.Cause(replace(finding, code="OP1", severity=Severity.FAULT), Evidence.PROOF),
    ]
    monkeypatch.setattr(Course, "run", lambda self: self.causes.extend(causes) or self)
    monkeypatch.setattr(Course, "readings", ())

    diagnosis = examine(Examination(subjects.subject((8, 4, 4), train=subjects.clusters(40), epochs=1)), 0.0)

    assert [one.code for one in diagnosis.findings] == ["OP1", "BV10"]
    assert "OP1 Short (fault, by proof)" in str(diagnosis)
    assert [one["by"] for one in diagnosis.document()["findings"]] == ["proof", "probe"]


@pytest.mark.parametrize(
    ("gained", "longer", "cause"), [(0.46, 1, "OP1"), (0.40, 1, "OP8"), (0.40, 16, "OP1"), (0.20, 16, "OP8")]
)
def test_a_special_cause_that_regains_nearly_all_comes_before_a_general_cure(gained, longer, cause):
    """Adam does some good to nearly every training by SGD; a rate that is too high is still one that is too high. Of a
    cure that takes many more steps half is enough."""
    rules = {rule.code: rule for rule in TRIALS}
    special, general = (
        Candidate(rules[code], Trial("", ()), SimpleNamespace(control=0.6, treatment=0.6 - regained, steps=steps))
        for code, regained, steps in (("OP1", gained, 100), ("OP8", 0.5, 100 * longer))
    )

    assert screening._regains(special, general) == (cause == "OP1")
    assert not screening._regains(general, special)


@pytest.mark.slow
def test_two_faults_that_hide_one_another_are_named_both():
    """Standardised inputs alone do not help under the penalty, nor does no penalty help with such inputs."""
    sick = replace(
        HEALTHY,
        optimizer=optax.sgd(0.1),
        penalty=lambda params: sum(jnp.sum(jnp.square(layer["w"])) for layer in params),
        train=Rows(HEALTHY.train.x * 300, HEALTHY.train.y),
        dev=Rows(HEALTHY.dev.x * 300, HEALTHY.dev.y),
    )
    found = followed(sick)

    assert codes(found)[:2] == ["DA1", "OP9"]
    assert len(found.arms) == 1
    assert found.exam.error == pytest.approx(Examination(HEALTHY).error, abs=0.04)


@pytest.mark.slow
def test_what_is_only_room_for_improvement_is_in_the_repaired_training_too():
    """One epoch is no fault of a program; sixteen are better for sure."""
    diagnosis = examine(Examination(replace(HEALTHY, epochs=1)), 0.0)

    assert diagnosis.ok
    assert "BV10" in {one.code for one in diagnosis.findings}
    assert diagnosis.repaired.epochs > 1
    assert diagnosis.repaired_error < diagnosis.dev_error - 0.05
    assert Examination(diagnosis.repaired).error == pytest.approx(diagnosis.repaired_error, abs=0.03)
    assert f"`repaired` is this training with {diagnosis.repairs[0]}: its dev error is" in str(diagnosis)


@pytest.mark.slow
def test_columns_that_tell_the_target_are_taken_away_and_the_honest_error_told():
    def leaking(rows):
        told = rows.y[:, None].astype(np.float32)
        return Rows(np.concatenate([rows.x, 3 * told, 5 - told**2], axis=1), rows.y)

    init, apply = subjects.perceptron((10, 16, 16, 4))
    sick = replace(HEALTHY, init=init, apply=apply, train=leaking(HEALTHY.train), dev=leaking(HEALTHY.dev))
    diagnosis = examine(Examination(sick), 0.0)

    assert [(one.code, one.where) for one in diagnosis.findings[:2]] == [("DA10", "input 8"), ("DA10", "input 9")]
    assert diagnosis.repairs[0] == "input 8, input 9 at the mean in all rows"
    assert diagnosis.dev_error < diagnosis.repaired_error - 0.02
    assert "the dev error rises by" in str(diagnosis)
    assert "and is honest then" in str(diagnosis)
    new = diagnosis.repaired.apply(diagnosis.repaired.init(jax.random.key(0)), sick.dev.x[:5])
    unknown = diagnosis.repaired.apply(
        diagnosis.repaired.init(jax.random.key(0)), leaking(Rows(HEALTHY.dev.x[:5], 0 * HEALTHY.dev.y[:5])).x
    )
    np.testing.assert_array_equal(new, unknown)


def test_a_cure_that_does_harm_is_told_and_not_kept(monkeypatch):
    small = subjects.subject((8, 4, 4), train=subjects.clusters(64), epochs=2)
    course_ = Course(Examination(replace(small, apply=lambda p, x: jax.nn.softmax(small.apply(p, x)))))
    harmful = SimpleNamespace(error_gain=SimpleNamespace(low=-0.2, high=-0.1, value=-0.15))
    monkeypatch.setattr(Course, "_gain", lambda self, before, arm: harmful)

    assert course_._prove()
    assert [one.finding.code for one in course_.causes] == ["NN8"]
    assert course_.arms == []
    assert course_.exam is course_.first
    assert not course_.causes[0].confirmed


def test_what_the_time_does_not_reach_is_named_and_nothing_made_up():
    exam = Examination(subjects.subject((8, 4, 4), train=subjects.clusters(64), epochs=2))
    exam.until = 0.0
    diagnosis = examine(exam, 0.0)

    assert len(exam.trainings) == 0
    assert diagnosis.document()["dev_error"] is None
    assert diagnosis.repaired is None
    assert "OP1" in diagnosis.left_out[0]
    assert "the time was up" in str(diagnosis)


@pytest.mark.slow
def test_what_gained_in_screening_and_could_not_be_confirmed_is_suspected(monkeypatch):
    small = subjects.subject((8, 8, 4), train=subjects.clusters(200), optimizer=optax.adam(3.0))
    rates = tuple(rule for rule in TRIALS if rule.code == "OP1")
    for module in (course, screening):
        monkeypatch.setattr(module, "TRIALS", rates)

    def late(self, screened, arms):
        raise TimeUp

    monkeypatch.setattr(Examination, "confirm", late)
    exam = Examination(small)
    exam.until = time.monotonic() + 600
    found = Course(exam).run()

    assert codes(found) == ["OP1"]
    assert found.causes[0].finding.title.endswith("(suspected)")
    assert found.causes[0].finding.severity is Severity.LIMIT
    assert not found.causes[0].confirmed
    assert found.repaired is None

"""Several labels a row: the next code at each place of a sequence, or yes or no for each of some questions."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.diagnosis.finding import Severity
from burnish.doctor import diagnosis, simple
from burnish.doctor.examination import Examination
from burnish.doctor.rules import RULES, data, structure
from burnish.doctor.subject import Rows
from doctor import subjects

RULE = {rule.code: rule for rule in RULES}
CODES, PLACES = 6, 8


def chains(rows, seed):
    """Each code goes to the next one, or, once in ten times, anywhere; the last two targets of some rows fill up."""
    rng = np.random.default_rng(seed)
    codes = np.zeros((rows, PLACES + 1), np.int32)
    codes[:, 0] = rng.integers(0, CODES, rows)
    for place in range(PLACES):
        leaps = rng.random(rows) < 0.1
        codes[:, place + 1] = np.where(leaps, rng.integers(0, CODES, rows), (codes[:, place] * 5 + 1) % CODES)
    targets = codes[:, 1:].copy()
    targets[rng.random(rows) < 0.2, -2:] = -1
    return Rows(codes[:, :-1].copy(), targets)


def masked(z, y):
    """Mean over the places that have a label."""
    known = y >= 0
    losses = optax.softmax_cross_entropy_with_integer_labels(z, jnp.where(known, y, 0))
    return jnp.where(known, losses, 0).sum(axis=1) / known.sum(axis=1)


def model(key):
    keys = jax.random.split(key, 3)
    return {
        "table": jax.random.normal(keys[0], (CODES, 12)),
        "hidden": jax.random.normal(keys[1], (12, 24)) * np.sqrt(2 / 12),
        "out": jax.random.normal(keys[2], (24, CODES)) * np.sqrt(1 / 24),
    }


def told_next(params, x):
    return jax.nn.relu(params["table"][x] @ params["hidden"]) @ params["out"]


def sequences(**changes):
    return subjects.subject(
        **{
            "init": model,
            "apply": told_next,
            "loss": masked,
            "train": chains(400, 0),
            "dev": chains(300, 1),
            **changes,
        }
    )


def questions(rows, seed, kind=np.float32):
    """Three questions, each about two of the inputs."""
    x = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    return Rows(x, (x[:, :3] + 0.5 * x[:, 3:6] > 0.4).astype(kind))


def answers(**changes):
    return subjects.subject(
        (8, 16, 3),
        **{
            "loss": lambda z, y: optax.sigmoid_binary_cross_entropy(z, y).mean(axis=1),
            "train": questions(600, 0),
            "dev": questions(400, 1),
            **changes,
        },
    )


def test_the_error_of_a_sequence_is_the_share_of_its_labels_that_is_wrong():
    subject = sequences().understood()
    y = np.array([[0, 1, 2, 3, 4, 5, 0, 1], [0, 1, 2, 3, -1, -1, -1, -1]], np.int32)
    said = np.where(np.arange(PLACES) < 2, (y + 1) % CODES, y)  # the first two of each are wrong

    assert subject.row_errors(np.eye(CODES)[said], y).tolist() == [2 / 8, 2 / 4]


@pytest.mark.parametrize("kind", [np.float32, np.int32, np.bool_])
def test_the_error_of_several_questions_is_the_share_of_answers_that_is_wrong(kind):
    subject = answers(train=questions(60, 0, kind), dev=questions(40, 1, kind)).understood()
    z, y = np.array([[2.0, -1, 3], [-1, -1, -1]]), np.array([[1, 1, 1], [0, 0, 0]])

    assert subject.row_errors(z, y).tolist() == [pytest.approx(1 / 3), 0.0]
    assert subject.train.y.dtype == np.int32


def test_knowing_nothing_is_the_usual_label():
    by_code, by_question = Examination(sequences()), Examination(answers())
    y = by_code.subject.dev.y
    shares = np.bincount(y[y >= 0]) / (y >= 0).sum()
    yes = by_question.subject.dev.y.mean(axis=0)

    assert by_code.uninformed_error == pytest.approx(1 - shares.max())
    assert by_code.uninformed == pytest.approx(-(shares * np.log(shares)).sum(), abs=0.02)
    assert by_question.uninformed_error == pytest.approx(np.minimum(yes, 1 - yes).mean())
    assert by_question.uninformed == pytest.approx(-(yes * np.log(yes) + (1 - yes) * np.log(1 - yes)).mean(), abs=0.02)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (sequences(), False),
        (sequences(apply=lambda p, x: jax.nn.softmax(told_next(p, x))), True),
        (answers(), False),
        (answers(apply=lambda p, x: jax.nn.sigmoid(answers().apply(p, x))), True),
        (sequences(loss=lambda z, y: optax.softmax_cross_entropy(z, jax.nn.one_hot(y, CODES)).sum(axis=1),
                   train=Rows(chains(400, 0).x, chains(400, 0).y + 1)), True),
    ],
    ids=["codes", "softmax twice", "questions", "sigmoid twice", "one class too many"],
)  # fmt: skip
def test_outputs_are_held_to_the_loss_of_each_label(subject, expected):
    assert bool(list(RULE["NN8"].look(Examination(subject)))) == expected


def test_codes_beyond_the_table_are_found_in_sequences():
    short = sequences(init=lambda key: {**model(key), "table": model(key)["table"][:-1]})

    assert [one.finding.code for one in structure.NN16.look(Examination(short))] == ["NN16", "NN16"]


@pytest.mark.slow
@pytest.mark.parametrize("subject", [sequences(), answers()], ids=["codes", "questions"])
def test_a_healthy_training_of_several_labels_has_no_fault(subject):
    found = diagnosis.examine(Examination(subject), 0.0)

    assert [one.code for one in found.findings if one.severity is Severity.FAULT] == []
    assert any("several labels" in one for one in found.left_out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"optimizer": optax.adam(1.0)}, "OP1"),
        ({"optimizer": optax.adam(3e-5)}, "OP2"),
        ({"init": lambda key: jax.tree.map(jnp.zeros_like, model(key))}, "NN1"),
        ({"loss": lambda z, y: -masked(z, y)}, "NN8"),
    ],
)
def test_what_ails_a_sequence_is_named(changes, code):
    found = diagnosis.examine(Examination(replace(sequences(), **changes)), 0.0)

    assert code in [one.code for one in found.findings]
    assert any("several labels" in one for one in found.left_out)  # of what was cured, too


def test_places_that_the_loss_does_not_ask_are_told():
    first = replace(sequences(), loss=lambda z, y: masked(z[:, :1], y[:, :1]))
    [told] = RULE["NN8"].look(Examination(first))
    assert "7 places of 8" in told.finding.evidence
    assert told.finding.severity is Severity.LIMIT
    assert list(RULE["NN8"].look(Examination(sequences()))) == []


def test_a_question_that_the_loss_does_not_ask_is_told():
    def skipped(z, y):
        return optax.sigmoid_binary_cross_entropy(z[:, 1:], y[:, 1:]).sum(axis=1)

    [told] = RULE["NN8"].look(Examination(replace(answers(), loss=skipped)))
    assert "1 place of" in told.finding.evidence


def test_dev_rows_of_several_questions_are_held_against_the_training_rows():
    """Copied ones, and some in another unit; codes of a sequence are not asked."""
    train, dev = questions(600, 0), questions(400, 1)
    copied = Rows(np.concatenate([dev.x[:300], train.x[:100]]), np.concatenate([dev.y[:300], train.y[:100]]))
    scaled = Rows(10 * dev.x, dev.y)

    def told(subject):
        return [one.finding.code for one in data.looked(Examination(subject))]

    assert [told(answers(dev=rows)) for rows in (copied, scaled, dev)] == [["DA7"], ["DA2"], []]
    assert told(sequences()) == []


def test_a_sequence_is_held_against_what_mostly_goes_with_a_code():
    """Nine in ten codes are told by the one before, and no simple model looks at the one after, which is the answer."""
    found = simple.dev_errors(sequences().understood(), "misclassification rate")
    assert found["a table of codes"].value == pytest.approx(0.1, abs=0.04)
    assert found["a table of pairs of codes"].value < 0.2
    assert found["a constant answer"].value > 0.7


def test_a_network_that_a_table_of_codes_outdoes_has_a_bias():
    blind = replace(sequences(), apply=lambda p, x: told_next(p, jnp.zeros_like(x)))
    exam = Examination(blind)
    assert exam.budget(exam.measured).avoidable_bias.low > exam.practical


def test_questions_are_held_against_a_linear_model_of_each():
    found = simple.dev_errors(answers().understood(), "misclassification rate")
    assert found["linear"].value < found["a constant answer"].value


def attending(allowed):
    """One head of attention between the codes and what is told, from each place to those that are allowed."""

    def apply(params, x):
        codes = params["table"][x] + params["places"]
        seen = jnp.einsum("rpc,rqc->rpq", codes @ params["query"], codes)
        seen = jnp.where(allowed(jnp.arange(PLACES)[:, None], jnp.arange(PLACES)), seen, -1e9)
        return told_next(params, x) + (jax.nn.softmax(seen, axis=-1) @ codes) @ params["read"]

    def init(key):
        keys = jax.random.split(key, 3)
        more = {"places": (PLACES, 12), "query": (12, 12), "read": (12, CODES)}
        drawn = (0.3 * jax.random.normal(one, shape) for one, shape in zip(keys, more.values(), strict=True))
        return {**model(key), **dict(zip(more, drawn, strict=True))}

    return {"init": init, "apply": apply}


MASKS = {
    "itself and earlier": jnp.greater_equal,
    "all": lambda p, q: (p >= q) | (p < q),
    "itself and later": jnp.less_equal,
}


def foreseen(subject):
    return [one.finding.code for one in RULE["NN17"].look(Examination(subject))]


@pytest.mark.parametrize(("mask", "codes"), [*zip(MASKS, ([], ["NN17"], ["NN17"]), strict=True)])
def test_a_language_model_that_sees_what_comes_next_is_named(mask, codes):
    assert foreseen(sequences(**attending(MASKS[mask]))) == codes


def test_inputs_may_be_one_hot_rows_or_numbers_of_several_channels():
    """A filter over three places: the next one among them, or all of them before."""

    def filtered(padding):
        def apply(params, x):
            return jax.lax.conv_general_dilated(x, params, (1,), padding, dimension_numbers=("NWC", "WIO", "NWC"))

        return apply

    for padding, codes in (([(1, 1)], ["NN17"]), ([(2, 0)], [])):
        apply = filtered(padding)
        rows = [chains(200, seed) for seed in (0, 1)]
        train, dev = (Rows(np.eye(CODES, dtype=np.float32)[one.x], one.y) for one in rows)
        one_hot = subjects.subject(
            init=lambda key: jax.random.normal(key, (3, CODES, CODES)),
            apply=apply,
            loss=masked,
            train=train,
            dev=dev,
        )
        walk = np.random.default_rng(0).normal(size=(300, PLACES + 1, 2)).cumsum(axis=1).astype(np.float32)
        numbers = Rows(walk[:, :-1], 3 * walk[:, 1:, 1] - 1)
        forecast = subjects.regression(
            init=lambda key: jax.random.normal(key, (3, 2, 1)),
            apply=lambda p, x, apply=apply: apply(p, x)[..., 0],
            loss=lambda z, y: jnp.square(z - y).mean(axis=1),
            train=numbers,
            dev=numbers,
        )

        assert [foreseen(one) for one in (one_hot, forecast)] == [codes, codes]


def test_targets_that_are_no_later_inputs_foretell_nothing():
    """Tags, and copies of what came before, are to see all places; an autoencoder is told, as it may be meant."""
    everything = attending(MASKS["all"])
    codes = chains(300, 0).x
    [told] = RULE["NN17"].look(Examination(sequences(train=Rows(codes, codes), dev=Rows(codes, codes))))
    assert told.finding.severity is Severity.LIMIT
    for y in (np.roll(codes, 2, axis=1), codes % 2, np.random.default_rng(0).permutation(codes)):
        rows = Rows(codes, y.astype(np.int32))
        assert foreseen(sequences(**everything, train=rows, dev=rows)) == []

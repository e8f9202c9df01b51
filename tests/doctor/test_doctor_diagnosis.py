"""What a person may hand over, and what is said where it cannot be used."""

import jax
import numpy as np
import optax
import pytest

from burnish import errors
from burnish.doctor.diagnosis import diagnose
from doctor import subjects

SMALL = subjects.subject(train=subjects.clusters(40), dev=subjects.clusters(20, seed=2), epochs=1)


@pytest.mark.parametrize(
    ("changes", "what", "remedy"),
    [
        ({"batchsize": 8}, "no option 'batchsize'", "'batch_size' is meant"),
        ({"optimizer": 0.01}, "The optimizer is 0.01", "optax.adam"),
        ({"train": (1, 2, 3)}, "train holds 3 things", "train=(x, y)"),
        ({"dev": None}, "dev holds None", "dev=(x, y)"),
        ({"epochs": "3"}, "epochs is '3'", "your own loop"),
        ({"batch_size": None}, "batch_size is None", "your own loop"),
        ({"time_limit": 0}, "time limit cannot be used", "larger one"),
        ({"time_limit": "soon"}, "time limit cannot be used", '"90s"'),
        ({"frozen": "encoder"}, "begins with 'encoder'", "as written there"),
        (
            {"init": lambda key: {"net": SMALL.init(key), "step": jax.numpy.int32(0)}, "apply": None},
            "The parameter ['step'] is of type int32",
            "out of params",
        ),
    ],
)
def test_what_cannot_be_used_is_told_in_three_lines(changes, what, remedy):
    given = {
        "init": SMALL.init, "apply": SMALL.apply, "loss": SMALL.loss, "optimizer": SMALL.optimizer,
        "train": (SMALL.train.x, SMALL.train.y), "dev": (SMALL.dev.x, SMALL.dev.y),
    }  # fmt: skip
    with pytest.raises(errors.ConfigError) as raised:
        diagnose(**{**given, **changes})

    assert what in raised.value.what
    assert remedy in raised.value.remedy


@pytest.mark.slow
def test_classes_numbered_from_one_are_told_as_such():
    """JAX gives such a row a loss that is no number: what is wrong are the numbers of the classes."""
    train, dev = ((rows.x, rows.y + 1) for rows in (SMALL.train, SMALL.dev))
    found = diagnose(SMALL.init, SMALL.apply, SMALL.loss, SMALL.optimizer, train, dev, epochs=1)

    assert "A target says class 4, and there are 4 outputs, from 0 on." in found.findings[0].evidence
    assert found.findings[0].remedy == "Number the classes from 0."


@pytest.mark.slow
def test_an_optimiser_may_ask_for_the_loss():
    waiting = optax.chain(optax.adam(3e-3), optax.contrib.reduce_on_plateau(patience=5))
    found = diagnose(
        SMALL.init, SMALL.apply, SMALL.loss, waiting, (SMALL.train.x, SMALL.train.y), (SMALL.dev.x, SMALL.dev.y),
        epochs=8,
    )  # fmt: skip

    assert found.ok


def test_whole_numbers_may_be_of_numpy():
    """A size that was computed is one."""
    with pytest.raises(errors.ConfigError, match="target"):  # refused for its rows, and not for its size
        diagnose(
            SMALL.init, SMALL.apply, SMALL.loss, SMALL.optimizer, (SMALL.train.x, SMALL.train.y[:3]),
            (SMALL.dev.x, SMALL.dev.y), batch_size=np.int64(8), seed=jax.numpy.asarray(0).item(),
        )  # fmt: skip

"""What a person may hand over, and what is said where it cannot be used."""

import jax
import numpy as np
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


def test_whole_numbers_may_be_of_numpy():
    """A size that was computed is one."""
    with pytest.raises(errors.ConfigError, match="target"):  # refused for its rows, and not for its size
        diagnose(
            SMALL.init, SMALL.apply, SMALL.loss, SMALL.optimizer, (SMALL.train.x, SMALL.train.y[:3]),
            (SMALL.dev.x, SMALL.dev.y), batch_size=np.int64(8), seed=jax.numpy.asarray(0).item(),
        )  # fmt: skip

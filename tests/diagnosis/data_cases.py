"""Rows with one fault each, and rows with none."""

from dataclasses import replace

import numpy as np

from burnish.diagnosis.data_rules import rows


def well(count=1000, *, classes=3, apart=2.0, seed=0):
    """Gaussian classes around the axes of six inputs: 80 % train, 20 % dev."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count)
    x = rng.normal(size=(count, 6)) + apart * np.eye(6)[y]
    learn = int(0.8 * count)
    return rows.of(x[:learn], y[:learn], x[learn:], y[learn:], seed=seed)


def well_numbers(count=1000, *, seed=0):
    """A target with an interaction and noise of its own size."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 6))
    y = x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=count)
    learn = int(0.8 * count)
    return rows.of(x[:learn], y[:learn], x[learn:], y[learn:], seed=seed)


def dev_on_another_scale(base):
    """DA2: dev in other units."""
    return replace(base, x_dev=3 * base.x_dev + 4)


def dev_standardised_by_itself(base):
    """DA2: each part by its own mean and deviation."""
    return replace(base, **{name: _standard(getattr(base, name)) for name in ("x_train", "x_dev")})


def standardised_together(base):
    """DA11: both by the mean and deviation of all rows."""
    x = _standard(np.vstack([base.x_train, base.x_dev]))
    return replace(base, x_train=x[: len(base.y_train)], x_dev=x[len(base.y_train) :])


def _standard(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def copied_into_dev(base, share=0.25, jitter=0.0):
    """DA7: the first dev rows are training rows."""
    count = int(share * len(base.y_dev))
    x, y = base.x_dev.copy(), base.y_dev.copy()
    noise = jitter * np.random.default_rng(7).normal(size=(count, x.shape[1]))
    x[:count], y[:count] = base.x_train[:count] + noise, base.y_train[:count]
    return replace(base, x_dev=x, y_dev=y)


def copied_inside(base, share=0.2, jitter=0.0):
    """DA6: training rows twice."""
    count = int(share * len(base.y_train))
    noise = jitter * np.random.default_rng(6).normal(size=(count, base.x_train.shape[1]))
    return replace(
        base,
        x_train=np.vstack([base.x_train, base.x_train[:count] + noise]),
        y_train=np.concatenate([base.y_train, base.y_train[:count]]),
    )


def contradicting(base, share=0.2):
    """DA28: training rows twice, with another class."""
    twice = copied_inside(base, share)
    y = twice.y_train.copy()
    count = len(y) - len(base.y_train)
    y[-count:] = (y[-count:] + 1) % 3
    return replace(twice, y_train=y)


def column_is_target(base):
    """DA10: an input that is the target."""
    x = base.x_train.copy()
    x[:, 2] = base.y_train
    return replace(base, x_train=x)


def row_number(base):
    """DA12: rows sorted by the target, then numbered."""
    order = np.argsort(base.y_train, kind="stable")
    x = base.x_train[order].copy()
    x[:, 0] = np.arange(len(x))
    return replace(base, x_train=x, y_train=base.y_train[order])


def moved(base, by=2):
    """DA18: targets of other rows."""
    return replace(base, y_train=np.roll(base.y_train, by))


def shuffled(base, *, dev=False):
    """DA18: training targets dealt at random; with `dev` DA26: those of dev too."""
    rng = np.random.default_rng(18)
    y_dev = rng.permutation(base.y_dev) if dev else base.y_dev
    return replace(base, y_train=rng.permutation(base.y_train), y_dev=y_dev)


def mislabelled(base, share=0.2, *, dev=True):
    """DA17: labels drawn anew."""
    rng = np.random.default_rng(17)
    labels = {}
    for name in ("y_train", "y_dev") if dev else ("y_train",):
        y = getattr(base, name)
        labels[name] = np.where(rng.random(len(y)) < share, rng.integers(0, int(y.max()) + 1, len(y)), y).astype(float)
    return replace(base, **labels)


# One sick and one well example a code.
SICK = {
    "DA2": dev_on_another_scale(well()),
    "DA6": copied_inside(well()),
    "DA7": copied_into_dev(well()),
    "DA10": column_is_target(well()),
    "DA11": standardised_together(well()),
    "DA12": row_number(well()),
    "DA17": mislabelled(well(apart=5.0, classes=4)),
    "DA18": moved(well()),
    "DA26": shuffled(well(), dev=True),
    "DA28": contradicting(well()),
}
WELL = dict.fromkeys(SICK, well()) | {"DA17": well(apart=5.0, classes=4)}

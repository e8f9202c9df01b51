"""Rows with one fault each, and rows with none."""

from dataclasses import replace

import numpy as np

from burnish.data.table import Kind
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


def unlike_scales(base):
    """DA1: inputs far from 0, in units that differ by a thousand."""
    scale = np.array([1000.0, 1, 1, 1, 1, 1])
    return replace(base, x_train=base.x_train * scale + 10, x_dev=base.x_dev * scale + 10)


def dev_elsewhere(base, by=0.8):
    """DA3: two inputs of dev are larger."""
    return replace(base, x_dev=base.x_dev + by * np.array([0, 0, 0, 1, 1, 0]))


def other_shares(base):
    """DA4: dev has half as many of class 0."""
    kept = (base.y_dev != 0) | (np.random.default_rng(4).random(len(base.y_dev)) < 0.3)
    return replace(base, x_dev=base.x_dev[kept], y_dev=base.y_dev[kept])


def drifting(count=2000, seed=0):
    """DA9: what decides changes with time, which is an input too."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 100, count))
    x = np.column_stack([time, rng.normal(size=(count, 3))])
    y = 3 * np.sin(time / 8) + x[:, 1] + 0.3 * rng.normal(size=count)
    return rows.of(x, y, kinds=(Kind.DATE, *(Kind.NUMBER,) * 3))


def with_dates(base):
    """A date beside inputs that it has nothing to do with."""
    count = len(base.y_train)
    time = np.random.default_rng(9).uniform(0, 100, count)
    return rows.of(np.column_stack([time, base.x_train]), base.y_train, kinds=(Kind.DATE, *base.kinds))


def in_order(base):
    """DA13: sorted by the target."""
    order = np.argsort(base.y_train, kind="stable")
    return replace(base, x_train=base.x_train[order], y_train=base.y_train[order])


def telling_nothing(base):
    """DA14: a column of one value, and one that repeats another."""
    x = base.x_train.copy()
    x[:, 0], x[:, 1] = 7.0, x[:, 2]
    return replace(base, x_train=x)


def with_gaps(base):
    """DA15: missing values in one column, −999 in another."""
    x = base.x_train.copy()
    x[::7, 0], x[::9, 1] = np.nan, -999.0
    return replace(base, x_train=x)


def heavy(base):
    """DA16: an input without a finite variance."""
    x = base.x_train.copy()
    x[:, 0] = np.random.default_rng(16).standard_cauchy(len(x))
    return replace(base, x_train=x)


def renamed(base):
    """DA19: dev counts its classes from another one."""
    return replace(base, y_dev=(base.y_dev + 1) % 3)


def overlapping_rare(count=3000, seed=0):
    """DA20: a class of 6 % of the rows that never is the likeliest."""
    rng = np.random.default_rng(seed)
    y = (rng.random(count) < 0.06).astype(int)
    x = rng.normal(size=(count, 4)) + 1.2 * y[:, None] * np.array([1, 0.8, 0, 0])
    return rows.of(x, y)


def mirrored(base):
    """DA22: the class is the side of an input, and augmentation changes sides."""
    rng = np.random.default_rng(22)
    sign = rng.choice([-1.0, 1.0], len(base.y_train))
    y = (base.x_train[:, 0] > 0).astype(float)
    return replace(base, y_train=y, x_augmented=base.x_train * np.column_stack([sign, *[np.ones(len(y))] * 5]))


def noisy_augmentation(base):
    """Augmentation that leaves rows what they are."""
    x = base.x_train + 0.1 * np.random.default_rng(23).normal(size=base.x_train.shape)
    return replace(base, x_augmented=x)


# One sick and one well example a code.
SICK = {
    "DA1": unlike_scales(well()),
    "DA2": dev_on_another_scale(well()),
    "DA3": dev_elsewhere(well(2000)),
    "DA4": other_shares(well(2000)),
    "DA6": copied_inside(well()),
    "DA7": copied_into_dev(well()),
    "DA9": drifting(),
    "DA10": column_is_target(well()),
    "DA11": standardised_together(well()),
    "DA12": row_number(well()),
    "DA13": in_order(well()),
    "DA14": telling_nothing(well()),
    "DA15": with_gaps(well()),
    "DA16": heavy(well(2000)),
    "DA17": mislabelled(well(apart=5.0, classes=4)),
    "DA18": moved(well()),
    "DA19": renamed(well()),
    "DA20": overlapping_rare(),
    "DA22": mirrored(well()),
    "DA26": shuffled(well(), dev=True),
    "DA28": contradicting(well()),
}
WELL = dict.fromkeys(SICK, well()) | {
    "DA9": with_dates(well()),
    "DA16": well(2000),
    "DA17": well(apart=5.0, classes=4),
    "DA22": noisy_augmentation(well()),
}

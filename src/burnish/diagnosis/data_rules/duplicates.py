"""DA6, DA7 and DA28: rows that repeat others, inside training and across the parts, and what equal rows contradict."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sklearn import neighbors

from burnish.data import copies
from burnish.data.fold import Fold, Split
from burnish.data.table import Kind
from burnish.diagnosis.budget import practical_size
from burnish.diagnosis.data_rules import models
from burnish.diagnosis.data_rules.rows import Floats, Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import interval
from burnish.units import percent

# Share of dev rows with a near copy from which these, known by heart, make the dev error too low by 10 %, which is what
# matters. Fewer may be there by nature, such as houses of one builder.
MANY_NEAR = 0.10
# Rows whose neighbours are looked for, in how many others.
ASKED, AMONG = 1_000, 5_000
# The distance to the nearest row is compared with that to this neighbour: one that several near copies do not reach.
FAR_NEIGHBOUR = 8
# Where most rows have a copy, the middle of that distribution is made of copies. The dimension is then estimated from
# these two neighbours, which several copies of a row do not reach, and most rows have to lie nearer than one in 1,000
# would beside the farther one, and than one in 100 beside the eighth: rows of one person, ten or more of them, do not.
# Choices: in 18 tables without near copies 10 % of the rows at most passed the first, and of groups of ten 7 % both.
FARTHER, MOST = (32, 64), 0.5
RARE_BESIDE = {FARTHER[1]: 1e-3, FAR_NEIGHBOUR: 1e-2}
# Share of dev rows with a copy in training below which they cannot move the dev error by half a point.
MATTERS = copies.SEEN_MATTERS
# A distance is near where one row in 10,000 would have such a neighbour; ten times as many are more than a dimension
# that is not the same everywhere brings about.
RARE, BEYOND_RARE = 1e-4, 1e-3
# Rows that agree in every column make distances of 0 common, and near copies invisible, from this share on.
LATTICE = 0.02
MANY_VALUES = 20  # different ones among the first rows, from which a column is a measurement


def _ids(rows: Rows, *, dev: bool) -> copies.Copies:
    table = rows.table(dev=dev)
    return copies.find(table.columns[:-1], table.columns[-1])


def inside(rows: Rows, alpha: float) -> Iterable[Finding]:
    """DA6: exact copies among the training rows, or near ones, and how many rows there are in effect."""
    found = _ids(rows, dev=False)
    for seen in copies.observe(found):
        yield DA6.finding(seen.evidence)
    if found.copied:
        return
    near = near_copies(rows.x_train, rows.x_train, rows, same=True, alpha=alpha)
    if near is not None:
        yield DA6.finding(
            f"{percent(near.value)} of the rows ({percent(near.low)} to {percent(near.high)}) have another one so "
            "close that chance would not put it there, without being equal to it.",
            title="Some rows are all but copies of others (suspected)",
            severity=Severity.NOTE,
        )


def across(rows: Rows, alpha: float, *, wrong: NDArray[np.bool_] | None = None) -> Iterable[Finding]:
    """DA7: dev rows that are in training too, exactly or nearly.

    Args:
        rows: With dev rows.
        alpha: Chance of a false alarm.
        wrong: Whether a model was wrong on each dev row, shape (dev rows,), if known: then the error without the copies
            is told, which is the honest one, and copies that cannot move it by what matters are a note.
    """
    if not rows.has_dev:
        return
    found, learned = _ids(rows, dev=True), len(rows.y_train)
    split = Split((Fold(np.arange(learned), np.arange(learned, len(found.ids))),), 1, None, "")
    seen = copies.observe_across(found.ids, split, copied=found.copied)
    matched = np.isin(found.ids[learned:], found.ids[:learned])
    for one in seen:
        severity = Severity(one.severity) if _moves(matched, wrong) else Severity.NOTE
        yield DA7.finding(one.evidence + _honest(matched, wrong), where="dev", severity=severity)
    if seen:
        return
    near = near_copies(rows.x_dev, rows.x_train, rows, same=False, alpha=alpha)
    if near is not None and near.low > MATTERS:
        yield DA7.finding(
            f"{percent(near.value)} of the dev rows ({percent(near.low)} to {percent(near.high)}) have a training row "
            "so close that chance would not put it there: a network can know the answer by heart.",
            title="Some dev rows are all but copies of training rows (suspected)",
            where="dev",
            severity=Severity.FAULT if near.low >= MANY_NEAR else Severity.LIMIT,
        )


def _moves(matched: NDArray[np.bool_], wrong: NDArray[np.bool_] | None) -> bool:
    """Whether copies that are known by heart can move the dev error by a size that matters, or it is not known.

    Of the honest error they hide their share, and it may be as large as the upper end of its interval.
    """
    if wrong is None or not matched.any() or matched.all():
        return True
    honest = interval.proportion(float(wrong[~matched].sum()), float((~matched).sum()))
    return float(matched.mean()) * honest.high >= practical_size(honest.value)


def _honest(matched: NDArray[np.bool_], wrong: NDArray[np.bool_] | None) -> str:
    """The error on rows with and without a copy, where it is known."""
    if wrong is None or not matched.any() or matched.all():
        return ""
    there, apart = (interval.proportion(float(wrong[part].sum()), float(part.sum())) for part in (matched, ~matched))
    return (
        f" The error is {percent(there.value)} on these and {percent(apart.value)} ({percent(apart.low)} to "
        f"{percent(apart.high)}) on the others, which is the honest one."
    )


def near_copies(asked: Floats, among: Floats, rows: Rows, *, same: bool, alpha: float) -> interval.Interval | None:
    """Share of rows with a near copy beyond what chance allows, with its interval; None where there are none.

    In d dimensions the distance to the nearest of a row's first k neighbours, as a share of that to the k-th, is below
    ρ with probability 1 − (1 − ρᵈ)^(k−1) where rows lie evenly around it (Facco et al. 2017 use k = 2 to estimate d). d
    is estimated from the middle of the distribution, ρ is where one row in 10,000 would come to lie, and a binomial
    test says whether more do. Where copies are so common that the middle is made of them, farther neighbours tell d.

    Rows that have a column's commonest value in common, as where gaps are filled with one number, lie nearer to each
    other than to all others: what values dealt anew to all other places bring about is no copy either.

    Args:
        asked: Rows whose copies are looked for, shape (rows, columns).
        among: Rows in which they are looked for.
        rows: Kinds and seed.
        same: Whether both are the same rows, so that a row must not find itself.
        alpha: Chance of a false alarm.
    """
    if not _even(among, rows):
        return None
    rng = np.random.default_rng([rows.seed, 6])
    among = among[some(len(among), AMONG, rng)]
    places = some(len(among if same else asked), ASKED, rng)
    found = _near((among if same else asked)[places], among, rows, same=same, alpha=alpha)
    if found is None:
        return None
    dealt = _dealt(among, rng)
    by_chance = _near((dealt if same else _dealt(asked, rng))[places], dealt, rows, same=same, alpha=alpha)
    return found if by_chance is None or found.low > by_chance.high else None


def _dealt(x: Floats, rng: np.random.Generator) -> Floats:
    """Each column's values dealt to the rows anew, but for its commonest one, which stays where it is.

    Rows that have it in the same columns are close to each other, and no copies.
    """
    made = x.copy()
    for column in made.T:
        values, counts = np.unique(column, return_counts=True)
        others = np.flatnonzero(column != values[counts.argmax()])
        column[others] = column[rng.permutation(others)]
    return made


def _near(asked: Floats, among: Floats, rows: Rows, *, same: bool, alpha: float) -> interval.Interval | None:
    """The same, by distances alone."""
    if len(among) < 10 * FAR_NEIGHBOUR or len(asked) < 2 * FAR_NEIGHBOUR:
        return None
    fitted = models.encoder(among, rows.kinds)
    wide = fitted.encode(among)
    if not wide.shape[1]:
        return None
    farthest = FARTHER[1] if len(among) >= 10 * FARTHER[1] else FAR_NEIGHBOUR
    nearest = neighbors.NearestNeighbors(n_neighbors=farthest + 1).fit(wide)
    distances = nearest.kneighbors(fitted.encode(asked))[0][:, int(same) :][:, :farthest]
    if float((distances[:, 0] <= 0).mean()) > LATTICE or float((distances[:, 1] <= 0).mean()) > LATTICE / 2:
        return None
    ratio = _share(distances, 1, FAR_NEIGHBOUR)
    near = int(_nearer(distances, FAR_NEIGHBOUR, _dimension(ratio), RARE).sum())
    if interval.proportion(near, len(ratio), level=1 - 2 * alpha).low > BEYOND_RARE:
        return interval.proportion(near, len(ratio))
    if farthest == FAR_NEIGHBOUR:
        return None
    dimension = _dimension_farther(distances)
    beside = [_nearer(distances, neighbour, dimension, chance) for neighbour, chance in RARE_BESIDE.items()]
    near = int(np.logical_and(*beside).sum())
    common = interval.proportion(near, len(ratio), level=1 - 2 * alpha).low > MOST
    return interval.proportion(near, len(ratio)) if common else None


def _share(distances: Floats, near: int, far: int) -> Floats:
    """The distance to one neighbour as a share of that to a farther one, both counted from 1; shape (rows,)."""
    return distances[:, near - 1] / np.maximum(distances[:, far - 1], np.finfo(float).tiny)


def _nearer(distances: Floats, neighbour: int, dimension: float, chance: float) -> NDArray[np.bool_]:
    """Which rows have a nearest one that lies nearer, beside that neighbour, than it would with so small a chance."""
    limit = (1 - (1 - chance) ** (1 / (neighbour - 1))) ** (1 / dimension)
    return np.asarray(_share(distances, 1, neighbour) < limit)


def _even(among: Floats, rows: Rows) -> bool:
    """Whether rows can lie evenly around each other: columns are numbers, and half of them have many values.

    Categories, and gaps that are filled with the mean, put rows of one kind close together without any being a copy.
    """
    if any(kind is not Kind.NUMBER for kind in rows.kinds) or np.isnan(among).any():
        return False
    ordered = np.sort(among[:ASKED], axis=0)
    distinct = 1 + np.count_nonzero(ordered[1:] != ordered[:-1], axis=0)
    return 2 * int((distinct >= MANY_VALUES).sum()) >= among.shape[1]


def _dimension(ratio: Floats) -> float:
    """From the median of the ratio: P(ratio < ρ) = 1 − (1 − ρᵈ)^(k−1) is a half there; at least 1."""
    middle = float(np.clip(np.median(ratio), 1e-6, 1 - 1e-6))
    at = 1 - 0.5 ** (1 / (FAR_NEIGHBOUR - 1))
    return max(1.0, float(np.log(at) / np.log(middle)))


def _dimension_farther(distances: Floats) -> float:
    """From two farther neighbours, j and k: the mean of ln(r_k / r_j) is Σ 1/i, i from j to k − 1, over d; at least 1.

    By the median, which rows with many copies do not move (Levina and Bickel, 2004, have the means).
    """
    middle = float(np.clip(np.median(_share(distances, *FARTHER)), 1e-6, 1 - 1e-6))
    return max(1.0, sum(1 / i for i in range(*FARTHER)) / -float(np.log(middle)))


def conflicting(rows: Rows, alpha: float) -> Iterable[Finding]:
    """DA28: equal rows with unequal targets, and the floor that they put under any model's error."""
    found = _ids(rows, dev=False)
    y = rows.y_train
    if rows.task == "classification":
        measured = copies.floor_of_classes(found, y.astype(np.int64))
    else:
        measured = copies.floor_of_numbers(found, y)
    for seen in copies.observe_conflicts(measured, len(y)):
        yield DA28.finding(seen.evidence, severity=Severity(seen.severity))


DA6 = DataRule(
    "DA6",
    "Some rows are copies of others",
    Evidence.PROOF,
    Severity.NOTE,
    "Rows equal in every column, and not by chance; or rows far closer than their other neighbours.",
    "Keep copies on one side of every split. If they come from joining files twice, remove them.",
    "The dev error without them is the same or lower.",
    "Equal rows by 64-bit hashes; near ones: Facco et al., 2017 (ratios of neighbours' distances).",
    inside,
)
DA7 = DataRule(
    "DA7",
    "Some dev rows are also in the training rows",
    Evidence.PROOF,
    Severity.FAULT,
    "Dev rows equal training rows in every column, more than training rows equal each other by chance; or nearly so, "
    "which is a limit below a tenth of them. A note where a network was seen and copies cannot move its dev error by "
    "what matters.",
    "Remove them from the training rows or from dev. The honest dev error, without them, is most often higher.",
    "The dev error on rows without a copy.",
    "Newcombe, 1998 (shares); Facco et al., 2017 (ratios of neighbours' distances).",
    across,
)
DA28 = DataRule(
    "DA28",
    "Rows with equal features have different targets",
    Evidence.PROOF,
    Severity.LIMIT,
    "Rows equal in every column that differ in the target.",
    "Check how these rows were labelled, or add a column that tells them apart; else take this floor as part of the "
    "error that cannot be avoided.",
    "The error of the best model lies above the floor.",
    "Definition of the Bayes error.",
    conflicting,
)
RULES = (DA7, DA6, DA28)

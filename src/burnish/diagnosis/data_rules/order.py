"""DA9 and DA13: rows in an order that says something about the target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from burnish.data import giveaway
from burnish.data.table import Kind
from burnish.diagnosis.data_rules import models
from burnish.diagnosis.data_rules.leaks import view
from burnish.diagnosis.data_rules.rows import Floats, Rows, some
from burnish.diagnosis.data_rules.rule import DataRule
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.stats import paired
from burnish.units import percent

# A choice: the latest fifth, which judges, then has 40 rows.
FEWEST_ROWS = 200
# Within the 5 to 10 that Kohavi (1995) finds best for telling models apart; each fold is one more fit.
FOLDS = 5
# Stretches of time, each one piece of evidence: rows of one day or week are right or wrong together.
STRETCHES = 20
# Share of the error on what comes after from which a random division is said to flatter.
MATTERS = 0.05


def easier_than_the_future(rows: Rows, alpha: float) -> Iterator[Finding]:
    """DA9: the latest rows are predicted better by models that saw rows around them than by models of the past."""
    dates = [place for place, kind in enumerate(rows.kinds) if kind is Kind.DATE]
    known = [place for place in dates if not np.isnan(rows.x_train[:, place]).any()]
    if len(rows.y_train) < FEWEST_ROWS or not known:
        return
    place = known[0]
    rng = np.random.default_rng([rows.seed, 9])
    picked = some(len(rows.y_train), rows.most_rows, rng)
    picked = picked[np.argsort(rows.x_train[picked, place], kind="stable")]
    x, y = rows.x_train[picked], rows.y_train[picked]
    latest = len(y) - len(y) // FOLDS
    stretches = np.minimum(np.arange(len(y) - latest) * STRETCHES // (len(y) - latest), STRETCHES - 1)
    codes, numbered = np.unique(y, return_inverse=True)
    classes = len(codes) if rows.task == "classification" else 0
    truth = models.truth_of(numbered.astype(np.float64) if classes else y, classes)
    if x[latest, place] == x[-1, place] or not _learnable(truth[:latest]):
        return
    fitted = models.encoder(x[:latest], rows.kinds)
    ahead = models.trees(fitted.encode(x[:latest]), truth[:latest], fitted.encode(x[latest:]), rows.seed)
    among = models.crossed(models.trees, x, truth, rows.kinds, models.dealt(y, FOLDS, rng), rows.seed)[latest:]
    losses = [((said - truth[latest:]) ** 2).sum(axis=1) for said in (ahead, among)]
    gain = paired.gain(losses[0], losses[1], alpha=alpha, groups=stretches)
    if gain.low <= MATTERS * float(losses[0].mean()):
        return
    share = [value / float(losses[0].mean()) for value in (gain.value, gain.low, gain.high)]
    yield DA9.finding(
        f"The latest fifth of the rows by {rows.names[place]!r} is predicted with a squared error {percent(share[0])} "
        f"lower ({percent(share[1])} to {percent(min(share[2], 1.0))}) by models that learned from as many rows "
        "of all times than by models of earlier rows alone.",
        where=rows.names[place],
    )


def _learnable(truth: Floats) -> bool:
    return bool((truth.min(axis=0) < truth.max(axis=0)).any())


def sorted_rows(rows: Rows, alpha: float) -> Iterable[Finding]:
    """DA13: from row to row the target changes far less often than in random order."""
    for seen in giveaway.sorted_rows(view(rows)):
        yield DA13.finding(seen.evidence, title=seen.title, severity=Severity(seen.severity))


DA9 = DataRule(
    "DA9",
    "A random division is easier than the future",
    Evidence.TEST,
    Severity.LIMIT,
    "The latest rows are predicted better by models that learned from rows of all times than by models of the past.",
    "If the network will meet what comes after its training rows, divide by time (--time): the error is then higher "
    "and honest.",
    "The error on rows that come after all training rows.",
    "Kaufman et al., 2012 (leakage from the future); paired losses, stretches of time as groups.",
    easier_than_the_future,
)
DA13 = DataRule(
    "DA13",
    "Rows come in an order that says something about the target",
    Evidence.TEST,
    Severity.NOTE,
    "From one row to the next the target changes less than half as often as in random order, and not by chance.",
    "Shuffle the rows before they are divided, and at each epoch. If neighbours are alike because they are close in "
    "time, or of one person or place, name that column with --time or --group.",
    "Runs as long as in random order.",
    "Wald and Wolfowitz, 1940; Mood, 1940.",
    sorted_rows,
)
RULES = (DA9, DA13)

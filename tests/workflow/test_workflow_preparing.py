"""What is left out where the time is up before anything can be trained, and that a resumed run leaves out the same."""

from __future__ import annotations

import time

import pandas as pd
import pytest
import workflow_fake as fake

from burnish.store.database import Database
from burnish.workflow import data_rules, preparing, reading
from burnish.workflow.budget import Budget
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session


def prepared(session: Session, *, rows: int = 80) -> Problem:
    columns = {column.name: column.values for column in fake.table(rows, "regression").columns}
    loaded = reading.read(session, reading.Sources(pd.DataFrame(columns)))
    audited, _ = reading.audit(session, loaded)
    split, _ = reading.divide(session, loaded, audited)
    return preparing.prepare(session, loaded, split, copies=audited.keep_together)


def test_where_time_is_left_every_fold_is_prepared_and_every_rule_looks(tmp_path):
    session = fake.session(tmp_path, lambda *_, **__: iter(()), limit=600.0)
    with session.database:
        problem = prepared(session)

    assert (len(problem.folds), problem.planned) == (problem.split.screen, None)
    assert len(problem.folds) > preparing.LEAST_FOLDS
    assert data_rules.TIME_IS_UP not in session.warnings


def test_where_the_time_is_up_two_folds_are_prepared_and_that_is_told(tmp_path):
    """The simple models are then judged on the dev rows of these."""
    session = fake.session(tmp_path, lambda *_, **__: iter(()), limit=1e-6)
    with session.database:
        problem = prepared(session)

    assert len(problem.folds) == len(problem.split.folds) == problem.split.screen == preparing.LEAST_FOLDS
    assert problem.planned is not None
    assert problem.planned > preparing.LEAST_FOLDS
    assert any(f"2 of {problem.planned} folds were prepared" in said for said in session.warnings)
    assert data_rules.TIME_IS_UP in session.warnings


@pytest.mark.parametrize(("first", "again", "folds"), [(1e-6, 600.0, 2), (600.0, 1e-6, 5)])
def test_a_resumed_run_prepares_what_the_run_before_did(tmp_path, first, again, folds):
    """Whatever its own clock says: the log answers."""
    session = fake.session(tmp_path, lambda *_, **__: iter(()), limit=first)
    with session.database:
        prepared(session)
    with Database(session.folder.database) as log:
        log.start_over()
        budget = Budget(again, None, began=time.monotonic(), carried=0.0, jobs=1, log=log)
        resumed = Session(session.settings, budget, session.folder, log, session.emit, session.execute)

        assert len(prepared(resumed).folds) == folds

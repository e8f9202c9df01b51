"""Which baselines there are where the time is short, and what is said of the others."""

from __future__ import annotations

import workflow_fake as fake

from burnish.workflow import baselines, preparing


def fitted(path, *, limit: float, earlier: bool | None = None):
    """The baselines' names and the warnings of a run with so many seconds; `earlier`: what its log says of boosting."""
    problem = fake.question(rows=120, dev=60)
    session = fake.session(path, fake.Fake(problem), limit=limit)
    with session.database:
        for number in problem.screening:
            preparing.write_fold(session, problem, number)
        if earlier is not None:
            session.database.decide("boosting", lambda: earlier)
            session.database._decided = 0  # as a resumed run begins
        made = baselines.train_baselines(session, problem)
        decided = session.database.decisions()
    assert [name for name, _ in decided] == ["boosting"]
    return [result.name for result in made.results], session.warnings


def test_the_yardstick_is_left_out_where_half_of_the_time_has_gone(tmp_path):
    """What can be delivered is fitted all the same, and the report is to say what is missing."""
    assert fitted(tmp_path / "short", limit=1e-6) == (["mean", "linear"], [baselines.LEFT_OUT])
    assert fitted(tmp_path / "long", limit=1e6) == (["mean", "linear", "boosting"], [])


def test_a_resumed_run_has_the_yardstick_where_the_run_before_had_it(tmp_path):
    """The clock is not asked a second time."""
    assert fitted(tmp_path / "had", limit=1e-6, earlier=True)[0][-1] == "boosting"
    assert fitted(tmp_path / "had-not", limit=1e6, earlier=False) == (["mean", "linear"], [baselines.LEFT_OUT])

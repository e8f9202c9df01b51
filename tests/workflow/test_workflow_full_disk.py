"""A run that the disk is too full for says which file or folder it was, and how it goes on."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from burnish import errors
from burnish.store import atomic
from burnish.workflow import improve, leaving, preparing, reading, settings

COLUMNS = {"x": [(7 * i) % 31 / 4 for i in range(60)], "y": [(5 * i) % 23 / 2 for i in range(60)]}
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def asked(tmp_path) -> improve.Request:
    """A run in this process, in a folder whose name a shell would take apart."""
    data = tmp_path / "t.csv"
    data.write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in zip(*COLUMNS.values(), strict=True)))
    manner = improve.Manner(in_process=True, yardstick=False, first_only=True)
    made = settings.make(target="y", max_epochs=400)
    return improve.Request(reading.Sources(data), made, out=tmp_path / "a run", manner=manner)


def stopped(request: improve.Request, monkeypatch: pytest.MonkeyPatch, refusal: Exception) -> Exception:
    """What comes of it where the folds cannot be written."""

    def refuse(*given, **more):
        raise refusal

    with monkeypatch.context() as patched:
        patched.setattr(preparing, "write_fold", refuse)
        with pytest.raises(type(refusal)) as caught:
            improve.run(request)
    return caught.value


def test_a_run_that_had_begun_goes_on_once_there_is_room(asked, monkeypatch):
    said = stopped(asked, monkeypatch, FULL)

    assert isinstance(said, errors.StoreError)
    assert said.what == f"A file in {asked.out} cannot be used."
    assert said.why == "The system says: No space left on device."
    assert said.remedy == f"Make room or permission there, then go on with `burnish resume '{asked.out}'`."
    assert improve.resume(asked.out).report.exists()


def test_the_file_is_named_where_it_is_known(asked, monkeypatch):
    named = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "fold0/train_x.npy")

    assert stopped(asked, monkeypatch, named).what == "fold0/train_x.npy cannot be used."


def test_what_was_refused_in_three_lines_keeps_two_of_them(asked, monkeypatch):
    refused = atomic.refused(Path("report.html"), FULL)
    refused.__cause__ = FULL
    said = stopped(asked, monkeypatch, refused)

    assert (said.what, said.why) == (refused.what, refused.why)
    assert "burnish resume" in said.remedy


@pytest.mark.parametrize("own", [errors.StoreError("The database is damaged."), BrokenPipeError()])
def test_what_is_no_refusal_of_the_run_s_files_goes_through(asked, monkeypatch, own):
    assert stopped(asked, monkeypatch, own) is own
    assert own.__cause__ is None


def test_a_run_whose_data_are_gone_is_not_said_to_go_on(asked, monkeypatch):
    said = stopped(replace(asked, sources=reading.Sources(COLUMNS)), monkeypatch, FULL)

    assert said.remedy == "Make room or permission there, then start a new run."


def test_a_run_that_had_not_begun_leaves_nothing_and_can_be_asked_for_again(asked, monkeypatch):
    def refuse(*given):
        raise FULL

    with monkeypatch.context() as patched:
        patched.setattr(leaving, "write_request", refuse)
        with pytest.raises(OSError, match="No space left"):
            improve.run(asked)

    assert not asked.out.exists()

"""`burnish audit`: looking at data without training."""

from __future__ import annotations

import json
from pathlib import Path

import cli_tables as tables
import pytest
from cli_commands import Command, assert_refused


def test_an_audit_names_columns_kinds_and_faults(here: Command):
    """The leak is found, and what a reader decided is said; the document holds the same."""
    leaking = [f"{record},{record.rpartition(',')[2]}" for record in tables.rows(200)]
    unknown = f"{tables.rows(201)[-1].rpartition(',')[0]},,"
    Path("leak.csv").write_bytes(tables.table([*leaking, "1,2", unknown], "a,b,c,color,y,answer"))

    shown = here("audit", "leak.csv", "--target", "y")
    document = json.loads(here("audit", "leak.csv", "--target", "y", "--json").out)

    assert shown.code == 0
    assert "1 record is no row (line 202)" in shown.out
    assert [column["kind"] for column in document["columns"]] == ["number"] * 3 + ["category"] + ["number"] * 2
    faults = [finding for finding in document["findings"] if finding["severity"] == "fault"]
    assert ["answer" in fault["where"] for fault in faults] == [True]
    assert faults[0]["title"] in shown.out
    assert document["rejects"][0]["line"] == 202
    assert "1 row has no target and cannot be used." in shown.out
    assert (document["rows"], document["without_target"]) == (200, 1)


def test_names_from_the_data_cannot_drive_the_terminal(here: Command):
    """Neither in what an audit finds, nor in an error, nor by the file's own name."""
    name = "e\x1b[2Jvil.csv"
    header = 'a,"b\u202e",c,color,y'  # a file with other control characters in it is no table of text
    Path(name).write_bytes(tables.table(tables.rows(60), header))

    shown = [here("audit", name, "--target", target) for target in ("y", "z")]

    assert [ended.code for ended in shown] == [0, 2]
    assert "b·" in shown[0].out
    for ended in shown:
        assert not {"\x1b", "\x07", "\u202e"} & set(ended.out + ended.err)


@pytest.mark.parametrize(
    ("content", "target", "code", "words"),
    [
        (None, "y", 2, ("no file",)),
        (tables.table([]), "y", 3, ("no rows",)),
        (tables.good(), "z", 2, ("no target 'z'",)),
        (tables.with_target(lambda i: ""), "y", 3, ("has no values",)),
        (tables.with_target(lambda i: f"{i % 50}.5e300"), "y", 3, ("too large",)),
    ],
    ids=["no file", "header only", "no target", "empty target", "huge target"],
)
def test_what_cannot_be_audited_is_refused(content, target, code, words, here: Command):
    if content is not None:
        Path("bad.csv").write_bytes(content)

    assert_refused(here("audit", "bad.csv", "--target", target), code, *words)

"""`burnish` on images, as a person sees it."""

from __future__ import annotations

import json

import pytest
from cli_commands import Command

from reference import image_folders


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Packs go into a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_audit_shows_what_is_there_and_what_is_wrong(here: Command, tmp_path):
    root = image_folders.digits(tmp_path / "digits", 150)
    (root / "0" / "broken.png").write_text("no image")
    (root / "none of these").mkdir()
    ended = here("audit", "digits")

    assert ended.code == 0
    assert "digits: 150 images; a classification" in ended.out
    assert "limit: DA21 Some classes have no images [none of these]" in ended.out
    assert "0/broken.png: it is no image" in ended.out


def test_audit_prints_one_document(here: Command, tmp_path):
    image_folders.digits(tmp_path / "digits", 100)
    ended = here("audit", "digits", "--json")
    found = json.loads(ended.out)

    assert found["rows"] == 100
    assert found["images"]["size"] == {"height": 8, "width": 8, "channels": 1}
    assert found["images"]["classes"]["3"] == 12
    assert ended.err == ""


def test_audit_compares_with_a_dev_folder(here: Command, tmp_path):
    """Training images that lie in dev too are found across folders, with the names of both."""
    image_folders.digits(tmp_path / "train", 300)
    image_folders.digits(tmp_path / "own", 60)
    ended = here("audit", "train", "--dev", "own")

    assert "DA7 Some dev images are also in the training images" in ended.out
    assert "own/0/0000.png = 0/0000.png" in ended.out


def test_audit_of_a_table_of_paths_says_what_it_takes_it_for(here: Command, tmp_path):
    """Rows are images, by what is in the column; a row whose file is not there is named with its line."""
    image_folders.digits(tmp_path / "photos", 100)
    names = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "photos").rglob("*.png"))
    lines = ["where,digit", *(f"{name},{name.split('/')[1]}" for name in names), "gone.png,3"]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    ended, found = here("audit", "labels.csv", "--target", "digit"), here("audit", "labels.csv", "--json")
    document = json.loads(here("audit", "labels.csv", "--target", "digit", "--json").out)

    assert "labels: 100 images; a classification" in ended.out
    assert "Column 'where' holds paths of images: each row is an image." in ended.out
    assert "line 102: gone.png" in ended.out
    assert found.code == 2
    assert "No target was named." in found.err
    assert document["rejects"] == [
        {"file": "gone.png", "reason": "it cannot be read: No such file or directory", "line": 102}
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("nowhere",), 2, "There is no file nowhere."),
        (("empty",), 3, "empty holds no images."),
        (("single",), 3, "The classes have too few images."),
        (("digits", "--labels", "gone.csv"), 2, "There is no file gone.csv."),
        (("digits", "--image-size", "3"), 2, "3x3 is out of range"),
        (("digits", "--image-size", "big"), 2, "'big' is not a size"),
        (("digits", "--dev", "table.csv"), 2, "table.csv holds no images."),
        (("table.csv", "--labels", "table.csv", "--target", "a"), 2, "--labels has no meaning here."),
        (("table.csv", "--dev", "digits", "--target", "a"), 2, "A table is audited by itself."),
    ],
)
def test_what_cannot_be_audited_is_refused_in_three_lines(here: Command, tmp_path, arguments, code, told):
    image_folders.digits(tmp_path / "digits", 20)
    (tmp_path / "empty").mkdir()
    image_folders.two_classes(tmp_path / "single", 1)
    (tmp_path / "table.csv").write_text("a,b\n1,2\n3,4\n")
    ended = here("audit", *arguments)

    assert ended.code == code
    assert told in ended.err
    assert len(ended.err.splitlines()) == 3

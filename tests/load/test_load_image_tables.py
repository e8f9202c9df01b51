"""A table is one of images where a column of it holds paths of image files; every other record is told of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from burnish import errors
from burnish.data.images import FILE, ImageDataset, texts_of
from burnish.data.table import Table
from burnish.load import images
from burnish.load.image_tables import Paths
from reference import image_folders


def written(folder: Path, *lines: str) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def read(tmp_path):
    """`read(table, target)`: its images, packed into a cache of the test's own."""

    def call(source, target: str | None = "label", **ask: object) -> ImageDataset:
        found = images.opened(source, but=(target,))
        made = images.Ask(target=target, cache=tmp_path / "cache", **ask)
        return images.read(found, made, labelled=target is not None)[0]

    return call


def test_what_is_in_a_column_makes_rows_images(tmp_path, read):
    """Rows stand in the table's order with their lines; what the column is called plays no part."""
    image_folders.flat(tmp_path / "photos")
    table = written(tmp_path, "label,where,age", "b,photos/002.png,3", "a,photos/000.png,4", "b,./photos/001.png,5")

    found = read(table)

    assert texts_of(found.table[FILE]) == ["photos/002.png", "photos/000.png", "./photos/001.png"]
    assert texts_of(found.table["label"]) == ["b", "a", "b"]
    assert found.table.row_ids.tolist() == [2, 3, 4]
    np.testing.assert_array_equal(found.pixels[..., 0], image_folders.blobs(4)[[2, 0, 1]])
    assert found.table.notes[0].startswith("Column 'where' holds paths of images: each row is an image.")
    assert "Not used: 'age'; --drop where" in found.table.notes[0]


def test_each_record_without_an_image_is_a_reject_with_its_line(tmp_path, read):
    """A file that is not there, text by an image's name, a cell without a path, a row without a label, a ragged one."""
    image_folders.flat(tmp_path)
    (tmp_path / "text.png").write_text("no picture")
    rows = ["000.png,a", "gone.png,a", "text.png,b", ",b", "001.png,", "002.png,a,more", "001.png,b", "003.png,b"]

    found = read(written(tmp_path, "photo,label", *rows))

    assert found.table.row_ids.tolist() == [2, 8, 9]
    assert [(reject.line, reject.text) for reject in found.table.rejects] == [
        (3, "gone.png"),
        (4, "text.png"),
        (5, ""),
        (6, "001.png"),
        (7, "002.png,a,more"),
    ]
    assert found.table.rejects[0].reason == "it cannot be read: No such file or directory"
    assert found.table.rejects[1].reason == "it is no image: it begins with the text 'no picture'"
    assert found.table.rejects[2].reason == "it names no file"
    assert found.table.rejects[3].reason == "it has no value in column 'label'"
    assert [reject.name for reject in found.table.rejects[1:3]] == ["line 4: text.png", "line 5"]


def test_a_file_named_twice_is_two_rows(tmp_path, read):
    image_folders.flat(tmp_path)

    assert read(written(tmp_path, "f,label", "000.png,a", "001.png,b", "000.png,a")).table.rows == 3


def test_paths_of_another_system_and_names_without_endings_are_found(tmp_path, read):
    image_folders.flat(tmp_path / "p")
    (tmp_path / "p" / "000.png").rename(tmp_path / "p" / "unnamed")

    assert read(written(tmp_path, "f,label", "p\\001.png,a", "p/unnamed,b", "p/002.png,b")).table.rows == 3


def test_names_with_newlines_and_letters_of_any_script_are_found(tmp_path, read):
    for name in ("línea\nnueva.png", "写真 1.png", " blank .png"):
        image_folders.save(image_folders.blobs(1)[0], tmp_path / name)
    rows = ['"línea\nnueva.png",a', "写真 1.png,b", '" blank .png",b']

    assert read(written(tmp_path, "f,label", *rows)).table.rejects == ()


def test_paths_of_a_data_frame_start_from_the_current_folder(tmp_path, monkeypatch, read):
    image_folders.flat(tmp_path)
    monkeypatch.chdir(tmp_path)

    assert read(pd.DataFrame({"f": ["000.png", "001.png"], "label": ["a", "b"]})).table.rows == 2


def test_further_columns_are_kept_where_they_are_asked_for(tmp_path, read):
    image_folders.flat(tmp_path)
    table = written(tmp_path, "f,label,patient,age", "000.png,a,p1,3", "001.png,b,p2,4", "002.png,b,p2,5")

    found = read(table, columns=("patient",))

    assert texts_of(found.table["patient"]) == ["p1", "p2", "p2"]
    assert "Not used: 'age';" in found.table.notes[0]


def test_a_table_without_paths_stays_one(tmp_path):
    """Words, addresses in a network, prose too long for a path; and a column of paths that is left out."""
    image_folders.flat(tmp_path)
    prose = "word " * 2_000
    table = written(tmp_path, "url,text,f,label", *[f"http://x.org/{k}.png,{prose},00{k}.png,a" for k in range(4)])

    assert isinstance(images.opened(table, but=("label", "f")), Table)
    found = images.opened(table, but=("label",))
    assert isinstance(found, Paths)
    assert found.column == "f"


def test_paths_of_which_none_is_there_are_told_of(tmp_path):
    """With other columns the table is read without them; alone they are an error that says where was looked."""
    table = images.opened(written(tmp_path, "f,age,label", "x.png,3,a", "y.png,4,b"), but=("label",))

    assert "Column 'f' of table names images, and none of them is there" in table.notes[0]
    with pytest.raises(errors.DataError, match=f"looked for in {tmp_path}"):
        images.opened(written(tmp_path, "f,label", "x.png,a", "y.png,b"), but=("label",))


def test_a_table_whose_files_are_mostly_gone_is_refused(tmp_path, read):
    image_folders.flat(tmp_path)

    with pytest.raises(errors.DataError, match="3 of its 5 image files are broken"):
        read(written(tmp_path, "f,label", "000.png,a", "001.png,b", "x.png,a", "y.png,a", "z.png,a"))


def test_a_target_by_the_name_of_an_images_own_column_is_refused(tmp_path, read):
    image_folders.flat(tmp_path)

    with pytest.raises(errors.ConfigError, match="needs another name"):
        read(written(tmp_path, "f,image", "000.png,a", "001.png,b"), target="image")

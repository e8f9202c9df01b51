"""Images are read strictly: every file is a row or a reject, and labels are those of their files."""

from __future__ import annotations

import os

import numpy as np
import pytest

from burnish import errors
from burnish.data.images import FILE, LABEL, ImageDataset, Shape, texts_of
from burnish.load import images
from reference import image_folders


def reasons(found: ImageDataset) -> dict[str, str]:
    return {reject.text: reject.reason for reject in found.table.rejects}


def test_a_folder_for_each_class_is_read_row_by_row(tmp_path, read):
    """Rows stand in the order of their paths, with the pixels and the class of each."""
    made = {"cat": image_folders.blobs(2, seed=1), "dog": image_folders.blobs(3, seed=2)}
    found = read(image_folders.folder(tmp_path / "photos", made))

    assert texts_of(found.table[FILE]) == ["cat/000.png", "cat/001.png", "dog/000.png", "dog/001.png", "dog/002.png"]
    assert texts_of(found.table[LABEL]) == ["cat"] * 2 + ["dog"] * 3
    assert found.shape == Shape(16, 16, 1)
    np.testing.assert_array_equal(found.pixels[..., 0], np.concatenate(list(made.values())))
    assert found.table.rejects == ()
    assert found.facts["width"].tolist() == [16] * 5


def test_images_deep_in_a_class_are_of_the_class(tmp_path, read):
    root = image_folders.two_classes(tmp_path / "photos")
    image_folders.save(image_folders.blobs(1)[0], root / "a" / "2024" / "may" / "x.png")

    found = read(root)

    assert dict(zip(texts_of(found.table[FILE]), texts_of(found.table[LABEL]), strict=True))["a/2024/may/x.png"] == "a"


def test_broken_files_are_rejects_with_their_reasons(tmp_path, read):
    """Text named .png, a cut file, an empty one, a link to nowhere, a notes file, a loose image: none is lost."""
    root = image_folders.two_classes(tmp_path / "photos", 12)
    whole = (root / "a" / "000.png").read_bytes()
    (root / "a" / "text.png").write_text("this is no picture\n")
    (root / "a" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "a" / "empty.jpg").touch()
    (root / "b" / "notes.txt").write_text("taken in May")
    (root / "b" / "gone.png").symlink_to(root / "nowhere.png")
    (root / "loose.png").write_bytes(whole)
    os.mkfifo(root / "b" / "pipe.png")

    found = read(root)

    assert found.table.rows == 24
    told = reasons(found)
    assert told.keys() == {
        "a/text.png",
        "a/cut.png",
        "a/empty.jpg",
        "b/notes.txt",
        "b/gone.png",
        "b/pipe.png",
        "loose.png",
    }
    assert told["a/text.png"] == "it is no image: it begins with the text 'this is no picture'"
    assert "damaged" in told["a/cut.png"]
    assert told["a/empty.jpg"] == "it is empty"
    assert "leads nowhere" in told["b/gone.png"]
    assert "no regular file" in told["b/pipe.png"]
    assert "in none of them" in told["loose.png"]


def test_a_circle_of_links_ends_and_no_image_comes_twice(tmp_path, read):
    root = image_folders.two_classes(tmp_path / "photos")
    (root / "a" / "again").symlink_to(root)
    (root / "c").symlink_to(root / "b")

    found = read(root)

    assert found.table.rows == 6
    assert "read already" in reasons(found)["a/again/"]
    assert "read already" in reasons(found)["c/"]


def test_a_name_that_is_no_text_is_a_reject(tmp_path, read):
    """Of a file, and of a folder with all that is in it; names with a newline or in any script are names."""
    root = image_folders.two_classes(tmp_path / "photos")
    image_folders.copy(root / "a" / "000.png", root / "a" / "línea\nnueva 写真.png")
    os.rename(os.fsencode(root / "a" / "001.png"), os.fsencode(root / "a") + b"/caf\xe9.png")
    os.makedirs(os.fsencode(root) + b"/b\xff")
    image_folders.copy(root / "a" / "000.png", root / os.fsdecode(b"b\xff") / "x.png")

    found = read(root)

    assert "a/línea\nnueva 写真.png" in texts_of(found.table[FILE])
    assert {name for name, why in reasons(found).items() if "not UTF-8" in why} == {"a/caf\ufffd.png", "b\ufffd"}
    assert found.table.rows == 6
    with pytest.raises(errors.ConfigError, match="is not UTF-8"):
        read(root / os.fsdecode(b"b\xff"))
    for name in (*reasons(found), *texts_of(found.table[FILE]), *found.empty):
        name.encode()


def test_an_image_by_another_name_is_read(tmp_path, read):
    """The ending is missing: how the file begins tells."""
    root = image_folders.two_classes(tmp_path / "photos")
    (root / "a" / "000.png").rename(root / "a" / "unnamed")

    assert "a/unnamed" in texts_of(read(root).table[FILE])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_reject(tmp_path, read):
    root = image_folders.two_classes(tmp_path / "photos")
    (root / "a" / "000.png").chmod(0)

    assert "Permission denied" in reasons(read(root))["a/000.png"]


def test_an_empty_class_is_told(tmp_path, read):
    """Also one whose only image is broken."""
    root = image_folders.two_classes(tmp_path / "photos")
    (root / "c").mkdir()
    (root / "d").mkdir()
    (root / "d" / "x.png").write_bytes(b"\x00" * 40)

    assert read(root).empty == ("c", "d")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "It is empty."),
        ({"readme.txt": "x"}, "readme.txt (its name ends in '.txt'"),
        ({"a/": "", "b/": ""}, "Its 2 folders are empty."),
    ],
)
def test_a_folder_without_images_is_refused(tmp_path, read, files, told):
    for name, text in files.items():
        path = tmp_path / "photos" / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text(text)
    (tmp_path / "photos").mkdir(exist_ok=True)

    with pytest.raises(errors.DataError, match="holds no images") as caught:
        read(tmp_path / "photos")
    assert told in caught.value.why


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path, read):
    with pytest.raises(errors.ConfigError):
        images.image_files.find(tmp_path / "nowhere")


def test_images_without_labels_are_refused_with_both_ways_out(tmp_path, read):
    image_folders.save(image_folders.blobs(1)[0], tmp_path / "photos" / "x.png")

    with pytest.raises(errors.DataError, match="no labels") as caught:
        read(tmp_path / "photos")
    assert "--labels" in caught.value.remedy
    assert "folder of its own" in caught.value.remedy


def test_parts_of_a_data_set_are_not_taken_for_classes(tmp_path, read):
    for part in ("train", "val"):
        image_folders.two_classes(tmp_path / "photos" / part)

    with pytest.raises(errors.DataError, match="parts of a data set") as caught:
        read(tmp_path / "photos")
    assert f"{tmp_path}/photos/train --dev {tmp_path}/photos/val" in caught.value.remedy


def test_one_class_is_refused(tmp_path, read):
    image_folders.folder(tmp_path / "photos", {"only": image_folders.blobs(3)})

    with pytest.raises(errors.DataError, match="one class only"):
        read(tmp_path / "photos")


def test_a_folder_of_broken_files_is_refused(tmp_path, read):
    root = image_folders.two_classes(tmp_path / "photos")
    for path in root.glob("*/00[12].png"):
        path.write_bytes(b"\x89PNG\r\n\x1a\nbroken")

    with pytest.raises(errors.DataError, match="4 of its 6 image files are broken"):
        read(root)


# Labels in a table


@pytest.mark.parametrize("form", ["00{}.png", "00{}", "./00{}.png"])
def test_labels_come_from_a_table(tmp_path, read, form):
    """By path, by name, or by name without its ending: codes keep their zeros."""
    root = image_folders.flat(tmp_path / "photos")
    lines = [f"{form.format(k)},{'odd' if k % 2 else 'even'}" for k in range(4)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,what", *lines]))

    found = read(root, labels=str(tmp_path / "labels.csv"))

    assert found.target == "what"
    assert texts_of(found.table["what"]) == ["even", "odd", "even", "odd"]
    assert found.table.rejects == ()


def test_labels_and_files_that_do_not_meet_are_rejects(tmp_path, read):
    root = image_folders.flat(tmp_path / "photos")
    (tmp_path / "labels.csv").write_text("file,label\n000.png,a\n001.png,b\n002.png,\nother.png,a\n")

    found = read(root, labels=str(tmp_path / "labels.csv"))

    assert found.table.rows == 2
    assert reasons(found) == {
        "002.png": "it has no label in labels",
        "003.png": "it has no label in labels",
        "other.png": f"it has a label in line 5 of labels, and is not in {root}",
    }


def test_numbers_beside_images_stay_numbers(tmp_path, read):
    """A table may hold amounts: a regression."""
    root = image_folders.flat(tmp_path / "photos")
    (tmp_path / "ages.csv").write_text("file,age,who\n000.png,31.5,x\n001.png,40,y\n002.png,8,x\n003.png,77,z\n")

    found = read(root, labels=str(tmp_path / "ages.csv"), target="age")

    np.testing.assert_array_equal(found.table["age"].values, [31.5, 40, 8, 77])


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("file,label\nx.png,a\ny.png,b\n", errors.DataError, "No column of labels names the images"),
        ("file,label\n000.png,a\n000.png,b\n001.png,a\n", errors.DataError, "has two labels"),
        ("file,label,more\n000.png,a,1\n001.png,b,2\n", errors.ConfigError, "No column of labels was named"),
        ("file\n000.png\n001.png\n", errors.ConfigError, "labels has no labels"),
    ],
)
def test_tables_that_are_no_labels_are_refused(tmp_path, read, text, kind, told):
    (tmp_path / "labels.csv").write_text(text)

    with pytest.raises(kind, match=told):
        read(image_folders.flat(tmp_path / "photos"), labels=str(tmp_path / "labels.csv"))


def test_a_missing_table_of_labels_is_a_usage_error(tmp_path, read):
    with pytest.raises(errors.ConfigError, match="There is no file"):
        read(image_folders.flat(tmp_path / "photos"), labels=str(tmp_path / "gone.csv"))

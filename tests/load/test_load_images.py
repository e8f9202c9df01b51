"""Images are read strictly: every file is a row or a reject, and pixels are those of the file."""

from __future__ import annotations

import gzip
import os
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from burnish import errors
from burnish.data.images import FILE, LABEL, ImageDataset, Shape, choose_shape, texts_of
from burnish.load import image_decode, image_pack, image_worker, images
from reference import image_folders


@pytest.fixture
def read(tmp_path):
    """`read(folder, labels=…)`: the images, packed into a cache of the test's own."""

    def call(source: Path, *, labelled: bool = True, shape: Shape | None = None, **ask: object) -> ImageDataset:
        made = images.Ask(cache=tmp_path / "cache", **ask)
        return images.read(source, made, labelled=labelled, shape=shape)[0]

    return call


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


def flat(root: Path, count: int = 4) -> Path:
    for k, image in enumerate(image_folders.blobs(count)):
        image_folders.save(image, root / f"00{k}.png")
    return root


@pytest.mark.parametrize("form", ["00{}.png", "00{}", "./00{}.png"])
def test_labels_come_from_a_table(tmp_path, read, form):
    """By path, by name, or by name without its ending: codes keep their zeros."""
    root = flat(tmp_path / "photos")
    lines = [f"{form.format(k)},{'odd' if k % 2 else 'even'}" for k in range(4)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,what", *lines]))

    found = read(root, labels=str(tmp_path / "labels.csv"))

    assert found.target == "what"
    assert texts_of(found.table["what"]) == ["even", "odd", "even", "odd"]
    assert found.table.rejects == ()


def test_labels_and_files_that_do_not_meet_are_rejects(tmp_path, read):
    root = flat(tmp_path / "photos")
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
    root = flat(tmp_path / "photos")
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
        read(flat(tmp_path / "photos"), labels=str(tmp_path / "labels.csv"))


def test_a_missing_table_of_labels_is_a_usage_error(tmp_path, read):
    with pytest.raises(errors.ConfigError, match="There is no file"):
        read(flat(tmp_path / "photos"), labels=str(tmp_path / "gone.csv"))


# Pixels


def decoded(path: Path, shape: Shape) -> np.ndarray:
    with image_decode.unguarded():
        return image_decode.decode(path, shape)[0]


def test_exif_turns_are_carried_out(tmp_path):
    """All eight: the pixels are those that a viewer shows."""
    shown = image_folders.blobs(1, side=12)[0][:, :8]
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpositions that EXIF's turns take back
    for orientation, method in undo.items():
        exif = Image.Exif()
        exif[image_decode.ORIENTATION] = orientation
        stored = Image.fromarray(shown).transpose(Image.Transpose(method))
        stored.save(tmp_path / "turned.png", exif=exif)
        pixels, facts = image_decode.decode(tmp_path / "turned.png", Shape(12, 8, 1))

        np.testing.assert_array_equal(pixels[..., 0], shown)
        assert facts["turned"]
        assert (facts["height"], facts["width"]) == (12, 8)


def test_modes_are_brought_to_grey_or_colour(tmp_path):
    """Palette, one bit, 16 bit, grey with alpha, CMYK: the same picture to a level or so."""
    grey = image_folders.blobs(1, side=16)[0]
    image = Image.fromarray(grey)
    made = {
        "palette.png": image.convert("P"),
        "alpha.png": Image.merge("LA", (image, Image.new("L", image.size, 255))),
        "deep.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "deep.tif": Image.fromarray(grey.astype(np.int32) * 257),
        "print.tif": Image.fromarray(np.stack([grey] * 3, axis=2)).convert("CMYK"),
    }
    for name, one in made.items():
        one.save(tmp_path / name)
        for channels in (1, 3):
            pixels = decoded(tmp_path / name, Shape(16, 16, channels))

            assert np.abs(pixels.astype(int) - grey[..., None]).max() <= 2, name
    Image.fromarray(grey > 127).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(decoded(tmp_path / "bits.png", Shape(16, 16, 1))[..., 0], (grey > 127) * 255)


def test_what_is_clear_becomes_white(tmp_path):
    image = np.zeros((8, 8, 4), np.uint8)
    image[:, 4:, 3] = 255
    image_folders.save(image, tmp_path / "clear.png")
    pixels, facts = image_decode.decode(tmp_path / "clear.png", Shape(8, 8, 3))

    assert facts["clear"]
    assert (pixels[:, :4] == 255).all()
    assert (pixels[:, 4:] == 0).all()


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (40, 200)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    pixels, facts = image_decode.decode(tmp_path / "two.gif", Shape(8, 8, 1))

    assert facts["frames"] == 2
    assert np.abs(pixels.astype(int) - 40).max() <= 2


def test_fractions_are_refused(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "f.tif")

    with pytest.raises(image_decode.Unreadable, match="32-bit fractions"):
        image_decode.decode(tmp_path / "f.tif", Shape(8, 8, 1))


def test_the_whole_image_is_kept_and_the_rest_is_like_its_border():
    """A wide image on a square: nothing cut, nothing stretched."""
    wide = np.full((16, 64), 30, np.uint8)
    wide[4:12, 16:48] = 250
    pixels = image_decode.fitted_array(wide[..., None], Shape(32, 32, 1))[..., 0]

    np.testing.assert_array_equal(np.delete(pixels, range(12, 20), axis=0), 30)
    assert (pixels[15:17, 10:22] > 240).all()
    assert (pixels[15:17, [0, 1, -2, -1]] == 30).all()


@pytest.mark.parametrize("side", [(1, 1), (1, 300), (300, 1)])
def test_images_of_one_pixel_are_images(tmp_path, side):
    image_folders.save(np.full(side, 7, np.uint8), tmp_path / "dot.png")

    np.testing.assert_array_equal(decoded(tmp_path / "dot.png", Shape(8, 8, 1)), 7)


def bomb(path: Path, side: int) -> Path:
    """A PNG that says to be of this side."""
    body = zlib.compress(bytes(1000))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return path


def test_a_decompression_bomb_is_refused_unopened(tmp_path):
    """400 million pixels: told by its header, so that no memory is taken."""
    path = bomb(tmp_path / "bomb.png", 20_000)

    with image_decode.unguarded(), pytest.raises(image_decode.Unreadable, match=r"20,000 x 20,000 pixels"):
        image_decode.decode(path, Shape(8, 8, 1))


def test_pillows_own_guard_is_put_back():
    before = Image.MAX_IMAGE_PIXELS
    with image_decode.unguarded():
        assert Image.MAX_IMAGE_PIXELS is None

    assert before == Image.MAX_IMAGE_PIXELS


# The one size


def shape_of(sides: list[tuple[int, int]], *, colour: bool = False, size: tuple[int, int] | None = None) -> str:
    heights, widths = np.array(sides).T
    return str(choose_shape(heights, widths, colour=colour, size=size)[0])


def test_the_size_is_the_median_side_capped():
    assert shape_of([(28, 28)] * 3) == "28 x 28, grey"
    assert shape_of([(8, 8)] * 3, colour=True) == "8 x 8, colour"
    assert shape_of([(480, 640)] * 3) == "48 x 64, grey"
    assert shape_of([(3000, 4000), (4000, 3000)]) == "64 x 64, grey"
    assert shape_of([(30, 30), (31, 30), (20_000, 20_000)]) == "32 x 32, grey"
    assert shape_of([(1, 1)] * 3) == "8 x 8, grey"
    assert shape_of([(28, 28)] * 3, size=(100, 50)) == "100 x 50, grey"


def test_one_coloured_image_makes_all_coloured(tmp_path, read):
    root = image_folders.two_classes(tmp_path / "photos")
    image_folders.save(image_folders.blobs(1, channels=3)[0], root / "a" / "colour.png")

    assert read(root).shape.channels == 3


def test_grey_images_saved_as_colour_are_grey(tmp_path, read):
    grey = np.stack([image_folders.blobs(3)] * 3, axis=3)

    assert read(image_folders.folder(tmp_path / "photos", {"a": grey, "b": grey[::-1]})).shape.channels == 1


# The pack


def test_a_pack_is_made_once_and_anew_where_a_file_changes(tmp_path, read, monkeypatch):
    root = image_folders.two_classes(tmp_path / "photos")
    first = read(root)
    with monkeypatch.context() as patched:
        patched.setattr(image_decode, "decode", None)  # nothing is decoded again
        np.testing.assert_array_equal(read(root).pixels, first.pixels)
    image_folders.save(image_folders.blobs(1, seed=9)[0], root / "a" / "000.png")

    np.testing.assert_array_equal(read(root).pixels[0, ..., 0], image_folders.blobs(1, seed=9)[0])


def test_workers_make_the_same_pack_as_one_process_and_go_on_after_a_stop(tmp_path, monkeypatch):
    """600 files in three chunks, one of them left by a process that was stopped."""
    monkeypatch.setattr(image_pack, "FEW", 10_000)
    root, shape = tmp_path / "photos", Shape(16, 16, 1)
    names = [f"{k:03d}.png" for k in range(600)]
    for name, image in zip(names, image_folders.blobs(600), strict=True):
        image_folders.save(image, root / name)
    (root / "300.png").write_text("no image")
    alone = image_pack.pack(root, names, shape, cache=tmp_path / "one")
    monkeypatch.setattr(image_pack, "FEW", 0)
    with monkeypatch.context() as patched:
        patched.setattr(image_pack, "_make_in_workers", stopped_after_one_chunk)
        with pytest.raises(KeyboardInterrupt):
            image_pack.pack(root, names, shape, cache=tmp_path / "two")
    told: list[int] = []
    together = image_pack.pack(root, names, shape, cache=tmp_path / "two", report=lambda done, of: told.append(done))

    np.testing.assert_array_equal(together.pixels, alone.pixels)
    np.testing.assert_array_equal(together.facts, alone.facts)
    assert together.rejects == alone.rejects
    assert [position for position, _ in together.rejects] == [300]
    assert told[-1] == 600
    assert len(told) == 2  # of three chunks


def stopped_after_one_chunk(job: image_worker.Job, part: Path, progress: object) -> None:
    next(image_worker.work(part, job, 0, 1))
    raise KeyboardInterrupt


def test_a_file_that_kills_its_worker_is_a_reject(tmp_path, monkeypatch):
    """A decoder that crashes takes one image with it, not the run."""
    killer = (
        "import os, sys, signal\n"
        "from burnish.load import image_decode, image_worker\n"
        "true = image_decode.decode\n"
        "def decode(path, shape):\n"
        "    if path.name == '002.png': os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    return true(path, shape)\n"
        "image_decode.decode = decode\n"
        "sys.exit(image_worker.main(sys.argv[1:]))\n"
    )
    (tmp_path / "killer.py").write_text(killer)
    monkeypatch.setattr(image_pack, "FEW", 0)
    monkeypatch.setattr(image_pack, "COMMAND", (sys.executable, str(tmp_path / "killer.py")))
    root = flat(tmp_path / "photos")
    packed = image_pack.pack(root, [f"00{k}.png" for k in range(4)], Shape(16, 16, 1), cache=tmp_path / "cache")

    assert packed.rejects == ((2, f"decoding it killed the process (signal {int(signal.SIGSEGV)})"),)
    assert len(packed.pixels) == 3


def test_workers_that_cannot_start_are_an_error_with_their_last_words(tmp_path, monkeypatch):
    monkeypatch.setattr(image_pack, "FEW", 0)
    monkeypatch.setattr(image_pack, "COMMAND", (sys.executable, "-c", "raise SystemExit('no such luck')"))

    with pytest.raises(errors.WorkerError) as caught:
        image_pack.pack(flat(tmp_path / "photos"), ["000.png"], Shape(8, 8, 1), cache=tmp_path / "cache")
    assert "no such luck" in caught.value.why


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(image_pack, "_free", lambda path: 10)

    with pytest.raises(errors.StoreError, match="no room"):
        image_pack.pack(flat(tmp_path / "photos"), ["000.png"], Shape(8, 8, 1), cache=tmp_path / "cache")


def test_the_worker_is_a_program_of_its_own(tmp_path):
    """It needs no guard in the script that starts it, and does not import JAX."""
    root = flat(tmp_path / "photos", 1)
    part = tmp_path / "part"
    part.mkdir()
    np.lib.format.open_memmap(part / image_worker.PIXELS, "w+", np.uint8, (1, 8, 8, 1)).flush()
    image_worker.Job(str(root), ("000.png",), Shape(8, 8, 1)).write(part)
    code = (
        "import sys; from burnish.load import image_worker; image_worker.main(sys.argv[1:]);"
        " assert 'jax' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(part), "0", "1"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr


# Arrays


def test_npz_of_images_is_read(tmp_path, read):
    pixels = image_folders.blobs(6, channels=3)
    np.savez(tmp_path / "made.npz", images=np.moveaxis(pixels, 3, 1), labels=np.arange(6) % 3)
    found = read(tmp_path / "made.npz")

    assert images.are_images(tmp_path / "made.npz")
    np.testing.assert_array_equal(found.pixels, pixels)
    assert texts_of(found.table[LABEL]) == ["0", "1", "2"] * 2


def test_npz_with_a_test_part_gives_both(tmp_path):
    pixels = image_folders.blobs(6)
    np.savez(tmp_path / "k.npz", x_train=pixels[:4], y_train=[0, 1, 0, 1], x_test=pixels[4:], y_test=[1, 0])
    main, test = images.read(tmp_path / "k.npz")

    assert (main.table.rows, test.table.rows) == (4, 2)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": np.zeros((4, 8, 8)), "y": np.arange(4)}, "float64 numbers"),
        ({"x": np.zeros((4, 8, 8, 5), np.uint8), "y": np.arange(4)}, r"shape \(4, 8, 8, 5\)"),
        ({"x": np.zeros((4, 8, 8), np.uint8), "y": np.arange(3)}, r"shape \(3,\)"),
        ({"x": np.zeros((4, 8, 8), np.uint8)}, "no labels"),
    ],
)
def test_npz_that_is_no_images_with_labels_is_refused(tmp_path, read, arrays, told):
    np.savez(tmp_path / "bad.npz", **arrays)

    with pytest.raises(errors.DataError, match=told):
        read(tmp_path / "bad.npz")


def idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + b"".join(struct.pack(">I", n) for n in values.shape)
    with gzip.open(path.with_name(f"{path.name}.gz"), "wb") as file:
        file.write(header + values.tobytes())


def test_a_folder_of_idx_files_is_read_with_its_test_part(tmp_path):
    pixels, labels = image_folders.blobs(6), np.array([0, 1, 2, 0, 1, 2], np.uint8)
    for start, part in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        idx(tmp_path / f"{start}-images-idx3-ubyte", pixels[part])
        idx(tmp_path / f"{start}-labels-idx1-ubyte", labels[part])
    main, test = images.read(tmp_path)

    np.testing.assert_array_equal(main.pixels[..., 0], pixels[:4])
    assert texts_of(test.table[LABEL]) == ["1", "2"]


def test_an_idx_file_that_is_cut_is_refused(tmp_path):
    idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(4, np.uint8))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">III", 4, 8, 8) + bytes(9))

    with pytest.raises(errors.DataError, match="no idx file of 3 axes"):
        images.read(tmp_path)

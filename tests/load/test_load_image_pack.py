"""The packed pixels are made once, by processes that may be stopped or die."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from burnish import errors
from burnish.data import on_disk
from burnish.data.images import Shape
from burnish.load import image_decode, image_pack, image_worker
from reference import image_folders


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
    root = image_folders.flat(tmp_path / "photos")
    packed = image_pack.pack(root, [f"00{k}.png" for k in range(4)], Shape(16, 16, 1), cache=tmp_path / "cache")

    assert packed.rejects == ((2, f"decoding it killed the process (signal {int(signal.SIGSEGV)})"),)
    assert len(packed.pixels) == 3


def test_workers_that_cannot_start_are_an_error_with_their_last_words(tmp_path, monkeypatch):
    monkeypatch.setattr(image_pack, "FEW", 0)
    monkeypatch.setattr(image_pack, "COMMAND", (sys.executable, "-c", "raise SystemExit('no such luck')"))

    with pytest.raises(errors.WorkerError) as caught:
        image_pack.pack(image_folders.flat(tmp_path / "photos"), ["000.png"], Shape(8, 8, 1), cache=tmp_path / "cache")
    assert "no such luck" in caught.value.why


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(image_pack, "_free", lambda path: 10)

    with pytest.raises(errors.StoreError, match="no room"):
        image_pack.pack(image_folders.flat(tmp_path / "photos"), ["000.png"], Shape(8, 8, 1), cache=tmp_path / "cache")


def test_the_worker_is_a_program_of_its_own(tmp_path):
    """It needs no guard in the script that starts it, and does not import JAX."""
    root = image_folders.flat(tmp_path / "photos", 1)
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


def test_packs_under_one_another_are_mapped_where_they_are_many(tmp_path, monkeypatch):
    """The same pixels as in memory; made once; what came as an array is in memory anyway."""
    monkeypatch.setattr(image_pack, "JOINED_IN_MEMORY", 0)
    parts = []
    for k, count in enumerate((300, 5)):
        np.save(tmp_path / f"{k}.npy", np.random.default_rng(k).integers(0, 256, (count, 4, 4, 1)).astype(np.uint8))
        parts.append(np.load(tmp_path / f"{k}.npy", mmap_mode="r"))
    found = image_pack.joined(parts, cache=tmp_path / "cache")
    again = image_pack.joined(parts, cache=tmp_path / "cache")

    assert on_disk.is_mapped(found)
    assert again.filename == found.filename
    np.testing.assert_array_equal(found, np.concatenate(parts))
    assert not on_disk.is_mapped(image_pack.joined([np.array(parts[0]), parts[1]], cache=tmp_path / "cache"))


def test_a_disk_that_fills_up_meanwhile_is_an_error_and_blames_no_image(tmp_path, read, monkeypatch):
    """Room is reserved before anything is written into a map, where a full disk would kill the process."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    root = image_folders.two_classes(tmp_path / "photos")
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(errors.StoreError, match="No space left on device"):
            read(root)

    assert read(root).table.rows == 6
    assert read(root).table.rejects == ()

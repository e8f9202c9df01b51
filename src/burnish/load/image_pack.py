"""Packs image files into one array on disk, once: later runs on the same files map it."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from burnish import cores, errors
from burnish.data import on_disk
from burnish.data.images import FACTS, Shape
from burnish.load import image_decode, image_worker
from burnish.load.image_worker import CHUNK, PIXELS, Job

VERSION = 1  # of how a file becomes pixels; another number packs anew
# Files up to which this process decodes them itself: a worker takes a third of a second to start.
FEW = 200
WORKERS = 2
COMMAND = (sys.executable, "-m", "burnish.load.image_worker")
KEPT_DAYS = 30  # a pack that nobody has used for so long is removed
MOST_OF_THE_DISK = 0.9  # of what is free; a run needs room too
MOST_DEATHS = 50  # of workers; more files that kill them are no accident

FACTS_FILE, REJECTS_FILE, WITHOUT_GAPS, USED = "facts.npy", "rejects.json", "packed.npy", "used"
PART = "part.npy"  # of a file that is being written
# Bytes of several packs together up to which they are put under one another in memory.
JOINED_IN_MEMORY = 1 << 28

Report = Callable[[int, int], None]  # images done, and of how many


@dataclass(frozen=True, slots=True)
class Pack:
    """Files as pixels. Rejected files have no row."""

    pixels: NDArray[np.uint8]  # (rows, height, width, channels), mapped read-only
    facts: NDArray[np.void]  # of dtype FACTS, shape (rows,)
    rows: NDArray[np.int64]  # position of each row among the files, rising
    rejects: tuple[tuple[int, str], ...]  # position and reason


def silent(done: int, of: int) -> None:
    """Tells nobody."""


def folder() -> Path:
    """Where packs are kept."""
    return Path(platformdirs.user_cache_dir("burnish")) / "images"


def pack(root: Path, files: Sequence[str], shape: Shape, *, cache: Path | None = None, report: Report = silent) -> Pack:
    """The pixels of these files: mapped where they were packed before, else packed now.

    Args:
        root: The folder that the paths start from.
        files: Paths of the images.
        shape: What they are brought to.
        cache: Where packs are kept; None: in the user's cache folder.
        report: Told how far it is.

    Raises:
        StoreError: The cache cannot be written, or has no room.
        WorkerError: The workers do not work.
    """
    cache = folder() if cache is None else cache
    job = Job(str(root.resolve()), tuple(files), shape)
    done = cache / _key(job)
    with _written(cache):
        with _locked(cache / f"{done.name}.lock"):
            if not (done / REJECTS_FILE).exists():
                _make(job, done, report)
        (done / USED).touch()
        _forget_old(cache)
    return _read(done)


def is_packed(root: Path, files: Sequence[str], shape: Shape, *, cache: Path | None = None) -> bool:
    """Whether `pack` has only to map them."""
    return (
        (folder() if cache is None else cache) / _key(Job(str(root.resolve()), tuple(files), shape)) / REJECTS_FILE
    ).exists()


@contextmanager
def _written(cache: Path) -> Iterator[None]:
    """A folder to write into; what the system refuses is said as an error of ours."""
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield
    except errors.StoreError:
        raise
    except OSError as error:
        raise errors.StoreError(
            f"The packed images cannot be written to {cache}.",
            f"The system says: {error.strerror or error}.",
            "Make room or permission there, or set XDG_CACHE_HOME to another folder.",
        ) from error


def joined(parts: Sequence[NDArray[np.uint8]], *, cache: Path | None = None) -> NDArray[np.uint8]:
    """Packs under one another: in memory, or where they are too many for it in a file beside them, mapped.

    Args:
        parts: Pixels, all of one shape but for the rows.
        cache: Where packs are kept; None: in the user's cache folder.

    Raises:
        StoreError: There is no room.
    """
    if sum(part.nbytes for part in parts) <= JOINED_IN_MEMORY or not all(map(on_disk.is_mapped, parts)):
        return np.concatenate(parts)  # what came as arrays is in memory anyway
    cache = folder() if cache is None else cache
    names = "\0".join(str(part.filename) for part in parts)  # type: ignore[attr-defined]
    done = cache / hashlib.sha256(f"joined\0{names}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
    rows = sum(map(len, parts))
    with _written(cache), _locked(cache / f"{done.name}.lock"):
        if not (done / PIXELS).exists():
            done.mkdir(mode=0o700, exist_ok=True)
            _refuse_full(done, rows * parts[0][0].nbytes)
            new = _reserved(done / PART, (rows, *parts[0].shape[1:]))
            place = 0
            for part in parts:
                for begin in range(0, len(part), CHUNK):
                    block = part[begin : begin + CHUNK]
                    new[place : place + len(block)] = block
                    place += len(block)
                    on_disk.give_back(part)
                    on_disk.give_back(new)
            new.flush()
            os.replace(done / PART, done / PIXELS)
        (done / USED).touch()
    return np.load(done / PIXELS, mmap_mode="r", allow_pickle=False)


def _key(job: Job) -> str:
    """Another one where any file has changed, come or gone."""
    digest = hashlib.sha256(json.dumps([VERSION, job.root, str(job.shape)]).encode())
    for file in job.files:
        try:
            found = os.stat(Path(job.root, file))
            digest.update(f"{file}\0{found.st_size}\0{found.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        except OSError:
            digest.update(f"{file}\0gone\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two runs on the same files do not pack them twice."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(done: Path) -> Pack:
    rejects = tuple((int(k), why) for k, why in json.loads((done / REJECTS_FILE).read_text("utf-8")))
    name = WITHOUT_GAPS if (done / WITHOUT_GAPS).exists() else PIXELS
    pixels = np.load(done / name, mmap_mode="r", allow_pickle=False)
    gone = {position for position, _ in rejects}
    rows = np.array([k for k in range(len(pixels) + len(gone)) if k not in gone], np.int64)
    return Pack(pixels, np.load(done / FACTS_FILE, allow_pickle=False), rows, rejects)


def _make(job: Job, done: Path, report: Report) -> None:
    """Packs beside the place and moves it there when it is whole."""
    part = done.with_suffix(".part")
    part.mkdir(mode=0o700, exist_ok=True)
    needed = len(job.files) * job.shape.numbers
    if not (part / image_worker.JOB).exists():
        _refuse_full(part, needed)
        shape = (len(job.files), job.shape.height, job.shape.width, job.shape.channels)
        _reserved(part / PIXELS, shape).flush()
        job.write(part)
    before = CHUNK * sum(image_worker.facts_file(part, chunk).exists() for chunk in range(job.chunks))
    progress = _Progress(report, len(job.files), min(before, len(job.files)))
    if len(job.files) - before <= FEW:
        with image_decode.unguarded():
            for count in image_worker.work(part, job, 0, 1):
                progress.add(count)
    else:
        _make_in_workers(job, part, progress)
    _join(job, part)
    shutil.rmtree(done, ignore_errors=True)
    os.replace(part, done)
    _tidy(job, done)


def _reserved(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A new array of bytes in a file, mapped, with room on the disk for all of it.

    Else whoever writes where the disk is full is killed by a signal, and the image that was written is blamed.

    Raises:
        OSError: There is no room.
    """
    made = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    if not hasattr(os, "posix_fallocate"):  # macOS
        return made
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # what file systems say that cannot reserve
                path.unlink()
                raise
    return made


def _refuse_full(part: Path, needed: int) -> None:
    free = _free(part)
    if needed > MOST_OF_THE_DISK * free:
        raise errors.StoreError(
            f"There is no room for the packed images in {part.parent}.",
            f"They take {_mebibytes(needed)}, and {_mebibytes(free)} are free.",
            "Make room, choose a smaller --image-size, or set XDG_CACHE_HOME to another folder.",
        )


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _free(path: Path) -> int:
    return shutil.disk_usage(path).free


@dataclass(slots=True)
class _Progress:
    """How far a pack is."""

    report: Report
    of: int
    done: int

    def add(self, count: int) -> None:
        self.done += count
        self.report(self.done, self.of)


def _make_in_workers(job: Job, part: Path, progress: _Progress) -> None:
    """Worker processes make the chunks; one that dies is started anew without the file that killed it."""
    count = min(WORKERS, cores.available())
    told: SimpleQueue[tuple[int, int | None]] = SimpleQueue()  # worker, and files done; None: it has ended
    running = {number: _start(part, number, count, told) for number in range(count)}
    deaths = 0
    try:
        while running:
            number, files = told.get()
            if files is not None:
                progress.add(files)
                continue
            code = running.pop(number).wait()
            if code:
                deaths += 1
                _blame(job, part, number, code, deaths)
                running[number] = _start(part, number, count, told)
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def _start(part: Path, number: int, count: int, told: SimpleQueue[tuple[int, int | None]]) -> subprocess.Popen[Any]:
    command = [*COMMAND, str(part), str(number), str(count)]
    log = (part / f"log{number}").open("ab")
    with log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)

    def listen() -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                told.put((number, int(line)))
        told.put((number, None))

    threading.Thread(target=listen, daemon=True).start()
    return process


def _blame(job: Job, part: Path, number: int, code: int, deaths: int) -> None:
    """The file that a dead worker was at becomes a reject.

    Raises:
        WorkerError: It was at none, or too many have died.
    """
    at = np.fromfile(image_worker.place_file(part, number), np.int64) if code < 0 else np.empty(0)
    position = int(at[0]) if len(at) else -1
    if position < 0 or deaths > MOST_DEATHS:
        log = (part / f"log{number}").read_text("utf-8", "replace").strip().splitlines()
        raise errors.WorkerError(
            "A process that decodes images has failed.",
            log[-1] if log else f"It ended with code {code} and said nothing.",
            "Run it again: what is packed is kept. If it fails again, look at the files that are named, if any.",
        )
    deadly = image_worker.fatal(part) | {position: f"decoding it killed the process (signal {-code})"}
    (part / image_worker.FATAL).write_text(json.dumps(deadly), "utf-8")


def _join(job: Job, part: Path) -> None:
    """Puts the chunks' facts together, and moves rows together where rejects left gaps."""
    chunks = range(job.chunks)
    facts = [np.load(image_worker.facts_file(part, chunk), allow_pickle=False) for chunk in chunks]
    rejects: dict[int, str] = {}
    for chunk in chunks:
        told = json.loads(image_worker.rejects_file(part, chunk).read_text("utf-8"))
        rejects |= {int(position): why for position, why in told.items()}
    kept = np.ones(len(job.files), bool)
    kept[list(rejects)] = False
    if rejects:
        _close_gaps(part, np.flatnonzero(kept))
    np.save(part / FACTS_FILE, np.concatenate([*facts, np.zeros(0, FACTS)])[kept])
    (part / REJECTS_FILE).write_text(json.dumps(sorted(rejects.items())), "utf-8")


def _close_gaps(part: Path, kept: NDArray[np.int64]) -> None:
    """A copy without the rows of rejects, block by block."""
    old = np.load(part / PIXELS, mmap_mode="r", allow_pickle=False)
    new = _reserved(part / WITHOUT_GAPS, (len(kept), *old.shape[1:]))
    for begin in range(0, len(kept), CHUNK):
        new[begin : begin + CHUNK] = old[kept[begin : begin + CHUNK]]
        on_disk.give_back(old)
        on_disk.give_back(new)
    new.flush()


def _tidy(job: Job, done: Path) -> None:
    """Away with what only the making needed. Not sooner: an interruption would find some of it gone."""
    for chunk in range(job.chunks):
        image_worker.facts_file(done, chunk).unlink()
        image_worker.rejects_file(done, chunk).unlink()
    if (done / WITHOUT_GAPS).exists():
        (done / PIXELS).unlink()


def _forget_old(cache: Path) -> None:
    """Removes packs that nobody has used for long; a process that has one mapped keeps it until it ends."""
    limit = time.time() - KEPT_DAYS * 86_400
    for used in cache.glob(f"*/{USED}"):
        if used.stat().st_mtime < limit:
            shutil.rmtree(used.parent, ignore_errors=True)

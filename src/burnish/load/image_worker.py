"""What decodes images: in this process, or as `python -m burnish.load.image_worker FOLDER NUMBER OF` in one of its own.

A pack is made in a folder of its own, chunk by chunk, and whoever makes a chunk leaves its facts there when it is done:
an interrupted pack goes on where it stopped. A file that kills a worker is found by the place that the worker left.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data import on_disk
from burnish.data.images import FACTS, Shape
from burnish.load import image_decode

CHUNK = 256  # images; between two of them lies at most this much work that an interruption loses

JOB, PIXELS, FATAL = "job.json", "pixels.npy", "fatal.json"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be packed."""

    root: str
    files: tuple[str, ...]
    shape: Shape

    @property
    def chunks(self) -> int:
        return -(-len(self.files) // CHUNK)

    def write(self, folder: Path) -> None:
        """Put it where workers find it."""
        (folder / JOB).write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> Job:
        """The job that lies in a folder."""
        values: dict[str, Any] = json.loads((folder / JOB).read_text("utf-8"))
        return cls(values["root"], tuple(values["files"]), Shape(**values["shape"]))


def facts_file(folder: Path, chunk: int) -> Path:
    """Where the facts of a chunk lie; it is there once the chunk is done."""
    return folder / f"facts{chunk:06d}.npy"


def rejects_file(folder: Path, chunk: int) -> Path:
    """Where its rejects lie: position and reason of each."""
    return folder / f"rejects{chunk:06d}.json"


def place_file(folder: Path, worker: int) -> Path:
    """Where a worker says which file it decodes."""
    return folder / f"at{worker}"


def fatal(folder: Path) -> dict[int, str]:
    """Files that killed a worker, by position, with the reason."""
    path = folder / FATAL
    return {int(k): v for k, v in json.loads(path.read_text("utf-8")).items()} if path.exists() else {}


def work(folder: Path, job: Job, number: int, of: int) -> Iterator[int]:
    """Makes every chunk that is this worker's and is not there yet; yields the number of files after each.

    Args:
        folder: Of the pack.
        job: What it is made of.
        number: Of this worker, from 0.
        of: How many workers there are.
    """
    pixels = np.load(folder / PIXELS, mmap_mode="r+", allow_pickle=False)
    place = np.memmap(place_file(folder, number), np.int64, "w+", shape=(1,))
    deadly = fatal(folder)
    for chunk in range(number, job.chunks, of):
        if facts_file(folder, chunk).exists():
            continue
        positions = range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(job.files)))
        facts, rejects = np.zeros(len(positions), FACTS), {}
        for k, position in enumerate(positions):
            place[0] = position
            if position in deadly:
                rejects[position] = deadly[position]
                continue
            try:
                pixels[position], facts[k] = image_decode.decode(Path(job.root, job.files[position]), job.shape)
            except image_decode.Unreadable as error:
                rejects[position] = image_decode.reason(error)
        place[0] = -1
        pixels.flush()
        on_disk.give_back(pixels)
        _leave(folder, chunk, facts, rejects)
        yield len(positions)


def _leave(folder: Path, chunk: int, facts: NDArray[np.void], rejects: dict[int, str]) -> None:
    """Rejects first: who sees the facts may count on both."""
    rejects_file(folder, chunk).write_text(json.dumps(rejects), "utf-8")
    part = facts_file(folder, chunk).with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, facts)
    os.replace(part, facts_file(folder, chunk))


def main(arguments: list[str]) -> int:
    """A worker process: prints how many files it has done, a line for each chunk."""
    folder, number, of = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    with image_decode.unguarded():
        for done in work(folder, Job.read(folder), number, of):
            print(done, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

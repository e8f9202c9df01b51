"""Reads images for a run or an audit: the main ones, and those of dev and test where they are given."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data import image_copies
from burnish.data.image_copies import ImageCopies
from burnish.data.images import ImageDataset
from burnish.load import images
from burnish.load.drawing import Draw
from burnish.load.image_tables import Paths
from burnish.workflow import checking
from burnish.workflow.budget import Budget
from burnish.workflow.checking import DEV, MAIN, TEST

# Share of the time limit in which images are compared with one another. 100,000 of 64 x 64 in colour take 11 s.
COPIES_TAKE = 0.1


@dataclass(frozen=True, slots=True)
class ImageSources:
    """Where images are, and what is asked of them."""

    main: Any
    dev: Any = None
    test: Any = None
    labels: str | None = None
    target: str | None = None
    size: tuple[int, int] | None = None
    columns: tuple[str, ...] = ()  # further ones of a table of paths that are kept


def read(
    sources: ImageSources, *, report: Callable[[int, int], None], draw: Draw | None = None
) -> tuple[ImageDataset, NDArray[np.int8]]:
    """All images with labels, and where each comes from (`checking.MAIN`, `DEV` or `TEST`); shape (rows,).

    A test part that lies beside the main images, as MNIST's does, is the test set.

    Args:
        sources: Where they are.
        report: Told how far packing is.
        draw: Which images are read; None: all.

    Raises:
        ConfigError, DataError: The sources cannot be used, or are images in part only.
    """
    given = {place: source for place, source in ((DEV, sources.dev), (TEST, sources.test)) if source is not None}
    ask = images.Ask(sources.labels, sources.target, sources.size, sources.columns, shared=bool(given), draw=draw)
    main, beside = images.read(sources.main, ask, report=report)
    parts, places = [main], [MAIN]
    for place, beside_it in given.items():
        source = _alike(beside_it, sources)
        if not images.are_images(source):
            raise errors.ConfigError(
                f"{source} holds no images.",
                f"{sources.main} does, and all parts must be alike.",
                "Give a folder, an NPZ file or a table of paths, as there.",
            )
        parts.append(images.read(source, ask, shape=main.shape, report=report)[0])
        places.append(place)
    if beside is not None and TEST not in places:
        parts.append(beside)
        places.append(TEST)
    origin = np.concatenate([np.full(p.table.rows, place, np.int8) for p, place in zip(parts, places, strict=True)])
    return (images.join(parts) if len(parts) > 1 else main), origin


def _alike(source: Any, sources: ImageSources) -> Any:
    """A part's source, opened where it is a table of paths as the main one is."""
    if not isinstance(sources.main, Paths):
        return source
    main, kept = sources.main.table, (sources.target, *sources.columns)
    types = {column.name: column.physical for column in main.columns if column.name in kept}
    found = images.opened(source, but=sources.main.others, types=types)
    for name in kept if isinstance(found, Paths) else ():
        checking.column(found.table, name, "column")
    return found


def copies(dataset: ImageDataset, budget: Budget, *, seed: int) -> ImageCopies:
    """Copies among the images, looked for in no more than a share of the time; a resumed run looks as far again."""
    if budget.limit is None:
        return image_copies.find(dataset.pixels, seed=seed)
    until = time.monotonic() + COPIES_TAKE * budget.limit
    found: list[ImageCopies] = []

    def search() -> int:
        found.append(image_copies.find(dataset.pixels, seed=seed, goes_on=lambda _: time.monotonic() < until))
        return found[0].compared

    compared = budget.decide("images compared with all others", search)
    return found[0] if found else image_copies.find(dataset.pixels, seed=seed, goes_on=lambda done: done < compared)


def refuse_labels(labels: str | None, paths: Paths) -> None:
    """A table of paths has its labels beside them."""
    if labels is not None:
        raise errors.ConfigError(
            f"{paths} names images, and a table of labels was given too.",
            "What an image shows stands in its row.",
            "Leave --labels out, and name the column with --target.",
        )


def refuse_for_tables(labels: str | None, size: tuple[int, int] | None, shown: str) -> None:
    """What is asked of images alone was asked of a table."""
    asked = [name for name, value in (("--labels", labels), ("--image-size", size)) if value is not None]
    if asked:
        raise errors.ConfigError(
            f"{asked[0]} has no meaning here.", f"{shown} holds no images.", "Leave it out, or give a folder of images."
        )

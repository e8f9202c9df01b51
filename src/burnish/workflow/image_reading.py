"""Reads images for a run or an audit: the main ones, and those of dev and test where they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data.images import ImageDataset
from burnish.load import images
from burnish.workflow.checking import DEV, MAIN, TEST


@dataclass(frozen=True, slots=True)
class ImageSources:
    """Where images are, and what is asked of them."""

    main: Any
    dev: Any = None
    test: Any = None
    labels: str | None = None
    target: str | None = None
    size: tuple[int, int] | None = None


def read(sources: ImageSources, *, report: Callable[[int, int], None]) -> tuple[ImageDataset, NDArray[np.int8]]:
    """All images with labels, and where each comes from (`checking.MAIN`, `DEV` or `TEST`); shape (rows,).

    A test part that lies beside the main images, as MNIST's does, is the test set.

    Raises:
        ConfigError, DataError: The sources cannot be used, or are images in part only.
    """
    given = {place: source for place, source in ((DEV, sources.dev), (TEST, sources.test)) if source is not None}
    ask = images.Ask(sources.labels, sources.target, sources.size, shared=bool(given))
    main, beside = images.read(sources.main, ask, report=report)
    parts, places = [main], [MAIN]
    for place, source in given.items():
        if not images.are_images(source):
            raise errors.ConfigError(
                f"{source} holds no images.",
                f"{sources.main} does, and all parts must be alike.",
                "Give a folder or an NPZ file of images.",
            )
        parts.append(images.read(source, ask, shape=main.shape, report=report)[0])
        places.append(place)
    if beside is not None and TEST not in places:
        parts.append(beside)
        places.append(TEST)
    origin = np.concatenate([np.full(p.table.rows, place, np.int8) for p, place in zip(parts, places, strict=True)])
    return (images.join(parts) if len(parts) > 1 else main), origin


def refuse_for_tables(labels: str | None, size: tuple[int, int] | None, shown: str) -> None:
    """What is asked of images alone was asked of a table."""
    asked = [name for name, value in (("--labels", labels), ("--image-size", size)) if value is not None]
    if asked:
        raise errors.ConfigError(
            f"{asked[0]} has no meaning here.", f"{shown} holds no images.", "Leave it out, or give a folder of images."
        )

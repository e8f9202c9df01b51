"""What the tests of reading images share."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnish.data.images import ImageDataset, Shape
from burnish.load import images


@pytest.fixture
def read(tmp_path):
    """`read(folder, labels=…)`: the images, packed into a cache of the test's own."""

    def call(source: Path, *, labelled: bool = True, shape: Shape | None = None, **ask: object) -> ImageDataset:
        made = images.Ask(cache=tmp_path / "cache", **ask)
        return images.read(source, made, labelled=labelled, shape=shape)[0]

    return call

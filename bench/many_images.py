"""Makes a folder of many colour images for the main job: more than fit into the memory that a run is allowed.

Each is a product of Fashion-MNIST (70,000 grey images of 28 x 28) enlarged by a random factor, somewhere on a
background that runs from one colour to another, in a colour of its own and with noise; JPEG at quality 90, in a folder
for each class. Which colours there are says nothing about the class. Beyond 70,000 a product comes again in another
look, so that it may be in training and test: such images serve to see time and memory, and errors are a little
too good. The same count, side and seed give the same files.

Usage: python bench/many_images.py FOLDER [--count 100000] [--side 64] [--seed 0]
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from burnish.load import images

FASHION = Path("/usr/share/datasets/fashion-mnist")
NAMES = ("top", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
QUALITY = 90  # of JPEG
SMALLEST, LARGEST = 0.55, 1.0  # side of a product, as a share of the image's
NOISE = 8.0  # standard deviation, in levels of 255
FACES = 255  # lightest level of a product; its own grey levels darken its colour
AT_ONCE = 2_000  # images that a process makes before it asks for more

Pixels = NDArray[np.uint8]


def fashion() -> tuple[Pixels, list[str]]:
    """All grey images, shape (rows, height, width), and the name of each one's class."""
    parts = [part for part in images.read(FASHION) if part is not None]
    codes = [int(code) for part in parts for code in part.table[part.target or ""].values]
    return np.concatenate([part.pixels[..., 0] for part in parts]), [NAMES[code] for code in codes]


def looked_at(product: Pixels, side: int, rng: np.random.Generator) -> Image.Image:
    """One product of shape (height, width) as a colour image."""
    size = round(side * rng.uniform(SMALLEST, LARGEST))
    left, top = rng.integers(0, side - size + 1, 2)
    shade = np.zeros((side, side, 1), np.float32)
    shade[top : top + size, left : left + size, 0] = Image.fromarray(product).resize((size, size))
    shade /= FACES
    cover = np.clip(4 * shade, 0, 1)  # products are seen through where they are all but black
    angle, here, there = rng.uniform(0, 2 * np.pi), *rng.uniform(0, 255, (2, 3))
    places = np.linspace(0, 1, side)
    along = np.cos(angle) * places[:, None] + np.sin(angle) * places
    along = ((along - along.min()) / np.ptp(along))[..., None]
    background = here + (there - here) * along
    tint = rng.uniform(0, 255, 3)
    picture = (1 - cover) * background + cover * (tint * (0.3 + 0.7 * shade)) + rng.normal(0, NOISE, (side, side, 3))
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def make(folder: Path, side: int, seed: int, first: int, products: Pixels, names: list[str]) -> int:
    """Writes these products from number `first` on; how many there were."""
    for number, (product, name) in enumerate(zip(products, names, strict=True), first):
        rng = np.random.default_rng([seed, number])
        looked_at(product, side, rng).save(folder / name / f"{number:07d}.jpg", quality=QUALITY)
    return len(names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=64, help="pixels")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    products, names = fashion()
    for name in NAMES:
        (options.folder / name).mkdir(parents=True, exist_ok=True)
    rows = np.arange(options.count) % len(products)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as processes:
        task = partial(make, options.folder, options.side, options.seed)
        firsts = range(0, options.count, AT_ONCE)
        parts = [rows[first : first + AT_ONCE] for first in firsts]
        made = processes.map(task, firsts, (products[p] for p in parts), ([names[k] for k in p] for p in parts))
        print(f"{sum(made):,} images of {options.side} x {options.side} in {options.folder}")


if __name__ == "__main__":
    main()

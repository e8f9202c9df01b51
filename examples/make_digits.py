"""Writes handwritten digits from scikit-learn: `digits.npz` here, or a folder of PNG files for each digit.

Usage: python examples/make_digits.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

HERE = Path(__file__).parent
LARGEST = 16  # of a pixel in the source, which becomes 255


def main(arguments: list[str]) -> None:
    found = load_digits()
    pixels = np.round(found.images * (255 / LARGEST)).astype(np.uint8)
    if not arguments:
        np.savez_compressed(HERE / "digits.npz", images=pixels, labels=found.target.astype(np.uint8))
        return
    for k, (image, digit) in enumerate(zip(pixels, found.target, strict=True)):
        folder = Path(arguments[0], str(digit))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{k:04d}.png")


if __name__ == "__main__":
    main(sys.argv[1:])

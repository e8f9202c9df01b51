"""Pixels are those of the file, brought to one size and number of channels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from burnish.data.images import Shape, choose_shape
from burnish.load import image_decode
from reference import image_folders


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

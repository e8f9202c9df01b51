"""The audit of images: each fault planted is named, and healthy images stay silent."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sklearn import datasets

from burnish.data import fold, image_audit, image_copies, images
from burnish.data.audit import Audit
from burnish.data.images import FACTS, ImageDataset, Shape
from burnish.data.observation import Observation
from burnish.data.split import Plan
from burnish.data.table import Reject, Table
from reference import image_folders


def dataset(pixels: np.ndarray, labels: np.ndarray, *, rejects=(), empty=(), **facts: np.ndarray) -> ImageDataset:
    """Images with what is known of their files; PNG of the images' own size where nothing is said."""
    pixels = pixels if pixels.ndim == 4 else pixels[..., None]
    known = np.zeros(len(pixels), FACTS)
    usual = {"height": pixels.shape[1], "width": pixels.shape[2], "bytes": 500, "format": "PNG"}
    usual |= {"mode": "L" if pixels.shape[3] == 1 else "RGB", "frames": 1, "peak": 255}
    for name, values in (usual | facts).items():
        known[name] = values
    columns = (
        images.text_column(images.FILE, [f"{k:04d}.png" for k in range(len(pixels))]),
        images.column_of(pixels),
        images.text_column(images.LABEL, [str(label) for label in labels]),
    )
    table = Table("made", columns, np.arange(len(pixels)), tuple(rejects))
    return ImageDataset(table, known, images.LABEL, Shape(*pixels.shape[1:]), tuple(empty))


def look(made: ImageDataset, *, origin: np.ndarray | None = None, plan: Plan | None = None) -> Audit:
    classes = made.table[images.LABEL].values.astype(int)
    origin = np.zeros(made.table.rows, int) if origin is None else origin
    found = image_copies.find(made.pixels)
    return image_audit.audit(made, found, origin=origin, classes=classes, plan=plan or Plan())


def codes(found: Audit | tuple[Observation, ...]) -> list[str]:
    return [one.code for one in (found.observations if isinstance(found, Audit) else found)]


def named(found: Audit, code: str) -> Observation:
    [one] = [one for one in found.observations if one.code == code]
    return one


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    found = datasets.load_digits()
    return np.round(found.images * (255 / 16)).astype(np.uint8), found.target


def test_healthy_images_give_no_observation(digits):
    """Handwritten digits, many of which look alike: none is taken for a copy of another."""
    found = look(dataset(*digits))

    assert found.observations == ()
    assert found.keep_together is None


def test_few_images_give_no_false_copies():
    for count in (2, 3, 5, 20):
        made = dataset(image_folders.blobs(count, seed=count), np.arange(count) % 2)

        assert "DA6" not in codes(look(made))


def compressed(image: np.ndarray) -> np.ndarray:
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "JPEG", quality=85)
    return np.asarray(Image.open(packed))


def brighter(image: np.ndarray) -> np.ndarray:
    return np.clip(image * 0.8 + 20, 0, 255).astype(np.uint8)


def noisy(image: np.ndarray) -> np.ndarray:
    return np.clip(image + np.random.default_rng(0).normal(0, 3, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", [compressed, brighter, noisy])
def test_near_copies_are_found_among_images_that_look_alike(digits, change):
    """Compression, brightness and noise hide hardly any, and no two different digits are taken together."""
    pixels, _ = digits
    picked = np.random.default_rng(1).choice(len(pixels), 60, replace=False)
    both = np.concatenate([pixels, np.stack([change(image) for image in pixels[picked]])])[..., None]
    found = image_copies.find(both)

    together = found.ids[picked] == found.ids[len(pixels) :]
    assert together.mean() >= 0.9
    assert found.repeats == together.sum()


def test_copies_are_told_and_kept_together():
    pixels = image_folders.blobs(200)
    pixels = np.concatenate([pixels, pixels[:4]])
    found = look(dataset(pixels, np.arange(204) % 2))

    assert named(found, "DA6").severity == "note"
    assert "4 images repeat another one" in named(found, "DA6").evidence
    assert "0000.png = 0200.png" in named(found, "DA6").evidence
    np.testing.assert_array_equal(found.keep_together[:4], found.keep_together[200:])


def test_a_search_that_did_not_go_through_all_images_says_so():
    made = dataset(image_folders.blobs(200), np.arange(200) % 2)
    found = image_copies.find(made.pixels, goes_on=lambda done: False)
    seen = image_audit.audit(made, found, origin=np.zeros(200, int), classes=np.arange(200) % 2, plan=Plan())

    assert "0 of 200 different images, drawn at random, were compared with all others" in named(seen, "DA6").evidence


def test_copies_with_other_labels_are_a_floor():
    """Two images come twice, each as both classes: any model is wrong on one of each pair."""
    pixels = image_folders.blobs(100)
    pixels = np.concatenate([pixels, pixels[:2]])
    labels = np.arange(102) % 2
    labels[100:] = 1 - labels[:2]
    found = look(dataset(pixels, labels))

    assert "0000.png (0) = 0100.png (1)" in named(found, "DA28").evidence
    assert named(found, "DA28").severity == "limit"
    assert found.facts["conflicting_floor"] == pytest.approx(2 / 102)


def test_test_images_that_were_trained_on_are_a_fault():
    pixels = image_folders.blobs(120)
    pixels[110:115] = pixels[:5]
    origin = np.repeat([0, 1, 2], [80, 20, 20])
    made = dataset(pixels, np.arange(120) % 2)
    found = look(made, origin=origin, plan=Plan(given_dev=True, given_test=True))
    rows = [np.flatnonzero(origin == place) for place in range(3)]
    split = fold.Split((fold.Fold(rows[0], rows[1]),), 1, rows[2], "as given")
    [seen] = image_audit.across(made, split, found)

    assert (seen.code, seen.severity, seen.where) == ("DA7", "fault", "test")
    assert "5 of 20 test images" in seen.evidence
    assert "0110.png = 0000.png" in seen.evidence


def test_a_camera_that_gives_the_class_away_is_a_fault():
    """All cats are 640 pixels wide, and all dogs 480: a network that sees them shrunk may still learn the borders."""
    labels = np.arange(200) % 2
    found = look(dataset(image_folders.blobs(200), labels, width=np.where(labels, 640, 480), height=480))

    assert named(found, "DA10").where == "width, proportions"
    assert named(found, "DA10").severity == "fault"
    assert "gives the class away" in named(found, "DA10").title


def test_sizes_that_say_nothing_are_silent():
    rng = np.random.default_rng(0)
    made = dataset(image_folders.blobs(200), np.arange(200) % 2, width=rng.integers(12, 40, 200), height=30)

    assert codes(look(made)) == []


def test_dev_images_from_another_camera_are_told_apart_by_what_differs():
    """Dev is 25 levels brighter."""
    pixels = image_folders.blobs(600).astype(int) // 2
    origin = np.repeat([0, 1], [400, 200])
    pixels[origin == 1] += 25
    found = look(
        dataset(pixels.astype(np.uint8), np.arange(600) % 2), origin=origin, plan=Plan(given_dev=True, test=False)
    )

    assert "brightness" in named(found, "DA3").where
    assert "AUC" in named(found, "DA3").evidence


def test_dev_images_of_the_same_kind_are_not():
    origin = np.repeat([0, 1], [400, 200])
    found = look(
        dataset(image_folders.blobs(600), np.arange(600) % 2), origin=origin, plan=Plan(given_dev=True, test=False)
    )

    assert found.observations == ()


def test_blank_and_tiny_images_are_named():
    pixels = image_folders.blobs(100)
    pixels[7] = 128
    height = np.full(100, 16)
    height[9] = 2
    found = look(dataset(pixels, np.arange(100) % 2, height=height, width=height))

    assert "0007.png" in named(found, "DA30").evidence
    assert "0009.png (2 x 2)" in named(found, "DA31").evidence


def test_broken_files_empty_classes_and_rare_ones_are_told():
    labels = np.where(np.arange(300) < 4, "owl", np.where(np.arange(300) % 2, "cat", "dog"))
    rejects = [Reject(0, None, "it is damaged: image file is truncated", "cat/x.png")]
    found = look(dataset(image_folders.blobs(300), labels, rejects=rejects, empty=["yak"]))

    assert "cat/x.png: it is damaged" in named(found, "DA29").evidence
    assert "yak" in named(found, "DA21").evidence
    assert "'owl' (4 images)" in named(found, "DA20").evidence


def test_labels_that_are_one_but_for_case_are_told():
    labels = np.where(np.arange(300) % 2, "cat", np.where(np.arange(300) % 3, "dog", "Dog"))
    seen = named(look(dataset(image_folders.blobs(300), labels)), "DA27")

    assert seen.severity == "limit"
    assert "'dog' (100 images) = 'Dog' (50 images)" in seen.evidence


def test_what_was_done_to_images_is_told():
    turned = np.arange(100) < 12
    mode = np.where(np.arange(100) < 3, "CMYK", "RGB")
    found = look(dataset(image_folders.blobs(100, channels=3), np.arange(100) % 2, turned=turned, mode=mode))

    assert "12 images are turned upright" in named(found, "DA32").evidence
    assert "3 images are in printing colours" in named(found, "DA32").evidence


def test_dark_16_bit_images_are_a_limit():
    """A sensor of 12 bits in files of 16: the upper 8 bits hold next to nothing."""
    found = look(dataset(image_folders.blobs(100), np.arange(100) % 2, mode="I;16", peak=4095))

    assert named(found, "DA32").severity == "limit"
    assert "nearly black" in named(found, "DA32").evidence

"""The audit of images: everything worth knowing about them before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from burnish.data import copies, distribution, giveaway, image_statistics, kinds, observation, rare, spellings
from burnish.data.audit import Audit
from burnish.data.fold import Split
from burnish.data.image_copies import ImageCopies
from burnish.data.images import FILE, OTHER_NAME, ImageDataset, texts_of
from burnish.data.observation import Observation, View, counted, listed
from burnish.data.split import DEV_FILE, MAIN, TEST_FILE, Plan
from burnish.data.table import Column, Kind, Table
from burnish.units import percent

# Share of images from which on broken or blank ones are a limit, and not a note: they move an error by as much.
SHARE_MATTERS = 0.01
# An image enlarged by more than this shows nothing that its pixels did not: at 4 x 4 for one, blurs.
ENLARGED = 4.0
# Values of a 16-bit image below this share of its range leave a dark picture: 12-bit sensors reach 1/16.
DARK_16_BIT = 1 / 8
PAIRS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Images:
    """Images as the checks see them."""

    dataset: ImageDataset
    names: list[str]
    origin: NDArray[np.integer]
    classes: NDArray[np.integer] | None
    plan: Plan

    @property
    def rows(self) -> int:
        return len(self.names)

    @property
    def target(self) -> Column:
        assert self.dataset.target is not None
        return self.dataset.table[self.dataset.target]

    def view(self, columns: Sequence[Column]) -> View:
        """The images as a table of these numbers, for checks of tables."""
        table = Table(self.dataset.table.name, (*columns, self.target), np.arange(self.rows))
        profiles = {p.name: p for p in kinds.profile(table, target=self.target.name)}
        profiles = {
            name: replace(p, kind=Kind.NUMBER) if p.kind in (Kind.IDENTIFIER, Kind.DATE) else p
            for name, p in profiles.items()
        }
        return View(table, self.target, profiles, self.origin, self.classes, self.plan)


def audit(
    dataset: ImageDataset,
    found: ImageCopies,
    *,
    origin: NDArray[np.integer],
    classes: NDArray[np.integer] | None,
    plan: Plan,
) -> Audit:
    """Looks for what would spoil a result: copies, broken and blank images, files that give the class away, mismatch.

    Args:
        dataset: All images, of all sources, with their labels.
        found: Which of them are copies.
        origin: split.MAIN, DEV_FILE or TEST_FILE for each image, shape (rows,).
        classes: Class code of each image, shape (rows,); None for regression.
        plan: The seed of samples and halves, and which parts were given.
    """
    seen = _Images(dataset, texts_of(dataset.table[FILE]), origin, classes, plan)
    copied = found.ids if found.repeats else None
    conflict = _conflicts(seen, found)
    observations = (
        *_broken(seen),
        *_empty_classes(seen),
        *_giveaways(seen),
        *_mismatch(seen, copied),
        *_copies(seen, found),
        *_not_compared(found),
        *_disagreeing(seen, found, conflict),
        *_of_labels(seen),
        *_blank(seen),
        *_tiny(seen),
        *_makes(seen),
    )
    rank = {"fault": 0, "limit": 1, "note": 2}
    ordered = tuple(sorted(observations, key=lambda one: rank[one.severity]))
    floor = 0.0 if conflict is None else conflict.floor
    return Audit(ordered, found.ids, copied, {**facts_of(dataset, origin, classes), "conflicting_floor": floor})


def across(dataset: ImageDataset, split: Split, seen: Audit) -> tuple[Observation, ...]:
    """DA7: dev and test images that the split left in training too, as files that were given may."""
    if seen.keep_together is None:
        return ()
    names, ids, found = texts_of(dataset.table[FILE]), seen.duplicate_groups, []
    for name, rows in (("dev", split.primary.dev), ("test", split.test)):
        if rows is None or not len(rows):
            continue
        known = rows[np.isin(ids[rows], ids[split.primary.train])]
        if not len(known):
            continue
        twins = (f"{names[row]} = {names[_twin(ids, split.primary.train, int(row))]}" for row in known[:PAIRS_SHOWN])
        share = len(known) / len(rows)
        found.append(
            Observation(
                "DA7",
                f"Some {name} images are also in the training images",
                "fault" if share >= copies.SEEN_MATTERS else "note",
                f"A training image is a copy of {len(known):,} of {counted(len(rows), f'{name} image')} "
                f"({percent(share)}), such as {', '.join(twins)}: a network can know the answer by heart.",
                f"Remove them from the training images or from {name}. The honest {name} error, without them, is most "
                "often higher.",
                where=name,
            )
        )
    return tuple(found)


def _twin(ids: NDArray[np.int64], train: NDArray[np.int64], row: int) -> int:
    return int(train[np.flatnonzero(ids[train] == ids[row])[0]])


def facts_of(
    dataset: ImageDataset, origin: NDArray[np.integer], classes: NDArray[np.integer] | None
) -> dict[str, object]:
    """What can be counted, as JSON values."""
    facts, shape = dataset.facts, dataset.shape
    names = {MAIN: "main", DEV_FILE: "dev", TEST_FILE: "test"}
    out: dict[str, object] = {
        "images": dataset.table.rows,
        "images_by_source": {name: int((origin == place).sum()) for place, name in names.items()},
        "rejects": len(dataset.table.rejects),
        "size": {"height": shape.height, "width": shape.width, "channels": shape.channels},
        "sides": {name: [int(v) for v in np.quantile(facts[name], [0, 0.5, 1])] for name in ("height", "width")},
        "formats": dict(Counter(facts["format"].tolist()).most_common()),
        "modes": dict(Counter(facts["mode"].tolist()).most_common()),
    }
    if classes is not None and dataset.target is not None:
        column = dataset.table[dataset.target]
        codes, first, counts = np.unique(classes, return_index=True, return_counts=True)
        shown = [observation.shown(column, int(row)) for row in first]
        out["classes"] = {name: int(n) for name, n in zip(shown, counts, strict=True)}
        out["class_count"] = len(codes)
    return out


def _broken(seen: _Images) -> tuple[Observation, ...]:
    """DA29: files that became no image."""
    rejects = seen.dataset.table.rejects
    if not rejects:
        return ()
    share = len(rejects) / (len(rejects) + seen.rows)
    broken = sum(not reject.reason.startswith(OTHER_NAME) for reject in rejects)
    shown = "; ".join(f"{reject.name}: {reject.reason}" for reject in rejects[:PAIRS_SHOWN])
    more = len(rejects) - PAIRS_SHOWN
    return (
        Observation(
            "DA29",
            "Some files are no images that can be used",
            "limit" if broken >= SHARE_MATTERS * (len(rejects) + seen.rows) else "note",
            f"{counted(len(rejects), 'file')} of {len(rejects) + seen.rows:,} ({percent(share)}). {shown}"
            + (f"; and {more:,} more." if more > 0 else "."),
            "Restore the broken ones, or remove them. The rest goes on without them.",
        ),
    )


def _empty_classes(seen: _Images) -> tuple[Observation, ...]:
    """DA21: folders of classes without any image."""
    empty = seen.dataset.empty
    if not empty:
        return ()
    return (
        Observation(
            "DA21",
            "Some classes have no images",
            "limit",
            f"{counted(len(empty), 'folder holds', 'folders hold')} no image that can be read: {listed(empty)}.",
            "Add images of them, or remove the folders: the network does not know these classes and answers with "
            "another one.",
            where=listed(empty),
        ),
    )


def _giveaways(seen: _Images) -> tuple[Observation, ...]:
    """DA10: how a file is made tells its class, as where each class came from another camera."""
    # Not by the size of the file: what an image shows decides how well it packs.
    made = [column for column in image_statistics.of_files(seen.dataset.facts) if column.name != "bytes"]
    suspects = [one for one in giveaway.observe(seen.view(made)) if one.code == "DA10"]
    if not suspects:
        return ()
    where = listed([one.where for one in suspects])
    measured = suspects[0].evidence.split(": ", 1)[1].split(". ", 1)[0]
    return (
        Observation(
            "DA10",
            "How the files are made gives the class away (suspected leak)",
            "fault",
            f"The files' {suspects[0].where} alone predicts the class of images not seen: {measured}. What the images "
            f"show is not looked at for that.",
            f"Ask whether new images differ in {where} from class to class too. If each class came from another "
            "source, a network may learn the source: bring images of each class from each source.",
            where=where,
        ),
    )


def _mismatch(seen: _Images, copied: NDArray[np.int64] | None) -> tuple[Observation, ...]:
    """DA3 and DA4: the given parts look unlike one another."""
    if not (seen.plan.given_dev or seen.plan.given_test):
        return ()
    looks = image_statistics.of_pixels(seen.dataset.pixels)
    files = image_statistics.of_files(seen.dataset.facts)
    return distribution.observe(seen.view((*looks, *files)), copied)


def _copies(seen: _Images, found: ImageCopies) -> tuple[Observation, ...]:
    """DA6: copies among the images, exact ones and near ones."""
    if not found.repeats:
        return ()
    near = found.repeats - found.exact_repeats
    pairs = (f"{seen.names[a]} = {seen.names[b]}" for a, b in _examples(found.ids))
    how = f"{found.exact_repeats:,} in every pixel" if found.exact_repeats else ""
    if near:
        how += (", " if how else "") + (
            f"{near:,} nearly: their pixels correlate by {found.threshold:.4f} or more, and those of two images drawn "
            f"at random by {found.typical:.2f}"
        )
    return (
        Observation(
            "DA6",
            "Some images are copies of others",
            "note",
            f"{counted(found.repeats, 'image repeats', 'images repeat')} another one, "
            f"{percent(found.repeats / seen.rows)} of {seen.rows:,} ({how}). Such as {'; '.join(pairs)}.",
            "Copies are kept on one side of the split, so that no dev or test image was seen in training. If they were "
            "collected twice, remove them.",
        ),
    )


def _not_compared(found: ImageCopies) -> tuple[Observation, ...]:
    """DA6: the time did not last for a search among all images."""
    if found.compared == found.different:
        return ()
    return (
        Observation(
            "DA6",
            "Not all images were compared with one another",
            "note",
            f"{found.compared:,} of {found.different:,} different images, drawn at random, were compared with all "
            f"others ({percent(found.compared / found.different)}): the time allowed no more. Copies among the rest "
            "are known only where they are equal in every pixel.",
            "`burnish audit` compares all of them; or raise --time-limit.",
        ),
    )


def _examples(ids: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The first two images of some groups."""
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    firsts = again[np.unique(ids[order][again], return_index=True)[1]]
    return [(int(order[k]), int(order[k + 1])) for k in firsts[:PAIRS_SHOWN]]


def _conflicts(seen: _Images, found: ImageCopies) -> copies.Conflicts | None:
    """How much equal images disagree; near ones are left out, as what differs in them may be what counts."""
    if found.exact_repeats == 0:
        return None
    view = seen.view(())
    equal = copies.Copies(found.exact, len(np.unique(found.exact)), 0, True)
    return copies.conflicts(view, equal)


def _disagreeing(seen: _Images, found: ImageCopies, conflict: copies.Conflicts | None) -> tuple[Observation, ...]:
    """DA28: copies with different labels."""
    if seen.classes is None:
        return () if conflict is None else copies.observe_conflicts(conflict, seen.rows)
    order = np.lexsort((seen.classes, found.ids))
    ids, labels = found.ids[order], seen.classes[order]
    meet = np.flatnonzero((ids[1:] == ids[:-1]) & (labels[1:] != labels[:-1]))
    if not len(meet):
        return ()
    rows = int(np.isin(found.ids, ids[meet]).sum())
    pairs = [
        f"{seen.names[a]} ({observation.shown(seen.target, int(a))}) = "
        f"{seen.names[b]} ({observation.shown(seen.target, int(b))})"
        for a, b in zip(order[meet][:PAIRS_SHOWN], order[meet + 1][:PAIRS_SHOWN], strict=True)
    ]
    told = "" if conflict is None or not conflict.rows else f" {conflict.told}"
    return (
        Observation(
            "DA28",
            "Copies of one image have different labels",
            "limit" if rows / seen.rows >= copies.FLOOR_MATTERS else "note",
            f"{counted(rows, 'image')} of {seen.rows:,} ({percent(rows / seen.rows)}), such as {'; '.join(pairs)}."
            + told,
            "Look at these images and correct their labels; else take this as part of the error that cannot be "
            "avoided.",
        ),
    )


def _of_labels(seen: _Images) -> tuple[Observation, ...]:
    """DA20 and DA27: what the labels show, whatever the images."""
    view = seen.view(())
    return tuple(map(_about_images, (*rare.observe(view), *spellings.observe_target(view))))


def _about_images(one: Observation) -> Observation:
    """The same with images for rows."""
    evidence, remedy = (
        text.replace(" rows", " images").replace(" row)", " image)") for text in (one.evidence, one.remedy)
    )
    return replace(one, evidence=evidence, remedy=remedy)


def _blank(seen: _Images) -> tuple[Observation, ...]:
    """DA30: images that show nothing."""
    blank = np.flatnonzero(image_statistics.spread(seen.dataset.pixels) <= image_statistics.BLANK_SPREAD)
    if not len(blank):
        return ()
    share = len(blank) / seen.rows
    return (
        Observation(
            "DA30",
            "Some images are blank",
            "limit" if share >= SHARE_MATTERS else "note",
            f"{counted(len(blank), 'image is', 'images are')} of one tone all over ({percent(share)}): "
            f"{listed([seen.names[row] for row in blank])}.",
            "Remove them, unless an empty picture is what the class looks like.",
        ),
    )


def _tiny(seen: _Images) -> tuple[Observation, ...]:
    """DA31: images with far fewer pixels than they are brought to."""
    shape, facts = seen.dataset.shape, seen.dataset.facts
    scale = np.minimum(shape.height / facts["height"], shape.width / facts["width"])
    tiny = np.flatnonzero(scale >= ENLARGED)
    if not len(tiny) or len(tiny) == seen.rows:
        return ()
    share = len(tiny) / seen.rows
    shown = [f"{seen.names[row]} ({facts['height'][row]} x {facts['width'][row]})" for row in tiny]
    return (
        Observation(
            "DA31",
            "Some images are tiny",
            "limit" if share >= SHARE_MATTERS else "note",
            f"{counted(len(tiny), 'image is', 'images are')} enlarged {ENLARGED:g} times or more to {shape.height} x "
            f"{shape.width} ({percent(share)}): {listed(shown)}.",
            "Thumbnails and icons show little: replace them by the originals, or remove them.",
        ),
    )


def _makes(seen: _Images) -> tuple[Observation, ...]:
    """DA32: what was done to make the images alike, where it is more than shrinking."""
    facts, channels = seen.dataset.facts, seen.dataset.shape.channels
    told = [
        (facts["turned"], "turned upright, as EXIF asks"),
        (facts["frames"] > 1, "the first frame of an animation"),
        (facts["clear"], "partly transparent, and laid on white"),
        (facts["mode"] == "CMYK", "in printing colours (CMYK), and turned into red, green and blue"),
        (np.char.startswith(facts["mode"], "I"), "of 16 bits, of which the upper 8 are kept"),
        (np.char.startswith(facts["mode"], "L") & (channels == 3), "grey among coloured ones"),
    ]
    there = [(int(which.sum()), what) for which, what in told if which.any()]
    deep = facts["peak"][np.char.startswith(facts["mode"], "I")]
    dark = len(deep) > 0 and int(deep.max()) < DARK_16_BIT * 0xFFFF
    if not there:
        return ()
    more = (
        f" The brightest 16-bit value is {int(deep.max()):,} of 65,535: these images are nearly black." if dark else ""
    )
    return (
        Observation(
            "DA32",
            "Images were made alike",
            "limit" if dark else "note",
            "; ".join(f"{counted(count, 'image is', 'images are')} {what}" for count, what in there) + f".{more}",
            "Stretch their values to the whole range before, alike for all." if dark else "Nothing, if that is right.",
        ),
    )

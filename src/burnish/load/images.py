"""Reads images from wherever they are: a folder for each class, a folder and a table of labels, a table of paths, NPZ,
idx files."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from operator import not_
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data import images
from burnish.data.images import FILE, LABEL, ImageDataset, Shape, texts_of
from burnish.data.table import Column, Physical, Reject, Table
from burnish.load import files, image_arrays, image_decode, image_files, image_labels, image_pack, image_tables, raw
from burnish.load.align import concatenate
from burnish.load.drawing import Draw, Drawing
from burnish.load.image_arrays import Arrays
from burnish.load.image_pack import Report
from burnish.load.image_tables import Paths

# Files, evenly spread, whose headers say which size is the median one. Its standard error is then 3 % of the spread.
HEADERS = 2_000
# Files, evenly spread, of which the pixels say whether there are colours.
LOOKED_AT = 200

# Bytes of a table of text that take as long as each byte of an image's pixels, as opening its file, and as each byte of
# that in decoding it; and images that are read in any case. Measured on 30,000 JPEG files of 64 x 64, of 4 KB each; how
# much of their 0.14 ms is opening, and so what larger files take, is reckoned.
LEARNED_AS, OPENED_AS, DECODED_AS, FEWEST = 0.4, 3_000, 0.125, 150

# Share of broken files above which a folder is refused: it is then not what it is taken for.
MOST_REJECTED = 0.5


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person says beside where the images are."""

    labels: str | None = None  # a table of labels
    target: str | None = None  # its column of labels, or that of a table of paths
    size: tuple[int, int] | None = None  # height and width
    columns: tuple[str, ...] = ()  # further columns of a table of paths that are kept: groups, times, weights
    cache: Path | None = None  # where packs are kept; None: in the user's cache folder
    shared: bool = False  # the table of labels speaks of other sources' images too
    draw: Draw | None = None  # which images are read; None: all


def opened(source: Any, *, but: Collection[str | None] = (), types: Mapping[str, Physical] | None = None) -> Any:
    """A source of images as it is; of any other the table that it holds, or what `image_tables.opened` makes of it.

    Args:
        source: A folder, or what `files.read` takes.
        but: Columns that do not make rows images.
        types: Types that columns must have, by name.
    """
    return source if are_images(source) else image_tables.opened(files.read(source, types=types), source, but=but)


def are_images(source: Any) -> bool:
    """Whether a source is one of images: a folder, NPZ whose inputs have three axes or four, or an opened table."""
    if isinstance(source, Paths):
        return True
    if not isinstance(source, str | os.PathLike) or os.fspath(source) == files.STANDARD_INPUT:
        return False
    path = Path(source).expanduser()
    return path.is_dir() or (path.is_file() and image_arrays.is_npz_of_images(path))


def read(
    source: str | os.PathLike[str] | Paths,
    ask: Ask | None = None,
    *,
    shape: Shape | None = None,
    labelled: bool = True,
    report: Report = image_pack.silent,
) -> tuple[ImageDataset, ImageDataset | None]:
    """Images, strictly read: every file is a row or a reject with its reason.

    Args:
        source: A folder, an NPZ file, or a table of paths that `opened` has found to be one.
        ask: What else a person says.
        shape: What all are brought to: that of the images trained on. None: chosen here.
        labelled: Whether labels are needed; without them, as for prediction, a folder may hold images of any order.
        report: Told how far packing is.

    Returns:
        The images; and those of a test part, where the source has one (the idx files of MNIST, Keras's NPZ).

    Raises:
        ConfigError: There is no such source, or two things that were asked for disagree.
        DataError: It holds no images or no labels, or most files are broken.
        StoreError: There is no room for the packed images.
    """
    ask = ask or Ask()
    if isinstance(source, Paths):
        return _from_table(source, ask, shape, labelled=labelled, report=report), None
    path, shown = Path(source).expanduser(), str(source)
    if path.is_dir() and (pair := image_arrays.idx_pair(path, image_arrays.IDX_TRAIN)) is not None:
        beside = image_arrays.idx_pair(path, image_arrays.IDX_TEST)
        test = None if beside is None else image_arrays.read_idx(*beside)
        return _from_arrays(path, shown, (image_arrays.read_idx(*pair), test), ask, shape, labelled)
    if path.is_dir():
        return _from_folder(path, shown, ask, shape, labelled=labelled, report=report), None
    return _from_arrays(path, shown, image_arrays.read_npz(path, shown), ask, shape, labelled)


def _from_folder(
    path: Path, shown: str, ask: Ask, shape: Shape | None, *, labelled: bool, report: Report
) -> ImageDataset:
    found = image_files.find(path)
    if not found.files:
        raise image_files.no_images(path, found, shown=shown)
    folder_of: dict[str, str] = {}
    known: image_labels.Labels | None = None
    if ask.labels is not None:
        known = image_labels.match(ask.labels, found.files, folder=shown, target=ask.target, shared=ask.shared)
    elif labelled:
        found, folder_of = image_files.by_folder(path, found, shown=shown)
    listed = found.files if known is None else tuple(name for name in found.files if name in known.row_of)
    with image_decode.unguarded():
        shape, why = (shape, "") if shape is not None else _shape_of(path, listed, ask.size)
    drawing = _drawing(path, listed, shape, ask)
    drawn = drawing.next(len(listed)).tolist()
    passed_by = list(compress(listed, map(not_, drawn)))
    listed = tuple(compress(listed, drawn))
    pack = image_pack.pack(path, listed, shape, cache=ask.cache, report=report)
    rejects = [*found.rejects, *((listed[k], why_not) for k, why_not in pack.rejects)]
    _refuse_mostly_broken(shown, [(listed[k], told) for k, told in pack.rejects], len(listed))
    kept = [listed[k] for k in pack.rows.tolist()]
    columns = [images.text_column(FILE, kept), images.column_of(pack.pixels)]
    target: str | None = None
    empty: tuple[str, ...] = ()
    if known is not None:
        rejects += known.rejects
        target = known.column.name
        columns.append(known.column.take(np.array([known.row_of[name] for name in kept], np.int64)))
    elif labelled:
        target = LABEL
        columns.append(images.text_column(LABEL, [folder_of[name] for name in kept]))
        empty = image_files.empty_classes(found, {name: folder_of[name] for name in (*kept, *passed_by)})
    notes = (*([why] if why else []), *(known.notes if known else ()), *image_files.said(found))
    rejected = _rejects(rejects)
    table = Table(path.resolve().name, tuple(columns), pack.rows, rejected, notes, passed=drawing.passed)
    return ImageDataset(table, pack.facts, target, shape, empty)


def _from_table(paths: Paths, ask: Ask, shape: Shape | None, *, labelled: bool, report: Report) -> ImageDataset:
    """Rows in the order of the table. Row ids and the lines of rejects are the table's."""
    table, path_of = paths.table, texts_of(paths.table[paths.column])
    target = ask.target if labelled else None
    image_tables.refuse_taken(paths, (target, *ask.columns), (FILE, images.IMAGE))
    kept = tuple(table[name] for name in dict.fromkeys((*([target] if target else []), *ask.columns)))
    lost: dict[int, str] = {}
    if target is not None:
        lost |= dict.fromkeys(np.flatnonzero(table[target].missing).tolist(), f"it has no value in column {target!r}")
    lost |= dict.fromkeys(np.flatnonzero(table[paths.column].missing).tolist(), "it names no file")
    rows = np.array([row for row in range(table.rows) if row not in lost], np.int64)
    if not len(rows):
        why = f"The first: {lost[0]}."
        raise errors.DataError(f"No row of {table.name} can be used.", why, "Fill in what is missing.")
    listed = [paths.file(path_of[row]) for row in rows.tolist()]
    with image_decode.unguarded():
        shape, why = (shape, "") if shape is not None else _shape_of(paths.folder, listed, ask.size)
    drawing = _drawing(paths.folder, listed, shape, ask)
    drawn = np.flatnonzero(drawing.next(len(listed)))
    rows, listed = rows[drawn], [listed[k] for k in drawn.tolist()]
    pack = image_pack.pack(paths.folder, listed, shape, cache=ask.cache, report=report)
    _refuse_mostly_broken(table.name, [(listed[k], told) for k, told in pack.rejects], len(listed))
    lost |= {int(rows[k]): why_not for k, why_not in pack.rejects}
    rejects = [Reject(int(table.row_ids[row]), paths.column, why_not, path_of[row]) for row, why_not in lost.items()]
    names = [column.name for column in kept]
    broken = [r for r in table.rejects if not r.row_kept or r.column in names]
    rejects += [replace(r, column=r.column or paths.column) for r in broken]
    rows = rows[pack.rows]
    columns = (images.text_column(FILE, [path_of[row] for row in rows.tolist()]), images.column_of(pack.pixels))
    made = Table(
        table.name,
        (*columns, *(column.take(rows) for column in kept)),
        table.row_ids[rows],
        tuple(sorted(rejects, key=lambda reject: reject.line)),
        (image_tables.said(paths, names), *([why] if why else []), *table.notes),
        passed=table.passed + drawing.passed,
    )
    return ImageDataset(made, pack.facts, target, shape)


def _drawing(root: Path, names: Sequence[str], shape: Shape, ask: Ask) -> Drawing:
    """Of files, by what decoding them takes, where they are not packed yet, and learning from them."""
    if ask.draw is None:
        return Drawing()
    size = LEARNED_AS * shape.numbers * len(names)
    if not image_pack.is_packed(root, names, shape, cache=ask.cache):
        size += sum(OPENED_AS + DECODED_AS * _size(root / name) for name in names)
    return ask.draw.of(round(size), len(names), fewest=FEWEST)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # it becomes a reject, with its reason, when it is decoded


def _shape_of(root: Path, names: Sequence[str], size: tuple[int, int] | None) -> tuple[Shape, str]:
    """The size for these files, from the headers of some."""
    heights, widths, coloured = [], [], []
    for name in _spread(names, HEADERS):
        try:
            header = image_decode.header(root / name)
        except image_decode.Unreadable:
            continue  # it becomes a reject, with its reason, when it is decoded
        heights.append(header.height)
        widths.append(header.width)
        if header.colour:
            coloured.append(name)
    if not heights:
        heights, widths = [images.SHORTEST_SIDE], [images.SHORTEST_SIDE]  # all will be rejects
    colour = any(_has_colours(root / name) for name in _spread(coloured, LOOKED_AT))
    return images.choose_shape(np.array(heights), np.array(widths), colour=colour, size=size)


def _has_colours(path: Path) -> bool:
    try:
        return image_decode.has_colours(path)
    except image_decode.Unreadable:
        return False  # likewise


def _spread(names: Sequence[str], count: int) -> Sequence[str]:
    """So many of the names, evenly spread."""
    return [names[k] for k in np.unique(np.linspace(0, len(names) - 1, count).astype(int))] if names else []


def _refuse_mostly_broken(shown: str, broken: Sequence[tuple[str, str]], count: int) -> None:
    if len(broken) <= MOST_REJECTED * count:
        return
    name, why = broken[0]
    raise errors.DataError(
        f"{shown} cannot be read: {len(broken):,} of its {count:,} image files are broken.",
        f"The first is {name}: {why}.",
        "Check that the files were copied to their end.",
    )


def _rejects(found: Sequence[tuple[str, str]]) -> tuple[Reject, ...]:
    """Images that are broken, then what is none by its name, by their paths; what stands for a line is the place."""
    ordered = sorted(found, key=lambda one: (one[1].startswith(images.OTHER_NAME), one))
    return tuple(Reject(k, None, why, name) for k, (name, why) in enumerate(ordered))


def _from_arrays(
    path: Path, shown: str, parts: tuple[Arrays, Arrays | None], ask: Ask, shape: Shape | None, labelled: bool
) -> tuple[ImageDataset, ImageDataset | None]:
    main, test = parts
    if ask.labels is not None:
        raise errors.ConfigError(
            f"{shown} has arrays, and a table of labels was given too.",
            "Labels of arrays are an array beside them.",
            "Leave --labels out.",
        )
    if labelled and main.labels is None:
        raise errors.DataError(
            f"{shown} has images and no labels.",
            f"There is no array called {', '.join(image_arrays.LABEL_NAMES)}.",
            "Add an array y of shape (rows,).",
        )
    found = Shape(*main.pixels.shape[1:])
    size = None if ask.size is None else Shape(*ask.size, found.channels)
    wanted = shape or size or found
    name = path.resolve().name.split(".")[0]
    made = _of_arrays(name, main, wanted, ask.draw)
    return made, None if test is None else _of_arrays("test", test, wanted, ask.draw)


def _of_arrays(name: str, arrays: Arrays, wanted: Shape, draw: Draw | None) -> ImageDataset:
    count, shape = len(arrays.pixels), Shape(*arrays.pixels.shape[1:])
    drawing = Drawing() if draw is None else draw.of(round(LEARNED_AS * wanted.numbers * count), count, fewest=FEWEST)
    rows = np.flatnonzero(drawing.next(count))
    if drawing.passed:
        arrays = Arrays(arrays.pixels[rows], None if arrays.labels is None else arrays.labels[rows])
    pixels = arrays.pixels if shape == wanted else resized(arrays.pixels, wanted)
    columns: list[Column] = [images.text_column(FILE, [f"{k}" for k in rows]), images.column_of(pixels)]
    target = None
    if arrays.labels is not None:
        target = LABEL
        columns.append(_labels(name, arrays.labels))
    how = "stay so" if shape == wanted else f"are brought to {wanted}"
    note = f"All images are {shape} (height x width), and {how}."
    table = Table(name, tuple(columns), rows, (), (note,), passed=drawing.passed)
    return ImageDataset(table, image_decode.facts_of_array(arrays.pixels), target, wanted)


def _labels(name: str, labels: NDArray[np.generic]) -> Column:
    """Whole numbers are the numbers of classes, however many; fractions are amounts."""
    if labels.dtype.kind in "iub":
        return images.text_column(LABEL, [str(label) for label in labels.astype(np.int64).tolist()])
    [column] = raw.build(name, [raw.from_array(LABEL, labels)], types={}).columns
    return column


def join(parts: Sequence[ImageDataset], *, cache: Path | None = None) -> ImageDataset:
    """Images of several sources under one another. All but the first are named with their source before their path.

    Args:
        parts: At least one.
        cache: Where packs are kept, as in `Ask`.

    Raises:
        DataError: Their labels have different names or types.
    """
    first = parts[0]
    tables = [first.table, *(_prefixed(part.table) for part in parts[1:])]
    pixels = images.column_of(image_pack.joined([part.pixels for part in parts], cache=cache))
    rest = concatenate([table.drop(images.IMAGE) for table in tables])
    columns = [pixels if name == images.IMAGE else rest[name] for name in first.table.names]
    return ImageDataset(
        replace(rest, columns=tuple(columns)),
        np.concatenate([part.facts for part in parts]),
        first.target,
        first.shape,
        first.empty,
    )


def _prefixed(table: Table) -> Table:
    names = [f"{table.name}/{name}" for name in texts_of(table[FILE])]
    columns = (images.text_column(FILE, names), *(column for column in table.columns if column.name != FILE))
    rejects = tuple(replace(reject, text=f"{table.name}/{reject.text}") for reject in table.rejects)
    return replace(table, columns=columns, rejects=rejects)


def resized(pixels: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """Images brought to another size, as files are."""
    out = np.empty((len(pixels), shape.height, shape.width, shape.channels), np.uint8)
    for k, one in enumerate(pixels):
        out[k] = image_decode.fitted_array(one, shape)
    return out

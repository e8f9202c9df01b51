"""Finds the images under a folder: every file is an image with its class, or is told of."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from burnish import errors
from burnish.data.images import OTHER_NAME
from burnish.load.image_decode import SUFFIXES

# Folders by these names are parts of a data set, and no classes.
PARTS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev"})
# Left behind by systems and programs; nobody meant them as data.
LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "icon\r"})

# How files begin that are images whatever their name says. PNG, JPEG, GIF, WebP and TIFF.
SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\x00", b"MM\x00*")


@dataclass(frozen=True, slots=True)
class Found:
    """What lies under a folder."""

    files: tuple[str, ...]  # paths from the folder, with "/", sorted
    rejects: tuple[tuple[str, str], ...]  # path and reason of what is no image
    folders: tuple[str, ...]  # names of the folders right under it, sorted
    passed_over: int  # hidden files and litter


def find(root: Path) -> Found:
    """Looks at every file under a folder, once.

    Links to folders are followed when all else has been seen, and none is entered twice, so that no circle of links
    is endless and no image comes twice by way of one.

    Raises:
        ConfigError: The folder is not there, or may not be read.
    """
    _refuse_unreadable(root)
    files: list[str] = []
    rejects: list[tuple[str, str]] = []
    hidden = 0
    seen: dict[tuple[int, int], str] = {_identity(root): ""}
    waiting: list[str] = [""]
    links: list[str] = []
    while waiting or links:
        here = waiting.pop() if waiting else links.pop(0)
        try:
            with os.scandir(root / here) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            rejects.append((f"{here}/", f"the folder cannot be read: {error.strerror}"))
            continue
        for entry in entries:
            path = f"{here}/{entry.name}" if here else entry.name
            if _is_litter(entry.name):
                hidden += 1
            elif (shown := _as_text(path)) != path:  # of a file or a folder
                rejects.append((shown, "its name is not UTF-8, so that no table and no report could hold it"))
            elif not _is_folder(entry):
                why = not_an_image(Path(entry.path))
                files.append(path) if why is None else rejects.append((path, why))
            elif (known := seen.setdefault(_identity(Path(entry.path)), path)) != path:
                rejects.append((f"{path}/", f"it is a link to {known or 'the folder itself'}, which is read already"))
            else:
                (links if entry.is_symlink() else waiting).append(path)
    return Found(tuple(sorted(files)), tuple(sorted(rejects)), _folders(root), hidden)


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER


def _as_text(path: str) -> str:
    """A path with a sign in place of each byte that is no text, which Python keeps as half a surrogate pair."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Follows links. A link that goes in a circle is no folder."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int]:
    """The same for a folder however one comes to it."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _folders(root: Path) -> tuple[str, ...]:
    with os.scandir(root) as listed:
        names = [entry.name for entry in listed if _is_folder(entry) and not _is_litter(entry.name)]
    return tuple(sorted(_as_text(name) for name in names))


def not_an_image(path: Path) -> str | None:
    """Why a file is not tried as an image; None: it is."""
    try:
        found = path.stat()
    except OSError as error:
        if path.is_symlink():
            return f"it is a link that leads nowhere ({error.strerror})"
        return f"it cannot be read: {error.strerror}"
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file"
    if path.suffix.lower() in SUFFIXES:
        return None
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if start.startswith(SIGNATURES) and (start[:4] != b"RIFF" or start[8:] == b"WEBP"):
        return None
    return f"{OTHER_NAME} {path.suffix!r}, which is no image's" if path.suffix else "it is no image"


def _refuse_unreadable(root: Path) -> None:
    if (shown := _as_text(str(root))) != str(root):
        raise errors.ConfigError(
            f"The name of the folder {shown} is not UTF-8.", "No report and no table could name it.", "Rename it."
        )
    try:
        with os.scandir(root):
            return
    except OSError as error:
        raise errors.ConfigError(
            f"The folder {root} cannot be read.", f"{error.strerror}.", "Check the path and its permissions."
        ) from error


def by_folder(root: Path, found: Found, *, shown: str) -> tuple[Found, dict[str, str]]:
    """The class of each file: the folder right under the root that it lies in, however deep.

    Returns:
        What was found, with files in no class among the rejects; and the class of each other file.

    Raises:
        DataError: There are no images, they lie in no folders or in one, or the folders are parts of a data set.
    """
    if not found.files:
        raise no_images(root, found, shown=shown)
    inside = {path: path.split("/", 1)[0] for path in found.files if "/" in path}
    loose = [path for path in found.files if "/" not in path]
    if not inside:
        raise errors.DataError(
            f"{shown} has {len(loose):,} images and no labels.",
            "They lie in the folder itself, so that no folder says what they show.",
            "Put each class into a folder of its own, or name a table of labels with --labels labels.csv.",
        )
    classes = sorted(set(inside.values()))
    _refuse_parts(root, classes, shown)
    if len(classes) == 1:
        raise errors.DataError(
            f"{shown} holds images of one class only.",
            f"All lie in the folder {classes[0]!r}; a folder for each class is needed.",
            f"Add a folder of another class ('none of these' is one), or give {root / classes[0]}"
            " if its folders are the classes.",
        )
    why = "it lies beside the folders of the classes, and in none of them"
    rejects = tuple(sorted([*found.rejects, *((path, why) for path in loose)]))
    return Found(tuple(inside), rejects, found.folders, found.passed_over), inside


def _refuse_parts(root: Path, classes: list[str], shown: str) -> None:
    if not all(name.lower() in PARTS for name in classes):
        return
    train = next((name for name in classes if name.lower().startswith("train")), None)
    others = [
        f"--{'test' if name.lower().startswith('test') else 'dev'} {root / name}" for name in classes if name != train
    ]
    advice = f"Give them apart: {root / train} {' '.join(others)}" if train and others else "Give one of them."
    raise errors.DataError(
        f"The folders of {shown} are parts of a data set, not classes.",
        f"They are called {', '.join(classes)}.",
        advice,
    )


def no_images(root: Path, found: Found, *, shown: str) -> errors.DataError:
    """Why there is nothing to look at."""
    if not found.rejects:
        why = "It is empty." if not found.folders else f"Its {len(found.folders)} folders are empty."
    else:
        path, reason = found.rejects[0]
        others = len(found.rejects) - 1
        more = f", and {others:,} more" if others else ""
        why = f"It has files that are no images: {path} ({reason}){more}."
    return errors.DataError(
        f"{shown} holds no images.", why, "Give a folder of PNG, JPEG or WebP files, with a folder for each class."
    )


def said(found: Found) -> Iterator[str]:
    """What was passed over, one sentence each."""
    if found.passed_over:
        count = "1 hidden file or folder was" if found.passed_over == 1 else f"{found.passed_over:,} hidden files were"
        yield f"{count} passed over."


def empty_classes(found: Found, labels: dict[str, str]) -> tuple[str, ...]:
    """Folders of classes in which there is no image."""
    filled = Counter(labels.values())
    return tuple(name for name in found.folders if not filled[name])

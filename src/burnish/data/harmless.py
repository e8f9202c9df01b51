"""Text from data, names above all, made fit for a page or a terminal."""

from __future__ import annotations

import unicodedata

# What no name may carry there: control characters, lone surrogates, and marks that turn the direction of reading.
_HIDDEN = {"Cc", "Cs"}
_DIRECTION = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def harmless(text: str) -> str:
    """The text without what could drive a terminal or turn the reading direction, its spaces as they are.

    >>> harmless("a\\x1b[2J  b")
    'a·[2J  b'
    """
    return "".join("·" if c in _DIRECTION or unicodedata.category(c) in _HIDDEN else c for c in text)


def plain(text: str) -> str:
    """One line of harmless text, its words parted by single spaces.

    >>> plain(" a\\n b\\x07")
    'a b·'
    """
    return harmless(" ".join(text.split()))

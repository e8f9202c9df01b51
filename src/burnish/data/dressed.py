"""Numbers as people write them for people: with a currency, a per cent sign, or commas between the thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SIGN = r"[$€£¥₹%]"
# Digits, in groups of three or not, and a decimal part, after a point or a comma. In the syntax that DuckDB knows, too.
PATTERN = rf"\s*[-+(]?\s*{_SIGN}?\s*[-+]?(\d+|\d{{1,3}}([.,'  ]\d{{3}})+)([.,]\d+)?\s*{_SIGN}?\s*\)?\s*"


def dressed(texts: Iterable[str]) -> bool:
    """Whether every text is such a number, and there is one."""
    found = [re.fullmatch(PATTERN, text) is not None for text in texts]
    return bool(found) and all(found)

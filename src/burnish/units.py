"""Times, sizes and shares as people write them. Imports nothing that takes time: options are read before all else."""

from __future__ import annotations

import re

from burnish import errors

NUMBER = r"(?:\d+\.?\d*|\.\d+)"
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_duration(text: str) -> float:
    """Seconds of "90", "90s", "2m", "1.5h"."""
    found = re.fullmatch(rf"\s*({NUMBER})\s*(s|m|min|h|)\s*", text)
    if not found:
        raise ValueError(f"{text!r} is not a time: write 90s, 2m or 1h")
    return float(found[1]) * UNITS[found[2]]


def seconds(limit: float | str | None) -> float | None:
    """A time limit in seconds, from seconds or words such as "2m"; None: none.

    Raises:
        ConfigError: It is no time above 0.
    """
    try:
        found = parse_duration(limit) if isinstance(limit, str) else limit
    except ValueError as error:
        raise errors.ConfigError("The time limit cannot be used.", f"{error}.", 'Write "90s", "2m" or "1h".') from error
    if found is not None and not found > 0:
        raise errors.ConfigError("The time limit cannot be used.", "It has to be above 0.", "Give a larger one.")
    return found


def parse_size(text: str) -> int:
    """Bytes of "4G", "500M"."""
    found = re.fullmatch(rf"\s*({NUMBER})\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if not found:
        raise ValueError(f"{text!r} is not a size: write 4G or 500M")
    return int(float(found[1]) * SIZES[found[2].upper()])


def parse_image_size(text: str) -> tuple[int, int]:
    """Height and width of "32" or "32x48"."""
    found = re.fullmatch(r"\s*(\d+)\s*(?:[xX×]\s*(\d+)\s*)?", text)
    if not found:
        raise ValueError(f"{text!r} is not a size: write 32 or 32x48 (height x width)")
    return int(found[1]), int(found[2] or found[1])


def percent(share: float, decimals: int | None = None) -> str:
    """A share as a percentage: with so many decimals, or with two significant digits ('0.34 %', '12 %', '100 %')."""
    if decimals is None:
        decimals = 0 if share >= 0.1 or share == 0 else -1
    return f"{100 * share:.{decimals}f} %" if decimals >= 0 else f"{100 * share:.2g} %"

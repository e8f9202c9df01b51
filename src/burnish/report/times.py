"""Times for reading: how long, and when."""

from __future__ import annotations

from datetime import datetime


def duration(seconds: float) -> str:
    """A time for reading: "< 0.1 s", "0.4 s", "48 s", "12 min 5 s", "2 h 3 min"."""
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(text: str) -> str:
    """A moment in ISO 8601, to the minute; what is none, as in a summary that somebody has edited, as it is.

    >>> moment("2026-11-27T20:02:39+00:00"), moment("2026-11-27T20:02:39+01:00")
    ('2026-11-27 20:02 UTC', '2026-11-27 20:02 UTC+01:00')
    """
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M %Z").rstrip()
    except ValueError:
        return text

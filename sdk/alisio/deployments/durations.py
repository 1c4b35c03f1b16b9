"""Durations as people write them: `30s`, `10m`, `2h`, `1d`. Standard library only."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def parse_duration(text: str) -> float:
    """Read a duration.

    Args:
        text: A number with a unit (s, m, h, d, w), or several of them such as `1h30m`; without a unit, seconds.

    Returns:
        Seconds.

    Raises:
        ValueError: It cannot be read as a duration.
    """
    compact = text.strip().lower().replace(" ", "")
    parts = _PART.findall(compact)
    if parts and "".join(number + unit for number, unit in parts) == compact:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    try:
        seconds = float(compact)
    except ValueError:
        raise ValueError(f"{text!r} is not a duration; write it like 30s, 10m, 2h or 1d") from None
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{text!r} is not a duration; write it like 30s, 10m, 2h or 1d")
    return seconds


def format_duration(seconds: float) -> str:
    """Write a duration as `parse_duration` reads it: `1h30m`, `2d`, `0.5s`."""
    rest, text = seconds, ""
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _SECONDS[unit])
        text += f"{count:.0f}{unit}" if count else ""
    return f"{text}{rest:g}s" if rest or not text else text

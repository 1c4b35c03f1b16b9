"""How numbers are written in tables and plots."""

from __future__ import annotations


def short(value: float | None) -> str:
    """Write a number with three significant digits, more only before the point; nothing for None."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = f"{value:#.3g}"
    return digits if "e" in digits else digits.rstrip("0").rstrip(".")

"""What a list of retry delays means. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence


def delay_before(retry: int, delays: Sequence[float]) -> float:
    """Tell how long to wait before a retry.

    Args:
        retry: Which one, counted from 1.
        delays: Seconds before retry 1, 2, …; the last one serves for those beyond; empty: none.

    Returns:
        Seconds.
    """
    return delays[min(retry, len(delays)) - 1] if delays else 0.0

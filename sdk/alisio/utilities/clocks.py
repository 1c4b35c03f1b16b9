"""A clock for deadlines that others count too."""

from __future__ import annotations

import sys
import time

if sys.platform == "linux":

    def elapsed_seconds() -> float:
        """Tell the seconds since some moment, those among them in which the machine slept."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:

    def elapsed_seconds() -> float:
        """Tell the seconds since some moment; whether those count in which the machine slept is the system's to say."""
        return time.monotonic()

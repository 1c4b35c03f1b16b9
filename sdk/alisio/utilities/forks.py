"""Forks of this process, which have one of its threads and the locks of all. Standard library only."""

from __future__ import annotations

import os
import threading


def whole_in_forks(lock: threading.Lock) -> threading.Lock:
    """Have a lock free, and what it guards whole, in every fork: the thread that forks waits for who holds it.

    Args:
        lock: One that is held for moments, and never while code of the user's runs: that might fork.

    Returns:
        The same.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_child=lock.release, after_in_parent=lock.release)
    return lock

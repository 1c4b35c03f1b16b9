"""The guard of a child's process group: it outlives the supervisor by a moment, and ends the group then.

The kernel kills the child itself once its supervisor is gone, but not what the child has started: without a guard, the
subprocesses of an attempt would run on beside the next attempt.
"""

from __future__ import annotations

import os
import select
import signal
from typing import NoReturn

_NOT_FOR_IT = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def start_guard(group: int, control_fd: int) -> int | None:
    """Fork a process that joins a group, and kills it once the supervisor is gone.

    Args:
        group: The child's process group.
        control_fd: The end of the control pipe that is read; only the supervisor holds the other one.

    Returns:
        Its process id; None where there are no processes left: the child runs all the same, as the guard matters
        only if its supervisor is killed.
    """
    try:
        pid = os.fork()
    except OSError:
        return None
    if pid == 0:
        _run(group, control_fd)
    return pid


def _run(group: int, control_fd: int) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        for number in _NOT_FOR_IT:
            signal.signal(number, signal.SIG_IGN)
        os.setpgid(0, group)
        os.closerange(0, control_fd)
        os.closerange(control_fd + 1, open_limit())
        end = select.poll()
        end.register(control_fd, 0)  # not its data, which is the child's: only its end
        end.poll()
        os.killpg(group, signal.SIGKILL)
    finally:
        os._exit(0)


def open_limit() -> int:
    """Tell above which number no descriptor is open."""
    limit = os.sysconf("SC_OPEN_MAX")
    return min(limit if limit > 0 else 65_536, 1_048_576)

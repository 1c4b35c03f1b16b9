"""The child that runs user code: starting it, asking it to stop, and telling how it ended.

It is forked from the supervisor. Where that is a fork of the fork server, the engine is imported already and
is called; else a new interpreter is executed. In both cases the code is made ready first, in the child, so that
the supervisor goes on reporting meanwhile and keeps no memory of it.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from select import PIPE_BUF
from typing import Any, Literal, NoReturn, TextIO

from alisio_agent.supervisor.guard import open_limit, start_guard
from alisio_agent.supervisor.loop import restore_signals
from alisio_agent.supervisor.records import state
from alisio_agent.supervisor.reports import encode

DEFAULT_MODULE = "alisio.engine.supervised"
REPORT_FD = "ALISIO_REPORT_FD"
CONTROL_FD = "ALISIO_CONTROL_FD"
_PR_SET_PDEATHSIG = 1
_CANCEL = b'{"kind":"cancel"}\n'
_STOP = b'{"kind":"stop"}\n'


class Child:
    """A started child.

    Attributes:
        pid: Its process id, which is its process group's too.
        report_fd: Where its frames are read.
        stdout_fd: Where its output is read.
        stderr_fd: Where its error output is read.
        status: What `os.waitpid` said; None while it lives.
    """

    def __init__(
        self,
        pid: int,
        guard: int | None,
        report_fd: int,
        control_fd: int,
        stdout_fd: int,
        stderr_fd: int,
        limited_tags: list[str],
    ) -> None:
        self.pid = pid
        self._guard = guard
        self.report_fd = report_fd
        self.stdout_fd = stdout_fd
        self.stderr_fd = stderr_fd
        self.status: int | None = None
        self._control_fd = control_fd
        self._asked_to: str | None = None
        self._limited_tags = limited_tags
        for fd in (report_fd, control_fd, stdout_fd, stderr_fd):
            os.set_blocking(fd, False)

    def has_exited(self) -> bool:
        """Look whether it has ended."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def ask_to_stop(self, *, cancelled: bool) -> None:
        """Say over the control pipe whether the run is cancelled or this host stops, and send SIGTERM."""
        with suppress(OSError):  # it may read no more; the signal follows all the same
            os.write(self._control_fd, _CANCEL if cancelled else _STOP)
        if self.status is None:
            os.kill(self.pid, signal.SIGTERM)

    def ask_to_pause(self, how: str | None) -> None:
        """Say over the control pipe that the run is to `pause` or `suspend`, once for each time it is asked."""
        if how is not None and how != self._asked_to:
            with suppress(OSError):  # it reads no more: it is about to end
                os.write(self._control_fd, b'{"kind":"%s"}\n' % how.encode())
        self._asked_to = how

    def tell_limited_tags(self, tags: list[str]) -> None:
        """Say over the control pipe which tags have a limit, once for each change of them."""
        line = encode({"kind": "limited_tags", "tags": tags}) + b"\n"
        # Longer lines might be written in part. Then what the child was told at its start holds on.
        if tags != self._limited_tags and len(line) <= PIPE_BUF:
            with suppress(OSError):  # it reads no more: it is about to end
                os.write(self._control_fd, line)
        self._limited_tags = tags

    def kill_group(self) -> None:
        """Kill it, and all it started that stayed in its process group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # macOS answers EPERM where only zombies are left

    def reap(self) -> None:
        """Wait for its end, which is near."""
        if self.status is None:
            self.status = os.waitpid(self.pid, 0)[1]

    def close_control(self) -> None:
        """Close the control pipe, which ends the guard too."""
        os.close(self._control_fd)
        if self._guard is not None:
            os.waitpid(self._guard, 0)

    def describe_end(self) -> str:
        """Tell in a few words how it ended."""
        code = os.waitstatus_to_exitcode(self.status or 0)
        if code < 0:
            return f"killed by signal {_signal_name(-code)} ({-code})"
        return f"exited with code {code} before the flow finished"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "?"


def start_child(job: dict[str, Any], folder: Path, authorization: dict[str, str], *, warm: bool) -> Child:
    """Fork a child for a job. No other thread may be alive in this process.

    Args:
        job: What to run.
        folder: The run's own folder.
        authorization: The headers with which the API hands out the code.
        warm: Whether the engine is imported in this process, so that the child can call it.

    Raises:
        OSError: There are no processes or descriptors left.
    """
    pipes = [os.pipe() for _ in range(4)]
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        for fd in sum(pipes, ()):
            os.close(fd)
        raise
    (report_r, report_w), (control_r, control_w), (stdout_r, stdout_w), (stderr_r, stderr_w) = pipes
    if pid == 0:
        task = partial(_execute, job, folder, authorization, warm)
        _run(task, parent, (report_w, control_r, stdout_w, stderr_w))
    _lead_group(pid)
    guard = start_guard(pid, control_r)
    for fd in (report_w, control_r, stdout_w, stderr_w):
        os.close(fd)
    return Child(pid, guard, report_r, control_w, stdout_r, stderr_r, job.get("limited_tags", []))


def _lead_group(pid: int) -> None:
    """Make a process lead a group. Child and parent both do, so it holds whichever of them runs first."""
    try:
        os.setpgid(pid, pid)
    except OSError:
        return  # it has ended, or executed already, and did it itself


def _run(task: Callable[[int, int], int], parent: int, fds: tuple[int, int, int, int]) -> NoReturn:
    """Be the child. This frame is never left, so what it inherited is never closed under others' feet."""
    code = 1
    try:
        report_fd, control_fd = _settle(parent, fds)
        code = task(report_fd, control_fd)
    except SystemExit as exit_:
        code = _exit_code(exit_)
    except BaseException:
        _print_error()
    finally:
        _leave(code)


def _settle(parent: int, fds: tuple[int, int, int, int]) -> tuple[int, int]:
    report_fd, control_fd, stdout_fd, stderr_fd = fds
    os.setpgid(0, 0)
    _die_with_parent(parent)
    restore_signals()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (stdout_fd, 1), (stderr_fd, 2)):
        os.dup2(source, target)
    lowest, highest = sorted((report_fd, control_fd))
    os.closerange(3, lowest)
    os.closerange(lowest + 1, highest)
    os.closerange(highest + 1, open_limit())
    sys.stdin = open_text(0, "r")
    sys.stdout = open_text(1, "w")
    sys.stderr = open_text(2, "w")
    return report_fd, control_fd


def open_text(fd: int, mode: Literal["r", "w"]) -> TextIO:
    """Open a standard stream anew. By lines: a line is in the logs when it is printed, not when the flow ends."""
    return open(fd, mode, buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def _execute(
    job: dict[str, Any], folder: Path, authorization: dict[str, str], warm: bool, report_fd: int, control_fd: int
) -> int:
    # Imported here and not above: the supervisor itself never needs the archive modules.
    from alisio_agent.supervisor.bundles import BundleError, prepare_code

    try:
        code = prepare_code(job, folder, authorization)
    except BundleError as error:
        _tell(report_fd, str(error))
        return 1
    os.chdir(code)
    os.environ.update(_environment(job))
    module = job.get("child_module", DEFAULT_MODULE)
    if not warm:
        _execute_interpreter(module, job, folder, report_fd, control_fd)
    sys.argv = [str(job.get("entrypoint", module))]
    return int(importlib.import_module(module).main(job, report_fd, control_fd) or 0)


def _tell(report_fd: int, message: str) -> None:
    frame = encode({"states": [state("CRASHED", message)]})
    os.write(report_fd, frame + b"\n")


def _environment(job: dict[str, Any]) -> dict[str, str]:
    given = job.get("job_variables", {}).get("env") or {}
    values = {str(name): str(value) for name, value in given.items() if value is not None}
    return {"ALISIO_API_URL": job["api_url"], "ALISIO_HOME": job["home"], **values}


def _execute_interpreter(module: str, job: dict[str, Any], folder: Path, report_fd: int, control_fd: int) -> NoReturn:
    """Become a new interpreter that reads its job from standard input, an unlinked file."""
    path = folder / "job.json"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    path.unlink()
    with open(fd, "wb", closefd=False) as file:
        file.write(json.dumps(job).encode())
    os.lseek(fd, 0, os.SEEK_SET)
    os.dup2(fd, 0)
    for kept in (report_fd, control_fd):
        os.set_inheritable(kept, True)
    os.environ.update({REPORT_FD: str(report_fd), CONTROL_FD: str(control_fd), "PYTHONUNBUFFERED": "1"})
    os.execv(sys.executable, [sys.executable, "-P", "-m", module])


def _exit_code(exit_: SystemExit) -> int:
    if exit_.code is None or isinstance(exit_.code, int):
        return exit_.code or 0
    sys.stderr.write(f"{exit_.code}\n")
    return 1


def _print_error() -> None:
    import traceback  # not at the top: the supervisor itself has no room for it

    traceback.print_exc()


def _leave(code: int) -> NoReturn:
    """End: first the exit handlers, then what is still in buffers.

    It is not the interpreter's own end, which would unwind the supervisor's frames below, and wait for threads
    of tasks that nobody waits for any more.
    """
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        _print_error()
    finally:
        os._exit(code & 0xFF)

"""The fork server: a process that has imported the engine, and forks a supervisor for each job it is sent.

`python -m alisio_agent.fork_server FD`, where FD is a socket to the agent. It never imports user code and has no
threads. When the agent is gone, it ends; the supervisors it has started live on.

Messages to it: `{"kind": "start", "name", "job"}`. Messages from it: `{"kind": "ready"}`,
`{"kind": "started", "name", "pid"}`, `{"kind": "failed", "name", "message"}`, `{"kind": "exited", "name", "status"}`.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import traceback
from types import FrameType
from typing import Any, NoReturn

from alisio_agent.framing import Message, Unpacker, pack
from alisio_agent.supervisor.child import DEFAULT_MODULE
from alisio_agent.supervisor.main import detach, supervise

# What supervisors and children would import sooner or later, so that none of them has to.
PRELOADED = (
    DEFAULT_MODULE,
    "alisio.engine.submission",
    "alisio.task_runners.threads",
    "alisio_agent.supervisor.bundles",
    "asyncio",
    "ctypes",
    "encodings.idna",
    "pydantic.type_adapter",
    "ssl",
)
_READ_BYTES = 1_048_576


class ForkServer:
    """Serves one agent.

    Args:
        channel: The socket to the agent.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._unpacker = Unpacker()
        self._names: dict[int, str] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)

    def serve(self) -> None:
        """Serve until the agent is gone."""
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _take_no_notice)
        self._selector.register(self._channel, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._channel.sendall(pack({"kind": "ready"}))
        while True:
            ready = {key.fileobj for key, _ in self._selector.select()}
            if self._wake_reader in ready:
                os.read(self._wake_reader, 4_096)
                self._tell_exits()
            if self._channel in ready:
                data = self._channel.recv(_READ_BYTES)
                if not data:
                    return
                for message in self._unpacker.feed(data):
                    self._channel.sendall(pack(self._start(message["name"], message["job"])))

    def _start(self, name: str, job: dict[str, Any]) -> Message:
        try:
            pid = os.fork()
        except OSError as error:
            return {"kind": "failed", "name": name, "message": f"no process could be forked: {error.strerror}"}
        if pid == 0:
            self._become_supervisor(job)
        self._names[pid] = name
        return {"kind": "started", "name": name, "pid": pid}

    def _tell_exits(self) -> None:
        while self._names:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            self._channel.sendall(pack({"kind": "exited", "name": self._names.pop(pid), "status": code}))

    def _become_supervisor(self, job: dict[str, Any]) -> NoReturn:
        code = 1
        try:
            self._channel.close()
            self._selector.close()
            signal.set_wakeup_fd(-1)
            os.close(self._wake_reader)
            os.close(self._wake_writer)
            detach(job["home"])
            code = supervise(job, warm=True)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def _take_no_notice(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal by nothing but the wake-up that it causes."""


def main() -> int:
    """Import what is to be warm, and serve on the socket whose descriptor is the first argument.

    Returns:
        The exit status.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for module in PRELOADED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is there now is left out of collections, so their pages stay shared
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        try:
            ForkServer(channel).serve()
        except ConnectionError:
            return 0  # the agent is gone
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Starting supervisors through the fork server; a fork server that dies is replaced at the next start."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from pathlib import Path
from typing import Any

from alisio.client.discovery import process_exists
from alisio_agent.framing import Message, Unpacker, pack
from alisio_agent.runners.starters import OnExit, StartError
from alisio_agent.supervisor.places import LOG_FILE

_ANSWER_SECONDS = 30.0
_END_SECONDS = 5.0
_POLL_SECONDS = 0.5


class WarmStarter:
    """Keeps a fork server.

    Args:
        home: The folder of Alisio on this host.
        on_exit: Told of each end, in a thread of its own.
    """

    def __init__(self, home: Path, on_exit: OnExit) -> None:
        self._log = home / LOG_FILE
        self._on_exit = on_exit
        self._lock = threading.Lock()
        self._server: _Connection | None = None

    @property
    def pid(self) -> int | None:
        """The fork server's process, where there is one."""
        return self._server.process.pid if self._server else None

    def open(self) -> None:
        """Start the fork server, unless one is there already, and wait until it serves.

        Raises:
            StartError: It does not serve.
        """
        with self._lock:
            self._connect()

    def start(self, name: str, job: dict[str, Any]) -> None:
        """Have a supervisor forked; see `Starter`."""
        with self._lock:
            self._connect().start(name, job)

    def close(self) -> None:
        """Let the fork server end; what it has started lives on."""
        with self._lock:
            if self._server is not None:
                self._server.close()
                self._server = None

    def _connect(self) -> _Connection:
        if self._server is None or self._server.is_gone:
            try:
                self._server = server = _Connection(self._log, self._on_exit)
            except OSError as error:
                raise StartError(f"the fork server cannot be started: {error}") from error
            try:
                server.ready.result(_ANSWER_SECONDS)
            except FutureTimeoutError as error:
                server.kill()
                raise StartError("the fork server did not begin to serve") from error
            except OSError as error:
                raise StartError(f"the fork server cannot serve: {error}; {self._log} may say why") from error
        return self._server


class _Connection:
    """One fork server, and the thread that listens to it."""

    def __init__(self, log: Path, on_exit: OnExit) -> None:
        self._on_exit = on_exit
        self._log = log
        self._answers: dict[str, Future[Message]] = {}
        self._pids: dict[str, int] = {}
        self.ready: Future[None] = Future()
        self.is_gone = False
        self._socket, theirs = socket.socketpair()
        with theirs, log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "alisio_agent.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        threading.Thread(target=self._listen, name="fork-server", daemon=True).start()

    def start(self, name: str, job: dict[str, Any]) -> None:
        answer: Future[Message] = Future()
        self._answers[name] = answer
        try:
            self._socket.sendall(pack({"kind": "start", "name": name, "job": job}))
            message = answer.result(_ANSWER_SECONDS)
        except FutureTimeoutError as error:  # an OSError too
            self.kill()
            raise StartError("the fork server did not answer") from error
        except OSError as error:
            raise StartError(f"the fork server cannot be asked: {error}; {self._log} may say why") from error
        finally:
            self._answers.pop(name, None)
        if message["kind"] == "failed":
            raise StartError(message["message"])

    def kill(self) -> None:
        """End a fork server that hangs, so that the next start makes another."""
        self.is_gone = True
        self.process.kill()

    def close(self) -> None:
        with suppress(OSError):  # it has ended already
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()

    def _listen(self) -> None:
        unpacker = Unpacker()
        try:
            while data := self._socket.recv(65_536):
                for message in unpacker.feed(data):
                    self._take(message)
        except OSError:
            pass  # it was killed with something of ours unread
        self._mourn()

    def _take(self, message: Message) -> None:
        name = message.get("name", "")
        if message["kind"] == "exited":
            self._pids.pop(name, None)
            self._on_exit(name, message["status"])
            return
        if message["kind"] == "ready":
            self.ready.set_result(None)
        elif message["kind"] == "started":
            self._pids[name] = message["pid"]
        if answer := self._answers.get(name):
            answer.set_result(message)

    def _mourn(self) -> None:
        """Fail what waits for an answer, and watch over the supervisors that it left."""
        self.is_gone = True
        self._socket.close()
        self.process.wait()
        waiting: list[Future[Any]] = [self.ready, *self._answers.values()]
        for answer in waiting:
            if not answer.done():
                answer.set_exception(OSError("it has ended"))
        for name, pid in list(self._pids.items()):
            threading.Thread(target=self._watch_orphan, args=(name, pid), daemon=True).start()

    def _watch_orphan(self, name: str, pid: int) -> None:
        wait_for_process(pid)
        self._on_exit(name, None)


def wait_for_process(pid: int) -> None:
    """Wait for the end of a process that is not a child of this one."""
    if hasattr(os, "pidfd_open"):
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        with os.fdopen(fd):
            select.select([fd], [], [])
        return
    while process_exists(pid):
        time.sleep(_POLL_SECONDS)

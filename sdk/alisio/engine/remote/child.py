"""A worker that is a process of its own: `python -m alisio.engine.remote.child DESCRIPTOR`.

It is executed, not forked: that is safe whatever threads the flow's process has, and imports nothing of its `__main__`.
Jobs come over a socket, frames and answers go back. Its end means that the flow's process is gone or wants no more.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from queue import SimpleQueue
from types import FrameType
from typing import Any

from alisio.engine.entrypoints import only_loading
from alisio.engine.remote.channel import Channel
from alisio.engine.remote.jobs import Job
from alisio.engine.remote.transfer import unpack
from alisio.engine.remote.worker import Frame, execute
from alisio.exceptions import TerminationSignal


class _Child:
    """Reads jobs in a thread, so that the end of the socket is seen at any time, and runs them in the main thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._writing = threading.Lock()
        self._busy = False

    def run(self) -> None:
        """Run jobs until there are no more."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's: the flow's process decides what it means
        signal.signal(signal.SIGTERM, self._on_sigterm)
        threading.Thread(target=self._read, name="alisio-jobs", daemon=True).start()
        self._write(("ready", None))
        while (job := self._jobs.get()) is not None:
            self._busy = True
            answer = execute(job, self._emit)
            self._busy = False
            self._write(("answer", answer))

    def _read(self) -> None:
        flow = b""
        try:
            while True:
                flow = self._channel.receive() or flow
                self._jobs.put(Job(flow, self._channel.receive(), self._channel.receive()))
        except (EOFError, OSError):
            if self._busy:
                # Nobody waits for the answer, and nothing may run on beside what comes next.
                os.kill(os.getpid(), signal.SIGKILL)
            self._jobs.put(None)

    def _emit(self, frame: Frame) -> None:
        self._write(("frame", frame))

    def _write(self, message: tuple[str, Any]) -> None:
        content = pickle.dumps(message)
        with self._writing:
            self._channel.send(content)

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        if not self._busy:
            _leave()
        raise TerminationSignal("its flow run has ended")


def _leave(code: int = 0) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads that tasks have left behind would hold up an ordinary exit


def _initialize(first_call: bytes) -> None:
    """Call what the task runner's user wants called first; if that fails, the process can do no task."""
    try:
        with only_loading():  # a file that calls its flow would start processes in here, and those others
            call = unpack(first_call)
        call()
    except BaseException:
        traceback.print_exc()
        _leave(1)


def main() -> None:
    """Be a worker."""
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    channel = Channel(descriptor)
    try:
        sys.path[:], sys.argv[:], first_call = pickle.loads(channel.receive())
        if first_call:
            _initialize(first_call)
        _Child(channel).run()
    except (EOFError, OSError):
        pass
    finally:
        _leave()


if __name__ == "__main__":
    main()

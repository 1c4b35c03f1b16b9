"""The process runner: a flow run is a process on this host, named by run and attempt so that it starts once."""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from alisio_agent.runners.cold import ColdStarter
from alisio_agent.runners.leftovers import remove_leftovers
from alisio_agent.runners.starters import OnExit, Starter, StartError
from alisio_agent.runners.warm import WarmStarter
from alisio_agent.supervisor.places import run_folders

_REMEMBERED = 10_000


class ProcessRunner:
    """Starts a supervisor for each job.

    Args:
        home: The folder of Alisio on this host.
        on_exit: Told of the end of each supervisor, by name; in a thread of its own.
        warm: Whether to keep a fork server.
    """

    def __init__(self, home: Path, on_exit: OnExit, *, warm: bool) -> None:
        self._home = home
        self._starter: Starter = (WarmStarter if warm else ColdStarter)(home, on_exit)
        self._lock = threading.Lock()
        self._names: OrderedDict[str, None] = OrderedDict()

    def open(self) -> None:
        """Make ready, and remove what earlier runs may have left.

        Raises:
            StartError: The fork server could not be started.
        """
        remove_leftovers(self._home)
        self._starter.open()

    def start(self, name: str, job: dict[str, Any]) -> None:
        """Start a supervisor, unless one of this name was started before.

        Args:
            name: See `alisio_agent.supervisor.places.run_name`.
            job: The job as a supervisor takes it.

        Raises:
            StartError: It could not be started; the same name may be tried again.
        """
        if not self._remember(name):
            return
        folder = run_folders(self._home) / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._starter.start(name, job)
        except OSError as error:
            self._forget(name, folder)
            raise StartError(f"the folder {folder} cannot be made: {error.strerror}") from error
        except StartError:
            self._forget(name, folder)
            raise

    def close(self) -> None:
        """Let go; what was started lives on."""
        self._starter.close()

    def _remember(self, name: str) -> bool:
        with self._lock:
            if name in self._names:
                return False
            self._names[name] = None
            if len(self._names) > _REMEMBERED:
                self._names.popitem(last=False)
            return True

    def _forget(self, name: str, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            self._names.pop(name, None)

"""`python -m tests.chaos.launcher JSON`: the real server, with a false bell, and two ticks at once on SIGUSR1."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from alisio_server.adapters.laptop.listening import listen
from alisio_server.embedded import open_server_services
from alisio_server.orchestration.tick import tick
from alisio_server.ports import WakeUps
from alisio_server.services import Services
from alisio_server.settings import ServerSettings
from tests.chaos.bell import FalseBell

TICKS_AT_ONCE = 2


def main(options: dict[str, Any]) -> None:
    """Serve until SIGTERM.

    Args:
        options: `settings`, the arguments of `ServerSettings`; `bell`, the file that says how false the bell is.
    """
    _log_with_monotonic_time()
    settings = ServerSettings(**{**options["settings"], "home": Path(options["settings"]["home"])})

    def open_falsely(wake_ups: WakeUps) -> Services:
        services = open_server_services(settings, wake_ups)
        services = replace(services, wake_ups=FalseBell(services.wake_ups, Path(options["bell"])))
        signal.signal(signal.SIGUSR1, partial(_tick_at_once, services))
        return services

    listen(settings, open_falsely, on_ready=None)


def _tick_at_once(services: Services, _number: int, _frame: FrameType | None) -> None:
    for _ in range(TICKS_AT_ONCE):
        threading.Thread(target=_tick, args=(services,), daemon=True).start()


def _tick(services: Services) -> None:
    for part, error in tick(services).failed.items():
        logging.getLogger("chaos").error("a tick beside others failed in %s: %r", part, error)


def _log_with_monotonic_time() -> None:
    class Formatter(logging.Formatter):
        def formatTime(self, _record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
            return f"{time.monotonic():.3f}"

    handler = logging.StreamHandler()
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

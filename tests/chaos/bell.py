"""A bell that rings falsely: it drops, doubles and delays wake-ups, as a file tells it to."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alisio_server.ports import WakeUp, WakeUps


@dataclass(frozen=True)
class Falseness:
    """How the bell is false.

    Attributes:
        drop: The share of wake-ups that are lost.
        double: The share of those left that are sent twice.
        late_seconds: How much later than asked they are sent.
    """

    drop: float = 0.0
    double: float = 0.0
    late_seconds: float = 0.0

    def write(self, file: Path) -> None:
        """Have every bell that reads the file be so from now on."""
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)))
        new.rename(file)

    @classmethod
    def read(cls, file: Path) -> Falseness:
        """Read what holds now; without a file, the bell is true."""
        try:
            return cls(**json.loads(file.read_text()))
        except FileNotFoundError:
            return cls()


class FalseBell:
    """A real bell whose wake-ups meet with accidents.

    Args:
        bell: The real one.
        file: Says how false it is; read at each sending.
    """

    def __init__(self, bell: WakeUps, file: Path) -> None:
        self._bell = bell
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bell, name)

    def send(self, wake_ups: Iterable[WakeUp]) -> None:
        """Send what is left of the wake-ups."""
        falseness = Falseness.read(self._file)
        kept = [wake_up for wake_up in wake_ups if random.random() >= falseness.drop]
        doubled = [wake_up for wake_up in kept if random.random() < falseness.double]
        if falseness.late_seconds:
            later = threading.Timer(falseness.late_seconds, self._send_late, ([*kept, *doubled],))
            later.daemon = True
            later.start()
            return
        self._bell.send(kept)
        if doubled:
            self._bell.send(doubled)

    def _send_late(self, wake_ups: list[WakeUp]) -> None:
        with suppress(OSError):  # nobody is left to tell; the tick rings again
            self._bell.send(wake_ups)

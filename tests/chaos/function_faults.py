"""The faults of an API that runs in functions, and of what AWS does around them."""

from __future__ import annotations

from contextlib import suppress

import psutil

from tests.chaos.faults import Fault
from tests.chaos.functions import Functions


class _OnFunctions(Fault):
    @property
    def functions(self) -> Functions:
        """Those of the storm."""
        functions = self.storm.setup.functions
        assert functions is not None
        return functions


class KillFunction(_OnFunctions):
    """The process of a function is killed, be it in the middle of a request or of a tick."""

    name = "kill -9 of a function"
    weight = 6
    # Until another has started in its place.
    seconds = (1.0, 2.0)
    troubles = "server"

    def inject(self) -> bool:
        processes = self.functions.processes()
        if not processes:
            return False
        with suppress(psutil.Error):
            self.storm.random.choice(processes).kill()
            return True
        return False


class KillAllFunctions(_OnFunctions):
    """All functions are killed at once, with whatever they are in the middle of."""

    name = "kill -9 of all functions"
    weight = 1
    seconds = (1.0, 3.0)
    troubles = "server"

    def inject(self) -> bool:
        processes = self.functions.processes()
        for process in processes:
            with suppress(psutil.Error):
                process.kill()
        return bool(processes)


class ClockworkTwice(_OnFunctions):
    """EventBridge delivers the clockwork's event twice, at the same time."""

    name = "the tick called twice at once"
    weight = 6

    def inject(self) -> bool:
        self.functions.tick()
        self.functions.tick()
        return True


class EmptyQueues(_OnFunctions):
    """Every message in SQS is lost."""

    name = "SQS emptied"
    weight = 4
    place = "bell"

    def inject(self) -> bool:
        return self.functions.empty_queues() > 0


FUNCTION_FAULTS: tuple[type[Fault], ...] = (KillFunction, KillAllFunctions, ClockworkTwice, EmptyQueues)

"""What a fault is, and the faults that hit processes. Each is begun, may last, and is healed."""

from __future__ import annotations

import resource
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import psutil

from tests.chaos.clock import wrong_by
from tests.chaos.deaths import Executor, Trouble
from tests.chaos.processes import Restartable

if TYPE_CHECKING:
    from tests.chaos.storm import Storm

LONGER_THAN_A_LEASE = (36.0, 45.0)
_HOUR = 3_600


class Fault(ABC):
    """One thing that goes wrong.

    Attributes:
        name: What it is called in the report.
        weight: How often it is drawn.
        seconds: From and to how long it lasts.
        place: What it works on, so that no two faults are at one place at once; None: they may be.
        troubles: What is not to be relied on while it lasts: the `road` to the API, the `server` itself; None: neither
            suffers.
    """

    name: ClassVar[str]
    weight: ClassVar[float] = 10
    seconds: ClassVar[tuple[float, float]] = (0.0, 0.0)
    place: str | None = None
    troubles: ClassVar[str | None] = None
    trouble: Trouble | None = None

    def __init__(self, storm: Storm) -> None:
        self.storm = storm

    @abstractmethod
    def inject(self) -> bool:
        """Begin; tell whether there was something to hit."""

    def heal(self) -> None:  # noqa: B027 (what does not last needs none)
        """End what lasts."""


class _OnAttempt(Fault):
    """A fault of one attempt's processes."""

    def choose(self) -> tuple[Executor, psutil.Process] | None:
        """Draw a running attempt that was not hit yet, and its supervisor; None where there is none."""
        executors = self.storm.coroner.executors()
        self.storm.random.shuffle(executors)
        for executor in executors:
            with suppress(psutil.Error):
                supervisor = psutil.Process(executor.pid)
                if supervisor.status() != psutil.STATUS_STOPPED and self.storm.is_ours(supervisor):
                    return executor, supervisor
        return None

    def child_of(self, supervisor: psutil.Process) -> psutil.Process | None:
        """Find the process that runs the flow: the one that leads the group."""
        with suppress(psutil.Error):
            return next((child for child in supervisor.children() if self.storm.leads_group(child.pid)), None)
        return None


class KillChild(_OnAttempt):
    """The process of a flow is killed, as by the kernel when memory is out."""

    name = "kill -9 of a flow's process"
    weight = 25

    def inject(self) -> bool:
        chosen = self.choose()
        child = chosen and self.child_of(chosen[1])
        if not chosen or not child:
            return False
        with suppress(psutil.Error):
            child.kill()
            self.storm.coroner.note(chosen[0], "child", self.name, self.storm.round)
            return True
        return False


class KillSupervisor(_OnAttempt):
    """A supervisor is killed; with it goes its child."""

    name = "kill -9 of a supervisor"
    weight = 20

    def inject(self) -> bool:
        chosen = self.choose()
        if not chosen:
            return False
        with suppress(psutil.Error):
            chosen[1].kill()
            self.storm.coroner.note(chosen[0], "executor", self.name, self.storm.round)
            return True
        return False


class _StopAttempt(_OnAttempt):
    seconds = LONGER_THAN_A_LEASE
    _stopped: psutil.Process

    def heal(self) -> None:
        with suppress(psutil.Error):
            self._stopped.resume()


class StopChild(_StopAttempt):
    """The process of a flow stands still; its supervisor goes on reporting that it lives."""

    name = "SIGSTOP of a flow's process"
    weight = 5

    def inject(self) -> bool:
        chosen = self.choose()
        child = chosen and self.child_of(chosen[1])
        if not child:
            return False
        with suppress(psutil.Error):
            child.suspend()
            self._stopped = child
            return True
        return False


class StopSupervisor(_StopAttempt):
    """A supervisor stands still for longer than its lease, while its child runs on; then it comes back."""

    name = "SIGSTOP of a supervisor"
    weight = 7

    def inject(self) -> bool:
        chosen = self.choose()
        if not chosen:
            return False
        with suppress(psutil.Error):
            chosen[1].suspend()
            self._stopped = chosen[1]
            self.storm.coroner.note(chosen[0], "executor", self.name, self.storm.round)
            return True
        return False


class _OnProcess(Fault):
    """A fault of one agent or server."""

    of: ClassVar[Callable[[Storm], list[Restartable]]]

    def __init__(self, storm: Storm) -> None:
        super().__init__(storm)
        self.target = storm.random.choice(type(self).of(storm))
        self.place = self.target.name

    def inject(self) -> bool:
        if not self.target.is_running:
            return False
        self.begin()
        return True

    @abstractmethod
    def begin(self) -> None:
        """Do to the process what the fault is."""


def _agents(storm: Storm) -> list[Restartable]:
    return storm.agents


def _servers(storm: Storm) -> list[Restartable]:
    return storm.servers


class KillAgent(_OnProcess):
    """An agent is killed, and its fork server with it; another is started a moment later."""

    name = "kill -9 of an agent"
    weight = 8
    seconds = (0.5, 4.0)
    of = _agents

    def begin(self) -> None:
        self.target.end(signal.SIGKILL)

    def heal(self) -> None:
        self.target.start()


class StopAgent(_OnProcess):
    """An agent stands still for longer than the leases of what it has claimed."""

    name = "SIGSTOP of an agent"
    weight = 2
    seconds = LONGER_THAN_A_LEASE
    of = _agents

    def begin(self) -> None:
        self.target.send(signal.SIGSTOP)

    def heal(self) -> None:
        self.target.send(signal.SIGCONT)


class WrongClock(_OnProcess):
    """The clock of a process's host is an hour off, and so is that of what it starts."""

    weight = 3
    seconds = (15.0, 30.0)

    def begin(self) -> None:
        assert self.storm.wrong_clock is not None
        seconds = self.storm.random.choice([-_HOUR, _HOUR])
        self.target.end(signal.SIGKILL)
        self.target.start(**wrong_by(self.storm.wrong_clock, seconds))

    def heal(self) -> None:
        self.target.end(signal.SIGKILL)
        self.target.start()


class WrongAgentClock(WrongClock):
    """An agent's clock."""

    name = "an agent's clock an hour off"
    of = _agents


class WrongServerClock(WrongClock):
    """The clock of an API process that is not the database's, as SQLite's would be."""

    name = "an API process's clock an hour off"
    weight = 1
    troubles = "server"
    of = _servers


class FullDisk(_OnProcess):
    """No file on an agent's host takes another byte."""

    name = "disk full at an agent"
    weight = 4
    seconds = (4.0, 12.0)
    of = _agents

    def begin(self) -> None:
        self._limit(0)

    def heal(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        # Supervisors have a session of their own, but descend from the agent as long as it lives.
        for process in self.target.family():
            with suppress(psutil.Error, OSError):
                process.rlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class KillServer(_OnProcess):
    """An API process is killed, and started again a moment later."""

    name = "kill -9 of an API process"
    weight = 3
    seconds = (0.2, 3.0)
    troubles = "server"
    of = _servers

    def begin(self) -> None:
        self.target.end(signal.SIGKILL)

    def heal(self) -> None:
        self.target.start()


class StopServer(_OnProcess):
    """An API process stands still, with connections open and transactions begun, for longer than a lease."""

    name = "SIGSTOP of an API process"
    weight = 0.4
    seconds = LONGER_THAN_A_LEASE
    troubles = "server"
    of = _servers

    def begin(self) -> None:
        self.target.send(signal.SIGSTOP)

    def heal(self) -> None:
        self.target.send(signal.SIGCONT)


class TicksAtOnce(_OnProcess):
    """Two more ticks run at the same time, beside the one that may be running already."""

    name = "two ticks at once"
    weight = 6
    of = _servers

    def begin(self) -> None:
        self.target.send(signal.SIGUSR1)


SERVER_FAULTS: tuple[type[Fault], ...] = (KillServer, StopServer, WrongServerClock, TicksAtOnce)
"""What only an API in servers can have."""

PROCESS_FAULTS: tuple[type[Fault], ...] = (
    KillChild, KillSupervisor, StopChild, StopSupervisor, KillAgent, StopAgent, WrongAgentClock, FullDisk,
    *SERVER_FAULTS,
)  # fmt: skip

KILLS: tuple[type[Fault], ...] = (KillChild, KillSupervisor)
"""What leaves everything well but the attempt that it hits."""

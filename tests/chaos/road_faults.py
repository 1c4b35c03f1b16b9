"""The faults of what lies between: wake-ups, the network, and the database server."""

from __future__ import annotations

from abc import abstractmethod

from tests.chaos.bell import Falseness
from tests.chaos.faults import Fault


class _Bell(Fault):
    place = "bell"
    weight = 4
    seconds = (5.0, 15.0)

    def inject(self) -> bool:
        self.falseness().write(self.storm.bell)
        return True

    def heal(self) -> None:
        Falseness().write(self.storm.bell)

    @abstractmethod
    def falseness(self) -> Falseness:
        """Say how the bell is false."""


class DroppedWakeUps(_Bell):
    """Half of the wake-ups, or all of them, are lost."""

    name = "wake-ups dropped"

    def falseness(self) -> Falseness:
        return Falseness(drop=self.storm.random.choice([0.5, 1.0]))


class DoubledWakeUps(_Bell):
    """Every wake-up comes twice."""

    name = "wake-ups doubled"

    def falseness(self) -> Falseness:
        return Falseness(double=1.0)


class LateWakeUps(_Bell):
    """Wake-ups come minutes later, some of them twice."""

    name = "wake-ups late by minutes"

    def falseness(self) -> Falseness:
        return Falseness(double=0.3, late_seconds=self.storm.random.uniform(60, 180))


class _Road(Fault):
    place = "road"
    troubles = "road"


class LostAnswers(_Road):
    """Answers are lost after the server has committed what it was asked."""

    name = "answers lost after the commit"
    weight = 3
    seconds = (2.0, 6.0)

    def inject(self) -> bool:
        self.storm.proxy.loses = self.storm.random.choice([0.3, 0.6, 0.9])
        return True

    def heal(self) -> None:
        self.storm.proxy.loses = 0.0


class Refusals(_Road):
    """Every connection is broken off."""

    name = "connections refused"
    weight = 1
    seconds = (1.0, 5.0)

    def inject(self) -> bool:
        self.storm.proxy.refuses = True
        return True

    def heal(self) -> None:
        self.storm.proxy.refuses = False


class Hanging(_Road):
    """Requests are not answered, and not passed on."""

    name = "requests that hang"
    weight = 0.7
    seconds = (3.0, 12.0)

    def inject(self) -> bool:
        self.storm.proxy.hangs = True
        return True

    def heal(self) -> None:
        self.storm.proxy.hangs = False


class ApiAway(_Road):
    """The API is away for two minutes: it hangs at first, and refuses in the end, or the other way round."""

    name = "API away for 2 minutes"
    weight = 0.3
    seconds = (120.0, 120.0)

    def inject(self) -> bool:
        hangs = self.storm.random.random() < 0.5
        self.storm.proxy.hangs, self.storm.proxy.refuses = hangs, not hangs
        return True

    def heal(self) -> None:
        self.storm.proxy.hangs = self.storm.proxy.refuses = False


class KillPostgres(Fault):
    """PostgreSQL is killed with all its processes, and started again a moment later."""

    name = "kill -9 of PostgreSQL"
    weight = 2
    seconds = (0.5, 4.0)
    place = "postgres"
    troubles = "server"

    def inject(self) -> bool:
        assert self.storm.setup.postgres is not None
        self.storm.setup.postgres.kill()
        return True

    def heal(self) -> None:
        assert self.storm.setup.postgres is not None
        self.storm.setup.postgres.start()


class LoseSqs(Fault):
    """SQS is away for a while, and every queue with every message is gone when it is back."""

    name = "SQS away and emptied"
    weight = 2
    seconds = (2.0, 20.0)
    place = "bell"

    def inject(self) -> bool:
        assert self.storm.setup.sqs is not None
        self.storm.setup.sqs.stop()
        return True

    def heal(self) -> None:
        assert self.storm.setup.sqs is not None
        self.storm.setup.sqs.start()


BELL_FAULTS: tuple[type[Fault], ...] = (DroppedWakeUps, DoubledWakeUps, LateWakeUps)
"""What the servers of the storm do to their own wake-ups."""

ROAD_FAULTS: tuple[type[Fault], ...] = (
    *BELL_FAULTS, LostAnswers, Refusals, Hanging, ApiAway, KillPostgres, LoseSqs,
)  # fmt: skip

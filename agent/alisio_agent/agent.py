"""The agent: it tells the server that it lives, hears of work, claims it, and has it started."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

import alisio
from alisio.client import Client
from alisio.client.discovery import find_server
from alisio.contract.ids import new_id
from alisio.contract.work_pools import AgentBeat
from alisio.exceptions import AlisioError, ApiError, ApiUnreachableError
from alisio.settings import current_settings
from alisio_agent.claims import AgentApi, Claims
from alisio_agent.options import AgentOptions, Identity
from alisio_agent.outage import Outage
from alisio_agent.protection import TaskProtection
from alisio_agent.roster import Roster
from alisio_agent.runners.process import ProcessRunner
from alisio_agent.wake_ups.listening import Listening

BEAT_SECONDS = 10.0
_LAST_CLAIM_SECONDS = 3.0
_LEAVE_SECONDS = 10.0

logger = logging.getLogger("alisio.agent")


class Agent:
    """An agent that is being run.

    Args:
        api: The client.
        identity: Who the agent is.
        warm: Whether to keep a fork server.
        drain_seconds: How long to wait for the runs that it has started once it is to end.
        ecs_agent_uri: Where its own ECS task is protected while it holds runs; None: it is no such task.
        on_stop: Called once it claims no more, before it waits for the runs that it has started.
    """

    def __init__(
        self,
        api: AgentApi,
        identity: Identity,
        *,
        warm: bool,
        drain_seconds: float = 0,
        ecs_agent_uri: str | None = None,
        on_stop: Callable[[], object] | None = None,
    ) -> None:
        self._api = api
        self._on_stop = on_stop
        self._identity = identity
        self._drain_seconds = drain_seconds
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._outage = Outage()
        self._roster = Roster(identity.limit)
        self._runner = ProcessRunner(identity.home, self._note_exit, warm=warm)
        self._claims = Claims(api, identity, self._runner, self._roster, self._outage, self._stopping)
        self._listening = Listening(api, identity, self._claims, self._roster, self._outage, self._stopping)
        self._protection = TaskProtection(ecs_agent_uri, self._roster) if ecs_agent_uri else None

    def run(self) -> None:
        """Serve until `stop` is called, and what it has started has ended or had its time.

        Raises:
            ApiError: The server will not have the agent, for instance because there is no such pool
                or queue.
            StartError: The fork server could not be started.
        """
        self._runner.open()
        try:
            self._register()
            claiming = threading.Thread(target=self._claims.run, name="claims", daemon=True)
            claiming.start()
            for name, work in (("wake-ups", self._listening.run), ("heart", self._keep_beating)):
                threading.Thread(target=work, name=name, daemon=True).start()
            if self._protection is not None:
                threading.Thread(target=self._protection.run, args=(self._ended,), daemon=True).start()
            self._stopping.wait()
            drained_at = time.monotonic() + self._drain_seconds
            claiming.join(_LAST_CLAIM_SECONDS)
            self._leave()
            if self._on_stop is not None:
                self._on_stop()
            self._drain(drained_at)
        finally:
            self._ended.set()
            self._runner.close()

    def stop(self) -> None:
        """Have it claim no more and end. Any thread or signal handler may call this."""
        self._stopping.set()
        self._claims.ring()

    def _register(self) -> None:
        """Tell the server of the agent, however long that takes.

        Raises:
            ApiError: It will not have it.
        """
        failures = 0
        while not self._stopping.is_set():
            try:
                for queue in self._identity.queues or ():
                    self._api.read_work_queue(self._identity.work_pool_name, queue)
                self._beat()
            except AlisioError as error:
                if isinstance(error, ApiError) and error.status < 429:
                    raise
                failures += 1
                self._stopping.wait(self._outage.begin(error, failures))
            else:
                self._outage.end()
                self._greet()
                return

    def _greet(self) -> None:
        identity = self._identity
        queues = "all queues" if identity.queues is None else f"queues {', '.join(identity.queues)}"
        limit = "no limit" if identity.limit is None else f"at most {identity.limit} runs at once"
        logger.info(
            "agent %s serves work pool %s (%s, %s) of %s",
            identity.name,
            identity.work_pool_name,
            queues,
            limit,
            identity.api_url,
        )

    def _leave(self) -> None:
        # Each request may take its time while the API hangs, and whoever stops an agent does not wait for all of them.
        telling = threading.Thread(target=self._say_farewell, name="farewell", daemon=True)
        telling.start()
        telling.join(_LEAVE_SECONDS)
        if telling.is_alive():
            logger.warning("the server does not answer: what the agent holds is free once its leases have ended")

    def _drain(self, until: float) -> None:
        """Wait for the ends of the runs that were started, and say what becomes of the others."""
        name = self._identity.name
        running = self._roster.wait_for_ends(0)
        if running and self._drain_seconds:
            logger.info(
                "agent %s claims no more and waits %g s at most for %s", name, self._drain_seconds, ", ".join(running)
            )
            running = self._roster.wait_for_ends(max(0.0, until - time.monotonic()))
        if running and self._drain_seconds:
            logger.warning(
                "agent %s has stopped before the end of %s: what ends with it is CRASHED, and retried if it may be, "
                "once its lease has ended",
                name,
                ", ".join(running),
            )
        else:
            logger.info("agent %s has stopped; %d of its runs go on", name, len(running))

    def _say_farewell(self) -> None:
        try:
            self._beat()
        except AlisioError as error:
            logger.warning("the server could not be told that the agent stops: %s", error)

    def _beat(self) -> None:
        identity = self._identity
        stopping = self._stopping.is_set()
        beat = AgentBeat(
            name=identity.name,
            work_pool_name=identity.work_pool_name,
            queues=identity.queues,
            limit=identity.limit,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=alisio.__version__,
            # Also while it drains: a claim may have been answered after its farewell.
            returned=self._roster.withdraw() if stopping else [],
            holding=self._roster.pending(),
            stopping=stopping,
        )
        answer = self._api.beat(identity.agent_id, beat)
        self._roster.settle(answer.lost)

    def _keep_beating(self) -> None:
        failures = 0
        wait = BEAT_SECONDS
        while not self._ended.wait(wait):
            try:
                self._beat()
            except AlisioError as error:
                failures += 1
                wait = self._outage.begin(error, failures)
            else:
                self._outage.end()
                failures = 0
                wait = BEAT_SECONDS

    def _note_exit(self, name: str, status: int | None) -> None:
        self._claims.note_exit(name, status)


def run_agent(
    options: AgentOptions,
    on_stop: Callable[[], object] | None = None,
    stopped_by: Callable[[Agent], object] | None = None,
) -> int:
    """Run an agent in this process until SIGINT or SIGTERM, and then for as long as it drains.

    Args:
        options: What it serves, and how.
        on_stop: Called once it claims no more, before it waits for the runs that it has started.
        stopped_by: Given the agent before it begins, in place of its listening to signals: its `stop` ends it.

    Returns:
        0. A second signal ends the process at once.

    Raises:
        AlisioError: It cannot serve: there is no such pool or queue, no server to talk to, or a setting cannot be used.
    """
    settings = current_settings()
    api_url = find_server(settings)
    if api_url is None:
        raise ApiUnreachableError(
            "an agent needs a server: start one with `alisio server start`, or set ALISIO_API_URL"
        )
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    identity = Identity(
        agent_id=new_id(),
        name=options.name or f"{socket.gethostname()}-{os.getpid()}",
        work_pool_name=options.work_pool_name,
        queues=None if options.queues is None else list(options.queues),
        limit=options.limit,
        api_url=api_url,
        home=settings.home,
        api_key=settings.api_key,
    )
    _log_to_stderr(settings.logging_level)
    with Client.over_http(api_url, settings.api_key) as client:
        agent = Agent(
            client,
            identity,
            warm=options.warm_start,
            drain_seconds=options.drain_seconds,
            ecs_agent_uri=os.environ.get("ECS_AGENT_URI"),
            on_stop=on_stop,
        )
        (stopped_by or stop_on_signals)(agent)
        agent.run()
    return 0


def stop_on_signals(agent: Agent) -> None:
    """End an agent in order at the first SIGINT or SIGTERM, and this process at the second."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end_at_once)
        agent.stop()

    def end_at_once(number: int, _frame: FrameType | None) -> None:
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False

"""What the storm beats on: a database, servers, a proxy before them, agents behind it, and the flows deployed."""

from __future__ import annotations

import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.checks import alarms_in
from tests.chaos.clock import build_wrong_clock
from tests.chaos.functions import Functions
from tests.chaos.kinds import KINDS
from tests.chaos.ledger import Ledger
from tests.chaos.processes import Restartable, make_agent, make_server
from tests.chaos.proxy import Proxy
from tests.e2e.backends import ALISIO, clean_environment, free_port, is_healthy, processes_in
from tests.ministack import Ministack
from tests.postgres import Postgres
from tests.waiting import wait_until

POOL_LIMIT = 10
_AGENTS = {"agent-0": ["--limit", "8"], "agent-1": ["--limit", "8"], "agent-2": ["--limit", "2", "--no-warm-start"]}


@dataclass(frozen=True)
class SetupKind:
    """One of the ways to run Alisio that the storm goes through.

    Attributes:
        on_postgres: On PostgreSQL, or else on SQLite.
        servers: How many API processes there are.
        sqs: Wake-ups go through SQS.
        tick_seconds: How often the clockwork ticks.
    """

    on_postgres: bool
    servers: int
    sqs: bool = False
    tick_seconds: float = 5.0

    @property
    def in_functions(self) -> bool:
        """Whether the API runs in functions, where there is no server."""
        return self.servers == 0


SETUPS = {
    "sqlite": SetupKind(False, 1),
    "postgres": SetupKind(True, 3),
    "postgres-sqs": SetupKind(True, 3, sqs=True),
    "cloud": SetupKind(True, 0, sqs=True, tick_seconds=60.0),
}


class Setup:
    """A running Alisio with the flows of the storm.

    Args:
        kind: How it is put together.
        folder: Where all of it lies.
        seed: Of what the proxy draws.
    """

    def __init__(self, kind: SetupKind, folder: Path, seed: int) -> None:
        self.kind = kind
        self.folder = folder
        self.book = folder / "book"
        self.bell = folder / "bell.json"
        self.wrong_clock = build_wrong_clock(folder)
        self.postgres = Postgres() if kind.on_postgres else None
        self.deployments: dict[str, str] = {}
        self.sqs = Ministack(folder) if kind.sqs else None
        self.functions = Functions(self.sqs, folder) if self.sqs is not None and kind.in_functions else None
        self._ports = [free_port() for _ in range(kind.servers)]
        self._doors = [self.sqs.port] if self.sqs is not None and kind.in_functions else self._ports
        self.proxy = Proxy(free_port(), self._doors, seed)
        self.servers: list[Restartable] = []
        self._cloud = {} if self.sqs is None else self.sqs.environment
        self.agents: list[Restartable] = []
        self._client = httpx.Client(timeout=10)

    @property
    def direct_url(self) -> str:
        """The API's address at the first server, past the proxy."""
        return self._urls[0]

    @property
    def headers(self) -> dict[str, str]:
        """What every request to the API carries."""
        return {} if self.functions is None else {"Authorization": f"Bearer {self.functions.key}"}

    @property
    def _urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}{self.proxy.path}" for port in self._doors]

    @property
    def _access(self) -> dict[str, str]:
        return {} if self.functions is None else {"ALISIO_API_KEY": self.functions.key}

    def start(self) -> None:
        """Bring all of it up and deploy the flows."""
        (self.folder / "home").mkdir()
        url = self._start_database()
        self.ledger = Ledger(url)
        if self.sqs is not None:
            self.sqs.start()
        if self.functions is not None:
            self.functions.deploy(url)
            self.proxy.path = self.functions.path
        for number, port in enumerate(self._ports):
            settings = {"database_url": url, "port": port, "sqs_prefix": self.sqs and "storm"}
            self.servers.append(make_server(number, self.folder, settings, self._cloud))
            self.servers[-1].start()
            # One after the other: the first one makes the tables.
            wait_until(partial(is_healthy, f"http://127.0.0.1:{port}/api"), 30, self.servers[-1].log.read_text)
        self.proxy.start()
        self.ask("POST", "/work-pools", {"name": "storm", "concurrency_limit": POOL_LIMIT})
        for name, options in _AGENTS.items():
            self.agents.append(make_agent(name, self.folder, self.proxy.url, options, self._cloud | self._access))
            self.agents[-1].start()
        self._deploy()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the API, past the proxy."""
        answer = self._client.request(method, f"{self.direct_url}{path}", json=body, headers=self.headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def answers(self) -> bool:
        """Tell whether the API answers by the road that agents take, and every server does by itself."""
        return all(is_healthy(url) for url in (self.proxy.url, *self._urls))

    def alarms(self) -> list[float]:
        """Tell when leases were moved on by a clockwork that had been away, or saw them end in a mass."""
        found = [] if self.functions is None else self.functions.alarms()
        return found + alarms_in(server.log for server in self.servers)

    def pause_schedules(self) -> None:
        """Have the schedule make no more runs; those not claimed yet are removed."""
        self.ask("POST", f"/deployments/{self.deployments['scheduled']}/pause")

    def stop(self) -> None:
        """End all of it, and kill what is left."""
        self._client.close()
        for process in [*self.agents, *self.servers]:
            if process.is_running:
                process.end(signal.SIGKILL)
        for left in processes_in(str(self.folder)):
            left.kill()
        if self.proxy.is_started:
            self.proxy.stop()
        if self.sqs is not None:
            self.sqs.stop()
        if self.postgres is not None:
            self.postgres.close()

    def _start_database(self) -> str:
        if self.postgres is None:
            return f"sqlite:///{self.folder}/home/alisio.db"
        self.postgres.start()
        return self.postgres.create_database(empty=True)

    def _deploy(self) -> None:
        project = self.folder / "project"
        shutil.copytree(Path(__file__).with_name("workload"), project, ignore=shutil.ignore_patterns("__pycache__"))
        environment = clean_environment(self.folder / "deployer") | {"ALISIO_API_URL": self.direct_url} | self._access
        done = subprocess.run(
            [*ALISIO, "deploy", "--all"], cwd=project, env=environment, capture_output=True, text=True, timeout=60
        )
        assert 0 == done.returncode, done.stderr
        found = self.ask("POST", "/deployments/filter", {"limit": 200})["items"]
        self.deployments = {deployment["name"]: deployment["id"] for deployment in found}
        assert set(KINDS) == set(self.deployments)

"""A server of a product with a folder of its own: what the products have in common."""

from __future__ import annotations

import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx
from sqlalchemy import Engine, create_engine, text

from benchmarks.processes import process, wait_for
from benchmarks.products import WORKLOADS, Product

Kind = Literal["flow_run", "task_run"]


@dataclass(frozen=True)
class Run:
    """What a server stores of a flow run.

    Attributes:
        id: Its id.
        state_type: `COMPLETED`, `FAILED`, …: the products use the same words.
        created: When it was made; an aware instant, as the others.
        due: When it was to start.
        started: When it became Running; None before.
        ended: When it ended; None before.
    """

    id: str
    state_type: str
    created: datetime
    due: datetime | None
    started: datetime | None
    ended: datetime | None


class Stack(ABC):
    """A running server.

    Attributes:
        product: Whose it is.
        home: Its folder, with the database.
        database_url: Where it stores what happens, as SQLAlchemy names it.
        environment: What processes that use it need.
        api: A client of its API; paths are relative to `/api/`.
        server: Its process.
    """

    def __init__(self, product: Product, home: Path, url: str, database: str | None) -> None:
        self.product = product
        self.home = home
        self.database_url = database or product.database_url(home)
        self.environment = product.environment(home) | self.settings(url, database)
        self.api = httpx.Client(base_url=f"{url}/", timeout=60)
        self.server: subprocess.Popen[bytes]
        self._engine: Engine | None = None

    @staticmethod
    @abstractmethod
    def settings(url: str, database: str | None) -> dict[str, str]:
        """Give the variables that lead to the server, and its server to the database."""

    def prepare(self) -> None:
        """Put into the home, before the server starts, what it would take long to make itself."""
        return

    @abstractmethod
    def server_command(self, port: int) -> list[str]:
        """Give the command that starts the server."""

    @abstractmethod
    def worker_command(self, pool: str, limit: int) -> list[str]:
        """Give the command that starts what runs a pool's runs."""

    @abstractmethod
    def worker_is_listed(self, pool: str) -> bool:
        """Say whether the server knows a worker of the pool."""

    @abstractmethod
    def deploy_from(self, folder: Path, entrypoint: str, pool: str) -> str:
        """Make a pool and a deployment in it, and return the deployment's id."""

    @abstractmethod
    def create_run(self, deployment: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Create a run that is due at once, and return its id."""

    @abstractmethod
    def set_paused(self, pool: str, paused: bool) -> None:
        """Hold back a pool's runs, or let them go."""

    @abstractmethod
    def run(self, run_id: str) -> Run:
        """Read a flow run."""

    def run_command(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run the product's command against this server and return what it printed."""
        return self.product.run(*arguments, environment=self.environment, cwd=cwd)

    def run_workload(self, workload: str, *arguments: object) -> dict[str, Any]:
        """Run a script of `workloads/` against this server and return the JSON object that it printed."""
        return self.product.run_workload(workload, *arguments, environment=self.environment)

    def deploy(self, workload: str, flow: str, pool: str) -> str:
        """Deploy a flow of `workloads/` to a new pool, and return the deployment's id."""
        folder = self.home / "projects" / pool
        folder.mkdir(parents=True)
        for module in {workload, "product"}:
            shutil.copy(WORKLOADS / f"{module}.py", folder)
        return self.deploy_from(folder, f"{workload}.py:{flow}", pool)

    @contextmanager
    def worker(
        self, pool: str, limit: int = 10, settings: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Keep an agent (Prefect: a worker) running on a pool, from when the server lists it.

        Args:
            pool: The pool.
            limit: How many runs it holds at once.
            settings: Variables over those of `environment`.
        """
        environment = self.environment | dict(settings or {})
        with process(self.worker_command(pool, limit), environment) as started:
            wait_for(lambda: self.worker_is_listed(pool))
            yield started

    def finished(self, run_id: str, within: float = 60) -> Run:
        """Wait until a run has ended, and return it.

        Raises:
            TimeoutError: It has not ended in time.
            RuntimeError: It did not end COMPLETED.
        """
        wait_for(lambda: self.run(run_id).ended is not None, within=within, every=0.02)
        run = self.run(run_id)
        if run.state_type != "COMPLETED":
            raise RuntimeError(f"run {run_id} of {self.product.label} ended {run.state_type}")
        return run

    def completed(self, kind: Kind) -> int:
        """Count the completed runs in the database itself."""
        return int(self.read(f"SELECT count(*) FROM {kind} WHERE state_type = 'COMPLETED'")[0][0])

    def until_completed(self, kind: Kind, count: int, within: float = 120, every: float = 0.01) -> None:
        """Wait until the database holds that many completed runs.

        Raises:
            TimeoutError: It does not come to hold them.
            RuntimeError: It holds more: something ran twice.
        """
        wait_for(lambda: self.completed(kind) >= count, within=within, every=every)
        if self.completed(kind) != count:
            raise RuntimeError(f"{count} of {kind} were to complete; the database holds {self.completed(kind)}")

    def read(self, statement: str) -> Sequence[Any]:
        """Give the rows that a statement reads in the server's database."""
        if self._engine is None:
            self._engine = create_engine(self.database_url.replace("postgresql://", "postgresql+psycopg2://"))
        with self._engine.connect() as connection:
            return connection.execute(text(statement)).all()

    def close(self) -> None:
        """Close the connections of the benchmark."""
        self.api.close()
        if self._engine is not None:
            self._engine.dispose()

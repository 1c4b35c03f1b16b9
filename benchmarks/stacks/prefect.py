"""Prefect's server and worker, driven by its public command and REST API.

Its migrations take half a minute, which the row `script` measures: here they run once, and each server begins with a
copy of the empty database that they left.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from benchmarks.products import Product
from benchmarks.stacks.base import Run, Stack

FASTEST_POLLING = {"PREFECT_WORKER_QUERY_SECONDS": "0.5"}
"""For workers: ask for work twice a second, not every ten; more often makes runs start later on 2 cores."""

_TRIES = 10
_SECONDS_BETWEEN_TRIES = 0.5


class PrefectStack(Stack):
    """A server of Prefect."""

    @staticmethod
    def settings(url: str, database: str | None) -> dict[str, str]:
        """Give the variables that lead to the server, and its server to the database."""
        if database is None:
            return {"PREFECT_API_URL": url}
        stored = database.replace("postgresql://", "postgresql+asyncpg://", 1)
        return {"PREFECT_API_URL": url, "PREFECT_SERVER_DATABASE_CONNECTION_URL": stored}

    def prepare(self) -> None:
        """Put a database without rows into the home."""
        shutil.copy(_empty_database(self.product), self.home)

    def server_command(self, port: int) -> list[str]:
        """Give the command that starts the server."""
        return [self.product.command, "server", "start", "--host", "127.0.0.1", "--port", str(port)]

    def worker_command(self, pool: str, limit: int) -> list[str]:
        """Give the command that starts a worker of processes."""
        return [self.product.command, "worker", "start", "--pool", pool, "--type", "process", "--limit", str(limit)]

    def worker_is_listed(self, pool: str) -> bool:
        """Say whether the server knows a worker of the pool."""
        return bool(self.api.post(f"work_pools/{pool}/workers/filter", json={}).raise_for_status().json())

    def deploy_from(self, folder: Path, entrypoint: str, pool: str) -> str:
        """Make a pool and a deployment in it, and return the deployment's id."""
        self._make("work_pools/", {"name": pool, "type": "process"})
        flow = self._make("flows/", {"name": entrypoint.rpartition(":")[2].replace("_", "-")})
        body = {
            "name": "bench",
            "flow_id": flow["id"],
            "work_pool_name": pool,
            "entrypoint": entrypoint,
            # What its command `deploy` writes for a flow in a folder of this machine.
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}],
        }
        return str(self._make("deployments/", body)["id"])

    def _make(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(_patiently(lambda: self.api.post(path, json=body)).json())

    def create_run(self, deployment: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Create a run that is due at once, and return its id."""
        body = {"parameters": dict(parameters or {}), "state": {"type": "SCHEDULED"}}
        return str(
            _patiently(lambda: self.api.post(f"deployments/{deployment}/create_flow_run", json=body)).json()["id"]
        )

    def set_paused(self, pool: str, paused: bool) -> None:
        """Hold back a pool's runs, or let them go."""
        _patiently(lambda: self.api.patch(f"work_pools/{pool}", json={"is_paused": paused}))

    def run(self, run_id: str) -> Run:
        """Read a flow run."""
        found = self.api.get(f"flow_runs/{run_id}").raise_for_status().json()
        due, started, ended = (_instant(found[name]) for name in ("expected_start_time", "start_time", "end_time"))
        return Run(run_id, found["state_type"], datetime.fromisoformat(found["created"]), due, started, ended)


@cache
def _empty_database(product: Product) -> Path:
    """Have Prefect make its database, in a folder that goes when this process ends."""
    home = Path(tempfile.mkdtemp(prefix="alisio-bench-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    product.run("server", "database", "upgrade", "--yes", environment=product.environment(home))
    return home / product.database


def _patiently(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Send again what got a 503, as Prefect's own client does: it comes where SQLite is locked for long."""
    for _ in range(_TRIES - 1):
        answer = send()
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return answer.raise_for_status()
        time.sleep(_SECONDS_BETWEEN_TRIES)
    return send().raise_for_status()


def _instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)

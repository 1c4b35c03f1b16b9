"""Our own server and agent, driven by the public command and API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.stacks.base import Run, Stack


class AlisioStack(Stack):
    """A server of Alisio."""

    @staticmethod
    def settings(url: str, database: str | None) -> dict[str, str]:
        """Give the variables that lead to the server, and its server to the database."""
        return {"ALISIO_API_URL": url} | ({"ALISIO_API_DATABASE_CONNECTION_URL": database} if database else {})

    def server_command(self, port: int) -> list[str]:
        """Give the command that starts the server."""
        return [self.product.command, "server", "start", "--port", str(port)]

    def worker_command(self, pool: str, limit: int) -> list[str]:
        """Give the command that starts an agent."""
        return [self.product.command, "agent", "start", "-p", pool, "--limit", str(limit)]

    def worker_is_listed(self, pool: str) -> bool:
        """Say whether the server knows an agent of the pool."""
        return any(agent["work_pool_name"] == pool for agent in self.api.get("agents").json()["items"])

    def deploy_from(self, folder: Path, entrypoint: str, pool: str) -> str:
        """Make a pool and a deployment in it, and return the deployment's id."""
        self.run_command("work-pool", "create", pool)
        arguments = ("deploy", entrypoint, "--name", "bench", "--pool", pool, "--output", "json")
        answer = json.loads(self.run_command(*arguments, cwd=folder))
        deployment: dict[str, Any] = answer[0] if isinstance(answer, list) else answer
        return str(deployment["id"])

    def create_run(self, deployment: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Create a run that is due at once, and return its id."""
        body = {"parameters": dict(parameters or {})}
        answer = self.api.post(f"deployments/{deployment}/runs", json=body).raise_for_status()
        return str(answer.json()["id"])

    def set_paused(self, pool: str, paused: bool) -> None:
        """Hold back a pool's runs, or let them go."""
        self.api.patch(f"work-pools/{pool}", json={"paused": paused}).raise_for_status()

    def run(self, run_id: str) -> Run:
        """Read a flow run."""
        found = self.api.get(f"flow-runs/{run_id}").raise_for_status().json()
        due, started, ended = (_instant(found[name]) for name in ("due", "started", "ended"))
        return Run(run_id, found["state"]["type"], datetime.fromisoformat(found["created"]), due, started, ended)


def _instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)

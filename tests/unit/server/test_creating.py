"""Asking for runs: what is answered is what is stored, and nothing is answered that is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from alisio_server.adapters.laptop.silence import Silence
from alisio_server.database.access_tables import audit_log
from alisio_server.embedded import Backend, open_services
from alisio_server.services import Services
from alisio_server.settings import ServerSettings
from tests.postgres import Postgres
from tests.waiting import wait_until

# What a trigger of the database does at each commit that has stored a run.
_AT_COMMIT = """
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON flow_run
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit();
"""
_LOCK = 1_234


def ask(backend: Backend, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Send a request; give its status, and its body read."""
    content = b"" if body is None else json.dumps(body).encode()
    status, _, answer = backend.handle(method, f"/api{path}", {}, {"Content-Type": "application/json"}, content)
    return status, json.loads(answer)


def deploy(backend: Backend, **more: Any) -> str:
    """Make a pool and a deployment in it."""
    assert 201 == ask(backend, "POST", "/work-pools", {"name": "pool"})[0]
    spec = {"flow_name": "f", "name": "d", "entrypoint": "f.py:f", "work_pool_name": "pool", **more}
    status, made = ask(backend, "POST", "/deployments", spec)
    assert 200 == status, made
    return str(made["id"])


@pytest.fixture
def on_postgres(postgres: Postgres, tmp_path: Path) -> Iterator[Services]:
    """A database of PostgreSQL."""
    with postgres.database() as url:
        services = open_services(ServerSettings(database_url=url, home=tmp_path), Silence())
        yield services
        services.database.dispose()


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"name": "tide", "parameters": {"z": 1, "a": [1.5, None]}, "tags": ["mine"], "job_variables": {"env": {}}},
        {"due": "2031-05-04T12:00:00.123456+02:00", "idempotency_key": "once", "work_queue_name": "default"},
    ],
)
def test_the_answer_is_what_is_stored(backend: Backend, wanted: dict[str, Any]) -> None:
    """The answer to a request for a run shows it as reading it does, the first time and later."""
    deployment_id = deploy(backend, parameters={"a": 0}, tags=["theirs"], retries=2)
    for number in range(2):
        key = {"idempotency_key": f"once {number}"} if "idempotency_key" in wanted else {}
        status, answered = ask(backend, "POST", f"/deployments/{deployment_id}/runs", wanted | key)
        assert 201 == status, answered
        read = ask(backend, "GET", f"/flow-runs/{answered['id']}")[1]
        assert json.dumps(read) == json.dumps(answered)
        states = ask(backend, "GET", f"/flow-runs/{answered['id']}/states")[1]
        assert [answered["state"]] == states


def test_asking_again_gives_the_first_run(backend: Backend, services: Services) -> None:
    """The same key gives the run that it made, and each request is in the audit log once."""
    path = f"/deployments/{deploy(backend)}/runs"
    first, second = (ask(backend, "POST", path, {"idempotency_key": "once"}) for _ in range(2))

    assert (201, 200) == (first[0], second[0])
    assert first[1] == second[1]
    with services.database.read() as connection:
        recorded = select(audit_log.c.target, audit_log.c.fields).where(audit_log.c.action == "create_run")
        assert [(f"/api{path}", ["idempotency_key"])] * 2 == [tuple(row) for row in connection.execute(recorded)]


def test_a_commit_that_fails_is_told(on_postgres: Services) -> None:
    """A run whose commit fails is not answered as made, and nothing of it is there; the next one is made."""
    backend = Backend(on_postgres)
    path = f"/deployments/{deploy(backend)}/runs"
    with on_postgres.database.write() as connection:
        connection.execute(text(_AT_COMMIT.format(what="RAISE serialization_failure")))
    status, answered = ask(backend, "POST", path, {})
    counted = ask(backend, "POST", "/flow-runs/count", {})[1]
    with on_postgres.database.write() as connection:
        connection.execute(text("DROP TRIGGER at_commit ON flow_run"))
        actions = connection.execute(select(audit_log.c.action).order_by(audit_log.c.id)).scalars().all()

    assert 503 == status, answered
    assert 0 == counted["count"]
    assert ["create_work_pool", "apply_deployment"] == actions
    assert 201 == ask(backend, "POST", path, {})[0]


def test_a_commit_that_waits_holds_up_nobody(on_postgres: Services) -> None:
    """While the commit of a run waits for the disk, others are answered; the run is answered once it is committed."""
    backend = Backend(on_postgres)
    path = f"/deployments/{deploy(backend)}/runs"
    with on_postgres.database.write() as connection:
        connection.execute(text(_AT_COMMIT.format(what=f"PERFORM pg_advisory_xact_lock({_LOCK})")))
    waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = :lock")
    with ThreadPoolExecutor(1) as thread:
        with on_postgres.database.write() as holder:
            holder.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            asked = thread.submit(ask, backend, "POST", path, {})
            wait_until(lambda: bool(holder.execute(waits, {"lock": _LOCK}).scalar_one()), 10, "the commit to wait")
            counted = ask(backend, "POST", "/flow-runs/count", {})
            assert not asked.done()
        status, answered = asked.result(timeout=10)

    assert (200, {"count": 0, "capped": False}) == counted
    assert 201 == status, answered
    assert answered == ask(backend, "GET", f"/flow-runs/{answered['id']}")[1]

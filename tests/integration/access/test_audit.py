"""The audit log: what is in it, what is not, and that it cannot say anything else than what was done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import event

from alisio.contract.ids import new_id
from alisio.contract.roles import Role
from alisio_server.embedded import Backend
from tests.integration.access.conftest import ELSEWHERE, Door

POOL = ("POST", "/api/work-pools", {"name": "pool", "description": "a secret of ours"})


@pytest.fixture
def root(door: Door) -> str:
    """An admin's key."""
    return door.new_key().text


def audit(door: Door, key: str, query: str = "") -> list[dict[str, Any]]:
    """Read the log, the newest first."""
    answer = door.ask("GET", f"/api/audit{query}", key=key)
    assert 200 == answer.status, answer
    items: list[dict[str, Any]] = answer.body["items"]
    return items


def test_a_change_is_told_with_who_what_and_from_where(door: Door, root: str) -> None:
    """The names of the fields are kept, and not what was in them."""
    door.ask(*POOL, key=root, source=ELSEWHERE)

    (record,) = audit(door, root)

    assert ("root", "admin", "create_work_pool", "/api/work-pools", ELSEWHERE, False) == tuple(
        record[name] for name in ("actor", "role", "action", "target", "source", "refused")
    )
    assert ["name", "description"] == record["fields"]
    assert "secret of ours" not in json.dumps(record)


@pytest.mark.parametrize("kind", ["", "application/json; charset=utf-8"])
def test_the_fields_are_told_whatever_the_body_is_called(door: Door, root: str, kind: str) -> None:
    """A body that does not say what it is, is read as JSON, and so its fields are told."""
    assert 201 == door.ask("POST", "/api/work-pools", {"name": "other"}, key=root, **{"content-type": kind}).status

    assert ["name"] == audit(door, root)[0]["fields"]


def test_a_path_is_told_with_its_names(door: Door, root: str) -> None:
    """As people write them."""
    door.ask("POST", "/api/work-pools", {"name": "größe 1"}, key=root)
    door.ask("PATCH", "/api/work-pools/gr%C3%B6%C3%9Fe%201", {"paused": True}, key=root)

    assert "/api/work-pools/größe 1" == audit(door, root)[0]["target"]


def test_what_only_reads_is_not_told(door: Door, root: str) -> None:
    """Nor is what changed nothing, because it could not be done."""
    door.ask("POST", "/api/flows/filter", {}, key=root)
    door.ask("GET", "/api/work-pools", key=root)
    door.ask("DELETE", "/api/work-pools/nothing", key=root)
    door.ask("POST", "/api/work-pools", {"nonsense": 1}, key=root)

    assert [] == audit(door, root)


def test_what_is_only_tried_is_not_told(door: Door, root: str) -> None:
    """A dry run changes nothing; the same request in earnest is told."""
    wanted = {"filter": {"state_types": ["FAILED"]}}

    assert 200 == door.ask("POST", "/api/flow-runs/delete", wanted | {"dry_run": True}, key=root).status
    assert [] == audit(door, root)

    assert 200 == door.ask("POST", "/api/flow-runs/delete", wanted, key=root).status
    assert ["delete_flow_runs"] == [record["action"] for record in audit(door, root)]


def test_the_traffic_of_machines_is_not_told(door: Door, root: str) -> None:
    """Beats, claims and reports are no changes by somebody: they would bury those."""
    door.ask(*POOL, key=root)
    agent = door.new_key("agent", Role.AGENT).text
    agent_id = str(new_id())
    beat = {"name": "a", "work_pool_name": "pool", "host": "h", "pid": 1, "version": "1"}
    claim = {"claim_id": str(new_id()), "agent_id": agent_id, "slots": 1}
    report = {"attempt": 1, "sequence": 1, "origin": "script", "facts": {"flow_name": "f"}}

    assert 200 == door.ask("PUT", f"/api/agents/{agent_id}", beat, key=agent).status
    assert 200 == door.ask("POST", "/api/work-pools/pool/claims", claim, key=agent).status
    assert door.ask("POST", f"/api/flow-runs/{new_id()}/reports", report, key=agent).status in (200, 422)

    assert ["create_work_pool"] == [record["action"] for record in audit(door, root)]


def test_a_refusal_is_told_once_a_minute(door: Door, root: str) -> None:
    """Whoever tries what they may not is seen; a program that tries for ever does not fill the disk."""
    viewer = door.new_key("viewer", Role.VIEWER).text
    for _ in range(5):
        assert 403 == door.ask(*POOL, key=viewer).status

    (record,) = audit(door, root)
    assert ("viewer", "create_work_pool", True) == (record["actor"], record["action"], record["refused"])

    door.clock.now += 61
    door.ask(*POOL, key=viewer)
    assert 2 == len(audit(door, root))


def test_a_change_and_its_record_are_one(door: Door, root: str) -> None:
    """Where the record cannot be written, nothing is changed."""

    def fail(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO audit_log" in statement:
            raise OSError(28, "no space left on the device")

    event.listen(door.services.database.engine, "before_cursor_execute", fail)
    assert door.ask(*POOL, key=root).status >= 500
    event.remove(door.services.database.engine, "before_cursor_execute", fail)

    assert [] == door.ask("GET", "/api/work-pools", key=root).body["items"]
    assert [] == audit(door, root)


def test_those_without_a_key_have_names_too(door: Door) -> None:
    """`anonymous` at a server that is open, `local` in the database itself."""
    door.ask(*POOL)
    body = json.dumps({"name": "other"}).encode()
    Backend(door.services).handle("POST", "/api/work-pools", {}, {"content-type": "application/json"}, body)

    root = door.new_key().text

    assert ["local", "anonymous"] == [record["actor"] for record in audit(door, root)]


def test_the_log_is_read_in_pages_and_narrowed(door: Door, root: str) -> None:
    """By actor, by action and by time; page after page gives each record once."""
    other = door.new_key("other").text
    for number in range(5):
        door.ask("POST", "/api/work-pools", {"name": f"pool-{number}"}, key=root if number % 2 else other)
    door.ask("DELETE", "/api/work-pools/pool-0", key=other)

    assert 2 == len(audit(door, root, "?actor=root"))
    assert ["delete_work_pool"] == [record["action"] for record in audit(door, root, "?action=delete_work_pool")]
    assert [] == audit(door, root, "?since=2999-01-01T00:00:00Z")
    assert 6 == len(audit(door, root, "?since=2020-01-01T00:00:00Z"))
    seen: list[int] = []
    cursor = ""
    while True:
        page = door.ask("GET", f"/api/audit?limit=4{cursor}", key=root).body
        seen += [record["id"] for record in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(set(seen), reverse=True) == seen
    assert 6 == len(seen)

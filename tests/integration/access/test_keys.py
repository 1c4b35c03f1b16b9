"""API keys: how they are made, how they close a server, and when they are refused."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from alisio.contract.access import KEY_PATTERN
from alisio.contract.roles import Role
from alisio_server.access.authentication import TRUSTED_SECONDS
from alisio_server.access.throttle import MAX_FAILURES, WINDOW_SECONDS
from alisio_server.database.access_tables import api_key
from tests.integration.access.conftest import ELSEWHERE, HERE, Door

FLOWS = ("POST", "/api/flows/filter", {})


def row_of(door: Door, name: str) -> Any:
    """Read a key's row."""
    with door.services.database.read() as connection:
        return connection.execute(select(api_key).where(api_key.c.name == name)).one()


def test_a_server_without_keys_is_open_to_its_machine_alone(door: Door) -> None:
    """Whoever asks from elsewhere needs a key, even where there is none yet."""
    assert 200 == door.ask(*FLOWS, source=HERE).status
    assert 200 == door.ask(*FLOWS, source="::1").status
    assert 200 == door.ask(*FLOWS, source="::ffff:127.0.0.1").status
    for source in (ELSEWHERE, "", "::ffff:203.0.113.7", "nonsense"):
        assert 401 == door.ask(*FLOWS, source=source).status


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:4200"},
        {"host": "127.0.0.1:4200", "origin": "https://evil.example"},
        {"host": "127.0.0.1:4200", "origin": "null"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "["},
        {"host": "127.0.0.1:4200", "origin": "http://["},
    ],
)
def test_an_open_server_is_not_open_to_the_pages_of_others(door: Door, headers: dict[str, str]) -> None:
    """A page in a browser of this machine reaches the port, by its own name or by one that resolves to here."""
    assert 401 == door.ask(*FLOWS, **headers).status
    near = {"host": "localhost:4200", "origin": "http://[::1]:4200"}
    assert 200 == door.ask(*FLOWS, **near).status


@pytest.mark.parametrize("header", ["forwarded", "via", "x-forwarded-for", "x-real-ip"])
def test_an_open_server_is_not_open_through_a_proxy(door: Door, header: str) -> None:
    """A proxy on this machine asks for others, wherever they are."""
    assert 401 == door.ask(*FLOWS, **{"host": "127.0.0.1:4200", header: "127.0.0.1"}).status


def test_the_first_key_closes_the_server_for_good(door: Door) -> None:
    """In every process at once, and also when it has been revoked."""
    other = Door(door.services)
    assert 200 == other.ask(*FLOWS).status

    made = door.ask("POST", "/api/api-keys", {"name": "root", "role": "admin"})

    assert (201, "anonymous") == (made.status, made.body["created_by"])
    assert KEY_PATTERN.fullmatch(made.body["key"])
    for process in (door, other):
        refused = process.ask(*FLOWS)
        assert (401, "api_key_missing", "Bearer") == (
            refused.status,
            refused.body["code"],
            refused.headers["WWW-Authenticate"],
        )
        assert 200 == process.ask(*FLOWS, key=made.body["key"]).status
    assert 200 == door.ask("POST", f"/api/api-keys/{made.body['id']}/revoke", key=made.body["key"]).status
    assert 401 == Door(door.services).ask(*FLOWS).status


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.DEPLOYER])
def test_the_first_key_is_an_admins(door: Door, role: Role) -> None:
    """Another would close the server to everybody who could make more."""
    refused = door.ask("POST", "/api/api-keys", {"name": "first", "role": role})

    assert (422, "first_key_not_admin", "role") == (refused.status, refused.body["code"], refused.body["field"])
    assert 200 == door.ask(*FLOWS).status


def test_only_a_hash_of_the_secret_is_kept(door: Door) -> None:
    """Neither the database nor any listing holds what opens the door."""
    key = door.new_key().text
    secret = key.rpartition("_")[2] if key.count("_") == 2 else key.split("_", 2)[2]

    listed = door.ask("GET", "/api/api-keys", key=key)

    assert secret not in str(row_of(door, "root"))
    assert secret not in str(listed.body) and row_of(door, "root").secret_hash not in str(listed.body)
    assert ["root"] == [item["name"] for item in listed.body["items"]]


def test_keys_are_never_alike(door: Door) -> None:
    """Each has 256 bits of its own."""
    keys = [door.new_key(f"key-{number}") for number in range(20)]

    assert 20 == len({key.text.split("_", 2)[2] for key in keys}) == len({key.id for key in keys})
    assert all(key.text not in repr(key) for key in keys)


def test_two_keys_that_hold_have_two_names(door: Door) -> None:
    """A name is free again when its key was revoked."""
    root, first = door.new_key().text, door.new_key("ci", Role.DEPLOYER)
    wanted = {"name": "ci", "role": "viewer"}

    assert (409, "api_key_exists") == (
        (answer := door.ask("POST", "/api/api-keys", wanted, key=root)).status,
        answer.body["code"],
    )
    assert 200 == door.ask("POST", f"/api/api-keys/{first.id}/revoke", key=root).status
    assert 201 == door.ask("POST", "/api/api-keys", wanted, key=root).status


@pytest.mark.parametrize("name", ["local", "anonymous", "", "a/b"])
def test_a_name_is_one_that_nobody_else_stands_for(door: Door, name: str) -> None:
    """What the audit log calls those without a key is no key's name."""
    refused = door.ask("POST", "/api/api-keys", {"name": name, "role": "admin"})

    assert (422, "name") == (refused.status, refused.body["field"])


def test_a_revocation_is_felt_in_every_process_within_half_a_minute(door: Door) -> None:
    """A process trusts a key that it has seen for 30 s."""
    root, doomed = door.new_key().text, door.new_key("doomed", Role.VIEWER)
    other = Door(door.services)
    assert 200 == other.ask(*FLOWS, key=doomed.text).status
    assert 200 == door.ask("POST", f"/api/api-keys/{doomed.id}/revoke", key=root).status

    other.clock.now += TRUSTED_SECONDS

    refused = other.ask(*FLOWS, key=doomed.text)
    assert (401, "api_key_refused") == (refused.status, refused.body["code"])


def test_a_revocation_happens_once(door: Door) -> None:
    """Revoking again changes nothing, and what there is not cannot be revoked."""
    root, doomed = door.new_key().text, door.new_key("doomed", Role.VIEWER)
    path = f"/api/api-keys/{doomed.id}/revoke"

    first = door.ask("POST", path, key=root).body["revoked"]

    assert first is not None
    assert first == door.ask("POST", path, key=root).body["revoked"]
    assert 404 == door.ask("POST", f"/api/api-keys/{'0' * 32}/revoke", key=root).status


def test_an_expired_key_is_refused(door: Door) -> None:
    """By the clock of the database; and no key is made that has expired already."""
    root = door.new_key().text
    soon = datetime.now(UTC) + timedelta(minutes=5)
    key = door.new_key("brief", Role.VIEWER, expires=soon)
    assert 200 == door.ask(*FLOWS, key=key.text).status

    with door.services.database.write() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(update(api_key).where(api_key.c.id == key.id).values(expires=past))
    door.clock.now += TRUSTED_SECONDS

    assert 401 == door.ask(*FLOWS, key=key.text).status
    late = {"name": "late", "role": "viewer", "expires": "2020-01-01T00:00:00Z"}
    assert "already_expired" == door.ask("POST", "/api/api-keys", late, key=root).body["code"]


def test_the_last_use_is_noted_about_every_minute(door: Door) -> None:
    """Not with each request, which would make every read a write."""
    key = door.new_key().text
    door.ask(*FLOWS, key=key)
    first = row_of(door, "root").last_used
    assert first is not None

    door.clock.now += TRUSTED_SECONDS
    door.ask(*FLOWS, key=key)
    assert first == row_of(door, "root").last_used

    with door.services.database.write() as connection:
        connection.execute(update(api_key).values(last_used=first - timedelta(minutes=2)))
    door.clock.now += TRUSTED_SECONDS
    door.ask(*FLOWS, key=key)
    assert first <= row_of(door, "root").last_used


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1],
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key + "A",
        lambda key: key.upper(),
        lambda key: key.replace("alisio_", "alisio-", 1),
        lambda key: "alisio_" + "0" * 32 + key[39:],
        lambda _: "",
        lambda _: "\ud800",
        lambda _: "x" * 100_000,
        lambda _: "' OR 1=1 --",
    ],
)
def test_what_is_nearly_a_key_is_none(door: Door, change: Any) -> None:
    """Every character counts, and what is no key at all is refused like a wrong one."""
    key = door.new_key().text

    refused = door.ask(*FLOWS, key=change(key))

    assert (401, "api_key_refused") == (refused.status, refused.body["code"])


def test_another_scheme_is_refused(door: Door) -> None:
    """The scheme is Bearer, in any letters."""
    key = door.new_key().text

    assert 401 == door.ask(*FLOWS, authorization=f"Basic {key}").status
    assert 401 == door.ask(*FLOWS, authorization=key).status
    assert 200 == door.ask(*FLOWS, authorization=f"bearer {key}").status


def test_guessing_is_slowed_down_and_those_who_have_keys_go_on(door: Door) -> None:
    """After ten wrong keys in a minute an address that shows another wrong one has to wait; right ones pass."""
    right = door.new_key().text
    for _ in range(MAX_FAILURES):
        assert 401 == door.ask(*FLOWS, key="guess").status

    refused = door.ask(*FLOWS, key="guess")
    assert (429, "too_many_failures") == (refused.status, refused.body["code"])
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_SECONDS
    assert 200 == door.ask(*FLOWS, key=right).status
    assert 401 == door.ask(*FLOWS, key="guess", source=ELSEWHERE).status
    door.clock.now += WINDOW_SECONDS
    assert 401 == door.ask(*FLOWS, key="guess").status


def test_those_who_show_no_key_do_not_lock_others_out(door: Door) -> None:
    """A program that was given no key guesses nothing."""
    key = door.new_key().text
    for _ in range(2 * MAX_FAILURES):
        assert 401 == door.ask(*FLOWS).status

    assert 200 == door.ask(*FLOWS, key=key).status


def test_keys_are_read_where_nothing_can_be_written(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """A disk that is full does not lock anybody out: only the last use is not noted."""
    if not door.services.database.is_sqlite:
        pytest.skip("the trigger that refuses the write is SQLite's")
    key = door.new_key().text
    with door.services.database.write() as connection:
        connection.execute(text("ALTER TABLE api_key RENAME TO kept"))
        connection.execute(text("CREATE VIEW api_key AS SELECT * FROM kept"))

    with caplog.at_level(logging.WARNING, logger="alisio.server"):
        assert 200 == door.ask(*FLOWS, key=key).status

    assert "the use of API key root could not be noted" in caplog.text
    assert key not in caplog.text

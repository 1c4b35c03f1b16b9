"""`alisio api-key` and `alisio audit`, on the database itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from alisio.contract.access import KEY_PATTERN, mask_key
from tests.unit.cli.conftest import Commands


def listed(commands: Commands) -> list[tuple[str, str, bool]]:
    """List keys: name, role, whether it holds."""
    keys = json.loads(commands.run("api-key", "ls", "-o", "json").out)
    return [(key["name"], key["role"], key["revoked"] is None) for key in keys]


def test_a_key_is_shown_once_and_alone(commands: Commands) -> None:
    """It is all that stdout holds, so that a script can take it; who it is for goes to stderr."""
    made = commands.run("api-key", "create", "me", "--role", "admin")

    assert KEY_PATTERN.fullmatch(made.out.strip())
    assert "API key me (admin); it is not shown again:\n" == made.err
    assert made.out.strip() not in commands.run("api-key", "ls", "-o", "json").out


def test_a_key_is_made_as_json_too(commands: Commands) -> None:
    """With all that is known of it, and its end as it was asked for."""
    commands.run("api-key", "create", "me", "--role", "admin")
    made = json.loads(
        commands.run("api-key", "create", "ci", "--role", "deployer", "--expires", "90d", "-o", "json").out
    )

    assert ("ci", "deployer", "local") == (made["name"], made["role"], made["created_by"])
    left = datetime.fromisoformat(made["expires"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)


def test_a_key_is_revoked_by_name_or_id(commands: Commands) -> None:
    """It stays in the listing; a name that nobody has is told with a near one."""
    commands.run("api-key", "create", "me", "--role", "admin")
    made = json.loads(commands.run("api-key", "create", "ci", "--role", "viewer", "-o", "json").out)

    assert "did you mean 'ci'?" in commands.refused("api-key", "revoke", "cii")
    assert 0 == commands.run("api-key", "revoke", "ci").code
    assert "no API key 'ci' holds" in commands.refused("api-key", "revoke", "ci")
    assert 0 == commands.run("api-key", "revoke", made["id"]).code
    assert [("ci", "viewer", False), ("me", "admin", True)] == listed(commands)
    assert "revoked" in commands.run("api-key", "ls").out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["x", "--role", "boss"], "--role 'boss' is unknown; it must be viewer, agent, deployer or admin"),
        (["x", "--role", "viewer"], "the first API key must have the role admin"),
        (["local", "--role", "admin"], "name: 'local' stands for callers without a key"),
        (["x", "--role", "admin", "--expires", "soon"], "--expires: "),
        (["x", "--role", "admin", "--expires", "0d"], "expires: "),
        (["x", "--role", "admin", "--expires", "99999999d"], "--expires: '99999999d' is longer than 100 years"),
    ],
)
def test_a_key_that_cannot_be_is_refused(commands: Commands, arguments: list[str], line: str) -> None:
    """In one line, and nothing is made."""
    assert commands.refused("api-key", "create", *arguments).startswith(line)
    assert [] == listed(commands)


def test_the_audit_log_is_listed_and_narrowed(commands: Commands) -> None:
    """By action, actor and age, the newest first, and no more than is asked for."""
    commands.run("work-pool", "create", "one")
    commands.run("work-pool", "create", "two")
    commands.run("work-pool", "delete", "one")

    def actions(*options: str) -> list[str]:
        return [record["action"] for record in json.loads(commands.run("audit", "ls", "-o", "json", *options).out)]

    assert ["delete_work_pool", "create_work_pool", "create_work_pool"] == actions()
    assert ["delete_work_pool"] == actions("--limit", "1")
    assert 2 == len(actions("--action", "create_work_pool", "--since", "1h", "--actor", "local"))
    assert [] == actions("--actor", "nobody")
    assert "/api/work-pools/one" in commands.run("audit", "ls").out


def test_a_masked_key_says_which_it_is() -> None:
    """Its public part stays; of what is no key, nothing does."""
    key = "alisio_" + "0a" * 16 + "_" + "s" * 43

    assert "alisio_" + "0a" * 16 + "_***" == mask_key(key)
    assert "***" == mask_key(key[:-1]) == mask_key("hunter2")

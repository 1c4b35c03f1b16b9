"""`alisio work-pool` and `alisio work-queue`, on the embedded backend."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import Commands


@pytest.fixture
def pool(commands: Commands) -> str:
    """A work pool."""
    assert 0 == commands.run("work-pool", "create", "local").code
    return "local"


def test_a_pool_is_created_and_shown(commands: Commands) -> None:
    """As JSON one pool is an object, and a list of pools an array."""
    created = json.loads(commands.run("work-pool", "create", "local", "--limit", "4", "-o", "json").out)
    inspected = json.loads(commands.run("work-pool", "inspect", "local", "-o", "json").out)
    listed = json.loads(commands.run("work-pool", "ls", "-o", "json").out)

    assert ("local", "process", 4) == (created["name"], created["type"], created["concurrency_limit"])
    assert inspected == created
    assert [created] == listed
    assert "local  process" in commands.run("work-pool", "ls").out


def test_a_pool_is_paused_limited_and_deleted(commands: Commands, pool: str) -> None:
    """Each command changes what it names and says so."""

    def now() -> tuple[str, int | None]:
        shown = json.loads(commands.run("work-pool", "inspect", pool, "-o", "json").out)
        return shown["status"], shown["concurrency_limit"]

    assert "paused work pool local\n" == commands.run("work-pool", "pause", pool).out
    assert "work pool local has limit 2\n" == commands.run("work-pool", "set-limit", pool, "2").out
    assert ("paused", 2) == now()
    assert "resumed work pool local\n" == commands.run("work-pool", "resume", pool).out
    assert "work pool local has no limit\n" == commands.run("work-pool", "set-limit", pool, "none").out
    assert ("not_ready", None) == now()
    assert "deleted work pool local\n" == commands.run("work-pool", "delete", pool).out
    assert "[]\n" == commands.run("work-pool", "ls", "-o", "json").out


def test_a_typing_error_in_a_pool_is_answered_with_the_nearest_name(commands: Commands, pool: str) -> None:
    """Where no name is near, the line says how to create the pool."""
    assert "there is no work pool 'locl'; did you mean 'local'?" == commands.refused("work-pool", "inspect", "locl")
    assert "alisio work-pool create xyz" in commands.refused("work-pool", "pause", "xyz")
    assert "did you mean 'local'?" in commands.refused("work-queue", "ls", "-p", "locl")
    assert "did you mean 'local'?" in commands.refused("agent", "ls", "-p", "locl")


def test_a_type_that_no_agent_starts_is_refused(commands: Commands) -> None:
    """The line lists the types that there are."""
    assert "--type 'cloud' must be one of: process" == commands.refused("work-pool", "create", "x", "--type", "cloud")


def test_queues_have_priorities_and_limits(commands: Commands, pool: str) -> None:
    """A queue is created, changed, shown and deleted within its pool."""
    at = ("-p", pool)
    commands.run("work-queue", "create", "urgent", *at, "--priority", "1", "--limit", "3")
    commands.run("work-queue", "pause", "urgent", *at)
    commands.run("work-queue", "set-priority", "urgent", "5", *at)
    commands.run("work-queue", "set-limit", "urgent", "none", *at)

    queue = json.loads(commands.run("work-queue", "inspect", "urgent", *at, "-o", "json").out)
    assert (5, None, True) == (queue["priority"], queue["concurrency_limit"], queue["paused"])

    commands.run("work-queue", "resume", "urgent", *at)
    names = [found["name"] for found in json.loads(commands.run("work-queue", "ls", *at, "-o", "json").out)]
    assert ["urgent", "default"] == names
    commands.run("work-queue", "delete", "urgent", *at)
    assert "urgent" in commands.refused("work-queue", "inspect", "urgent", *at)


def test_long_lists_are_shown_whole(commands: Commands, pool: str) -> None:
    """A list that has several pages is read to its end."""
    from alisio.client import open_client
    from alisio.contract.work_pools import WorkPoolCreate

    with open_client() as client:
        for number in range(205):
            client.create_work_pool(WorkPoolCreate(name=f"pool-{number:03}"))

    assert 206 == len(json.loads(commands.run("work-pool", "ls", "-o", "json").out))

"""The commands themselves: what they show as JSON, how they refuse, and the server's own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.backends import clean_environment, free_port, is_healthy
from tests.e2e.flows import QUICK
from tests.e2e.stack import Stack


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """Variables for commands with a home and a port of their own."""
    return clean_environment(home=tmp_path / "own-home") | {
        "ALISIO_SERVER_API_PORT": str(free_port()),
        "ALISIO_API_URL": "",
    }


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_work_pools_and_queues_are_made_shown_and_deleted(stack: Stack) -> None:
    """Pools and queues live through the commands alone, and what is in use says why it stays."""
    pool = f"{stack.pool}-two"
    stack.cli("work-pool", "create", pool, "--limit", "3", "--description", "for a test")
    stack.cli("work-queue", "create", "fast", "-p", pool, "--priority", "5", "--limit", "2")

    shown = stack.cli("work-pool", "inspect", pool, "--output", "json").json
    assert (pool, "process", 3) == (shown["name"], shown["type"], shown["concurrency_limit"])
    assert pool in [found["name"] for found in stack.cli("work-pool", "ls", "--output", "json").json]
    queues = stack.cli("work-queue", "ls", "-p", pool, "--output", "json").json
    assert {("default", None), ("fast", 2)} == {(queue["name"], queue["concurrency_limit"]) for queue in queues}
    stack.cli("work-queue", "set-priority", "fast", "7", "-p", pool)
    assert 7 == stack.cli("work-queue", "inspect", "fast", "-p", pool, "--output", "json").json["priority"]
    assert pool in stack.refused("work-pool", "create", pool)
    assert "default" in stack.refused("work-queue", "delete", "default", "-p", pool)
    stack.cli("work-queue", "delete", "fast", "-p", pool)
    stack.cli("work-pool", "delete", pool)
    assert pool in stack.refused("work-pool", "inspect", pool)


def test_json_output_is_the_same_as_the_api(stack: Stack) -> None:
    """`--output json` prints an array for a list and an object for one thing, in the API's own words."""
    deployed = stack.deploy(QUICK, "--tag", "shown", "--description", "to look at")
    run_id = stack.run(deployed)

    shown = stack.cli("deployment", "inspect", deployed.address, "--output", "json").json
    assert stack.api.get(f"/deployments/{deployed.id}") == shown
    listed = stack.cli("deployment", "ls", "--output", "json").json
    assert deployed.id in [found["id"] for found in listed]
    assert stack.read_run(run_id) == stack.cli("flow-run", "inspect", run_id, "--output", "json").json
    runs = stack.cli("flow-run", "ls", "--deployment", deployed.address, "--output", "json").json
    assert [run_id] == [run["id"] for run in runs]
    assert "main" in [found["name"] for found in stack.cli("flow", "ls", "--output", "json").json]


def test_tables_show_the_same_things(stack: Stack) -> None:
    """Without `--output` people get tables with the names that they gave."""
    deployed = stack.deploy(QUICK)
    run_id = stack.run(deployed, "--name", "a-named-run")

    assert "a-named-run" in stack.cli("flow-run", "ls").out
    assert "a-named-run" in stack.cli("flow-run", "inspect", run_id).out
    assert deployed.address in stack.cli("deployment", "ls").out
    assert stack.pool in stack.cli("work-pool", "ls").out


def test_a_deployment_is_deleted(stack: Stack) -> None:
    """A deleted deployment is gone with its waiting scheduled runs."""
    deployed = stack.deploy(QUICK, "--cron", "* * * * *")
    assert stack.runs(state_types=["SCHEDULED"])

    stack.cli("deployment", "delete", deployed.address)

    assert deployed.address in stack.refused("deployment", "inspect", deployed.address)
    assert [] == stack.runs(state_types=["SCHEDULED"])


def test_what_does_not_exist_is_named(stack: Stack) -> None:
    """An unknown deployment, pool, queue or run is told in one line with its name, and the exit code is 1."""
    nobody = "0199c5a0-0000-7000-8000-000000000000"

    assert "no/such" in stack.refused("deployment", "run", "no/such")
    assert "no-such-pool" in stack.refused("work-pool", "inspect", "no-such-pool")
    assert "no-such-queue" in stack.refused("work-queue", "pause", "no-such-queue", "-p", stack.pool)
    assert nobody in stack.refused("flow-run", "logs", nobody)
    assert "no-such-pool" in stack.refused("agent", "start", "-p", "no-such-pool")
    entrypoint = f"{stack.write('flow.py', QUICK)}:main"
    assert "no-such-pool" in stack.refused("deploy", entrypoint, "--name", "lost", "-p", "no-such-pool")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def main(:\n", "flow.py"),
        ("import no_such_module\n", "no_such_module"),
        ("def main(): ...\n", "main"),
        ("from alisio import flow\n\n@flow\ndef other(): ...\n", "main"),
        ("raise SystemExit(0)\n", "flow.py"),
    ],
    ids=["syntax-error", "missing-module", "no-flow", "other-name", "exits"],
)
def test_a_broken_entrypoint_is_not_deployed(stack: Stack, source: str, said: str) -> None:
    """A file from which no flow can be had is told in one line, and no deployment is made."""
    path = stack.write("flow.py", source)

    assert said in stack.refused("deploy", f"{path}:main", "--name", "broken", "-p", stack.pool)

    assert [] == stack.api.post("/deployments/filter", {"filter": {"work_pool_names": [stack.pool]}})["items"]


def test_a_server_that_is_away_is_named(stack: Stack) -> None:
    """With nothing at `ALISIO_API_URL` a command says so, with the address, in one line."""
    away = {"ALISIO_API_URL": f"http://127.0.0.1:{free_port()}/api"}

    assert away["ALISIO_API_URL"] in stack.refused("flow-run", "ls", env=away)
    assert away["ALISIO_API_URL"] in stack.refused("deployment", "run", "some/thing", env=away)


def test_a_server_lives_in_the_background(stack: Stack, own: dict[str, str]) -> None:
    """`server start --background`, `status` and `stop` belong together; commands find the server without settings."""
    api_url = f"http://127.0.0.1:{own['ALISIO_SERVER_API_PORT']}/api"
    stack.cli("server", "start", "--background", env=own)
    try:
        assert is_healthy(api_url)
        assert api_url.removesuffix("/api") in stack.cli("server", "status", env=own).out
        stack.cli("work-pool", "create", "found", env=own)
        assert api_url.removesuffix("/api") in stack.refused("server", "start", "--background", env=own)
    finally:
        stack.cli("server", "stop", env=own)

    assert not is_healthy(api_url)
    assert ["found"] == [pool["name"] for pool in stack.cli("work-pool", "ls", "--output", "json", env=own).json]


def test_a_taken_port_is_named(stack: Stack, own: dict[str, str], taken_port: int) -> None:
    """A server whose port is in use says which, in one line, also in the background."""
    port = ("--port", str(taken_port))

    assert str(taken_port) in stack.refused("server", "start", *port, env=own)
    assert str(taken_port) in stack.refused("server", "start", "--background", *port, env=own)


def test_only_loopback_is_served(stack: Stack, own: dict[str, str]) -> None:
    """A server that others could reach is refused, with the reason, while there are no keys."""
    assert "0.0.0.0" in stack.refused("server", "start", "--host", "0.0.0.0", env=own)


def test_the_database_is_reset(stack: Stack, own: dict[str, str]) -> None:
    """`server database reset` empties the database and leaves it fit for use."""
    stack.cli("server", "database", "upgrade", env=own)
    stack.cli("work-pool", "create", "to-be-lost", env=own)

    stack.cli("server", "database", "reset", "-y", env=own)

    assert [] == stack.cli("work-pool", "ls", "--output", "json", env=own).json


def test_settings_are_kept_in_the_profile(stack: Stack, own: dict[str, str]) -> None:
    """`config set` is kept for later commands, the environment goes over it, and a wrong name or value is refused."""
    stack.cli("config", "set", "ALISIO_LOGGING_LEVEL=DEBUG", env=own)

    assert "DEBUG" in stack.cli("config", "view", env=own).out
    assert "ERROR" in stack.cli("config", "view", env=own | {"ALISIO_LOGGING_LEVEL": "ERROR"}).out
    stack.cli("config", "unset", "ALISIO_LOGGING_LEVEL", env=own)
    assert "DEBUG" not in stack.cli("config", "view", env=own).out
    assert "ALISIO_LOGING_LEVEL" in stack.refused("config", "set", "ALISIO_LOGING_LEVEL=DEBUG", env=own)
    assert "loud" in stack.refused("config", "set", "ALISIO_LOGGING_LEVEL=loud", env=own)


def test_every_command_has_help_with_an_example(stack: Stack) -> None:
    """`--help` works on the groups, and shows an example on the commands that people use most."""
    assert "deployment" in stack.cli("--help").out
    for command in ("deploy", "deployment run", "agent start", "server start", "work-pool create", "flow-run logs"):
        assert f"alisio {command}" in stack.cli(*command.split(), "--help").out


def test_bad_input_to_the_api_names_the_field(stack: Stack) -> None:
    """The API answers what it cannot use with 422, a stable code and the field, and what is not there with 404."""
    for path, body, field in (
        ("/work-pools", {"name": "a/b"}, "name"),
        ("/work-pools", {"name": "ok", "colour": "red"}, "colour"),
        ("/flow-runs/filter", {"limit": 0}, "limit"),
        ("/flow-runs/filter", {"filter": {"state_types": ["DONE"]}}, "state_types"),
    ):
        error = stack.api.post(path, body, status=422)
        assert "invalid_input" == error["code"]
        assert field in error["field"]
    assert (
        "deployment_not_found" == stack.api.get(f"/deployments/{'0' * 8}-0000-7000-8000-{'0' * 12}", status=404)["code"]
    )

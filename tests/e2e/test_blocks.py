"""Blocks: saved by a program, used by runs, and changed without deploying anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.stack import Stack

DOORS = """
    import sys

    from pydantic import SecretStr

    from alisio.blocks.core import Block
    from alisio.blocks.system import Secret


    class Login(Block):
        user: str
        password: SecretStr


    class Door(Block):
        where: str
        login: Login


    if __name__ == "__main__":
        name, password = sys.argv[1:]
        login = Login(user="me", password=SecretStr(password))
        login.save(name, overwrite=True)
        Door(where="front", login=login).save(name, overwrite=True)
        Secret(value={"token": "swordfish"}).save(name, overwrite=True)
"""
FLOW = """
    from alisio import flow, task
    from alisio.blocks.core import Block
    from alisio.blocks.system import Secret
    from doors import Door


    @task
    def password_of(name: str) -> str:
        return Door.load(name).login.password.get_secret_value()


    @flow(log_prints=True)
    async def main(name: str) -> None:
        assert (await Secret.load(name)).get() == {"token": "swordfish"}
        print("a password of", len(password_of(name)), await Block.aload(f"secret/{name}"), await Door.load(name))
"""


def _save(stack: Stack, program: Path, password: str) -> None:
    command = [sys.executable, str(program), stack.pool, password]
    done = subprocess.run(command, env=stack.backend.environment, capture_output=True, text=True, timeout=60)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_runs_use_blocks_and_their_secrets_are_seen_nowhere(stack: Stack) -> None:
    """Runs load what is stored when they start, with its secrets; commands, logs and answers show masks."""
    name = stack.pool
    doors = stack.write("doors.py", DOORS)
    _save(stack, doors, "swordfish-1")
    deployed = stack.deploy(FLOW, "--param", f"name={name}")
    stack.start_agent()
    first = stack.run(deployed)
    stack.wait_for_run(first, "COMPLETED")
    _save(stack, doors, "a longer swordfish")
    second = stack.run(deployed)
    stack.wait_for_run(second, "COMPLETED")

    lines = [line for run_id in (first, second) for line in stack.logs(run_id)]
    shown = [
        stack.cli("block", "ls", "-o", "json").out,
        stack.cli("block", "inspect", f"door/{name}", "-o", "json").out,
        stack.cli("block", "inspect", f"login/{name}").out,
        json.dumps(stack.api.get(f"/block-types/secret/block-documents/name/{name}")),
    ]
    said = [line.partition(" value=")[0] for line in lines if line.startswith("a password")]
    assert ["a password of 11", "a password of 18"] == said
    assert "swordfish" not in "".join([*shown, *lines])
    revealed = stack.api.post(f"/block-types/secret/block-documents/name/{name}/reveal")
    assert {"value": {"token": "swordfish"}} == revealed["document"]["data"]
    assert f"the block login/{name} is held by door/{name}" in stack.refused("block", "delete", f"login/{name}")
    for slug in ("door", "login", "secret"):
        assert f"deleted block {slug}/{name}\n" == stack.cli("block", "delete", f"{slug}/{name}").out

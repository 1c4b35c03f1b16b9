"""What makes deployments in asynchronous code: it gives what its sibling gives, and the event loop goes on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alisio import Flow, deploy, flow, serve
from alisio.contract.deployments import DeploymentQuery
from alisio.contract.work_pools import WorkPoolCreate
from alisio.deployments import adeploy
from alisio.exceptions import AlisioError
from alisio.testing import Harness, alisio_test_harness
from tests.waiting import wait_until


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A back end with a work pool."""
    with alisio_test_harness() as harness:
        harness.client.create_work_pool(WorkPoolCreate(name="pool"))
        yield harness


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a flow."""
    (tmp_path / "work.py").write_text("from alisio import flow\n\n@flow\ndef work(n: int = 1):\n    return n\n")
    return tmp_path


def test_deploying(harness: Harness, project: Path) -> None:
    """A flow is loaded, described and deployed, alone and with others; awaiting a description gives the same one."""

    async def deploying() -> None:
        work = await Flow.afrom_source(project, "work.py:work")
        described = await work.ato_deployment("first", parameters={"n": 2})
        assert "work/first" == described.full_name
        await described.aapply("pool")
        await work.adeploy("second", "pool", print_next_steps=False)
        await adeploy(await work.to_deployment("third"), work_pool_name="pool", print_next_steps=False)
        with pytest.raises(AlisioError, match="names no work pool"):
            await adeploy(described)

    asyncio.run(deploying())

    found = harness.client.filter_deployments(DeploymentQuery()).items
    assert {"first", "second", "third"} == {each.name for each in found}
    assert {"n": 2} == next(each.parameters for each in found if each.name == "first")


SERVING = """
    import asyncio
    import os
    import signal
    from alisio import aserve, flow
    from alisio.deployments import arun_deployment

    @flow
    def work(n: int = 1):
        return n

    async def main():
        serving = asyncio.create_task(aserve(await work.ato_deployment("here"), limit=1))
        while True:
            try:
                run = await arun_deployment("work/here", parameters={"n": 3}, timeout=60, poll_interval=0.2)
                break
            except Exception:
                assert not serving.done(), serving.exception()
                await asyncio.sleep(0.1)
        print("ran", run.state.name, flush=True)
        if os.environ["BY"] == "signal":
            os.kill(os.getpid(), signal.SIGINT)
            await serving
        else:
            serving.cancel()
            try:
                await serving
            except asyncio.CancelledError:
                print("cancelled", flush=True)
        print("ended", flush=True)

    if __name__ == "__main__":
        asyncio.run(main())
"""


@pytest.mark.parametrize("by", ["signal", "cancel"])
def test_serving(tmp_path: Path, by: str) -> None:
    """A flow is served beside other code of the loop, until a signal comes or its task is cancelled."""
    script = tmp_path / "serving.py"
    script.write_text(textwrap.dedent(SERVING))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ALISIO_")}
    home = tmp_path / "home"
    environment = {**clean, "ALISIO_HOME": str(home), "ALISIO_SERVER_API_PORT": "0", "BY": by}

    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "ran Completed\n" in done.stdout
    assert done.stdout.endswith("ended\n" if by == "signal" else "cancelled\nended\n")
    wait_until(lambda: not is_there(home / "server.json"))


def is_there(record: Path) -> bool:
    """Tell whether the server of a record runs; one that should not is ended."""
    try:
        os.kill(json.loads(record.read_text())["pid"], 0)
    except (OSError, ValueError):
        return False
    return True


@pytest.mark.parametrize("function", [serve, deploy])
def test_what_is_no_deployment(function: Callable[..., object]) -> None:
    """Who gives a flow where its deployment is meant is told so."""
    with pytest.raises(ValueError, match=r"takes what Flow.to_deployment\(name=…\) makes, not the flow 'lonely'"):
        function(flow(name="lonely")(lambda: None))
    with pytest.raises(ValueError, match="makes, not 5"):
        function(5)

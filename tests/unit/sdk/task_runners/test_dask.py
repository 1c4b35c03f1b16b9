"""What is particular to Dask: where the cluster comes from, clients in tasks, and a cluster that is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, get_run_logger, task
from tests.unit.sdk.conftest import MemoryServer
from tests.unit.sdk.task_runners.conftest import needs
from tests.waiting import wait_until

needs("dask", "distributed")

from distributed import LocalCluster  # noqa: E402

from alisio.exceptions import WorkerLostError  # noqa: E402
from alisio.task_runners import DaskTaskRunner, TaskRunner  # noqa: E402
from alisio_dask import get_async_dask_client, get_dask_client  # noqa: E402

IN_PROCESS = {"processes": False, "n_workers": 1, "threads_per_worker": 2, "dashboard_address": "127.0.0.1:0"}
"""A cluster on threads of this process: it starts in a moment."""


OTHER_CLUSTER = f"""
from distributed import LocalCluster
print(LocalCluster(**{ {**IN_PROCESS, "host": "127.0.0.1", "protocol": "tcp"}!r}).scheduler_address, flush=True)
input()
"""
"""A cluster in another process, that lives until this one goes."""


def run_on(runner: TaskRunner | type[TaskRunner]) -> Any:
    """Run a flow of three tasks; give the sum of their results."""

    @task
    def square(n: int) -> int:
        get_run_logger().info("square of %d", n)
        return n * n

    @flow(task_runner=runner)
    def squares() -> Any:
        return sum(square.map([1, 2, 3]).result())

    return squares()


def test_a_cluster_of_its_own(server: MemoryServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A flow run makes its cluster as it is told, which may adapt itself, and closes it; log lines are shown once."""
    made: list[LocalCluster] = []

    def make(**kwargs: Any) -> LocalCluster:
        made.append(LocalCluster(**kwargs))
        return made[0]

    runner = DaskTaskRunner(cluster_class=make, cluster_kwargs=IN_PROCESS, adapt_kwargs={"minimum": 1, "maximum": 1})
    assert 14 == run_on(runner)
    assert "closed" == made[0].status.name
    assert 1 == server.only_run().messages.count("square of 2")
    assert 1 == capsys.readouterr().err.count("square of 2")
    assert 14 == run_on(DaskTaskRunner(cluster_class="distributed.LocalCluster", cluster_kwargs=IN_PROCESS))


def test_a_given_cluster(server: MemoryServer) -> None:
    """A cluster that is given, itself or by its address, is used and left as it is."""
    with LocalCluster(**IN_PROCESS) as cluster:
        assert 14 == run_on(DaskTaskRunner(address=cluster.scheduler_address))
        assert 14 == run_on(DaskTaskRunner(cluster, client_kwargs={"name": "ours"}))
        assert "running" == cluster.status.name


def test_clients_in_flows_and_tasks(server: MemoryServer, dask_client: Any) -> None:
    """The code of flows and tasks can compute on the cluster that runs it."""

    @task
    def on_worker() -> int:
        with get_dask_client() as client:
            return int(client.submit(sum, [1, 2, 3]).result())

    @task
    async def on_worker_async() -> int:
        async with get_async_dask_client() as client:
            return int(await client.submit(sum, [4, 5]))

    @flow(task_runner=DaskTaskRunner(client=dask_client))
    def computing() -> Any:
        with get_dask_client() as client:
            here = client.submit(sum, [10]).result()
        return {"sums": [on_worker.submit().result(), on_worker_async.submit().result(), here]}

    assert {"sums": [6, 9, 10]} == computing()


def test_a_cluster_that_is_gone(server: MemoryServer, tmp_path: Path) -> None:
    """When the cluster goes, tasks on it have CRASHED with what happened, and the flow goes on by its own rules."""
    command = [sys.executable, "-c", OTHER_CLUSTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()

        @task
        def wait() -> None:
            (tmp_path / "begun").touch()
            wait_until((tmp_path / "over").exists, timeout=100)

        @flow(task_runner=DaskTaskRunner(address=address, client_kwargs={"timeout": 10}))
        def goes_on() -> Any:
            future = wait.submit()
            wait_until((tmp_path / "begun").exists)
            cluster.kill()
            future.wait()
            return {"state": future.state}

        state = goes_on()["state"]
    assert "Crashed" == state.name
    assert "the Dask cluster gave no answer" in state.message


def test_no_cluster(server: MemoryServer) -> None:
    """Where there is no cluster at the address, tasks have CRASHED, and the message says so."""

    @task
    def never() -> None: ...

    @flow(task_runner=DaskTaskRunner(address="tcp://127.0.0.1:1", client_kwargs={"timeout": 0.2}))
    def lost() -> Any:
        states = [never.submit(return_state=True) for _ in range(2)]
        return {"states": states}

    states = lost()["states"]
    assert ["Crashed", "Crashed"] == [state.name for state in states]
    assert "DaskTaskRunner cannot start" in states[0].message
    assert isinstance(states[0].result(raise_on_failure=False), WorkerLostError)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "tcp://x", "cluster_class": LocalCluster}, "address and cluster_class exclude each other"),
        ({"address": "tcp://x", "adapt_kwargs": {"maximum": 2}}, "adapt_kwargs are for a cluster of its own"),
        ({"client": object(), "client_kwargs": {"name": "x"}}, "client_kwargs are for a client of its own"),
    ],
)
def test_options_that_exclude_each_other(options: dict[str, Any], message: str) -> None:
    """Options that cannot be used together are refused at once."""
    with pytest.raises(ValueError, match=message):
        DaskTaskRunner(**options)


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Dask is not installed, the error says how to install it."""
    monkeypatch.setattr("alisio.task_runners.dask.find_spec", lambda _name: None)
    with pytest.raises(ImportError, match=r"pip install 'alisio\[dask\]'"):
        DaskTaskRunner()


def test_where_users_of_prefect_look() -> None:
    """The names are where `prefect_dask` has them."""
    import alisio_dask.task_runners
    import alisio_dask.utils

    assert DaskTaskRunner is alisio_dask.DaskTaskRunner is alisio_dask.task_runners.DaskTaskRunner
    assert get_dask_client is alisio_dask.utils.get_dask_client

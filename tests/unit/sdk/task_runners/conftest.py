"""Each task runner, ready to be used: few clusters are started, each once for all tests."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from alisio.task_runners import ProcessPoolTaskRunner, SequentialTaskRunner, TaskRunner, ThreadPoolTaskRunner
from tests.unit.sdk.task_runners.ray_cluster import shared_ray

MakeRunner: TypeAlias = Callable[[], TaskRunner]
ALL = ("threads", "sequential", "processes", "dask", "ray")
REMOTE = ("processes", "dask", "ray")
CONCURRENT = ("threads", *REMOTE)


def needs(extra: str, module: str) -> None:
    """Skip a test where an extra is not installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(
            f"{extra} is not installed here: pip install 'alisio[{extra}]' has its tests run", allow_module_level=True
        )


@pytest.fixture(scope="session")
def dask_client() -> Iterator[Any]:
    """A client of a cluster of one process with two threads."""
    needs("dask", "distributed")
    from distributed import Client, LocalCluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0")
        client = Client(cluster, set_as_default=False)
    yield client
    client.close()
    cluster.close()


@pytest.fixture(scope="session")
def ray_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Ray, connected to the one cluster of all processes of the session."""
    needs("ray", "ray")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ray"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = shared_ray(folder)
        ray = cluster.__enter__()
    yield ray
    cluster.__exit__(None, None, None)


@pytest.fixture
def make_runner(request: pytest.FixtureRequest) -> MakeRunner:
    """Makes task runners of the kind that the test is run for."""
    kind: str = request.param
    if kind == "threads":
        return lambda: ThreadPoolTaskRunner(4)
    if kind == "sequential":
        return SequentialTaskRunner
    if kind == "processes":
        return lambda: ProcessPoolTaskRunner(2)
    if kind == "ray":
        request.getfixturevalue("ray_instance")
        from alisio.task_runners import RayTaskRunner

        return RayTaskRunner
    client = request.getfixturevalue("dask_client")
    from alisio.task_runners import DaskTaskRunner

    return lambda: DaskTaskRunner(client=client)


def on(*kinds: str) -> pytest.MarkDecorator:
    """Run a test for each of these task runners."""
    return pytest.mark.parametrize("make_runner", kinds, indirect=True)

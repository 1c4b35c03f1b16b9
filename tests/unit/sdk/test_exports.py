"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import alisio

PATHS = {
    "alisio.artifacts": "create_link_artifact create_markdown_artifact create_progress_artifact create_table_artifact",
    "alisio.assets": "Asset AssetProperties add_asset_metadata materialize",
    "alisio.blocks.abstract": "CredentialsBlock DatabaseBlock JobBlock NotificationBlock ObjectStorageBlock"
    " SecretBlock",
    "alisio.blocks.core": "Block",
    "alisio.blocks.system": "Secret",
    "alisio.cache_policies": "CacheKeyFnPolicy CachePolicy DEFAULT FLOW_PARAMETERS INPUTS NO_CACHE NONE RUN_ID"
    " TASK_SOURCE",
    "alisio.client.orchestration": "get_client",
    "alisio.client.schemas.actions": "DeploymentFlowRunCreate GlobalConcurrencyLimitCreate WorkPoolCreate"
    " WorkPoolUpdate",
    "alisio.client.schemas.filters": "DeploymentFilter FlowFilter FlowRunFilter FlowRunFilterState"
    " FlowRunFilterStateType LogFilter TaskRunFilter WorkPoolFilter",
    "alisio.client.schemas.objects": "Deployment Flow FlowRun Log State StateType TaskRun Variable WorkPool",
    "alisio.client.schemas.sorting": "FlowRunSort TaskRunSort",
    "alisio.concurrency.asyncio": "concurrency rate_limit",
    "alisio.concurrency.sync": "concurrency rate_limit",
    "alisio.context": "tags",
    "alisio.deployments": "arun_deployment deploy run_deployment",
    "alisio.deployments.runner": "RunnerDeployment deploy",
    "alisio.events": "Event emit_event",
    "alisio.exceptions": "CancelledRun CrashedRun FailedRun FlowRunWaitTimeout MissingContextError MissingResult"
    " ObjectAlreadyExists ObjectNotFound ParameterTypeError UnfinishedRun",
    "alisio.flow_runs": "pause_flow_run resume_flow_run suspend_flow_run wait_for_flow_run",
    "alisio.flows": "Flow flow",
    "alisio.futures": "PrefectFuture PrefectFutureList as_completed resolve_futures_to_results"
    " resolve_futures_to_states wait",
    "alisio.input": "RunInput receive_input send_input",
    "alisio.locking.filesystem": "FileSystemLockManager",
    "alisio.locking.memory": "MemoryLockManager",
    "alisio.logging": "get_run_logger",
    "alisio.results": "ResultStore",
    "alisio.runtime": "flow_run task_run",
    "alisio.schedules": "Cron Interval RRule Schedule",
    "alisio.serializers": "CompressedSerializer JSONSerializer PickleSerializer Serializer",
    "alisio.states": "Cancelled Completed Crashed Failed Paused Pending Running Scheduled State get_state_exception",
    "alisio.task_runners": "ProcessPoolTaskRunner TaskRunner ThreadPoolTaskRunner",
    "alisio.tasks": "Task exponential_backoff task task_input_hash",
    "alisio.transactions": "CommitMode IsolationLevel Transaction TransactionState atransaction get_transaction"
    " transaction",
    "alisio.types.entrypoint": "EntrypointType",
    "alisio.utilities.annotations": "allow_failure opaque quote unmapped",
    "alisio.variables": "Variable",
    "alisio_dask.task_runners": "DaskTaskRunner",
    "alisio_ray.task_runners": "RayTaskRunner",
}
"""By module, what users of Prefect import from there; those of Dask and Ray from `prefect_dask` and `prefect_ray`."""

HEAVY = ("pydantic", "httpx", "sqlalchemy", "asyncio", "typer", "rich", "alisio.client", "concurrent")


def test_export_list() -> None:
    """These are the public names; each can be had, and is listed."""
    expected = [
        "Flow", "State", "Task", "Transaction", "__version__", "allow_failure", "apause_flow_run", "aresume_flow_run",
        "aserve", "asuspend_flow_run", "deploy", "flow", "get_client", "get_run_logger", "pause_flow_run",
        "resume_flow_run", "runtime", "serve", "suspend_flow_run", "tags", "task", "unmapped",
    ]  # fmt: skip
    assert expected == alisio.__all__
    assert set(expected) <= set(dir(alisio))
    for name in expected:
        assert getattr(alisio, name) is not None


@pytest.mark.parametrize("module", PATHS)
def test_module_paths(module: str) -> None:
    """What files that are written for Prefect import is at the same place below `alisio`."""
    found = import_module(module)
    assert [] == [name for name in PATHS[module].split() if not hasattr(found, name)]


def test_each_name_is_exported_once() -> None:
    """No list of names has one twice, or one that is not there; what two modules export is one and the same."""
    exported: dict[str, Any] = {}
    for module in ("alisio", *PATHS):
        found = import_module(module)
        names = getattr(found, "__all__", [])
        assert len(set(names)) == len(names), module
        for name in names:
            value = getattr(found, name)
            # Two modules have the same names for the two styles of code; and a schema is not what it describes.
            if not module.startswith(("alisio.concurrency.", "alisio.client.schemas.")):
                assert value is exported.setdefault(name, value), f"{module}.{name}"


def test_unknown_name() -> None:
    """Asking for a name that there is not is an ordinary AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = alisio.nothing


def test_version() -> None:
    """The version is that of the distribution."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert project["project"]["version"] == alisio.__version__


def test_decorators_are_quick_to_import() -> None:
    """Making flows and tasks imports nothing heavy."""
    code = f"""
import sys
from alisio import flow, task

@task(retries=2)
def t(n: int) -> int: ...

@flow(name="x")
def f(n: int) -> int: ...

heavy = [name for name in {HEAVY!r} if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)

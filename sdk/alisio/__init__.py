"""Alisio: workflow orchestration with no server to keep.

    from alisio import flow, task

Every public name is imported when it is first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio import runtime
    from alisio.client.orchestration import get_client
    from alisio.context import tags
    from alisio.deployments.runner import deploy
    from alisio.deployments.serving import aserve, serve
    from alisio.flow_runs import (
        apause_flow_run,
        aresume_flow_run,
        asuspend_flow_run,
        pause_flow_run,
        resume_flow_run,
        suspend_flow_run,
    )
    from alisio.flows import Flow, flow
    from alisio.logging import get_run_logger
    from alisio.states import State
    from alisio.tasks import Task, task
    from alisio.transactions import Transaction
    from alisio.utilities.annotations import allow_failure, unmapped

__version__ = "0.1.0"

__all__ = [
    "Flow",
    "State",
    "Task",
    "Transaction",
    "__version__",
    "allow_failure",
    "apause_flow_run",
    "aresume_flow_run",
    "aserve",
    "asuspend_flow_run",
    "deploy",
    "flow",
    "get_client",
    "get_run_logger",
    "pause_flow_run",
    "resume_flow_run",
    "runtime",
    "serve",
    "suspend_flow_run",
    "tags",
    "task",
    "unmapped",
]

_HOMES = {
    "Flow": "alisio.flows",
    "State": "alisio.states",
    "Task": "alisio.tasks",
    "Transaction": "alisio.transactions",
    "allow_failure": "alisio.utilities.annotations",
    "apause_flow_run": "alisio.flow_runs",
    "aresume_flow_run": "alisio.flow_runs",
    "aserve": "alisio.deployments.serving",
    "asuspend_flow_run": "alisio.flow_runs",
    "deploy": "alisio.deployments.runner",
    "flow": "alisio.flows",
    "get_client": "alisio.client.orchestration",
    "get_run_logger": "alisio.logging",
    "pause_flow_run": "alisio.flow_runs",
    "resume_flow_run": "alisio.flow_runs",
    "serve": "alisio.deployments.serving",
    "suspend_flow_run": "alisio.flow_runs",
    "tags": "alisio.context",
    "task": "alisio.tasks",
    "unmapped": "alisio.utilities.annotations",
}
"""Where each public name is defined."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "runtime":
        return import_module("alisio.runtime")
    if name not in _HOMES:
        raise AttributeError(f"module 'alisio' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

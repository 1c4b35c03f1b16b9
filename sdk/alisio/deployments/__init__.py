"""Deployments from Python: making them, serving them, and asking for their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio.deployments.flow_runs import arun_deployment, run_deployment
    from alisio.deployments.runner import RunnerDeployment, adeploy, deploy
    from alisio.deployments.serving import aserve, serve

_HOMES = {
    "RunnerDeployment": "alisio.deployments.runner",
    "adeploy": "alisio.deployments.runner",
    "arun_deployment": "alisio.deployments.flow_runs",
    "aserve": "alisio.deployments.serving",
    "deploy": "alisio.deployments.runner",
    "run_deployment": "alisio.deployments.flow_runs",
    "serve": "alisio.deployments.serving",
}

__all__ = ["RunnerDeployment", "adeploy", "arun_deployment", "aserve", "deploy", "run_deployment", "serve"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

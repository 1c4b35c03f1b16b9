"""Flows, runs and states as the client gives them.

Hooks are given objects of their own with the same fields and more, so these classes serve as annotations there.
"""

from __future__ import annotations

from alisio.contract.deployments import Deployment
from alisio.contract.limits import ConcurrencyLimit as GlobalConcurrencyLimit
from alisio.contract.limits import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from alisio.contract.runs import Flow, FlowRun, TaskRun
from alisio.contract.states import StateType
from alisio.contract.work_pools import WorkPool, WorkQueue
from alisio.states import State

__all__ = [
    "ConcurrencyLimitConfig",
    "ConcurrencyLimitStrategy",
    "Deployment",
    "Flow",
    "FlowRun",
    "GlobalConcurrencyLimit",
    "State",
    "StateType",
    "TaskRun",
    "WorkPool",
    "WorkQueue",
]

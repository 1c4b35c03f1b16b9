"""What the client is given to create and change things: the bodies of the API's requests.

Made of what does not fit, each raises a `ValueError` of one line.
"""

from __future__ import annotations

from alisio.client.schemas.one_line import ToldInOneLine
from alisio.contract import access, artifacts, blocks, deployments, limits, runs, variables, work_pools

__all__ = [
    "ApiKeyCreate",
    "ArtifactCreate",
    "ArtifactUpdate",
    "BackfillRequest",
    "BlockDocumentCreate",
    "BlockDocumentUpdate",
    "BlockTypeSpec",
    "DeploymentCreate",
    "DeploymentFlowRunCreate",
    "DeploymentUpdate",
    "GlobalConcurrencyLimitCreate",
    "GlobalConcurrencyLimitUpdate",
    "ScheduleSpec",
    "VariableCreate",
    "WorkPoolCreate",
    "WorkPoolUpdate",
    "WorkQueueCreate",
    "WorkQueueUpdate",
]


class ApiKeyCreate(ToldInOneLine, access.ApiKeyCreate):
    """An API key to be."""


class ArtifactCreate(ToldInOneLine, artifacts.ArtifactCreate):
    """An artifact to be."""


class ArtifactUpdate(ToldInOneLine, artifacts.ArtifactPatch):
    """What is to change of an artifact."""


class BackfillRequest(ToldInOneLine, deployments.BackfillRequest):
    """Which times of a schedule are to have runs."""


class BlockDocumentCreate(ToldInOneLine, blocks.BlockDocumentCreate):
    """A block to be."""


class BlockDocumentUpdate(ToldInOneLine, blocks.BlockDocumentPatch):
    """What is to change of a block."""


class BlockTypeSpec(ToldInOneLine, blocks.BlockTypeSpec):
    """A type of blocks, with its schema."""


class DeploymentCreate(ToldInOneLine, deployments.DeploymentSpec):
    """A deployment to be."""


class ScheduleSpec(ToldInOneLine, deployments.ScheduleSpec):
    """When a deployment is to run."""


class DeploymentUpdate(ToldInOneLine, deployments.DeploymentPatch):
    """What is to change of a deployment."""


class GlobalConcurrencyLimitCreate(ToldInOneLine, limits.ConcurrencyLimitCreate):
    """A named limit to be."""


class GlobalConcurrencyLimitUpdate(ToldInOneLine, limits.ConcurrencyLimitPatch):
    """What is to change of a named limit."""


class DeploymentFlowRunCreate(ToldInOneLine, runs.FlowRunCreate):
    """A run of a deployment to be."""


class VariableCreate(ToldInOneLine, variables.VariableSet):
    """A variable to be."""


class WorkPoolCreate(ToldInOneLine, work_pools.WorkPoolCreate):
    """A work pool to be."""


class WorkPoolUpdate(ToldInOneLine, work_pools.WorkPoolPatch):
    """What is to change of a work pool."""


class WorkQueueCreate(ToldInOneLine, work_pools.WorkQueueCreate):
    """A work queue to be."""


class WorkQueueUpdate(ToldInOneLine, work_pools.WorkQueuePatch):
    """What is to change of a work queue."""

"""What the client is given to create and change things: the bodies of the API's requests."""

from __future__ import annotations

from alisio.contract.access import ApiKeyCreate
from alisio.contract.artifacts import ArtifactCreate
from alisio.contract.artifacts import ArtifactPatch as ArtifactUpdate
from alisio.contract.blocks import BlockDocumentCreate, BlockTypeSpec
from alisio.contract.blocks import BlockDocumentPatch as BlockDocumentUpdate
from alisio.contract.deployments import BackfillRequest, ScheduleSpec
from alisio.contract.deployments import DeploymentSpec as DeploymentCreate
from alisio.contract.limits import ConcurrencyLimitCreate as GlobalConcurrencyLimitCreate
from alisio.contract.limits import ConcurrencyLimitPatch as GlobalConcurrencyLimitUpdate
from alisio.contract.runs import FlowRunCreate as DeploymentFlowRunCreate
from alisio.contract.variables import VariableSet as VariableCreate
from alisio.contract.work_pools import WorkPoolCreate, WorkQueueCreate
from alisio.contract.work_pools import WorkPoolPatch as WorkPoolUpdate
from alisio.contract.work_pools import WorkQueuePatch as WorkQueueUpdate

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
    "GlobalConcurrencyLimitCreate",
    "GlobalConcurrencyLimitUpdate",
    "ScheduleSpec",
    "VariableCreate",
    "WorkPoolCreate",
    "WorkPoolUpdate",
    "WorkQueueCreate",
    "WorkQueueUpdate",
]

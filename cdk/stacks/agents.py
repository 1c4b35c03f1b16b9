"""The stack of the agents."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from cdk.constructs.agents import Agents
from cdk.constructs.network import Network
from cdk.stacks.core import CoreStack
from cdk.stages import AgentSettings, Stage


class AgentsStack(Stack):
    """`alisio-<stage>-agents`."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        settings: AgentSettings,
        *,
        network: Network,
        core: CoreStack,
    ) -> None:
        description = f"Alisio {stage.name}: agents"
        super().__init__(scope, f"{stage.prefix}-agents", description=description)
        agents = Agents(
            self,
            "Agents",
            stage=stage,
            settings=settings,
            network=network,
            api_url=core.api.url,
            key_secret=core.identity.agent_key_for(self),
        )
        CfnOutput(self, "ClusterName", value=agents.cluster.cluster_name)
        CfnOutput(self, "ServiceName", value=agents.service.service_name)
        CfnOutput(self, "WorkPool", value=settings.pool)

"""The stack of the virtual network."""

from __future__ import annotations

from aws_cdk import Stack
from constructs import Construct

from cdk.constructs.network import Network
from cdk.stages import NetworkSettings, Stage


class NetworkStack(Stack):
    """`alisio-<stage>-network`.

    Attributes:
        network: The network.
    """

    def __init__(self, scope: Construct, stage: Stage, settings: NetworkSettings) -> None:
        description = f"Alisio {stage.name}: network"
        super().__init__(scope, f"{stage.prefix}-network", description=description)
        self.network = Network(self, "Network", settings)

"""The stack of the database."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from cdk.constructs.database import Database
from cdk.constructs.network import Network
from cdk.stages import DatabaseSettings, Stage


class DatabaseStack(Stack):
    """`alisio-<stage>-database`.

    Attributes:
        database: The database.
    """

    def __init__(self, scope: Construct, stage: Stage, settings: DatabaseSettings, network: Network) -> None:
        description = f"Alisio {stage.name}: database"
        super().__init__(scope, f"{stage.prefix}-database", description=description)
        self.termination_protection = settings.protected
        self.database = Database(self, "Database", settings, network, stage.prefix)
        CfnOutput(self, "DatabaseId", value=self.database.instance.instance_identifier)

"""The stack of the web page."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from cdk.constructs.api import Api
from cdk.constructs.ui import Ui
from cdk.stages import Stage


class UiStack(Stack):
    """`alisio-<stage>-ui`."""

    def __init__(self, scope: Construct, stage: Stage, api: Api) -> None:
        super().__init__(scope, f"{stage.prefix}-ui", description=f"Alisio {stage.name}: web page")
        ui = Ui(self, "Ui", api.api)
        CfnOutput(self, "UiUrl", value=f"https://{ui.distribution.distribution_domain_name}")
        CfnOutput(self, "UiBucketName", value=ui.bucket.bucket_name)
        CfnOutput(self, "UiDistributionId", value=ui.distribution.distribution_id)

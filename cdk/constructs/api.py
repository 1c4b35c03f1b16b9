"""The HTTP API in front of the `api` function: every request goes there; throttling and access logs are the stage's."""

from __future__ import annotations

import json

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from cdk.constructs.kept import make_log_group
from cdk.nag import accept
from cdk.stages import Stage

_LOGGED = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "latency": "$context.responseLatency",
    "error": "$context.integrationErrorMessage",
}
"""A line of the access log: variables of API Gateway. Headers are left out, as they carry keys."""


class Api(Construct):
    """The HTTP API.

    Attributes:
        api: The API itself.
        url: Where it answers, with the path that clients are to be told.
    """

    def __init__(self, scope: Construct, id: str, stage: Stage, function: lambda_.IFunction) -> None:
        super().__init__(scope, id)
        self.api = apigateway.HttpApi(
            self,
            "HttpApi",
            api_name=stage.prefix,
            description=f"The API of Alisio, stage {stage.name}",
            create_default_stage=False,
        )
        routes = self.api.add_routes(
            path="/{proxy+}",
            methods=[apigateway.HttpMethod.ANY],
            integration=HttpLambdaIntegration("Function", function),
        )
        log_group = make_log_group(self, "AccessLogs", stage, f"/aws/apigateway/{stage.prefix}")
        apigateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=stage.api.requests_per_second,
                throttling_burst_limit=stage.api.burst,
                detailed_metrics_enabled=True,
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log_group.log_group_arn, format=json.dumps(_LOGGED)
            ),
        )
        gate = "The server's own gate asks each request for a key before any route; see docs/security.md."
        accept(routes[0], {"APIG4": gate})
        self.url = f"{self.api.api_endpoint}/api"

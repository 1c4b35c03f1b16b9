"""A function of the server: Python on Lambda, behind an alias, with a role, logs and variables of its own."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import ArnFormat, CustomResource, Duration, RemovalPolicy, Stack, custom_resources
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IDependable

from cdk.assets import FunctionsCode
from cdk.constructs.database import DatabaseAccess
from cdk.constructs.kept import make_log_group
from cdk.constructs.network import Network
from cdk.nag import accept, accept_managed_policy, accept_wildcard
from cdk.stages import Stage

ALIAS = "live"
METRICS_NAMESPACE = "Alisio"
_NETWORK_POLICY = "service-role/AWSLambdaENIManagementAccess"


@dataclass(frozen=True)
class Surroundings:
    """What all functions of a stage share.

    Attributes:
        stage: Whose functions they are.
        code: The code of all of them.
        network: Where they stand, if in a network.
        database: How they find the database.
    """

    stage: Stage
    code: FunctionsCode
    network: Network | None
    database: DatabaseAccess


class ServerFunction(Construct):
    """A function whose handler is `handlers.<name>.handler`.

    Traffic goes to its alias, which moves to a new version only when what it depends on has been deployed.

    Args:
        scope: Where it is made.
        name: Of its module among the handlers, and of the function.
        surroundings: What it shares with the others.
        timeout: How long one call may take.
        memory_mib: Memory; processor time comes in proportion, a whole one at 1,769.
        environment: Variables beside those that all have.
        concurrency: How many calls run at once at most; None: as many as the account allows.
        uses_database: Whether it talks to the database, so that it stands in its network and may read its credentials.
        goes_live: Whether it is called by its alias. Only versions start from snapshots.

    Attributes:
        name: The physical name.
        function: The function itself.
        role: What it may do.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        surroundings: Surroundings,
        *,
        timeout: Duration,
        memory_mib: int = 1024,
        environment: Mapping[str, str],
        concurrency: int | None = None,
        uses_database: bool = True,
        goes_live: bool = True,
    ) -> None:
        super().__init__(scope, "".join(word.capitalize() for word in name.split("_")))
        stage = surroundings.stage
        self.name = function_name(stage, name)
        network = surroundings.network if uses_database else None
        log_group = make_log_group(self, "Logs", stage, f"/aws/lambda/{self.name}")
        self.role = self._make_role(log_group, network)
        if uses_database:
            surroundings.database.grant(self.role)
        settings = stage.functions
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=self.name,
            description=f"Alisio {stage.name}: {name}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=_architecture(stage),
            code=lambda_.Code.from_asset(str(surroundings.code.folder), asset_hash=surroundings.code.digest),
            handler=f"handlers.{name}.handler",
            timeout=timeout,
            memory_size=memory_mib,
            environment=self._environment(surroundings, environment, uses_database=uses_database),
            role=self.role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE if settings.traced else lambda_.Tracing.DISABLED,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if goes_live and settings.snap_start else None,
            reserved_concurrent_executions=concurrency,
            vpc=network.vpc if network else None,
            vpc_subnets=network.functions_subnets if network else None,
            security_groups=[network.functions_group] if network else None,
        )
        self._explain(network, traced=settings.traced)

    def go_live(self, after: IDependable) -> lambda_.Alias:
        """Send traffic to what is deployed, but not before something else has succeeded.

        Args:
            after: What has to succeed, such as the migrations of the database.

        Returns:
            What is to be called.
        """
        alias = lambda_.Alias(self, "Alias", alias_name=ALIAS, version=self.function.current_version)
        alias.node.add_dependency(after)
        return alias

    def _make_role(self, log_group: logs.LogGroup, network: Network | None) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        if network is not None:
            role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(_NETWORK_POLICY))
        return role

    def _environment(
        self, surroundings: Surroundings, own: Mapping[str, str], *, uses_database: bool
    ) -> dict[str, str]:
        stage = surroundings.stage
        shared = {
            "ALISIO_STAGE": stage.name,
            "POWERTOOLS_SERVICE_NAME": self.name,
            "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
            "POWERTOOLS_LOG_LEVEL": stage.functions.log_level,
            # The network's endpoint of STS is the region's; the one for all regions is out of reach there.
            "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        }
        return shared | (surroundings.database.environment if uses_database else {}) | dict(own)

    def _explain(self, network: Network | None, *, traced: bool) -> None:
        accept(
            self.function, {"L1": "Python 3.13 is what its dependencies are installed for; cdk/assets.py names it too."}
        )
        if network is not None:
            reason = "The network interfaces of a function cannot be named before it has them."
            accept_managed_policy(self.role, _NETWORK_POLICY, reason)
        if traced:
            accept_wildcard(self.role, "*", "X-Ray knows no resources to name.")


def make_custom_resource(
    scope: Construct, id: str, function: ServerFunction, properties: Mapping[str, str]
) -> CustomResource:
    """Have a function called whenever a stack is made, changed in these properties, or destroyed.

    Args:
        scope: Where it is made.
        id: Its name there.
        function: Called with CloudFormation's event; what it raises fails the deployment, which is then rolled back.
        properties: What it is told.
    """
    log_group = logs.LogGroup(
        scope, f"{id}ProviderLogs", retention=logs.RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY
    )
    provider = custom_resources.Provider(
        scope, f"{id}Provider", on_event_handler=function.function, log_group=log_group
    )
    reason = "The CDK's own provider, whose runtime and role are the CDK's to choose."
    accept(provider, {"L1": reason})
    accept_managed_policy(provider, "service-role/AWSLambdaBasicExecutionRole", reason)
    versions = f"{function.function.function_arn}:*"
    accept_wildcard(provider, versions, "It may call the one function, in each of its versions.")
    resource = CustomResource(
        scope, id, service_token=provider.service_token, resource_type="Custom::" + id, properties=dict(properties)
    )
    resource.node.add_dependency(function.role)
    return resource


def function_name(stage: Stage, name: str) -> str:
    """Tell the physical name of a function, which others may need before it is made.

    Args:
        stage: Whose function it is.
        name: Of its module among the handlers.
    """
    return f"{stage.prefix}-{name.replace('_', '-')}"


def live_arn(scope: Construct, stage: Stage, name: str) -> str:
    """Tell the ARN of a function's alias without referring to it, so that a function may know its own.

    Args:
        scope: Something in the same stack.
        stage: Whose function it is.
        name: Of its module among the handlers.
    """
    name_and_alias = f"{function_name(stage, name)}:{ALIAS}"
    return Stack.of(scope).format_arn(
        service="lambda", resource="function", resource_name=name_and_alias, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def _architecture(stage: Stage) -> lambda_.Architecture:
    if stage.functions.architecture == "arm64" or platform.machine() in {"aarch64", "arm64"}:
        return lambda_.Architecture.ARM_64
    return lambda_.Architecture.X86_64

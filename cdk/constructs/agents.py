"""Agents on Fargate: none while nothing is due or running, and then as many as that takes."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.assets import ROOT
from cdk.constructs.alarms import server_metric
from cdk.constructs.kept import make_log_group
from cdk.constructs.network import Network
from cdk.nag import accept, accept_wildcard
from cdk.stages import AgentSettings, Stage

STOP_TIMEOUT = Duration.seconds(120)
"""How long an agent has to end once it is told to: the most that Fargate gives."""
_DRAIN_SECONDS = 110
"""How long of that it waits for its runs; the rest is for saying which of them it has to leave."""
_FOLDERS = {"home": "/var/lib/alisio", "tmp": "/tmp"}
"""Where an agent writes; all else of its file system is read-only."""


class Agents(Construct):
    """A service of agents that serve one work pool.

    Args:
        scope: Where it is made.
        id: Its name there.
        stage: Whose agents they are.
        settings: How many, and how large.
        network: Where they stand.
        api_url: What they ask for work.
        key_secret: Holds an API key of the role `agent`.

    Attributes:
        cluster: Where they run.
        service: The service.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        settings: AgentSettings,
        network: Network,
        api_url: str,
        key_secret: secretsmanager.ISecret,
    ) -> None:
        super().__init__(scope, id)
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=stage.prefix,
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        task = self._define_task(stage, settings, api_url, key_secret)
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=self.cluster,
            task_definition=task,
            vpc_subnets=network.agents_subnets,
            security_groups=[network.agents_group],
            assign_public_ip=network.agents_are_public,
            capacity_provider_strategies=[
                ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT" if settings.spot else "FARGATE", weight=1)
            ],
            # Scaling counts from there: at first there may be no work pool yet that an agent could serve.
            desired_count=0,
            # An agent that replaces another may stand beside it: both claim, and no run goes to both.
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            enable_execute_command=False,
        )
        # The CDK would make it too, and nothing wait for it: a service names providers that its cluster has to have.
        providers = ecs.CfnClusterCapacityProviderAssociations(
            self,
            "Providers",
            cluster=self.cluster.cluster_name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            default_capacity_provider_strategy=[],
        )
        self.service.node.add_dependency(providers)
        self._let_protect(task)
        self._scale(stage, settings)

    def _define_task(
        self, stage: Stage, settings: AgentSettings, api_url: str, key_secret: secretsmanager.ISecret
    ) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=settings.cpu,
            memory_limit_mib=settings.memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
            volumes=[ecs.Volume(name=name) for name in _FOLDERS],
        )
        region = Stack.of(self).region
        container = task.add_container(
            "agent",
            image=ecs.ContainerImage.from_docker_image_asset(self._image()),
            command=[
                *("--pool", settings.pool),
                *("--limit", str(settings.runs_each)),
                *("--drain-seconds", str(_DRAIN_SECONDS)),
            ],
            # boto3 reads the second of the region's names, the other SDKs the first.
            environment={"ALISIO_API_URL": api_url, "AWS_REGION": region, "AWS_DEFAULT_REGION": region},
            secrets={"ALISIO_API_KEY": ecs.Secret.from_secrets_manager(key_secret)},
            readonly_root_filesystem=True,
            stop_timeout=STOP_TIMEOUT,
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="agent", log_group=make_log_group(self, "Logs", stage, f"/alisio/{stage.name}/agents")
            ),
        )
        container.add_mount_points(
            *(
                ecs.MountPoint(source_volume=name, container_path=path, read_only=False)
                for name, path in _FOLDERS.items()
            )
        )
        accept(task, {"ECS2": "What is in its variables is the API's address and the region; the key is a secret."})
        if task.execution_role is not None:
            accept_wildcard(task.execution_role, "*", "ecr:GetAuthorizationToken knows no resources to name.")
            self._let_decrypt(task.execution_role, key_secret)
        return task

    def _let_decrypt(self, role: iam.IRole, secret: secretsmanager.ISecret) -> None:
        """Let ECS have the secret decrypted: for a key of another stack, the CDK's own grant comes to nothing."""
        assert secret.encryption_key is not None, "the stage's key encrypts it"
        through = f"secretsmanager.{Stack.of(self).region}.amazonaws.com"
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[secret.encryption_key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": through}},
            )
        )

    def _image(self) -> ecr_assets.DockerImageAsset:
        return ecr_assets.DockerImageAsset(
            self, "Image", directory=str(ROOT), file="agent/Dockerfile", platform=ecr_assets.Platform.LINUX_ARM64
        )

    def _let_protect(self, task: ecs.FargateTaskDefinition) -> None:
        """Let an agent keep its own task from being ended by scaling while it holds runs."""
        tasks = Stack.of(self).format_arn(
            service="ecs", resource="task", resource_name=f"{self.cluster.cluster_name}/*"
        )
        task.add_to_task_role_policy(
            iam.PolicyStatement(
                actions=["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"],
                resources=[tasks],
                conditions={"ArnEquals": {"ecs:cluster": self.cluster.cluster_arn}},
            )
        )
        accept_wildcard(task.task_role, tasks, "A task's id is made when it starts; the cluster is named.")

    def _scale(self, stage: Stage, settings: AgentSettings) -> None:
        """Have as many agents as there are runs due or running, by what the tick counts in the database."""
        open_runs = cloudwatch.MathExpression(
            expression="due + running",
            using_metrics={
                "due": server_metric(stage, "DueRuns", pool=settings.pool),
                "running": server_metric(stage, "RunningRuns", pool=settings.pool),
            },
            period=Duration.minutes(1),
        )
        scaling = self.service.auto_scale_task_count(min_capacity=0, max_capacity=settings.most)
        scaling.scale_on_metric(
            "OpenRuns",
            metric=open_runs,
            adjustment_type=autoscaling.AdjustmentType.EXACT_CAPACITY,
            scaling_steps=_steps(settings),
            cooldown=Duration.minutes(1),
            evaluation_periods=1,
        )


def _steps(settings: AgentSettings) -> list[autoscaling.ScalingInterval]:
    """Tell how many agents there are to be by how many runs are open.

    Steps meet between whole numbers. Where they meet, a value belongs to the upper step if an alarm for too much asks,
    and to the lower one if an alarm for too little does: with steps that met at 1, one run would get no agent.
    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html
    """
    steps = [autoscaling.ScalingInterval(lower=0, upper=0.5, change=0)]
    for agents in range(1, settings.most + 1):
        lower = (agents - 1) * settings.runs_each + 0.5
        upper = agents * settings.runs_each + 0.5 if agents < settings.most else None
        steps.append(autoscaling.ScalingInterval(lower=lower, upper=upper, change=agents))
    return steps

"""The database: RDS PostgreSQL, encrypted, reached by functions alone and over TLS alone."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.constructs.network import Network
from cdk.nag import accept
from cdk.stages import DatabaseSettings

NAME = "alisio"
PORT = 5432
_ENGINE = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_18)


@dataclass(frozen=True)
class DatabaseAccess:
    """How functions find the database, and what lets them in.

    Attributes:
        environment: The variables that tell them.
        secret: What they read user name and password from; None: the variables say all.
    """

    environment: dict[str, str]
    secret: secretsmanager.ISecret | None = None

    def grant(self, grantee: iam.IGrantable) -> None:
        """Let somebody read the credentials."""
        if self.secret is not None:
            self.secret.grant_read(grantee)


class Database(Construct):
    """An instance of PostgreSQL with its credentials, and a proxy where the stage wants one.

    Attributes:
        instance: The instance.
        access: What functions are given of it.
    """

    def __init__(self, scope: Construct, id: str, settings: DatabaseSettings, network: Network, prefix: str) -> None:
        super().__init__(scope, id)
        self.instance = self._make_instance(settings, network, prefix)
        secret = self.instance.secret
        assert secret is not None, "the credentials are generated"
        environment = {"ALISIO_DATABASE_SECRET_ARN": secret.secret_arn}
        if settings.proxy:
            environment["ALISIO_DATABASE_HOST"] = self._add_proxy(secret, network).endpoint
        else:
            self.instance.connections.allow_from(
                network.functions_group, ec2.Port.tcp(PORT), "PostgreSQL from functions"
            )
        self.access = DatabaseAccess(environment, secret)
        self._explain(settings)

    def _make_instance(self, settings: DatabaseSettings, network: Network, prefix: str) -> rds.DatabaseInstance:
        # RDS would make it itself, and keep it forever.
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/rds/instance/{prefix}/postgresql",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        instance = rds.DatabaseInstance(
            self,
            "Instance",
            instance_identifier=prefix,
            engine=_ENGINE,
            instance_type=ec2.InstanceType(settings.instance_class),
            vpc=network.vpc,
            vpc_subnets=network.database_subnets,
            multi_az=settings.multi_zone,
            database_name=NAME,
            port=PORT,
            credentials=rds.Credentials.from_generated_secret(NAME, secret_name=f"{prefix}/database"),
            parameter_group=self._parameters(settings),
            storage_type=rds.StorageType.GP3,
            allocated_storage=settings.storage_gib,
            max_allocated_storage=settings.max_storage_gib,
            storage_encrypted=True,
            backup_retention=Duration.days(settings.backup_days),
            copy_tags_to_snapshot=True,
            deletion_protection=settings.protected,
            removal_policy=RemovalPolicy.SNAPSHOT if settings.protected else RemovalPolicy.DESTROY,
            auto_minor_version_upgrade=True,
            publicly_accessible=False,
            database_insights_mode=rds.DatabaseInsightsMode.STANDARD,
            cloudwatch_logs_exports=["postgresql"],
        )
        instance.node.add_dependency(log_group)
        return instance

    def _parameters(self, settings: DatabaseSettings) -> rds.ParameterGroup:
        return rds.ParameterGroup(
            self,
            "Parameters",
            engine=_ENGINE,
            parameters={
                "rds.force_ssl": "1",
                "max_connections": str(settings.max_connections),
                "log_min_duration_statement": "1000",
            },
        )

    def _add_proxy(self, secret: secretsmanager.ISecret, network: Network) -> rds.DatabaseProxy:
        group = ec2.SecurityGroup(
            self, "ProxyGroup", vpc=network.vpc, description="RDS Proxy of Alisio", allow_all_outbound=True
        )
        group.add_ingress_rule(network.functions_group, ec2.Port.tcp(PORT), "PostgreSQL from functions")
        return self.instance.add_proxy(
            "Proxy",
            vpc=network.vpc,
            vpc_subnets=network.database_subnets,
            secrets=[secret],
            security_groups=[group],
            require_tls=True,
        )

    def _explain(self, settings: DatabaseSettings) -> None:
        accept(
            self.instance,
            {
                "SMG4": "A password that turns over by itself wants one more function in the network; docs/aws.md says "
                "how it is turned over by hand.",
                "RDS11": "A port that is not the usual one hides nothing: the security group keeps others out.",
            },
        )
        if not settings.multi_zone:
            accept(self.instance, {"RDS3": "One zone costs half; a stage sets multi_zone where an outage costs more."})
        if not settings.protected:
            accept(self.instance, {"RDS10": "A stage to try things in is to be destroyed without ado."})

"""The virtual network: isolated subnets for database and functions, and a place for agents that reaches the internet.

The gateway endpoint of S3 is free. An interface endpoint costs about 7.30 USD a month and zone, a NAT gateway about
33 USD and what flows through it (us-east-1, November 2026). The five endpoints below, in one zone, cost 37 USD; with
NAT gateways there are none, as functions then reach the same services through those.
"""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk.nag import accept
from cdk.stages import NetworkSettings

_SERVICES = {
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "Scheduler": ec2.InterfaceVpcEndpointAwsService("scheduler"),
    "Kms": ec2.InterfaceVpcEndpointAwsService.KMS,
    "Sts": ec2.InterfaceVpcEndpointAwsService.STS,
}
"""What functions call of AWS, but for S3; logs, metrics and traces leave a function by another way."""


class Network(Construct):
    """A VPC, and who stands where in it.

    Attributes:
        vpc: The network itself.
        functions_subnets: Where functions stand.
        database_subnets: Where the database stands; no route leads from there to the internet.
        agents_subnets: Where agents stand.
        agents_are_public: Whether they need public addresses to reach anything.
        functions_group: The security group of the functions. It lets nobody in.
        agents_group: The security group of the agents. It lets nobody in.
    """

    def __init__(self, scope: Construct, id: str, settings: NetworkSettings) -> None:
        super().__init__(scope, id)
        has_nat = settings.nat_gateways > 0
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=settings.nat_gateways,
            subnet_configuration=_subnets(has_nat),
            restrict_default_security_group=False,
            gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
        )
        self.database_subnets = ec2.SubnetSelection(subnet_group_name="isolated")
        inside = ec2.SubnetSelection(subnet_group_name="private" if has_nat else "isolated")
        self.functions_subnets = inside
        self.agents_are_public = not has_nat
        self.agents_subnets = ec2.SubnetSelection(subnet_group_name="public") if self.agents_are_public else inside
        self.functions_group = self._group("FunctionsGroup", "Functions of Alisio: out only")
        self.agents_group = self._group("AgentsGroup", "Agents of Alisio: out only")
        if not has_nat:
            self._add_endpoints(settings.endpoint_zones)
        if settings.flow_logs:
            self.vpc.add_flow_log("Refused", traffic_type=ec2.FlowLogTrafficType.REJECT)
        else:
            accept(self.vpc, {"VPC7": "Flow logs cost by the gigabyte; a stage sets flow_logs where it wants them."})

    def _group(self, id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, id, vpc=self.vpc, description=description, allow_all_outbound=True)

    def _add_endpoints(self, zones: int) -> None:
        group = ec2.SecurityGroup(
            self, "EndpointsGroup", vpc=self.vpc, description="AWS services, for functions", allow_all_outbound=False
        )
        group.add_ingress_rule(self.functions_group, ec2.Port.tcp(443), "HTTPS from functions")
        subnets = self.vpc.select_subnets(subnet_group_name="isolated").subnets[:zones]
        for name, service in _SERVICES.items():
            # Not `open`: that would let in the whole network.
            self.vpc.add_interface_endpoint(
                name,
                service=service,
                subnets=ec2.SubnetSelection(subnets=subnets),
                security_groups=[group],
                open=False,
            )


def _subnets(has_nat: bool) -> list[ec2.SubnetConfiguration]:
    kinds = {"isolated": ec2.SubnetType.PRIVATE_ISOLATED, "public": ec2.SubnetType.PUBLIC}
    if has_nat:
        kinds["private"] = ec2.SubnetType.PRIVATE_WITH_EGRESS
    return [ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=22) for name, kind in kinds.items()]

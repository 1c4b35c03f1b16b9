"""The dead-letter queue, and what removes the queues that work pools get at run time.

The API makes an SQS queue for each work queue, named `<prefix>-<id>`, whose dead letters go here. Those queues are no
part of the stack, so a custom resource deletes them when the stack is destroyed.
"""

from __future__ import annotations

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack, Tags, custom_resources
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.constructs.functions import ServerFunction, Surroundings
from cdk.nag import accept, accept_managed_policy, accept_wildcard

DEAD_LETTERS_TIMEOUT = Duration.seconds(30)
_USE = (
    "sqs:CreateQueue",
    "sqs:DeleteQueue",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:SendMessage",
    "sqs:SetQueueAttributes",
    "sqs:TagQueue",
)
_RECEIVE = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")


class Queues(Construct):
    """The queues of a stage.

    Attributes:
        prefix: What the names of all of them begin with.
        dead_letters: Where a wake-up goes that was received five times and never answered.
        removal: What has the queues of work pools deleted, in its turn, when the stack is destroyed.
    """

    def __init__(self, scope: Construct, id: str, surroundings: Surroundings) -> None:
        super().__init__(scope, id)
        self.prefix = surroundings.stage.prefix
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=f"{self.prefix}-dead-letters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            # Six times what its consumer may take, as the guide to event source mappings asks for.
            visibility_timeout=Duration.seconds(6 * DEAD_LETTERS_TIMEOUT.to_seconds()),
            removal_policy=RemovalPolicy.DESTROY,
        )
        Tags.of(self.dead_letters).add("alisio:prefix", self.prefix)
        accept(self.dead_letters, {"SQS3": "It is the dead-letter queue of the queues that the API makes at run time."})
        self.removal = self._remove_with_stack(surroundings)

    def grant_use(self, role: iam.IRole) -> None:
        """Let somebody make the queues of work pools, send to them, and delete them."""
        self._grant(role, _USE)

    def grant_receive(self, role: iam.IRole) -> None:
        """Let somebody receive from the queues of work pools."""
        self._grant(role, _RECEIVE)

    def _grant(self, role: iam.IRole, actions: tuple[str, ...]) -> None:
        role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=[self._all_arn]))
        reason = "The queues of a stage are made at run time; they share its prefix, and nothing else does."
        accept_wildcard(role, self._all_arn, reason)

    @property
    def _all_arn(self) -> str:
        return Stack.of(self).format_arn(service="sqs", resource=f"{self.prefix}-*")

    def _remove_with_stack(self, surroundings: Surroundings) -> CustomResource:
        remover = ServerFunction(
            self,
            "remove_queues",
            surroundings,
            timeout=Duration.minutes(5),
            memory_mib=256,
            environment={"ALISIO_SQS_PREFIX": self.prefix},
            uses_database=False,
            goes_live=False,
        )
        self._grant(remover.role, ("sqs:DeleteQueue",))
        remover.role.add_to_principal_policy(iam.PolicyStatement(actions=["sqs:ListQueues"], resources=["*"]))
        accept_wildcard(remover.role, "*", "ListQueues and X-Ray know no resources to name.")
        return make_custom_resource(self, "Removal", remover, {"Prefix": self.prefix})


def make_custom_resource(
    scope: Construct, id: str, function: ServerFunction, properties: dict[str, str]
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
        scope, id, service_token=provider.service_token, resource_type="Custom::" + id, properties=properties
    )
    resource.node.add_dependency(function.role)
    return resource

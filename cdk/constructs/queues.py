"""The dead-letter queue, and who may do what with the queues that work pools get at run time.

The API makes an SQS queue for each work queue, named `<prefix>-<id>`, whose dead letters go here. Those queues are no
part of the stack; `removal.py` has them deleted with it.
"""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.nag import accept, accept_wildcard
from cdk.stages import Stage

DEAD_LETTERS_TIMEOUT = Duration.seconds(30)
DEAD_LETTERS_AT_ONCE = 2
"""How many batches are handled at once, each on a connection to the database: the least that SQS can be told."""
_SEND = (
    "sqs:CreateQueue",
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
    """

    def __init__(self, scope: Construct, id: str, stage: Stage) -> None:
        super().__init__(scope, id)
        self.prefix = stage.prefix
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

    def grant_send(self, role: iam.IRole) -> None:
        """Let somebody send to the queues of work pools, and make those that are missing."""
        self._grant(role, _SEND)

    def grant_delete(self, role: iam.IRole) -> None:
        """Let somebody delete the queues of work pools, and find them by their work queues' ids."""
        self._grant(role, ("sqs:DeleteQueue", "sqs:GetQueueUrl"))

    def grant_list(self, role: iam.IRole) -> None:
        """Let somebody list queues, which AWS narrows to none."""
        role.add_to_principal_policy(iam.PolicyStatement(actions=["sqs:ListQueues"], resources=["*"]))
        accept_wildcard(role, "*", "ListQueues and X-Ray know no resources to name.")

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

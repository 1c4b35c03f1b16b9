"""Who may come in: the first API keys, in Secrets Manager, and the role whose credentials agents are lent."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.constructs.queues import Queues
from cdk.nag import accept
from cdk.stages import Stage


class Identity(Construct):
    """The keys and the role of a stage.

    Attributes:
        admin_key: Holds an API key of the role `admin`, which `alisio cloud login` reads.
        agent_key: Holds an API key of the role `agent`, which agents on Fargate are started with.
    """

    def __init__(self, scope: Construct, id: str, stage: Stage, key: kms.IKey, queues: Queues) -> None:
        super().__init__(scope, id)
        self.admin_key = self._secret("AdminKey", stage, "admin-key", key)
        self.agent_key = self._secret("AgentKey", stage, "agent-key", key)
        self._key = key
        self._queues = queues
        self._stage = stage

    def agent_key_for(self, scope: Construct) -> secretsmanager.ISecret:
        """Tell another stack of the key that agents are started with.

        Args:
            scope: Something in that stack. Whoever it lets read the key gets the right to from that stack alone, and
                needs the one to decrypt it beside that: the policy of the encryption key, which is in this stack, names
                nobody of there.
        """
        return secretsmanager.Secret.from_secret_attributes(
            scope,
            "AgentKey",
            secret_complete_arn=self.agent_key.secret_arn,
            encryption_key=kms.Key.from_key_arn(scope, "Key", self._key.key_arn),
        )

    def lend(self, lender: iam.IRole) -> iam.Role:
        """Make the role of agents, whose credentials another role may lend them.

        Args:
            lender: The role of the function that does.

        Returns:
            What an agent may do on AWS: receive from the queues of the stage. The lender narrows that to the queues of
            the one pool that the agent serves.
        """
        stage = self._stage
        role = iam.Role(
            self,
            "AgentRole",
            description=f"Lent to agents of Alisio's stage {stage.name}, for the queues of their pool",
            assumed_by=lender,
            max_session_duration=Duration.hours(1),
        )
        self._queues.grant_receive(role)
        role.grant_assume_role(lender)
        return role

    def _secret(self, id: str, stage: Stage, name: str, key: kms.IKey) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            id,
            secret_name=f"{stage.prefix}/{name}",
            description=f"An API key of Alisio's stage {stage.name}",
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        accept(secret, {"SMG4": "A key is turned over with `alisio api-key`, whenever somebody wants to."})
        return secret

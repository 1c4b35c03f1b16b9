"""What goes with the stack and is no part of it: the queues of work pools, and the objects in the bucket.

CloudFormation deletes no bucket that holds anything, and knows nothing of queues that were made at run time.
"""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk.constructs.functions import ServerFunction, Surroundings, make_custom_resource
from cdk.constructs.queues import Queues
from cdk.constructs.storage import Storage

# A call deletes a thousand objects; what takes longer than Lambda allows goes on when the stack is destroyed again.
_TIMEOUT = Duration.minutes(15)


class Removal(Construct):
    """The function `remove`, which CloudFormation calls when the stack is destroyed.

    Attributes:
        resource: What has it called. Whatever could make queues or objects depends on it, so that it goes before.
    """

    def __init__(self, scope: Construct, id: str, surroundings: Surroundings, storage: Storage, queues: Queues) -> None:
        super().__init__(scope, id)
        told = {"ALISIO_SQS_PREFIX": queues.prefix}
        keeps_data = surroundings.stage.keeps_data
        if not keeps_data:
            told["ALISIO_BUCKET"] = storage.bucket.bucket_name
        function = ServerFunction(
            self,
            "remove",
            surroundings,
            timeout=_TIMEOUT,
            memory_mib=256,
            environment=told,
            uses_database=False,
            goes_live=False,
        )
        queues.grant_delete(function.role)
        queues.grant_list(function.role)
        if not keeps_data:
            storage.grant_empty(function.role)
        # It is called as well when an update that had just made it is taken back: then nothing is to go.
        function.role.add_to_principal_policy(
            iam.PolicyStatement(actions=["cloudformation:DescribeStacks"], resources=[Stack.of(self).stack_id])
        )
        self.resource = make_custom_resource(self, "Removal", function, {"Prefix": queues.prefix})

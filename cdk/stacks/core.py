"""The stack of the server: API, functions, clockwork, queues, bucket, keys, alarms."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from cdk.constructs.alarms import Alarms
from cdk.constructs.api import Api
from cdk.constructs.clockwork import Clockwork
from cdk.constructs.functions import Surroundings
from cdk.constructs.identity import Identity
from cdk.constructs.queues import Queues
from cdk.constructs.removal import Removal
from cdk.constructs.server import Server
from cdk.constructs.storage import Storage


class CoreStack(Stack):
    """`alisio-<stage>-core`.

    Attributes:
        api: The HTTP API.
        identity: The first keys.
    """

    def __init__(self, scope: Construct, surroundings: Surroundings) -> None:
        stage = surroundings.stage
        super().__init__(scope, f"{stage.prefix}-core", description=f"Alisio {stage.name}: server")
        self._storage = Storage(self, "Storage", stage)
        self._queues = Queues(self, "Queues", stage)
        self._clockwork = Clockwork(self, "Clockwork", stage)
        self.identity = Identity(self, "Identity", stage, self._storage.key, self._queues)
        server = Server(
            self,
            "Server",
            surroundings,
            storage=self._storage,
            queues=self._queues,
            clockwork=self._clockwork,
            identity=self.identity,
            removal=Removal(self, "Removal", surroundings, self._storage, self._queues),
        )
        self.api = Api(self, "Api", stage, server.live_api)
        self._alarms = self._watch(surroundings, server)
        self._tell()

    def _watch(self, surroundings: Surroundings, server: Server) -> Alarms:
        alarms = Alarms(self, "Alarms", surroundings.stage, self._storage.key)
        alarms.watch_functions([server.api, server.tick, server.dead_letters])
        alarms.watch_tick(server.tick)
        alarms.watch_dead_letters(self._queues.dead_letters)
        alarms.watch_api(self.api.api)
        return alarms

    def _tell(self) -> None:
        outputs = {
            "ApiUrl": self.api.url,
            "ApiId": self.api.api.api_id,
            "AdminKeySecretArn": self.identity.admin_key.secret_arn,
            "AlarmsTopicArn": self._alarms.topic.topic_arn,
            "BucketName": self._storage.bucket.bucket_name,
            "DeadLettersUrl": self._queues.dead_letters.queue_url,
            "SqsPrefix": self._queues.prefix,
            "ScheduleGroup": self._clockwork.group_name,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

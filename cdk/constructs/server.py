"""The API server on Lambda: its functions, what each of them may do, and the order in which they go live."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_lambda_event_sources import SqsEventSource
from constructs import Construct, DependencyGroup, IDependable

from cdk.constructs.clockwork import Clockwork
from cdk.constructs.functions import ServerFunction, Surroundings, make_custom_resource
from cdk.constructs.identity import Identity
from cdk.constructs.queues import DEAD_LETTERS_AT_ONCE, DEAD_LETTERS_TIMEOUT, Queues
from cdk.constructs.removal import Removal
from cdk.constructs.storage import Storage
from cdk.stages import RetentionSettings

# An HTTP API waits 30 s for its function.
_API_TIMEOUT = Duration.seconds(29)
_TICK_TIMEOUT = Duration.minutes(2)
_MIGRATE_TIMEOUT = Duration.minutes(10)


class Server(Construct):
    """The functions `api`, `tick`, `dead_letters` and `migrate`.

    Args:
        scope: Where they are made.
        id: Their name there.
        surroundings: What they share.
        storage: Where bundles are.
        queues: Where wake-ups go.
        clockwork: What calls the tick.
        identity: Where the first keys go.
        removal: What removes in the end what functions have made.

    Attributes:
        api: Answers requests.
        tick: Does what is due.
        dead_letters: Looks after wake-ups that nobody answered.
        live_api: The alias of `api`, to which requests go.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        surroundings: Surroundings,
        *,
        storage: Storage,
        queues: Queues,
        clockwork: Clockwork,
        identity: Identity,
        removal: Removal,
    ) -> None:
        super().__init__(scope, id)
        self._surroundings = surroundings
        shared = {
            "ALISIO_BUCKET": storage.bucket.bucket_name,
            "ALISIO_SQS_PREFIX": queues.prefix,
            **clockwork.environment,
            **_retention(surroundings.stage.retention),
        }
        settings = surroundings.stage.functions
        self.api = self._make("api", _API_TIMEOUT, shared, concurrency=settings.api_concurrency)
        self.tick = self._make("tick", _TICK_TIMEOUT, shared, concurrency=settings.tick_concurrency)
        self.dead_letters = self._make("dead_letters", DEAD_LETTERS_TIMEOUT, shared)
        for function in (self.api, self.tick, self.dead_letters):
            queues.grant_send(function.role)
        queues.grant_delete(self.tick.role)
        for function in (self.api, self.tick):
            clockwork.grant_manage(function.role)
        storage.grant_use(self.api.role)
        storage.grant_take_back(self.api.role)
        storage.grant_encrypt(self.api.role)
        self.api.function.add_environment("ALISIO_KMS_KEY_ARN", storage.key.key_arn)
        storage.grant_delete(self.tick.role)
        agent_role = identity.lend(self.api.role)
        self.api.function.add_environment("ALISIO_AGENT_ROLE_ARN", agent_role.role_arn)
        self.live_api = self._go_live(DependencyGroup(self._migrate(identity), removal.resource), queues, clockwork)

    def _make(
        self,
        name: str,
        timeout: Duration,
        environment: dict[str, str],
        *,
        concurrency: int | None = None,
        goes_live: bool = True,
    ) -> ServerFunction:
        return ServerFunction(
            self,
            name,
            self._surroundings,
            timeout=timeout,
            environment=environment,
            concurrency=concurrency,
            goes_live=goes_live,
        )

    def _migrate(self, identity: Identity) -> Construct:
        """Bring the database to the version of the code, with keys and the agents' pool, whenever one changes."""
        environment = {
            "ALISIO_ADMIN_KEY_SECRET_ARN": identity.admin_key.secret_arn,
            "ALISIO_AGENT_KEY_SECRET_ARN": identity.agent_key.secret_arn,
        }
        reasons = {"Code": self._surroundings.code.digest}
        agents = self._surroundings.stage.agents
        if agents is not None:
            environment["ALISIO_AGENT_POOL"] = reasons["AgentPool"] = agents.pool
        migrate = self._make("migrate", _MIGRATE_TIMEOUT, environment, goes_live=False)
        for secret in (identity.admin_key, identity.agent_key):
            secret.grant_read(migrate.role)
            secret.grant_write(migrate.role)
        return make_custom_resource(self, "Migrations", migrate, reasons)

    def _go_live(self, before: IDependable, queues: Queues, clockwork: Clockwork) -> lambda_.Alias:
        live_api = self.api.go_live(before)
        clockwork.start(self.tick.go_live(before))
        live_dead_letters = self.dead_letters.go_live(before)
        live_dead_letters.add_event_source(
            SqsEventSource(
                queues.dead_letters,
                batch_size=10,
                report_batch_item_failures=True,
                max_concurrency=DEAD_LETTERS_AT_ONCE,
            )
        )
        return live_api


def _retention(settings: RetentionSettings) -> dict[str, str]:
    return {
        "ALISIO_RETENTION_FLOW_RUNS": f"{settings.flow_runs}d",
        "ALISIO_RETENTION_TASK_RUNS": f"{settings.task_runs}d",
        "ALISIO_RETENTION_LOGS": f"{settings.logs}d",
        "ALISIO_RETENTION_AUDIT_LOG": f"{settings.audit_log}d",
    }

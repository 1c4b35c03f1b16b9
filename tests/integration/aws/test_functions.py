"""The functions, called as Lambda calls them, over PostgreSQL and AWS as moto imitates it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from sqlalchemy import select, update

from alisio.contract.access import ApiKeyCreate, Role
from alisio.contract.ids import new_id
from alisio_server.adapters.aws import function_logs
from alisio_server.adapters.aws.opening import open_api, open_services
from alisio_server.database.block_tables import block_document
from alisio_server.database.engine import Database
from alisio_server.database.migrate import HEAD, current_revision
from alisio_server.database.tables import clockwork, flow_run, log, schedule
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.api_keys import create_api_key
from alisio_server.services import Transaction
from handlers import api, dead_letters, migrate, remove, tick
from tests.integration.aws import events
from tests.integration.aws.conftest import ROLE_ARN, TICK_ARN, Stage
from tests.integration.aws.events import Answer, Context, Request
from tests.postgres import Postgres

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SHA256 = hashlib.sha256(b"an archive").hexdigest()


@dataclass
class Cloud:
    """A deployed stage."""

    stage: Stage
    database: Database
    key: str
    sqs: SQSClient

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request with the admin's key to a path below /api."""
        return call(Request(method, f"/api{path}", self.key, body))

    def deploy(self, *schedules: dict[str, Any]) -> str:
        """Make the pool `cape` and a deployment; returns its id."""
        self.ask("POST", "/work-pools", {"name": "cape"})
        spec = {"flow_name": "f", "name": "d", "entrypoint": "f.py:f", "work_pool_name": "cape"}
        answer = self.ask("POST", "/deployments", {**spec, "schedules": list(schedules)})
        assert 200 == answer.status, answer.body
        return str(answer.json()["id"])

    def received(self) -> list[dict[str, Any]]:
        """Receive what is in the queue of the pool."""
        (queue,) = self.ask("GET", "/work-pools/cape/wake-ups").json()["queues"]
        messages = self.sqs.receive_message(QueueUrl=queue["url"], MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    def entries(self) -> list[str]:
        """List the schedule entries."""
        found = boto3.client("scheduler").list_schedules(GroupName=self.stage.group)["Schedules"]
        return [entry["Name"] for entry in found]

    def execute(self, statement: Any) -> Any:
        """Execute a statement on the database, whatever the functions do."""
        with self.database.write() as connection:
            result = connection.execute(statement)
            return result.all() if result.returns_rows else None


def call(request: Request) -> Answer:
    """Send a request."""
    answer = api.handler(request.event(), Context())
    return Answer(answer["statusCode"], dict(answer["headers"]), answer["body"])


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What functions log, as Lambda's own handler writes it."""
    written = StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(written)])
    for name in ("alisio", "alisio_server"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    return written


@pytest.fixture
def environment(moto: Stage, logs: StringIO, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """What functions are told, but for the database; what they keep is forgotten before and after."""
    told = {
        "ALISIO_STAGE": "test",
        "ALISIO_BUCKET": moto.bucket,
        "ALISIO_SQS_PREFIX": moto.prefix,
        "ALISIO_SCHEDULE_GROUP": moto.group,
        "ALISIO_SCHEDULE_ROLE_ARN": ROLE_ARN,
        "ALISIO_TICK_FUNCTION_ARN": TICK_ARN,
        "ALISIO_AGENT_ROLE_ARN": ROLE_ARN,
        "ALISIO_RETENTION_LOGS": "7d",
        "POWERTOOLS_METRICS_NAMESPACE": "Alisio",
        "POWERTOOLS_SERVICE_NAME": "alisio-test",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield moto
    if open_services.cache_info().currsize:
        open_services().database.dispose()
    _forget()


@pytest.fixture
def cloud(environment: Stage, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A deployed stage with an admin's key."""
    with postgres.database() as url:
        monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", url)
        database = Database(url)
        with database.write() as connection:
            key = create_api_key(Transaction(connection, database), ApiKeyCreate(name="me", role=Role.ADMIN), "me")
        yield Cloud(environment, database, key.text, boto3.client("sqs"))
        database.dispose()
        if open_services.cache_info().currsize:
            open_services().database.dispose()


def _forget() -> None:
    """Let the next call be the first of a new environment."""
    for opened in (open_services, open_api, function_logs._formatter):
        opened.cache_clear()


def metrics(output: str) -> dict[tuple[str, str | None], float]:
    """Read from what a function printed the metrics, by name and pool."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"') and '"_aws"' in line]
    return {
        (metric["Name"], line.get("pool")): line[metric["Name"]][0]
        for line in lines
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }


# --- api


def test_a_request_is_answered(cloud: Cloud) -> None:
    """API Gateway's event goes in, what it takes comes out."""
    answer = call(Request("GET", "/api/health"))
    assert (200, "ok", "postgresql") == (answer.status, answer.json()["status"], answer.json()["database"])


def test_who_asks_needs_a_key(cloud: Cloud) -> None:
    """Without one it is 401, and with one the same routes answer as on a laptop."""
    assert 401 == call(Request("GET", "/api/work-pools")).status
    assert (200, []) == (cloud.ask("GET", "/work-pools").status, cloud.ask("GET", "/work-pools").json()["items"])


def test_the_first_key_is_not_made_from_outside(environment: Stage, postgres: Postgres, monkeypatch: Any) -> None:
    """A stage whose database has no key yet is closed to everybody."""
    with postgres.database() as url:
        monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", url)
        answer = call(Request("POST", "/api/api-keys", body={"name": "mine", "role": "admin"}))
        open_services().database.dispose()
        assert (401, "api_key_missing") == (answer.status, answer.json()["code"])


def test_one_connection_does_for_all_that_a_request_needs(cloud: Cloud) -> None:
    """Each environment has a single connection: no route asks for a second one while it holds the first."""
    deployment_id = cloud.deploy({"cron": "0 3 * * *"})
    created = cloud.ask("POST", f"/deployments/{deployment_id}/runs", {})
    run_id = created.json()["id"]
    for method, path, body in (
        ("GET", f"/flow-runs/{run_id}", None),
        ("POST", "/flow-runs/filter", {}),
        ("POST", f"/flow-runs/{run_id}/cancel", None),
        ("POST", f"/flow-runs/{run_id}/retry", None),
        ("POST", f"/deployments/{deployment_id}/pause", None),
        ("POST", f"/deployments/{deployment_id}/resume", None),
        ("GET", "/work-pools/cape/wake-ups", None),
        ("DELETE", f"/deployments/{deployment_id}", None),
        ("DELETE", "/work-pools/cape", None),
    ):
        answer = cloud.ask(method, path, body)
        assert answer.status < 300, (method, path, answer.body)


def test_a_new_pool_has_its_queue_at_once(cloud: Cloud) -> None:
    """Its SQS queue is there, tagged with whose it is, before anybody sends or receives."""
    cloud.ask("POST", "/work-pools", {"name": "cape"})
    cloud.ask("POST", "/work-pools/cape/queues", {"name": "fast"})
    urls = cloud.sqs.list_queues(QueueNamePrefix=cloud.stage.prefix)["QueueUrls"]
    tags = [cloud.sqs.list_queue_tags(QueueUrl=url)["Tags"] for url in urls]
    assert [{"alisio:prefix": cloud.stage.prefix}] * 3 == tags  # two queues, and that of dead letters


def test_a_run_rings_in_its_queue(cloud: Cloud) -> None:
    """The wake-up is sent once the run is stored."""
    deployment_id = cloud.deploy()
    run_id = cloud.ask("POST", f"/deployments/{deployment_id}/runs", {}).json()["id"]
    assert [{"flow_run_id": run_id}] == cloud.received()


def test_agents_are_lent_credentials(cloud: Cloud) -> None:
    """Who may claim is told with what to receive, and for how long."""
    cloud.ask("POST", "/work-pools", {"name": "cape"})
    (queue,) = cloud.ask("GET", "/work-pools/cape/wake-ups").json()["queues"]
    lent = queue["credentials"]
    assert {"access_key_id", "secret_access_key", "session_token", "expires"} == set(lent)
    assert datetime.now(UTC) + timedelta(minutes=30) < datetime.fromisoformat(lent["expires"])


def test_a_bundle_goes_to_the_bucket_and_comes_from_there(cloud: Cloud) -> None:
    """It is sent to S3, known once it is announced again, deployed, and fetched by a signed address."""
    announced = {"sha256": SHA256, "size": 10}
    upload = cloud.ask("POST", "/bundles", announced).json()["upload"]
    assert ("POST", f"pending/bundles/{SHA256}") == (upload["method"], upload["fields"]["key"])
    boto3.client("s3").put_object(Bucket=cloud.stage.bucket, Key=upload["fields"]["key"], Body=b"an archive")
    assert None is cloud.ask("POST", "/bundles", announced).json().get("upload")
    cloud.ask("POST", "/work-pools", {"name": "cape"})
    spec = {"flow_name": "f", "name": "d", "entrypoint": "f.py:f", "work_pool_name": "cape", "bundle": SHA256}
    assert 200 == cloud.ask("POST", "/deployments", spec).status
    fetched = cloud.ask("GET", f"/bundles/{SHA256}/content")
    assert 307 == fetched.status
    assert fetched.headers["Location"].startswith(f"https://{cloud.stage.bucket}.s3.")


def test_an_api_that_cannot_be_opened_says_what_it_is_not_told(
    environment: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that is deployed without a variable names it."""
    monkeypatch.delenv("ALISIO_BUCKET")
    monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", "postgresql://127.0.0.1:9/none")
    with pytest.raises(InvalidInputError, match="not told ALISIO_BUCKET"):
        call(Request("GET", "/api/health"))


def test_logs_carry_the_ids(cloud: Cloud, logs: StringIO) -> None:
    """A line of JSON for each request names the request, the call and the run that it is about."""
    request = Request("GET", f"/api/flow-runs/{(run_id := str(new_id()))}", cloud.key)
    assert 404 == call(request).status
    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == request.id]
    assert (run_id, "INFO") == (line["flow_run_id"], line["level"])
    assert f"GET {request.path} 404" == line["message"]
    assert {"invocation_id", "milliseconds"} <= set(line)


# --- tick


def test_a_tick_makes_runs_and_tells_what_there_is_to_do(cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> None:
    """It does all that a laptop's does, and writes metrics of the stage and of each pool."""
    deployment_id = cloud.deploy({"interval_seconds": 300})
    cloud.ask("POST", f"/deployments/{deployment_id}/runs", {})
    cloud.execute(update(schedule).values(materialised_until=datetime.now(UTC)))
    tick.handler({"source": "clockwork"}, Context())
    found = metrics(capfd.readouterr().out)
    assert (1, 0) == (found["Ticks", None], found["TickFailures", None])
    assert (1, 0, 1, 0) == tuple(found[name, pool] for pool in (None, "cape") for name in ("DueRuns", "RunningRuns"))
    assert {"LateRuns", "OldestDueSeconds"} < {name for name, pool in found if pool is None}
    assert [] != cloud.execute(select(clockwork.c.last_tick))


def test_a_schedule_has_an_entry_that_makes_its_runs(cloud: Cloud) -> None:
    """What the entry tells the function makes the schedule's next runs, and sets the entry again."""
    deployment_id = cloud.deploy({"interval_seconds": 300, "slug": "often"})
    (name,) = cloud.entries()
    client = boto3.client("scheduler")
    before = client.get_schedule(GroupName=cloud.stage.group, Name=name)
    # As if a quarter of an hour had gone by.
    now = datetime.now(UTC)
    cloud.execute(update(schedule).values(materialised_until=now, timer_at=now))
    cloud.execute(flow_run.delete())
    tick.handler(json.loads(before["Target"]["Input"]), Context())
    assert [] != cloud.execute(select(flow_run.c.id).where(flow_run.c.schedule_slug == "often"))
    assert [name] == cloud.entries()
    cloud.ask("DELETE", f"/deployments/{deployment_id}")
    assert [] == cloud.entries()


def test_a_tick_without_a_database_says_that_it_failed(
    environment: Stage, logs: StringIO, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It ends in good order: the metric of failures is what alarms, and the next minute tries again."""
    monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", "postgresql://127.0.0.1:9/none")
    tick.handler({"source": "clockwork"}, Context())
    assert metrics(capfd.readouterr().out)["TickFailures", None] > 0
    assert "the tick cannot do its part 'leases', and tries again in a minute: OperationalError" in logs.getvalue()


# --- dead_letters


def test_a_dead_letter_rings_again(cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> None:
    """A run that still waits is rung for once more, its log says so, and the alarm's metric counts."""
    deployment_id = cloud.deploy()
    run_id = cloud.ask("POST", f"/deployments/{deployment_id}/runs", {}).json()["id"]
    cloud.received()
    answer = dead_letters.handler(events.dead_letters(json.dumps({"flow_run_id": run_id})), Context())
    assert ({"batchItemFailures": []}, [{"flow_run_id": run_id}]) == (answer, cloud.received())
    assert [(30,)] == cloud.execute(select(log.c.level).where(log.c.flow_run_id == run_id))
    assert 1 == metrics(capfd.readouterr().out)["DeadLetters", None]


@pytest.mark.parametrize("body", ["", "not JSON", "[]", "{}", '{"flow_run_id": 5}', '{"flow_run_id": "x"}', "[" * 9999])
def test_poison_is_dropped(cloud: Cloud, body: str) -> None:
    """What is no wake-up is taken, and does not come again."""
    assert {"batchItemFailures": []} == dead_letters.handler(events.dead_letters(body), Context())


def test_a_dead_letter_of_a_run_that_waits_no_more_does_nothing(cloud: Cloud) -> None:
    """One whose run is cancelled, or gone, decides nothing."""
    deployment_id = cloud.deploy()
    run_id = cloud.ask("POST", f"/deployments/{deployment_id}/runs", {}).json()["id"]
    cloud.ask("POST", f"/flow-runs/{run_id}/cancel")
    cloud.received()
    bodies = [json.dumps({"flow_run_id": each}) for each in (run_id, str(new_id()))]
    assert {"batchItemFailures": []} == dead_letters.handler(events.dead_letters(*bodies), Context())
    assert ([], []) == (cloud.received(), cloud.execute(select(log.c.id)))


def test_only_what_could_not_be_taken_comes_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch, those that met a fault are named to SQS, and the others are done."""
    deployment_id = cloud.deploy()
    good, bad = (cloud.ask("POST", f"/deployments/{deployment_id}/runs", {}).json()["id"] for _ in range(2))
    take = dead_letters.take_dead_letter

    def fail(services: Any, run_id: Any) -> bool:
        if str(run_id) == bad:
            raise ConnectionRefusedError("the database is away")
        return take(services, run_id)

    monkeypatch.setattr(dead_letters, "take_dead_letter", fail)
    bodies = [json.dumps({"flow_run_id": each}) for each in (bad, good)]
    answer = dead_letters.handler(events.dead_letters(*bodies), Context())
    assert {"batchItemFailures": [{"itemIdentifier": "0"}]} == answer
    assert 1 == len(cloud.execute(select(log.c.id)))


# --- migrate, remove


@pytest.fixture
def new_stage(environment: Stage, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty database, and a secret into which nobody has put a key yet."""
    for role, name in (("ADMIN", environment.prefix), ("AGENT", f"{environment.prefix}-agent")):
        secret = boto3.client("secretsmanager").create_secret(Name=name, SecretString="generated")
        monkeypatch.setenv(f"ALISIO_{role}_KEY_SECRET_ARN", secret["ARN"])
    with postgres.database(empty=True) as url:
        monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", url)
        database = Database(url)
        yield database
        database.dispose()
        if open_services.cache_info().currsize:
            open_services().database.dispose()


def admin_key(stage: Stage, suffix: str = "") -> str:
    """Read the key as `alisio cloud login` does, or that of agents, whose secret has a suffix."""
    value: str = boto3.client("secretsmanager").get_secret_value(SecretId=stage.prefix + suffix)["SecretString"]
    return value


def test_a_deployment_migrates_and_makes_the_first_keys(environment: Stage, new_stage: Database) -> None:
    """The database is at this release's revision; what the secrets hold opens the API to an admin, and to agents."""
    answer = migrate.handler({"RequestType": "Create"}, Context())
    assert {"PhysicalResourceId": f"database-{HEAD}", "Data": {"Revision": HEAD}} == answer
    assert HEAD == current_revision(new_stage)
    keys = admin_key(environment), admin_key(environment, "-agent")
    assert [200, 403] == [call(Request("GET", "/api/audit", key)).status for key in keys]
    assert [200, 200] == [call(Request("GET", "/api/work-pools", key)).status for key in keys]


def test_a_second_deployment_leaves_the_key(environment: Stage, new_stage: Database) -> None:
    """The key in the secret stays the same."""
    migrate.handler({"RequestType": "Create"}, Context())
    key = admin_key(environment)
    migrate.handler({"RequestType": "Update", "PhysicalResourceId": "database"}, Context())
    assert key == admin_key(environment)


def test_a_deployment_makes_the_pool_of_its_agents(
    environment: Stage, new_stage: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that starts with the stage finds its pool; deploying again leaves what became of that."""
    monkeypatch.setenv("ALISIO_AGENT_POOL", "cloud")
    migrate.handler({"RequestType": "Create"}, Context())
    key = admin_key(environment)
    assert 200 == call(Request("PATCH", "/api/work-pools/cloud", key, {"concurrency_limit": 7})).status
    migrate.handler({"RequestType": "Update", "PhysicalResourceId": "database"}, Context())
    assert 7 == call(Request("GET", "/api/work-pools/cloud", key)).json()["concurrency_limit"]


def test_a_lost_key_is_made_anew(environment: Stage, new_stage: Database) -> None:
    """A secret that holds no key any more gets a new one, and the old one is good for nothing."""
    migrate.handler({"RequestType": "Create"}, Context())
    old = admin_key(environment)
    boto3.client("secretsmanager").put_secret_value(SecretId=environment.prefix, SecretString="lost")
    migrate.handler({"RequestType": "Update", "PhysicalResourceId": "database"}, Context())
    statuses = [call(Request("GET", "/api/audit", key)).status for key in (old, admin_key(environment))]
    assert [401, 200] == statuses


def test_a_key_that_the_database_never_heard_of_is_made_anew(environment: Stage, new_stage: Database) -> None:
    """A database that was restored, or a deployment that broke off, leaves the secret with a key that opens nothing."""
    migrate.handler({"RequestType": "Create"}, Context())
    unknown = f"alisio_{new_id().hex}_{'x' * 43}"
    boto3.client("secretsmanager").put_secret_value(SecretId=environment.prefix, SecretString=unknown)
    migrate.handler({"RequestType": "Update", "PhysicalResourceId": "database"}, Context())
    statuses = [call(Request("GET", "/api/audit", key)).status for key in (unknown, admin_key(environment))]
    assert [401, 200] == statuses


def test_a_key_that_cannot_be_written_is_not_made(
    environment: Stage, new_stage: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deployment fails, and no key exists that nobody knows."""
    migrate.handler({"RequestType": "Create"}, Context())
    boto3.client("secretsmanager").put_secret_value(SecretId=environment.prefix, SecretString="lost")

    def refuse(self: object, value: str) -> None:
        raise PermissionError("the secret cannot be written")

    with monkeypatch.context() as patched, pytest.raises(PermissionError):
        patched.setattr("alisio_server.adapters.aws.secrets.Secret.write", refuse)
        migrate.handler({"RequestType": "Update", "PhysicalResourceId": "database"}, Context())
    with closing(new_stage.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM api_key WHERE revoked IS NULL")
        assert (2,) == cursor.fetchone()  # as before: the old one of the admin, and that of agents


def test_a_failed_migration_fails_the_deployment(environment: Stage, new_stage: Database) -> None:
    """A database of a newer release is left as it is, and CloudFormation is told why."""
    migrate.handler({"RequestType": "Create"}, Context())
    with new_stage.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Exception, match="9999, which this release does not know"):
        migrate.handler({"RequestType": "Update", "PhysicalResourceId": "database"}, Context())


def test_a_destroyed_stack_leaves_the_database(environment: Stage, new_stage: Database) -> None:
    """Deleting the resource touches nothing; what the database is worth is said by its own removal policy."""
    migrate.handler({"RequestType": "Create"}, Context())
    deleted = {"RequestType": "Delete", "PhysicalResourceId": "database-9999"}
    assert {"PhysicalResourceId": "database-9999"} == migrate.handler(deleted, Context())
    assert HEAD == current_revision(new_stage)


def destroy(monkeypatch: pytest.MonkeyPatch, status: str = "DELETE_IN_PROGRESS") -> dict[str, Any]:
    """Do what CloudFormation does when the resource goes, with the stack in that state (which moto has no part for)."""
    monkeypatch.setattr(remove, "_status_of", {"a-stack": status}.__getitem__)
    return remove.handler({"RequestType": "Delete", "PhysicalResourceId": "x", "StackId": "a-stack"}, Context())


def test_a_destroyed_stack_takes_its_queues_along(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queues of work queues are deleted; the stack's own, and those of other installations, are not."""
    cloud.ask("POST", "/work-pools", {"name": "cape"})
    others = f"{cloud.stage.prefix}-other-{new_id()}"
    cloud.sqs.create_queue(QueueName=others)
    remove.handler({"RequestType": "Update", "PhysicalResourceId": "x"}, Context())
    assert 3 == len(cloud.sqs.list_queues(QueueNamePrefix=cloud.stage.prefix)["QueueUrls"])
    assert {"PhysicalResourceId": cloud.stage.prefix} == destroy(monkeypatch)
    left = [url.rpartition("/")[2] for url in cloud.sqs.list_queues(QueueNamePrefix=cloud.stage.prefix)["QueueUrls"]]
    assert {others, f"{cloud.stage.prefix}-dead-letters"} == set(left)


@pytest.mark.parametrize(
    ("status", "left"),
    [("DELETE_IN_PROGRESS", 0), ("ROLLBACK_IN_PROGRESS", 0), ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", 4)],
)
def test_a_bucket_is_emptied_only_where_its_stack_goes(
    environment: Stage, monkeypatch: pytest.MonkeyPatch, status: str, left: int
) -> None:
    """All versions and marks of deletions go; an update that is taken back leaves everything."""
    s3 = boto3.client("s3")
    s3.put_bucket_versioning(Bucket=environment.bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in (0, 1, 0):
        s3.put_object(Bucket=environment.bucket, Key=f"results/{number}", Body=b"")
    s3.delete_object(Bucket=environment.bucket, Key="results/1")

    destroy(monkeypatch, status)

    pages = s3.get_paginator("list_object_versions").paginate(Bucket=environment.bucket)
    assert left == sum(len(page.get("Versions", ())) + len(page.get("DeleteMarkers", ())) for page in pages)


def test_a_bucket_that_is_to_stay_is_not_named(environment: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a stage keeps its data the function is told of no bucket, and touches none."""
    boto3.client("s3").put_object(Bucket=environment.bucket, Key="results/0", Body=b"")
    monkeypatch.delenv("ALISIO_BUCKET")

    destroy(monkeypatch)

    assert 1 == boto3.client("s3").list_objects_v2(Bucket=environment.bucket)["KeyCount"]


LOGIN = {"properties": {"password": {"type": "string", "writeOnly": True}}}
BLOCK = {"block_type_slug": "login", "name": "door", "data": {"password": "swordfish"}}
REVEAL = "/block-types/login/block-documents/name/door/reveal"


def test_secrets_of_blocks_are_encrypted_with_kms(
    environment: Stage, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, logs: StringIO
) -> None:
    """The API's function takes the key that it is told; without that key the database gives no secret away."""
    arn = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    monkeypatch.setenv("ALISIO_KMS_KEY_ARN", arn)
    cloud: Cloud = request.getfixturevalue("cloud")
    cloud.ask("PUT", "/block-types/login", {"name": "Login", "block_schema": {"fields": LOGIN}})
    assert 200 == cloud.ask("POST", "/block-documents", BLOCK).status

    revealed = cloud.ask("POST", REVEAL)
    monkeypatch.delenv("ALISIO_KMS_KEY_ARN")
    open_services().database.dispose()
    _forget()
    without = cloud.ask("POST", REVEAL)

    assert {"password": "swordfish"} == revealed.json()["document"]["data"]
    assert (503, "no_cipher") == (without.status, without.json()["code"])
    [(stored,)] = cloud.execute(select(block_document.c.secrets))
    assert b"swordfish" not in bytes(stored)
    assert "swordfish" not in logs.getvalue()

"""The functions that make a stage and take it away, called as CloudFormation has them called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from sqlalchemy import select

from alisio.contract.ids import new_id
from alisio_server.adapters.aws.opening import open_services
from alisio_server.adapters.aws.sqs import remove_queues
from alisio_server.database.block_tables import block_document
from alisio_server.database.engine import Database
from alisio_server.database.migrate import HEAD, current_revision
from handlers import migrate, remove
from tests.integration.aws.conftest import Stage
from tests.integration.aws.events import Context, Request
from tests.postgres import Postgres

if TYPE_CHECKING:
    pass
from tests.integration.aws.functions import Cloud, call, forget


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


def test_queues_beyond_the_first_page_are_removed(environment: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQS tells of a thousand queues at once, and that there are more only where a size of pages was asked for."""
    sqs = boto3.client("sqs")
    for _ in range(5):
        sqs.create_queue(QueueName=f"{environment.prefix}-{new_id()}")
    monkeypatch.setattr("alisio_server.adapters.aws.sqs._PAGE", 2)
    asked: list[dict[str, Any]] = []
    sqs.meta.events.register("provide-client-params.sqs.ListQueues", lambda params, **_: asked.append(dict(params)))

    assert 5 == remove_queues(sqs, environment.prefix)

    assert {2} == {each["MaxResults"] for each in asked}


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
    forget()
    without = cloud.ask("POST", REVEAL)

    assert {"password": "swordfish"} == revealed.json()["document"]["data"]
    assert (503, "no_cipher") == (without.status, without.json()["code"])
    [(stored,)] = cloud.execute(select(block_document.c.secrets))
    assert b"swordfish" not in bytes(stored)
    assert "swordfish" not in logs.getvalue()

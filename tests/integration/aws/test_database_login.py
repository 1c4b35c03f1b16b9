"""How functions find the database of a stage: by a secret, which is read for each connection, and over TLS alone."""

from __future__ import annotations

import json
import traceback
from typing import Any

import boto3
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from alisio_server.adapters.aws.cloud_settings import DatabaseAddress, read_cloud_settings
from alisio_server.adapters.aws.opening import _Login, open_database
from alisio_server.adapters.aws.secrets import open_secret
from alisio_server.errors import InvalidInputError
from tests.integration.aws.conftest import Stage
from tests.postgres import Postgres

LOGIN = {"username": "alisio", "password": "one", "host": "db.internal", "port": 5432, "dbname": "alisio"}


def make_secret(stage: Stage, value: dict[str, Any]) -> str:
    """Make the secret that RDS would make; returns its ARN."""
    made = boto3.client("secretsmanager").create_secret(Name=f"{stage.prefix}/database", SecretString=json.dumps(value))
    arn: str = made["ARN"]
    return arn


def login_of(arn: str, proxy_host: str | None = None) -> dict[str, Any]:
    """Tell with what a connection is made."""
    parameters: dict[str, Any] = {"sslmode": "require", "options": "-c lock_timeout=10s"}
    _Login(open_secret(arn), proxy_host)(None, None, None, parameters)
    return parameters


def test_a_password_that_was_turned_over_is_found(moto: Stage) -> None:
    """The next connection has the new one, without a new deployment."""
    arn = make_secret(moto, LOGIN)
    assert ("one", "db.internal") == (login_of(arn)["password"], login_of(arn)["host"])
    boto3.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=json.dumps(LOGIN | {"password": "two"}))
    assert "two" == login_of(arn)["password"]


def test_a_proxy_is_asked_without_options(moto: Stage) -> None:
    """RDS Proxy has a name of its own, and takes no options of a session."""
    parameters = login_of(make_secret(moto, LOGIN), "proxy.internal")
    assert ("proxy.internal", False) == (parameters["host"], "options" in parameters)


def test_a_database_without_tls_is_refused(moto: Stage, postgres: Postgres) -> None:
    """The secret's own server is asked, and nothing is sent to it in clear."""
    url = make_url(postgres.url())
    arn = make_secret(
        moto, LOGIN | {"password": url.password, "host": url.host, "port": url.port, "dbname": "postgres"}
    )
    database = open_database(DatabaseAddress(None, arn, None))
    with pytest.raises(OperationalError, match=f"port {postgres.port} failed: server does not support SSL"):
        database.engine.connect()


def test_a_secret_that_cannot_be_read_is_an_error_of_the_database(moto: Stage) -> None:
    """Who asks is told 503 and asks again, as while the database itself is away."""
    arn = make_secret(moto, LOGIN)
    boto3.client("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    with pytest.raises(OperationalError, match="AWS Secrets Manager refuses"):
        open_database(DatabaseAddress(None, arn, None)).engine.connect()


@pytest.mark.parametrize("text", ["hunter2", '{"username": "alisio", "password": "hunter2"}', '"hunter2"', "{}"])
def test_a_secret_that_holds_no_login_is_not_shown(moto: Stage, text: str) -> None:
    """What it should hold is said, and nothing of what it does hold."""
    arn = make_secret(moto, LOGIN)
    boto3.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=text)
    with pytest.raises(OperationalError, match="JSON with username, password, host, port, dbname") as caught:
        open_database(DatabaseAddress(None, arn, None)).engine.connect()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("days", ["0d", "7", "a week", "-1d"])
def test_a_retention_that_cannot_be_read_is_named(days: str) -> None:
    """What was misspelt in the stage's settings is said with the variable's name."""
    environment = {"ALISIO_BUCKET": "b", "ALISIO_SQS_PREFIX": "p", "ALISIO_DATABASE_SECRET_ARN": "a"}
    with pytest.raises(InvalidInputError, match="ALISIO_RETENTION_LOGS must be days such as 30d, or forever"):
        read_cloud_settings({**environment, "ALISIO_RETENTION_LOGS": days})

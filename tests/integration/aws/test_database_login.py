"""How functions find the database of a stage: by a secret, which is read for each connection, and over TLS alone."""

from __future__ import annotations

import json
import re
import socket
import ssl
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from alisio_server.adapters.aws.cloud_settings import DatabaseAddress, read_cloud_settings
from alisio_server.adapters.aws.opening import _RDS_CA_FILE, _Login, open_database
from alisio_server.adapters.aws.secrets import open_secret
from alisio_server.errors import InvalidInputError
from tests.integration.access.test_tls import make_certificate
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


class Stranger:
    """Takes a connection as PostgreSQL does, as far as its certificate, and keeps what comes after that."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, suppress(OSError):
            connection.recv(8)
            connection.sendall(b"S")
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self.heard = secured.recv(1000)

    def close(self) -> None:
        """End it."""
        self._thread.join(10)
        self._listener.close()


@pytest.mark.parametrize(
    ("host", "trusted", "reason"),
    [
        ("127.0.0.1", False, "certificate verify failed"),
        ("localhost", True, 'does not match host name "localhost"'),
        ("127.0.0.1", True, "EOF detected"),
    ],
    ids=["a-stranger", "of-another-host", "its-own"],
)
def test_credentials_go_to_the_database_alone(
    moto: Stage, tmp_path: Path, host: str, trusted: bool, reason: str
) -> None:
    """Who shows no certificate of RDS, or one for another host, hears not even the user's name."""
    certificate, key = make_certificate(tmp_path)
    stranger = Stranger(certificate, key)
    arn = make_secret(moto, LOGIN | {"host": host, "port": stranger.port})
    database = open_database(DatabaseAddress(None, arn, None, str(certificate) if trusted else None))
    with pytest.raises(OperationalError, match=reason):
        database.engine.connect()
    stranger.close()
    assert (b"alisio" in stranger.heard) == (reason == "EOF detected")


def test_the_authorities_are_those_of_amazon_and_valid() -> None:
    """Every certificate that is brought along is an authority of Amazon's, and none has ended."""
    certificates = ssl.create_default_context(cafile=_RDS_CA_FILE).get_ca_certs()
    assert _RDS_CA_FILE.read_text().count("BEGIN CERTIFICATE") == len(certificates)
    for certificate in certificates:
        assert certificate["subject"] == certificate["issuer"]
        assert re.search("Amazon|Starfield Technologies", str(certificate["subject"]))
        assert ssl.cert_time_to_seconds(str(certificate["notAfter"])) > datetime(2027, 1, 1, tzinfo=UTC).timestamp()


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

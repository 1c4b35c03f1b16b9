"""What a function is told when it is deployed, read from its environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from alisio_server.adapters.aws.scheduler import EntryTarget
from alisio_server.errors import InvalidInputError
from alisio_server.settings import Retention

_DAYS = re.compile(r"([1-9]\d{0,4})d")
_FOREVER = "forever"


@dataclass(frozen=True)
class DatabaseAddress:
    """Where the database is; either `url` says it, or a secret.

    Attributes:
        url: As `alisio_server.database.engine.normalise_url` reads it.
        secret_arn: A secret of Secrets Manager, as RDS writes it: JSON with username, password, host, port, dbname.
        proxy_host: The name of the RDS Proxy that stands before it, to be used in place of the secret's host.
        ca_file: Whom the certificate of a database in a secret must come from; None: those of `rds-ca.pem`.
    """

    url: str | None
    secret_arn: str | None
    proxy_host: str | None
    ca_file: str | None = None


@dataclass(frozen=True)
class CloudSettings:
    """What the services of a function are composed of.

    Attributes:
        database: Where the database is.
        bucket: Where bundles are.
        sqs_prefix: What the names of SQS queues begin with.
        timers: Where the entries of schedules are; None: schedules are looked at by the tick alone.
        agent_role_arn: The role that agents are lent; None: they have credentials themselves.
        retention: How long what is over is kept.
        kms_key_arn: The key that secrets are encrypted with; None: the function has nothing to do with secrets.
    """

    database: DatabaseAddress
    bucket: str
    sqs_prefix: str
    timers: EntryTarget | None
    agent_role_arn: str | None
    retention: Retention
    kms_key_arn: str | None


def read_database_address(environment: Mapping[str, str]) -> DatabaseAddress:
    """Read where the database is.

    Raises:
        InvalidInputError: Nothing says it.
    """
    url = environment.get("ALISIO_API_DATABASE_CONNECTION_URL")
    secret_arn = environment.get("ALISIO_DATABASE_SECRET_ARN")
    if not url and not secret_arn:
        raise _missing("ALISIO_DATABASE_SECRET_ARN")
    proxy_host, ca_file = environment.get("ALISIO_DATABASE_HOST"), environment.get("ALISIO_DATABASE_CA_FILE")
    return DatabaseAddress(url, secret_arn, proxy_host, ca_file)


def read_cloud_settings(environment: Mapping[str, str]) -> CloudSettings:
    """Read the settings of the services.

    Args:
        environment: The environment variables.

    Raises:
        InvalidInputError: One is missing or cannot be read; `field` names it.
    """
    return CloudSettings(
        database=read_database_address(environment),
        bucket=required(environment, "ALISIO_BUCKET"),
        sqs_prefix=required(environment, "ALISIO_SQS_PREFIX"),
        timers=_read_timers(environment),
        agent_role_arn=environment.get("ALISIO_AGENT_ROLE_ARN"),
        retention=_read_retention(environment),
        kms_key_arn=environment.get("ALISIO_KMS_KEY_ARN"),
    )


def required(environment: Mapping[str, str], name: str) -> str:
    """Read a variable without which nothing works.

    Raises:
        InvalidInputError: It is missing.
    """
    if not (value := environment.get(name)):
        raise _missing(name)
    return value


def _read_timers(environment: Mapping[str, str]) -> EntryTarget | None:
    group = environment.get("ALISIO_SCHEDULE_GROUP")
    if not group:
        return None
    return EntryTarget(
        group=group,
        function_arn=required(environment, "ALISIO_TICK_FUNCTION_ARN"),
        role_arn=required(environment, "ALISIO_SCHEDULE_ROLE_ARN"),
    )


def _read_retention(environment: Mapping[str, str]) -> Retention:
    given = {
        what: _read_days(name, environment[name])
        for what in ("flow_runs", "task_runs", "logs", "audit_log", "events")
        if (name := f"ALISIO_RETENTION_{what.upper()}") in environment
    }
    return Retention(**given)


def _read_days(name: str, text: str) -> timedelta | None:
    if text == _FOREVER:
        return None
    if (found := _DAYS.fullmatch(text)) is None:
        raise InvalidInputError(f"{name} must be days such as 30d, or {_FOREVER}, not {text!r}", field=name)
    return timedelta(days=int(found[1]))


def _missing(name: str) -> InvalidInputError:
    return InvalidInputError(f"the function is not told {name}: deploy it with `cdk deploy`", field=name)

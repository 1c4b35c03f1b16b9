"""What a function works with, opened by its first call and kept by its environment.

Nothing is opened at import: a snapshot of an environment that has started is thawed many times.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import event

from alisio_server.adapters.aws.agent_credentials import open_agent_credentials
from alisio_server.adapters.aws.cloud_settings import CloudSettings, DatabaseAddress, read_cloud_settings
from alisio_server.adapters.aws.kms import open_kms
from alisio_server.adapters.aws.s3 import open_s3
from alisio_server.adapters.aws.scheduler import open_timers
from alisio_server.adapters.aws.secrets import Secret, open_secret
from alisio_server.adapters.aws.sqs import open_sqs
from alisio_server.app import Api
from alisio_server.database.engine import Database
from alisio_server.services import Services

_RDS_CA_FILE = Path(__file__).with_name("rds-ca.pem")
CONNECTIONS = 1
"""An environment handles one event at a time, so it needs no second connection."""


@cache
def open_services() -> Services:
    """Compose the services of this environment; each call gives the same ones.

    Raises:
        InvalidInputError: An environment variable is missing or cannot be read.
    """
    return compose(read_cloud_settings(os.environ))


@cache
def open_api() -> Api:
    """Put the API around the services of this environment.

    Raises:
        InvalidInputError: As for `open_services`.
    """
    return Api(open_services())


def compose(settings: CloudSettings) -> Services:
    """Compose services; nothing is connected to yet."""
    credentials = None if settings.agent_role_arn is None else open_agent_credentials(settings.agent_role_arn)
    sqs = open_sqs(settings.sqs_prefix, credentials)
    return Services(
        open_database(settings.database),
        sqs,
        open_s3(settings.bucket),
        settings.retention,
        queues=sqs,
        timers=None if settings.timers is None else open_timers(settings.timers),
        cipher=None if settings.kms_key_arn is None else open_kms(settings.kms_key_arn),
    )


def open_database(address: DatabaseAddress) -> Database:
    """Open the database; credentials that are in a secret are read whenever a connection is made.

    They are sent to nobody but who shows a certificate for the secret's host, or the proxy's.
    """
    if address.secret_arn is None:
        return Database(address.url or "", CONNECTIONS)
    ca_file = quote(address.ca_file or str(_RDS_CA_FILE))
    database = Database(f"postgresql:///?sslmode=verify-full&sslrootcert={ca_file}", CONNECTIONS)
    event.listen(database.engine, "do_connect", _Login(open_secret(address.secret_arn), address.proxy_host))
    return database


_IN_SECRET = ("password", "host", "port", "dbname")


class _Login:
    """Fills in where and as whom a connection is made. See SQLAlchemy's event `do_connect`."""

    def __init__(self, secret: Secret, proxy_host: str | None) -> None:
        self._secret = secret
        self._proxy_host = proxy_host

    def __call__(self, _dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
        parameters |= self._read()
        if self._proxy_host is not None:
            parameters["host"] = self._proxy_host
            # RDS Proxy refuses options of a session; `deploying.py` has put them on the role.
            parameters.pop("options", None)

    def _read(self) -> dict[str, Any]:
        # What it raises is an error of the database, for those who ask it know of no secret.
        from psycopg2 import OperationalError

        try:
            login = json.loads(self._secret.read())
            return {"user": login["username"], **{name: login[name] for name in _IN_SECRET}}
        except OSError as error:
            raise OperationalError(str(error)) from error
        except (ValueError, KeyError, TypeError):
            # Not chained: the error of `json` holds the secret.
            names = ", ".join(("username", *_IN_SECRET))
            raise OperationalError(f"its secret is to be JSON with {names}: write it anew") from None

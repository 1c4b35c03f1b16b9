"""The database of a new version: called by CloudFormation (as a custom resource) before the API takes traffic.

What it raises fails the deployment, which CloudFormation then takes back.
"""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from alisio.contract.roles import Role
from alisio_server.adapters.aws.cloud_settings import read_database_address, required
from alisio_server.adapters.aws.deploying import ensure_key, ensure_pool, migrate_database
from alisio_server.adapters.aws.function_logs import logged_call, logger
from alisio_server.adapters.aws.opening import open_database
from alisio_server.adapters.aws.secrets import open_secret

_POOL = "ALISIO_AGENT_POOL"
_KEYS = {Role.ADMIN: "ALISIO_ADMIN_KEY_SECRET_ARN", Role.AGENT: "ALISIO_AGENT_KEY_SECRET_ARN"}


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Bring the database to this release's revision, and see to it that there are keys, and a pool for the agents.

    Args:
        event: What the provider framework of the CDK passes on: `RequestType` and more.
        context: Lambda's context.

    Returns:
        `PhysicalResourceId`, which names the revision, and the revision as `Data`.
    """
    if event["RequestType"] == "Delete":
        return {"PhysicalResourceId": event["PhysicalResourceId"]}
    with logged_call(context):
        address = read_database_address(os.environ)
        database = open_database(address)
        try:
            revision = migrate_database(database, is_proxied=address.proxy_host is not None)
            for role, variable in _KEYS.items():
                if ensure_key(database, open_secret(required(os.environ, variable)), role):
                    logger.info("a new key of the role %s is in its secret", role)
            pool = os.environ.get(_POOL)
            if pool is not None and ensure_pool(database, pool):
                logger.info("the work pool %s is made, for the agents of this stage", pool)
        finally:
            database.dispose()
        logger.info("the database is at revision %s", revision)
    # Another revision is another resource: a deployment that fails later on is taken back by deleting that one, and not
    # by an update in which the code of before would refuse a database that is newer.
    return {"PhysicalResourceId": f"database-{revision}", "Data": {"Revision": revision}}

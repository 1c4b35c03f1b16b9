"""The database of a stage: private, encrypted, over TLS alone, and reached."""

from __future__ import annotations

from typing import Any

from alisio.cloud.verification.subject import CheckError, SkippedError, Subject


def check_instance(subject: Subject) -> str:
    """The instance is encrypted, has no public address and refuses what is not TLS; the API answers out of it."""
    instance = _instance(subject)
    faults = []
    if not instance["StorageEncrypted"]:
        faults.append("its storage is not encrypted")
    if instance["PubliclyAccessible"]:
        faults.append("it has a public address")
    if instance["DBInstanceStatus"] != "available":
        faults.append(f"it is {instance['DBInstanceStatus']}")
    if _parameters(subject, instance).get("rds.force_ssl") != "1":
        faults.append("it takes connections without TLS (rds.force_ssl is not 1)")
    if faults:
        raise CheckError(f"{instance['DBInstanceIdentifier']}: {', '.join(faults)}")
    pools = len(subject.client.list_work_pools(1).items)
    return f"PostgreSQL {instance['EngineVersion']} on {instance['DBInstanceClass']}; the API reads from it ({pools=})"


def check_proxy(subject: Subject) -> str:
    """RDS Proxy has a target that it reaches, and wants TLS itself."""
    identifier, rds = _instance(subject)["DBInstanceIdentifier"], subject.aws.client("rds")
    for proxy in rds.describe_db_proxies()["DBProxies"]:
        targets = rds.describe_db_proxy_targets(DBProxyName=proxy["DBProxyName"])["Targets"]
        mine = [target for target in targets if target.get("RdsResourceId") == identifier]
        if not mine:
            continue
        health = mine[0].get("TargetHealth", {})
        if health.get("State") != "AVAILABLE":
            reason = health.get("Description", "no reason given")
            raise CheckError(f"{proxy['DBProxyName']} does not reach the database: {health.get('State')}, {reason}")
        if not proxy["RequireTLS"]:
            raise CheckError(f"{proxy['DBProxyName']} takes connections without TLS")
        return f"{proxy['DBProxyName']} is {proxy['Status']}"
    raise SkippedError("the stage has none")


def _instance(subject: Subject) -> dict[str, Any]:
    if "DatabaseId" not in subject.outputs:
        raise SkippedError("the stage makes no database of its own")
    answer = subject.aws.client("rds").describe_db_instances(DBInstanceIdentifier=subject.outputs["DatabaseId"])
    return dict(answer["DBInstances"][0])


def _parameters(subject: Subject, instance: dict[str, Any]) -> dict[str, str]:
    group = instance["DBParameterGroups"][0]["DBParameterGroupName"]
    pages = subject.aws.client("rds").get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group)
    return {
        parameter["ParameterName"]: parameter.get("ParameterValue", "")
        for page in pages
        for parameter in page["Parameters"]
    }

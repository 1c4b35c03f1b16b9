"""What a stage costs: idle, from the resources in its templates, and for each 1,000 runs, from a typical run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alisio.cloud import prices

Template = Mapping[str, Any]
Properties = Mapping[str, Any]

TICK_SECONDS = 0.3
"""A tick with nothing due, billed."""
TICK_METRICS = 10
"""That the tick emits for a stage with one work pool."""
_SMALLEST_PROXY = 2


@dataclass(frozen=True)
class TypicalRun:
    """What a run is taken to be: a minute long, with ten tasks and twenty log lines.

    Attributes:
        minutes: How long it takes on an agent.
        requests: Of the API: to create and claim it, a report every 10 s, and somebody who looks at it.
        request_seconds: What the function takes for one.
        messages: Calls of SQS.
        log_kb: What functions and the API write to CloudWatch of it.
        stored_kb: What is kept of it in the database.
    """

    minutes: float = 1.0
    requests: int = 12
    request_seconds: float = 0.06
    messages: int = 4
    log_kb: float = 12.0
    stored_kb: float = 14.0


@dataclass(frozen=True)
class CostLine:
    """What resources of one kind cost.

    Attributes:
        what: The kind, for people.
        count: How many there are.
        dollars: All of them, a month or for 1,000 runs.
    """

    what: str
    count: int
    dollars: float


def idle_costs(templates: Iterable[Template]) -> list[CostLine]:
    """Estimate what a stage costs a month when nothing runs, the dearest first.

    Args:
        templates: Of its stacks.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for template in templates:
        for resource in template.get("Resources", {}).values():
            price = _PRICED.get(resource["Type"])
            if price is not None:
                what, dollars = price(resource.get("Properties", {}))
                if dollars > 0:
                    found[what].append(dollars)
    lines = [CostLine(what, len(each), sum(each)) for what, each in found.items()]
    return sorted(lines, key=lambda line: (-line.dollars, line.what))


def costs_of_thousand_runs(templates: Iterable[Template], run: TypicalRun | None = None) -> list[CostLine]:
    """Estimate what 1,000 runs cost beside that, the dearest first.

    Args:
        templates: Of the stage's stacks. Without agents among them, runs cost nothing to execute.
        run: What each of them is taken to be.
    """
    run = run or TypicalRun()
    resources = [resource for template in templates for resource in template.get("Resources", {}).values()]
    requests, messages = 1000 * run.requests, 1000 * run.messages
    call = prices.LAMBDA_CALL + run.request_seconds * prices.LAMBDA_GB_SECOND
    lines = [
        CostLine("requests of the HTTP API", requests, requests * prices.HTTP_API_CALL),
        CostLine("calls of the API's function", requests, requests * call),
        CostLine("SQS messages", messages, messages * prices.SQS_CALL),
        CostLine("logs", 1000, run.log_kb / 1000 * prices.LOG_GB),
        CostLine("rows kept in the database, a month", 1000, run.stored_kb / 1000 * prices.RDS_GIB_MONTH),
    ]
    if any(_is_traced(resource) for resource in resources):
        lines.append(CostLine("X-Ray traces", requests, requests * prices.TRACE))
    lines += [_agents(resource["Properties"], run) for resource in resources if resource["Type"] == _TASK]
    return sorted(lines, key=lambda line: (-line.dollars, line.what))


_TASK = "AWS::ECS::TaskDefinition"


def _agents(task: Properties, run: TypicalRun) -> CostLine:
    hour = int(task["Cpu"]) / 1024 * prices.FARGATE_CPU_HOUR + int(task["Memory"]) / 1024 * prices.FARGATE_GB_HOUR
    hours = 1000 * run.minutes / 60 / _runs_each(task)
    return CostLine("agents on Fargate", 1000, hours * (hour + prices.PUBLIC_ADDRESS_HOUR))


def _runs_each(task: Properties) -> int:
    """Read from an agent's command how many runs it takes at once."""
    command = task["ContainerDefinitions"][0].get("Command", [])
    return int(command[command.index("--limit") + 1]) if "--limit" in command else 1


def _is_traced(resource: Mapping[str, Any]) -> bool:
    mode = resource.get("Properties", {}).get("TracingConfig", {}).get("Mode")
    return bool(resource["Type"] == "AWS::Lambda::Function" and mode == "Active")


def _instance(given: Properties) -> tuple[str, float]:
    kind = given["DBInstanceClass"]
    copies = 2 if _is_true(given.get("MultiAZ")) else 1
    hour = prices.RDS_INSTANCE_HOUR.get(kind)
    what = f"database {kind}" + (" with standby" if copies == 2 else "")
    if hour is None:
        return f"{what} (price unknown, storage only)", copies * _storage(given)
    return what, copies * (hour * prices.HOURS + _storage(given))


def _storage(given: Properties) -> float:
    return float(given["AllocatedStorage"]) * prices.RDS_GIB_MONTH


def _endpoint(given: Properties) -> tuple[str, float]:
    zones = len(given.get("SubnetIds", []))
    is_free = given.get("VpcEndpointType") != "Interface"
    return "interface endpoints", 0.0 if is_free else zones * prices.ENDPOINT_HOUR * prices.HOURS


def _function(given: Properties) -> tuple[str, float]:
    keeps = given.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions"
    gb = int(given.get("MemorySize", 128)) / 1024
    return "snapshots of functions", gb * prices.SNAPSHOT_GB_SECOND * prices.SECONDS if keeps else 0.0


def _clockwork(given: Properties) -> tuple[str, float]:
    ticks = prices.MINUTES if given.get("ScheduleExpression") == "rate(1 minute)" else 0
    call = prices.SCHEDULER_CALL + prices.LAMBDA_CALL + TICK_SECONDS * prices.LAMBDA_GB_SECOND
    return "clockwork and its metrics", ticks * call + (TICK_METRICS * prices.METRIC_MONTH if ticks else 0.0)


def _same(what: str, month: float) -> Callable[[Properties], tuple[str, float]]:
    return lambda _: (what, month)


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


_PRICED: dict[str, Callable[[Properties], tuple[str, float]]] = {
    "AWS::CloudWatch::Alarm": _same("alarms", prices.ALARM_MONTH),
    "AWS::EC2::EIP": _same("public addresses", prices.PUBLIC_ADDRESS_HOUR * prices.HOURS),
    "AWS::EC2::NatGateway": _same("NAT gateways", prices.NAT_GATEWAY_HOUR * prices.HOURS),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::KMS::Key": _same("keys", prices.KEY_MONTH),
    "AWS::Lambda::Function": _function,
    "AWS::RDS::DBInstance": _instance,
    "AWS::RDS::DBProxy": _same("RDS Proxy", _SMALLEST_PROXY * prices.RDS_PROXY_CPU_HOUR * prices.HOURS),
    "AWS::Scheduler::Schedule": _clockwork,
    "AWS::SecretsManager::Secret": _same("secrets", prices.SECRET_MONTH),
}

"""The estimate of what a stage costs."""

from __future__ import annotations

import pytest

from alisio.cloud import prices
from alisio.cloud.costs import CostLine, TypicalRun, costs_of_thousand_runs, idle_costs


def _template(**resources: tuple[str, dict[str, object]]) -> dict[str, object]:
    return {"Resources": {name: {"Type": kind, "Properties": given} for name, (kind, given) in resources.items()}}


def test_idle_costs_are_those_of_the_resources_and_the_dearest_come_first() -> None:
    """A database counts its instance and its storage, twice with a standby; what is alike is one line."""
    database = {"DBInstanceClass": "db.t4g.micro", "AllocatedStorage": "20", "MultiAZ": True}
    templates = [
        _template(
            Database=("AWS::RDS::DBInstance", database),
            First=("AWS::SecretsManager::Secret", {}),
            Topic=("AWS::SNS::Topic", {}),
        ),
        _template(Second=("AWS::SecretsManager::Secret", {})),
    ]

    lines = idle_costs(templates)

    dollars = 2 * (0.016 * prices.HOURS + 20 * prices.RDS_GIB_MONTH)
    assert [
        CostLine("database db.t4g.micro with standby", 1, pytest.approx(dollars)),
        CostLine("secrets", 2, pytest.approx(0.80)),
    ] == lines


def test_an_instance_whose_price_is_not_known_says_so() -> None:
    """It is not left out, and not guessed: its storage is counted, and the line says what is missing."""
    database = {"DBInstanceClass": "db.x9z.large", "AllocatedStorage": "100"}

    [line] = idle_costs([_template(Database=("AWS::RDS::DBInstance", database))])

    assert ("database db.x9z.large (price unknown, storage only)", pytest.approx(11.5)) == (line.what, line.dollars)


@pytest.mark.parametrize(
    ("given", "dollars"),
    [
        ({"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]}, 2 * 0.01 * prices.HOURS),
        ({"VpcEndpointType": "Gateway"}, 0.0),
    ],
)
def test_interface_endpoints_cost_in_each_zone_and_gateways_nothing(given: dict[str, object], dollars: float) -> None:
    """What costs nothing has no line."""
    lines = idle_costs([_template(Endpoint=("AWS::EC2::VPCEndpoint", given))])

    assert ([pytest.approx(dollars)] if dollars else []) == [line.dollars for line in lines]


def test_only_the_schedule_of_every_minute_is_the_clockwork() -> None:
    """The entries of users' schedules cost next to nothing, and no metrics of their own."""
    minute = idle_costs([_template(Minute=("AWS::Scheduler::Schedule", {"ScheduleExpression": "rate(1 minute)"}))])
    other = idle_costs([_template(Other=("AWS::Scheduler::Schedule", {"ScheduleExpression": "at(2026-01-01)"}))])

    assert ["clockwork and its metrics"] == [line.what for line in minute]
    assert [] == other


def test_runs_cost_agents_and_traces_only_where_the_stage_has_them() -> None:
    """A run of a minute takes its share of an agent that holds five; traces are counted where functions are traced."""
    task = {
        "Cpu": "1024",
        "Memory": "2048",
        "ContainerDefinitions": [{"Command": ["--pool", "cloud", "--limit", "5"]}],
    }
    bare = costs_of_thousand_runs([_template(Api=("AWS::Lambda::Function", {}))])
    whole = costs_of_thousand_runs(
        [
            _template(
                Agents=("AWS::ECS::TaskDefinition", task),
                Api=("AWS::Lambda::Function", {"TracingConfig": {"Mode": "Active"}}),
            )
        ]
    )

    more = {line.what: line.dollars for line in whole if line.what not in {line.what for line in bare}}
    hour = prices.FARGATE_CPU_HOUR + 2 * prices.FARGATE_GB_HOUR + prices.PUBLIC_ADDRESS_HOUR
    assert {
        "agents on Fargate": pytest.approx(1000 / 60 / 5 * hour),
        "X-Ray traces": pytest.approx(1000 * TypicalRun().requests * prices.TRACE),
    } == more

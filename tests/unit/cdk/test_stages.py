"""The settings of stages, and what is refused of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdk.authorities import check_region
from cdk.stages import STAGES, AgentSettings, DatabaseSettings, FunctionSettings, Stage, find_stage


def test_the_stages_are_these() -> None:
    """What the docs and the command line name is there."""
    assert {"dev", "prod", "local"} == set(STAGES)


def test_a_stage_that_is_not_there_is_refused() -> None:
    """A typing error is told with the stages that there are."""
    with pytest.raises(ValueError, match="no stage 'pord': take one of dev, prod, local"):
        find_stage("pord")


def test_a_database_is_either_made_or_named() -> None:
    """A stage that makes its database is not told of another one, and one without is not without any."""
    with pytest.raises(ValueError, match="needs either a database of its own or a database_url"):
        find_stage("prod", database_url="postgresql://elsewhere/alisio")
    with pytest.raises(ValueError, match="needs either"):
        replace(STAGES["local"], database_url=None)


def test_the_database_of_the_local_stage_is_named_on_the_command_line() -> None:
    """Whoever starts a database for the local stage says where it listens."""
    assert (
        "postgresql://127.0.0.1:5544/x"
        == find_stage("local", database_url="postgresql://127.0.0.1:5544/x").database_url
    )


def test_more_requests_at_once_than_connections_are_refused() -> None:
    """Each request that is answered holds a connection, so the two numbers must fit."""
    functions = FunctionSettings(api_concurrency=91)
    with pytest.raises(ValueError, match=r"answers 91 requests and entries at once.*has room for 90"):
        Stage("dev", functions=functions, database=DatabaseSettings(max_connections=100))
    assert 91 == Stage("dev", functions=functions, database=DatabaseSettings(proxy=True)).functions.api_concurrency


def test_a_name_that_could_begin_another_is_refused() -> None:
    """Queues are found by `alisio-<stage>-`, so that no stage may be called `dev-2` beside `dev`."""
    with pytest.raises(ValueError, match="letters and digits"):
        Stage("dev-2")


def test_parts_that_need_a_network_are_refused_without_one() -> None:
    """A database stands in a network."""
    with pytest.raises(ValueError, match="no network for them to stand in"):
        Stage("dev", network=None)


@pytest.mark.parametrize("settings", [{"runs_each": 0}, {"most": 0}])
def test_agents_that_could_run_nothing_are_refused(settings: dict[str, int]) -> None:
    """Scaling counts agents by the runs that each takes."""
    with pytest.raises(ValueError, match="1 at least"):
        AgentSettings(**settings)


def test_a_region_whose_databases_functions_could_not_trust_is_refused() -> None:
    """It is said before anything is made there, not by functions that cannot connect."""
    check_region("eu-central-1")
    with pytest.raises(ValueError, match=r"rds-ca\.pem has no authority of Amazon RDS for the region xx-nowhere-9"):
        check_region("xx-nowhere-9")

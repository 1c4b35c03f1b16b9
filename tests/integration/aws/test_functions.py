"""The functions that serve a stage, called as Lambda calls them, over PostgreSQL and AWS as moto imitates it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import boto3
import pytest
from sqlalchemy import select, update

from alisio.client.calls.base import path_of
from alisio.contract.ids import new_id
from alisio_server.adapters.aws.opening import open_services
from alisio_server.database.around_tables import artifact_data
from alisio_server.database.tables import clockwork, flow_run, log, schedule
from alisio_server.errors import InvalidInputError
from handlers import dead_letters, tick
from tests.integration.aws import events
from tests.integration.aws.conftest import Stage
from tests.integration.aws.events import Context, Request
from tests.postgres import Postgres

if TYPE_CHECKING:
    pass
from tests.integration.aws.functions import Cloud, call, metrics

SHA256 = hashlib.sha256(b"an archive").hexdigest()


# --- api


def test_a_request_is_answered(cloud: Cloud) -> None:
    """API Gateway's event goes in, what it takes comes out."""
    answer = call(Request("GET", "/api/health"))
    assert (200, "ok", "postgresql") == (answer.status, answer.json()["status"], answer.json()["database"])


@pytest.mark.parametrize(
    "name", ["nightly \N{EM DASH} Madrid", 'the "new" one', "tests #2", "\N{ROCKET}", "what now?", "a+b"]
)
def test_names_may_hold_what_api_gateway_decodes(cloud: Cloud, name: str) -> None:
    """An HTTP API decodes the path, and takes what follows a question mark in it for a query: the client knows that."""
    assert 201 == cloud.ask("POST", "/work-pools", {"name": name}).status
    path, _, _ = unquote(path_of("work-pools", name)).partition("?")
    assert (200, name) == ((answer := cloud.ask("GET", path)).status, answer.json()["name"])
    assert 204 == cloud.ask("DELETE", path).status


def test_who_asks_needs_a_key(cloud: Cloud) -> None:
    """Without one it is 401, and with one the same routes answer as on a laptop."""
    assert 401 == call(Request("GET", "/api/work-pools")).status
    assert (200, []) == (cloud.ask("GET", "/work-pools").status, cloud.ask("GET", "/work-pools").json()["items"])


def test_the_first_key_is_not_made_from_outside(environment: Stage, postgres: Postgres, monkeypatch: Any) -> None:
    """A stage whose database has no key yet is closed to everybody."""
    with postgres.database() as url:
        monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", url)
        answer = call(Request("POST", "/api/api-keys", body={"name": "mine", "role": "admin"}))
        open_services().database.dispose()
        assert (401, "api_key_missing") == (answer.status, answer.json()["code"])


def test_one_connection_does_for_all_that_a_request_needs(cloud: Cloud) -> None:
    """Each environment has a single connection: no route asks for a second one while it holds the first."""
    deployment_id = cloud.deploy({"cron": "0 3 * * *"})
    created = cloud.ask("POST", f"/deployments/{deployment_id}/runs", {})
    run_id = created.json()["id"]
    for method, path, body in (
        ("GET", f"/flow-runs/{run_id}", None),
        ("POST", "/flow-runs/filter", {}),
        ("POST", f"/flow-runs/{run_id}/cancel", None),
        ("POST", f"/flow-runs/{run_id}/retry", None),
        ("POST", f"/deployments/{deployment_id}/pause", None),
        ("POST", f"/deployments/{deployment_id}/resume", None),
        ("GET", "/work-pools/cape/wake-ups", None),
        ("DELETE", f"/deployments/{deployment_id}", None),
        ("DELETE", "/work-pools/cape", None),
    ):
        answer = cloud.ask(method, path, body)
        assert answer.status < 300, (method, path, answer.body)


def test_a_new_pool_has_its_queue_at_once(cloud: Cloud) -> None:
    """Its SQS queue is there, tagged with whose it is, before anybody sends or receives."""
    cloud.ask("POST", "/work-pools", {"name": "cape"})
    cloud.ask("POST", "/work-pools/cape/queues", {"name": "fast"})
    urls = cloud.sqs.list_queues(QueueNamePrefix=cloud.stage.prefix)["QueueUrls"]
    tags = [cloud.sqs.list_queue_tags(QueueUrl=url)["Tags"] for url in urls]
    assert [{"alisio:prefix": cloud.stage.prefix}] * 3 == tags  # two queues, and that of dead letters


def test_a_run_rings_in_its_queue(cloud: Cloud) -> None:
    """The wake-up is sent once the run is stored."""
    deployment_id = cloud.deploy()
    run_id = cloud.ask("POST", f"/deployments/{deployment_id}/runs", {}).json()["id"]
    assert [{"flow_run_id": run_id}] == cloud.received()


def test_agents_are_lent_credentials(cloud: Cloud) -> None:
    """Who may claim is told with what to receive, and for how long."""
    cloud.ask("POST", "/work-pools", {"name": "cape"})
    (queue,) = cloud.ask("GET", "/work-pools/cape/wake-ups").json()["queues"]
    lent = queue["credentials"]
    assert {"access_key_id", "secret_access_key", "session_token", "expires"} == set(lent)
    assert datetime.now(UTC) + timedelta(minutes=30) < datetime.fromisoformat(lent["expires"])


def test_a_bundle_goes_to_the_bucket_and_comes_from_there(cloud: Cloud) -> None:
    """It is sent to S3, known once it is announced again, deployed, and fetched by a signed address."""
    announced = {"sha256": SHA256, "size": 10}
    upload = cloud.ask("POST", "/bundles", announced).json()["upload"]
    assert ("POST", f"pending/bundles/{SHA256}") == (upload["method"], upload["fields"]["key"])
    boto3.client("s3").put_object(Bucket=cloud.stage.bucket, Key=upload["fields"]["key"], Body=b"an archive")
    assert None is cloud.ask("POST", "/bundles", announced).json().get("upload")
    cloud.ask("POST", "/work-pools", {"name": "cape"})
    spec = {"flow_name": "f", "name": "d", "entrypoint": "f.py:f", "work_pool_name": "cape", "bundle": SHA256}
    assert 200 == cloud.ask("POST", "/deployments", spec).status
    fetched = cloud.ask("GET", f"/bundles/{SHA256}/content")
    assert 307 == fetched.status
    assert fetched.headers["Location"].startswith(f"https://{cloud.stage.bucket}.s3.")


def test_large_data_of_artifacts_go_to_the_bucket_and_come_from_there(cloud: Cloud) -> None:
    """They pass by the functions both ways, and the tick removes the object once no artifact has it."""
    s3 = boto3.client("s3")
    announced = {"id": str(new_id()), "sha256": SHA256, "size": 10}
    path = f"/artifact-data/{announced['id']}/content"
    upload = cloud.ask("POST", "/artifact-data", announced).json()["upload"]
    assert ("POST", f"pending/artifact-data/{announced['id']}") == (upload["method"], upload["fields"]["key"])
    assert cloud.ask("POST", "/artifact-data", announced).json()["upload"] is not None
    assert 404 == cloud.ask("GET", path).status
    s3.put_object(Bucket=cloud.stage.bucket, Key=upload["fields"]["key"], Body=b"an archive")
    assert None is cloud.ask("POST", "/artifact-data", announced).json().get("upload")
    made = cloud.ask("POST", "/artifacts", {"type": "markdown", "key": "k", "data_id": announced["id"]})
    assert (201, announced["id"]) == (made.status, made.json()["data_id"])
    fetched = cloud.ask("GET", path)
    assert 307 == fetched.status
    assert fetched.headers["Location"].startswith(f"https://{cloud.stage.bucket}.s3.")

    assert 204 == cloud.ask("DELETE", "/artifacts/key/k").status
    cloud.execute(update(artifact_data).values(created=datetime.now(UTC) - timedelta(days=2)))
    tick.handler({"source": "clockwork"}, Context())

    kept = [each["Key"] for each in s3.list_objects_v2(Bucket=cloud.stage.bucket).get("Contents", [])]
    assert ([upload["fields"]["key"]], []) == (kept, cloud.execute(select(artifact_data)))


def test_an_api_that_cannot_be_opened_says_what_it_is_not_told(
    environment: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that is deployed without a variable names it."""
    monkeypatch.delenv("ALISIO_BUCKET")
    monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", "postgresql://127.0.0.1:9/none")
    with pytest.raises(InvalidInputError, match="not told ALISIO_BUCKET"):
        call(Request("GET", "/api/health"))


def test_logs_carry_the_ids(cloud: Cloud, logs: StringIO) -> None:
    """A line of JSON for each request names the request, the call and the run that it is about."""
    request = Request("GET", f"/api/flow-runs/{(run_id := str(new_id()))}", cloud.key)
    assert 404 == call(request).status
    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == request.id]
    assert (run_id, "INFO") == (line["flow_run_id"], line["level"])
    assert f"GET {request.path} 404" == line["message"]
    assert {"invocation_id", "milliseconds"} <= set(line)


# --- tick


def test_a_tick_makes_runs_and_tells_what_there_is_to_do(cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> None:
    """It does all that a laptop's does, and writes metrics of the stage and of each pool."""
    deployment_id = cloud.deploy({"interval_seconds": 300})
    cloud.ask("POST", f"/deployments/{deployment_id}/runs", {})
    cloud.execute(update(schedule).values(materialised_until=datetime.now(UTC)))
    tick.handler({"source": "clockwork"}, Context())
    found = metrics(capfd.readouterr().out)
    assert (1, 0) == (found["Ticks", None], found["TickFailures", None])
    assert (1, 0, 1, 0) == tuple(found[name, pool] for pool in (None, "cape") for name in ("DueRuns", "RunningRuns"))
    assert {"LateRuns", "OldestDueSeconds"} < {name for name, pool in found if pool is None}
    assert [] != cloud.execute(select(clockwork.c.last_tick))


def test_a_schedule_has_an_entry_that_makes_its_runs(cloud: Cloud) -> None:
    """What the entry tells the function makes the schedule's next runs, and sets the entry again."""
    deployment_id = cloud.deploy({"interval_seconds": 300, "slug": "often"})
    (name,) = cloud.entries()
    client = boto3.client("scheduler")
    before = client.get_schedule(GroupName=cloud.stage.group, Name=name)
    # As if a quarter of an hour had gone by.
    now = datetime.now(UTC)
    cloud.execute(update(schedule).values(materialised_until=now, timer_at=now))
    cloud.execute(flow_run.delete())
    tick.handler(json.loads(before["Target"]["Input"]), Context())
    assert [] != cloud.execute(select(flow_run.c.id).where(flow_run.c.schedule_slug == "often"))
    assert [name] == cloud.entries()
    cloud.ask("DELETE", f"/deployments/{deployment_id}")
    assert [] == cloud.entries()


def test_a_tick_without_a_database_says_that_it_failed(
    environment: Stage, logs: StringIO, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It ends in good order: the metric of failures is what alarms, and the next minute tries again."""
    monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", "postgresql://127.0.0.1:9/none")
    tick.handler({"source": "clockwork"}, Context())
    assert metrics(capfd.readouterr().out)["TickFailures", None] > 0
    assert "the tick cannot do its part 'leases', and tries again in a minute: OperationalError" in logs.getvalue()


# --- dead_letters


def test_a_dead_letter_rings_again(cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> None:
    """A run that still waits is rung for once more, its log says so, and the alarm's metric counts."""
    deployment_id = cloud.deploy()
    run_id = cloud.ask("POST", f"/deployments/{deployment_id}/runs", {}).json()["id"]
    cloud.received()
    answer = dead_letters.handler(events.dead_letters(json.dumps({"flow_run_id": run_id})), Context())
    assert ({"batchItemFailures": []}, [{"flow_run_id": run_id}]) == (answer, cloud.received())
    assert [(30,)] == cloud.execute(select(log.c.level).where(log.c.flow_run_id == run_id))
    assert 1 == metrics(capfd.readouterr().out)["DeadLetters", None]


@pytest.mark.parametrize("body", ["", "not JSON", "[]", "{}", '{"flow_run_id": 5}', '{"flow_run_id": "x"}', "[" * 9999])
def test_poison_is_dropped(cloud: Cloud, body: str) -> None:
    """What is no wake-up is taken, and does not come again."""
    assert {"batchItemFailures": []} == dead_letters.handler(events.dead_letters(body), Context())


def test_a_dead_letter_of_a_run_that_waits_no_more_does_nothing(cloud: Cloud) -> None:
    """One whose run is cancelled, or gone, decides nothing."""
    deployment_id = cloud.deploy()
    run_id = cloud.ask("POST", f"/deployments/{deployment_id}/runs", {}).json()["id"]
    cloud.ask("POST", f"/flow-runs/{run_id}/cancel")
    cloud.received()
    bodies = [json.dumps({"flow_run_id": each}) for each in (run_id, str(new_id()))]
    assert {"batchItemFailures": []} == dead_letters.handler(events.dead_letters(*bodies), Context())
    assert ([], []) == (cloud.received(), cloud.execute(select(log.c.id)))


def test_only_what_could_not_be_taken_comes_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch, those that met a fault are named to SQS, and the others are done."""
    deployment_id = cloud.deploy()
    good, bad = (cloud.ask("POST", f"/deployments/{deployment_id}/runs", {}).json()["id"] for _ in range(2))
    take = dead_letters.take_dead_letter

    def fail(services: Any, run_id: Any) -> bool:
        if str(run_id) == bad:
            raise ConnectionRefusedError("the database is away")
        return take(services, run_id)

    monkeypatch.setattr(dead_letters, "take_dead_letter", fail)
    bodies = [json.dumps({"flow_run_id": each}) for each in (bad, good)]
    answer = dead_letters.handler(events.dead_letters(*bodies), Context())
    assert {"batchItemFailures": [{"itemIdentifier": "0"}]} == answer
    assert 1 == len(cloud.execute(select(log.c.id)))

"""Calls: what is sent, how replies are read, and when a call is sent again."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from alisio.client.calls import around, deployments, runs, work_pools
from alisio.client.calls.base import Call, Reply, delay_before_retry, encode_body, read_answer
from alisio.contract.artifacts import ArtifactCreate
from alisio.contract.base import Count
from alisio.contract.deployments import Upload
from alisio.contract.runs import FlowRunCreate, FlowRunFilter
from alisio.contract.state_record import StateRecord
from alisio.contract.variables import VariableSet
from alisio.contract.work_pools import WakeUpWait, WorkPoolCreate, WorkPoolPatch
from alisio.exceptions import ApiError, ConflictError, InvalidInputError, NotFoundError

RUN = UUID("0199c5a0-0000-7000-8000-000000000000")


def test_names_are_encoded_in_paths() -> None:
    """A name may hold spaces, letters of any alphabet, and question marks: API Gateway takes those encoded twice."""
    assert "/deployments/name/my%20flow%253F/d%C3%ADa" == deployments.read_deployment_by_name("my flow?", "día").path


def test_only_what_was_said_is_sent() -> None:
    """A patch carries the fields that were given, a null among them, and no others."""
    content, content_type = encode_body(WorkPoolPatch(concurrency_limit=None))

    assert {"concurrency_limit": None} == json.loads(content)
    assert "application/json" == content_type


def test_raw_bytes_are_sent_as_they_are() -> None:
    """A bundle's upload goes to the path that the server named, untouched."""
    call = deployments.upload_bundle(Upload(method="PUT", url="/api/bundles/ab/content"), b"\x1f\x8b")

    assert ("PUT", "/bundles/ab/content") == (call.method, call.path)
    assert (b"\x1f\x8b", "application/octet-stream") == encode_body(call.body)


def test_a_run_that_is_asked_for_has_a_key() -> None:
    """A request without an idempotency key gets one, so it may be repeated; a key that was given stays."""
    unkeyed = deployments.create_run(RUN, FlowRunCreate())
    keyed = deployments.create_run(RUN, FlowRunCreate(idempotency_key="mine"))

    assert json.loads(encode_body(unkeyed.body)[0])["idempotency_key"]
    assert "mine" == json.loads(encode_body(keyed.body)[0])["idempotency_key"]
    assert unkeyed.repeatable


def test_what_flows_keep_is_sent_again_only_where_that_is_safe() -> None:
    """An artifact has an id before it is sent, so twice makes one; a variable that must be new is sent once."""
    named = around.create_artifact(ArtifactCreate(type="markdown"))
    kept = around.create_artifact(ArtifactCreate(id=RUN, type="markdown"))

    assert json.loads(encode_body(named.body)[0])["id"]
    assert str(RUN) == json.loads(encode_body(kept.body)[0])["id"]
    assert named.repeatable
    assert not around.set_variable(VariableSet(name="answer", value=1)).repeatable
    assert around.set_variable(VariableSet(name="answer", value=1, overwrite=True)).repeatable
    assert "/artifacts/key/my-report" == around.read_latest_artifact("my-report").path


def test_a_long_poll_is_waited_for() -> None:
    """The call's own patience is longer than the time that the server may take."""
    assert work_pools.wait_for_wake_up("local", WakeUpWait(timeout_seconds=60)).timeout_seconds > 60


def test_an_answer_is_read_as_its_model() -> None:
    """Models, lists of models, nothing and bytes are read as what they are."""
    state = {"type": "RUNNING", "name": "Running", "timestamp": "2026-01-01T00:00:00Z"}

    assert Count(count=3) == read_answer(runs.count_flow_runs(FlowRunFilter()), Reply(200, b'{"count": 3}'))
    assert [StateRecord.model_validate(state)] == read_answer(
        runs.read_flow_run_states(RUN), Reply(200, json.dumps([state]).encode())
    )
    assert read_answer(runs.delete_flow_run(RUN), Reply(204, b"")) is None
    assert b"\x00" == read_answer(deployments.download_bundle("ab"), Reply(200, b"\x00"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, NotFoundError), (409, ConflictError), (400, InvalidInputError), (422, InvalidInputError), (500, ApiError)],
)
def test_an_error_becomes_its_exception(status: int, kind: type[ApiError]) -> None:
    """The exception carries the server's code, message and field."""
    body = {"code": "some_code", "message": "what, where, what to do", "field": "name"}

    with pytest.raises(ApiError) as caught:
        read_answer(runs.read_flow_run(RUN), Reply(status, json.dumps(body).encode()))

    assert kind is type(caught.value)
    error = caught.value
    assert (status, "some_code", "what, where, what to do", "name") == (
        error.status, error.code, error.message, error.field,
    )  # fmt: skip


@pytest.mark.parametrize(
    "reply", [Reply(502, b"<html>Bad gateway</html>"), Reply(200, b"<html>Welcome</html>"), Reply(200, b"{}")]
)
def test_what_is_no_answer_of_an_api_is_told(reply: Reply) -> None:
    """Somebody else's page at the address is told in one line that names the setting to check."""
    with pytest.raises(ApiError, match="ALISIO_API_URL") as caught:
        read_answer(runs.read_flow_run(RUN), reply)

    assert "\n" not in str(caught.value)


def test_an_address_that_leads_past_the_api_is_told() -> None:
    """A server that knows no such path is most likely asked without `/api`."""
    body = {"code": "route_not_found", "message": "there is no such path"}

    with pytest.raises(NotFoundError, match="ALISIO_API_URL must end in /api"):
        read_answer(runs.read_flow_run(RUN), Reply(404, json.dumps(body).encode()))


READ: Call[object] = Call("GET", "/x", object)
CREATE = work_pools.create_work_pool(WorkPoolCreate(name="local"))


@pytest.mark.parametrize("reply", [None, Reply(429, b""), Reply(502, b""), Reply(503, b""), Reply(504, b"")])
def test_a_repeatable_call_is_repeated(reply: Reply | None) -> None:
    """Where the connection or the server fails for a while, it is tried again, ever later, and then no more."""
    delays = [delay_before_retry(READ, failures, reply, None) for failures in (1, 2, 3, 4)]

    assert [0.1, 0.3, 0.9, None] == delays


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
def test_a_refusal_is_not_repeated(status: int) -> None:
    """What was refused once would be refused again."""
    assert delay_before_retry(READ, 1, Reply(status, b""), None) is None


def test_what_might_have_been_done_is_not_repeated() -> None:
    """A call that would do more when sent twice is repeated only where it was turned away unread."""
    assert delay_before_retry(CREATE, 1, None, None) is None
    assert delay_before_retry(CREATE, 1, Reply(503, b""), None) is None
    assert 0.1 == delay_before_retry(CREATE, 1, Reply(429, b""), None)


def test_the_server_says_how_long_to_wait() -> None:
    """`Retry-After` is honoured, up to a limit."""
    busy = Reply(429, b"")

    assert 2.0 == delay_before_retry(READ, 1, busy, "2")
    assert 5.0 == delay_before_retry(READ, 1, busy, "3600")
    assert 0.1 == delay_before_retry(READ, 1, busy, "Wed, 21 Oct 2026 07:28:00 GMT")
